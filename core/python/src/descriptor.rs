//! Descriptors that Python gives as numbers. Unsafe, because a number says nothing of who owns it.

#![expect(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// A descriptor of our own for what the number `fd` names. EBADF if it names nothing.
pub fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_DUPFD_CLOEXEC takes any number, and fails for one that is not open.
    let own = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
    if own < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made it for us; nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(own) })
}
