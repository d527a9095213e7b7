//! Encodes what leaves and writes it into files: one per topic, whole or not there.

use std::collections::BTreeMap;
use std::path::Path;

use connectors::file::whole::WholeFile;

use crate::error::Error;
use crate::output::{Emission, Encoder, OutputTopic, erased};
use crate::time::Time;

/// What was written, for the summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Records by topic.
    pub records: BTreeMap<&'static str, u64>,
    /// Rows standing at the end, by view.
    pub rows: BTreeMap<&'static str, i64>,
    /// Exceptions by type and event.
    pub exceptions: BTreeMap<String, BTreeMap<String, u64>>,
}

/// Writes the five topics as JSON lines.
pub struct JsonLines {
    files: BTreeMap<OutputTopic, WholeFile>,
    /// The last (topic, tick) and how many records it has.
    numbered: BTreeMap<OutputTopic, (Time, u64)>,
    buffer: Vec<u8>,
    written: Written,
}

struct Lines<'a> {
    buffer: &'a mut Vec<u8>,
    failed: Option<std::io::Error>,
}

impl Encoder for Lines<'_> {
    fn record(&mut self, _: &'static str, record: &dyn erased::Record) {
        if let Err(error) = record.write_json(self.buffer) {
            self.failed = Some(error);
        }
        self.buffer.push(b'\n');
    }
}

impl JsonLines {
    /// Starts writing into `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// If the folder or a file cannot be made.
    pub fn create(folder: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(connectors::Error::io("create", folder))?;
        let mut files = BTreeMap::new();
        for topic in OutputTopic::ALL {
            files.insert(topic, WholeFile::create(&folder.join(format!("{}.jsonl", topic.name())))?);
        }
        Ok(JsonLines { files, numbered: BTreeMap::new(), buffer: Vec::new(), written: Written::default() })
    }

    /// Writes emissions, numbering on within each topic and tick.
    ///
    /// # Errors
    /// If a record cannot be written.
    pub fn write(&mut self, emissions: Vec<Emission>) -> Result<(), Error> {
        for Emission { time, topic, records } in emissions {
            let numbered = self.numbered.entry(topic).or_insert((time, 0));
            if numbered.0 != time {
                *numbered = (time, 0);
            }
            self.buffer.clear();
            let mut lines = Lines { buffer: &mut self.buffer, failed: None };
            records.encode(time, numbered.1, &mut lines);
            if let Some(error) = lines.failed {
                return Err(Error::Engine(format!("cannot encode a record of {}: {error}", topic.name())));
            }
            numbered.1 += records.len() as u64;
            *self.written.records.entry(topic.name()).or_default() += records.len() as u64;
            records.tally(&mut self.written);
            if let Some(file) = self.files.get_mut(&topic) {
                file.append(&self.buffer)?;
            }
        }
        Ok(())
    }

    /// Makes every file whole.
    ///
    /// # Errors
    /// If a file cannot be made durable.
    pub fn finish(self) -> Result<Written, Error> {
        for file in self.files.into_values() {
            file.finish()?;
        }
        Ok(self.written)
    }
}
