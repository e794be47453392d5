//! From a suite as written to expectations: names become addresses, steps and rules of the scenario.

use std::path::{Path, PathBuf};

use crate::diag::{Diagnostic, Source, codes};
use crate::packet::{AddressSet, Flow};
use crate::policy::Scenario;
use crate::policy::language::{Findings, Piece, service};
use crate::replay::ConnectionVerdict;
use crate::space::{PacketSet, ServiceSet};

use super::Universal;
use super::bless::Places;
use super::expectation::{Claim, Connections, Expectation, Outcome};
use super::names::Names;
use super::written::{Written, WrittenExpectation};

/// Looks up everything that the expectations name. `folder` is where relative paths start.
///
/// `findings` has what concerns the whole suite. What is wrong with one expectation is its own: it is kept in the
/// expectation, which cannot be checked then, and told beside the others in the second list.
pub(super) fn resolve(
    suite: &Written,
    source: &Source,
    folder: &Path,
    scenario: &Scenario,
    optional: bool,
    findings: &mut Findings,
) -> (Vec<Expectation>, Findings) {
    let mut own = Findings::new();
    let names = Names::new(scenario, suite, findings);
    let mut one = |written: &WrittenExpectation| {
        if written.broken {
            return None;
        }
        let mut found = Findings::new();
        let claim = claim(written, suite, folder, &names, &mut found).unwrap_or(Claim::Nothing);
        let mistake = mistake(&found);
        if !optional {
            own.append(&mut found);
        }
        let name = if written.name.is_empty() { summary(written) } else { written.name.clone() };
        Some(Expectation {
            name,
            tags: written.tags.clone(),
            impact: written.impact.clone(),
            advice: written.advice,
            optional,
            places: places(written),
            span: written.span.clone(),
            line: source.line(written.span.start),
            claim,
            mistake,
        })
    };
    let expectations = suite.expectations.iter().filter_map(&mut one).collect();
    (expectations, own)
}

/// Where the values stand that can be blessed.
fn places(written: &WrittenExpectation) -> Places {
    Places {
        expect: written.expect.as_ref().map(|(_, span)| span.clone()),
        reason: written.reason.as_ref().map(|(_, span)| span.clone()),
        step: written.step.as_ref().map(|step| (step.span.clone(), step.text.trim().contains(' '))),
        rule: written.rule.as_ref().map(|rule| rule.span.clone()),
        counts: written.counts.iter().map(|(.., span)| span.clone()).collect(),
    }
}

/// What is wrong with an expectation, in one sentence each.
fn mistake(findings: &[Diagnostic]) -> Option<String> {
    let errors = findings.iter().filter(|finding| finding.is_error());
    let told: Vec<_> = errors.map(|finding| finding.message.clone()).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// What an expectation without a name is called: what it says, in the words of the file.
fn summary(written: &WrittenExpectation) -> String {
    let list = |pieces: &[Piece]| {
        if pieces.is_empty() {
            return "nothing".to_owned();
        }
        pieces.iter().map(|piece| piece.text.as_str()).collect::<Vec<_>>().join(", ")
    };
    let mut words = vec![];
    words.extend(written.flows.iter().map(|flows| list(flows)));
    let sides = [("from", &written.from), ("to", &written.to)];
    words.extend(sides.iter().filter_map(|(side, of)| Some(format!("{side} {}", list(of.as_ref()?)))));
    words.extend(written.services.iter().map(|services| list(services)));
    words.extend(written.expect.iter().map(|(verdict, _)| verdict.to_string()));
    words.extend(written.universal.iter().map(|(universal, of, _)| format!("{universal} {}", list(of))));
    words.extend(written.counts.iter().map(|(verdict, count, _)| {
        format!("{} {count}", verdict.map_or("connections", ConnectionVerdict::code))
    }));
    words.join(" ")
}

fn claim(
    written: &WrittenExpectation,
    suite: &Written,
    folder: &Path,
    names: &Names,
    findings: &mut Findings,
) -> Option<Claim> {
    check_keys(written, findings)?;
    if let Some(flows) = &written.flows {
        let outcome = outcome(written, names, findings);
        let flows: Vec<_> = flows.iter().map(|text| flow(text, findings)).collect();
        let flows = flows.into_iter().collect::<Option<Vec<_>>>()?;
        return Some(Claim::Flows(flows, outcome?));
    }
    if written.capture.is_some() || !written.counts.is_empty() {
        return connections(written, suite, folder, names, findings).map(Claim::Connections);
    }
    let (universal, texts) = match (&written.universal[..], &written.services) {
        ([(universal, services, _)], _) => (Some(*universal), services),
        (_, Some(services)) => (None, services),
        _ => return None,
    };
    let outcome = outcome(written, names, findings);
    let asked = services(texts, findings);
    let (from, to) =
        (side(written.from.as_deref(), names, findings), side(written.to.as_deref(), names, findings));
    let (outcome, asked, from, to) = (outcome?, asked?, from?, to?);
    let asked = if universal == Some(Universal::Only) { ServiceSet::any().difference(&asked) } else { asked };
    let packets = PacketSet::new(&from, &to, &asked);
    if packets.is_empty() {
        let what = match () {
            () if from.is_empty() => "`from` holds no address",
            () if to.is_empty() => "`to` holds no address",
            () if asked.is_empty() => "there is no service left",
            () => "`from`, `to` and the services have no family in common",
        };
        findings.push(nothing(written, what));
        return None;
    }
    Some(Claim::Packets(packets, outcome, universal))
}

/// Tells that an expectation chooses nothing.
fn nothing(written: &WrittenExpectation, what: &str) -> Diagnostic {
    let message = format!("the expectation is about no packet: {what}");
    let finding = Diagnostic::new(codes::MATCHED_NOTHING, message).at(written.span.clone(), "");
    finding.help("an expectation that cannot fail is no test: correct it, or remove it")
}

/// Tells keys that do not go together, and those that miss.
fn check_keys(written: &WrittenExpectation, findings: &mut Findings) -> Option<()> {
    let counted = !written.counts.is_empty();
    let capture = written.capture.is_some() || counted;
    let universal = written.universal.first().map(|(universal, ..)| universal.code());
    let second = written.universal.get(1).map(|(universal, ..)| universal.code());
    let set = written.from.is_some() || written.to.is_some();
    let conflict = [
        ("flow", "from` or `to", written.flows.is_some() && set),
        ("flow", "services", written.flows.is_some() && written.services.is_some()),
        ("flow", "capture", written.flows.is_some() && written.capture.is_some()),
        ("flow", "a count", written.flows.is_some() && counted),
        ("flow", universal.unwrap_or_default(), written.flows.is_some() && universal.is_some()),
        (universal.unwrap_or_default(), "services", universal.is_some() && written.services.is_some()),
        (universal.unwrap_or_default(), "expect", universal.is_some() && written.expect.is_some()),
        (universal.unwrap_or_default(), "capture", universal.is_some() && written.capture.is_some()),
        (universal.unwrap_or_default(), "a count", universal.is_some() && counted),
        (universal.unwrap_or_default(), second.unwrap_or_default(), second.is_some()),
    ];
    if let Some((one, other, _)) = conflict.iter().find(|(.., found)| *found) {
        let message = format!("`{one}` and `{other}` do not go together").replace("`a count`", "a count");
        let finding = Diagnostic::new(codes::CONFLICTING_KEYS, message).at(written.span.clone(), "");
        findings.push(finding.help("write two expectations"));
        return None;
    }
    let about = written.flows.is_some() || capture || universal.is_some() || written.services.is_some();
    let decided = written.reason.is_some() || written.step.is_some() || written.rule.is_some();
    let missing = if !about {
        Some((
            "which traffic it is about",
            "add `flow`, or `from`, `to` and `services`, or counts of a capture",
        ))
    } else if universal.is_none() && written.expect.is_none() && (!counted || decided) {
        Some(("what is expected", "add `expect: allowed` or `expect: blocked`"))
    } else if !capture && written.flows.is_none() && !set {
        Some(("from where or to where", "add `from` or `to`; `any` is everyone"))
    } else {
        None
    };
    let Some((what, help)) = missing else { return Some(()) };
    let finding = Diagnostic::new(codes::MISSING_KEY, format!("the expectation does not say {what}"));
    findings.push(finding.at(written.span.clone(), "").help(help));
    None
}

/// What is expected; what could not be looked up is told, and left out so that the traffic can be judged all the same.
fn outcome(written: &WrittenExpectation, names: &Names, findings: &mut Findings) -> Option<Outcome> {
    let universal = written.universal.first().map(|(universal, ..)| match universal {
        Universal::Always => ConnectionVerdict::Allowed,
        Universal::Never | Universal::Only => ConnectionVerdict::Blocked,
    });
    let verdict = universal.or(written.expect.as_ref().map(|(verdict, _)| *verdict))?;
    let first_packets = written.capture.is_none() && written.counts.is_empty();
    if let (true, ConnectionVerdict::Assumed | ConnectionVerdict::Undecided, Some((_, span))) =
        (first_packets, verdict, &written.expect)
    {
        let message = format!("the first packet of a connection is never {verdict}");
        let finding = Diagnostic::new(codes::BAD_VALUE, message).at(span.clone(), "");
        findings.push(finding.help("only connections of a capture are: add `capture`"));
    }
    if let Some((reason, span)) = &written.reason
        && ConnectionVerdict::of(*reason) != verdict
    {
        let message = format!("what is {verdict} never has the reason {reason}");
        let finding = Diagnostic::new(codes::BAD_VALUE, message).at(span.clone(), "");
        findings.push(finding.help(format!("{reason} stands for {}", ConnectionVerdict::of(*reason))));
    }
    let step = written.step.as_ref().map(|step| names.step(step, findings));
    let rule = written.rule.as_ref().map(|rule| names.rule(rule, findings));
    Some(Outcome {
        verdict,
        reason: written.reason.as_ref().map(|(reason, _)| *reason),
        step: step.flatten(),
        rule: rule.flatten(),
    })
}

fn flow(text: &Piece, findings: &mut Findings) -> Option<Flow> {
    text.text
        .parse()
        .map_err(|error: crate::packet::ParseFlowError| {
            findings.push(Diagnostic::new(codes::BAD_FLOW, error.to_string()).at(text.span.clone(), ""));
        })
        .ok()
}

fn services(texts: &[Piece], findings: &mut Findings) -> Option<ServiceSet> {
    let found: Vec<_> = texts.iter().map(|text| service(text, findings)).collect();
    let found: Option<Vec<_>> = found.into_iter().collect();
    let sets = found?.into_iter().map(|(service, family)| ServiceSet::of(&service, family));
    Some(sets.fold(ServiceSet::default(), |all, one| all.union(&one)))
}

fn side(words: Option<&[Piece]>, names: &Names, findings: &mut Findings) -> Option<AddressSet> {
    words.map_or_else(|| Some(AddressSet::any()), |words| names.addresses(words, findings))
}

fn connections(
    written: &WrittenExpectation,
    suite: &Written,
    folder: &Path,
    names: &Names,
    findings: &mut Findings,
) -> Option<Connections> {
    let captures = written.capture.as_ref().unwrap_or(&suite.capture);
    if captures.is_empty() {
        let finding =
            Diagnostic::new(codes::MISSING_KEY, "there is no capture whose connections could be counted");
        let help = "add `capture:` with the path of one, here or for the whole suite";
        findings.push(finding.at(written.span.clone(), "").help(help));
        return None;
    }
    let files: Vec<_> = captures.iter().map(|path| file(path, folder, findings)).collect();
    let outcome = written.expect.is_some().then(|| outcome(written, names, findings));
    let (from, to) =
        (side(written.from.as_deref(), names, findings), side(written.to.as_deref(), names, findings));
    let asked = match &written.services {
        Some(texts) => services(texts, findings),
        None => Some(ServiceSet::any()),
    };
    Some(Connections {
        captures: files.into_iter().collect::<Option<_>>()?,
        from: from?,
        to: to?,
        services: asked?,
        outcome: match outcome {
            Some(outcome) => Some(outcome?),
            None => None,
        },
        counts: written.counts.iter().map(|(verdict, count, _)| (*verdict, *count)).collect(),
    })
}

fn file(path: &Piece, folder: &Path, findings: &mut Findings) -> Option<PathBuf> {
    let full = folder.join(&path.text);
    if let Err(error) = std::fs::metadata(&full) {
        let message = format!("the capture {} cannot be read: {error}", full.display());
        let finding = Diagnostic::new(codes::UNREADABLE_FILE, message).at(path.span.clone(), "");
        findings.push(finding.help("paths in a suite start from the folder of the suite"));
        return None;
    }
    Some(full)
}
