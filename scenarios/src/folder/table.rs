//! A topic as a table: the fields of its records as Parquet columns, those a record does not have left empty.
//!
//! Meaning: the same records as in a file of lines, for who keeps them in columns. Each record is read from the line it
//! would be, so both say the same. State: the rows of a row group. Lines no record would make have no row.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_json::reader::{Decoder, ReaderBuilder};
use arrow_schema::{DataType, Field, Fields, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::Error;
use crate::topic::Topic;

/// Rows that are encoded, and rows that are written, at a time.
const ROWS: usize = 8_192;
const GROUP: usize = 1 << 17;

/// The file of a topic under way.
pub(super) struct Table {
    path: PathBuf,
    decoder: Decoder,
    writer: ArrowWriter<File>,
    waiting: usize,
}

impl Table {
    pub(super) fn create(folder: &Path, topic: Topic) -> Result<Table, Error> {
        let path = folder.join(format!("{}.parquet", topic.name()));
        let file = File::create(&path).map_err(|source| Error::Write { path: path.clone(), source })?;
        let schema = Arc::new(Schema::new(columns(topic)));
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(GROUP))
            .build();
        let failed = |reason: String| Error::Table { path: path.clone(), reason };
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(|e| failed(e.to_string()))?;
        let decoder =
            ReaderBuilder::new(schema).with_batch_size(ROWS).build_decoder().map_err(|e| failed(e.to_string()))?;
        Ok(Table { path, decoder, writer, waiting: 0 })
    }

    fn failed(&self, reason: &dyn std::fmt::Display) -> Error {
        Error::Table { path: self.path.clone(), reason: reason.to_string() }
    }

    /// Appends a record, written as a line.
    pub(super) fn append(&mut self, line: &[u8]) -> Result<(), Error> {
        let read = self.decoder.decode(line).map_err(|error| self.failed(&error))?;
        debug_assert_eq!(read, line.len(), "a batch is flushed before it is full");
        self.waiting += 1;
        if self.waiting + 1 == ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.waiting = 0;
        let batch = self.decoder.flush().map_err(|error| self.failed(&error))?;
        batch.map_or(Ok(()), |batch| self.writer.write(&batch)).map_err(|error| self.failed(&error))
    }

    /// Makes the bytes durable; how many there are.
    pub(super) fn finish(mut self) -> Result<u64, Error> {
        self.flush()?;
        let Table { path, writer, .. } = self;
        let file = writer.into_inner().map_err(|e| Error::Table { path: path.clone(), reason: e.to_string() })?;
        let length = file.sync_all().and_then(|()| file.metadata()).map(|metadata| metadata.len());
        length.map_err(|source| Error::Write { path, source })
    }
}

/// What a column holds.
#[derive(Clone, Copy)]
enum Holds {
    Text,
    Whole,
    Quantity,
    Truth,
    Texts,
    Lines,
}

impl Holds {
    fn data_type(self) -> DataType {
        let list = |of| DataType::List(Arc::new(Field::new("item", of, true)));
        match self {
            Holds::Text => DataType::Utf8,
            Holds::Whole => DataType::Int64,
            // At most 12 digits, which a double holds exactly enough.
            Holds::Quantity => DataType::Float64,
            Holds::Truth => DataType::Boolean,
            Holds::Texts => list(DataType::Utf8),
            Holds::Lines => list(DataType::Struct(Fields::from_iter([
                field("item_id", Holds::Text),
                field("quantity", Holds::Quantity),
                field("picked", Holds::Quantity),
                field("short", Holds::Quantity),
            ]))),
        }
    }
}

fn field(name: &str, holds: Holds) -> Field {
    Field::new(name, holds.data_type(), true)
}

/// The columns of a topic: the common fields, then those of its types.
fn columns(topic: Topic) -> Vec<Field> {
    use Holds::{Lines, Quantity, Text, Texts, Truth, Whole};
    let own: &[(Holds, &str)] = match topic {
        Topic::Pos => &[
            (Text, "transaction_id"),
            (Whole, "line"),
            (Text, "register_id operator_id item_id kind"),
            (Quantity, "quantity"),
            (Whole, "unit_price_cents net_cents discount_cents"),
            (Text, "channel promotion_id customer_id"),
            (Truth, "receipt"),
            (Text, "reason"),
            (Truth, "restock"),
        ],
        Topic::Activity => &[(Text, "session_id channel customer_id item_id"), (Whole, "points")],
        Topic::Traffic => &[(Text, "sensor_id"), (Whole, "in out"), (Text, "status")],
        Topic::Queue => &[(Text, "zone_id"), (Whole, "served over_target abandoned wait_ms_sum length_max lanes_open")],
        Topic::Inventory => &[(Text, "item_id reason"), (Quantity, "quantity counted")],
        Topic::Workforce => &[(Text, "shift_id employee_id role kind"), (Whole, "start_at end_at")],
        Topic::Tasks => &[
            (Text, "task_id task_type status promotion_id item_id"),
            (Whole, "created_at due_at completed_at est_minutes"),
        ],
        Topic::Promotions => &[
            (Text, "promotion_id"),
            (Texts, "store_ids item_ids"),
            (Whole, "start_at end_at promo_price_cents expected_uplift_bp"),
            (Truth, "setup_required"),
        ],
        Topic::Orders => {
            &[(Text, "order_id fulfillment state"), (Whole, "placed_at promise_at ready_at"), (Lines, "lines")]
        }
        Topic::Reference => &[
            (Text, "item_id dept region format"),
            (Whole, "unit_cost_cents case_pack open_from open_to"),
            (Whole, "lead_time_h forecast_milli_per_day dispersion_bp"),
        ],
        Topic::Signals => &[(Text, "signal_id dept kind"), (Whole, "valid_from valid_to factor_bp")],
        Topic::Commands => &[(Text, "policy_key exception_id action actor role comment"), (Whole, "value until")],
    };
    let common: &[(Holds, &str)] = &[
        (Text, "event_id type"),
        (Whole, "event_time ingest_time"),
        (Text, "store_id source"),
        (Whole, "seq revision"),
        (Text, "op"),
    ];
    let named = common.iter().chain(own);
    named.flat_map(|(holds, names)| names.split(' ').map(|name| field(name, *holds))).collect()
}
