//! An interface of the host (`AF_PACKET`, packet(7)): a network card, or anything else that has frames.
//!
//! The socket was bound to the interface with `PACKET_VNET_HDR`, so that each message is a virtio-net header of 10 bytes
//! and a frame, and with `PACKET_AUXDATA`, which tells the tag that the kernel takes off received frames.

use super::auxdata;
use super::batch::Batch;
use super::each::{receive_each, send_each, Nothing};
use super::link::{Descriptors, Link};
use super::socket::is_transient;
use crate::drops::{DropReason, Drops};
use crate::port::Capabilities;
use crate::wire::VNET_HEADER;
use rustix::io::Errno;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};

/// Length of `struct virtio_net_hdr`: ours without `num_buffers`.
pub(super) const SHORT_HEADER: usize = 10;

/// A bound packet socket. It has carrier until the interface is gone.
pub struct RawLink {
    socket: Option<OwnedFd>,
    drops: Drops,
}

impl RawLink {
    /// Take over a bound packet socket with `PACKET_VNET_HDR` and `PACKET_AUXDATA`.
    pub fn new(socket: OwnedFd) -> io::Result<RawLink> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(RawLink { socket: Some(socket), drops: Drops::default() })
    }
}

impl Link for RawLink {
    fn kind(&self) -> &'static str {
        "raw"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        Descriptors { listener: None, peer: self.socket.as_ref().map(AsFd::as_fd) }
    }

    fn capabilities(&self) -> Capabilities {
        // The kernel finishes what the card cannot.
        Capabilities::ALL
    }

    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        batch.truncate(0);
        let Some(socket) = &self.socket else { return Ok(false) };
        let receive = |slot: &mut [u8]| {
            auxdata::receive(socket.as_fd(), slot).map_err(|error| match error.raw_os_error() {
                _ if is_transient(&error) => Nothing::Now,
                // The interface is down: it may come back.
                Some(libc::ENETDOWN) => Nothing::Now,
                // A packet whose header the kernel could not write: an offload that we have no name for.
                Some(libc::EINVAL) => {
                    self.drops.add(DropReason::UnknownOffload, 1);
                    Nothing::Now
                }
                _ => Nothing::Ever,
            })
        };
        Ok(receive_each(batch, receive))
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let sent = send_each(packets, |packet| {
            let (header, frame) = packet.split_at_checked(VNET_HEADER).unwrap_or_default();
            let parts = [IoSlice::new(header.get(..SHORT_HEADER).unwrap_or_default()), IoSlice::new(frame)];
            rustix::io::writev(socket, &parts)
        });
        match sent {
            Err(Errno::NETDOWN) => Err(io::Error::from_raw_os_error(libc::EIO)),
            // The card's queue is full. The socket would be writable all the same: nothing to wait for.
            Err(Errno::NOBUFS) => {
                self.drops.add(DropReason::QueueFull, 1);
                Ok(1)
            }
            sent => Ok(sent?),
        }
    }

    fn take_drops(&mut self, count: &mut dyn FnMut(DropReason, u64)) {
        self.drops.drain(count);
    }

    fn hang_up(&mut self) {
        self.socket = None;
    }
}
