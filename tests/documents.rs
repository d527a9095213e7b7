//! The documents: their links lead somewhere, the README is short, and the contract is whole.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tests::root;

/// The greatest length of the README.
const README_LINES: usize = 200;
/// The line of a contract page after which its text begins; the note before it may change at any time.
const BEGINS: &str = "<!-- The contract, word for word, begins after this line. -->\n";
/// The pages of the contract with the BLAKE3 hash of their text. A page changes only through an issue, and its hash with it.
const CONTRACT: [(&str, &str); 2] = [
    ("contract.md", "804dd41bd2132c058267ab156603e945b8d9934260432216b2d0bd0aa8835147"),
    ("contract-decisions.md", "7eb56afbb9a16ed4d540521014524b15409b1898c9a878f76b267b69504b984d"),
];

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every document that users and developers read.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md"), root().join(".github/CONTRIBUTING.md")];
    let mut folders = vec![root().join("dataflow/docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// The lines of a document outside its code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        is_code ^= fence;
        !is_code && !fence
    })
}

/// A line without its `code`.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// The targets of the links of a document: `](TARGET)`.
fn links(text: &str) -> Vec<String> {
    let targets = |line: &str| {
        let line = without_code(line);
        let parts = line.split("](").skip(1);
        parts.filter_map(|rest| rest.split(')').next()).map(str::to_owned).collect::<Vec<_>>()
    };
    prose(text).flat_map(targets).collect()
}

/// The names under which headings can be linked to: lower case, without punctuation, `-` for each space.
fn anchors(text: &str) -> BTreeSet<String> {
    let name = |heading: &str| {
        let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect::<String>().to_lowercase()
    };
    prose(text).filter(|line| line.starts_with('#')).map(|line| name(line.trim_start_matches('#').trim())).collect()
}

#[test]
fn every_link_leads_somewhere_in_the_repository() {
    let repository = root().canonicalize().expect("the root");
    let mut broken = Vec::new();
    for document in documents() {
        let text = read(&document);
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').map_or((link.as_str(), None), |(file, name)| (file, Some(name)));
            let folder = document.parent().expect("a folder");
            let target = if file.is_empty() { document.canonicalize() } else { folder.join(file).canonicalize() };
            let leads = target.is_ok_and(|target| {
                target.starts_with(&repository) && anchor.is_none_or(|anchor| anchors(&read(&target)).contains(anchor))
            });
            if !leads {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere\n{}", broken.join("\n"));
}

#[test]
fn the_readme_is_short_and_has_its_two_commands() {
    let text = read(&root().join("README.md"));
    let lines = text.lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines, more than {README_LINES}");
    for command in
        ["cargo run --release -- replay scenarios/corner-store --out /tmp/corner-store", "cargo test --workspace"]
    {
        assert!(text.lines().any(|line| line == command), "README.md lacks the command {command}");
    }
}

#[test]
fn every_decision_is_in_the_list_of_decisions() {
    let folder = root().join("dataflow/docs/decisions");
    let listed: BTreeSet<String> = links(&read(&folder.join("README.md"))).into_iter().collect();
    let files = std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let files: BTreeSet<String> =
        files.map(|name| name.to_string_lossy().into_owned()).filter(|name| name != "README.md").collect();
    assert_eq!(files, listed);
}

/// The text of a page of the contract, without the note before it.
fn contract(page: &str) -> String {
    let text = read(&root().join("dataflow/docs").join(page));
    let (_, contract) = text.split_once(BEGINS).unwrap_or_else(|| panic!("{page} lacks the line {BEGINS}"));
    contract.to_owned()
}

#[test]
fn the_contract_is_whole() {
    let actual = CONTRACT.map(|(page, _)| (page, blake3::hash(contract(page).as_bytes()).to_hex().to_string()));
    let expected = CONTRACT.map(|(page, hash)| (page, hash.to_owned()));
    assert_eq!(actual, expected, "the contract changes only through an issue");
}

#[test]
fn the_contract_names_every_view_and_exception_type() {
    let text = contract("contract.md");
    let views = retail::views::tables().into_iter().map(|table| table.name);
    let types = retail::detectors::KINDS.iter().map(|kind| kind.name);
    for name in views.chain(types) {
        assert!(text.contains(&format!("| {name} |")), "contract.md does not define {name}");
    }
}
