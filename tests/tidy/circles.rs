//! Circles among the modules of a package: files that use each other, directly or over others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{code, sources};

/// The modules under a package's `src` that are in a circle or use one that is, each with those it uses; empty if there
/// is no circle. What the files `except` use does not count.
///
/// A module is a file without its tests. It uses every module that a path from `crate::` in it leads to.
pub(super) fn find(src: &Path, except: &[PathBuf]) -> Vec<String> {
    let files: BTreeMap<String, PathBuf> = sources(&[src.to_str().expect("a path")])
        .into_iter()
        .map(|(path, _)| (module(src, &path), path))
        .filter(|(name, _)| name != "main" && !name.split("::").any(|part| part == "tests"))
        .collect();
    let uses = |name: &String, path: &PathBuf| -> BTreeSet<String> {
        let text = std::fs::read_to_string(path).expect("text");
        let paths = if except.contains(path) { Vec::new() } else { paths(&code(&text)) };
        paths.iter().map(|path| owner(&files, path)).filter(|used| used != name).collect()
    };
    let mut uses: BTreeMap<String, BTreeSet<String>> =
        files.iter().map(|(name, path)| (name.clone(), uses(name, path))).collect();
    // Whoever uses none that is left is in no circle.
    loop {
        let left: BTreeSet<String> = uses.keys().cloned().collect();
        uses.retain(|_, used| used.iter().any(|one| left.contains(one)));
        if uses.len() == left.len() {
            break;
        }
    }
    let left: BTreeSet<String> = uses.keys().cloned().collect();
    let line = |(name, used): (&String, &BTreeSet<String>)| {
        format!("{name} uses {}", used.intersection(&left).cloned().collect::<Vec<_>>().join(", "))
    };
    uses.iter().map(line).collect()
}

/// The name of the module in a file, without `crate::`.
fn module(src: &Path, file: &Path) -> String {
    let path = file.strip_prefix(src).expect("under it").with_extension("");
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    parts.join("::").trim_end_matches("::mod").to_owned()
}

/// The module that a path from `crate::` leads into: the longest that there is a file for.
fn owner(files: &BTreeMap<String, PathBuf>, path: &str) -> String {
    let parts: Vec<&str> = path.split("::").collect();
    let modules = (1..=parts.len()).rev().map(|length| parts[..length].join("::"));
    modules.into_iter().find(|module| files.contains_key(module)).unwrap_or_else(|| "lib".to_owned())
}

/// Every path from `crate::` in code, without `crate::`.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let tree = &code[at + "crate::".len()..];
        let ends = if code[..at].ends_with("use ") {
            tree.find(';')
        } else {
            tree.find(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '_' | ':'))
        };
        expand("", &tree[..ends.unwrap_or(tree.len())], &mut found);
    }
    found
}

/// Takes `a::{b, c::{d, e}}` apart: `a::b`, `a::c::d`, `a::c::e`.
fn expand(before: &str, tree: &str, into: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or_default();
        into.push(format!("{before}{name}").trim_end_matches("::self").to_owned());
        return;
    };
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut from) = (0, 0);
    for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[from..at].trim().is_empty() {
                    expand(&format!("{before}{head}"), &inner[from..at], into);
                }
                from = (at + 1).min(inner.len());
            }
            _ => {}
        }
    }
}

#[test]
fn paths_are_taken_apart_and_lead_to_their_files() {
    let code = "use crate::a::{self, b::C, d::{e as f, G}};\nfn h() { crate::i::j() }";
    assert_eq!(paths(code), ["a", "a::b::C", "a::d::e", "a::d::G", "i::j"]);
    let files = ["a", "a::b"].map(|name| (name.to_owned(), PathBuf::new())).into();
    let owners = ["a::b::C", "a::d", "i::j"].map(|path| owner(&files, path));
    assert_eq!(owners, ["a::b", "a", "lib"]);
}

#[test]
fn a_circle_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("a.rs", "use crate::b::B;");
    write("b.rs", "use crate::c::{C, D};");
    write("c.rs", "// use crate::a\n#[cfg(test)]\nuse crate::a::A;");
    assert_eq!(find(folder.path(), &[]), [""; 0]);
    write("c.rs", "fn c() { crate::a::a() }");
    assert_eq!(find(folder.path(), &[]), ["a uses b", "b uses c", "c uses a"]);
    assert_eq!(find(folder.path(), &[folder.path().join("c.rs")]), [""; 0]);
}
