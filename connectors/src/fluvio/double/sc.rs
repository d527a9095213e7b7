//! The double's SC: which topics there are, and where.

use fluvio_protocol::link::versions::{ApiVersionKey, ApiVersionsRequest};
use fluvio_protocol::record::ReplicaKey;
use fluvio_protocol::{Decoder, Encoder, Version, api::Request};
use fluvio_sc_schema::objects::{
    CreateRequest, ListRequest, ListResponse, Metadata, MetadataUpdate, ObjectApiCreateRequest, ObjectApiListRequest,
    ObjectApiListResponse, ObjectApiWatchRequest, ObjectApiWatchResponse, WatchRequest, WatchResponse,
};
use fluvio_sc_schema::partition::{PartitionResolution, PartitionSpec, PartitionStatus};
use fluvio_sc_schema::spu::SpuSpec;
use fluvio_sc_schema::topic::TopicSpec;
use fluvio_sc_schema::{AdminPublicApiKey, AdminSpec, Status, TryEncodableFrom};

use super::Double;
use super::wire::{Answer, Connection, Frame, versions};

const SPU: i32 = 5001;

impl Double {
    pub(super) fn sc_request(&self, connection: &Connection, frame: &Frame) -> Answer {
        let (header, version) = (&frame.header, frame.header.api_version());
        match AdminPublicApiKey::try_from(header.api_key())? {
            AdminPublicApiKey::ApiVersion => {
                frame.decode::<ApiVersionsRequest>()?;
                let of = |key: AdminPublicApiKey| ApiVersionKey {
                    api_key: key as i16,
                    min_version: 10,
                    max_version: ObjectApiListRequest::DEFAULT_API_VERSION,
                };
                let keys = [AdminPublicApiKey::Create, AdminPublicApiKey::List, AdminPublicApiKey::Watch];
                connection.reply(header, &versions(keys.map(of).into()))?;
            }
            AdminPublicApiKey::Watch => {
                let request: ObjectApiWatchRequest = frame.decode()?;
                let (double, connection, header) = (self.clone(), connection.clone(), header.clone());
                std::thread::spawn(move || double.watch(&request, &connection, &header));
            }
            AdminPublicApiKey::Create => {
                let request: ObjectApiCreateRequest = frame.decode()?;
                let topic: Option<CreateRequest<TopicSpec>> = request.downcast()?;
                let CreateRequest { common, request } = topic.ok_or("only topics can be created")?;
                self.create_topic(&common.name, request.partitions());
                connection.reply(header, &Status::new_ok(common.name))?;
            }
            AdminPublicApiKey::List => {
                let request: ObjectApiListRequest = frame.decode()?;
                let response = if TryEncodableFrom::<ListRequest<SpuSpec>>::downcast(&request)?.is_some() {
                    ObjectApiListResponse::try_encode_from(ListResponse::new(self.spus()), version)?
                } else if TryEncodableFrom::<ListRequest<TopicSpec>>::downcast(&request)?.is_some() {
                    ObjectApiListResponse::try_encode_from(ListResponse::new(self.topics()), version)?
                } else {
                    ObjectApiListResponse::try_encode_from(ListResponse::new(self.partitions()), version)?
                };
                connection.reply(header, &response)?;
            }
            other => return Err(format!("not done here: {other:?}").into()),
        }
        Ok(true)
    }

    /// Tells a client what there is, and again whenever it changes.
    fn watch(
        &self,
        request: &ObjectApiWatchRequest,
        connection: &Connection,
        header: &fluvio_protocol::api::RequestHeader,
    ) {
        let version = header.api_version();
        let mut seen = u64::MAX;
        loop {
            let mut state = self.state();
            while state.epoch == seen {
                if connection.is_closed() {
                    return;
                }
                state = self.shared.changed.wait(state).unwrap();
            }
            seen = state.epoch;
            drop(state);
            let is_spu = TryEncodableFrom::<WatchRequest<SpuSpec>>::downcast(request).is_ok_and(|held| held.is_some());
            let is_topic =
                TryEncodableFrom::<WatchRequest<TopicSpec>>::downcast(request).is_ok_and(|held| held.is_some());
            let response = match (is_spu, is_topic) {
                (true, _) => update(self.spus(), version),
                (_, true) => update(self.topics(), version),
                _ => update(self.partitions(), version),
            };
            if response.is_none_or(|response| connection.reply(header, &response).is_err()) {
                return;
            }
        }
    }

    fn spus(&self) -> Vec<Metadata<SpuSpec>> {
        if self.state().leaderless {
            return Vec::new();
        }
        let spec = SpuSpec::new_public_addr(SPU, self.spu.port(), "127.0.0.1".into());
        vec![Metadata { name: format!("custom-spu-{SPU}"), spec, status: Default::default() }]
    }

    fn topics(&self) -> Vec<Metadata<TopicSpec>> {
        let state = self.state();
        let spec = |partitions: usize| TopicSpec::new_computed(partitions as u32, 1, None);
        let topics = state.topics.iter();
        topics
            .map(|(name, logs)| Metadata { name: name.clone(), spec: spec(logs.len()), status: Default::default() })
            .collect()
    }

    fn partitions(&self) -> Vec<Metadata<PartitionSpec>> {
        let state = self.state();
        let mut all = Vec::new();
        for (name, logs) in state.topics.iter().filter(|_| !state.unplaced) {
            for (partition, log) in (0..).zip(logs) {
                let ends = (SPU, log.end, log.end);
                let status = PartitionStatus::new2(ends, Vec::new(), 0, PartitionResolution::Online, 0);
                let name = ReplicaKey::new(name, partition as u32).to_string();
                all.push(Metadata { name, spec: PartitionSpec::new(SPU, vec![SPU]), status });
            }
        }
        all
    }
}

fn update<S>(all: Vec<Metadata<S>>, version: Version) -> Option<ObjectApiWatchResponse>
where
    S: AdminSpec,
    S::Status: Encoder + Decoder,
    ObjectApiWatchResponse: TryEncodableFrom<WatchResponse<S>>,
{
    let update = WatchResponse::new(MetadataUpdate::with_all(0, all));
    ObjectApiWatchResponse::try_encode_from(update, version).ok()
}
