//! The `sgsim` command.

fn main() {}
