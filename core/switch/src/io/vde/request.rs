//! The one message of the control protocol of VDE and uml_switch, and its answer. Native byte order.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 4 | 0xfeedface |
//! | 4 | 4 | version, 3 |
//! | 8 | 4 | low byte: 0 a new port, 1 a new one with more rights; above: the port wished for, 0 for any |
//! | 12 | 110 | `sockaddr_un` of the client's datagram socket |
//! | 122 | 0 to 128 | what the client says of itself; User Mode Linux has two bytes of padding |
//!
//! The answer is the `sockaddr_un` of the datagram socket that takes the client's frames, all 110 bytes of it.

use rustix::net::SocketAddrUnix;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const MAGIC: u32 = 0xfeed_face;
const VERSION: u32 = 3;
const ADDRESS: usize = 12;
/// Bytes of a path in a `sockaddr_un`, and of the whole.
const PATH: usize = 108;
const SOCKADDR: usize = 2 + PATH;
/// The shortest request, and the most that is read of one.
const SHORTEST: usize = ADDRESS + SOCKADDR;
pub(super) const LONGEST: usize = SHORTEST + 2 + 128;

/// A request that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadRequest;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// The port that it wishes for.
    pub(super) port: Option<u32>,
    /// Its datagram socket.
    pub(super) address: SocketAddrUnix,
    /// What it says of itself; no control characters.
    pub(super) description: String,
}

/// Read what a client sent so far; `None` while that is not all.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Request>, BadRequest> {
    let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if word(0).is_some_and(|magic| magic != MAGIC) || word(4).is_some_and(|version| version != VERSION) {
        return Err(BadRequest);
    }
    let Some((&head, description)) = bytes.split_first_chunk::<SHORTEST>() else { return Ok(None) };
    let kind = word(8).ok_or(BadRequest)?;
    if kind & 0xff > 1 {
        return Err(BadRequest);
    }
    let port = (kind >> 8 != 0).then_some(kind >> 8);
    let address = read_address(&head[ADDRESS..]).ok_or(BadRequest)?;
    Ok(Some(Request { port, address, description: clean(description) }))
}

fn read_address(bytes: &[u8]) -> Option<SocketAddrUnix> {
    let (family, path) = bytes.split_first_chunk()?;
    if i32::from(u16::from_ne_bytes(*family)) != libc::AF_UNIX {
        return None;
    }
    match path {
        // An abstract name is all of the bytes, zeros included, for that is how clients bind it.
        [0, name @ ..] => name.iter().any(|&byte| byte != 0).then(|| SocketAddrUnix::new_abstract_name(name).ok())?,
        _ => SocketAddrUnix::new(path.split(|&byte| byte == 0).next()?).ok(),
    }
}

fn clean(description: &[u8]) -> String {
    let text = String::from_utf8_lossy(&description[..description.len().min(128)]);
    text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

/// The answer: frames go to the socket at `path`. `None` if the path is too long.
pub(super) fn answer(path: &Path) -> Option<[u8; SOCKADDR]> {
    let name = OsStr::as_bytes(path.as_os_str());
    let mut answer = [0; SOCKADDR];
    answer[..2].copy_from_slice(&(libc::AF_UNIX as u16).to_ne_bytes());
    // The last byte stays zero: clients take the path for a string.
    answer[2..SOCKADDR - 1].get_mut(..name.len())?.copy_from_slice(name);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(kind: u32, path: &[u8], more: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend(VERSION.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((libc::AF_UNIX as u16).to_ne_bytes());
        bytes.extend(path);
        bytes.resize(SHORTEST, 0);
        bytes.extend(more);
        bytes
    }

    #[test]
    fn requests_of_vde_and_of_user_mode_linux_are_understood() {
        let vde = read(&request(7 << 8, b"/tmp/a", b"vde_plug\n user=me")).unwrap().unwrap();
        assert_eq!((vde.port, vde.description.as_str()), (Some(7), "vde_plug user=me"));
        assert_eq!(vde.address, SocketAddrUnix::new("/tmp/a").unwrap());
        let uml = read(&request(0, b"\0\x12\x34\0\x56", b"\0\0")).unwrap().unwrap();
        assert_eq!((uml.port, uml.description.as_str()), (None, ""));
        assert_eq!(uml.address.abstract_name().unwrap().len(), 107);
        let whole = request(0, b"/tmp/a", b"");
        assert_eq!(whole.len(), 122);
        assert!((0..122).all(|length| read(&whole[..length]) == Ok(None)));
    }

    #[test]
    fn what_is_out_of_specification_is_refused_as_soon_as_it_is_seen() {
        assert_eq!(read(b"GET / HTTP"), Err(BadRequest));
        let good = request(0, b"/tmp/a", b"");
        for (at, value) in [(0, 1u8), (4, 1), (8, 2), (12, 2), (14, 0)] {
            let mut bad = good.clone();
            bad[at] = value;
            if at == 14 {
                bad[14..].fill(0);
            }
            assert_eq!(read(&bad), Err(BadRequest), "byte {at}");
        }
        let mut version = good[..8].to_vec();
        version[4] = 1;
        assert_eq!(read(&version), Err(BadRequest));
    }

    #[test]
    fn an_answer_is_a_whole_address_whose_path_ends() {
        let longest = "x".repeat(107);
        let bytes = answer(Path::new(&longest)).unwrap();
        assert_eq!((bytes.len(), bytes[109], read_address(&bytes)), (110, 0, SocketAddrUnix::new(&*longest).ok()));
        assert_eq!(answer(Path::new(&"x".repeat(108))), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_request_or_none(
            bytes in proptest::collection::vec(any::<u8>(), 0..LONGEST),
            path in proptest::collection::vec(any::<u8>(), 0..PATH),
            kind in any::<u32>(),
        ) {
            let _ = read(&bytes);
            let _ = read_address(&bytes);
            if let Ok(Some(request)) = read(&request(kind, &path, &bytes)) {
                prop_assert!(kind & 0xff <= 1 && request.port.unwrap_or(0) == kind >> 8);
                prop_assert!(!request.description.chars().any(char::is_control));
            }
        }
    }
}
