//! Offloads: what is checked, what is finished in software, and that nothing that a peer sends can do harm.

use proptest::prelude::*;
use switch::offload::{check, coalesce, complete, recognise};
use switch::wire::ip::{finish_ipv4, Layers, Version, TCP, UDP};
use switch::wire::{checksum, Edit, Ethernet, Tci, VNET_HEADER};
use switch::{Capabilities, DropReason};

const FIN_PSH_ACK: u8 = 0x19;
const CWR: u8 = 0x80;

/// A frame with a partial checksum, as a driver hands it to its device, and the offset of its transport header.
struct Made {
    frame: Vec<u8>,
    transport: usize,
}

fn ip_frame(version: Version, tags: usize, protocol: u8, transport_header: &[u8], payload: &[u8]) -> Made {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    for tag in 0..tags {
        frame.extend([0x81, 0x00, 0, tag as u8]);
    }
    let length = transport_header.len() + payload.len();
    match version {
        Version::V4 => {
            frame.extend([8, 0, 0x46, 0]);
            frame.extend((24 + length as u16).to_be_bytes());
            frame.extend([0xff, 0xfe, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 0]);
        }
        Version::V6 => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend((8 + length as u16).to_be_bytes());
            frame.extend([60, 64]);
            frame.extend([0xfd; 16]);
            frame.extend([0xfe; 16]);
            frame.extend([protocol, 0, 1, 4, 0, 0, 0, 0]);
        }
    }
    if version == Version::V4 {
        finish_ipv4(&mut frame[14 + 4 * tags..], 24);
    }
    let transport = frame.len();
    frame.extend(transport_header);
    frame.extend(payload);
    Made { frame, transport }
}

fn tcp(version: Version, tags: usize, sequence: u32, flags: u8, payload: &[u8]) -> Made {
    let mut header = vec![0x1f, 0x90, 0, 80];
    header.extend(sequence.to_be_bytes());
    header.extend([0, 0, 0, 9, 0x80, flags, 1, 0, 0, 0, 0, 0]);
    header.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    let mut made = ip_frame(version, tags, TCP, &header, payload);
    let (layers, length) = (layers(&made.frame), made.frame.len() - made.transport);
    let partial = checksum::fold(layers.pseudo_header(&made.frame, length));
    made.frame[made.transport + 16..made.transport + 18].copy_from_slice(&partial.to_be_bytes());
    made
}

fn packet(made: &Made, gso: u8, gso_size: u16, csum_offset: u16) -> Vec<u8> {
    let mut packet = vec![1, gso, 0, 0];
    packet.extend(gso_size.to_le_bytes());
    packet.extend((made.transport as u16).to_le_bytes());
    packet.extend(csum_offset.to_le_bytes());
    packet.extend([0, 0]);
    packet.extend(&made.frame);
    packet
}

fn layers(frame: &[u8]) -> Layers {
    Layers::find(frame, &Ethernet::read(frame).unwrap()).unwrap()
}

fn pass(packet: &mut [u8]) -> Result<Capabilities, DropReason> {
    let ethernet = Ethernet::read(&packet[VNET_HEADER..]).unwrap();
    check(packet, &ethernet)
}

fn finish(packet: &[u8]) -> Vec<Vec<u8>> {
    let (mut arena, mut ranges) = (Vec::new(), Vec::new());
    complete(packet, Capabilities::NONE, &mut arena, |range| ranges.push(range));
    ranges.into_iter().map(|range| arena[range].to_vec()).collect()
}

/// The receiver's checks: lengths, header checksum, transport checksum. Returns the layers.
fn verify(packet: &[u8]) -> Layers {
    assert_eq!(packet[..VNET_HEADER], [0; VNET_HEADER], "asks for nothing more");
    let frame = &packet[VNET_HEADER..];
    let layers = layers(frame);
    assert_eq!(layers.end, frame.len());
    if layers.version == Version::V4 {
        let header = &frame[layers.network..layers.network + usize::from(frame[layers.network] & 15) * 4];
        assert_eq!(checksum::finish(checksum::add(0, header)), 0);
    }
    let message = &frame[layers.transport..];
    assert_eq!(checksum::finish(checksum::add(layers.pseudo_header(frame, message.len()), message)), 0);
    layers
}

fn version(v6: bool) -> (Version, u8, Capabilities) {
    match v6 {
        false => (Version::V4, 1, Capabilities::TSO4),
        true => (Version::V6, 4, Capabilities::TSO6),
    }
}

proptest! {
    #[test]
    fn segments_are_whole_packets_that_carry_the_payload_once(
        v6 in any::<bool>(), tags in 0usize..3, sequence in any::<u32>(), size in 1usize..9000,
        payload in proptest::collection::vec(any::<u8>(), 0..20_000), ecn in any::<bool>(),
    ) {
        let (version, gso, needs) = version(v6);
        // As many segments as are allowed at the most.
        let size = size.max(payload.len().div_ceil(4000));
        let made = tcp(version, tags, sequence, FIN_PSH_ACK | if ecn { CWR } else { 0 }, &payload);
        let mut packet = packet(&made, if ecn { gso | 0x80 } else { gso }, size as u16, 16);
        let got = pass(&mut packet).unwrap();
        prop_assert!(got.contains(needs.with(Capabilities::CSUM)));
        prop_assert_eq!(got.contains(Capabilities::ECN), ecn);
        let segments = finish(&packet);
        prop_assert_eq!(segments.len(), payload.len().div_ceil(size).max(1));
        let mut carried: Vec<u8> = Vec::new();
        for (i, segment) in segments.iter().enumerate() {
            let layers = verify(segment);
            let frame = &segment[VNET_HEADER..];
            let tcp = &frame[layers.transport..];
            prop_assert_eq!(&tcp[4..8], &sequence.wrapping_add(carried.len() as u32).to_be_bytes()[..]);
            prop_assert_eq!(tcp[13] & 0x09 == 0x09, i + 1 == segments.len(), "FIN and PSH on the last");
            prop_assert_eq!(tcp[13] & CWR != 0, ecn && i == 0, "CWR on the first");
            if version == Version::V4 {
                let id = u16::from_be_bytes([frame[layers.network + 4], frame[layers.network + 5]]);
                prop_assert_eq!(id, 0xfffe_u16.wrapping_add(i as u16));
            }
            prop_assert!(tcp.len() - 32 <= size);
            carried.extend(&tcp[32..]);
        }
        prop_assert_eq!(carried, payload);
    }

    #[test]
    fn partial_checksums_are_finished(v6 in any::<bool>(), payload in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let made = tcp(version(v6).0, 0, 7, 0x10, &payload);
        let mut packet = packet(&made, 0, 0, 16);
        prop_assert_eq!(pass(&mut packet).unwrap(), Capabilities::CSUM);
        let done = finish(&packet);
        prop_assert_eq!(done.len(), 1);
        verify(&done[0]);
    }

    #[test]
    fn a_capable_sink_gets_the_very_frame(v6 in any::<bool>(), payload in proptest::collection::vec(any::<u8>(), 3000..60_000)) {
        let (version, gso, _) = version(v6);
        let made = tcp(version, 0, 7, 0x10, &payload);
        let mut packet = packet(&made, gso, 1448, 16);
        let needs = pass(&mut packet).unwrap();
        prop_assert!(Capabilities::ALL.contains(needs));
        prop_assert_eq!(&packet[VNET_HEADER..], &made.frame[..]);
        let hint = u16::from_le_bytes([packet[2], packet[3]]);
        prop_assert_eq!(usize::from(hint), made.transport + 32, "the length hint is ours, not the sender's");
    }

    #[test]
    fn any_header_over_any_frame_is_refused_or_finished(
        header in proptest::array::uniform12(any::<u8>()),
        flags in 0u8..4, gso in proptest::sample::select(vec![0u8, 1, 3, 4, 5, 0x81, 0x84]),
        frame in proptest::collection::vec(any::<u8>(), 14..400), v6 in any::<bool>(), plausible in any::<bool>(),
    ) {
        let mut bytes = header.to_vec();
        (bytes[0], bytes[1]) = (flags, gso);
        bytes.extend(&frame);
        if plausible {
            let head: &[u8] = if v6 { &[0x86, 0xdd, 0x60] } else { &[8, 0, 0x45] };
            for (i, &byte) in head.iter().enumerate() {
                if let Some(slot) = bytes.get_mut(24 + i) { *slot = byte; }
            }
        }
        if pass(&mut bytes).is_ok() {
            let made: usize = finish(&bytes).iter().map(Vec::len).sum();
            prop_assert!(made <= bytes.len() * 4096);
        }
    }

    #[test]
    fn a_flipped_byte_is_refused_or_finished(
        v6 in any::<bool>(), at in 0usize..120, value in any::<u8>(), size in 1u16..2000,
    ) {
        let (version, gso, _) = version(v6);
        let made = tcp(version, 0, 7, 0x10, &[5; 3000]);
        let mut packet = packet(&made, gso, size, 16);
        packet[at] = value;
        if pass(&mut packet).is_ok() {
            finish(&packet);
        }
    }
}

#[test]
fn a_udp_checksum_of_zero_is_sent_as_its_other_form() {
    // With this payload the sum of everything is 0xffff, and its complement 0.
    let mut made = ip_frame(Version::V4, 0, UDP, &[0, 1, 0, 2, 0, 10, 0, 0], &[0, 0]);
    let rest = checksum::fold(checksum::add(0, &made.frame[made.transport..]));
    let end = made.frame.len();
    made.frame[end - 2..].copy_from_slice(&(!rest).to_be_bytes());
    let mut packet = packet(&made, 0, 0, 6);
    pass(&mut packet).unwrap();
    assert_eq!(finish(&packet)[0][VNET_HEADER + made.transport + 6..][..2], [0xff, 0xff]);
}

#[test]
fn headers_that_lie_are_refused() {
    let made = tcp(Version::V4, 0, 7, 0x10, &[5; 3000]);
    let good = packet(&made, 1, 1448, 16);
    assert!(pass(&mut good.clone()).is_ok());
    let lies: [(&str, usize, &[u8]); 8] = [
        ("no checksum wanted", 0, &[0]),
        ("the other version", 1, &[4]),
        ("segments of nothing", 4, &[0, 0]),
        ("checksum from elsewhere", 6, &[15, 0]),
        ("checksum to elsewhere", 8, &[6, 0]),
        ("IP packet longer than the frame", VNET_HEADER + 16, &[0xff, 0xff]),
        ("a fragment", VNET_HEADER + 20, &[0x20, 0]),
        ("TCP header of no length", VNET_HEADER + 38 + 12, &[0]),
    ];
    for (what, at, bytes) in lies {
        let mut packet = good.clone();
        packet[at..at + bytes.len()].copy_from_slice(bytes);
        assert_eq!(pass(&mut packet), Err(DropReason::BadOffload), "{what}");
    }
    let mut udp = good.clone();
    udp[1] = 5;
    assert_eq!(pass(&mut udp), Err(DropReason::UnknownOffload));
    let mut outside = packet(&made, 0, 0, 0xffff);
    assert_eq!(pass(&mut outside), Err(DropReason::BadOffload));
}

#[test]
fn one_packet_makes_a_bounded_number_of_segments() {
    let made = tcp(Version::V4, 0, 7, 0x10, &[5; 60_000]);
    assert_eq!(pass(&mut packet(&made, 1, 14, 16)), Err(DropReason::BadOffload));
    let mut most = packet(&made, 1, 15, 16);
    pass(&mut most).unwrap();
    assert_eq!(finish(&most).len(), 4000);
}

#[test]
fn a_partial_checksum_without_a_header_is_seen_and_a_finished_one_is_left() {
    for version in [Version::V4, Version::V6] {
        let made = tcp(version, 1, 7, 0x10, b"odd payload");
        let mut bare = [&[0; VNET_HEADER][..], &made.frame].concat();
        recognise(&mut bare);
        assert_eq!(bare, packet(&made, 0, 0, 16));
        let finished = finish(&bare).remove(0);
        let mut again = finished.clone();
        recognise(&mut again);
        assert_eq!(again, finished);
        let mut padded = [&[0; VNET_HEADER][..], &made.frame, &[1]].concat();
        let before = padded.clone();
        recognise(&mut padded);
        assert_eq!(padded, before);
    }
}

proptest! {
    #[test]
    fn what_is_recognised_in_any_bytes_passes_the_check(mut frame in proptest::collection::vec(any::<u8>(), 14..90), v4 in any::<bool>(), cut in any::<bool>()) {
        if v4 && frame.len() > 36 {
            frame[12..15].copy_from_slice(&[8, 0, 0x45]);
            let length = (frame.len() - 14 - usize::from(cut)) as u16;
            frame[16..18].copy_from_slice(&length.to_be_bytes());
            frame[20..24].copy_from_slice(&[0, 0, 64, if cut { TCP } else { UDP }]);
        }
        let mut bytes = [&[0; VNET_HEADER][..], &frame].concat();
        recognise(&mut bytes);
        prop_assert!(pass(&mut bytes).is_ok());
    }
}

/// Put frames together as they come; returns the packets that they became.
fn gather(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut packets: Vec<Vec<u8>> = Vec::new();
    for frame in frames {
        if let Some(last) = packets.last_mut() {
            let length = last.len();
            last.resize(70_000, 0xee);
            let coalesced = coalesce(last, length, frame);
            last.truncate(coalesced.unwrap_or(length));
            if coalesced.is_some() {
                continue;
            }
        }
        packets.push([&[0; VNET_HEADER][..], frame].concat());
    }
    packets
}

/// A frame without IP options, as streams have them, that is cut into frames of `size` bytes of payload.
fn stream(version: Version, payload: &[u8], size: u16) -> Vec<u8> {
    let mut made = tcp(version, 1, 0xffff_ff00, 0x18, payload);
    if version == Version::V4 {
        made.frame.drain(38..42);
        made.frame[18] = 0x45;
        let length = (made.frame.len() - 18) as u16;
        made.frame[20..22].copy_from_slice(&length.to_be_bytes());
        made.transport -= 4;
        finish_ipv4(&mut made.frame[18..], 20);
    }
    let gso = if version == Version::V4 { 1 } else { 4 };
    let mut packet = packet(&made, gso, size, 16);
    pass(&mut packet).unwrap();
    packet
}

fn bare(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    packets.iter().map(|packet| packet[VNET_HEADER..].to_vec()).collect()
}

#[test]
fn segments_become_the_packet_that_they_were() {
    for version in [Version::V4, Version::V6] {
        let whole = stream(version, &[7; 5000], 1448);
        let frames = bare(&finish(&whole));
        assert_eq!(frames.len(), 4);
        assert_eq!(gather(&frames), [whole]);
    }
}

#[test]
fn what_does_not_go_on_with_the_stream_stays_apart() {
    let frames = bare(&finish(&stream(Version::V4, &[7; 3000], 1000)));
    let transport = 38;
    // Damaged, header or payload; of another connection; with another acknowledgement, window, option; out of order; another identification; FIN.
    for at in
        [transport + 40, transport, transport + 9, transport + 15, transport + 25, transport + 7, 23, transport + 13]
    {
        let mut other = frames.clone();
        other[1][at] ^= 1;
        let packets = gather(&other);
        assert!(packets.len() >= 2, "byte {at}");
        assert_eq!(packets[0][VNET_HEADER..], other[0], "byte {at}");
    }
    assert_eq!(gather(&[frames[2].clone(), frames[0].clone()]).len(), 2);
    let mut damaged = frames.clone();
    damaged[0][transport + 60] ^= 1;
    assert_eq!(gather(&damaged[..2]).len(), 2);
}

proptest! {
    #[test]
    fn what_is_put_together_is_cut_into_the_same_frames_again(
        sizes in proptest::collection::vec((1usize..3000, 1u16..1500, any::<bool>()), 1..6),
        damage in proptest::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>())),
    ) {
        let mut frames = Vec::new();
        for (length, size, v4) in sizes {
            let version = if v4 { Version::V4 } else { Version::V6 };
            frames.extend(bare(&finish(&stream(version, &vec![length as u8; length], size.max(100)))));
        }
        if let Some((frame, byte)) = damage {
            let frame = frame.get_mut(&mut frames);
            let byte = byte.index(frame.len());
            frame[byte] ^= 0x41;
        }
        let mut again = Vec::new();
        for mut packet in gather(&frames) {
            let needs = pass(&mut packet);
            prop_assert!(needs.is_ok());
            again.extend(if needs == Ok(Capabilities::NONE) { vec![packet] } else { finish(&packet) });
        }
        prop_assert_eq!(bare(&again), frames);
    }
}

/// An IPv6 packet whose extension headers have `extensions` times 2 KiB.
fn long_headers(extensions: usize, payload: &[u8]) -> Vec<u8> {
    let mut made = tcp(Version::V6, 0, 1, FIN_PSH_ACK, payload);
    let mut more = Vec::new();
    for _ in 0..extensions {
        more.extend([60, 255]);
        more.resize(more.len() + 2046, 0);
    }
    let length = (made.frame.len() - 54 + more.len()) as u16;
    made.frame[18..20].copy_from_slice(&length.to_be_bytes());
    made.frame.splice(54..54, more.iter().copied());
    made.transport += more.len();
    packet(&made, 4, 12, 16)
}

#[test]
fn long_headers_are_not_copied_thousands_of_times() {
    let (mut modest, mut greedy) = (long_headers(0, &[7; 40_000]), long_headers(6, &[7; 40_000]));
    assert!(pass(&mut modest).is_ok());
    assert_eq!(pass(&mut greedy), Err(DropReason::BadOffload), "64 KiB would become 40 MiB");
    let mut few = long_headers(6, &[7; 800]);
    assert!(pass(&mut few).is_ok());
    assert_eq!(finish(&few).len(), 67);
}

#[test]
fn a_segment_that_got_a_third_tag_is_cut_as_others_are() {
    let made = tcp(Version::V4, 2, 1, FIN_PSH_ACK, &[7; 3000]);
    let mut twice = packet(&made, 1, 1000, 16);
    pass(&mut twice).unwrap();
    let mut thrice = Vec::new();
    Edit::Push(Tci(5)).copy(&twice, &mut thrice);
    let pieces = finish(&thrice);
    assert_eq!(pieces.len(), 3);
    for piece in pieces {
        assert_eq!(piece[VNET_HEADER + 12..VNET_HEADER + 16], [0x81, 0, 0, 5]);
        let mut untagged = Vec::new();
        Edit::Pop.copy(&piece, &mut untagged);
        assert_eq!(verify(&untagged).transport, made.transport);
    }
}
