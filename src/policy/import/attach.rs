//! Interfaces said on the command line: `node=192.168.0.21,192.168.0.22`.

use crate::diag::{Diagnostic, codes};
use crate::policy::tree::Piece;

use super::facts::{Attachment, Author, Facts};
use super::field::{self, Findings};

/// Reads a line for each group; an address that stands in several has their groups in that order.
pub(in crate::policy) fn read(text: &str, findings: &mut Findings) -> Facts {
    let mut facts = Facts { author: Author::User, ..Facts::new("the command line") };
    let mut start = 0;
    for line in text.split('\n') {
        let whole = Piece::new(line.to_owned(), start..start + line.len(), Some(start));
        start += line.len() + 1;
        if line.is_empty() {
            continue;
        }
        let Some((name, _)) = line.split_once('=').filter(|(name, _)| !name.trim().is_empty()) else {
            let finding = Diagnostic::new(codes::BAD_VALUE, "expected GROUP=ADDRESS,ADDRESS,...");
            findings.push(finding.at(whole.span.clone(), ""));
            continue;
        };
        let group = whole.slice(0..name.len());
        let addresses = field::split(&whole.slice(name.len() + 1..line.len()));
        for piece in &addresses {
            let mut read = field::addresses([piece], findings);
            let Some((range, span)) = read.pop() else { continue };
            if range.first() != range.last() {
                let message = format!("expected one address, found `{}`", piece.text);
                findings.push(Diagnostic::new(codes::BAD_CIDR, message).at(span, ""));
                continue;
            }
            let known = facts.attachments.iter_mut().find(|known| known.addresses[0].0 == range);
            if let Some(groups) = known.and_then(|known| known.groups.as_mut()) {
                groups.push(group.clone());
                continue;
            }
            facts.attachments.push(Attachment {
                id: None,
                name: piece.clone(),
                rank: 0,
                addresses: vec![(range, span)],
                behind: vec![],
                groups: Some(vec![group.clone()]),
            });
        }
    }
    facts
}
