//! Exact questions over the whole header space: every first packet that could be, not the ones that were seen.
//!
//! A first packet opens a connection at interfaces that know of nothing before it: a lone SYN, a datagram, a message.
//! What becomes of it depends on its source, its destination and its service; a source port counts for nothing but
//! the exchange of a DHCP client, which passes every group and is left out here. Rules and interfaces cut these three
//! dimensions into few classes each, whose members no step can tell apart; the evaluator is asked about one packet of each
//! cell, and what it says holds for all of them. Nothing is judged here.
//!
//! ```
//! use sgsim::compile::Compiled;
//! use sgsim::packet::AddressSet;
//! use sgsim::policy::Scenario;
//! use sgsim::replay::FirstPackets;
//! use sgsim::space::{PacketSet, ServiceSet, ask};
//!
//! let loaded = Scenario::parse("web.yaml", "
//! groups:
//!   web: { ingress: [allow tcp 443 from any] }
//! interfaces:
//!   server: { addresses: 10.0.0.1, groups: [web] }
//! ");
//! let policy = loaded.policy().expect("a scenario without mistakes");
//! let matcher = Compiled::new(policy);
//! let server: AddressSet = ["10.0.0.1".parse()?].into_iter().collect();
//! let question = PacketSet::new(&AddressSet::any(), &server, &ServiceSet::any());
//! let answer = ask(&FirstPackets::new(policy, &matcher), &question);
//! assert_eq!(answer.allowed.len(), 1);
//! assert_eq!(answer.allowed[0].witness.to_string(), "tcp 203.0.113.9:49152 > 10.0.0.1:443");
//! # Ok::<(), sgsim::packet::ParseAddressError>(())
//! ```

mod addresses;
mod ask;
mod cells;
mod line;
mod merge;
mod reach;
mod services;
mod set;

pub use addresses::without;
pub(crate) use addresses::{at as address_at, number as number_of};
pub use ask::{Answer, Difference, Fate, ask, differences};
pub use cells::outside;
pub use reach::{Never, Reach, reach, reach_of};
pub use services::ServiceSet;
pub use set::{PacketSet, Region};
