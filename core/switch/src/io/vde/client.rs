//! One client of a VDE port: a datagram socket for frames, and a stream whose end is the client's.

use crate::io::batch::Batch;
use crate::io::link::{Descriptors, Link};
use crate::io::socket::PacketSocket;
use crate::port::Capabilities;
use rustix::io::Errno;
use rustix::net::{recv, RecvFlags};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

/// A port that lives as long as its client's control stream.
pub(super) struct VdeClient {
    pub(super) control: OwnedFd,
    pub(super) data: Option<PacketSocket>,
    /// Where the data socket is bound.
    pub(super) path: PathBuf,
    pub(super) description: String,
}

impl Link for VdeClient {
    fn kind(&self) -> &'static str {
        "vde"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        Descriptors { listener: Some(self.control.as_fd()), peer: self.data.as_ref().map(AsFd::as_fd) }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    /// The control stream has something: its end. What a client says after its request means nothing.
    fn accept(&mut self) -> io::Result<()> {
        match recv(&self.control, &mut [0u8; 512], RecvFlags::DONTWAIT) {
            Ok((count, _)) if count > 0 => {}
            Err(Errno::AGAIN | Errno::INTR) => {}
            _ => self.data = None,
        }
        Ok(())
    }

    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        self.data.as_ref().map_or(Ok(false), |data| data.receive(batch))
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        self.data.as_ref().ok_or(io::ErrorKind::NotConnected)?.send(packets)
    }

    fn hang_up(&mut self) {
        self.data = None;
    }

    fn is_over(&self) -> bool {
        self.data.is_none()
    }

    fn peer(&self) -> Option<&str> {
        Some(&self.description)
    }
}

impl Drop for VdeClient {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
