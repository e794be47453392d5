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
    /// Raw IP as some BSDs number it in the file.
    pub const RAW_BSD: Self = Self(12);
    /// Raw IP as `OpenBSD` numbers it in the file.
    pub const RAW_OPENBSD: Self = Self(14);
    /// Raw IP, the version told by its first four bits.
    pub const RAW: Self = Self(101);
    /// `OpenBSD` loopback: address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, version 1 (`tcpdump -i any`).
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);

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
                | Self::RAW_BSD
                | Self::RAW_OPENBSD
                | Self::RAW
                | Self::LOOP
                | Self::LINUX_SLL
                | Self::IPV4
                | Self::IPV6
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
    /// Writes `Ethernet (1)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name().unwrap_or("link type"), self.0)
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
    (149, "PKTAP (DLT_USER2)"),
    (163, "802.11 with AVS header"),
    (166, "PPP with direction"),
    (187, "Bluetooth HCI"),
    (189, "Linux USB"),
    (192, "PPI"),
    (195, "802.15.4"),
    (201, "Bluetooth HCI with direction"),
    (204, "PPP with direction"),
    (219, "IPMB"),
    (220, "Linux USB"),
    (224, "Fibre Channel"),
    (225, "Fibre Channel with delimiters"),
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
    (283, "802.15.4 with TAP"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_with_their_number() {
        assert_eq!(LinkType::ETHERNET.to_string(), "Ethernet (1)");
        assert_eq!(LinkType(9999).to_string(), "link type (9999)");
    }

    #[test]
    fn frame_check_bits_are_no_part_of_the_type() {
        assert_eq!(LinkType::of_pcap(0x2400_0001), LinkType::ETHERNET);
    }
}
