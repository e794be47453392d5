//! A frame taken apart by tunnels, layer by layer.

use super::network::Network;
use super::tunnel::{self, Opened, TunnelPorts};
use super::view::{Missing, View};
use super::{LinkType, link};
use crate::packet::{Carries, Content, Domain, Layer, Packet, Timestamp, Tunnel, TunnelKind};

/// How many tunnels are opened that lie in each other: an overlay (1) in a network that is itself an overlay (2), seen by
/// a traffic mirror that wraps it once more (3), and one to spare. It bounds what one frame can cost.
pub const MOST_NESTED: usize = 4;

/// Returns what a frame holds, and what the tunnels in it carry, outermost first.
///
/// The first layer is just what [`decode`](super::decode) says of the frame; most frames have no other.
/// `bytes` are those that were captured; `wire_length` is the frame's length on the wire. Never fails and never panics:
/// every tunnel has its inside as the next layer, or [`Carries`] says why not.
pub fn decode_layers(
    link: LinkType,
    time: Timestamp,
    bytes: &[u8],
    wire_length: u32,
    ports: &TunnelPorts,
) -> Vec<Layer> {
    let network = link::network(link, View::frame(bytes, wire_length));
    let mut next = Some(Next { network, length: wire_length, within: Domain::NONE });
    let mut layers = vec![];
    while let Some(found) = next {
        let may_open = layers.len() < MOST_NESTED;
        let (layer, deeper) = found.read(time, ports, may_open);
        layers.push(layer);
        next = deeper;
    }
    layers
}

/// A layer that is not read yet.
struct Next<'a> {
    network: Result<Network<'a>, Missing>,
    length: u32,
    within: Domain,
}

impl<'a> Next<'a> {
    /// The layer, and the one that it carries.
    fn read(self, time: Timestamp, ports: &TunnelPorts, may_open: bool) -> (Layer, Option<Self>) {
        let Self { network, length, within } = self;
        let told = |content, carries| Layer { packet: Packet { time, length, content }, within, carries };
        let read = match network.and_then(|network| Ok((network.read()?, network))) {
            Ok((Some(read), _)) => read,
            Ok((None, network)) => {
                let content = network.content().unwrap_or_else(Content::from);
                return (told(content, Carries::Nothing), None);
            }
            Err(missing) => return (told(missing.into(), Carries::Nothing), None),
        };
        let (carries, next) = match tunnel::open(&read, ports) {
            None => (Carries::Nothing, None),
            Some(None) => (Carries::Fragments, None),
            Some(Some(opened)) => match Self::behind(opened, read.packet.domain) {
                Some(next) if may_open => (Carries::Packet, Some(next)),
                _ => (Carries::TooDeep, None),
            },
        };
        (told(Content::Ip(read.packet), carries), next)
    }

    /// What lies inside a tunnel found in this domain; `None` when the domain has no room for it.
    fn behind(opened: Opened<'a>, domain: Domain) -> Option<Self> {
        match opened {
            Opened::Inside(inside) => {
                let within = domain.in_tunnel(inside.tunnel)?;
                let length = u32::try_from(inside.length).unwrap_or(u32::MAX);
                Some(Self { network: inside.network(within), length, within })
            }
            Opened::Unreadable(missing) => {
                let within = domain.in_tunnel(Tunnel { kind: TunnelKind::Unreadable, id: None })?;
                Some(Self { network: Err(missing), length: 0, within })
            }
        }
    }
}
