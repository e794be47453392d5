//! What packets carry: bytes that the dissector of their service finds in order.
//!
//! A message may be cut into packets anywhere, so its bytes are told by their place.

/// How the messages of a service look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filler {
    /// Nothing in particular.
    Plain,
    /// DNS, padded by EDNS (RFC 6891, RFC 7830); over TCP with its length in front.
    Dns { tcp: bool },
    /// NTP version 4, always 48 bytes (RFC 5905).
    Ntp,
    /// TLS 1.2 application data (RFC 8446 section 5.1: records of at most 2^14 bytes).
    Tls,
    /// SSH: a version line, then messages to be ignored (RFC 4253 sections 4.2, 6, 11.2).
    Ssh,
}

/// Bytes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Payload {
    pub(super) filler: Filler,
    /// Which message of the conversation, counting requests and replies together from 0; even ones are requests.
    pub(super) message: u32,
    /// A number of the conversation's own.
    pub(super) identity: u16,
    /// Bytes of the whole message.
    pub(super) total: u64,
    /// Where these bytes start in it.
    pub(super) at: u64,
    /// How many these are.
    pub(super) length: u32,
}

const DNS_QUESTION: [u8; 19] = *b"\x05synth\x07example\0\0\x01\0\x01";
const DNS_ANSWER: [u8; 16] = *b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xcb\0\x71\x01";
/// Header, question and the bare EDNS record.
const DNS_LEAST: u64 = 12 + 19 + 11;
const TLS_MOST: u64 = 16384;
const TLS_HEADER: u64 = 5;
const SSH_VERSION: &[u8] = b"SSH-2.0-synth\r\n";
const SSH_MOST: u64 = 32768;
/// Length, padding length, message number, length of what is to be ignored, padding.
const SSH_LEAST: u64 = 4 + 1 + 1 + 4 + 4;

impl Filler {
    /// The filler of a service.
    pub(super) const fn of(tcp: bool, port: u16) -> Self {
        match (tcp, port) {
            (_, 53 | 5353) => Self::Dns { tcp },
            (false, 123) => Self::Ntp,
            (true, 443) => Self::Tls,
            (true, 22) => Self::Ssh,
            _ => Self::Plain,
        }
    }

    /// The nearest length that a message can have; zero stays zero.
    pub(super) fn fit(self, wanted: u64, message: u32) -> u64 {
        if wanted == 0 {
            return 0;
        }
        match self {
            Self::Plain => wanted,
            Self::Ntp => 48,
            Self::Dns { tcp } => {
                let (front, answer) = (u64::from(tcp) * 2, u64::from(message % 2) * 16);
                let bare = DNS_LEAST + answer + front;
                match wanted {
                    // An option has four bytes of its own.
                    wanted if wanted < bare + 4 => bare,
                    wanted => wanted.min(u64::from(u16::MAX)),
                }
            }
            Self::Tls => match wanted % (TLS_MOST + TLS_HEADER) {
                1..=TLS_HEADER => wanted + TLS_HEADER,
                _ => wanted,
            },
            Self::Ssh if message < 2 => SSH_VERSION.len() as u64,
            Self::Ssh => match wanted % SSH_MOST {
                short @ 1..SSH_LEAST => wanted - short + SSH_LEAST,
                _ => wanted,
            },
        }
    }
}

/// Ports that Wireshark takes for a protocol of its own (`tshark -G decodes`), from 20000 up: whatever is sent there, it
/// finds malformed.
#[rustfmt::skip]
const DISSECTED: [u16; 55] = [
    20000, 20561, 22222, 23272, 24576, 24577, 25826, 26000, 27036, 27500, 27910, 27950, 27951, 27952, 27953, 27960, 27961,
    27962, 27963, 30030, 32000, 32512, 32640, 34962, 34980, 37008, 41170, 44818, 45564, 47000, 47808, 48049, 48898, 49999, 54328,
    56000, 56001, 56500, 56501, 57000, 57001, 57032, 57033, 57500, 57501, 57532, 57533, 59000, 59001, 59032, 59033, 59500,
    59501, 59532, 59533,
];

/// Whether a port that is drawn out of so many should be another: so that a capture can be read without a warning.
pub(super) fn is_dissected(port: u16, of: u64) -> bool {
    of > DISSECTED.len() as u64 && DISSECTED.binary_search(&port).is_ok()
}

impl Payload {
    /// None.
    pub(super) const NONE: Self =
        Self { filler: Filler::Plain, message: 0, identity: 0, total: 0, at: 0, length: 0 };

    /// Adds the bytes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (first, last) = (self.at, self.at + u64::from(self.length));
        match self.filler {
            Filler::Plain => out.resize(out.len() + self.length as usize, 0),
            Filler::Ntp | Filler::Dns { .. } => {
                let whole = self.whole();
                out.extend(
                    (first..last)
                        .map(|at| usize::try_from(at).ok().and_then(|at| whole.get(at)).unwrap_or(&0)),
                );
            }
            Filler::Tls => out.extend((first..last).map(|at| {
                let record = TLS_MOST + TLS_HEADER;
                let size = (self.total - at / record * record).min(record) - TLS_HEADER;
                let [.., high, low] = size.to_be_bytes();
                *[0x17, 3, 3, high, low].get(usize::try_from(at % record).unwrap_or(9)).unwrap_or(&0)
            })),
            Filler::Ssh if self.message < 2 => {
                out.extend(
                    (first..last).map(|at| SSH_VERSION[usize::try_from(at).unwrap_or(0) % SSH_VERSION.len()]),
                );
            }
            Filler::Ssh => out.extend((first..last).map(|at| {
                let size = (self.total - at / SSH_MOST * SSH_MOST).min(SSH_MOST);
                let ignored = size - SSH_LEAST;
                let ([.., a, b], [.., c, d]) = ((size - 4).to_be_bytes(), ignored.to_be_bytes());
                // Padding of four bytes, message 2.
                *[0, 0, a, b, 4, 2, 0, 0, c, d]
                    .get(usize::try_from(at % SSH_MOST).unwrap_or(99))
                    .unwrap_or(&0)
            })),
        }
    }

    /// A short message from its first byte on; what follows is zero.
    fn whole(&self) -> Vec<u8> {
        let reply = self.message % 2 == 1;
        let mut whole = Vec::new();
        match self.filler {
            Filler::Ntp => {
                // Version 4, client or server; stratum, poll and precision as `ntpd` sends them.
                whole.extend_from_slice(&if reply { [0x24, 2, 6, 0xec] } else { [0x23, 0, 6, 0xec] });
            }
            Filler::Dns { tcp } => {
                if tcp {
                    let [.., high, low] = self.total.saturating_sub(2).to_be_bytes();
                    whole.extend_from_slice(&[high, low]);
                }
                let exchange = u16::try_from((self.message / 2) & 0xffff).unwrap_or(0);
                whole.extend_from_slice(&self.identity.wrapping_add(exchange).to_be_bytes());
                whole.extend_from_slice(if reply {
                    b"\x81\x80\0\x01\0\x01\0\0\0\x01"
                } else {
                    b"\x01\0\0\x01\0\0\0\0\0\x01"
                });
                whole.extend_from_slice(&DNS_QUESTION);
                if reply {
                    whole.extend_from_slice(&DNS_ANSWER);
                }
                whole.extend_from_slice(b"\0\0\x29\x04\xd0\0\0\0\0");
                let rest = self.total.saturating_sub(whole.len() as u64 + 2);
                let [.., high, low] = rest.to_be_bytes();
                whole.extend_from_slice(&[high, low]);
                if rest >= 4 {
                    let [.., high, low] = (rest - 4).to_be_bytes();
                    whole.extend_from_slice(&[0, 12, high, low]);
                }
            }
            Filler::Plain | Filler::Tls | Filler::Ssh => {}
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However a message is cut, its bytes are the same.
    #[test]
    fn a_cut_message_has_the_same_bytes() {
        for (filler, wanted) in [
            (Filler::Dns { tcp: true }, 300),
            (Filler::Ntp, 10),
            (Filler::Tls, 40_000),
            (Filler::Ssh, 70_000),
            (Filler::Plain, 99),
        ] {
            for message in [2, 3] {
                let total = filler.fit(wanted, message);
                let part = |at, length| {
                    let mut bytes = Vec::new();
                    Payload { filler, message, identity: 7, total, at, length }.write(&mut bytes);
                    bytes
                };
                let whole = part(0, u32::try_from(total).unwrap());
                let mut cut = Vec::new();
                let mut at = 0;
                while at < total {
                    let length = 37.min(total - at);
                    cut.append(&mut part(at, u32::try_from(length).unwrap()));
                    at += length;
                }
                assert_eq!(cut, whole);
                assert_eq!(filler.fit(total, message), total, "what fits stays");
            }
        }
    }
}
