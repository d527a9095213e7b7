//! The contract over a real broker, where one stands.

use super::*;
use crate::contract::{Partition, moves_bytes, writes_each_tick_once};
use crate::error::Error;
use crate::fluvio::sink::FluvioSink;
use crate::fluvio::source::FluvioSource;
use crate::sink::Sink;
use crate::source::{Source, Start};

/// A topic of one partition.
struct Topic {
    cluster: FluvioCluster,
    name: String,
}

impl Topic {
    fn create(endpoint: &str, name: String) -> Topic {
        let cluster = FluvioCluster { endpoint: endpoint.to_owned(), tls: None };
        create_topic(&cluster, &name, 1).expect("created");
        Topic { cluster, name }
    }
}

impl Partition for Topic {
    fn source(&self, start: Start, stop_at_end: bool) -> Result<Box<dyn Source>, Error> {
        Ok(Box::new(FluvioSource::open(&self.cluster, &self.name, 0, start, 1 << 20, stop_at_end)?))
    }

    fn sink(&self) -> Result<Box<dyn Sink>, Error> {
        Ok(Box::new(FluvioSink::open(&self.cluster, &self.name, 0)?))
    }
}

#[test]
fn a_real_broker_keeps_the_contract() {
    let Ok(endpoint) = std::env::var("FLUVIO_ENDPOINT") else {
        eprintln!("SKIPPED: FLUVIO_ENDPOINT names no broker");
        return;
    };
    // The topics stay: names that no run before has used.
    let run = tempfile::Builder::new().prefix("").tempdir().expect("a folder");
    let unique = run.path().file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let mut topics = 0;
    let mut fresh = || {
        topics += 1;
        Topic::create(&endpoint, format!("contract-{unique}-{topics}"))
    };
    moves_bytes(&fresh());
    writes_each_tick_once(&mut || Box::new(fresh()));
}
