//! How many packets a capture has, by us and by tcpdump, wherever both read it to its end.

use std::path::Path;
use std::process::Command;

use sgsim::capture::{CaptureProblem, CaptureReader};

use crate::{Compared, has, of_folder, shipped};

/// How many packets tcpdump reads; `None` when it cannot read the file to its end.
fn by_tcpdump(capture: &Path) -> Option<usize> {
    let output = Command::new("tcpdump").args(["--count", "-nr"]).arg(capture).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let (count, _) = told.lines().find_map(|line| line.split_once(" packet"))?;
    output.status.success().then(|| count.parse().unwrap())
}

/// How many we do, likewise.
fn by_us(capture: &Path) -> Option<usize> {
    let mut reader = CaptureReader::open(capture).ok()?;
    let mut count = 0;
    loop {
        match reader.next_frame() {
            Ok(Some(_)) => count += 1,
            Ok(None) => return Some(count),
            // Told at the end of a capture that was read to its end.
            Err(error) if matches!(error.problem(), CaptureProblem::LinkType { .. }) => return Some(count),
            Err(_) => return None,
        }
    }
}

fn compared(capture: &Path) -> Compared {
    match (by_us(capture), by_tcpdump(capture)) {
        (Some(ours), Some(theirs)) => {
            let same = ours == theirs;
            let wrong = if same { String::new() } else { format!("  {ours} packets, tcpdump {theirs}\n") };
            Compared { wrong, frames: ours }
        }
        _ => Compared::default(),
    }
}

#[test]
fn shipped_captures_have_as_many_packets_as_tcpdump_counts() {
    if has("tcpdump") {
        shipped(compared);
    }
}

/// Any captures of yours.
#[test]
fn captures_of_a_folder_have_as_many_packets_as_tcpdump_counts() {
    of_folder("tcpdump", "", "packets", compared);
}
