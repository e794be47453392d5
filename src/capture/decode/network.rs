//! The network layer that a link layer leads to.

use super::view::{Missing, View};
use super::{ip, transport};
use crate::packet::{Content, Domain, IpPacket};

/// What lies behind the link layer of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) enum Network<'a> {
    /// An IPv4 packet, found there.
    V4(View<'a>, Domain),
    /// An IPv6 packet, found there.
    V6(View<'a>, Domain),
    Arp,
    /// What carries no IP.
    Other,
}

/// A datagram with what is kept of it.
#[derive(Debug)]
pub(super) struct Read<'a> {
    pub(super) datagram: ip::Datagram<'a>,
    pub(super) packet: IpPacket,
}

impl<'a> Network<'a> {
    /// What a report tells of it.
    pub(super) fn content(self) -> Result<Content, Missing> {
        match self {
            Self::Arp => Ok(Content::Arp),
            Self::Other => Ok(Content::NotIp),
            Self::V4(..) | Self::V6(..) => self.read().map(|read| match read {
                Some(read) => Content::Ip(read.packet),
                None => Content::NotIp,
            }),
        }
    }

    /// Its headers, if it is an IP packet.
    pub(super) fn read(self) -> Result<Option<Read<'a>>, Missing> {
        let (datagram, domain) = match self {
            Self::V4(view, domain) => (ip::v4(view)?, domain),
            Self::V6(view, domain) => (ip::v6(view)?, domain),
            Self::Arp | Self::Other => return Ok(None),
        };
        let packet = IpPacket {
            domain,
            addresses: datagram.addresses,
            protocol: datagram.protocol,
            transport: transport::read(&datagram),
            fragment: datagram.fragment,
        };
        Ok(Some(Read { datagram, packet }))
    }
}
