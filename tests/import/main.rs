//! Exports of clouds, Terraform and Kubernetes, read and joined; compared over the whole space.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // A test that cannot go on has failed.

mod attached;
mod convert;
mod doubts;
mod logs;
mod mistakes;
mod never;
mod plans;
mod same;
mod support;
