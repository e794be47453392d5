//! `sgsim preset list` and `sgsim preset show`: the presets as a table, and one of them as a scenario to edit.
//!
//! The scenario printed means exactly what `preset: NAME` with `with:` means. This file writes scenarios and never
//! reads one.

use std::io::{self, Write};

use crate::packet::{AddressRange, ParseAddressError};
use crate::policy::Direction;
use crate::policy::cce::{self, Parameter, Preset, PresetGroup, PresetRule};

#[cfg(test)]
mod page;
#[cfg(test)]
mod tests;

/// Comments end before this column.
const WIDTH: usize = 100;

/// Why a preset could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    /// There is no preset of this name.
    #[error("no preset is called '{name}', there are {}", names(cce::presets().iter().map(|p| p.name)))]
    NoSuchPreset {
        /// The name asked for.
        name: String,
    },
    /// Parameters are missing or wrong: every mistake, in the order made, what is missing last.
    #[error("preset {preset}: {}", mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings {
        /// The preset.
        preset: &'static str,
        /// What is wrong with its parameters; never empty.
        mistakes: Vec<SettingMistake>,
    },
    /// The output could not be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Something wrong with one parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingMistake {
    /// The preset has no parameter of this name.
    #[error("it has no parameter '{name}', only {}", names(known.iter().copied()))]
    Unknown {
        /// The name set.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// It was set twice.
    #[error("parameter '{name}' is set twice, several addresses are separated by commas")]
    Twice {
        /// Its name.
        name: &'static str,
    },
    /// One of its addresses cannot be read.
    #[error("parameter '{name}': {reason}")]
    BadAddress {
        /// Its name.
        name: &'static str,
        /// What is wrong with the address.
        reason: ParseAddressError,
    },
    /// They have no default and were not set.
    #[error("{}", missing(parameters))]
    Missing {
        /// All parameters that must still be set.
        parameters: Vec<&'static Parameter>,
    },
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// Names what must be set, with what each is.
fn missing(parameters: &[&Parameter]) -> String {
    let what = parameters.iter().map(|p| format!("{}: {}", p.name, p.about)).collect::<Vec<_>>().join(", ");
    match parameters {
        [one] => format!("parameter {} must be set ({})", one.name, one.about),
        _ => format!("parameters {} must be set ({what})", names(parameters.iter().map(|p| p.name))),
    }
}

/// Finds a preset by name, or says which there are.
pub fn find(name: &str) -> Result<&'static Preset, PresetError> {
    cce::find(name).ok_or_else(|| PresetError::NoSuchPreset { name: name.to_owned() })
}

/// Writes all presets, a line each: name, groups, number of rules, parameters that must be set, source and date.
pub fn write_list(out: &mut impl Write) -> io::Result<()> {
    let row = |preset: &Preset| {
        [
            preset.name.to_owned(),
            names(preset.groups.iter().map(|group| group.name)),
            preset.rule_count().to_string(),
            names(preset.required()),
            format!("{}, read {}", preset.source, preset.date),
        ]
    };
    let head = ["PRESET", "GROUPS", "RULES", "MUST BE SET", "SOURCE"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(cce::presets().iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (name, groups, rules, set) = (width(0), width(1), width(2), width(3));
    for [a, b, c, d, e] in &rows {
        writeln!(out, "{a:name$}  {b:groups$}  {c:>rules$}  {d:set$}  {e}")?;
    }
    Ok(())
}

/// Writes the preset as a complete scenario, its parameters set to what was given or else to their defaults.
///
/// A value is an address, CIDR or range, or several separated by commas. Nothing is written when a parameter is
/// unknown, wrong or missing; the error names all of them.
pub fn write_show(
    out: &mut impl Write,
    preset: &'static Preset,
    settings: &[(&str, &str)],
) -> Result<(), PresetError> {
    let values = resolve(preset, settings)?;
    write_head(out, preset)?;
    writeln!(out, "\naddresses:")?;
    for (parameter, ranges) in preset.parameters.iter().zip(values) {
        comment(out, 2, parameter.about)?;
        let ranges: Vec<_> = ranges.into_iter().map(yaml_address).collect();
        writeln!(out, "  {}: [{}]", parameter.name, ranges.join(", "))?;
    }
    writeln!(out, "\ngroups:")?;
    for (i, group) in preset.groups.iter().enumerate() {
        if i > 0 {
            writeln!(out)?;
        }
        write_group(out, group)?;
    }
    Ok(write_interfaces(out, preset)?)
}

/// The addresses of each parameter, in the preset's order.
fn resolve(
    preset: &'static Preset,
    settings: &[(&str, &str)],
) -> Result<Vec<Vec<AddressRange>>, PresetError> {
    let mut mistakes = Vec::new();
    for (i, (name, value)) in settings.iter().enumerate() {
        let Some(parameter) = preset.parameter(name) else {
            let known = preset.parameters.iter().map(|parameter| parameter.name).collect();
            mistakes.push(SettingMistake::Unknown { name: (*name).to_owned(), known });
            continue;
        };
        if settings[..i].iter().any(|(earlier, _)| earlier == name) {
            mistakes.push(SettingMistake::Twice { name: parameter.name });
        }
        for reason in value.split(',').filter_map(|text| text.parse::<AddressRange>().err()) {
            mistakes.push(SettingMistake::BadAddress { name: parameter.name, reason });
        }
    }
    let given = |parameter: &Parameter| settings.iter().find(|(name, _)| *name == parameter.name);
    let missing: Vec<_> =
        preset.parameters.iter().filter(|p| p.is_required() && given(p).is_none()).collect();
    if !missing.is_empty() {
        mistakes.push(SettingMistake::Missing { parameters: missing });
    }
    if !mistakes.is_empty() {
        return Err(PresetError::Settings { preset: preset.name, mistakes });
    }
    let ranges = |parameter: &Parameter| match given(parameter) {
        Some((_, value)) => value.split(',').filter_map(|text| text.parse().ok()).collect(),
        None => parameter.default.iter().filter_map(|text| text.parse().ok()).collect(),
    };
    Ok(preset.parameters.iter().map(ranges).collect())
}

/// An address as an item of a list in brackets, where a colon needs quotes.
fn yaml_address(range: AddressRange) -> String {
    let text = range.to_string();
    if text.contains(':') { format!("\"{text}\"") } else { text }
}

fn write_head(out: &mut impl Write, preset: &Preset) -> io::Result<()> {
    comment(out, 0, &format!("{}: {}.", preset.name, preset.title))?;
    comment(out, 0, &format!("Source: {}, read {}.", preset.source, preset.date))?;
    comment(out, 0, "Written by `sgsim preset show`, to be edited.")?;
    writeln!(out, "#")?;
    comment(out, 0, "What it assumes, and what is not known:")?;
    for note in preset.notes {
        item(out, note)?;
    }
    Ok(())
}

fn write_group(out: &mut impl Write, group: &PresetGroup) -> io::Result<()> {
    comment(out, 2, &format!("{}.", capitalised(group.about)))?;
    writeln!(out, "  {}:", group.name)?;
    for direction in Direction::BOTH {
        let rules = group.rules(direction);
        if rules.is_empty() {
            continue;
        }
        writeln!(out, "    {direction}:")?;
        for rule in rules {
            comment(out, 6, &format!("{}.", capitalised(rule.purpose)))?;
            comment(out, 6, &advice(rule))?;
            comment(out, 6, &format!("Without it: {}.", rule.breaks))?;
            writeln!(out, "      - {} id {}", rule.words, rule.id)?;
        }
    }
    Ok(())
}

/// The advice as sentences, with what a changed rule has to admit.
fn advice(rule: &PresetRule) -> String {
    let mut text = format!("{}.", rule.advice.sentence());
    if !rule.admit.is_empty() {
        text += " Changed, it has to admit ";
        text += rule.admit;
        text.push('.');
    }
    text
}

/// The purpose starts a sentence here, and only its first letter can need a change.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn write_interfaces(out: &mut impl Write, preset: &Preset) -> io::Result<()> {
    writeln!(out)?;
    comment(
        out,
        0,
        "Who has these groups: an entry for each network interface, with its own addresses, the networks \
         routed to it and its groups in the order bound. For example:",
    )?;
    writeln!(out, "#\n# interfaces:")?;
    writeln!(out, "#   master-1: {{ addresses: 192.168.0.10, groups: [control] }}")?;
    if preset.group("eni").is_some() {
        writeln!(out, "#   node-1: {{ addresses: 192.168.0.21, groups: [node] }}")?;
        writeln!(out, "#   pod-1: {{ addresses: 192.168.64.5, groups: [eni] }}")
    } else {
        writeln!(out, "#   node-1: {{ addresses: 192.168.0.21, groups: [node], behind: 10.0.1.0/24 }}")
    }
}

/// Writes a comment, wrapped.
fn comment(out: &mut impl Write, indent: usize, text: &str) -> io::Result<()> {
    for line in wrap(text, WIDTH - indent - 2) {
        writeln!(out, "{:indent$}# {line}", "")?;
    }
    Ok(())
}

/// Writes an item of a list in a comment, wrapped.
fn item(out: &mut impl Write, text: &str) -> io::Result<()> {
    for (i, line) in wrap(text, WIDTH - 4).into_iter().enumerate() {
        writeln!(out, "# {} {line}", if i == 0 { "-" } else { " " })?;
    }
    Ok(())
}

/// Breaks a text at its spaces.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
