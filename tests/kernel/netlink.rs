//! What the kernel tells over netlink: the packets that `log group` rules report (NFLOG). And one thing we tell it: to
//! forget all connections.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto, setsockopt,
    socket, sockopt,
};

/// Requests: a request that wants an acknowledgement (`linux/netlink.h`).
const REQUEST_AND_ACK: u16 = 1 | 4;
/// `NFNL_SUBSYS_ULOG`, messages "packet" and "configuration" (`linux/netfilter/nfnetlink_log.h`).
const LOG_PACKET: u16 = 4 << 8;
const LOG_CONFIG: u16 = LOG_PACKET | 1;
/// `NFNL_SUBSYS_CTNETLINK`, message "delete" (`linux/netfilter/nfnetlink_conntrack.h`).
const CONNECTIONS_DELETE: u16 = 1 << 8 | 2;
/// The log group of all rules.
pub(crate) const GROUP: u16 = 1;

/// A packet that a rule reported.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    /// The rule's prefix.
    pub prefix: String,
    /// The packet's mark.
    pub mark: u32,
    /// The packet's first bytes, from its IP header on.
    pub bytes: Vec<u8>,
}

/// The netfilter socket of one namespace, bound to its log group.
#[derive(Debug)]
pub(crate) struct NetfilterSocket(OwnedFd);

impl NetfilterSocket {
    /// Opens it in the namespace of this thread.
    pub(crate) fn open() -> io::Result<Self> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkNetFilter,
        )?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        setsockopt(&fd, sockopt::RcvBuf, &(4 << 20))?;
        let this = Self(fd);
        // NFULA_CFG_CMD: bind.
        this.request(LOG_CONFIG, GROUP, &attribute(1, &[1]))?;
        // NFULA_CFG_MODE: copy packets, 128 bytes of each. NFULA_CFG_QTHRESH: tell each at once.
        let mut body = attribute(2, &[0, 0, 0, 128, 2, 0]);
        body.extend(attribute(5, &1u32.to_be_bytes()));
        this.request(LOG_CONFIG, GROUP, &body)?;
        Ok(this)
    }

    /// Empties the connection tracking table.
    pub(crate) fn forget_connections(&self) -> io::Result<()> {
        self.request(CONNECTIONS_DELETE, 0, &[])
    }

    /// The next packet reported, if there is one.
    pub(crate) fn next(&self) -> io::Result<Option<Logged>> {
        let mut buffer = [0; 4096];
        loop {
            let length = match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(length) => length,
                Err(nix::errno::Errno::EAGAIN) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            if let Some(logged) = messages(&buffer[..length]).find_map(|(kind, body)| logged(kind, body)) {
                return Ok(Some(logged));
            }
        }
    }

    fn request(&self, kind: u16, resource: u16, attributes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(20 + attributes.len()).map_err(io::Error::other)?;
        let mut message = Vec::with_capacity(64);
        message.extend(length.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(REQUEST_AND_ACK.to_ne_bytes());
        message.extend([0; 8]);
        message.extend([0, 0]);
        message.extend(resource.to_be_bytes());
        message.extend(attributes);
        sendto(self.0.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        // Netlink answers before `sendto` returns; packets may stand before the answer.
        let mut buffer = [0; 4096];
        loop {
            let length = recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
            for (kind, body) in messages(&buffer[..length]) {
                if kind == 2 {
                    let code = body.first_chunk().map_or(-1, |code| i32::from_ne_bytes(*code));
                    return if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-code)) };
                }
            }
        }
    }
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(4);
    let mut bytes = Vec::from(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The messages of a datagram: type and body.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32::from_ne_bytes(*bytes.first_chunk()?)).ok()?;
        let message = bytes.get(..length).filter(|message| message.len() >= 16)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([message[4], message[5]]), &message[16..]))
    })
}

fn logged(kind: u16, body: &[u8]) -> Option<Logged> {
    if kind != LOG_PACKET {
        return None;
    }
    let mut logged = Logged { prefix: String::new(), mark: 0, bytes: Vec::new() };
    let mut rest = body.get(4..)?;
    while let [l0, l1, k0, k1, ..] = *rest {
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = rest.get(4..length)?;
        match u16::from_ne_bytes([k0, k1]) & 0x3fff {
            2 => logged.mark = u32::from_be_bytes(*value.first_chunk()?),
            9 => logged.bytes = value.to_vec(),
            10 => String::from_utf8_lossy(value).trim_end_matches('\0').clone_into(&mut logged.prefix),
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(logged)
}
