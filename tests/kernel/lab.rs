//! The machines: for each interface a host and the namespace that forwards for it, a core that joins them, and the outside.
//!
//! ```text
//! host a ── forward a ──┐
//! host b ── forward b ──┼── core ── outside
//! host c ── forward c ──┘
//! ```
//!
//! Only the forwarding namespaces track connections and have rules, so each interface has its own table. The hosts'
//! stacks never answer: all that reaches one is reported and dropped before they see it.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrIn6, sendto, socket,
};

use super::netlink::NetfilterSocket;
use super::netns::Namespace;
use super::plan::STATIONS;
use super::scenario::TIMEOUTS;

/// All links have one address, so that nobody needs to ask for it.
const MAC: &str = "02:00:00:00:00:01";

/// A place packets come from and go to.
#[derive(Debug)]
pub(crate) struct Host {
    #[allow(dead_code, reason = "keeps the namespace alive")]
    namespace: Namespace,
    raw: [OwnedFd; 2],
    /// What reached it.
    pub arrivals: NetfilterSocket,
}

/// An interface.
#[derive(Debug)]
pub(crate) struct Port {
    /// The host behind it.
    pub host: Host,
    /// Its forwarding namespace.
    pub forward: Namespace,
    /// What its rules report.
    pub steps: NetfilterSocket,
}

impl Port {
    /// Sets all timeouts of its connection tracking, in seconds, by the names of a scenario.
    pub(crate) fn set_timeouts(&self, seconds: impl Fn(&str) -> u32) -> io::Result<()> {
        let names =
            TIMEOUTS.iter().flat_map(|(name, parameters)| parameters.iter().map(move |p| (*name, *p)));
        let values: Vec<_> = names
            .map(|(name, parameter)| {
                (format!("netfilter/nf_conntrack_{parameter}"), seconds(name).to_string())
            })
            .collect();
        let values: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.forward.set(&values)
    }
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Lab {
    /// In the order of [`STATIONS`].
    pub ports: Vec<Port>,
    /// Everything that no interface owns.
    pub outside: Host,
    #[allow(dead_code, reason = "keeps the namespace alive")]
    core: Namespace,
}

const ROUTER: &[(&str, &str)] = &[
    ("ipv4/ip_forward", "1"),
    ("ipv4/conf/all/forwarding", "1"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/default/send_redirects", "0"),
    ("ipv6/conf/all/forwarding", "1"),
];

/// What conntrack would do on its own account: look at checksums, at TCP windows.
const TRACKER: &[(&str, &str)] =
    &[("netfilter/nf_conntrack_checksum", "0"), ("netfilter/nf_conntrack_tcp_be_liberal", "1")];

const QUIET: &[(&str, &str)] = &[
    ("ipv6/conf/default/addr_gen_mode", "1"),
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
];

impl Lab {
    /// Builds it; fails where the machine does not let us.
    pub(crate) fn new() -> io::Result<Self> {
        let core = Namespace::new()?;
        core.set(QUIET)?;
        core.set(ROUTER)?;
        let mut ports = Vec::new();
        for station in &STATIONS {
            let forward = Namespace::new()?;
            forward.set(QUIET)?;
            forward.set(ROUTER)?;
            join(&forward, "core", &core, station.name)?;
            let host = Host::new(&forward)?;
            // Loads the tracker, whose parameters are there only then.
            forward.run(
                "nft",
                &["-f", "-"],
                "table inet t {\n chain c {\n ct state new\n }\n}\ndelete table inet t\n",
            )?;
            forward.set(TRACKER)?;
            let steps = forward.enter(NetfilterSocket::open)?;
            ports.push(Port { host, forward, steps });
        }
        let outside = Host::new(&core)?;
        let lab = Self { ports, outside, core };
        lab.route()?;
        Ok(lab)
    }

    fn route(&self) -> io::Result<()> {
        lay(&self.core, "host", |station| station.name)?;
        for (at, port) in self.ports.iter().enumerate() {
            let own = |station: &super::plan::Station| {
                if station.name == STATIONS[at].name { "host" } else { "core" }
            };
            lay(&port.forward, "core", own)?;
        }
        Ok(())
    }

    /// The host of a station, or the outside.
    pub(crate) fn host(&self, owner: Option<usize>) -> &Host {
        owner.map_or(&self.outside, |at| &self.ports[at].host)
    }
}

/// Lays the routes of one router.
fn lay(
    namespace: &Namespace,
    default: &str,
    device: impl Fn(&super::plan::Station) -> &'static str,
) -> io::Result<()> {
    let mut commands = format!("route add default dev {default}\n-6 route add default dev {default}\n");
    for station in &STATIONS {
        for net in station.addresses.iter().chain(station.behind) {
            let family = if net.contains(':') { "-6 " } else { "" };
            writeln!(commands, "{family}route add {net} dev {}", device(station))
                .map_err(io::Error::other)?;
        }
    }
    for line in commands.lines() {
        let (family, line) = line.strip_prefix("-6 ").map_or(("-4", line), |line| ("-6", line));
        let words: Vec<_> = std::iter::once(family).chain(line.split(' ')).collect();
        namespace.run("ip", &words, "")?;
    }
    Ok(())
}

/// A link between two namespaces.
fn join(here: &Namespace, name: &str, there: &Namespace, peer: &str) -> io::Result<()> {
    let path = there.path();
    let words = ["link", "add", name, "address", MAC, "type", "veth", "peer", "name", peer, "address", MAC];
    here.run("ip", &[&words[..], &["netns", &path]].concat(), "")?;
    here.run("ip", &["link", "set", "dev", name, "arp", "off", "up"], "")?;
    there.run("ip", &["link", "set", "dev", peer, "arp", "off", "up"], "")
}

impl Host {
    fn new(router: &Namespace) -> io::Result<Self> {
        let namespace = Namespace::new()?;
        namespace.set(QUIET)?;
        join(router, "host", &namespace, "net")?;
        // Raw sockets that bring their own headers still ask for a source address and a route.
        for words in [
            &["address", "add", "192.0.2.1/32", "dev", "net"][..],
            &["-6", "address", "add", "100::1/128", "dev", "net", "nodad"],
            &["route", "add", "default", "dev", "net"],
            &["-6", "route", "add", "default", "dev", "net"],
        ] {
            namespace.run("ip", words, "")?;
        }
        let silent = "table inet host {\n chain in {\n type filter hook prerouting priority -500\n \
            iif lo accept\n log group 1 snaplen 64 queue-threshold 1\n drop\n }\n}\n";
        namespace.run("nft", &["-f", "-"], silent)?;
        namespace
            .enter(|| {
                let open = |family| {
                    let flags = SockFlag::SOCK_CLOEXEC;
                    socket(family, SockType::Raw, flags, SockProtocol::Raw).map_err(io::Error::from)
                };
                let raw = [open(AddressFamily::Inet)?, open(AddressFamily::Inet6)?];
                Ok((raw, NetfilterSocket::open()?))
            })
            .map(|(raw, arrivals)| Self { namespace, raw, arrivals })
    }

    /// Sends an IP packet, header and all.
    pub(crate) fn send(&self, bytes: &[u8], to: IpAddr) -> io::Result<()> {
        let sent = match to {
            IpAddr::V4(to) => {
                let to = SockaddrIn::from(SocketAddrV4::new(to, 0));
                sendto(self.raw[0].as_raw_fd(), bytes, &to, MsgFlags::empty())
            }
            IpAddr::V6(to) => {
                let to = SockaddrIn6::from(SocketAddrV6::new(to, 0, 0, 0));
                sendto(self.raw[1].as_raw_fd(), bytes, &to, MsgFlags::empty())
            }
        };
        match sent {
            Ok(_) => Ok(()),
            Err(error) => Err(io::Error::other(format!("sending to {to}: {error}"))),
        }
    }
}
