//! Prints what a policy was compiled into.

use std::io::{self, Write};

use crate::compile::{CompiledReport, Path, TableReport};
use crate::policy::Policy;

/// Writes the sizes of the decision structure, then a line for each table.
pub fn write(out: &mut impl Write, policy: &Policy, report: &CompiledReport) -> io::Result<()> {
    let [v4, v6] = report.addresses;
    writeln!(out, "address classes  {v4} IPv4, {v6} IPv6")?;
    writeln!(out, "service classes  {}", report.services)?;
    writeln!(out, "outcomes         {}", report.outcomes)?;
    writeln!(out, "memory           {} bytes", report.bytes)?;
    let path = match report.path {
        Path::Portable => "portable code",
        Path::Avx2 => "AVX2",
        Path::Avx512 => "AVX-512",
    };
    writeln!(out, "batches use      {path}")?;
    for table in &report.tables {
        let TableReport { groups, direction, rules, structure } = table;
        let groups: Vec<_> = groups.iter().map(|&group| policy.group(group).name.as_str()).collect();
        let groups = if groups.is_empty() { "no group".to_owned() } else { groups.join(", ") };
        writeln!(out, "\n{direction} of {groups}\n  {rules} rules, {structure}")?;
    }
    Ok(())
}
