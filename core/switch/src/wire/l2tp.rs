//! Data messages of L2TPv3 over UDP (RFC 3931, section 4.1.2.1), as QEMU's `l2tpv3` and UML's vector transport send them.
//!
//! | length | field |
//! |---|---|
//! | 4 | 0x00030000: a data message of version 3 |
//! | 4 | session id of the receiver |
//! | 0, 4 or 8 | cookie of the receiver |
//! | 0 or 4 | a counter: in the place of the L2-specific sublayer; not checked on receipt |
//! | any | bytes that are skipped (QEMU calls their number `offset`) |

use crate::drops::DropReason;

/// The longest header, bytes.
pub const MAX_L2TP_HEADER: usize = 20 + MAX_L2TP_OFFSET;

/// The most bytes between header and frame.
pub const MAX_L2TP_OFFSET: usize = 64;

const DATA: u32 = 0x0003_0000;
/// T: a control message; and the version. What else is in these 16 bits is reserved.
const TYPE_AND_VERSION: u8 = 0x80;
const VERSION: u8 = 0x0f;

/// What a receiver wants to see before a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// Its number.
    pub id: u32,
    /// 0, 4 or 8 bytes.
    pub cookie: Vec<u8>,
}

/// The format of both directions of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// What we want to see.
    pub receive: Session,
    /// What the peer wants to see.
    pub send: Session,
    /// Whether there is a counter.
    pub counter: bool,
    /// Bytes between header and frame, at most [`MAX_L2TP_OFFSET`].
    pub offset: usize,
}

impl Format {
    /// The frame of a datagram.
    pub fn read<'a>(&self, datagram: &'a [u8]) -> Result<&'a [u8], DropReason> {
        let (word, rest) = datagram.split_first_chunk::<4>().ok_or(DropReason::BadEncapsulation)?;
        if word[0] & TYPE_AND_VERSION != 0 || word[1] & VERSION != 3 {
            return Err(DropReason::BadEncapsulation);
        }
        let (id, rest) = rest.split_first_chunk::<4>().ok_or(DropReason::BadEncapsulation)?;
        if u32::from_be_bytes(*id) != self.receive.id {
            return Err(DropReason::WrongNetwork);
        }
        let rest = rest.strip_prefix(&self.receive.cookie[..]).ok_or(DropReason::BadCookie)?;
        rest.get(self.skipped()..).ok_or(DropReason::BadEncapsulation)
    }

    /// Write the header of frame number `count` at the beginning of `header`; returns its length.
    pub fn write(&self, count: u32, header: &mut [u8; MAX_L2TP_HEADER]) -> usize {
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            header[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&DATA.to_be_bytes());
        put(&self.send.id.to_be_bytes());
        put(&self.send.cookie[..self.send.cookie.len().min(8)]);
        if self.counter {
            put(&count.to_be_bytes());
        }
        put(&[0; MAX_L2TP_OFFSET][..self.offset.min(MAX_L2TP_OFFSET)]);
        at
    }

    /// Length of what [`Format::write`] writes, bytes.
    pub fn length(&self) -> usize {
        8 + self.send.cookie.len().min(8) + self.skipped()
    }

    fn skipped(&self) -> usize {
        self.offset + if self.counter { 4 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn session(id: u32, cookie: &[u8]) -> Session {
        Session { id, cookie: cookie.into() }
    }

    fn written(format: &Format, count: u32) -> Vec<u8> {
        let mut header = [0xee; MAX_L2TP_HEADER];
        let length = format.write(count, &mut header);
        header[..length].to_vec()
    }

    #[test]
    fn the_header_is_what_qemu_sends() {
        let send = session(0xffff_0001, &[1, 2, 3, 4, 5, 6, 7, 8]);
        let format = Format { send, counter: true, offset: 2, ..Format::default() };
        let expected = [0, 3, 0, 0, 0xff, 0xff, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 0, 0];
        assert_eq!(written(&format, 9), expected);
        assert_eq!(written(&Format::default(), 9), [0, 3, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn every_wrong_field_has_its_name() {
        let format = Format { receive: session(7, &[1, 2, 3, 4]), counter: true, ..Format::default() };
        let good = [0, 3, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4, 0, 0, 0, 0, b'f'];
        assert_eq!(format.read(&good), Ok(&b"f"[..]));
        let wrong = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            format.read(&bytes).unwrap_err()
        };
        assert_eq!(wrong(0, 0x80), DropReason::BadEncapsulation);
        assert_eq!(wrong(1, 2), DropReason::BadEncapsulation);
        assert_eq!(wrong(7, 8), DropReason::WrongNetwork);
        assert_eq!(wrong(11, 5), DropReason::BadCookie);
        assert_eq!(format.read(&good[..15]), Err(DropReason::BadEncapsulation));
        assert_eq!(format.read(&good[..7]), Err(DropReason::BadEncapsulation));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_any_bytes_are_read_or_refused(
            id in any::<u32>(),
            cookie in prop_oneof![Just(0usize), Just(4), Just(8)],
            counter in any::<bool>(),
            offset in 0..=MAX_L2TP_OFFSET,
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let both = session(id, &[0xc5; 8][..cookie]);
            let format = Format { receive: both.clone(), send: both, counter, offset };
            let datagram = [&written(&format, id)[..], &bytes].concat();
            prop_assert_eq!(format.read(&datagram), Ok(&bytes[..]));
            prop_assert_eq!(format.length() + bytes.len(), datagram.len());
            if let Ok(frame) = format.read(&bytes) {
                prop_assert!(frame.len() < bytes.len());
            }
        }
    }
}
