//! `recvmsg(2)` on a packet socket with `PACKET_VNET_HDR` and `PACKET_AUXDATA`. Unsafe, because no safe crate knows them.

#![expect(unsafe_code)]

use super::raw::SHORT_HEADER;
use crate::wire::VNET_HEADER;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

const ADDRESSES: usize = VNET_HEADER + 12;
const TAG: usize = 4;
/// Where the virtio-net header has the offsets that a tag moves: `hdr_len`, `csum_start`.
const OFFSETS: [usize; 2] = [2, 6];

/// Room for one control message with a `tpacket_auxdata`, aligned as `cmsghdr` wants it.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// Receive one frame without waiting into `slot`, behind a virtio-net header of 12 bytes and with its tag where it was;
/// returns the length of both. A frame that is longer than `slot` is cut.
pub(super) fn receive(fd: BorrowedFd<'_>, slot: &mut [u8]) -> io::Result<usize> {
    let (header, frame) = slot.split_at_mut(VNET_HEADER);
    header.fill(0);
    let mut parts = [
        libc::iovec { iov_base: header.as_mut_ptr().cast(), iov_len: SHORT_HEADER },
        libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() },
    ];
    let mut control = Control([0; 64]);
    // SAFETY: an all-zero msghdr is valid: null pointers with zero lengths.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = parts.as_mut_ptr();
    message.msg_iovlen = parts.len() as _;
    message.msg_control = ptr::from_mut(&mut control).cast();
    message.msg_controllen = size_of::<Control>() as _;
    // SAFETY: `message` describes two vectors into distinct parts of `slot`, which is borrowed mutably, and a control buffer;
    // all outlive the call.
    let length = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    let length = (length + VNET_HEADER).saturating_sub(SHORT_HEADER);
    Ok(match tag_of(&message) {
        Some(tag) => insert(slot, length, tag),
        None => length,
    })
}

/// The tag that the kernel took off the frame, as it was on the wire.
fn tag_of(message: &libc::msghdr) -> Option<[u8; TAG]> {
    // SAFETY: the kernel filled the control buffer that `message` describes, which is aligned for `cmsghdr` and still there.
    let at = unsafe { libc::CMSG_FIRSTHDR(message).as_ref() }?;
    if (at.cmsg_level, at.cmsg_type) != (libc::SOL_PACKET, libc::PACKET_AUXDATA) {
        return None;
    }
    // SAFETY: PACKET_AUXDATA carries a tpacket_auxdata (packet(7)) behind the header; it need not be aligned.
    let data = unsafe { ptr::read_unaligned(libc::CMSG_DATA(at).cast::<libc::tpacket_auxdata>()) };
    let kind = if data.tp_status & libc::TP_STATUS_VLAN_TPID_VALID != 0 { data.tp_vlan_tpid } else { 0x8100 };
    let [a, b] = kind.to_be_bytes();
    let [c, d] = data.tp_vlan_tci.to_be_bytes();
    (data.tp_status & libc::TP_STATUS_VLAN_VALID != 0).then_some([a, b, c, d])
}

/// Put `tag` behind the addresses of the packet `slot[..length]`; returns its new length.
fn insert(slot: &mut [u8], length: usize, tag: [u8; TAG]) -> usize {
    let end = slot.len().min(length + TAG);
    if length < ADDRESSES || end < ADDRESSES + TAG {
        return length;
    }
    slot.copy_within(ADDRESSES..end - TAG, ADDRESSES + TAG);
    slot[ADDRESSES..ADDRESSES + TAG].copy_from_slice(&tag);
    for at in OFFSETS {
        let offset = u16::from_le_bytes([slot[at], slot[at + 1]]);
        // Zero says that there is none.
        let moved = if offset == 0 { 0 } else { offset.saturating_add(TAG as u16) };
        slot[at..at + 2].copy_from_slice(&moved.to_le_bytes());
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_goes_behind_the_addresses_and_moves_the_offsets() {
        let mut slot = [0u8; 40];
        slot[..12].copy_from_slice(&[1, 1, 54, 0, 1, 1, 34, 0, 16, 0, 0, 0]);
        slot[12..30].copy_from_slice(b"ddddddssssss\x08\x00data");
        assert_eq!(insert(&mut slot, 30, [0x81, 0, 0x60, 5]), 34);
        assert_eq!(slot[..12], [1, 1, 58, 0, 1, 1, 38, 0, 16, 0, 0, 0]);
        assert_eq!(&slot[12..34], b"ddddddssssss\x81\x00\x60\x05\x08\x00data");
        let mut plain = [0u8; 40];
        assert_eq!(insert(&mut plain, 26, [1; 4]), 30);
        assert_eq!(plain[..12], [0; 12]);
    }

    #[test]
    fn what_has_no_room_for_a_tag_is_cut_or_left() {
        let mut slot = [7u8; 30];
        assert_eq!(insert(&mut slot, 20, [1; 4]), 20);
        assert_eq!(slot, [7; 30]);
        assert_eq!(insert(&mut slot, 30, [1; 4]), 30);
        assert_eq!(slot[24..30], [1, 1, 1, 1, 7, 7]);
    }
}
