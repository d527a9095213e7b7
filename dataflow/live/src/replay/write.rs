//! Writes the outputs of a replay into files that appear complete or not at all: JSON lines, or typed tables.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_schema::{DataType, Field, Schema};
use clap::ValueEnum;
use connectors::file::parquet::ParquetTable;
use connectors::file::whole::WholeFile;
use contract::output::OutputTopic;
use contract::schema::{self, Table};
use engine::emission::encode::{append_lines, unencodable};
use engine::emission::output::{Emission, Encoder, Numbers, Written, erased};
use serde_json::Value;
use serve::tables::columns::columns;

use crate::error::Error;

/// The format of output files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object per line, one file per topic.
    #[default]
    Jsonl,
    /// One typed table per view and one per other topic; nested values of a record are JSON text in their column.
    Parquet,
}

/// A destination of encoded records.
trait Destination: Send {
    /// Encodes and writes one emission, numbering from `seq`.
    fn write(&mut self, emission: &Emission, seq: u64) -> Result<(), Error>;

    /// Completes every file.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// The output files of a run.
pub struct OutputFiles {
    destination: Box<dyn Destination>,
    numbers: Numbers,
    written: Written,
}

impl OutputFiles {
    /// Creates files in `folder`, which is created if it does not exist; `views` are the views of the job.
    ///
    /// # Errors
    /// If the folder or a file cannot be created.
    pub fn create(folder: &Path, format: Format, views: &[Table]) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(connectors::Error::io("create", folder))?;
        let destination: Box<dyn Destination> = match format {
            Format::Jsonl => Box::new(Lines::create(folder)?),
            Format::Parquet => Box::new(Tables::create(folder, views)?),
        };
        Ok(OutputFiles { destination, numbers: Numbers::default(), written: Written::default() })
    }

    /// Writes emissions and numbers their records within each topic and tick.
    ///
    /// # Errors
    /// If a record cannot be encoded or written.
    pub fn write(&mut self, emissions: Vec<Emission>) -> Result<(), Error> {
        for emission in emissions {
            self.destination.write(&emission, self.numbers.take(&emission))?;
            *self.written.records.entry(emission.topic.name()).or_default() += emission.records.len() as u64;
            emission.records.tally(&mut self.written);
        }
        Ok(())
    }

    /// Completes every file and returns the summary.
    ///
    /// # Errors
    /// If a file cannot be made durable.
    pub fn finish(self) -> Result<Written, Error> {
        self.destination.finish()?;
        Ok(self.written)
    }
}

/// One file of JSON lines per topic.
struct Lines {
    files: BTreeMap<OutputTopic, WholeFile>,
    buffer: Vec<u8>,
}

impl Lines {
    fn create(folder: &Path) -> Result<Self, Error> {
        let mut files = BTreeMap::new();
        for topic in OutputTopic::ALL {
            files.insert(topic, WholeFile::create(&folder.join(format!("{}.jsonl", topic.name())))?);
        }
        Ok(Lines { files, buffer: Vec::new() })
    }
}

impl Destination for Lines {
    fn write(&mut self, emission: &Emission, seq: u64) -> Result<(), Error> {
        self.buffer.clear();
        append_lines(emission, seq, &mut self.buffer)?;
        if let Some(file) = self.files.get_mut(&emission.topic) {
            file.append(&self.buffer)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        Ok(self.files.into_values().try_for_each(WholeFile::finish)?)
    }
}

/// One typed table per view, and one per other topic.
struct Tables {
    tables: BTreeMap<&'static str, ParquetTable>,
}

impl Tables {
    fn create(folder: &Path, views: &[Table]) -> Result<Self, Error> {
        let mut tables = BTreeMap::new();
        let views_folder = folder.join(OutputTopic::Views.name());
        std::fs::create_dir_all(&views_folder).map_err(connectors::Error::io("create", &views_folder))?;
        for view in views {
            let integer = |name: &str| Field::new(name, DataType::Int64, true);
            let mut fields = vec![integer("time"), integer("seq"), Field::new("op", DataType::Utf8, true)];
            fields.extend(columns(&view.key).chain(columns(&view.value)));
            let path = views_folder.join(format!("{}.parquet", view.name));
            tables.insert(view.name, ParquetTable::create(&path, Schema::new(fields).into())?);
        }
        let schemas = schema::all(views);
        for topic in OutputTopic::ALL.into_iter().filter(|topic| *topic != OutputTopic::Views) {
            let fields: Vec<Field> = columns(&schemas[topic.name()]).collect();
            let path = folder.join(format!("{}.parquet", topic.name()));
            tables.insert(topic.name(), ParquetTable::create(&path, Schema::new(fields).into())?);
        }
        Ok(Tables { tables })
    }
}

/// Converts records to rows of their tables.
struct RowEncoder<'a> {
    tables: &'a mut BTreeMap<&'static str, ParquetTable>,
    failed: Option<String>,
}

impl RowEncoder<'_> {
    fn append(&mut self, table: &'static str, record: &dyn erased::Record) -> Result<(), String> {
        let mut text = Vec::new();
        record.write_json(&mut text).map_err(|error| error.to_string())?;
        let record: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        let row = serde_json::to_vec(&flat(record)).map_err(|error| error.to_string())?;
        let table = self.tables.get_mut(table).ok_or("no such table")?;
        table.append(&row).map_err(|error| error.to_string())
    }
}

/// Returns a record without nesting: fields of a view's key and value become columns, any other nested value JSON text.
fn flat(record: Value) -> Value {
    let Value::Object(fields) = record else { return record };
    let is_view = fields.contains_key("view");
    let mut row = serde_json::Map::new();
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("view", _) if is_view => {}
            ("key" | "value", Value::Object(nested)) if is_view => row.extend(nested),
            (_, nested @ (Value::Object(_) | Value::Array(_))) => _ = row.insert(name, nested.to_string().into()),
            (_, value) => _ = row.insert(name, value),
        }
    }
    Value::Object(row)
}

impl Encoder for RowEncoder<'_> {
    fn record(&mut self, table: &'static str, record: &dyn erased::Record) {
        if self.failed.is_none() {
            self.failed = self.append(table, record).err();
        }
    }
}

impl Destination for Tables {
    fn write(&mut self, emission: &Emission, seq: u64) -> Result<(), Error> {
        let mut encoder = RowEncoder { tables: &mut self.tables, failed: None };
        emission.records.encode(emission.time, seq, &mut encoder);
        encoder.failed.map_or(Ok(()), |error| Err(unencodable(emission.topic, error).into()))
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        Ok(self.tables.into_values().try_for_each(ParquetTable::finish)?)
    }
}
