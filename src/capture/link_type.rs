//! Link types: what the first byte of a frame is, as the capture states it.

use std::fmt;

/// A link type by its number in the list of the Tcpdump Group (<https://www.tcpdump.org/linktypes.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u32);

impl LinkType {
    /// BSD loopback: address family in the byte order of the machine that captured.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// SLIP behind a header of 16 bytes.
    pub const SLIP: Self = Self(8);
    /// PPP, with or without HDLC-like framing.
    pub const PPP: Self = Self(9);
    /// FDDI.
    pub const FDDI: Self = Self(10);
    /// Raw IP as some BSDs number it in the file.
    pub const RAW_BSD: Self = Self(12);
    /// Raw IP as `OpenBSD` numbers it in the file.
    pub const RAW_OPENBSD: Self = Self(14);
    /// PPP in HDLC-like framing, or Cisco HDLC.
    pub const PPP_HDLC: Self = Self(50);
    /// A `PPPoE` session.
    pub const PPP_ETHER: Self = Self(51);
    /// LLC over ATM (RFC 2684).
    pub const ATM_RFC1483: Self = Self(100);
    /// Raw IP, the version told by its first four bits.
    pub const RAW: Self = Self(101);
    /// Cisco HDLC.
    pub const C_HDLC: Self = Self(104);
    /// Wireless LAN.
    pub const IEEE802_11: Self = Self(105);
    /// Frame relay.
    pub const FRELAY: Self = Self(107);
    /// `OpenBSD` loopback: address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// `OpenBSD` encapsulated IP.
    pub const ENC: Self = Self(109);
    /// Linux cooked capture, version 1 (`tcpdump -i any`).
    pub const LINUX_SLL: Self = Self(113);
    /// `OpenBSD` packet filter log.
    pub const PFLOG: Self = Self(117);
    /// Wireless LAN with a Prism header.
    pub const IEEE802_11_PRISM: Self = Self(119);
    /// IP over fibre channel (RFC 2625).
    pub const IP_OVER_FC: Self = Self(122);
    /// Wireless LAN with a radiotap header.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// IP over `FireWire`, as macOS captures it.
    pub const APPLE_IP_OVER_IEEE1394: Self = Self(138);
    /// Wireless LAN with an AVS header.
    pub const IEEE802_11_AVS: Self = Self(163);
    /// PPP, with the direction in place of the address byte.
    pub const PPP_PPPD: Self = Self(166);
    /// Per-packet information, and a frame of any kind.
    pub const PPI: Self = Self(192);
    /// PPP behind a byte of direction.
    pub const PPP_WITH_DIRECTION: Self = Self(204);
    /// MPLS labels.
    pub const MPLS: Self = Self(219);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Netfilter's log.
    pub const NFLOG: Self = Self(239);
    /// Ethernet behind four bytes of a netANALYZER.
    pub const NETANALYZER: Self = Self(240);
    /// Apple's `PKTAP`, and a frame of any kind.
    pub const PKTAP: Self = Self(258);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);

    /// Solaris's and illumos's `IPNET`.
    pub const IPNET: Self = Self(226);
    /// Ethernet with a Broadcom switch's tag behind the addresses.
    pub const ETHERNET_BRCM_TAG: Self = Self(281);
    /// Ethernet behind a Broadcom switch's tag.
    pub const ETHERNET_BRCM_PREPEND: Self = Self(282);
    /// Ethernet with a Marvell switch's tag behind the addresses.
    pub const ETHERNET_MARVELL_DSA: Self = Self(284);
    /// The same, with a type before the tag.
    pub const ETHERNET_MARVELL_EDSA: Self = Self(285);
    /// The link type in a pcap file header, whose upper bits tell of the frame check sequence.
    pub(super) const fn of_pcap(field: u32) -> Self {
        Self(field & 0x03ff_ffff)
    }

    /// Whether frames of this type are looked into; those of any other are counted as "no IP".
    pub const fn is_supported(self) -> bool {
        matches!(
            self,
            Self::NULL
                | Self::ETHERNET
                | Self::SLIP
                | Self::PPP
                | Self::FDDI
                | Self::RAW_BSD
                | Self::RAW_OPENBSD
                | Self::PPP_HDLC
                | Self::PPP_ETHER
                | Self::ATM_RFC1483
                | Self::RAW
                | Self::C_HDLC
                | Self::IEEE802_11
                | Self::FRELAY
                | Self::LOOP
                | Self::ENC
                | Self::LINUX_SLL
                | Self::PFLOG
                | Self::IEEE802_11_PRISM
                | Self::IP_OVER_FC
                | Self::IEEE802_11_RADIOTAP
                | Self::APPLE_IP_OVER_IEEE1394
                | Self::IEEE802_11_AVS
                | Self::PPP_PPPD
                | Self::PPI
                | Self::PPP_WITH_DIRECTION
                | Self::MPLS
                | Self::IPV4
                | Self::IPV6
                | Self::NFLOG
                | Self::NETANALYZER
                | Self::PKTAP
                | Self::ETHERNET_MARVELL_EDSA
                | Self::ETHERNET_MARVELL_DSA
                | Self::ETHERNET_BRCM_PREPEND
                | Self::ETHERNET_BRCM_TAG
                | Self::IPNET
                | Self::LINUX_SLL2
        )
    }

    /// The longest frame that a capture of this type can hold, in bytes.
    ///
    /// libpcap's and Wireshark's bound: a longer one is always a damaged file. D-Bus messages and the frames of
    /// `USBPcap` and EBHSCR may be as long as 128 MiB.
    pub(super) const fn longest_frame(self) -> u32 {
        match self.0 {
            231 | 249 | 279 => 128 << 20,
            _ => 256 << 10,
        }
    }

    /// Its name; `None` for a number that few captures have.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(number, _)| *number == self.0).map(|(_, name)| *name)
    }
}

impl fmt::Display for LinkType {
    /// Writes `Ethernet (1)`, `link type 9999`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "link type {}", self.0),
        }
    }
}

/// The names that users meet, after the Tcpdump Group's descriptions.
const NAMES: &[(u32, &str)] = &[
    (0, "BSD loopback"),
    (1, "Ethernet"),
    (3, "AX.25"),
    (6, "Token Ring"),
    (7, "ARCNET"),
    (8, "SLIP"),
    (9, "PPP"),
    (10, "FDDI"),
    (12, "raw IP"),
    (14, "raw IP"),
    (50, "PPP in HDLC framing"),
    (51, "PPPoE"),
    (100, "LLC/SNAP ATM"),
    (101, "raw IP"),
    (104, "Cisco HDLC"),
    (105, "802.11"),
    (107, "Frame Relay"),
    (108, "OpenBSD loopback"),
    (109, "OpenBSD encapsulated IP"),
    (113, "Linux cooked"),
    (114, "LocalTalk"),
    (117, "OpenBSD pflog"),
    (119, "802.11 with Prism header"),
    (122, "IP over Fibre Channel"),
    (127, "802.11 with radiotap"),
    (138, "IP over IEEE 1394"),
    (143, "DOCSIS"),
    (149, "user-defined 2"),
    (163, "802.11 with AVS header"),
    (166, "PPP with direction"),
    (187, "Bluetooth HCI"),
    (189, "Linux USB"),
    (192, "PPI"),
    (195, "802.15.4"),
    (199, "IPMB"),
    (201, "Bluetooth HCI with direction"),
    (204, "PPP with direction"),
    (219, "MPLS"),
    (220, "Linux USB"),
    (224, "Fibre Channel"),
    (225, "Fibre Channel with delimiters"),
    (226, "Solaris IPNET"),
    (227, "CAN"),
    (228, "raw IPv4"),
    (229, "raw IPv6"),
    (231, "D-Bus"),
    (239, "netfilter log"),
    (240, "netANALYZER"),
    (242, "IP over InfiniBand"),
    (247, "InfiniBand"),
    (248, "SCTP"),
    (249, "USBPcap"),
    (251, "Bluetooth LE"),
    (253, "netlink"),
    (258, "PKTAP"),
    (276, "Linux cooked v2"),
    (279, "EBHSCR"),
    (280, "VPP"),
    (281, "Ethernet with a Broadcom tag"),
    (282, "Ethernet with a Broadcom tag"),
    (283, "802.15.4 with TAP"),
    (284, "Ethernet with a Marvell tag"),
    (285, "Ethernet with a Marvell tag"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_with_their_number() {
        assert_eq!(LinkType::ETHERNET.to_string(), "Ethernet (1)");
        assert_eq!(LinkType(9999).to_string(), "link type 9999");
    }

    #[test]
    fn frame_check_bits_are_no_part_of_the_type() {
        assert_eq!(LinkType::of_pcap(0x2400_0001), LinkType::ETHERNET);
    }
}
