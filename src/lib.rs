//! `sgsim`: which traffic would each security group allow or drop, and which rule decides?
#![warn(missing_docs)]

pub mod analyze;
pub mod capture;
pub mod cli;
pub mod compile;
pub mod diag;
pub mod packet;
pub mod policy;
pub mod replay;
pub mod report;
