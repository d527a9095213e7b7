//! The configuration of a Fluvio cluster; understood also by a program that is built without the client.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// How to reach a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FluvioCluster {
    /// Host and port of its SC, e.g. `127.0.0.1:9003`. No profile of this machine is read.
    pub endpoint: String,
    /// Encrypts every connection, and names this client to the cluster; absent: neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

impl FluvioCluster {
    /// Whether the endpoint is one.
    ///
    /// # Errors
    /// A final one if it has no host or no port.
    pub fn check(&self) -> Result<(), Error> {
        let endpoint = &self.endpoint;
        let parts = endpoint.rsplit_once(':').filter(|(host, port)| {
            let is_host = !host.is_empty() && (!host.contains(':') || host.starts_with('[') && host.ends_with(']'));
            is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        let problem = || format!("cluster.endpoint is {endpoint:?}: it needs a host and a port, as in 127.0.0.1:9003");
        parts.map(|_| ()).ok_or_else(|| Error::Config(problem()))
    }
}

/// The certificates of an encrypted connection, PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The name in the SC's certificate.
    pub domain: String,
    /// The certificate of the authority that signed the cluster's.
    pub ca_cert: PathBuf,
    /// The certificate of this client.
    pub cert: PathBuf,
    /// The private key to it.
    pub key: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_a_port() {
        let check = |endpoint: &str| FluvioCluster { endpoint: endpoint.to_owned(), tls: None }.check();
        for right in ["127.0.0.1:9003", "broker.example:1", "[::1]:9003"] {
            check(right).expect("an endpoint");
        }
        for wrong in ["", "localhost", "localhost:", ":9003", "127.0.0.1:0", "::1", "host:port", "host:99999"] {
            let error = check(wrong).expect_err("refused");
            assert!(error.is_final() && error.to_string().contains("needs a host and a port"), "{error}");
        }
    }
}
