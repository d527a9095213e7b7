//! Events in columns: an Arrow IPC stream, read row by row as JSON and made from JSON.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_json::reader::{ReaderBuilder, infer_json_schema};
use arrow_schema::{ArrowError, SchemaRef};

/// Rows encoded at a time.
const ROWS: usize = 8_192;

/// Gives each row of a stream to `each`, as JSON without line end; all of them or none.
///
/// # Errors
/// If the payload is no complete Arrow IPC stream.
pub fn events(payload: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<(), String> {
    let text = no_panic(|| text(payload)).map_err(|error| format!("is no readable Arrow stream: {error}"))?;
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).for_each(each);
    Ok(())
}

/// Runs a reader of tables, which checks its input, but not every length before it allocates or slices: a panic of it is an
/// error like any other damage.
///
/// # Errors
/// The errors of `read`; an error of damage if it panics.
pub(crate) fn no_panic<T, E: From<ArrowError>>(read: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let damaged = || ArrowError::IpcError("it is damaged".to_owned());
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(damaged().into()))
}

fn text(payload: &[u8]) -> Result<Vec<u8>, ArrowError> {
    let mut text = Vec::with_capacity(payload.len() * 2);
    let mut rest = Buffer::from(payload);
    let mut decoder = StreamDecoder::new();
    while let Some(batch) = decoder.decode(&mut rest)? {
        // A column of nothing takes no bytes, so a damaged count could ask for any number of rows.
        if batch.num_rows() > payload.len().saturating_mul(8) {
            return Err(ArrowError::IpcError(format!("{} rows do not fit into it", batch.num_rows())));
        }
        write_rows(&batch, &mut text)?;
    }
    if decoder.schema().is_none() {
        return Err(ArrowError::IpcError("it has no schema".to_owned()));
    }
    decoder.finish()?;
    Ok(text)
}

/// Appends each row of a batch as a line of JSON, nulls left out.
///
/// # Errors
/// If a column has no form in JSON.
pub fn write_rows(batch: &RecordBatch, text: &mut Vec<u8>) -> Result<(), ArrowError> {
    let mut writer = arrow_json::LineDelimitedWriter::new(text);
    writer.write(batch)?;
    writer.finish()
}

/// The columns of events: those that stand in any of `lines`, in order of first appearance, with the narrowest type that
/// holds every value. An integer in a column that also has fractions becomes one of them.
///
/// # Errors
/// If a line is no JSON object, or a field is of two kinds.
pub fn schema_of<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<SchemaRef, String> {
    let mut text = Vec::new();
    for line in lines {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    infer_json_schema(text.as_slice(), None).map(|(schema, _)| Arc::new(schema)).map_err(|error| error.to_string())
}

/// Makes one message of events: an Arrow IPC stream with the columns of `schema`. Fields outside of it are left out.
///
/// # Errors
/// If a line is no JSON object or a value does not fit its column.
pub fn encode<'a>(lines: impl IntoIterator<Item = &'a [u8]>, schema: &SchemaRef) -> Result<Vec<u8>, String> {
    encode_rows(&mut lines.into_iter(), schema).map_err(|error| error.to_string())
}

fn encode_rows(lines: &mut dyn Iterator<Item = &[u8]>, schema: &SchemaRef) -> Result<Vec<u8>, ArrowError> {
    let mut decoder = ReaderBuilder::new(Arc::clone(schema)).with_batch_size(ROWS).build_decoder()?;
    let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
    for line in lines {
        let mut rest = line;
        while !rest.is_empty() {
            let read = decoder.decode(rest)?;
            rest = &rest[read..];
            if !rest.is_empty() {
                decoder.flush()?.map_or(Ok(()), |batch| writer.write(&batch))?;
            }
        }
        // What stands between two lines in a file of them: a number at an end must not grow into the next line.
        decoder.decode(b"\n")?;
    }
    decoder.flush()?.map_or(Ok(()), |batch| writer.write(&batch))?;
    writer.finish()?;
    writer.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(lines: &[&str]) -> Vec<u8> {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let schema = schema_of(lines.iter().copied()).expect("a schema");
        encode(lines.iter().copied(), &schema).expect("encoded")
    }

    fn unpacked(payload: &[u8]) -> Result<Vec<String>, String> {
        let mut seen = Vec::new();
        events(payload, &mut |event| seen.push(String::from_utf8_lossy(event).into_owned()))?;
        Ok(seen)
    }

    #[test]
    fn events_come_back_as_they_went() {
        let lines = [
            r#"{"event_id":"a","type":"pos.line","net_cents":-5,"receipt":true}"#,
            r#"{"event_id":"b","type":"order","lines":[{"item_id":"i","quantity":2}],"note":"a \"quoted\" word"}"#,
            r#"{"type":"promotion","store_ids":["s1","s2"]}"#,
        ];
        assert_eq!(unpacked(&packed(&lines)), Ok(lines.map(str::to_owned).to_vec()));
    }

    #[test]
    fn many_rows_need_more_than_one_batch() {
        let lines: Vec<String> = (0..20_000).map(|n| format!(r#"{{"n":{n}}}"#)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(unpacked(&packed(&lines)).expect("read"), lines);
        assert_eq!(unpacked(&packed(&["{\"n\":1}"])).expect("read"), ["{\"n\":1}"]);
    }

    #[test]
    fn a_damaged_message_is_an_error_or_other_events_but_no_panic() {
        let payload = packed(&[r#"{"id":"abc","n":1}"#, r#"{"id":"de","n":2}"#]);
        for at in 0..payload.len() {
            for bit in 0..8 {
                let mut damaged = payload.clone();
                damaged[at] ^= 1 << bit;
                _ = unpacked(&damaged);
            }
        }
        for end in 0..payload.len() - 8 {
            let cut = unpacked(&payload[..end]);
            assert!(cut.is_err() || cut.is_ok_and(|rows| rows.is_empty() || rows.len() == 2), "cut at {end}");
        }
        let said = unpacked(b"{\"event_id\":\"not arrow\"}").expect_err("no stream");
        assert!(said.starts_with("is no readable Arrow stream: "), "{said}");
        let mut longer = payload;
        longer.extend(b"more");
        assert!(unpacked(&longer).is_err());
    }

    #[test]
    fn what_does_not_fit_its_column_says_so() {
        let schema = schema_of([&b"{\"n\":1}"[..]]).expect("a schema");
        assert!(encode([&b"{\"n\":\"x\"}"[..]], &schema).is_err());
        assert!(schema_of([&b"[]"[..]]).is_err());
    }
}
