//! The double's SPU: what stands in the partitions.

use fluvio_protocol::api::{Request, RequestHeader};
use fluvio_protocol::link::ErrorCode;
use fluvio_protocol::link::versions::{ApiVersionKey, ApiVersionsRequest};
use fluvio_spu_schema::fetch::FetchablePartitionResponse;
use fluvio_spu_schema::produce::{
    DefaultProduceRequest, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use fluvio_spu_schema::server::SpuServerApiKey;
use fluvio_spu_schema::server::fetch_offset::{
    FetchOffsetPartitionResponse, FetchOffsetTopicResponse, FetchOffsetsRequest, FetchOffsetsResponse,
};
use fluvio_spu_schema::server::stream_fetch::{DefaultStreamFetchRequest, StreamFetchResponse};
use fluvio_spu_schema::server::update_offset::{OffsetUpdateStatus, UpdateOffsetsRequest, UpdateOffsetsResponse};

use super::log::last_offset;
use super::wire::{Answer, Connection, Encoded, Frame, versions};
use super::{Double, Fault, State};

impl Double {
    pub(super) fn spu_request(&self, connection: &Connection, frame: &Frame) -> Answer {
        let header = &frame.header;
        let delay = self.state().delay;
        std::thread::sleep(delay);
        match SpuServerApiKey::try_from(header.api_key())? {
            SpuServerApiKey::ApiVersion => {
                frame.decode::<ApiVersionsRequest>()?;
                connection.reply(header, &versions(keys()))?;
            }
            SpuServerApiKey::Produce => return self.produce(connection, frame),
            SpuServerApiKey::FetchOffsets => {
                if self.state().failing_read.fails() {
                    return Ok(false);
                }
                let response = self.offsets(&frame.decode()?);
                connection.reply(header, &response)?;
            }
            SpuServerApiKey::StreamFetch => {
                let request: DefaultStreamFetchRequest = frame.decode()?;
                let id = {
                    let mut streams = connection.streams.0.lock().unwrap();
                    let id = streams.acked.len() as u32 + 1;
                    streams.acked.insert(id, request.fetch_offset);
                    id
                };
                let (double, connection, header) = (self.clone(), connection.clone(), header.clone());
                std::thread::spawn(move || double.stream(&request, id, &connection, &header));
            }
            SpuServerApiKey::UpdateOffsets => {
                let request: UpdateOffsetsRequest = frame.decode()?;
                let mut status = Vec::new();
                for update in &request.offsets {
                    connection.streams.0.lock().unwrap().acked.insert(update.session_id, update.offset);
                    status.push(OffsetUpdateStatus { session_id: update.session_id, error: ErrorCode::None });
                }
                connection.streams.1.notify_all();
                connection.reply(header, &UpdateOffsetsResponse { status })?;
            }
            other => return Err(format!("not done here: {other:?}").into()),
        }
        Ok(true)
    }

    fn produce(&self, connection: &Connection, frame: &Frame) -> Answer {
        let request: DefaultProduceRequest = frame.decode()?;
        let fault = self.change(|state| state.faults.pop_front());
        if fault == Some(Fault::Lose) {
            return Ok(false);
        }
        if fault == Some(Fault::StoreLater) {
            self.change(|state| state.later.push(request));
            return Ok(false);
        }
        let response = self.change(|state| {
            for late in std::mem::take(&mut state.later) {
                write(state, late, false);
            }
            write(state, request, fault == Some(Fault::NotLeader))
        });
        match fault {
            Some(Fault::LoseAck) => return Ok(false),
            Some(Fault::Silence) => {}
            _ => connection.reply(&frame.header, &response)?,
        }
        Ok(true)
    }

    fn offsets(&self, request: &FetchOffsetsRequest) -> FetchOffsetsResponse {
        let mut state = self.state();
        let refused = state.not_leader > 0;
        state.not_leader = state.not_leader.saturating_sub(1);
        let partition = |topic: &str, index: u32| {
            let answer = FetchOffsetPartitionResponse { partition_index: index, ..Default::default() };
            match state.log(topic, index).filter(|_| !refused) {
                Some(log) => FetchOffsetPartitionResponse {
                    start_offset: log.start,
                    last_stable_offset: (log.end - state.late).max(log.start),
                    ..answer
                },
                None => FetchOffsetPartitionResponse { error_code: ErrorCode::PartitionNotLeader, ..answer },
            }
        };
        let topics = request.topics.iter().map(|topic| FetchOffsetTopicResponse {
            name: topic.name.clone(),
            partitions: topic.partitions.iter().map(|held| partition(&topic.name, held.partition_index)).collect(),
        });
        FetchOffsetsResponse { topics: topics.collect() }
    }

    /// Sends what there is from the acknowledged record on, then waits for the client's word and for more.
    fn stream(&self, request: &DefaultStreamFetchRequest, id: u32, connection: &Connection, header: &RequestHeader) {
        let mut next = request.fetch_offset;
        loop {
            let streams = connection.streams.0.lock().unwrap();
            let wait = |streams: &mut super::wire::Acks| !streams.closed && streams.acked[&id] < next;
            if connection.streams.1.wait_while(streams, wait).unwrap().closed {
                return;
            }
            let mut state = self.state();
            let (bytes, end, error) = loop {
                let Some(log) = state.log(&request.topic, request.partition) else {
                    break (Vec::new(), 0, ErrorCode::NotLeaderForPartition);
                };
                let end = log.end;
                if next < log.start {
                    let error = ErrorCode::OffsetEvicted { offset: next, next_available: log.start };
                    break (Vec::new(), end, error);
                } else if next > end {
                    let said = format!("start offset: {next} is greater than leo: {end}");
                    break (Vec::new(), end, ErrorCode::Other(said));
                } else if next < end && !state.held {
                    break (log.slice(next, request.max_bytes as usize, state.truncate), end, ErrorCode::None);
                }
                if connection.is_closed() {
                    return;
                }
                state = self.shared.changed.wait(state).unwrap();
            };
            let cut_off = state.failing_read.fails();
            drop(state);
            if cut_off {
                return connection.close();
            }
            let failed = error != ErrorCode::None;
            next = last_offset(&bytes).map_or(next, |last| last + 1);
            let partition = FetchablePartitionResponse {
                partition_index: request.partition,
                error_code: error,
                high_watermark: end,
                records: Encoded(bytes),
                ..Default::default()
            };
            let response = StreamFetchResponse { topic: request.topic.clone(), stream_id: id, partition };
            if connection.reply(header, &response).is_err() || failed {
                return;
            }
        }
    }
}

/// Writes the records of a request, unless it is refused.
fn write(state: &mut State, request: DefaultProduceRequest, refused: bool) -> ProduceResponse {
    let mut responses = Vec::new();
    for topic in request.topics {
        let mut partitions = Vec::new();
        for sent in topic.partitions {
            let mut answer = PartitionProduceResponse { partition_index: sent.partition_index, ..Default::default() };
            let logs = state.topics.get_mut(&topic.name).filter(|_| !refused);
            match logs.and_then(|logs| logs.get_mut(sent.partition_index as usize)) {
                None => answer.error_code = ErrorCode::NotLeaderForPartition,
                Some(log) => {
                    answer.base_offset = log.end;
                    sent.records.batches.into_iter().for_each(|batch| log.append(batch));
                    state.late = 0;
                }
            }
            partitions.push(answer);
        }
        responses.push(TopicProduceResponse { name: topic.name, partitions });
    }
    ProduceResponse { responses, throttle_time_ms: 0 }
}

/// What it speaks.
fn keys() -> Vec<ApiVersionKey> {
    let key = |api: u16, max_version: i16| ApiVersionKey { api_key: api as i16, min_version: 0, max_version };
    vec![
        key(DefaultProduceRequest::API_KEY, DefaultProduceRequest::DEFAULT_API_VERSION),
        key(FetchOffsetsRequest::API_KEY, FetchOffsetsRequest::DEFAULT_API_VERSION),
        key(DefaultStreamFetchRequest::API_KEY, DefaultStreamFetchRequest::DEFAULT_API_VERSION),
        key(UpdateOffsetsRequest::API_KEY, UpdateOffsetsRequest::DEFAULT_API_VERSION),
    ]
}
