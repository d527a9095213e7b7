//! Writes the serving tables into a snapshot, and loads them after a restart.
//!
//! Format: JSON lines. The first holds `format`, the ticks and the id of the last exceptions record. Then follow one
//! line per row of a view, `{"view","key":[…],"expires_at"?,"value"}`, and one per open exception, its record as
//! emitted. The last line counts both, so a torn file is detected. The snapshot adds checksums.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;

use contract::ids::Id;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::exception_record::{ExceptionEntry, RecordId};
use crate::tables::layout::{Key, Part, layouts, place_of};
use crate::tables::pages::{NEVER, Pages, Row};
use crate::tables::serving::{ServingTables, TablesSnapshot};

/// The format that is written and read.
const FORMAT: u32 = 1;

/// The reason for which saved tables cannot be loaded. Start from an older snapshot, or without one.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The reader failed.
    #[error("saved rows cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The content is not of the format.
    #[error("line {line} of the saved rows {problem}")]
    Content {
        /// The line number, from 1.
        line: usize,
        /// The problem in the line.
        problem: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    time: Option<i64>,
    views_time: i64,
    last: Option<RecordId>,
}

#[derive(Serialize, Deserialize)]
struct RowLine<'a> {
    #[serde(borrow)]
    view: Cow<'a, str>,
    #[serde(borrow)]
    key: Vec<PartLine<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(borrow)]
    value: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PartLine<'a> {
    Number(i64),
    Name(#[serde(borrow)] Cow<'a, str>),
}

#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
struct Foot {
    rows: usize,
    open: usize,
}

/// The tables at a closed tick; rows are shared with the serving tables until they change.
pub struct SavedTables(TablesSnapshot);

impl SavedTables {
    /// The tick.
    pub fn time(&self) -> Option<i64> {
        self.0.time
    }

    /// Writes the tables.
    ///
    /// # Errors
    /// The error of the writer.
    pub fn write(&self, into: &mut dyn Write) -> io::Result<()> {
        let TablesSnapshot { time, views_time, last, views, open } = &self.0;
        line(into, &Head { format: FORMAT, time: *time, views_time: *views_time, last: *last })?;
        for (layout, rows) in layouts().iter().zip(views) {
            for Row { key, value, expires_at } in rows.iter() {
                let part = |part: &Part| match part {
                    Part::Number(number) => PartLine::Number(*number),
                    Part::Name(id) => PartLine::Name(id.as_str().into()),
                };
                let expires_at = (*expires_at != NEVER).then_some(*expires_at);
                let value: &RawValue = serde_json::from_str(value)?;
                let key = key.iter().map(part).collect();
                line(into, &RowLine { view: layout.name.into(), key, expires_at, value })?;
            }
        }
        for entry in open.values() {
            into.write_all(entry.line.as_bytes())?;
            into.write_all(b"\n")?;
        }
        line(into, &Foot { rows: views.iter().map(Pages::len).sum(), open: open.len() })
    }
}

fn line(into: &mut dyn Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *into, line)?;
    into.write_all(b"\n")
}

impl ServingTables {
    /// Returns the current tables, to be written while the job continues.
    pub fn save(&self) -> SavedTables {
        SavedTables(self.snapshot())
    }

    /// Loads tables that [`SavedTables::write`] wrote, for a job that emits its views at multiples of `emit_ms`.
    ///
    /// # Errors
    /// If the file cannot be read, is torn, or is of another format.
    pub fn load(emit_ms: i64, from: &mut dyn Read) -> Result<Self, LoadError> {
        let mut lines = BufReader::new(from).lines();
        let mut number = 0;
        let mut next = || -> Result<(usize, String), LoadError> {
            number += 1;
            let torn = || content(number, "is missing: the file is torn");
            lines.next().ok_or_else(torn)?.map(|line| (number, line)).map_err(LoadError::Io)
        };
        let (at, head) = next()?;
        let Head { format, time, views_time, last } =
            serde_json::from_str(&head).map_err(|error| content(at, format!("is no head: {error}")))?;
        if format != FORMAT {
            return Err(content(at, format!("is of format {format}, not {FORMAT}")));
        }
        let mut tables = TablesSnapshot {
            time,
            views_time,
            last,
            views: vec![Pages::default(); layouts().len()],
            open: BTreeMap::new(),
        };
        loop {
            let (at, line) = next()?;
            if line.starts_with(r#"{"rows":"#) {
                let rows = tables.views.iter().map(Pages::len).sum();
                let read = Foot { rows, open: tables.open.len() };
                let foot: Foot = serde_json::from_str(&line).map_err(|error| content(at, error.to_string()))?;
                let whole = foot == read;
                return if whole {
                    Ok(ServingTables::of(emit_ms, tables))
                } else {
                    Err(content(at, format!("counts {foot:?}, not {read:?}")))
                };
            }
            let read = if line.starts_with(r#"{"view":"#) {
                read_row(&mut tables, &line)
            } else {
                read_open(&mut tables, &line)
            };
            read.map_err(|problem| content(at, problem))?;
        }
    }
}

fn content(line: usize, problem: impl Into<String>) -> LoadError {
    LoadError::Content { line, problem: problem.into() }
}

fn read_row(tables: &mut TablesSnapshot, line: &str) -> Result<(), String> {
    let row: RowLine<'_> = serde_json::from_str(line).map_err(|error| format!("is no row: {error}"))?;
    let view = place_of(&row.view).ok_or_else(|| format!("is of the unknown view {:?}", row.view))?;
    let part = |part: PartLine<'_>| match part {
        PartLine::Number(number) => Part::Number(number),
        PartLine::Name(name) => Part::Name(Id::new(&name)),
    };
    let key: Key = row.key.into_iter().map(part).collect();
    let fits =
        |(field, part): (&crate::tables::layout::KeyField, &Part)| field.number == matches!(part, Part::Number(_));
    let fields = &layouts()[view].key;
    if key.len() != fields.len() || !fields.iter().zip(&key).all(fits) {
        return Err("has another key than its view".to_owned());
    }
    let expires_at = row.expires_at.unwrap_or(NEVER);
    tables.views[view].set(Row { key, value: row.value.get().into(), expires_at });
    Ok(())
}

fn read_open(tables: &mut TablesSnapshot, line: &str) -> Result<(), String> {
    let entry = ExceptionEntry::read(line).map_err(|error| format!("is no exception: {error}"))?;
    tables.open.insert((entry.kind, entry.exception_id.clone()), Arc::new(entry));
    Ok(())
}
