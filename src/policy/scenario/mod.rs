//! The scenario file: one YAML (or JSON) text that says who may talk to whom.
//!
//! [`Scenario::load`] reads it, tells every mistake in it, and gives the resolved [`Policy`] when there is none. The
//! language is described in `docs/scenario.md`. This room knows nothing of captures.

pub(crate) mod address;
pub(crate) mod keys;
pub(crate) mod name;
pub(crate) mod read;
pub(crate) mod rule;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod written;

use std::path::Path;

use crate::diag::{self, Diagnostic, Source, codes};
use crate::packet::AddressSet;

use super::cce::{self, Preset};
use super::import::link::Trust;
use super::inputs::{self, Content, InputFile, Inputs};
use super::{GroupId, Policy, resolve};

/// A scenario that was understood.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it means.
    pub policy: Policy,
    /// What the file says about itself; may be empty.
    pub description: String,
    /// The preset it starts from.
    pub preset: Option<&'static str>,
    /// The address sets: the preset's parameters first, then the file's, in the order written.
    pub sets: Vec<NamedSet>,
    /// By group.
    about: Vec<About>,
}

/// An address set with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSet {
    /// Its name.
    pub name: String,
    /// Everything in it, nested sets included.
    pub addresses: AddressSet,
}

/// A file as it was read: the scenario, or why there is none.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The text that the findings point into.
    pub source: Source,
    /// Every mistake and warning, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// The scenario; `None` when there was an error.
    pub scenario: Option<Scenario>,
}

/// What is known of a group beside its rules.
#[derive(Debug, Clone, Default)]
pub(super) struct About {
    /// Its name in the export that it comes from.
    pub(super) called: Option<String>,
    /// What it is for; may be empty.
    pub(super) description: String,
}

impl Scenario {
    /// Reads a file.
    pub fn load(path: &Path) -> Loaded {
        Self::load_all(&Inputs { files: vec![path.to_owned()], ..Inputs::default() })
    }

    /// Reads files, scenarios and exports, as one scenario.
    pub fn load_all(inputs: &Inputs) -> Loaded {
        let (files, trust) = inputs.open();
        Self::assemble(files, cce::presets(), trust)
    }

    /// Reads bytes that should be a scenario or an export; `name` is what findings call them.
    pub fn parse_bytes(name: &str, bytes: &[u8]) -> Loaded {
        Self::parse_all(&[(name, bytes)])
    }

    /// Reads several of them as one scenario.
    pub fn parse_all(files: &[(&str, &[u8])]) -> Loaded {
        let file = |(name, bytes): &(&str, &[u8])| InputFile {
            name: (*name).to_owned(),
            content: Content::Bytes(bytes.to_vec()),
        };
        Self::assemble(files.iter().map(file).collect(), cce::presets(), Trust::default())
    }

    /// Reads a text; `name` is what findings call it.
    pub fn parse(name: &str, text: &str) -> Loaded {
        Self::parse_with(name, text, cce::presets())
    }

    /// Reads a text that may start from one of these presets.
    pub(crate) fn parse_with(name: &str, text: &str, presets: &'static [Preset]) -> Loaded {
        let content = Content::Bytes(text.as_bytes().to_vec());
        Self::assemble(vec![InputFile { name: name.to_owned(), content }], presets, Trust::default())
    }

    fn assemble(files: Vec<InputFile>, presets: &'static [Preset], trust: Trust) -> Loaded {
        let mut diagnostics = Vec::new();
        let mut inputted = inputs::assemble(files, presets, trust, &mut diagnostics);
        let mut scenario = None;
        if let Some(mut written) = inputted.written.take() {
            let mut resolved = resolve::resolve(&written, &inputted.source, &mut diagnostics);
            inputted.place(&mut resolved.policy);
            scenario = Some(Self {
                policy: resolved.policy,
                description: std::mem::take(&mut written.description),
                preset: written.preset.map(|(preset, _)| preset.name),
                sets: resolved.sets,
                about: resolved.about,
            });
        }
        inputted.tell_places(&mut diagnostics);
        for finding in diagnostics.iter_mut().filter(|finding| finding.code == codes::EMPTY_FILE) {
            let help = "a scenario needs at least `groups:` or `preset:`, and `interfaces:`";
            finding.help.push(help.to_owned());
        }
        let source = inputted.source;
        diag::tidy(&mut diagnostics, &source);
        if diagnostics.iter().any(Diagnostic::is_error) {
            scenario = None;
            // These are often only the shadow of the mistake beside them.
            let shadows = [codes::EMPTY_REMOTE, codes::NO_INTERFACES];
            diagnostics.retain(|finding| !shadows.contains(&finding.code));
        }
        Loaded { source, diagnostics, scenario }
    }

    /// What a group is for; may be empty.
    pub fn group_description(&self, group: GroupId) -> &str {
        &self.about[group.0 as usize].description
    }

    /// What the input that a group comes from calls it. That may be more than a scenario's name can hold, and several groups
    /// may have it.
    pub fn group_called(&self, group: GroupId) -> &str {
        let called = self.about[group.0 as usize].called.as_deref();
        called.unwrap_or(&self.policy.group(group).name)
    }
}

impl Loaded {
    /// The policy, when the file has no error.
    pub fn policy(&self) -> Option<&Policy> {
        self.scenario.as_ref().map(|scenario| &scenario.policy)
    }

    /// All findings as text, with the lines they are about.
    pub fn render(&self, style: diag::Style) -> String {
        diag::render_all(&self.diagnostics, &self.source, style)
    }
}
