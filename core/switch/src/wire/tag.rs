//! The tag of IEEE 802.1Q-2018 (clause 9): read, pushed and popped without moving the payload.

use super::{be16, header, put16, ETHERNET_HEADER, MAX_PACKET, VNET_HEADER};

/// Length of a tag, bytes.
pub const TAG_LENGTH: usize = 4;

/// EtherType of a C-tag.
pub(super) const TAG: u16 = 0x8100;

/// What is in front of a packet's outer tag: the virtio-net header and both addresses.
const FRONT: usize = VNET_HEADER + 12;
const VID: u16 = 0x0fff;

/// The control information of a tag: priority (3 bits), drop eligible (1), VLAN (12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tci(pub u16);

impl Tci {
    /// Of the outer tag of `frame`, if that is a C-tag. A service tag (802.1ad) is none.
    pub fn read(frame: &[u8]) -> Option<Tci> {
        (be16(frame, 12)? == TAG).then_some(())?;
        be16(frame, 14).map(Tci)
    }

    /// Whether the outer tag of `frame` is a priority tag with another C-tag behind it.
    pub(crate) fn hides_another(frame: &[u8]) -> bool {
        Tci::read(frame).is_some_and(|tci| tci.vid() == 0) && be16(frame, 16) == Some(TAG)
    }

    /// The VLAN; 0 in a priority tag.
    pub fn vid(self) -> u16 {
        self.0 & VID
    }

    /// With another VLAN and the same priority.
    pub fn with_vid(self, vid: u16) -> Tci {
        Tci(self.0 & !VID | vid & VID)
    }

    /// Put it into the outer tag of `packet`, which has one.
    pub(crate) fn write(self, packet: &mut [u8]) {
        put16(packet, FRONT + 2, self.0);
    }
}

/// What is to be done with the outer tag of a packet for some of those who get it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edit {
    /// Nothing.
    #[default]
    Keep,
    /// One more is put in front of those that are there.
    Push(Tci),
    /// It is taken off.
    Pop,
}

impl Edit {
    /// Whether a packet of `length` bytes, virtio-net header included, may be edited so.
    pub fn fits(self, length: usize) -> bool {
        match self {
            Edit::Keep => true,
            Edit::Push(_) => (VNET_HEADER + ETHERNET_HEADER..=MAX_PACKET - TAG_LENGTH).contains(&length),
            Edit::Pop => length >= VNET_HEADER + ETHERNET_HEADER + TAG_LENGTH,
        }
    }

    /// Edit the packet `room[start..]` in place, its offsets included; returns where it begins now. In front of it there
    /// has to be room for a tag. What does not fit stays as it is.
    pub fn apply(self, room: &mut [u8], start: usize) -> usize {
        if !self.fits(room.len().saturating_sub(start)) {
            return start;
        }
        let to = match self {
            Edit::Push(_) if start >= TAG_LENGTH => start - TAG_LENGTH,
            Edit::Pop => start + TAG_LENGTH,
            _ => return start,
        };
        room.copy_within(start..start + FRONT, to);
        self.finish(&mut room[to..]);
        to
    }

    /// Make `copy` the edited `packet`.
    pub fn copy(self, packet: &[u8], copy: &mut Vec<u8>) {
        copy.clear();
        if self == Edit::Keep || !self.fits(packet.len()) {
            copy.extend_from_slice(packet);
            return;
        }
        copy.extend_from_slice(&packet[..FRONT]);
        let rest = if self == Edit::Pop { &packet[FRONT + TAG_LENGTH..] } else { &packet[FRONT..] };
        if matches!(self, Edit::Push(_)) {
            copy.extend_from_slice(&[0; TAG_LENGTH]);
        }
        copy.extend_from_slice(rest);
        self.finish(copy);
    }

    /// The bytes are where they belong: write the new tag, and correct the header's offsets.
    fn finish(self, packet: &mut [u8]) {
        match self {
            Edit::Keep => {}
            Edit::Push(tci) => {
                put16(packet, FRONT, TAG);
                tci.write(packet);
                header::shift(packet, TAG_LENGTH as i16);
            }
            Edit::Pop => header::shift(packet, -(TAG_LENGTH as i16)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A packet that asks for a checksum and segmentation, so that its header has both offsets.
    fn packet(payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![1, 1, 54, 0, 0xa8, 5, 34, 0, 16, 0, 0, 0];
        packet.extend([0xaa; 6]);
        packet.extend([0xbb; 6]);
        packet.extend([8, 0]);
        packet.extend(payload);
        packet
    }

    #[test]
    fn a_pushed_tag_stands_behind_the_addresses_and_moves_the_offsets() {
        let mut copy = Vec::new();
        Edit::Push(Tci(0x6064)).copy(&packet(b"payload"), &mut copy);
        assert_eq!(copy[..12], [1, 1, 58, 0, 0xa8, 5, 38, 0, 16, 0, 0, 0]);
        assert_eq!(copy[20..30], [0xbb, 0xbb, 0xbb, 0xbb, 0x81, 0, 0x60, 0x64, 8, 0]);
        assert_eq!(&copy[30..], b"payload");
        assert_eq!((Tci(0x6064).vid(), Tci(0x6064).with_vid(5)), (100, Tci(0x6005)));
    }

    #[test]
    fn a_header_without_offsets_stays_without() {
        let (mut plain, mut copy) = (packet(b""), Vec::new());
        plain[..12].fill(0);
        Edit::Push(Tci(1)).copy(&plain, &mut copy);
        assert_eq!(copy[..12], [0; 12]);
    }

    #[test]
    fn what_is_too_short_or_too_long_stays_as_it_is() {
        let mut room = vec![7; 40];
        assert_eq!(Edit::Pop.apply(&mut room, 40 - 29), 40 - 29);
        assert_eq!(Edit::Push(Tci(1)).apply(&mut room, 3), 3);
        assert_eq!(room, [7; 40]);
        assert!(!Edit::Push(Tci(1)).fits(MAX_PACKET - 3) && Edit::Push(Tci(1)).fits(MAX_PACKET - 4));
    }

    proptest! {
        #[test]
        fn in_place_and_copied_are_the_same_and_a_pop_undoes_a_push(
            payload in proptest::collection::vec(any::<u8>(), 0..100),
            tci in any::<u16>(),
            front in 4usize..10,
        ) {
            let packet = packet(&payload);
            let mut room = vec![0xee; front];
            room.extend(&packet);
            let mut copy = Vec::new();
            let edit = Edit::Push(Tci(tci));
            let start = edit.apply(&mut room, front);
            edit.copy(&packet, &mut copy);
            prop_assert_eq!((start, &room[start..]), (front - 4, &copy[..]));
            prop_assert_eq!(Tci::read(&copy[12..]), Some(Tci(tci)));
            let start = Edit::Pop.apply(&mut room, start);
            let mut again = Vec::new();
            Edit::Pop.copy(&copy, &mut again);
            prop_assert_eq!((&room[start..], &again), (&packet[..], &packet));
        }

        #[test]
        fn any_bytes_are_edited_or_left(packet in proptest::collection::vec(any::<u8>(), 0..60), tci in any::<u16>()) {
            for edit in [Edit::Keep, Edit::Pop, Edit::Push(Tci(tci))] {
                let mut room = vec![0; 4];
                room.extend(&packet);
                let start = edit.apply(&mut room, 4);
                let mut copy = Vec::new();
                edit.copy(&packet, &mut copy);
                prop_assert_eq!(&room[start..], &copy[..]);
                prop_assert_eq!(edit.fits(packet.len()) || copy == packet, true);
            }
        }
    }
}
