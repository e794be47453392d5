//! A frame taken apart by tunnels: the packet as it was captured, what it carries, what that carries.

use super::{Domain, Packet};

/// A packet of a frame: the outer one, or one from the inside of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// The packet; of an inner one the length is that of the frame or packet inside the tunnel.
    pub packet: Packet,
    /// The tunnels that it was found in; [`Domain::NONE`] for the frame as captured. The domain of an IP packet says the same,
    /// with the VLANs inside.
    pub within: Domain,
    /// What it carries in its turn.
    pub carries: Carries,
}

/// Whether a packet is one of a tunnel, and what became of the inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carries {
    /// It is no packet of a tunnel, or nobody asked.
    Nothing,
    /// The next layer.
    Packet,
    /// A datagram in fragments: only positions are kept of those, so the inside cannot be put together.
    Fragments,
    /// A tunnel inside more tunnels than are opened.
    TooDeep,
}

impl Layer {
    /// A packet as it was captured, its inside left alone.
    pub const fn outer(packet: Packet) -> Self {
        Self { packet, within: Domain::NONE, carries: Carries::Nothing }
    }

    /// Whether it comes from the inside of a tunnel.
    pub const fn is_inner(&self) -> bool {
        self.within.0 != 0
    }
}
