//! The capture room from outside: frames and containers built by hand, byte for byte.

// A helper that cannot do its work is a failed test.
#![allow(clippy::unwrap_used)]

mod blocks;
mod build;
mod compressed;
mod containers;
mod decode;
mod errors;
mod links;
mod properties;
mod repeats;
mod timeline;
mod truncated;
mod tunnels;
