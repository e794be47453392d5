//! One frame to its [`Content`]: a pure function, split by layer.
//!
//! Every layer reads from a [`View`], which knows how long the layer was on the wire and how much of it was
//! captured: so "the capture cut it" and "the packet is broken" are never confused, and Ethernet padding is
//! never taken for payload. Checksums are not looked at: offload leaves them wrong.

mod ether;
mod icmp;
mod ip;
mod layers;
mod link;
mod network;
mod ppp;
mod quick;
mod transport;
mod tunnel;
mod view;
mod wireless;
mod wrapped;

use super::LinkType;
use crate::packet::{Content, Transport};
use network::Network;
use view::{Missing, View};

pub use layers::{MOST_NESTED, decode_layers};
pub use quick::quick;
pub use tunnel::TunnelPorts;

/// Returns what a frame holds.
///
/// `bytes` are those that were captured; `wire_length` is the frame's length on the wire. Of an unsupported link
/// type ([`LinkType::is_supported`]) the answer is [`Content::NotIp`]. Never fails and never panics.
pub fn decode(link: LinkType, bytes: &[u8], wire_length: u32) -> Content {
    let network = link::network(link, View::frame(bytes, wire_length));
    network.and_then(Network::content).unwrap_or_else(Content::from)
}

impl From<Missing> for Content {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Truncated => Self::Truncated,
            Missing::Malformed => Self::Malformed,
        }
    }
}

impl From<Missing> for Transport {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Truncated => Self::Truncated,
            Missing::Malformed => Self::Malformed,
        }
    }
}
