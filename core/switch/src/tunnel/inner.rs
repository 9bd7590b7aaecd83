//! What is inside data messages. The first byte is the kind.
//!
//! | kind | message | behind the kind |
//! |---|---|---|
//! | (none) | keepalive | nothing: the inner message is empty |
//! | 1 | frame | a virtio-net header and a frame |
//! | 2 | fragment | a header of 9 bytes (fragment.rs) and a piece of such a packet |
//! | 3 | hello | a msgpack map (hello.rs) |
//! | 4 | hello's answer | the same |
//! | 5 | refusal | a msgpack map |
//! | 6 | probe | number 4, zeros |
//! | 7 | probe's answer | number 4, bytes of the datagram that the probe came in 4 |

use super::fragment::FragmentHeader;
use crate::wire::{ETHERNET_HEADER, MAX_PACKET, VNET_HEADER};

pub(super) const FRAME: u8 = 1;
pub(super) const FRAGMENT: u8 = 2;
pub(super) const HELLO: u8 = 3;
pub(super) const HELLO_ANSWER: u8 = 4;
pub(super) const REFUSAL: u8 = 5;
pub(super) const PROBE: u8 = 6;
pub(super) const PROBE_ANSWER: u8 = 7;

/// An inner message. It is authentic, which does not make it sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the fields' names say what the tables above do
pub enum Inner<'a> {
    /// Nothing, just to be heard.
    Keepalive,
    /// A whole packet.
    Frame(&'a [u8]),
    /// A piece of one.
    Fragment(FragmentHeader, &'a [u8]),
    /// Who the peer is; `answer` when it has ours.
    Hello { body: &'a [u8], answer: bool },
    /// The peer does not want us.
    Refusal(&'a [u8]),
    /// To be answered.
    Probe(u32),
    /// The probe with this number came in a datagram of so many bytes.
    ProbeAnswer { number: u32, length: u32 },
}

impl<'a> Inner<'a> {
    /// Read an inner message; `None` when it makes no sense.
    pub fn read(bytes: &'a [u8]) -> Option<Inner<'a>> {
        let Some((&kind, body)) = bytes.split_first() else { return Some(Inner::Keepalive) };
        match kind {
            FRAME if is_packet(body.len()) => Some(Inner::Frame(body)),
            FRAGMENT => {
                let (header, piece) = FragmentHeader::read(body)?;
                Some(Inner::Fragment(header, piece))
            }
            HELLO | HELLO_ANSWER => Some(Inner::Hello { body, answer: kind == HELLO_ANSWER }),
            REFUSAL => Some(Inner::Refusal(body)),
            PROBE => Some(Inner::Probe(number(body)?)),
            PROBE_ANSWER if body.len() == 8 => {
                Some(Inner::ProbeAnswer { number: number(body)?, length: number(&body[4..])? })
            }
            _ => None,
        }
    }
}

/// Whether a packet, a virtio-net header and a frame, may have this length.
pub(super) fn is_packet(length: usize) -> bool {
    (VNET_HEADER + ETHERNET_HEADER..=MAX_PACKET).contains(&length)
}

/// A probe, to be padded.
pub(super) fn probe(number: u32) -> [u8; 5] {
    let mut bytes = [PROBE; 5];
    bytes[1..].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// The answer to a probe.
pub(super) fn probe_answer(number: u32, length: usize) -> [u8; 9] {
    let mut bytes = [PROBE_ANSWER; 9];
    bytes[1..5].copy_from_slice(&number.to_le_bytes());
    bytes[5..].copy_from_slice(&u32::try_from(length).unwrap_or(0).to_le_bytes());
    bytes
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|&bytes| u32::from_le_bytes(bytes))
}
