//! Which traffic would each security group allow or drop, and which rule decides?
//!
//! The pipeline: a scenario becomes a [`policy`], a [`compile::Matcher`] answers for it, a [`capture`] yields packets, and
//! [`replay`] judges them.
//!
//! ```
//! use sgsim::compile::Linear;
//! use sgsim::packet::{Flow, Timestamp};
//! use sgsim::policy::Scenario;
//! use sgsim::replay::{Replay, Verdict};
//!
//! let loaded = Scenario::parse("web.yaml", "
//! groups:
//!   web: { ingress: [allow tcp 443 from any] }
//! interfaces:
//!   server: { addresses: 10.0.0.1, groups: [web] }
//! ");
//! let policy = loaded.policy().expect("a scenario without mistakes");
//! let matcher = Linear::new(policy);
//! let mut replay = Replay::new(policy, &matcher);
//!
//! let flow: Flow = "tcp 203.0.113.9:40000 > 10.0.0.1:22".parse()?;
//! let mut verdicts = vec![];
//! replay.push(1, flow.packet(Timestamp(0)), &mut (), &mut |judged| verdicts.push(judged.judgement.verdict()));
//! assert_eq!(verdicts, [Verdict::Drop]);
//! # Ok::<(), sgsim::packet::ParseFlowError>(())
//! ```
//!
//! A map of the rooms: `ARCHITECTURE.md`.

pub mod analyze;
pub mod capture;
pub mod cli;
pub mod compile;
pub mod diag;
pub mod expect;
pub mod packet;
pub mod pipeline;
pub mod policy;
pub mod replay;
pub mod report;
pub mod space;
