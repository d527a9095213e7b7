//! Tests of the remap log.

use super::*;
use connectors::source::Position;

fn reached(record: u64) -> Reached {
    Reached { next: Position { record, byte: 10 * record }, logged_at: 7 }
}

fn span(after: Time, closed: Time, record: u64) -> Span {
    Span { after, closed, ends: vec![(0, reached(record))], last: false }
}

fn header(process: u32, after: Option<Time>) -> Header {
    Header::new(process, ("p", 10), after, vec![((Topic::Pos, process), reached(0))])
}

fn write(folder: &Path, incarnation: u32, header: &Header, spans: &[Span]) -> PathBuf {
    let mut writer = RemapWriter::create(folder, incarnation, header).unwrap();
    spans.iter().for_each(|span| writer.append(span).unwrap());
    writer.path
}

fn replayed(folder: &Path, from: Option<Time>) -> Result<Vec<(Time, u64)>, String> {
    let replay = RemapLog::read(folder).and_then(|log| log.replay(from)).map_err(|error| error.to_string())?;
    let end = |span: &Replayed| (span.upto, span.ends[0].1.next.record);
    Ok(replay.spans.iter().map(end).collect())
}

#[test]
fn appended_spans_are_read_again_from_any_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    assert!(RemapLog::read(folder.path()).unwrap().is_empty());
    write(folder.path(), 0, &header(0, None), &[span(0, 10, 1), span(10, 30, 2)]);
    write(folder.path(), 0, &header(0, Some(30)), &[span(30, 40, 5)]);
    write(folder.path(), 1, &header(0, Some(40)), &[span(40, 60, 6)]);
    assert_eq!(replayed(folder.path(), None).unwrap(), [(10, 1), (30, 2), (40, 5), (60, 6)]);
    assert_eq!(replayed(folder.path(), Some(30)).unwrap(), [(40, 5), (60, 6)]);
    RemapLog::forget_before(folder.path(), 40).unwrap();
    assert_eq!(replayed(folder.path(), Some(40)).unwrap(), [(60, 6)]);
    assert!(replayed(folder.path(), Some(30)).unwrap_err().contains("does not reach back to tick 30"));
    assert_eq!(RemapLog::read(folder.path()).unwrap().next_incarnation(), 2);
}

#[test]
fn segments_of_starts_that_bound_no_tick_are_skipped() {
    // Each start begins at the very beginning or at tick 30, and binds nothing; their headers may be cut short.
    for (after, whole) in [(None, true), (None, false), (Some(30), true), (Some(30), false)] {
        let folder = tempfile::tempdir().unwrap();
        let cut = |path: PathBuf| {
            if !whole {
                fs::write(&path, &fs::read(&path).unwrap()[..9]).unwrap();
            }
        };
        if after.is_some() {
            write(folder.path(), 0, &header(0, None), &[span(0, 30, 2)]);
        }
        (1..4).for_each(|start| cut(write(folder.path(), start, &header(0, after), &[])));
        let closed = after.unwrap_or(0);
        write(folder.path(), 4, &header(0, after), &[span(closed, 40, 3), span(40, 50, 4)]);
        write(folder.path(), 4, &header(0, Some(50)), &[span(50, 60, 5)]);
        // What a snapshot at 50 no longer needs goes file by file, and the log can be read in between.
        let files = || fs::read_dir(folder.path()).unwrap().count();
        let before = files();
        RemapLog::forget_before(folder.path(), 50).unwrap();
        assert!(files() < before);
        assert_eq!(replayed(folder.path(), Some(50)).unwrap(), [(60, 5)], "{after:?}");
        RemapLog::read(folder.path()).unwrap().forget_empty().unwrap();
        assert_eq!(files(), 1, "{after:?}");
    }
}

#[test]
fn a_log_whose_middle_was_deleted_behind_an_empty_segment_is_read() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 0, &header(0, None), &[]);
    write(folder.path(), 1, &header(0, Some(50)), &[span(50, 60, 5)]);
    assert_eq!(replayed(folder.path(), Some(50)).unwrap(), [(60, 5)]);
    assert!(replayed(folder.path(), None).unwrap_err().contains("does not reach back"));
    RemapLog::read(folder.path()).unwrap().forget_empty().unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_torn_end_is_dropped_and_any_other_damage_is_refused() {
    let whole = tempfile::tempdir().unwrap();
    let path = write(whole.path(), 0, &header(0, None), &[span(0, 10, 1), span(10, 20, 2), span(20, 30, 3)]);
    let bytes = fs::read(&path).unwrap();
    let all = replayed(whole.path(), None).unwrap();
    for cut in 0..bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let read = replayed(whole.path(), None).unwrap();
        assert!(read.len() < all.len() && all.starts_with(&read), "cut at {cut}");
    }
    // Flipped bits: either found to be damage, or in the last frame, which then never was.
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        match replayed(whole.path(), None) {
            Ok(read) => assert_eq!(read, all[..all.len() - 1], "flipped at {at}"),
            Err(problem) => assert!(problem.contains("is damaged at byte"), "{problem}"),
        }
    }
}

#[test]
fn a_missing_or_renamed_segment_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 0, &header(0, None), &[span(0, 10, 1)]);
    let middle = write(folder.path(), 0, &header(0, Some(10)), &[span(10, 20, 2)]);
    write(folder.path(), 0, &header(0, Some(20)), &[span(20, 30, 3)]);
    let away = folder.path().join("kept");
    fs::rename(&middle, &away).unwrap();
    assert!(replayed(folder.path(), None).unwrap_err().contains("a segment is missing or cut short"));
    fs::rename(&away, folder.path().join("000000-000000000000015-p0.log")).unwrap();
    assert!(replayed(folder.path(), None).unwrap_err().contains("was written as that of process 0 after tick 10"));
}

#[test]
fn spans_that_only_one_of_two_processes_closed_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 0, &header(0, None), &[span(0, 10, 1), span(10, 20, 2), span(20, 30, 3)]);
    write(folder.path(), 1, &header(1, None), &[span(0, 20, 4)]);
    assert_eq!(RemapLog::read(folder.path()).unwrap().closed(), Some(20));
    assert_eq!(replayed(folder.path(), None).unwrap(), [(10, 1), (20, 2), (20, 4)]);
    // A span that only begins before the common tick counts up to it.
    write(folder.path(), 0, &header(2, None), &[span(0, 12, 7), span(12, 50, 8)]);
    assert_eq!(replayed(folder.path(), None).unwrap(), [(10, 1), (12, 7), (20, 2), (20, 4), (20, 8)]);
    fs::remove_file(folder.path().join("000000-000000000000000-p2.log")).unwrap();
    // The next run decides anew what comes after.
    write(folder.path(), 1, &header(0, Some(20)), &[span(20, 40, 2)]);
    write(folder.path(), 1, &header(1, Some(20)), &[span(20, 40, 9)]);
    assert_eq!(replayed(folder.path(), Some(20)).unwrap(), [(40, 2), (40, 9)]);
}
