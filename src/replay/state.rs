//! What is remembered of one tracked connection at one place, and for how long.

use std::fmt;

use crate::packet::{Protocol, TcpFlags, Timestamp, Transport};
use crate::policy::Timeouts;

/// How far a connection has got.
///
/// The TCP phases are those of Linux's connection tracking, reduced to what decides a timeout or whether a SYN
/// opens a new connection. A tracker sees packets in passing, so any packet may be missing: an acknowledgement
/// during the handshake is taken to complete it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// TCP: SYN seen.
    SynSent,
    /// TCP: SYN-ACK (or the second SYN of a simultaneous open) seen.
    SynReceived,
    /// TCP: established.
    Established,
    /// TCP: the first FIN was seen.
    FinWait,
    /// TCP: the first FIN was acknowledged.
    CloseWait,
    /// TCP: the second FIN was seen.
    LastAck,
    /// TCP: both FINs were acknowledged.
    TimeWait,
    /// TCP: reset.
    Closed,
    /// Not TCP: seen one way.
    OneWay,
    /// Not TCP: seen both ways.
    BothWays,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SynSent => "SYN sent",
            Self::SynReceived => "SYN received",
            Self::Established => "established",
            Self::FinWait => "FIN wait",
            Self::CloseWait => "close wait",
            Self::LastAck => "last ACK",
            Self::TimeWait => "time wait",
            Self::Closed => "reset",
            Self::OneWay => "seen one way",
            Self::BothWays => "seen both ways",
        })
    }
}

/// Which of the two endpoints of a connection key sent a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The lower endpoint.
    Low,
    /// The higher endpoint.
    High,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

/// An entry of a state table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracked {
    /// How far it has got.
    pub phase: Phase,
    /// Who opened it.
    pub opener: Side,
    /// When it was last seen.
    pub last: Timestamp,
}

impl Tracked {
    /// The entry that a packet makes which opens a connection, or is found in the middle of one.
    ///
    /// `opener` is the side that is taken to have opened it; `sender` sent this packet.
    pub fn open(transport: Transport, opener: Side, sender: Side, now: Timestamp) -> Self {
        let phase = match transport {
            Transport::Tcp { flags, .. } if flags.has(TcpFlags::RST) => Phase::Closed,
            Transport::Tcp { flags, .. } if flags.is_lone_syn() => Phase::SynSent,
            Transport::Tcp { flags, .. } if flags.has(TcpFlags::SYN) => Phase::SynReceived,
            Transport::Tcp { flags, .. } if flags.has(TcpFlags::FIN) => Phase::FinWait,
            Transport::Tcp { .. } => Phase::Established,
            // Found in an answer: the question was there before.
            _ if opener != sender => Phase::BothWays,
            _ => Phase::OneWay,
        };
        Self { phase, opener, last: now }
    }

    /// Whether it has been idle for its timeout. Time that runs backwards never expires anything.
    pub fn is_expired(&self, protocol: Protocol, timeouts: &Timeouts, now: Timestamp) -> bool {
        let idle = i128::from(now.0) - i128::from(self.last.0);
        idle >= 0 && idle.unsigned_abs() >= self.timeout(protocol, timeouts).as_nanos()
    }

    fn timeout(&self, protocol: Protocol, t: &Timeouts) -> std::time::Duration {
        match (self.phase, protocol) {
            (Phase::SynSent, _) => t.tcp_syn_sent,
            (Phase::SynReceived, _) => t.tcp_syn_received,
            (Phase::Established, _) => t.tcp_established,
            (Phase::FinWait, _) => t.tcp_fin_wait,
            (Phase::CloseWait, _) => t.tcp_close_wait,
            (Phase::LastAck, _) => t.tcp_last_ack,
            (Phase::TimeWait, _) => t.tcp_time_wait,
            (Phase::Closed, _) => t.tcp_closed,
            (_, Protocol::ICMP | Protocol::ICMPV6) => t.icmp,
            (Phase::OneWay, Protocol::UDP) => t.udp_single,
            (Phase::BothWays, Protocol::UDP) => t.udp_stream,
            (Phase::OneWay, _) => t.other_single,
            (Phase::BothWays, _) => t.other_stream,
        }
    }

    /// Whether a packet opens a new connection although this entry still lives: "a SYN on a closed connection is
    /// judged by the rules again".
    pub fn is_reopened_by(&self, transport: Transport) -> bool {
        let closed = matches!(self.phase, Phase::TimeWait | Phase::Closed);
        closed && matches!(transport, Transport::Tcp { flags, .. } if flags.is_lone_syn())
    }

    /// Takes note of a further packet of the connection.
    pub fn advance(&mut self, transport: Transport, sender: Side, now: Timestamp) {
        self.last = self.last.max(now);
        self.phase = match transport {
            Transport::Tcp { flags, .. } => self.next_tcp(flags, sender),
            _ if sender != self.opener => Phase::BothWays,
            _ => self.phase,
        };
    }

    fn next_tcp(&self, flags: TcpFlags, sender: Side) -> Phase {
        let from_opener = sender == self.opener;
        if flags.has(TcpFlags::RST) {
            return Phase::Closed;
        }
        if flags.has(TcpFlags::SYN) {
            // A SYN or SYN-ACK from the far side answers; anything else is a retransmission.
            return if self.phase == Phase::SynSent && !from_opener {
                Phase::SynReceived
            } else {
                self.phase
            };
        }
        if flags.has(TcpFlags::FIN) {
            return match self.phase {
                Phase::FinWait | Phase::CloseWait | Phase::LastAck => Phase::LastAck,
                Phase::TimeWait | Phase::Closed => self.phase,
                _ => Phase::FinWait,
            };
        }
        if flags.has(TcpFlags::ACK) {
            return match self.phase {
                Phase::SynSent | Phase::SynReceived => Phase::Established,
                Phase::FinWait => Phase::CloseWait,
                Phase::LastAck => Phase::TimeWait,
                phase => phase,
            };
        }
        self.phase
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::StateProfile;
    use Phase::{CloseWait, Closed, Established, FinWait, LastAck, SynReceived, SynSent, TimeWait};

    fn tcp(flags: &str) -> Transport {
        let bit = |letter| match letter {
            'S' => 0x02,
            'F' => 0x01,
            'R' => 0x04,
            '.' => 0x10,
            _ => panic!("{letter}"),
        };
        Transport::Tcp { source: 1, destination: 2, flags: TcpFlags(flags.chars().map(bit).sum()) }
    }

    /// Each line: the packets, `>` from the opener and `<` to it, and the phase after each.
    #[test]
    fn phases_by_a_hand_worked_table() {
        let table: &[(&[&str], &[Phase])] = &[
            (&[">S", "<S.", ">."], &[SynSent, SynReceived, Established]),
            (&[">S", ">S", "<S", ">."], &[SynSent, SynSent, SynReceived, Established]),
            (&[">S", "<."], &[SynSent, Established]),
            (
                &[">S", "<S.", ">.", ">F.", "<.", "<F.", ">."],
                &[SynSent, SynReceived, Established, FinWait, CloseWait, LastAck, TimeWait],
            ),
            (
                &[">S", "<S.", ">.", ">F.", "<F.", ">."],
                &[SynSent, SynReceived, Established, FinWait, LastAck, TimeWait],
            ),
            (&[">S", "<R.", ">."], &[SynSent, Closed, Closed]),
            (&[">S", "<S.", ">.", ">S"], &[SynSent, SynReceived, Established, Established]),
        ];
        for (packets, phases) in table {
            let mut tracked: Option<Tracked> = None;
            for (packet, wanted) in packets.iter().zip(*phases) {
                let side = if packet.starts_with('>') { Side::Low } else { Side::High };
                let transport = tcp(&packet[1..]);
                match &mut tracked {
                    None => tracked = Some(Tracked::open(transport, side, side, Timestamp(0))),
                    Some(tracked) => tracked.advance(transport, side, Timestamp(0)),
                }
                assert_eq!(tracked.unwrap().phase, *wanted, "{packets:?} at {packet}");
            }
        }
    }

    #[test]
    fn only_a_lone_syn_reopens_and_only_what_is_closed() {
        let mut tracked = Tracked::open(tcp("S"), Side::Low, Side::Low, Timestamp(0));
        assert!(!tracked.is_reopened_by(tcp("S")));
        tracked.phase = TimeWait;
        assert!(tracked.is_reopened_by(tcp("S")) && !tracked.is_reopened_by(tcp("S.")));
    }

    #[test]
    fn idle_time_expires_and_backward_time_does_not() {
        let timeouts = StateProfile::HUAWEI.timeouts.unwrap();
        let second = |n: i64| Timestamp(n * 1_000_000_000);
        let udp = Transport::Ports { source: 1, destination: 2 };
        let mut tracked = Tracked::open(udp, Side::Low, Side::Low, second(100));
        let expired = |tracked: &Tracked, now| tracked.is_expired(Protocol::UDP, &timeouts, now);
        assert!(!expired(&tracked, Timestamp(second(130).0 - 1)) && expired(&tracked, second(130)));
        assert!(!expired(&tracked, second(0)) && !expired(&tracked, Timestamp(i64::MIN)));
        tracked.advance(udp, Side::High, second(110));
        assert!(!expired(&tracked, second(289)) && expired(&tracked, second(290)), "180 s once both ways");
        tracked.advance(udp, Side::Low, second(50));
        assert_eq!(tracked.last, second(110), "time that runs backwards does not move it back");
    }
}
