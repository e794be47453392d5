//! The options of a scenario that change what a verdict means: dialect, state profile, mid-stream mode.

use std::fmt;
use std::time::Duration;

/// How the rules of several groups combine; both agree when every rule allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// Huawei Cloud: groups in the order bound, first match over all of them decides.
    #[default]
    Ordered,
    /// AWS, `OpenStack`, Open Telekom Cloud: all rules of all groups in one list by priority.
    Union,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ordered => "ordered",
            Self::Union => "union",
        })
    }
}

/// What a packet without state means when it does not open a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Midstream {
    /// It may belong to a connection that was open before the capture began.
    #[default]
    Assume,
    /// It is judged by the rules in its own direction, as Linux does.
    Pickup,
    /// Only a SYN opens a TCP connection.
    Strict,
}

impl fmt::Display for Midstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Assume => "assume",
            Self::Pickup => "pickup",
            Self::Strict => "strict",
        })
    }
}

/// How state is kept: the name of the profile and its idle timeouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateProfile {
    /// `huawei`, `aws`, `linux` or `stateless`.
    pub name: &'static str,
    /// The idle timeouts; `None` keeps no state at all.
    pub timeouts: Option<Timeouts>,
}

impl Default for StateProfile {
    fn default() -> Self {
        Self::HUAWEI
    }
}

macro_rules! timeouts {
    ($($(#[$doc:meta])* $field:ident = $key:literal,)*) => {
        /// Idle time after which an entry of the state table is gone.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Timeouts {
            $($(#[$doc])* pub $field: Duration,)*
        }

        impl Timeouts {
            /// The names of all timeouts, as a scenario writes them, in a fixed order.
            pub const KEYS: &'static [&'static str] = &[$($key),*];

            /// The timeout of this name, to be read or overridden.
            pub fn get_mut(&mut self, key: &str) -> Option<&mut Duration> {
                match key {
                    $($key => Some(&mut self.$field),)*
                    _ => None,
                }
            }

            /// All timeouts with their names, in a fixed order.
            pub fn entries(&self) -> impl Iterator<Item = (&'static str, Duration)> {
                [$(($key, self.$field)),*].into_iter()
            }
        }
    };
}

timeouts! {
    /// TCP after the SYN.
    tcp_syn_sent = "tcp-syn-sent",
    /// TCP after the SYN-ACK.
    tcp_syn_received = "tcp-syn-received",
    /// TCP once established.
    tcp_established = "tcp-established",
    /// TCP after the first FIN.
    tcp_fin_wait = "tcp-fin-wait",
    /// TCP after the first FIN was acknowledged.
    tcp_close_wait = "tcp-close-wait",
    /// TCP after the second FIN.
    tcp_last_ack = "tcp-last-ack",
    /// TCP after the second FIN was acknowledged.
    tcp_time_wait = "tcp-time-wait",
    /// TCP after a reset.
    tcp_closed = "tcp-closed",
    /// UDP seen one way.
    udp_single = "udp-single",
    /// UDP seen both ways.
    udp_stream = "udp-stream",
    /// ICMP and ICMPv6 queries.
    icmp = "icmp",
    /// Every other protocol seen one way.
    other_single = "other-single",
    /// Every other protocol seen both ways.
    other_stream = "other-stream",
}

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

const LINUX_TIMEOUTS: Timeouts = Timeouts {
    tcp_syn_sent: seconds(120),
    tcp_syn_received: seconds(60),
    tcp_established: seconds(432_000),
    tcp_fin_wait: seconds(120),
    tcp_close_wait: seconds(60),
    tcp_last_ack: seconds(30),
    tcp_time_wait: seconds(120),
    tcp_closed: seconds(10),
    udp_single: seconds(30),
    udp_stream: seconds(120),
    icmp: seconds(30),
    other_single: seconds(600),
    other_stream: seconds(600),
};

impl StateProfile {
    /// Huawei Cloud (OTC `vpc_faq`, "does a modified security group rule ..."): TCP established 600 s, closing
    /// 30 s, ICMP 30 s, the rest 180 s once both ways and 30 s one way. What TCP waits for while opening is
    /// not documented; 30 s is an assumption.
    pub const HUAWEI: Self = Self {
        name: "huawei",
        timeouts: Some(Timeouts {
            tcp_syn_sent: seconds(30),
            tcp_syn_received: seconds(30),
            tcp_established: seconds(600),
            tcp_fin_wait: seconds(30),
            tcp_close_wait: seconds(30),
            tcp_last_ack: seconds(30),
            tcp_time_wait: seconds(30),
            tcp_closed: seconds(30),
            udp_single: seconds(30),
            udp_stream: seconds(180),
            icmp: seconds(30),
            other_single: seconds(30),
            other_stream: seconds(180),
        }),
    };

    /// AWS (`API_ConnectionTrackingConfiguration`, `security-group-connection-tracking.md`): TCP established
    /// 432000 s, UDP 180 s once both ways and 30 s one way, the rest 600 s. What TCP waits for while
    /// opening and closing is not documented; the Linux kernel's values are an assumption.
    pub const AWS: Self = Self {
        name: "aws",
        timeouts: Some(Timeouts { udp_stream: seconds(180), icmp: seconds(600), ..LINUX_TIMEOUTS }),
    };

    /// The Linux kernel's defaults (`nf_conntrack-sysctl.rst`).
    pub const LINUX: Self = Self { name: "linux", timeouts: Some(LINUX_TIMEOUTS) };

    /// No state: every packet is judged by the rules. The control experiment.
    pub const STATELESS: Self = Self { name: "stateless", timeouts: None };

    /// All profiles.
    pub const ALL: [Self; 4] = [Self::HUAWEI, Self::AWS, Self::LINUX, Self::STATELESS];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_timeout_can_be_named() {
        let mut timeouts = StateProfile::HUAWEI.timeouts.unwrap();
        for key in Timeouts::KEYS {
            *timeouts.get_mut(key).unwrap() = seconds(7);
        }
        assert!(timeouts.entries().all(|(_, value)| value == seconds(7)));
        assert_eq!(timeouts.get_mut("tcp"), None);
    }
}
