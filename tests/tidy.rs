//! The house rules, each a sentence and a check.

use std::path::{Path, PathBuf};

use tests::root;

/// Every Rust file under these folders, with its text.
fn sources(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).expect("listed").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("text");
            found.push((path, text));
        }
    }
    assert!(!found.is_empty(), "nothing under {folders:?}");
    found
}

/// The code of a file: no comments, no tests.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Fails for every file in which one of `words` stands in code.
fn never(folders: &[&str], words: &[&str], except: &[&str], rule: &str) {
    let allowed = |path: &Path| path.ends_with("tests.rs") || except.iter().any(|name| path.ends_with(name));
    let offences: Vec<String> = sources(folders)
        .into_iter()
        .filter(|(path, _)| !allowed(path))
        .flat_map(|(path, text)| {
            let code = code(&text);
            let found =
                words.iter().filter(|word| code.contains(**word)).map(|word| format!("{}: {word}", path.display()));
            found.collect::<Vec<_>>()
        })
        .collect();
    assert!(offences.is_empty(), "{rule}\n{}", offences.join("\n"));
}

#[test]
fn operators_know_no_retail_noun_and_do_no_io() {
    let nouns = ["store_id", "basket", "promotion", "inventory", "shelf", "price", "std::fs", "std::net", "std::io"];
    never(&["operators/src"], &nouns, &[], "operators know no retail noun and do no input or output");
}

#[test]
fn connectors_know_neither_timely_nor_retail() {
    let words = ["timely", "differential", "store_id", "exception", "inventory"];
    never(&["connectors/src"], &words, &[], "connectors know neither timely nor retail");
}

#[test]
fn views_detectors_and_graph_do_no_io() {
    let rooms = ["views", "detectors", "collections", "state", "graph.rs", "registry.rs", "governance.rs"];
    let rooms = rooms.map(|room| format!("dataflow/src/{room}"));
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    never(&rooms, &["connectors", "std::fs", "println!", "Stopwatch"], &[], "the graph does no input or output");
}

#[test]
fn commands_print_through_one_writer() {
    let words = ["println!", "print!(", "io::stdout", "io::stderr"];
    never(&["dataflow/src/cli"], &words, &["cli/out.rs"], "a command prints through cli/out.rs, which loses no error");
}

#[test]
fn lines_are_decoded_behind_the_panic_guard() {
    // What decodes no line of a topic: the decoder itself, benches of it, and the server, which takes a panic for a refusal.
    let except =
        ["event/mod.rs", "bench/load.rs", "bench/footprint.rs", "serve/commands.rs", "serve/tests/speaking.rs"];
    let words = ["Record::decode(", "Record::decode_line("];
    never(&["dataflow/src"], &words, &except, "lines of a topic are decoded by event::guard::decode");
}

#[test]
fn detectors_read_views_never_events() {
    let facts = ["event::pos", "event::activity", "event::traffic", "event::queue", "event::inventory"];
    never(&["dataflow/src/detectors"], &facts, &[], "detectors read views, never events");
}

#[test]
fn only_the_clock_reads_the_wall_clock() {
    let folders = ["operators/src", "connectors/src", "scenarios/src", "dataflow/src"];
    never(&folders, &["Instant::now", "SystemTime::now"], &["dataflow/src/clock.rs"], "one place reads the wall clock");
}

#[test]
fn nothing_that_is_summed_is_a_float() {
    // A shape names the types of fields, and sums nothing.
    never(&["operators/src"], &["f64", "f32"], &["operators/src/shape.rs"], "operators have no floats");
    never(
        &["dataflow/src/event", "dataflow/src/edge.rs", "dataflow/src/fate.rs"],
        &["f64", "f32"],
        &[],
        "records have no floats",
    );
    never(&["dataflow/src", "operators/src"], &["+= f64", "sum::<f64>", "f32"], &["stats.rs"], "no float is summed");
}

#[test]
fn files_are_small() {
    let long: Vec<String> =
        sources(&["operators/src", "connectors/src", "scenarios/src", "dataflow/src", "benches", "tests"])
            .into_iter()
            .filter(|(_, text)| text.lines().count() > 500)
            .map(|(path, text)| format!("{}: {} lines", path.display(), text.lines().count()))
            .collect();
    assert!(long.is_empty(), "a second room is hiding in\n{}", long.join("\n"));
}

#[test]
fn one_version_of_each_engine_in_the_lock_file() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("a lock file");
    for package in ["timely", "differential-dataflow", "arrow-array", "arrow-schema", "parquet"] {
        let count = lock.matches(&format!("name = \"{package}\"\n")).count();
        assert_eq!(count, 1, "{package}");
    }
}

#[test]
fn packages_depend_downwards_only() {
    let depends = |package: &str, on: &str| {
        let manifest = std::fs::read_to_string(root().join(package).join("Cargo.toml")).expect("a manifest");
        manifest.lines().any(|line| line.starts_with(&format!("{on}.workspace")))
    };
    let packages = ["operators", "connectors", "scenarios", "dataflow", "benches", "tests"];
    let allowed = [
        ("dataflow", "operators"),
        ("dataflow", "connectors"),
        ("dataflow", "scenarios"),
        ("benches", "operators"),
        ("benches", "connectors"),
        ("benches", "dataflow"),
        ("benches", "scenarios"),
        ("tests", "operators"),
        ("tests", "connectors"),
        ("tests", "scenarios"),
        ("tests", "dataflow"),
        ("tests", "benches"),
    ];
    for package in packages {
        for on in packages {
            assert!(!depends(package, on) || allowed.contains(&(package, on)), "{package} must not depend on {on}");
        }
    }
}

#[test]
fn every_exception_type_and_view_has_its_file() {
    for kind in retail::detectors::KINDS.iter() {
        let file = format!("dataflow/src/detectors/{}.rs", kind.name.replace('.', "_"));
        assert!(root().join(&file).exists(), "{file}");
    }
    let names: Vec<&str> = retail::detectors::KINDS.iter().map(|kind| kind.name).collect();
    assert!(names.is_sorted(), "types order by name: {names:?}");
    for table in retail::views::tables() {
        let file = format!("dataflow/src/views/{}.rs", table.name.replace('.', "_"));
        assert!(root().join(&file).exists(), "{file}");
    }
}

#[test]
fn every_file_says_what_it_is_in_its_first_line() {
    let silent: Vec<String> =
        sources(&["operators/src", "connectors/src", "scenarios/src", "dataflow/src", "benches", "tests"])
            .into_iter()
            .filter(|(_, text)| !text.starts_with("//! "))
            .map(|(path, _)| path.display().to_string())
            .collect();
    assert!(silent.is_empty(), "no first line in\n{}", silent.join("\n"));
}
