//! The files that a scenario is made of: scenarios, exports of clouds and tools, and what the command line adds.
//!
//! They are read as one text, each in its own stretch of bytes, so that every finding and every rule's origin knows its
//! file. What a file is, its content tells.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diag::{Diagnostic, Source, Span, codes, did_you_mean};

use super::cce::Preset;
use super::import::link::{Layer, Trust};
use super::import::{self, Facts, console};
use super::scenario::written::Written;
use super::scenario::{keys, read};
use super::tree::{Node, Piece};
use super::{Policy, json, yaml};

/// Everything that a scenario is made of.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Scenarios and exports; a later one is listened to over an earlier one.
    pub files: Vec<PathBuf>,
    /// Interfaces by hand: `node=192.168.0.21,192.168.0.22` binds the group to these addresses.
    pub attach: Vec<String>,
    /// Groups that were read through a form that hides deny rules are known to have none.
    pub trust_allow: bool,
}

/// A file as it was found: what findings call it, and its bytes.
pub(super) struct InputFile {
    pub(super) name: String,
    pub(super) content: Content,
}

/// What a file holds.
pub(super) enum Content {
    Bytes(Vec<u8>),
    /// Lines of `--attach`.
    Attach(String),
    Unreadable(std::io::Error),
}

impl Inputs {
    /// Opens all files.
    pub(super) fn open(&self) -> (Vec<InputFile>, Trust) {
        let open = |path: &PathBuf| {
            let content = yaml::read_bounded(path).map_or_else(Content::Unreadable, Content::Bytes);
            InputFile { name: path.display().to_string(), content }
        };
        let mut files: Vec<_> = self.files.iter().map(open).collect();
        if !self.attach.is_empty() {
            files.push(InputFile {
                name: "--attach".to_owned(),
                content: Content::Attach(self.attach.join("\n")),
            });
        }
        (files, Trust { allow_only: self.trust_allow })
    }
}

/// All files, read.
pub(super) struct Inputted {
    pub(super) source: Source,
    pub(super) written: Option<Written>,
    exports: Vec<Export>,
}

/// What is kept of an export to name places in it.
struct Export {
    extent: Span,
    /// The tree; none of a sheet or of `--attach`, whose lines say enough.
    root: Option<Node>,
    /// Better names, by byte.
    places: Vec<(usize, Arc<str>)>,
}

/// Reads all files and brings them together. There is nothing when one of them cannot be read at all.
pub(super) fn assemble(
    files: Vec<InputFile>,
    presets: &'static [Preset],
    trust: Trust,
    findings: &mut Vec<Diagnostic>,
) -> Inputted {
    let several = files.len() > 1;
    let (mut sources, mut kinds) = (Vec::new(), Vec::new());
    for file in files {
        let (text, kind) = file.text();
        sources.push(Source::new(file.name, text));
        kinds.push(kind);
    }
    let parts = sources.clone();
    let source = Source::joined(sources);
    let (mut layers, mut exports, mut start) = (Vec::new(), Vec::new(), 0);
    let mut complete = true;
    for (part, kind) in parts.iter().zip(kinds) {
        // An empty text shares its place with the next, so its own findings come first.
        let extent = start..start + part.text.len();
        start = extent.end + usize::from(several && !part.text.ends_with('\n'));
        let mut reader = Reader { part, start: extent.start, findings, local: vec![] };
        let read = match kind {
            Kind::Text => reader.text(),
            Kind::Sheet => reader.sheet(),
            Kind::Attach => {
                Some(Understood::Export(Box::new(import::attach::read(&part.text, &mut reader.local)), None))
            }
            Kind::Broken(finding) => {
                reader.local.push(*finding);
                None
            }
        };
        let found = reader.local;
        let shifted = matches!(read, Some(Understood::Export(_, None)));
        let at =
            extent.start..extent.start + part.text.lines().next().map_or(0, |line| line.trim_end().len());
        for mut finding in found {
            finding.shift(extent.start);
            if finding.primary.is_none() && several {
                finding = finding.at(at.clone(), "");
            }
            findings.push(finding);
        }
        match read {
            None => complete = false,
            Some(Understood::Scenario(root)) => {
                layers.push(Layer::Scenario(read::scenario(&root, presets, findings)));
            }
            Some(Understood::Export(mut facts, root)) => {
                if shifted {
                    facts.shift(extent.start);
                }
                if facts.count() == 0 && facts.is_silent() {
                    let message = format!("{}: nothing in it can be used", facts.format);
                    findings.push(Diagnostic::new(codes::NOTHING_USED, message).at(at.clone(), ""));
                }
                exports.push(Export { extent, root, places: std::mem::take(&mut facts.places) });
                layers.push(Layer::Export(*facts, at));
            }
        }
    }
    let written = complete.then(|| import::link::link(layers, trust, findings));
    Inputted { source, written, exports }
}

impl Inputted {
    /// Names where in its export every rule and interface stands.
    pub(super) fn place(&self, policy: &mut Policy) {
        let origins = policy.rules.iter_mut().map(|rule| &mut rule.origin);
        for origin in origins.chain(policy.interfaces.iter_mut().map(|interface| &mut interface.origin)) {
            if origin.line > 0 {
                origin.place = self.place_at(origin.span.start);
            }
        }
    }

    /// Names it in findings.
    pub(super) fn tell_places(&self, findings: &mut [Diagnostic]) {
        for finding in findings.iter_mut().filter(|finding| finding.code != codes::ASSUMED) {
            let Some(label) = &mut finding.primary else { continue };
            if let Some(place) = self.place_at(label.span.start) {
                label.text = if label.text.is_empty() {
                    place.to_string()
                } else {
                    format!("{} ({place})", label.text)
                };
            }
        }
    }

    fn place_at(&self, at: usize) -> Option<Arc<str>> {
        let export = self.exports.iter().find(|export| export.extent.contains(&at))?;
        let root = export.root.as_ref()?;
        let pointer = root.pointer(at);
        let known = export.places.partition_point(|&(start, _)| start <= at);
        if let Some((start, place)) = known.checked_sub(1).and_then(|known| export.places.get(known)) {
            // What stands behind the last resource of a module is not in it.
            let rest = pointer.strip_prefix(&root.pointer(*start));
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                return Some(place.clone());
            }
        }
        Some(pointer).filter(|pointer| !pointer.is_empty()).map(Into::into)
    }
}

/// How a text is to be read.
enum Kind {
    Text,
    Sheet,
    Attach,
    Broken(Box<Diagnostic>),
}

impl InputFile {
    /// The file as text, and how to read it.
    fn text(&self) -> (String, Kind) {
        let bytes = match &self.content {
            Content::Bytes(bytes) => bytes,
            Content::Attach(text) => return (text.clone(), Kind::Attach),
            Content::Unreadable(error) => {
                let finding = Diagnostic::new(codes::UNREADABLE_FILE, format!("cannot be read: {error}"));
                return (String::new(), Kind::Broken(Box::new(finding)));
            }
        };
        if console::looks_like(bytes) {
            return match console::text(bytes) {
                Ok(text) => (text, Kind::Sheet),
                Err(error) => {
                    let finding =
                        Diagnostic::new(codes::UNKNOWN_FORMAT, format!("no workbook can be read: {error}"));
                    (String::new(), Kind::Broken(Box::new(finding)))
                }
            };
        }
        match yaml::decode(&self.name, bytes) {
            Ok(text) => (text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(), Kind::Text),
            Err(unread) => (unread.0.text, Kind::Broken(Box::new(unread.1))),
        }
    }
}

/// What a file turned out to be.
enum Understood {
    /// A scenario, in the places of the whole source.
    Scenario(Node),
    /// An export; with its tree it is in the places of the whole source, without in its own.
    Export(Box<Facts>, Option<Node>),
}

struct Reader<'r> {
    part: &'r Source,
    start: usize,
    /// Findings in the places of the whole source.
    findings: &'r mut Vec<Diagnostic>,
    /// Findings in the places of the file.
    local: Vec<Diagnostic>,
}

impl Reader<'_> {
    /// The name of the file without folder and extension.
    fn stem(&self) -> Piece {
        let stem = Path::new(&self.part.name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Piece::elsewhere(stem.as_deref().unwrap_or(&self.part.name), &(0..0))
    }

    fn sheet(&mut self) -> Option<Understood> {
        let read = console::read(&self.part.text, &self.stem(), &mut self.local);
        if read.is_none() {
            let finding = Diagnostic::new(codes::UNKNOWN_FORMAT, "no row of the sheet names its columns");
            self.local.push(
                finding.help("expected Direction, Priority, Action, Protocol & Port, Type, Source, ..."),
            );
        }
        read.map(|facts| Understood::Export(Box::new(facts), None))
    }

    fn text(&mut self) -> Option<Understood> {
        if !json::looks_like(&self.part.text) {
            return self.yaml();
        }
        let mut root = match json::parse(self.part) {
            Ok(root) => root,
            Err(finding) => {
                // YAML with braces is a scenario all the same.
                let read = self.yaml();
                if read.is_none() {
                    self.local = vec![*finding];
                }
                return read;
            }
        };
        root.shift(self.start);
        let mut stem = self.stem();
        stem.span = root.span.clone();
        match import::read(&root, &stem, self.findings) {
            Some(facts) => Some(Understood::Export(Box::new(facts), Some(root))),
            None if is_scenario(&root) => self.yaml(),
            None => {
                self.findings.push(unknown(&root));
                None
            }
        }
    }

    fn yaml(&mut self) -> Option<Understood> {
        let mut root = yaml::parse(self.part, &mut self.local)?;
        root.shift(self.start);
        Some(Understood::Scenario(root))
    }
}

/// Whether a JSON mapping means to be a scenario: one of its keys is one, or nearly, or there is none.
fn is_scenario(root: &Node) -> bool {
    let known = || keys::SCENARIO.iter().map(|key| key.name);
    let entries = root.entries();
    let is_key = |key: &str| known().any(|name| name == key) || did_you_mean(key, known()).is_some();
    root.items().is_empty() && (entries.is_empty() || entries.iter().any(|(key, _)| is_key(&key.text)))
}

fn unknown(root: &Node) -> Diagnostic {
    let of = root.items().first().unwrap_or(root);
    let keys: Vec<&str> = of.entries().iter().take(6).map(|(key, _)| key.text.as_str()).collect();
    let what = if root.items().is_empty() { "a mapping" } else { "a list of mappings" };
    let keys = if keys.is_empty() { "no keys".to_owned() } else { keys.join(", ") };
    let message = format!("{what} with {keys} is in no form that is known");
    let finding = Diagnostic::new(codes::UNKNOWN_FORMAT, message).at(root.span.clone(), "");
    finding.help(format!("known are {}", import::FORMS))
}
