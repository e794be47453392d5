//! Workloads to packets: traffic that nobody had to record.
//!
//! A [`Workload`] says who talks to whom, how often, how long and how much; a [`Plan`] is a workload with its names looked
//! up in a scenario; a [`Stream`] is its packets in order of time, each a [`Segment`] that becomes a
//! [`Packet`](crate::packet::Packet) for replay or the bytes of a frame. The same seed gives the same packets, everywhere.
//!
//! What is here judges nothing: what the groups say of the traffic is for replay. The rules themselves can be made too
//! ([`RuleWish`]), and traffic for them: [`Edges`] at every boundary, [`Headers`] and [`Trace`] at random.

mod arrivals;
mod builtin;
mod cluster;
mod conversation;
mod distribution;
mod edges;
mod ends;
mod frame;
mod headers;
mod payload;
mod plan;
mod random;
mod rules;
mod segment;
mod stream;
mod trace;
mod workload;

pub use builtin::{BUILTINS, Builtin};
pub use cluster::{ClusterRule, ClusterRules};
pub use distribution::{Distribution, ParseDistributionError, Share, Unit};
pub use edges::{Coverage, Edges};
pub use headers::{Headers, Mix, Pareto, StepAt, distinct_steps, rules_at};
pub use plan::{Flow, Plan, Planned};
pub use random::Random;
pub use rules::{RuleShape, RuleWish};
pub use segment::Segment;
pub use stream::{OutOfPorts, Record, Stream};
pub use trace::Trace;
pub use workload::{Expected, LoadedWorkload, Workload, schema, schema_text};
