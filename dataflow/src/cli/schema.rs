//! `storepulse schema`: prints the JSON Schema of a topic, or of all.

use std::path::PathBuf;

use clap::Args;
use contract::schema;
use live::error::Error;
use retail::views;

use crate::cli::out::Out;

/// Prints the JSON Schema of an input or output topic.
#[derive(Args)]
#[command(after_help = "Examples:\n  storepulse schema pos\n  storepulse schema --out dataflow/contract/schemas")]
pub struct Schema {
    /// The topic; all of them, in one object, if none is named.
    topic: Option<String>,
    /// Writes each schema to TOPIC.json in this folder instead.
    #[arg(long, conflicts_with = "topic")]
    out: Option<PathBuf>,
}

impl Schema {
    /// Runs the command.
    ///
    /// # Errors
    /// If no topic has that name, or the schemas cannot be written.
    pub fn run(self, out: &mut Out) -> Result<(), Error> {
        let schemas = schema::all(&views::tables());
        let pretty = |value| serde_json::to_string_pretty(value).map_err(|error| Error::Engine(error.to_string()));
        if let Some(folder) = self.out {
            std::fs::create_dir_all(&folder).map_err(connectors::Error::io("create", &folder))?;
            for (name, schema) in &schemas {
                let path = folder.join(format!("{name}.json"));
                let text = pretty(schema)? + "\n";
                std::fs::write(&path, text).map_err(connectors::Error::io("write", &path))?;
            }
            return Ok(());
        }
        let text = match self.topic {
            None => serde_json::to_string_pretty(&schemas).map_err(|error| Error::Engine(error.to_string()))?,
            Some(topic) => match schemas.get(topic.as_str()) {
                Some(schema) => pretty(schema)?,
                None => {
                    let names: Vec<_> = schemas.keys().copied().collect();
                    return Err(Error::Scenario(format!("no topic is called {topic:?}: {}", names.join(", "))));
                }
            },
        };
        outln!(out, "{text}");
        Ok(())
    }
}
