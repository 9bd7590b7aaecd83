//! What hosts and routers say of groups: IGMP v1 to v3 (RFC 1112, 2236, 3376), MLD v1 and v2 (RFC 2710, 3810), PIM (RFC 7761).

use super::{Family, Group};
use crate::wire::ip::{Layers, Version};
use crate::wire::{be16, be32, checksum, Ethernet};
use std::time::Duration;

const IGMP: u8 = 2;
const ICMPV6: u8 = 58;
const PIM: u8 = 103;

/// Something that was said. Sources are not looked at: who wants a group from some sources wants the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// Who wants this group, or any? Answers come within `response`.
    Query { group: Option<Group>, response: Duration, from_router: bool },
    /// I want it.
    Join(Group),
    /// I do not want it any more.
    Leave(Group),
    /// I am a router.
    Router,
}

/// Read a packet and call `each` for everything that is said in it. Returns the family if it is such a packet, and sound.
/// `is_finished` says that no checksum is left for somebody else to compute.
pub(crate) fn read(
    frame: &[u8],
    ethernet: &Ethernet,
    is_finished: bool,
    each: &mut dyn FnMut(Message),
) -> Option<Family> {
    let layers = Layers::find(frame, ethernet)?;
    let body = frame.get(layers.transport..layers.end)?;
    match (layers.version, layers.protocol) {
        (Version::V4, IGMP) => {
            (checksum::finish(checksum::add(0, body)) == 0).then_some(())?;
            read_igmp(frame, &layers, body, each)?;
            Some(Family::V4)
        }
        (Version::V6, ICMPV6) => {
            let sum = checksum::add(layers.pseudo_header(frame, body.len()), body);
            let is_near = frame.get(layers.network + 7) == Some(&1);
            (is_near && (!is_finished || checksum::finish(sum) == 0)).then_some(())?;
            read_mld(frame, &layers, body, each)?;
            Some(Family::V6)
        }
        (version, PIM) => {
            // Version 2, type 0: hello.
            (body.first() == Some(&0x20)).then(|| each(Message::Router))?;
            Some(if version == Version::V4 { Family::V4 } else { Family::V6 })
        }
        _ => None,
    }
}

fn read_igmp(frame: &[u8], layers: &Layers, body: &[u8], each: &mut dyn FnMut(Message)) -> Option<()> {
    let (kind, code) = (*body.first()?, *body.get(1)?);
    let address = be32(body, 4)?;
    match kind {
        0x11 => {
            let tenths = match (body.len(), code) {
                (8, 0) => 100,
                (8, code) => u64::from(code),
                (12.., code) => exponential(u32::from(code), 7, 4),
                _ => return None,
            };
            let group = match address {
                0 => None,
                _ => Some(Group::v4(address)?),
            };
            let from_router = be32(frame, layers.network + 12)? != 0;
            each(Message::Query { group, response: Duration::from_millis(tenths * 100), from_router });
        }
        0x12 | 0x16 => each(Message::Join(Group::v4(address)?)),
        0x17 => each(Message::Leave(Group::v4(address)?)),
        0x22 => read_records(body, 4, |at| be32(body, at).and_then(Group::v4), each)?,
        _ => return None,
    }
    Some(())
}

fn read_mld(frame: &[u8], layers: &Layers, body: &[u8], each: &mut dyn FnMut(Message)) -> Option<()> {
    let group = |at: usize| Group::v6(body.get(at..)?.first_chunk()?);
    match *body.first()? {
        130 => {
            let source = be16(frame, layers.network + 8)?;
            (source & 0xffc0 == 0xfe80).then_some(())?;
            let code = u32::from(be16(body, 4)?);
            let milliseconds = match body.len() {
                24 => u64::from(code),
                28.. => exponential(code, 15, 12),
                _ => return None,
            };
            let asked = if body.get(8..24)?.iter().all(|&byte| byte == 0) { None } else { Some(group(8)?) };
            each(Message::Query { group: asked, response: Duration::from_millis(milliseconds), from_router: true });
        }
        131 => each(Message::Join(group(8)?)),
        132 => each(Message::Leave(group(8)?)),
        143 => read_records(body, 16, group, each)?,
        _ => return None,
    }
    Some(())
}

/// The records of a version 3 (MLD: 2) report, whose addresses are `width` bytes long. What is cut off is not read.
fn read_records(
    body: &[u8],
    width: usize,
    group: impl Fn(usize) -> Option<Group>,
    each: &mut dyn FnMut(Message),
) -> Option<()> {
    let mut at = 8;
    for _ in 0..be16(body, 6)? {
        let (kind, extra) = (*body.get(at)?, usize::from(*body.get(at + 1)?));
        let sources = usize::from(be16(body, at + 2)?);
        let end = at + 4 + width * (1 + sources) + 4 * extra;
        (end <= body.len()).then_some(())?;
        // Groups of this link alone are in no table, and what is said of them is no mistake.
        if let Some(group) = group(at + 4) {
            match kind {
                // MODE_IS_INCLUDE or CHANGE_TO_INCLUDE_MODE, of nothing
                1 | 3 if sources == 0 => each(Message::Leave(group)),
                // these of something, both EXCLUDE, ALLOW_NEW_SOURCES
                1..=5 => each(Message::Join(group)),
                _ => {}
            }
        }
        at = end;
    }
    Some(())
}

/// A code that is a number below 2^`bits`, and else a float of 3 bits of exponent and `mantissa` bits (RFC 3376, 4.1.1).
fn exponential(code: u32, bits: u32, mantissa: u32) -> u64 {
    if code >> bits == 0 {
        return u64::from(code);
    }
    let exponent = code >> mantissa & 7;
    u64::from(code & ((1 << mantissa) - 1) | 1 << mantissa) << (exponent + 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn long_times_are_floats() {
        assert_eq!((exponential(127, 7, 4), exponential(128, 7, 4), exponential(255, 7, 4)), (127, 128, 31744));
        assert_eq!((exponential(0x7fff, 15, 12), exponential(0x8000, 15, 12)), (32767, 32768));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            mut body in proptest::collection::vec(any::<u8>(), 0..90),
            kind in prop_oneof![Just(0x11u8), Just(0x22), Just(130), Just(143), any::<u8>()],
            v6 in any::<bool>(),
        ) {
            if let Some(first) = body.first_mut() {
                *first = kind;
            }
            let mut frame = vec![0x01; 12];
            let length = body.len() as u16;
            if v6 {
                frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                frame.extend(length.to_be_bytes());
                frame.extend([58, 1, 0xfe, 0x80]);
                frame.extend([0; 30]);
            } else {
                frame.extend([0x08, 0, 0x45, 0]);
                frame.extend((20 + length).to_be_bytes());
                frame.extend([0, 0, 0, 0, 1, 2, 0, 0, 10, 0, 0, 1, 224, 0, 0, 1]);
            }
            let at = frame.len();
            frame.extend(&body);
            if !v6 && body.len() >= 4 {
                crate::wire::put16(&mut frame[at..], 2, 0);
                let sum = checksum::finish(checksum::add(0, &frame[at..]));
                crate::wire::put16(&mut frame[at..], 2, sum);
            }
            let ethernet = Ethernet::read(&frame).unwrap();
            let mut said = 0;
            let family = read(&frame, &ethernet, false, &mut |_| said += 1);
            prop_assert!(family.is_some() || said <= body.len() / 8);
        }
    }
}
