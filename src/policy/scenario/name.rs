//! Names of sets, groups, interfaces and rules: what they may be, so that a line of words stays clear.

use crate::diag::{Diagnostic, codes};
use crate::policy::tree::Piece;

use super::address;
use super::read::{Findings, RESERVED};

/// Tells when a name is none. `what` is what it names: `a group`.
///
/// A name is letters, digits, `-`, `_` and `.`, not a word of the rule grammar and not an address. Interfaces are
/// named in no rule and may also hold `/`, `:` and `@` (`eth0.5@pod`, `ns/pod`).
pub(crate) fn check(name: &Piece, what: &str, findings: &mut Findings) -> bool {
    let interface = what == "an interface";
    let allowed = |c: char| c.is_alphanumeric() || "-_.".contains(c) || interface && "/:@".contains(c);
    let text = name.text.as_str();
    let (message, help) = if text.is_empty() {
        (format!("the name of {what} is empty"), "give it a name")
    } else if let Some(wrong) = text.chars().find(|&c| !allowed(c)) {
        let help = "names are made of letters, digits, `-`, `_` and `.`";
        (format!("`{}` cannot stand in the name of {what}", wrong.escape_debug()), help)
    } else if !interface && RESERVED.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        (format!("`{text}` is a word of the rule language and cannot name {what}"), "choose another name")
    } else if !interface && address::looks_like(text) {
        (format!("`{text}` reads as an address and cannot name {what}"), "choose another name")
    } else {
        return true;
    };
    findings.push(Diagnostic::new(codes::BAD_NAME, message).at(name.span.clone(), "").help(help));
    false
}
