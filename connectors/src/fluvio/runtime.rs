//! The one place that waits for futures: every call to the client crate, each within a limit.

use std::fmt::Display;
use std::ops::Range;
use std::pin::Pin;
use std::time::Duration;

use async_io::Timer;
use fluvio::config::{TlsConfig, TlsPaths, TlsPolicy};
use fluvio::consumer::ConsumerConfig;
use fluvio::metadata::partition::PartitionSpec;
use fluvio::metadata::spu::SpuSpec;
use fluvio::metadata::topic::TopicSpec;
use fluvio::{
    DeliverySemantic, Fluvio, FluvioClusterConfig, FluvioError, Offset, ProducerError, RecordKey, RetryPolicy,
    TopicProducerConfigBuilder, TopicProducerPool,
};
use fluvio_future::net::DomainConnector;
use fluvio_protocol::link::ErrorCode;
use fluvio_protocol::record::{Batch, ReplicaKey};
use fluvio_socket::{ClientConfig, MultiplexerSocket, VersionedSerialSocket};
use fluvio_spu_schema::server::fetch_offset::FetchOffsetsRequest;
use futures_lite::future::{block_on, or, poll_once};
use futures_lite::{Stream, StreamExt};

use crate::error::{Error, Place};
use crate::fluvio::config::FluvioCluster;
use crate::fluvio::prompt::Prompt;

/// How long a connection, a lookup or a new topic may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a request about offsets may take.
const ASK: Duration = Duration::from_secs(2);
/// Batches are sent when they are told to, not after a while: this is as good as never.
const NEVER: Duration = Duration::from_secs(3_600);
/// The largest record the broker takes.
const LARGEST: usize = 32 << 20;

/// Why a call failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) problem: String,
    pub(super) is_final: bool,
}

impl Failure {
    pub(super) fn passing(problem: impl Display) -> Self {
        Failure { problem: format!("{problem:#}"), is_final: false }
    }

    pub(super) fn lasting(problem: impl Display) -> Self {
        Failure { problem: format!("{problem:#}"), is_final: true }
    }

    /// The error that says where it was.
    pub(super) fn at(self, attempt: &'static str, place: &Place) -> Error {
        Error::Broker { attempt, place: place.clone(), problem: self.problem, is_final: self.is_final }
    }
}

/// Waits for `future` for as long as `limit`, and names what did not come.
fn within<T>(limit: Duration, what: &str, future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = async {
        Timer::after(limit).await;
        Err(Failure::passing(format!("{what} did not come within {} ms", limit.as_millis())))
    };
    block_on(or(future, late))
}

/// A connection to a cluster.
pub(super) struct Client {
    fluvio: Fluvio,
    connector: DomainConnector,
}

fn connector(cluster: &FluvioCluster) -> Result<(DomainConnector, TlsPolicy), Failure> {
    let Some(tls) = cluster.tls.clone() else { return Ok((Box::new(Prompt), TlsPolicy::Disabled)) };
    for path in [&tls.ca_cert, &tls.cert, &tls.key] {
        std::fs::metadata(path).map_err(|error| Failure::lasting(format!("{}: {error}", path.display())))?;
    }
    let paths = TlsPaths { domain: tls.domain, key: tls.key, cert: tls.cert, ca_cert: tls.ca_cert };
    let policy = TlsPolicy::Verified(TlsConfig::Files(paths));
    DomainConnector::try_from(policy.clone()).map(|connector| (connector, policy)).map_err(Failure::lasting)
}

impl Client {
    pub(super) fn connect(cluster: &FluvioCluster) -> Result<Client, Failure> {
        cluster.check().map_err(Failure::lasting)?;
        let (connector, policy) = connector(cluster)?;
        let config = FluvioClusterConfig::new(&cluster.endpoint).with_tls(policy);
        let connecting = async {
            let fluvio = Fluvio::connect_with_connector(connector.clone(), &config).await;
            fluvio.map_err(|error| Failure::passing(format!("{}: {error:#}", cluster.endpoint)))
        };
        let fluvio = within(CONNECT, &format!("an answer of {}", cluster.endpoint), connecting)?;
        Ok(Client { fluvio, connector })
    }

    /// How many partitions a topic has; `None` if there is no such topic.
    pub(super) fn partitions(&self, topic: &str) -> Result<Option<u32>, Failure> {
        within(CONNECT, "the list of topics", async {
            let topics = self.fluvio.admin().await.all::<TopicSpec>().await.map_err(Failure::passing)?;
            Ok(topics.into_iter().find(|held| held.name == topic).map(|held| held.spec.partitions()))
        })
    }

    pub(super) fn create_topic(&self, topic: &str, partitions: u32) -> Result<(), Failure> {
        within(CONNECT, "the new topic", async {
            let spec = TopicSpec::new_computed(partitions, 1, None);
            let created = self.fluvio.admin().await.create(topic.to_owned(), false, spec).await;
            created.map_err(Failure::passing)
        })
    }

    /// A way to ask the leader of a partition for its offsets.
    pub(super) fn leader(&self, topic: &str, partition: u32) -> Result<Leader, Failure> {
        let replica = ReplicaKey::new(topic, partition);
        within(CONNECT, "the partition's leader", async {
            let admin = self.fluvio.admin().await;
            let name = replica.to_string();
            let partitions = admin.all::<PartitionSpec>().await.map_err(Failure::passing)?;
            let Some(held) = partitions.into_iter().find(|held| held.name == name) else {
                let topics = admin.all::<TopicSpec>().await.map_err(Failure::passing)?;
                let placed_later = |held: &u32| partition < *held;
                let topic = topics.into_iter().find(|held| held.name == replica.topic);
                return Err(match topic.map(|topic| topic.spec.partitions()).filter(placed_later) {
                    Some(_) => Failure::passing("the broker has not placed this partition yet"),
                    None => Failure::lasting("there is no such topic or partition"),
                });
            };
            let spus = admin.all::<SpuSpec>().await.map_err(Failure::passing)?;
            let spu = spus.into_iter().find(|spu| spu.spec.id == held.spec.leader);
            let spu = spu.ok_or_else(|| Failure::passing("its leader is not known"))?;
            let address = spu.spec.public_endpoint.addr();
            let config = ClientConfig::new(address.clone(), self.connector.clone(), false);
            let mut config = config.with_prefix_sni_domain(&spu.name);
            config.set_addr(address.clone());
            let connected = config.connect().await.map_err(|error| Failure::passing(format!("{address}: {error}")))?;
            let (socket, config, versions) = connected.split();
            let socket = VersionedSerialSocket::new(MultiplexerSocket::shared(socket), config, versions);
            Ok(Leader { socket, replica: replica.clone() })
        })
    }

    /// Reads a partition from a record on.
    pub(super) fn stream(
        &self,
        topic: &str,
        partition: u32,
        from: u64,
        max_bytes: i32,
    ) -> Result<BatchStream, Failure> {
        within(CONNECT, "the stream", async {
            let from = Offset::absolute(signed(from)).map_err(Failure::lasting)?;
            let config = ConsumerConfig::builder().max_bytes(max_bytes).build().map_err(Failure::lasting)?;
            #[expect(deprecated, reason = "the only way to whole batches, which tell when they are cut off")]
            let consumer = self.fluvio.partition_consumer(topic, partition).await.map_err(Failure::passing)?;
            let stream = consumer.stream_batches_with_config(from, config).await.map_err(Failure::passing)?;
            Ok(BatchStream(Box::pin(stream)))
        })
    }

    /// Writes to a partition, batches of up to `batch_bytes`.
    pub(super) fn producer(&self, topic: &str, partition: u32, batch_bytes: usize) -> Result<Producer, Failure> {
        let mut config = TopicProducerConfigBuilder::default();
        let once = RetryPolicy { max_retries: 0, timeout: ASK, ..RetryPolicy::default() };
        config.linger(NEVER).batch_size(batch_bytes).max_request_size(LARGEST);
        config.delivery_semantic(DeliverySemantic::AtLeastOnce(once)).set_specific_partitioner(partition);
        within(CONNECT, "the producer", async {
            let config = config.build().map_err(Failure::lasting)?;
            let producer = self.fluvio.topic_producer_with_config(topic, config).await;
            // Whoever asks has met the partition's leader: that the client does not know the topic yet passes.
            producer.map(Producer).map_err(Failure::passing)
        })
    }
}

/// Offsets fit both; the broker has no negative ones.
pub(super) fn unsigned(offset: i64) -> u64 {
    u64::try_from(offset).unwrap_or(0)
}

fn signed(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}

/// A connection to the leader of a partition.
pub(super) struct Leader {
    socket: VersionedSerialSocket,
    replica: ReplicaKey,
}

impl Leader {
    /// The first record of the partition and the one after the last. The end may be some records short after the broker was
    /// killed, until the next write.
    pub(super) fn offsets(&self) -> Result<(u64, u64), Failure> {
        let request = FetchOffsetsRequest::new(self.replica.topic.clone(), self.replica.partition);
        within(ASK, "the partition's end", async {
            let answer = self.socket.send_receive(request).await.map_err(Failure::passing)?;
            let answer = answer.find_partition(&self.replica).ok_or_else(|| Failure::passing("no answer"))?;
            match answer.error_code {
                ErrorCode::None => Ok((unsigned(answer.start_offset), unsigned(answer.last_stable_offset))),
                error => Err(Failure::passing(error)),
            }
        })
    }
}

/// Batches as they come.
pub(super) struct BatchStream(Pin<Box<dyn Stream<Item = Result<Batch, ErrorCode>> + Send>>);

impl BatchStream {
    /// The next batch; `None` if none comes within `patience`.
    pub(super) fn next(&mut self, patience: Duration) -> Option<Result<Batch, ErrorCode>> {
        let ended = || Some(Err(ErrorCode::Other("the stream ended".to_owned())));
        // Nearly always it is there: no timer then.
        if let Some(next) = block_on(poll_once(self.0.next())) {
            return next.or_else(ended);
        }
        let late = async {
            Timer::after(patience).await;
            None
        };
        if patience.is_zero() { None } else { block_on(or(async { Some(self.0.next().await) }, late))?.or_else(ended) }
    }
}

/// A producer of one partition.
pub(super) struct Producer(TopicProducerPool);

impl Producer {
    /// Sends one batch and waits until it stands; its place.
    pub(super) fn send(&self, records: &[Vec<u8>], limit: Duration) -> Result<Range<u64>, Failure> {
        within(limit, "the broker's word that the records stand", async {
            let mut outputs = Vec::with_capacity(records.len());
            for record in records {
                let output = self.0.send(RecordKey::NULL, record.clone()).await;
                outputs.push(output.map_err(|error| refused(error.downcast_ref(), &error))?);
            }
            self.0.flush().await.map_err(Failure::passing)?;
            let mut stored: Option<Range<u64>> = None;
            for output in outputs {
                // The only sure answer.
                let answer = output.wait().await.map_err(|error| refused(Some(&error), &error))?;
                let offset = unsigned(answer.offset());
                let from = stored.map_or(offset, |stored| stored.start);
                stored = Some(from..offset + 1);
            }
            stored.ok_or_else(|| Failure::lasting("there is nothing to send"))
        })
    }
}

/// Whether the broker would refuse the records again.
fn refused(error: Option<&FluvioError>, said: &dyn Display) -> Failure {
    use ErrorCode::{MessageTooLarge, PermissionDenied, TopicDeleted, TopicNotFound};
    use ProducerError::{RecordTooLarge, SpuErrorCode};
    let is_final = matches!(
        error,
        Some(FluvioError::Producer(
            RecordTooLarge(..) | SpuErrorCode(MessageTooLarge | PermissionDenied | TopicDeleted | TopicNotFound)
        ))
    );
    Failure { problem: format!("{said:#}"), is_final }
}
