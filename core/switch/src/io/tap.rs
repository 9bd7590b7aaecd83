//! A TAP device (linux/if_tun.h): the host's own network stack, or a bridge of it, behind a port.
//!
//! The device was opened with `IFF_VNET_HDR` and a header of 12 little-endian bytes, so that one packet of the switch is
//! one read or write, 64 KiB segments included.

use super::batch::{Batch, BATCH};
use super::link::{Descriptors, Link};
use crate::port::Capabilities;
use rustix::io::Errno;
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
        let mut lengths = [0; BATCH];
        let mut count = 0;
        let mut alive = true;
        for slot in batch.slots() {
            match rustix::io::read(device, &mut slot[..]) {
                Ok(length) => lengths[count] = length,
                Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS | Errno::NOMEM) => break,
                // EBADFD: the device was deleted.
                Err(_) => {
                    alive = false;
                    break;
                }
            }
            count += 1;
        }
        batch.fill(&lengths[..count]);
        Ok(alive)
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        let device = self.device.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        for (index, packet) in packets.iter().enumerate() {
            match rustix::io::write(device, packet) {
                Ok(_) => {}
                Err(_) if index > 0 => return Ok(index),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(packets.len())
    }

    fn hang_up(&mut self) {
        self.device = None;
    }
}
