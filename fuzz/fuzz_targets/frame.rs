//! The frame decoder: any bytes of any link type, whole, cut by the snap length, and shorter than they claim.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sgsim::capture::{LinkType, MOST_NESTED, TunnelPorts, decode, decode_layers};
use sgsim::packet::{Carries, Content, Layer, Timestamp, Transport};

/// The packets of a frame, each tied to the one around it.
fn layers(link: LinkType, bytes: &[u8], length: u32) -> Vec<Layer> {
    let layers = decode_layers(link, Timestamp(0), bytes, length, &TunnelPorts::default());
    assert_eq!(layers[0].packet.content, decode(link, bytes, length), "tunnels change nothing outside");
    assert!(layers.len() <= MOST_NESTED + 1);
    for (depth, layer) in layers.iter().enumerate() {
        assert_eq!(layer.within.tunnels().count(), depth, "each is inside of one more");
        assert_eq!(layer.carries == Carries::Packet, depth + 1 < layers.len(), "no inside is lost");
        if let Content::Ip(ip) = layer.packet.content {
            assert!(ip.domain.tunnels().eq(layer.within.tunnels()));
        }
    }
    layers
}

fuzz_target!(|data: &[u8]| {
    let [link_high, link_low, rest @ ..] = data else { return };
    let link = LinkType(u32::from(u16::from_be_bytes([*link_high, *link_low])));
    let length = u32::try_from(rest.len()).unwrap_or(u32::MAX);
    let whole = decode(link, rest, length);
    if !link.is_supported() {
        assert_eq!(whole, Content::NotIp, "not supported, so not guessed");
    }
    assert_ne!(whole, Content::Truncated, "nothing is missing from it");
    if let Content::Ip(packet) = whole {
        assert!(!matches!(packet.transport, Transport::Truncated), "nothing is missing from it");
        let later = packet.fragment.is_some_and(|fragment| fragment.offset > 0);
        assert_eq!(later, packet.transport == Transport::LaterFragment);
    }
    let all = layers(link, rest, length);
    for cut in [rest.len() / 2, rest.len().saturating_sub(1), rest.len().min(40)] {
        match (decode(link, &rest[..cut], length), whole) {
            (Content::Ip(cut), Content::Ip(whole)) => {
                assert_eq!((cut.domain, cut.addresses), (whole.domain, whole.addresses));
                if let (Some(few), Some(all)) = (cut.ports(), whole.ports()) {
                    assert_eq!(few, all);
                }
            }
            (Content::Truncated | Content::Malformed, _) => {}
            (cut, whole) => assert_eq!(cut, whole, "fewer bytes tell nothing else"),
        }
        for (few, all) in layers(link, &rest[..cut], length).iter().zip(&all) {
            if let (Content::Ip(few), Content::Ip(all)) = (few.packet.content, all.packet.content) {
                assert_eq!((few.domain, few.addresses), (all.domain, all.addresses));
            }
        }
        layers(link, &rest[..cut], 0);
        layers(link, &rest[..cut], u32::MAX);
    }
});
