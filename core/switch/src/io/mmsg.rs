//! `recvmmsg(2)` and `sendmmsg(2)`: many packets in one system call. Unsafe, because no safe crate wraps them.

#![expect(unsafe_code)]

use super::batch::{Batch, BATCH};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

const NO_MESSAGE: libc::mmsghdr = {
    // SAFETY: an all-zero mmsghdr is a valid value: null pointers with zero lengths.
    unsafe { MaybeUninit::<libc::mmsghdr>::zeroed().assume_init() }
};
const NO_VECTOR: libc::iovec = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };

/// Receive up to a batch of messages without waiting; returns how many. `WouldBlock` when there is none. Each lies behind
/// `headroom` zero bytes, at most a slot's length.
pub(super) fn receive(fd: BorrowedFd<'_>, batch: &mut Batch, headroom: usize) -> io::Result<usize> {
    let mut vectors = [NO_VECTOR; BATCH];
    let mut messages = [NO_MESSAGE; BATCH];
    for (vector, slot) in vectors.iter_mut().zip(batch.slots()) {
        let (head, room) = slot.split_at_mut(headroom);
        head.fill(0);
        *vector = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    }
    for (message, vector) in messages.iter_mut().zip(&mut vectors) {
        message.msg_hdr.msg_iov = vector;
        message.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: `messages` has BATCH entries; each points to one vector, each vector into a distinct buffer of the batch,
    // which is borrowed mutably and outlives the call.
    let count = unsafe {
        libc::recvmmsg(
            fd.as_raw_fd(),
            messages.as_mut_ptr(),
            BATCH as libc::c_uint,
            libc::MSG_DONTWAIT as _,
            std::ptr::null_mut(),
        )
    };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    let mut lengths = [0; BATCH];
    for (length, message) in lengths.iter_mut().zip(&messages[..count]) {
        *length = headroom + message.msg_len as usize;
    }
    batch.fill(&lengths[..count]);
    Ok(count)
}

/// Send packets without waiting and without their first `skip` bytes, at most a batch; returns how many went.
pub(super) fn send(fd: BorrowedFd<'_>, packets: &[&[u8]], skip: usize) -> io::Result<usize> {
    let count = packets.len().min(BATCH);
    let mut vectors = [NO_VECTOR; BATCH];
    let mut messages = [NO_MESSAGE; BATCH];
    for (vector, packet) in vectors.iter_mut().zip(packets) {
        let packet = packet.get(skip..).unwrap_or_default();
        *vector = libc::iovec { iov_base: packet.as_ptr().cast_mut().cast(), iov_len: packet.len() };
    }
    for (message, vector) in messages.iter_mut().zip(&mut vectors) {
        message.msg_hdr.msg_iov = vector;
        message.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: the first `count` entries of `messages` each point to one vector, which lies in a borrowed packet;
    // sendmmsg only reads through them, and all outlive the call.
    let sent = unsafe {
        libc::sendmmsg(
            fd.as_raw_fd(),
            messages.as_mut_ptr(),
            count as libc::c_uint,
            (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
