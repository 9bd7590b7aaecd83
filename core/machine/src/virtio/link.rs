//! The wire of a network device: a unix `SOCK_SEQPACKET` socket to a port of a switch, one frame per packet, each behind a
//! 12-byte `virtio_net_hdr_v1`. It connects by itself, for ever, and never blocks.
//!
//! An 8-byte packet is no frame but a hello: `VETH` and, little-endian, the offloads that this side takes.
//!
//! `unsafe` is that socket: the standard library has none of its kind.

#![expect(unsafe_code)]

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::time::{Duration, Instant};

/// Frames per system call.
pub const BATCH: usize = 16;
/// The longest packet: header, Ethernet header with a VLAN tag, 64 KiB.
pub const PACKET: usize = 12 + 18 + 65_536;

const FIRST_RETRY: Duration = Duration::from_millis(20);
const LAST_RETRY: Duration = Duration::from_secs(1);
/// A connection that lived shorter than this came to nothing: the port has another peer, or ends what connects.
const SETTLED: Duration = Duration::from_secs(1);
/// Room for several of the largest frames; the host grants what its limits allow.
const BUFFER: libc::c_int = 4 << 20;

/// A connection that comes back.
pub struct Link {
    path: PathBuf,
    socket: Option<OwnedFd>,
    retry: Duration,
    next: Instant,
    since: Instant,
}

impl Link {
    /// A link to the switch port at `path`, not connected yet.
    ///
    /// # Errors
    /// When `path` is too long for a socket address.
    pub fn new(path: &Path) -> io::Result<Self> {
        address(path)?;
        let now = Instant::now();
        Ok(Self { path: path.to_owned(), socket: None, retry: FIRST_RETRY, next: now, since: now })
    }

    /// The socket, while connected.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        self.socket.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// How long until the next attempt to connect; `None` while connected.
    #[must_use]
    pub fn due(&self, now: Instant) -> Option<Duration> {
        self.socket.is_none().then(|| self.next.saturating_duration_since(now))
    }

    /// Try to connect if that is due.
    pub fn connect(&mut self, now: Instant) {
        if self.socket.is_none() && now >= self.next {
            match open(&self.path) {
                Ok(socket) => {
                    self.socket = Some(socket);
                    self.since = now;
                }
                Err(_) => self.postpone(now),
            }
        }
    }

    /// Send up to [`BATCH`] packets, given by their pieces; returns how many went. `WouldBlock` when the peer takes none
    /// now; after any other error the link is down.
    ///
    /// # Errors
    /// The host's; `NotConnected` while down.
    pub fn send(&mut self, packets: &[&[libc::iovec]]) -> io::Result<usize> {
        let fd = self.fd().ok_or(io::ErrorKind::NotConnected)?;
        let count = packets.len().min(BATCH);
        // SAFETY: all-zero is a valid `mmsghdr`.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
        for (message, pieces) in messages.iter_mut().zip(packets) {
            message.msg_hdr.msg_iov = pieces.as_ptr().cast_mut();
            message.msg_hdr.msg_iovlen = pieces.len() as _;
        }
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: `count` messages, whose pieces the caller keeps valid over the call; sending does not write to them.
        let sent = unsafe { libc::sendmmsg(fd, messages.as_mut_ptr(), count as _, flags as _) };
        self.checked(sent)
    }

    /// Say hello: this side takes the offloads `bits`. A switch that does not know hellos drops it as too short.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub fn announce(&mut self, bits: u32) -> io::Result<()> {
        let mut hello = *b"VETH\0\0\0\0";
        hello[4..].copy_from_slice(&bits.to_le_bytes());
        let piece = libc::iovec { iov_base: hello.as_mut_ptr().cast(), iov_len: hello.len() };
        self.send(&[&[piece]]).map(|_| ())
    }

    /// Receive up to [`BATCH`] packets, packet `i` into `buffer[i * PACKET..]`, their lengths into `lengths`; one that was
    /// too long is reported with length 0. Returns how many came. `WouldBlock` when there are none; after any other error
    /// the link is down.
    ///
    /// # Errors
    /// The host's; `NotConnected` while down; `UnexpectedEof` when the peer closed.
    pub fn receive(&mut self, buffer: &mut [u8], lengths: &mut [usize; BATCH]) -> io::Result<usize> {
        let fd = self.fd().ok_or(io::ErrorKind::NotConnected)?;
        // SAFETY: all-zero is valid for both.
        let (mut messages, mut pieces): ([libc::mmsghdr; BATCH], [libc::iovec; BATCH]) = unsafe { mem::zeroed() };
        let slots = buffer.chunks_exact_mut(PACKET).zip(&mut pieces).zip(&mut messages);
        let mut count = 0;
        for ((slot, piece), message) in slots {
            *piece = libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() };
            message.msg_hdr.msg_iov = piece;
            message.msg_hdr.msg_iovlen = 1;
            count += 1;
        }
        // SAFETY: `count` messages with one piece each, that lies in `buffer`.
        let got = unsafe { libc::recvmmsg(fd, messages.as_mut_ptr(), count, libc::MSG_DONTWAIT as _, ptr::null_mut()) };
        let got = self.checked(got)?;
        let mut packets = 0;
        for message in &messages[..got] {
            let cut = message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            let length = message.msg_len as usize;
            if length == 0 {
                // A SEQPACKET socket reads empty when the peer has closed; an empty packet is no frame either.
                break;
            }
            lengths[packets] = if cut { 0 } else { length };
            packets += 1;
        }
        if packets == 0 {
            self.close();
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(packets)
    }

    /// Take the link down if the peer has closed. Whoever leaves packets waiting has to ask: the end lies behind them.
    pub fn check(&mut self) {
        let Some(fd) = self.fd() else { return };
        let mut source = libc::pollfd { fd, events: 0, revents: 0 };
        // SAFETY: one valid entry.
        let ended = unsafe { libc::poll(&mut source, 1, 0) } > 0;
        if ended {
            self.close();
        }
    }

    fn checked(&mut self, result: libc::c_int) -> io::Result<usize> {
        usize::try_from(result).map_err(|_| {
            let error = io::Error::last_os_error();
            let passing = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
            if passing || error.raw_os_error() == Some(libc::ENOBUFS) {
                return io::ErrorKind::WouldBlock.into();
            }
            if error.raw_os_error() != Some(libc::EMSGSIZE) {
                self.close();
            }
            error
        })
    }

    fn close(&mut self) {
        self.socket = None;
        let now = Instant::now();
        if now.duration_since(self.since) >= SETTLED {
            self.retry = FIRST_RETRY;
        }
        self.postpone(now);
    }

    fn postpone(&mut self, now: Instant) {
        self.next = now + self.retry;
        self.retry = (self.retry * 2).min(LAST_RETRY);
    }
}

fn address(path: &Path) -> io::Result<libc::sockaddr_un> {
    // SAFETY: all-zero is a valid address.
    let mut address: libc::sockaddr_un = unsafe { mem::zeroed() };
    address.sun_family = libc::AF_UNIX as _;
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() || bytes.len() >= address.sun_path.len() || bytes.contains(&0) {
        let limit = address.sun_path.len() - 1;
        let what = format!("{}: a socket path has 1 to {limit} bytes", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    for (to, from) in address.sun_path.iter_mut().zip(bytes) {
        *to = *from as _;
    }
    Ok(address)
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let address = address(path)?;
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(libc::AF_UNIX, kind, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, owned by nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    for option in [libc::SO_SNDBUF, libc::SO_RCVBUF] {
        // SAFETY: an option of the size stated. Failure leaves the default, which works.
        unsafe {
            libc::setsockopt(
                fd,
                libc::SOL_SOCKET,
                option,
                ptr::from_ref(&BUFFER).cast(),
                mem::size_of_val(&BUFFER) as _,
            )
        };
    }
    // SAFETY: a valid address of the size stated.
    let done = unsafe { libc::connect(fd, ptr::from_ref(&address).cast(), mem::size_of_val(&address) as _) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(socket)
}
