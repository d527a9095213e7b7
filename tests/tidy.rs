//! The house rules, each a sentence and a check.

mod circles;

use std::path::{Path, PathBuf};

use tests::root;

/// The packages, each below those that depend on it: its name, its folder, and the packages that it may depend on.
const PACKAGES: [(&str, &str, &[&str]); 12] = [
    ("operators", "operators", &[]),
    ("connectors", "connectors", &[]),
    ("scenarios", "scenarios", &[]),
    ("contract", "dataflow/contract", &[]),
    ("engine", "dataflow/engine", &["operators", "contract"]),
    ("retail", "dataflow/retail", &["operators", "contract", "engine"]),
    ("serve", "dataflow/serve", &["operators", "contract", "engine", "retail"]),
    ("live", "dataflow/live", &["operators", "connectors", "contract", "engine", "retail", "serve"]),
    ("measure", "dataflow/measure", &["operators", "connectors", "scenarios", "contract", "engine", "retail", "live"]),
    ("dataflow", "dataflow", &["connectors", "scenarios", "contract", "engine", "retail", "live", "measure"]),
    (
        "benches",
        "benches",
        &["operators", "connectors", "scenarios", "contract", "engine", "retail", "live", "measure", "dataflow"],
    ),
    (
        "tests",
        "tests",
        &["operators", "connectors", "scenarios", "contract", "engine", "retail", "live", "dataflow", "benches"],
    ),
];

/// The folders with the sources of the packages that the program is made of.
fn program() -> Vec<String> {
    let packages = PACKAGES.iter().filter(|(name, ..)| !["benches", "tests"].contains(name));
    packages.map(|(_, folder, _)| format!("{folder}/src")).collect()
}

/// The folders with Rust files.
fn everything() -> Vec<String> {
    program().into_iter().chain(["benches".to_owned(), "tests".to_owned()]).collect()
}

/// Every Rust file under these folders, with its text.
fn sources(folders: &[impl AsRef<str>]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder.as_ref())).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).expect("listed").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("text");
            found.push((path, text));
        }
    }
    assert!(!found.is_empty(), "no sources");
    found
}

/// The code of a file: no comments, no tests.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Fails for every file in which one of `words` stands in code.
fn never(folders: &[impl AsRef<str>], words: &[&str], except: &[&str], rule: &str) {
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
    let engine = ["detector.rs", "edge.rs", "governance.rs", "graph.rs", "reference.rs", "row.rs", "streams.rs"];
    let rooms = engine.map(|file| format!("dataflow/engine/src/{file}"));
    let rooms: Vec<String> = rooms.into_iter().chain(["dataflow/retail/src".to_owned()]).collect();
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
    let except = [
        "event/mod.rs",
        "measure/src/load.rs",
        "measure/src/footprint.rs",
        "serve/src/commands.rs",
        "live/src/testing.rs",
        "serve/src/tests/mod.rs",
        "serve/src/tests/commands.rs",
    ];
    let words = ["Record::decode(", "Record::decode_line("];
    never(&program(), &words, &except, "lines of a topic are decoded by contract::event::guard::decode");
}

#[test]
fn detectors_read_views_never_events() {
    let facts = ["event::pos", "event::activity", "event::traffic", "event::queue", "event::inventory"];
    never(&["dataflow/retail/src/detectors"], &facts, &[], "detectors read views, never events");
}

#[test]
fn only_the_clock_reads_the_wall_clock() {
    let except = ["dataflow/engine/src/clock.rs"];
    never(&program(), &["Instant::now", "SystemTime::now"], &except, "one place reads the wall clock");
}

#[test]
fn nothing_that_is_summed_is_a_float() {
    // A shape names the types of fields, and sums nothing.
    never(&["operators/src"], &["f64", "f32"], &["operators/src/keyed/shape.rs"], "operators have no floats");
    never(
        &["dataflow/contract/src/event", "dataflow/contract/src/fate.rs", "dataflow/engine/src/edge.rs"],
        &["f64", "f32"],
        &[],
        "records have no floats",
    );
    never(&program(), &["+= f64", "sum::<f64>", "f32"], &["stats.rs", "shape.rs"], "no float is summed");
}

#[test]
fn files_are_small() {
    let long: Vec<String> = sources(&everything())
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
    for (package, folder, below) in PACKAGES {
        let manifest = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a manifest");
        let depends = |on: &str| manifest.lines().any(|line| line.starts_with(&format!("{on}.workspace")));
        for (on, ..) in PACKAGES.iter().filter(|(on, ..)| depends(on)) {
            assert!(below.contains(on), "{package} must not depend on {on}");
        }
    }
}

#[test]
fn modules_form_no_circle() {
    // What the lists in lib.rs name is built by the graph of registry.rs when it is first asked for, and asks the graph
    // for what it reads: of that file only those who use it count.
    let except = ["dataflow/retail/src/registry.rs"];
    for (_, folder, _) in PACKAGES.iter().filter(|(_, folder, _)| folder.starts_with("dataflow")) {
        let circle = circles::find(&root().join(folder).join("src"), &except.map(|file| root().join(file)));
        assert!(circle.is_empty(), "{folder}: modules in a circle, or behind one\n{}", circle.join("\n"));
    }
}

#[test]
fn every_exception_type_and_view_has_its_file() {
    for kind in retail::detectors::KINDS.iter() {
        let file = format!("dataflow/retail/src/detectors/{}.rs", kind.name.replace('.', "_"));
        assert!(root().join(&file).exists(), "{file}");
    }
    let names: Vec<&str> = retail::detectors::KINDS.iter().map(|kind| kind.name).collect();
    assert!(names.is_sorted(), "types order by name: {names:?}");
    for table in retail::views::tables() {
        let file = format!("dataflow/retail/src/views/{}.rs", table.name.replace('.', "_"));
        assert!(root().join(&file).exists(), "{file}");
    }
}

#[test]
fn every_file_says_what_it_is_in_its_first_line() {
    let silent: Vec<String> = sources(&everything())
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "no first line in\n{}", silent.join("\n"));
}
