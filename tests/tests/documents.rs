//! The pages in `docs/` that the code makes are the ones that it makes now, and their links lead somewhere.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::path::{Path, PathBuf};

use plinth_identity::examples::matching_rules_markdown;
use plinth_identity::policy::deduplication_markdown;
use plinth_identity::reason::reasons_markdown;

/// Asked for at run time: checkouts may share one build folder.
fn docs() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    Path::new(&here).parent().unwrap().join("docs")
}

/// Compares a page with what the code makes of it, or writes it if that is wanted.
fn must_be(page: &str, expected: &str) {
    let path = docs().join(page);
    if std::env::var_os("PLINTH_WRITE_DOCS").is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "docs/{page} differs from the code, first at line {}; write it again: PLINTH_WRITE_DOCS=1 cargo test --release \
         --workspace --locked --test documents",
        differs.map_or_else(|| found.lines().count().min(expected.lines().count()) + 1, |line| line + 1)
    );
}

#[test]
fn the_page_about_reasons_is_the_table_of_the_code() {
    must_be("reasons.md", &reasons_markdown());
}

#[test]
fn the_page_about_deduplication_is_the_policy_of_the_code() {
    must_be("deduplication.md", &deduplication_markdown());
}

#[test]
fn the_page_about_matching_is_made_of_the_examples_that_run_as_tests() {
    must_be("matching-rules.md", &matching_rules_markdown());
}

#[test]
fn every_link_of_a_page_leads_to_a_file() {
    let mut lost = Vec::new();
    for page in
        ["calls.md", "sandbox.md", "reasons.md", "matching-rules.md", "deduplication.md", "metrics.md"]
    {
        let text = std::fs::read_to_string(docs().join(page)).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.contains("://") && !file.is_empty() && !docs().join(file).exists() {
                lost.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(lost.is_empty(), "linked but not there: {lost:#?}");
}

#[test]
fn every_call_in_the_page_of_calls_says_what_comes_of_it() {
    let text = std::fs::read_to_string(docs().join("calls.md")).unwrap();
    let fences: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("```")).filter(|kind| !kind.is_empty()).collect();
    let calls = fences.iter().filter(|kind| **kind == "sh").count();
    assert!(calls >= 8, "{calls} calls");
    for pair in fences.windows(2) {
        assert!(
            pair[0] != "sh" || pair[1] == "text",
            "a block of sh is followed by the text that it prints: {pair:?}"
        );
    }
    assert_eq!(fences.last(), Some(&"text"));
}
