//! `recvmmsg(2)` and `sendmmsg(2)` on UDP sockets: addresses, and many datagrams of one size as one message (`UDP_GRO`,
//! `UDP_SEGMENT`, udp(7)). Unsafe, because no safe crate wraps these together.

#![expect(unsafe_code)]

use std::io::{self, IoSlice};
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// Messages received at once. Each may be of 64 KiB and hold many datagrams.
const MESSAGES: usize = 16;

/// Messages sent at once.
pub(super) const SEND: usize = 32;

/// The longest UDP datagram, and the longest message.
const LONGEST: usize = 65_536;

/// Room for one control message with a 32-bit value, aligned as `cmsghdr` wants it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 32]);

/// Datagrams that were received and not yet taken.
pub(super) struct Inbox {
    buffers: Vec<Box<[u8]>>,
    /// Of each message: who sent it, its length, and the length of each datagram in it but the last.
    messages: [Received; MESSAGES],
    count: usize,
    /// The next datagram: in which message, and where in it.
    message: usize,
    offset: usize,
}

#[derive(Clone, Copy)]
struct Received {
    from: SocketAddr,
    length: usize,
    segment: usize,
}

const NOBODY: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

impl Inbox {
    /// Empty.
    pub(super) fn new() -> Inbox {
        let buffers = (0..MESSAGES).map(|_| vec![0; LONGEST].into_boxed_slice()).collect();
        let messages = [Received { from: NOBODY, length: 0, segment: 0 }; MESSAGES];
        Inbox { buffers, messages, count: 0, message: 0, offset: 0 }
    }

    /// Whether all datagrams were taken.
    pub(super) fn is_empty(&self) -> bool {
        self.message >= self.count
    }

    /// Take the next datagram and who sent it.
    pub(super) fn next(&mut self) -> Option<(SocketAddr, &[u8])> {
        if self.is_empty() {
            return None;
        }
        let (index, start) = (self.message, self.offset);
        let Received { from, length, segment } = self.messages[index];
        let end = length.min(start + segment);
        if end == length {
            self.message += 1;
            self.offset = 0;
        } else {
            self.offset = end;
        }
        Some((from, &self.buffers[index][start..end]))
    }

    /// Receive what is there, without waiting; what was not taken is lost.
    pub(super) fn refill(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        (self.count, self.message, self.offset) = (0, 0, 0);
        // SAFETY: all-zero values of these C structs are valid: null pointers, zero lengths, unspecified addresses.
        let (mut vectors, mut headers, mut names): (
            [libc::iovec; MESSAGES],
            [libc::mmsghdr; MESSAGES],
            [libc::sockaddr_storage; MESSAGES],
        ) = unsafe { (zeroed(), zeroed(), zeroed()) };
        let mut controls = [Control([0; 32]); MESSAGES];
        for (i, buffer) in self.buffers.iter_mut().enumerate() {
            vectors[i] = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            let header = &mut headers[i].msg_hdr;
            header.msg_name = ptr::from_mut(&mut names[i]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as _;
            header.msg_iov = &raw mut vectors[i];
            header.msg_iovlen = 1;
            header.msg_control = ptr::from_mut(&mut controls[i]).cast();
            header.msg_controllen = size_of::<Control>() as _;
        }
        // SAFETY: each of the MESSAGES headers points to one vector, name and control buffer of its own with their
        // lengths, each vector to a distinct buffer that is borrowed mutably; all outlive the call.
        let count = unsafe {
            libc::recvmmsg(
                fd.as_raw_fd(),
                headers.as_mut_ptr(),
                MESSAGES as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        self.count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for i in 0..self.count {
            let length = (headers[i].msg_len as usize).min(LONGEST);
            let segment = segment_of(&headers[i].msg_hdr).unwrap_or(length).max(1);
            self.messages[i] = Received { from: address(&names[i]), length, segment };
        }
        Ok(())
    }
}

/// The length of each datagram in a message that was received, if there are several.
fn segment_of(header: &libc::msghdr) -> Option<usize> {
    // SAFETY: the kernel filled the control buffer that `header` describes, which is aligned for `cmsghdr` and still there.
    let mut at = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !at.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR return null or a whole header in the buffer.
        let control = unsafe { &*at };
        if (control.cmsg_level, control.cmsg_type) == (libc::SOL_UDP, libc::UDP_GRO) {
            // SAFETY: UDP_GRO carries an int (udp(7)), which lies behind the header; it need not be aligned.
            let size = unsafe { ptr::read_unaligned(libc::CMSG_DATA(at).cast::<libc::c_int>()) };
            return usize::try_from(size).ok().filter(|&size| size > 0);
        }
        // SAFETY: `at` lies in the control buffer of `header`.
        at = unsafe { libc::CMSG_NXTHDR(header, at) };
    }
    None
}

fn address(name: &libc::sockaddr_storage) -> SocketAddr {
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: a sockaddr_storage is large and aligned enough for each family, and its family says which it is.
            let name = unsafe { &*ptr::from_ref(name).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
            SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(name.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name = unsafe { &*ptr::from_ref(name).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            SocketAddr::V6(SocketAddrV6::new(ip, u16::from_be(name.sin6_port), 0, name.sin6_scope_id))
        }
        _ => NOBODY,
    }
}

/// A destination as the kernel wants it.
pub(super) struct Destination(libc::sockaddr_storage, libc::socklen_t);

impl Destination {
    pub(super) fn new(to: SocketAddr) -> Destination {
        // SAFETY: an all-zero sockaddr_storage is valid.
        let mut name: libc::sockaddr_storage = unsafe { zeroed() };
        let length = match to {
            SocketAddr::V4(to) => {
                // SAFETY: a sockaddr_storage is large and aligned enough for each family.
                let name = unsafe { &mut *ptr::from_mut(&mut name).cast::<libc::sockaddr_in>() };
                name.sin_family = libc::AF_INET as _;
                name.sin_port = to.port().to_be();
                name.sin_addr.s_addr = u32::from_ne_bytes(to.ip().octets());
                size_of::<libc::sockaddr_in>()
            }
            SocketAddr::V6(to) => {
                // SAFETY: as above.
                let name = unsafe { &mut *ptr::from_mut(&mut name).cast::<libc::sockaddr_in6>() };
                name.sin6_family = libc::AF_INET6 as _;
                name.sin6_port = to.port().to_be();
                name.sin6_addr.s6_addr = to.ip().octets();
                name.sin6_scope_id = to.scope_id();
                size_of::<libc::sockaddr_in6>()
            }
        };
        Destination(name, length as _)
    }
}

/// A message to be sent.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) to: &'a Destination,
    pub(super) parts: &'a [IoSlice<'a>],
    /// The length of each datagram but the last, if there are several; otherwise 0.
    pub(super) segment: u16,
}

/// Send up to [`SEND`] messages without waiting; returns how many went.
pub(super) fn send(fd: BorrowedFd<'_>, messages: &[Message<'_>]) -> io::Result<usize> {
    let count = messages.len().min(SEND);
    // SAFETY: an all-zero mmsghdr is valid: null pointers with zero lengths.
    let mut headers: [libc::mmsghdr; SEND] = unsafe { zeroed() };
    let mut controls = [Control([0; 32]); SEND];
    for ((header, control), message) in headers.iter_mut().zip(&mut controls).zip(messages) {
        let header = &mut header.msg_hdr;
        header.msg_name = ptr::from_ref(&message.to.0).cast_mut().cast();
        header.msg_namelen = message.to.1;
        // An IoSlice is an iovec (std::io::IoSlice guarantees it).
        header.msg_iov = message.parts.as_ptr().cast_mut().cast();
        header.msg_iovlen = message.parts.len() as _;
        if message.segment != 0 {
            header.msg_control = ptr::from_mut(control).cast();
            // SAFETY: `control` has room for one control message with a u16 (CMSG_SPACE is 24 bytes) and is aligned for
            // it, so that CMSG_FIRSTHDR returns its beginning and CMSG_DATA lies inside.
            unsafe {
                header.msg_controllen = libc::CMSG_SPACE(size_of::<u16>() as _) as _;
                let at = libc::CMSG_FIRSTHDR(header);
                (*at).cmsg_level = libc::SOL_UDP;
                (*at).cmsg_type = libc::UDP_SEGMENT;
                (*at).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as _) as _;
                ptr::write_unaligned(libc::CMSG_DATA(at).cast(), message.segment);
            }
        }
    }
    // SAFETY: the first `count` headers describe names, vectors and control buffers that outlive the call; sendmmsg only
    // reads through them.
    let sent = unsafe {
        libc::sendmmsg(
            fd.as_raw_fd(),
            headers.as_mut_ptr(),
            count as libc::c_uint,
            (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    fn pair(gro: bool) -> (UdpSocket, UdpSocket) {
        let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let (a, b) = (bind(), bind());
        let on: libc::c_int = gro.into();
        // SAFETY: an int is what UDP_GRO takes; setsockopt reads it during the call.
        let done = unsafe {
            let length = size_of::<libc::c_int>() as _;
            libc::setsockopt(b.as_raw_fd(), libc::SOL_UDP, libc::UDP_GRO, (&raw const on).cast(), length)
        };
        assert_eq!(done, 0);
        (a, b)
    }

    fn drain(socket: &UdpSocket, inbox: &mut Inbox) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| {
            if inbox.is_empty() {
                inbox.refill(socket.as_fd()).ok()?;
            }
            inbox.next().map(|(_, datagram)| datagram.to_vec())
        })
        .collect()
    }

    #[test]
    fn segments_of_one_message_arrive_as_datagrams_however_they_are_received() {
        for gro in [false, true] {
            let (a, b) = pair(gro);
            let to = Destination::new(b.local_addr().unwrap());
            let bytes: Vec<u8> = (0..25).collect();
            let parts = [IoSlice::new(&bytes[..10]), IoSlice::new(&bytes[10..])];
            let whole = [IoSlice::new(b"whole")];
            let messages =
                [Message { to: &to, parts: &parts, segment: 10 }, Message { to: &to, parts: &whole, segment: 0 }];
            assert_eq!(send(a.as_fd(), &messages).unwrap(), 2);
            let mut inbox = Inbox::new();
            let got = drain(&b, &mut inbox);
            assert_eq!(got, [&bytes[..10], &bytes[10..20], &bytes[20..], b"whole"], "GRO {gro}");
        }
    }

    #[test]
    fn the_sender_is_told_and_an_empty_datagram_is_one() {
        let (a, b) = (UdpSocket::bind("[::1]:0"), UdpSocket::bind("[::1]:0"));
        let (Ok(a), Ok(b)) = (a, b) else { return };
        let to = Destination::new(b.local_addr().unwrap());
        send(a.as_fd(), &[Message { to: &to, parts: &[], segment: 0 }]).unwrap();
        let mut inbox = Inbox::new();
        inbox.refill(b.as_fd()).unwrap();
        assert_eq!(inbox.next(), Some((a.local_addr().unwrap(), &[][..])));
        assert_eq!(inbox.next(), None);
        assert_eq!(inbox.refill(b.as_fd()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
