//! Every reason has its page.
#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use std::fs;
use std::path::Path;

use sgsim::policy::{StateProfile, Timeouts};
use sgsim::replay::Reason;

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verdicts.md")).unwrap()
}

#[test]
fn every_reason_has_a_section_in_order() {
    let page = page();
    let documented: Vec<_> =
        page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    let codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(documented, codes);
}

#[test]
fn the_table_of_timeouts_is_what_the_profiles_say() {
    let page = page();
    for (index, key) in Timeouts::KEYS.iter().enumerate() {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{key}` |"))).unwrap();
        let cells: Vec<_> = row.split('|').skip(2).map(|cell| cell.trim().trim_matches(['(', ')'])).collect();
        for (profile, cell) in
            [StateProfile::HUAWEI, StateProfile::AWS, StateProfile::LINUX].iter().zip(cells)
        {
            let (_, timeout) = profile.timeouts.as_ref().unwrap().entries().nth(index).unwrap();
            assert_eq!(cell, timeout.as_secs().to_string(), "{key} of {}", profile.name);
        }
    }
}
