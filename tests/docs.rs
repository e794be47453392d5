//! The commands in the documentation do what stands there.
//!
//! In a ```` ```console ```` block, a line that starts with `$ ` is run and what follows is what it prints.
//! `UPDATE_DOCS=1 cargo test --test docs` writes what they print today.
#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md"), root.join("captures/README.md")];
    pages.extend(fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    pages
}

/// Splits a command line as a shell does, as far as the pages need it: spaces and single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            letter => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What a command of the pages prints to standard output; `None` for commands that are not ours to run.
fn output(command: &str) -> Option<String> {
    let arguments =
        command.strip_prefix("sgsim ").or_else(|| command.strip_prefix("cargo run --release -- "))?;
    let run = Command::new(env!("CARGO_BIN_EXE_sgsim"))
        .args(words(arguments))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .output()
        .unwrap();
    assert!(run.status.success(), "{command}: {}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).unwrap();
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    Some(lines.join("\n") + "\n")
}

/// The page with the output of its commands as it is today.
fn refreshed(page: &str) -> String {
    let mut fresh = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        fresh.push_str(line);
        fresh.push('\n');
        if line != "```console" {
            continue;
        }
        let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        let mut old = block.iter().peekable();
        while let Some(line) = old.next() {
            fresh.push_str(line);
            fresh.push('\n');
            if let Some(text) = line.strip_prefix("$ ").and_then(output) {
                fresh.push_str(&text);
                while old.next_if(|line| !line.starts_with("$ ")).is_some() {}
            }
        }
        fresh.push_str("```\n");
    }
    fresh
}

#[test]
fn commands_print_what_the_pages_say() {
    let mut commands = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        commands += page
            .lines()
            .filter(|line| line.starts_with("$ sgsim ") || line.starts_with("$ cargo run"))
            .count();
        let fresh = refreshed(&page);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, fresh).unwrap();
        } else {
            assert!(
                fresh == page,
                "{} is stale: run UPDATE_DOCS=1 cargo test --test docs and look at what changed",
                path.display()
            );
        }
    }
    assert!(commands >= 3, "the README shows its commands");
}

/// Every local link leads somewhere.
#[test]
fn links_between_pages_lead_somewhere() {
    for path in pages().into_iter().chain([Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")]) {
        let page = fs::read_to_string(&path).unwrap();
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            assert!(path.parent().unwrap().join(target).exists(), "{}: {link}", path.display());
        }
    }
}
