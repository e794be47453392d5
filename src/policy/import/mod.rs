//! Rules and interfaces from where users keep them: what clouds, Terraform and Kubernetes export.
//!
//! A format has one file, and is told by its content: each reader is offered the tree and takes what it knows. What a
//! file says becomes [`Facts`]; [`link`] brings the facts of all inputs together with the scenarios among them, and one
//! resolver makes the policy of it, as of any scenario. What an export cannot say is a [`Doubt`](super::Doubt) of the
//! rules concerned.

pub(super) mod attach;
mod aws;
mod azure;
pub(super) mod console;
mod facts;
mod field;
mod gcp;
mod huawei;
mod kubernetes;
pub(super) mod link;
mod names;
mod openstack;
mod ranks;
mod terraform;

use crate::diag::Diagnostic;

use super::scenario::written::ProtocolWord;
use super::tree::{Node, Piece};

pub(super) use facts::Facts;

/// What a JSON tree says, when it is in a form that is known. `stem` is the name of the file, for forms that do not say
/// which group they are of.
pub(super) fn read(root: &Node, stem: &Piece, findings: &mut Vec<Diagnostic>) -> Option<Facts> {
    // From the most certain marks to the least.
    let facts = terraform::read(root, findings)
        .or_else(|| kubernetes::read(root, findings))
        .or_else(|| aws::read(root, findings))
        .or_else(|| huawei::read(root, findings))
        .or_else(|| azure::read(root, findings))
        .or_else(|| gcp::read(root, findings))
        .or_else(|| openstack::read(root, stem, findings))?;
    field::mistakes(root, findings);
    Some(facts)
}

/// The forms that are read, for messages.
pub(super) const FORMS: &str = "Huawei Cloud VPC API (v3, v2.0, v1) or KooCLI, AWS describe-*, OpenStack client lists or \
     Neutron, Terraform or OpenTofu show -json, Azure NSG, Google Cloud firewall, kubectl get -o json, CCE cluster";
