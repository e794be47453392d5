//! What other files of a user share with the scenario: how YAML is read and told about, and how addresses and services
//! are written.

pub(crate) use super::scenario::address;
pub(crate) use super::scenario::keys::{Key, Shape, key, required};
pub(crate) use super::scenario::read::{Findings, choice, map, object, scalar, text, texts, wrong_type};
pub(crate) use super::scenario::rule::pieces;
pub(crate) use super::tree::{Kind, Node, Piece};
pub(crate) use super::yaml::{load, parse};

use crate::packet::Family;

use super::{ServiceMatch, resolve, words};

/// Reads a service as a rule writes it: `tcp 22,8000-8100`, `icmp echo-request`, `all`; `None` when a mistake was told.
pub(crate) fn service(text: &Piece, findings: &mut Findings) -> Option<(ServiceMatch, Option<Family>)> {
    let fields = words::service(text, findings);
    if fields.broken { None } else { resolve::service::service(&fields, findings) }
}
