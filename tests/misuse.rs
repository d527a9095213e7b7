//! What a user sees who gets it wrong: what, where, and the exit code; and nothing half written that looks whole.

use std::path::Path;

use dataflow::cli;

use tests::scenario;

fn fails(words: &[&str], exit_code: u8, says: &[&str]) {
    let error = cli::run(words).expect_err("this must fail");
    assert_eq!(error.exit_code(), exit_code, "{error}");
    for word in says {
        assert!(error.to_string().contains(word), "{error} does not say {word:?}");
    }
}

fn replay(folder: &Path, out: &Path) -> Vec<String> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    vec!["storepulse".to_owned(), "replay".to_owned(), path(folder), "--out".to_owned(), path(out)]
}

fn replay_fails(folder: &Path, says: &[&str]) {
    let out = tempfile::tempdir().expect("a folder");
    let words = replay(folder, &out.path().join("out"));
    fails(&words.iter().map(String::as_str).collect::<Vec<_>>(), 2, says);
    let left = std::fs::read_dir(out.path().join("out")).map_or(0, |entries| entries.count());
    assert_eq!(left, 0, "a failed run leaves no output");
}

#[test]
fn a_missing_folder() {
    replay_fails(Path::new("/no/such/scenario"), &["/no/such/scenario", "no such scenario folder"]);
}

#[test]
fn a_bad_scenario_toml() {
    let folder = scenario("tick_ms = \"fast\"\n", &[]);
    replay_fails(folder.path(), &["scenario.toml", "tick_ms", "line 1"]);
    let folder = scenario("ticks = 5\n", &[]);
    replay_fails(folder.path(), &["scenario.toml", "ticks"]);
}

#[test]
fn a_log_that_cannot_be_read() {
    let folder = scenario("", &[]);
    std::fs::create_dir(folder.path().join("pos.jsonl")).expect("made");
    replay_fails(folder.path(), &["pos.jsonl", "folder"]);
    let folder = scenario("", &[("traffic", &["{}"])]);
    std::fs::write(folder.path().join("traffic.parquet"), "not a table").expect("written");
    replay_fails(folder.path(), &["both traffic.jsonl and traffic.parquet"]);
    std::fs::remove_file(folder.path().join("traffic.jsonl")).expect("removed");
    replay_fails(folder.path(), &["traffic.parquet", "no readable Parquet file"]);
}

#[test]
fn wrong_arguments() {
    fails(&["storepulse", "replay"], 2, &["<SCENARIO>"]);
    fails(&["storepulse", "replay", "x", "--out", "y", "--set", "a"], 2, &["POLICY=VALUE"]);
    fails(&["storepulse", "replay", "x", "--out", "y", "--workers", "0"], 2, &["--workers"]);
    fails(&["storepulse", "schema", "nothing"], 2, &["nothing", "pos"]);
}

#[test]
fn an_empty_scenario_is_no_mistake() {
    let folder = scenario("", &[("pos", &[])]);
    let out = tempfile::tempdir().expect("a folder");
    let words = replay(folder.path(), out.path());
    cli::run(&words.iter().map(String::as_str).collect::<Vec<_>>()).expect("it runs");
    assert_eq!(std::fs::read_to_string(out.path().join("views.jsonl")).expect("written"), "");
    assert!(out.path().join("summary.json").exists());
}

#[test]
fn nothing_but_unreadable_lines_still_adds_up() {
    let folder = scenario("until = 5000\n", &[("pos", &["{", "[]", "x"])]);
    let outputs = tests::run(folder.path(), tests::Run { workers: 2, shuffle: None });
    assert_eq!(outputs.records("dead_letter").len(), 3);
    assert_eq!(outputs.records("views").last().map(|record| record["value"]["dead"].clone()), Some(3.into()));
}

#[test]
fn a_live_job_that_cannot_begin_leaves_no_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let run = |input: &str, output: &str, check: &[&str], says: &[&str]| {
        let text = format!(
            "[state]\nfolder = {:?}\n[input.pos]\n{input}\n[output.exceptions]\n{output}\n",
            folder.path().join("state")
        );
        std::fs::write(path("storepulse.toml"), text).expect("written");
        let config = path("storepulse.toml");
        let words = [&["storepulse", "run", "--config", &config], check].concat();
        fails(&words, 2, says);
        assert!(!folder.path().join("out").exists(), "a job that cannot begin leaves no output");
    };
    let file = |name: &str| format!("connector = \"file\"\npath = {:?}", path(name));
    run(&file("none.jsonl"), &file("out/exceptions.jsonl"), &[], &["cannot open", "none.jsonl"]);
    let broker = "connector = \"fluvio\"\ntopic = \"t\"\ncluster.endpoint = \"localhost\"";
    for check in [&[][..], &["--check-config"]] {
        run(broker, &file("out/exceptions.jsonl"), check, &["storepulse.toml: [input.pos]", "needs a host and a port"]);
        run(&file("none.jsonl"), broker, check, &["storepulse.toml: [output.exceptions]", "needs a host and a port"]);
    }
}
