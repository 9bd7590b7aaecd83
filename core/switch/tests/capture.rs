//! Captures: what a tap writes, read back block by block, and what it does when nobody reads.

use std::sync::Arc;
use std::time::Duration;
use switch::capture::{Direction, Directions, Filter, Ring, Tap, TapConfig};
use switch::PortId;

const TIME: Duration = Duration::new(1_800_000_000, 123_456_789);

struct Block {
    kind: u32,
    body: Vec<u8>,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The blocks of a file; each has its length at both ends and is padded to four bytes.
fn blocks(mut bytes: &[u8]) -> Vec<Block> {
    let mut blocks = Vec::new();
    while !bytes.is_empty() {
        let length = u32_at(bytes, 4) as usize;
        assert!(length.is_multiple_of(4) && u32_at(bytes, length - 4) as usize == length);
        blocks.push(Block { kind: u32_at(bytes, 0), body: bytes[8..length - 4].to_vec() });
        bytes = &bytes[length..];
    }
    blocks
}

/// The options from `at` on: code and value.
fn options(body: &[u8], mut at: usize) -> Vec<(u16, Vec<u8>)> {
    let mut options = Vec::new();
    loop {
        let code = u16::from_ne_bytes(body[at..at + 2].try_into().unwrap());
        let length = usize::from(u16::from_ne_bytes(body[at + 2..at + 4].try_into().unwrap()));
        if code == 0 {
            assert_eq!((length, at + 4), (0, body.len()), "the end of options is the end of the block");
            return options;
        }
        options.push((code, body[at + 4..at + 4 + length].to_vec()));
        at += 4 + length.next_multiple_of(4);
    }
}

fn packet(header: [u8; 12], to: u8, length: usize) -> Vec<u8> {
    let mut packet = header.to_vec();
    packet.extend([if to & 1 == 0 { 2 } else { to }; 6]);
    packet.extend([2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    packet.resize(12 + length, 7);
    packet
}

fn tap(ports: Option<&[&str]>, directions: Directions, filter: &str, snaplen: u32, memory: usize) -> Tap {
    let ports = ports.map(|ports| ports.iter().map(|&port| port.to_owned()).collect());
    let config = TapConfig { ports, directions, filter: Filter::parse(filter).unwrap(), snaplen };
    Tap::new(config, Arc::new(Ring::new(memory).unwrap()))
}

#[test]
fn a_packet_has_its_interface_time_lengths_flags_and_notes() {
    let mut tap = tap(None, Directions::Both, "", 100, 1 << 20);
    tap.add_port(PortId(3), "web", None);
    tap.add_port(PortId(0), "db", None);
    tap.record(PortId(0), Direction::In, &packet([0; 12], 2, 61), TIME);
    let offloaded = [1, 1, 54, 0, 0xa8, 5, 34, 0, 16, 0, 0, 0];
    tap.record(PortId(3), Direction::Out, &packet(offloaded, 0xff, 60_001), TIME);
    tap.record(PortId(3), Direction::Out, &packet([1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0], 1, 100), TIME);
    tap.finish(TIME);
    let blocks = blocks(&tap.ring().take());
    assert_eq!(blocks.iter().map(|b| b.kind).collect::<Vec<_>>(), [0x0a0d_0d0a, 1, 1, 6, 6, 6, 5, 5]);
    let names: Vec<_> = blocks[1..3].iter().map(|b| options(&b.body, 8)[0].clone()).collect();
    assert_eq!(names, [(2, b"web".to_vec()), (2, b"db".to_vec())]);
    assert_eq!((u32_at(&blocks[1].body, 4), options(&blocks[1].body, 8)[2].clone()), (100, (9, vec![9])));

    let first = &blocks[3].body;
    let time = u64::from(u32_at(first, 4)) << 32 | u64::from(u32_at(first, 8));
    assert_eq!((u32_at(first, 0), u128::from(time)), (1, TIME.as_nanos()));
    assert_eq!((u32_at(first, 12), u32_at(first, 16)), (61, 61));
    assert_eq!(first[20..81], packet([0; 12], 2, 61)[12..]);
    assert_eq!(options(first, 84), [(2, 0b101u32.to_ne_bytes().to_vec())], "inbound, unicast; no note");

    let second = &blocks[4].body;
    assert_eq!((u32_at(second, 0), u32_at(second, 12), u32_at(second, 16)), (0, 100, 60_001));
    let notes = options(second, 120);
    assert_eq!(notes[0], (2, 0b1110u32.to_ne_bytes().to_vec()), "outbound, broadcast");
    let note = |options: &[(u16, Vec<u8>)]| String::from_utf8(options.last().unwrap().1.clone()).unwrap();
    assert_eq!(note(&notes), "TCPv4 segmentation offloaded: to be cut into 1448 bytes of payload each");
    let notes = options(&blocks[5].body, 120);
    assert_eq!(notes[0].1, 0b1010u32.to_ne_bytes(), "outbound, multicast");
    assert!(note(&notes).starts_with("checksum offloaded"));
}

#[test]
fn only_what_was_asked_for_is_recorded() {
    let mut tap = tap(Some(&["a"]), Directions::In, "less 100", 0, 1 << 20);
    assert_eq!((tap.add_port(PortId(0), "b", None), tap.add_port(PortId(1), "a", None)), (None, Some(0)));
    let short = packet([0; 12], 2, 60);
    tap.record(PortId(0), Direction::In, &short, TIME);
    tap.record(PortId(1), Direction::Out, &short, TIME);
    tap.record(PortId(1), Direction::In, &packet([0; 12], 2, 101), TIME);
    tap.record(PortId(1), Direction::In, &short, TIME);
    for bad in [&b""[..], b"x", &[0xff; 12], &[0xff; 30]] {
        tap.record(PortId(1), Direction::In, bad, TIME);
    }
    assert_eq!(tap.ring().tally().packets, 2, "the good one, and one of 18 bytes");
    tap.forget_port(PortId(1));
    tap.record(PortId(1), Direction::In, &short, TIME);
    assert_eq!(tap.ring().tally().packets, 2);
    assert_eq!(tap.add_port(PortId(0), "a", None), None, "known under another name until it is forgotten");
    assert_eq!(tap.add_port(PortId(2), "a.1", Some("a")), Some(1), "what a's listener made is a's");
    assert_eq!(tap.add_port(PortId(3), "b.1", Some("b")), None);
}

#[test]
fn nobody_reads_and_memory_stays_bounded_and_losses_are_told() {
    let mut tap = tap(None, Directions::Both, "", 0, 10_000);
    tap.add_port(PortId(0), "a", None);
    let long = packet([0; 12], 2, 1500);
    (0..100).for_each(|_| tap.record(PortId(0), Direction::In, &long, TIME));
    let tally = tap.ring().tally();
    assert_eq!(tally.packets + tally.lost, 100);
    assert!((5..7).contains(&tally.packets) && tally.bytes <= 10_000);
    assert_eq!(blocks(&tap.ring().take()).len() as u64, 2 + tally.packets);
    tap.record(PortId(0), Direction::In, &long, TIME);
    let block = &blocks(&tap.ring().take())[0];
    assert_eq!(options(&block.body, 20 + 1500)[1], (4, tally.lost.to_ne_bytes().to_vec()), "epb_dropcount");
    tap.record(PortId(0), Direction::In, &long, TIME);
    let block = &blocks(&tap.ring().take())[0];
    assert_eq!(options(&block.body, 20 + 1500).len(), 1, "what was told is not told again");
    tap.finish(TIME);
    let block = &blocks(&tap.ring().take())[0];
    let counts = [(4, 102u64.to_ne_bytes().to_vec()), (5, tally.lost.to_ne_bytes().to_vec())];
    assert_eq!((block.kind, options(&block.body, 12)), (5, counts.to_vec()));
}
