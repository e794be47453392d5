//! Synthetic traffic against what is independent of its maker: the verdicts worked out of CCE's tables, our decoder,
//! tshark, and the formulas of its distributions.
#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

mod asked;
mod builtin;
mod command;
mod edges;
mod same;
mod support;
mod tshark;
