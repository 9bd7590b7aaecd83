//! A guest's port: a listening SEQPACKET socket that outlives whoever connects to it.
//!
//! The peer sends and receives one packet in each message. Until it says otherwise it gets complete frames only; it says
//! so with a *hello*, which it may repeat when its driver negotiates anew:
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 4 | `VETH` |
//! | 4 | 4 | what it takes unfinished, little-endian: 1 checksums, 2 TCPv4, 4 TCPv6 segments, 8 ECN (`TUN_F_*` bits) |

use super::batch::Batch;
use super::link::{Descriptors, Link};
use super::socket::PacketSocket;
use crate::port::Capabilities;
use rustix::net::{
    accept_with, bind, listen, socket_with, sockopt, AddressFamily, SocketAddrUnix, SocketFlags, SocketType,
};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 4] = *b"VETH";
const HELLO: usize = 8;

/// The hello that announces `capabilities`.
pub fn hello(capabilities: Capabilities) -> [u8; HELLO] {
    let mut message = [0; HELLO];
    message[..4].copy_from_slice(&MAGIC);
    message[4..].copy_from_slice(&capabilities.bits().to_le_bytes());
    message
}

fn read_hello(message: &[u8]) -> Option<Capabilities> {
    let message: &[u8; HELLO] = message.try_into().ok()?;
    let bits = u32::from_le_bytes([message[4], message[5], message[6], message[7]]);
    message.starts_with(&MAGIC).then_some(Capabilities::from_bits(bits))
}

/// A listening socket and the one peer that may be connected to it.
pub struct GuestLink {
    path: PathBuf,
    listener: OwnedFd,
    peer: Option<PacketSocket>,
    capabilities: Capabilities,
}

impl GuestLink {
    /// Listen at `path`, mode 0600. A socket that is there is replaced: the caller owns the folder.
    pub fn listen(path: &Path) -> io::Result<GuestLink> {
        let address = SocketAddrUnix::new(path)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        match fs::symlink_metadata(path) {
            Ok(old) if old.file_type().is_socket() => fs::remove_file(path)?,
            // Not ours to remove.
            Ok(_) => return Err(io::Error::from_raw_os_error(libc::EEXIST)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        bind(&listener, &address)?;
        // Nobody can connect before listen(2), so the mode is never wider than this.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        listen(&listener, 4)?;
        Ok(GuestLink { path: path.to_owned(), listener, peer: None, capabilities: Capabilities::NONE })
    }

    fn is_trusted(&self, peer: &OwnedFd) -> bool {
        let own = rustix::process::getuid();
        sockopt::socket_peercred(peer).is_ok_and(|peer| peer.uid == own || peer.uid.is_root())
    }
}

impl Link for GuestLink {
    fn kind(&self) -> &'static str {
        "guest"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        Descriptors { listener: Some(self.listener.as_fd()), peer: self.peer.as_ref().map(AsFd::as_fd) }
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn accept(&mut self) -> io::Result<()> {
        let peer = accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
        let occupied = self.peer.as_ref().is_some_and(|old| !old.is_closed());
        if !occupied && self.is_trusted(&peer) {
            self.peer = Some(PacketSocket::new(peer));
            self.capabilities = Capabilities::NONE;
        }
        Ok(())
    }

    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        let Some(peer) = &self.peer else { return Ok(false) };
        let alive = peer.receive(batch)?;
        for i in 0..batch.len() {
            if let Some(capabilities) = read_hello(batch.packet(i)) {
                self.capabilities = capabilities;
                batch.consume(i);
            }
        }
        Ok(alive)
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        self.peer.as_ref().ok_or(io::ErrorKind::NotConnected)?.send(packets)
    }

    fn hang_up(&mut self) {
        self.peer = None;
        self.capabilities = Capabilities::NONE;
    }
}

impl Drop for GuestLink {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
