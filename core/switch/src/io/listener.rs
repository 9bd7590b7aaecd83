//! Where peers connect: a listening socket that is removed with its port.

use rustix::fs::{fchmod, Mode};
use rustix::net::{
    accept_with, bind, listen, socket_with, sockopt, AddressFamily, SocketAddrUnix, SocketFlags, SocketType,
};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// How many may wait to be accepted: a client whose socket does not block is refused beyond (EAGAIN, unix(7)).
const BACKLOG: i32 = 128;
const FLAGS: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);

/// A listening socket: of a path, whose peers must be of this user or root, or of a TCP address, whose peers are anybody.
pub(super) struct Listener {
    fd: OwnedFd,
    path: Option<PathBuf>,
}

impl Listener {
    /// Listen at `path`, mode 0600. A socket that is there is replaced: the caller owns the folder.
    pub(super) fn unix(path: &Path, kind: SocketType) -> io::Result<Listener> {
        let fd = bound(path, kind)?;
        listen(&fd, BACKLOG)?;
        Ok(Listener { fd, path: Some(path.to_owned()) })
    }

    /// Listen at a TCP address.
    pub(super) fn tcp(address: SocketAddr) -> io::Result<Listener> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let fd = socket_with(family, SocketType::STREAM, FLAGS, None)?;
        sockopt::set_socket_reuseaddr(&fd, true)?;
        bind(&fd, &address)?;
        listen(&fd, BACKLOG)?;
        Ok(Listener { fd, path: None })
    }

    /// Take who wants to connect, non-blocking; a stranger is hung up on, and is `None`.
    pub(super) fn accept(&self) -> io::Result<Option<OwnedFd>> {
        let peer = accept_with(&self.fd, FLAGS)?;
        let own = rustix::process::getuid();
        let of_us = |fd: &OwnedFd| sockopt::socket_peercred(fd).is_ok_and(|peer| peer.uid == own || peer.uid.is_root());
        Ok((self.path.is_none() || of_us(&peer)).then_some(peer))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

/// A non-blocking socket that is bound to `path`, mode 0600, in the place of a socket that was there.
pub(super) fn bound(path: &Path, kind: SocketType) -> io::Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    let fd = socket_with(AddressFamily::UNIX, kind, FLAGS, None)?;
    match fs::symlink_metadata(path) {
        Ok(old) if old.file_type().is_socket() => fs::remove_file(path)?,
        // Not ours to remove.
        Ok(_) => return Err(io::Error::from_raw_os_error(libc::EEXIST)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // What bind(2) makes has the socket's own mode, so that there is no moment with a wider one.
    fchmod(&fd, Mode::from_raw_mode(0o600))?;
    bind(&fd, &address)?;
    Ok(fd)
}
