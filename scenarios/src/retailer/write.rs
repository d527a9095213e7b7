//! A story written into a scenario folder, topic by topic as it happens, with its truth beside it.

use std::path::Path;

use crate::Error;
use crate::folder::{Folder, Format};
use crate::generate::Report;

use super::{Retailer, Size, Story};

/// Writes a story at a size into a folder, which must not exist or be empty. No record is kept longer than it travels.
///
/// # Errors
/// [`Error::Size`] for a size no retailer has, [`Error::OutputExists`] if the folder holds something,
/// [`Error::Write`] or [`Error::Table`] if the system refuses.
pub fn write(story: &Story, size: &Size, format: Format, out: &Path) -> Result<Report, Error> {
    let mut retailer = Retailer::new(story, size)?;
    let mut folder = Folder::create(out)?;
    let written = folder.write_all(format, retailer.by_ref().map(Ok))?;
    let fates = retailer.post.fates().clone();
    let head = retailer.head(story, size);
    let mut truth = Vec::new();
    for label in retailer.into_truth() {
        serde_json::to_writer(&mut truth, &label)
            .map_err(|source| Error::Encode { event_id: label.kind.to_owned(), source })?;
        truth.push(b'\n');
    }
    folder.put("truth.jsonl", &truth)?;
    folder.finish(&head)?;
    Ok(Report { written, fates })
}
