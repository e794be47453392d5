//! Files read by blocks, beside the same files read record by record: every variant of pcap, and every way to end.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use sgsim::capture::CaptureReader;
use sgsim::compile::Compiled;
use sgsim::pipeline::Captures;
use sgsim::policy::{Policy, Scenario};
use sgsim::replay::{InOrder, Judged, Replay, Tally};

/// How a file is written.
#[derive(Debug, Clone, Copy)]
struct Variant {
    big_endian: bool,
    magic: u32,
    minor: u16,
    link: u32,
}

const COMMON: Variant = Variant { big_endian: false, magic: 0xa1b2_c3d4, minor: 4, link: 1 };
const KUZNETZOV: u32 = 0xa1b2_cd34;
const IXIA: u32 = 0x1c00_01ac;
/// The longest frame that is read of these link types.
const LONGEST: usize = 262_144;

/// How a file ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Whole,
    InBody,
    InHeader,
    /// In a record that is one byte longer than any may be.
    TooLong,
}

/// The shipped capture, its first records, in another form; some of them empty, some longer than what is read at once.
fn written(variant: Variant, end: End) -> Vec<u8> {
    let Variant { big_endian, magic, minor, link } = variant;
    let word = |word: u32| if big_endian { word.to_be_bytes() } else { word.to_le_bytes() };
    let short = |short: u16| if big_endian { short.to_be_bytes() } else { short.to_le_bytes() };
    let mut file = [&word(magic)[..], &short(2), &short(minor), &[0; 12], &word(link)].concat();
    file.extend(vec![0; if magic == IXIA { 4 } else { 0 }]);
    let shipped = std::fs::read(shipped("cce-tunnel.pcap")).unwrap();
    let mut rest = &shipped[24..];
    for number in 0..300 {
        let (head, tail) = rest.split_first_chunk::<16>().unwrap();
        let field = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
        let (body, tail) = tail.split_at(field(8) as usize);
        rest = tail;
        let mut body = body.to_vec();
        match (number, end) {
            (50, _) => body.clear(),
            (100, _) => body.resize(200_000, 7),
            // Then the next lies over the end of a block of 512 KiB: no start is found in what is read first.
            (120, _) => body.resize(260_000, 0),
            (150, _) => body.resize(LONGEST, 0),
            (299, End::TooLong) => body.resize(LONGEST + 1, 0),
            _ => {}
        }
        let captured = u32::try_from(body.len()).unwrap();
        let wire = field(12).max(captured);
        let lengths = if minor <= 2 { [wire, captured] } else { [captured, wire] };
        for field in [field(0), field(4), lengths[0], lengths[1]] {
            file.extend(word(field));
        }
        file.extend(vec![0; if magic == KUZNETZOV { 8 } else { 0 }]);
        match (number, end) {
            (299, End::InBody) => body.truncate(20),
            (299, End::InHeader) => {
                file.truncate(file.len() - 6);
                body.clear();
            }
            _ => {}
        }
        file.extend(body);
    }
    file
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name)
}

/// All that comes of a capture.
type Outcome = (Vec<Judged>, Vec<String>, u64, Tally);

fn outcome(captures: Captures, (policy, matcher): (&Policy, &Compiled<'_>), threads: usize) -> Outcome {
    let mut replay = Replay::new(policy, matcher);
    let (mut order, mut judged) = (InOrder::default(), vec![]);
    let mut out = |frame| {
        order.push(frame, &mut |frame| judged.push(frame));
        ControlFlow::Continue(())
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let read = pool.install(|| captures.judge(&mut replay, Some(&mut out), &AtomicU64::new(0)));
    // A reader without a file has another name.
    let error = |error: &sgsim::capture::CaptureError| {
        let text = error.to_string();
        text.split_once(" at byte ").map(|(_, rest)| rest.to_owned()).unwrap_or(text)
    };
    (judged, read.errors.iter().map(error).collect(), read.reads[0].frames, replay.tally())
}

#[test]
fn blocks_and_records_tell_the_same_of_every_variant() {
    let scenario = Scenario::load(&shipped("cce-tunnel.yaml"));
    let policy = scenario.policy().unwrap();
    let matcher = Compiled::new(policy);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("blocks");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("variant.pcap");
    let variants = [
        COMMON,
        Variant { big_endian: true, ..COMMON },
        Variant { magic: 0xa1b2_3c4d, ..COMMON },
        Variant { minor: 2, ..COMMON },
        Variant { minor: 3, ..COMMON },
        Variant { magic: KUZNETZOV, ..COMMON },
        Variant { magic: KUZNETZOV, big_endian: true, ..COMMON },
        Variant { magic: IXIA, ..COMMON },
        Variant { link: 101, ..COMMON },
        Variant { link: 113, ..COMMON },
    ];
    for variant in variants {
        for end in [End::Whole, End::InBody, End::InHeader, End::TooLong] {
            std::fs::write(&path, written(variant, end)).unwrap();
            let reader = CaptureReader::open(&path).unwrap();
            let plain = outcome(Captures::of(reader), (policy, &matcher), 1);
            let whole = matches!(end, End::Whole);
            assert_eq!(
                (plain.2, plain.1.len()),
                (299 + u64::from(whole), usize::from(!whole)),
                "{variant:?} {end:?}"
            );
            for (size, threads) in [(1000, 1), (5000, 2), (150_000, 1), (512 << 10, 2)] {
                let blocks = Captures::open(std::slice::from_ref(&path), size, false, None);
                let found = outcome(blocks, (policy, &matcher), threads);
                let how = format!("{variant:?} {end:?} by blocks of {size} on {threads} threads");
                assert_eq!((&found.1, found.2), (&plain.1, plain.2), "{how}");
                assert!(found.0 == plain.0 && found.3 == plain.3, "{how}");
            }
        }
    }
}
