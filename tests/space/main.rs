//! What is said of all packets there could be, against brute force over a space small enough for it.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

mod expectations;
mod questions;
mod tiny;
