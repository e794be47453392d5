//! A file that loses its end while it is read by blocks.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::atomic::AtomicU64;

use sgsim::compile::Linear;
use sgsim::pipeline::Captures;
use sgsim::policy::Scenario;
use sgsim::replay::Replay;

use crate::build::*;

#[test]
fn a_file_that_is_truncated_while_it_is_read_is_an_error() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/cce-tunnel.yaml");
    let loaded = Scenario::parse("cce-tunnel.yaml", &fs::read_to_string(scenario).unwrap());
    let policy = loaded.policy().unwrap();
    let matcher = Linear::new(policy);
    let mut whole = pcap_header(Order::Little, 0xa1b2_c3d4, 1);
    for number in 0..2000_u16 {
        whole.extend(pcap_record(Order::Little, u32::from(number), 0, 54, &syn_frame(number)));
    }
    let path = std::env::temp_dir().join(format!("sgsim-truncated-{}.pcap", std::process::id()));
    let judged = |length: usize, threads: usize| {
        fs::write(&path, &whole).unwrap();
        let captures = Captures::open(std::slice::from_ref(&path), 4096, false, None);
        OpenOptions::new().write(true).open(&path).unwrap().set_len(length as u64).unwrap();
        let mut replay = Replay::new(policy, &matcher);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let outcome = pool.install(|| captures.judge(&mut replay, None, &AtomicU64::new(0)));
        let errors: Vec<_> = outcome.errors.iter().map(ToString::to_string).collect();
        (outcome.reads[0].frames, errors)
    };
    for threads in [1, 2] {
        assert_eq!(judged(whole.len(), threads), (2000, vec![]));
        // Between two records, in a header, in a frame, where a block ends, behind the first record, and all of it.
        for length in [24 + 70 * 900_usize, 24 + 70 * 900 + 9, 24 + 70 * 900 + 40, 15 * 4096, 94, 24, 0] {
            let frames = length.saturating_sub(24) / 70;
            let told = format!(
                "read {} at byte {}: the file ended at byte {length}, it was {} bytes long when it was opened",
                path.display(),
                24 + 70 * frames,
                whole.len()
            );
            assert_eq!(judged(length, threads), (frames as u64, vec![told]));
        }
    }
    fs::remove_file(&path).unwrap();
}
