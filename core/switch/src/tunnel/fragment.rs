//! Fragments: how a packet that is too long for one datagram is cut. All pieces but the last have the same length, which
//! follows from the header, so that they can be sent by one call (UDP_SEGMENT) and their places need not be believed.

use super::inner::is_packet;

const HEADER: usize = 9;
/// Bytes of a fragment in front of its piece: the kind of message and the header.
pub(super) const FRAGMENT_OVERHEAD: usize = 1 + HEADER;

/// Number 4, bytes of the whole packet 3, fragments 1, which of them 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentHeader {
    /// Counts the sender's packets that were cut.
    pub id: u32,
    /// Bytes of the whole packet.
    pub total: usize,
    /// How many fragments it has.
    pub count: u8,
    /// Which one this is, from 0.
    pub index: u8,
}

impl FragmentHeader {
    /// Read a header and the piece behind it. `None` unless they fit each other.
    pub fn read(bytes: &[u8]) -> Option<(FragmentHeader, &[u8])> {
        let (&[a, b, c, d, x, y, z, count, index], piece) = bytes.split_first_chunk::<HEADER>()?;
        let total = u32::from_le_bytes([x, y, z, 0]) as usize;
        let header = FragmentHeader { id: u32::from_le_bytes([a, b, c, d]), total, count, index };
        let sound = is_packet(total) && count >= 2 && index < count && usize::from(count) <= total;
        (sound && !header.range().is_empty() && piece.len() == header.range().len()).then_some((header, piece))
    }

    /// As the message begins, the kind in front.
    pub(super) fn write(&self) -> [u8; FRAGMENT_OVERHEAD] {
        let ([a, b, c, d], [x, y, z, _]) = (self.id.to_le_bytes(), (self.total as u32).to_le_bytes());
        [super::inner::FRAGMENT, a, b, c, d, x, y, z, self.count, self.index]
    }

    /// Where the piece lies in the packet.
    pub fn range(&self) -> std::ops::Range<usize> {
        let piece = self.total.div_ceil(usize::from(self.count).max(1));
        let start = (usize::from(self.index) * piece).min(self.total);
        start..(start + piece).min(self.total)
    }
}

/// How many fragments a packet of `total` bytes is cut into when a piece has at most `room` bytes; all have some.
pub(super) fn count(total: usize, room: usize) -> Option<u8> {
    let pieces = total.div_ceil(room.max(1));
    // The pieces are made equal, and then fewer of them may do.
    u8::try_from(total.div_ceil(total.div_ceil(pieces.max(1)).max(1))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_cover_the_packet(total in 600usize..65_565, room in 490usize..9000) {
            prop_assume!(total > room);
            let count = count(total, room).unwrap();
            let mut end = 0;
            for index in 0..count {
                let header = FragmentHeader { id: 7, total, count, index };
                let range = header.range();
                prop_assert_eq!(range.start, end);
                prop_assert!(!range.is_empty() && range.len() <= room);
                end = range.end;
                let mut message = header.write().to_vec();
                message.resize(FRAGMENT_OVERHEAD + range.len(), 1);
                prop_assert_eq!(FragmentHeader::read(&message[1..]).unwrap().0, header);
                message.pop();
                prop_assert!(FragmentHeader::read(&message[1..]).is_none());
            }
            prop_assert_eq!(end, total);
        }
    }
}
