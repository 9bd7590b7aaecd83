//! The gateway's thread: waits for libslirp's sockets, for frames of the switch and for commands.
//!
//! `unsafe` is poll(2).

#![expect(unsafe_code)]

use super::slirp::Slirp;
use crate::io::Batch;
use crate::wire::ip::ETHERTYPE_ARP;
use crate::wire::VNET_HEADER;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, TryRecvError};

pub(super) type Command = Box<dyn FnOnce(&mut Slirp) + Send>;

/// Batches taken from the switch in one turn.
const BATCHES: usize = 4;

/// Serve until the commands or the switch hang up.
pub(super) fn serve(mut slirp: Slirp, inbox: &Receiver<Command>, wake: &OwnedFd) {
    let mut batch = Batch::new();
    let mut fds = Vec::new();
    // libslirp has a packet wait for the answer to ARP, and looks for the answer when it is polled: at once, not at its next timer.
    let mut answered = false;
    loop {
        fds.clear();
        let timeout = slirp.fill(&mut fds);
        let timeout = if std::mem::take(&mut answered) { 0 } else { timeout };
        let own = fds.len();
        fds.push(readable(slirp.socket().as_fd()));
        fds.push(readable(wake.as_fd()));
        let failed = poll(&mut fds, timeout) < 0;
        if failed {
            fds.iter_mut().for_each(|fd| fd.revents = 0);
        }
        slirp.poll(&fds[..own], failed);
        if fds[own].revents != 0 {
            let Some(arp) = receive(&mut slirp, &mut batch) else { return };
            answered = arp;
        }
        if fds[own + 1].revents != 0 && !obey(&mut slirp, inbox, wake) {
            return;
        }
    }
}

/// Hand libslirp what the switch has for it; returns whether there was ARP among it, and `None` when the switch is gone.
fn receive(slirp: &mut Slirp, batch: &mut Batch) -> Option<bool> {
    let mut arp = false;
    for _ in 0..BATCHES {
        let alive = slirp.socket().receive(batch).unwrap_or(false);
        for index in 0..batch.len() {
            if let Some(frame) = batch.packet(index).get(VNET_HEADER..) {
                arp |= frame.get(12..14) == Some(&ETHERTYPE_ARP.to_be_bytes());
                slirp.input(frame);
            }
        }
        if !alive {
            return None;
        }
        if batch.is_empty() {
            break;
        }
    }
    Some(arp)
}

fn obey(slirp: &mut Slirp, inbox: &Receiver<Command>, wake: &OwnedFd) -> bool {
    let _ = rustix::io::read(wake, &mut [0u8; 8]);
    loop {
        match inbox.try_recv() {
            Ok(command) => command(slirp),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
}

fn readable(fd: BorrowedFd<'_>) -> libc::pollfd {
    libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 }
}

fn poll(fds: &mut [libc::pollfd], timeout: u32) -> libc::c_int {
    let timeout = libc::c_int::try_from(timeout).unwrap_or(-1);
    // SAFETY: the pointer and the count describe the slice, which poll(2) writes within. libc is called and not a safe
    // wrapper because the descriptors are libslirp's: it opens and closes them as it likes.
    unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout) }
}
