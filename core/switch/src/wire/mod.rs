//! Bytes of the wire: pure parsers that take `&[u8]` and never panic, and writers.

pub mod checksum;
mod ethernet;
pub mod flow;
mod header;
pub mod ip;
pub mod l2tp;
mod tag;
pub mod vxlan;

pub use ethernet::{Ethernet, Mac, ETHERNET_HEADER};
pub use header::{GsoType, VnetHeader, VNET_HEADER};
pub use tag::{Edit, Tci, TAG_LENGTH};

/// The longest frame, bytes: an IP packet of 65,535 bytes behind an Ethernet header with one tag.
pub const MAX_FRAME: usize = 65_535 + ETHERNET_HEADER + 4;

/// The longest packet inside the switch: a virtio-net header and the longest frame.
pub const MAX_PACKET: usize = VNET_HEADER + MAX_FRAME;

/// Big-endian `u16` at `at`, if it is there.
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// Big-endian `u32` at `at`, if it is there.
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Write a big-endian `u16` at `at`; nothing if it does not fit.
pub(crate) fn put16(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(field) = bytes.get_mut(at..at + 2) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}
