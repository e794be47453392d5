//! `JUnit` XML, as Jenkins' schema has it: a suite for each file, a case for each expectation.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::diag::escape_but;
use crate::expect::{Checked, Status};
use crate::policy::Policy;

use super::{SuiteResult, SuiteResults, describe, message};

pub(super) fn write(results: &SuiteResults<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = Writer::new_with_indent(&mut *out, b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let count = |status| results.count(status).to_string();
    writer
        .create_element("testsuites")
        .with_attribute(("name", "sgsim"))
        .with_attribute(("tests", &*results.checked().to_string()))
        .with_attribute(("failures", &*count(Status::Failed)))
        .with_attribute(("errors", &*count(Status::Error)))
        .write_inner_content(|writer| {
            results.suites.iter().try_for_each(|suite| write_suite(results, suite, writer))
        })?;
    writeln!(out)
}

fn write_suite(
    results: &SuiteResults<'_>,
    suite: &SuiteResult<'_>,
    writer: &mut Writer<impl Write>,
) -> io::Result<()> {
    let name = clean(&results.uri(&suite.outcome.suite));
    let count = |status| suite.outcome.count(status).to_string();
    writer
        .create_element("testsuite")
        .with_attribute(("name", &*name))
        .with_attribute(("tests", &*suite.outcome.checked.len().to_string()))
        .with_attribute(("failures", &*count(Status::Failed)))
        .with_attribute(("errors", &*count(Status::Error)))
        .with_attribute(("file", &*name))
        .write_inner_content(|writer| {
            suite.outcome.checked.iter().try_for_each(|one| write_case(suite.policy, &name, one, writer))
        })?;
    Ok(())
}

fn write_case(
    policy: &Policy,
    suite: &str,
    checked: &Checked,
    writer: &mut Writer<impl Write>,
) -> io::Result<()> {
    let name = clean(&checked.expectation.name);
    let case = writer
        .create_element("testcase")
        .with_attribute(("name", &*name))
        .with_attribute(("classname", suite));
    if checked.status == Status::Held {
        case.write_empty()?;
        return Ok(());
    }
    let place = format!("{suite}:{}", checked.expectation.line);
    let mut text = format!("{place}\n");
    let told = checked.error.iter().cloned().chain(checked.failures.iter().map(|one| describe(policy, one)));
    told.for_each(|one| text = format!("{text}{one}\n"));
    if !checked.expectation.impact.is_empty() {
        text = format!("{text}impact: {}\n", checked.expectation.impact);
    }
    let text = clean(&text);
    let element = match checked.status {
        Status::Failed => Some("failure"),
        Status::Error => Some("error"),
        Status::Advised | Status::Skipped | Status::Held => None,
    };
    case.write_inner_content(|writer| {
        if checked.status == Status::Skipped {
            let why = clean(&message(policy, checked));
            writer.create_element("skipped").with_attribute(("message", &*why)).write_empty()?;
            return Ok(());
        }
        let Some(element) = element else {
            writer.create_element("system-out").write_text_content(BytesText::new(&text))?;
            return Ok(());
        };
        writer
            .create_element(element)
            .with_attribute(("message", &*clean(&message(policy, checked))))
            .with_attribute(("type", "expectation"))
            .write_text_content(BytesText::new(&text))?;
        Ok(())
    })?;
    Ok(())
}

/// The text without the characters that XML 1.0 cannot hold, even escaped (section 2.2), and with those as escapes that
/// would move the cursor or reorder the text around them.
fn clean(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let text: String = text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect();
    escape_but(&text, &['\t', '\n', '\r']).into_owned()
}
