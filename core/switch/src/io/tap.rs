//! A TAP device (linux/if_tun.h): the host's own network stack, or a bridge of it, behind a port.
//!
//! The device was opened with `IFF_VNET_HDR` and a header of 12 little-endian bytes, so that one packet of the switch is
//! one read or write, 64 KiB segments included.

use super::batch::Batch;
use super::each::{receive_each, send_each, Nothing};
use super::link::{Descriptors, Link};
use super::socket::is_transient;
use crate::port::Capabilities;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// An opened TAP. It has carrier until the device is deleted.
pub struct TapLink {
    device: Option<OwnedFd>,
    capabilities: Capabilities,
}

impl TapLink {
    /// Take over an attached device to which `TUNSETOFFLOAD` granted `capabilities`.
    pub fn new(device: OwnedFd, capabilities: Capabilities) -> io::Result<TapLink> {
        rustix::io::ioctl_fionbio(&device, true)?;
        Ok(TapLink { device: Some(device), capabilities })
    }
}

impl Link for TapLink {
    fn kind(&self) -> &'static str {
        "tap"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        Descriptors { listener: None, peer: self.device.as_ref().map(AsFd::as_fd) }
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        batch.truncate(0);
        let Some(device) = &self.device else { return Ok(false) };
        let receive = |slot: &mut [u8]| {
            rustix::io::read(device, slot).map_err(|error| match is_transient(&error.into()) {
                true => Nothing::Now,
                // EBADFD: the device was deleted.
                false => Nothing::Ever,
            })
        };
        Ok(receive_each(batch, receive))
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        let device = self.device.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        Ok(send_each(packets, |packet| rustix::io::write(device, packet))?)
    }

    fn hang_up(&mut self) {
        self.device = None;
    }
}
