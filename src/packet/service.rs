//! What a rule asks of a packet, and the names of well-known services.

use std::fmt;
use std::net::IpAddr;

use super::{Family, IcmpKind, IpPacket, Protocol, Transport};

/// The service a packet is addressed to: the part of it that a rule's protocol, ports and ICMP fields look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// A destination port of a protocol that has ports.
    Port(Protocol, u16),
    /// Type and code of an ICMP or `ICMPv6` message.
    Icmp {
        /// ICMP for IPv4, `ICMPv6` for IPv6.
        family: Family,
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
    },
    /// A protocol without ports.
    Other(Protocol),
}

impl Service {
    /// The IP protocol.
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Port(protocol, _) | Self::Other(protocol) => protocol,
            Self::Icmp { family: Family::V4, .. } => Protocol::ICMP,
            Self::Icmp { family: Family::V6, .. } => Protocol::ICMPV6,
        }
    }

    /// The service of this protocol in packets of this family whose detail is this: the port, the ICMP type above the
    /// code, or nothing.
    pub const fn at(family: Family, protocol: Protocol, detail: u16) -> Self {
        match (family, protocol) {
            (Family::V4, Protocol::ICMP) | (Family::V6, Protocol::ICMPV6) => {
                let [kind, code] = detail.to_be_bytes();
                Self::Icmp { family, kind, code }
            }
            _ if protocol.has_ports() => Self::Port(protocol, detail),
            _ => Self::Other(protocol),
        }
    }

    /// The service `packet` asks for; `None` when its transport header could not be read.
    pub const fn of(packet: &IpPacket) -> Option<Self> {
        match packet.transport {
            Transport::Tcp { destination, .. } | Transport::Ports { destination, .. } => {
                Some(Self::Port(packet.protocol, destination))
            }
            Transport::Icmp(icmp) => {
                Some(Self::Icmp { family: packet.addresses.family(), kind: icmp.kind, code: icmp.code })
            }
            Transport::Other => Some(Self::Other(packet.protocol)),
            Transport::LaterFragment | Transport::Truncated | Transport::Malformed => None,
        }
    }

    /// The name users know the service by: `kubelet`, `echo-request`.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Port(protocol, port) => service_name(protocol, port),
            Self::Icmp { family, kind, code } => {
                let name = |code| IcmpKind { kind, code }.name(family);
                name(Some(code)).or_else(|| name(None))
            }
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for Service {
    /// Writes `tcp 443`, `icmp 8/0` or `gre`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(protocol, port) => write!(f, "{protocol} {port}"),
            Self::Icmp { kind, code, .. } => write!(f, "{} {kind}/{code}", self.protocol()),
            Self::Other(protocol) => write!(f, "{protocol}"),
        }
    }
}

/// What a rule compares at one step: the far side and the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Header {
    /// The far side: the source at an ingress step, the destination at an egress step. Its family is the packet's.
    pub remote: IpAddr,
    /// The service asked for.
    pub service: Service,
}

/// The name of a well-known service: of a CCE cluster (CCE FAQ `cce_faq_00265`) or of the Internet (IANA).
pub fn service_name(protocol: Protocol, port: u16) -> Option<&'static str> {
    let name = match (protocol, port) {
        (Protocol::TCP, 5443 | 5444 | 6443) => "apiserver",
        (Protocol::TCP, 10250) => "kubelet",
        (Protocol::TCP, 8445) => "storage add-on",
        (Protocol::TCP, 9443) => "network add-on",
        (Protocol::TCP, 2379 | 2380) => "etcd",
        (Protocol::UDP, 4789) => "vxlan",
        (Protocol::UDP, 6081) => "geneve",
        (Protocol::TCP | Protocol::UDP, 5353) => "coredns",
        (Protocol::TCP | Protocol::UDP, 53) => "dns",
        (Protocol::TCP | Protocol::UDP, 30000..=32767) => "nodeport",
        (Protocol::UDP, 123) => "ntp",
        (Protocol::UDP, 67 | 68 | 546 | 547) => "dhcp",
        (Protocol::TCP, 22) => "ssh",
        (Protocol::TCP, 25) => "smtp",
        (Protocol::TCP, 80) => "http",
        (Protocol::TCP | Protocol::UDP, 443) => "https",
        (Protocol::TCP, 3306) => "mysql",
        (Protocol::TCP, 3389) => "rdp",
        (Protocol::TCP, 5432) => "postgresql",
        (Protocol::TCP, 6379) => "redis",
        _ => return None,
    };
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_the_names_operators_use() {
        assert_eq!(Service::Port(Protocol::TCP, 10250).name(), Some("kubelet"));
        assert_eq!(Service::Port(Protocol::UDP, 30053).name(), Some("nodeport"));
        assert_eq!(
            Service::Icmp { family: Family::V4, kind: 3, code: 4 }.name(),
            Some("fragmentation-needed")
        );
        assert_eq!(Service::Icmp { family: Family::V4, kind: 8, code: 0 }.name(), Some("echo-request"));
        assert_eq!(Service::Icmp { family: Family::V6, kind: 128, code: 0 }.to_string(), "icmpv6 128/0");
        assert_eq!(Service::Other(Protocol::GRE).to_string(), "gre");
    }
}
