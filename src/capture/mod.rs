//! Bytes to packets: containers (pcap, pcapng; compressed or not), link types, IP and transport headers, several captures as one
//! timeline.
//!
//! What is here knows nothing of groups or state: fragments are described, not put together, and tunnels are
//! left closed unless asked for ([`decode_layers`]). No type of the crates that help with parsing leaves this room.
//!
//! Two halves that meet in [`CaptureReader`]: a container yields [`Record`]s (time, link type, bytes), and
//! [`decode()`] turns the bytes of one into [`Content`](crate::packet::Content). Neither panics on any bytes.

mod blocks;
mod compressed;
mod counts;
mod decode;
mod error;
mod flow_log;
mod folder;
mod link_type;
mod pcap;
mod pcapng;
mod reader;
mod repeats;
mod source;
mod ticks;
mod timeline;
mod write;

pub use blocks::{Block, Blocks, Sink};
pub use counts::LinkCounts;
pub use decode::{MOST_NESTED, TunnelPorts, decode, decode_layers, quick};
pub use error::{CaptureError, CaptureProblem, Expected};
pub use flow_log::{FlowLog, FlowLogError, Logged, LoggedFlow};
pub use folder::Folder;
pub use link_type::LinkType;
pub use reader::{CaptureReader, Frame, Record};
pub use repeats::{Print, Repeats};
pub use timeline::{Repetition, Timeline, TimelineFrame};
pub use write::write_flow;
