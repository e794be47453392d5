//! Several captures as one.

use std::path::PathBuf;

use sgsim::capture::{CaptureReader, Folder, LinkType, Timeline};
use sgsim::packet::Content;

use crate::build::*;

/// A file of the test's own, removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("sgsim-timeline-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it being gone.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A pcap whose frames come at these seconds, each with its second for source port.
fn pcap(link: u32, seconds: &[u32]) -> Vec<u8> {
    let order = Order::Little;
    let mut file = pcap_header(order, 0xa1b2_c3d4, link);
    for &second in seconds {
        let frame = syn_frame(u16::try_from(second).unwrap());
        file.extend(pcap_record(order, second, 0, 54, &frame));
    }
    file
}

fn source_port(content: Content) -> u16 {
    match content {
        Content::Ip(packet) => packet.ports().unwrap().0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn captures_are_merged_by_time_and_numbered_by_file() {
    let a = Scratch::new("a", &pcap(1, &[10, 30, 20, 50]));
    let b = Scratch::new("b", &pcap(1, &[10, 25, 50]));
    let mut timeline = Timeline::open(&[&a.0, &b.0]);
    let seen: Vec<_> = timeline
        .by_ref()
        .map(|item| (item.number, item.source, source_port(item.frame.packet.content)))
        .collect();
    // Frame 3 runs behind frame 2 although its time is before frame 6's: the file's order is kept.
    let expected = [(1, 0, 10), (5, 1, 10), (6, 1, 25), (2, 0, 30), (3, 0, 20), (4, 0, 50), (7, 1, 50)];
    assert_eq!(seen, expected);
    assert!(timeline.errors().is_empty());
    assert_eq!(timeline.counts().iter().collect::<Vec<_>>(), [(LinkType::ETHERNET, 7)]);
}

#[test]
fn a_broken_capture_gives_what_it_had() {
    let mut broken = pcap(1, &[1, 2, 3]);
    broken.truncate(broken.len() - 1);
    let broken = Scratch::new("broken", &broken);
    let other = Scratch::new("other", &pcap(147, &[2]));
    let missing = PathBuf::from("no/such.pcap");
    let mut timeline = Timeline::open(&[missing, broken.0.clone(), other.0.clone()]);
    let seen: Vec<_> = timeline.by_ref().map(|item| (item.number, item.source)).collect();
    assert_eq!(seen, [(1, 1), (2, 1), (3, 2)]);
    let names: Vec<_> = timeline.errors().iter().map(|error| error.name().to_owned()).collect();
    let path = |scratch: &Scratch| scratch.0.display().to_string();
    assert_eq!(
        names,
        ["no/such.pcap".to_owned(), path(&broken), path(&other)],
        "a link type nobody decodes is an error too"
    );
    assert_eq!(timeline.errors()[1].offset(), 24 + 2 * 70);
    assert_eq!(timeline.counts().unsupported().collect::<Vec<_>>(), [(LinkType(147), 1)]);
}

#[test]
fn one_capture_keeps_its_own_order() {
    let only = Scratch::new("only", &pcap(1, &[5, 3, 4]));
    let numbers: Vec<_> = Timeline::open(&[&only.0]).map(|item| item.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(Timeline::open::<PathBuf>(&[]).count(), 0);
}

/// A pipe that holds these bytes and then would block: reading on is a mistake.
struct Live(std::io::Cursor<Vec<u8>>);

impl std::io::Read for Live {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 => panic!("waited for the next frame with one in hand"),
            count => Ok(count),
        }
    }
}

#[test]
fn a_live_capture_gives_each_frame_at_once() {
    let live = Live(std::io::Cursor::new(pcap(1, &[1, 2])));
    let mut timeline = Timeline::of(CaptureReader::new("-", live).unwrap());
    assert_eq!(timeline.by_ref().take(2).map(|item| item.number).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn rotated_captures_are_read_one_at_a_time() {
    let files: Vec<_> = (0..300_u32)
        .map(|index| Scratch::new(&format!("rotated-{index}"), &pcap(1, &[index * 10, index * 10 + 5])))
        .collect();
    let paths: Vec<_> = files.iter().map(|file| file.0.clone()).collect();
    let mut timeline = Timeline::open(&paths);
    let mut seen = 0;
    while let Some(item) = timeline.next() {
        seen += 1;
        assert_eq!((item.number, item.source as u64), (seen, (seen - 1) / 2));
        assert_eq!(format!("{timeline:?}").matches("Open(").count(), 1, "no more are open than needed");
    }
    assert_eq!(seen, 600);

    // Given in another order, numbers follow the order given, and time the clock.
    let mixed: Vec<_> = [2, 0, 1].map(|index: usize| paths[index].clone()).to_vec();
    let numbers: Vec<_> = Timeline::open(&mixed).map(|item| item.number).collect();
    assert_eq!(numbers, [3, 4, 5, 6, 1, 2]);
}

#[test]
fn a_folder_gives_its_captures_in_order_of_time() {
    let folder = std::env::temp_dir().join(format!("sgsim-folder-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("deeper")).unwrap();
    for (name, seconds) in [("a.pcap", 30), ("b", 10), ("c.pcap.1", 20), (".hidden", 5), ("deeper/d", 1)] {
        std::fs::write(folder.join(name), pcap(1, &[seconds])).unwrap();
    }
    std::fs::write(folder.join("notes.txt"), "not a capture").unwrap();
    std::fs::write(folder.join("empty"), "").unwrap();
    std::fs::write(folder.join("short"), &pcap(1, &[1])[..3]).unwrap();
    #[cfg(unix)]
    let (_socket, special) = {
        std::os::unix::fs::symlink("nowhere", folder.join("dangling")).unwrap();
        (std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap(), 2)
    };
    #[cfg(not(unix))]
    let special = 0;
    std::fs::write(folder.join("broken.pcap"), &pcap(1, &[1])[..30]).unwrap();
    let Folder { captures, others } = Folder::open(&folder).unwrap();
    let names: Vec<_> = captures.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!((names.as_slice(), others), (&["broken.pcap", "b", "c.pcap.1", "a.pcap"][..], 3 + special));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(Folder::open(&folder).unwrap_err().to_string().starts_with("open "));
}
