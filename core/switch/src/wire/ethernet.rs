//! Ethernet II framing (IEEE 802.3) and the tags of IEEE 802.1Q.

use super::be16;
use super::tag::TAG;
use std::fmt;

/// Length of the header without tags, bytes.
pub const ETHERNET_HEADER: usize = 14;

const SERVICE_TAG: u16 = 0x88a8;
const MAX_TAGS: usize = 2;

/// A MAC address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The broadcast address.
    pub const BROADCAST: Mac = Mac([0xff; 6]);
    /// The group that loop probes are sent to (`vether/loop.py`).
    pub const LOOP_PROBE: Mac = Mac([0x03, 0x76, 0x65, 0x74, 0x6c, 0x70]);

    /// Whether it names a group (which includes the broadcast address).
    pub fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether it names one of the groups that bridges do not forward (IEEE 802.1Q-2018, table 8-1).
    pub fn is_reserved(self) -> bool {
        self.0[..5] == [0x01, 0x80, 0xc2, 0, 0] && self.0[5] < 0x10
    }

    /// Whether it may be the source of a frame.
    pub fn is_valid_source(self) -> bool {
        !self.is_multicast() && self.0 != [0; 6]
    }

    /// Read `aa:bb:cc:dd:ee:ff`.
    pub fn parse(text: &str) -> Option<Mac> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))?;
            *byte = u8::from_str_radix(part, 16).ok()?;
        }
        parts.next().is_none().then_some(Mac(bytes))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The fields of an Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ethernet {
    /// Destination.
    pub destination: Mac,
    /// Source.
    pub source: Mac,
    /// Type of the payload, behind up to two tags.
    pub ethertype: u16,
    /// Offset of the payload in the frame.
    pub payload: usize,
}

impl Ethernet {
    /// Read the header of `frame`; `None` if it is too short.
    pub fn read(frame: &[u8]) -> Option<Ethernet> {
        Self::read_behind(frame, MAX_TAGS)
    }

    /// The same of a frame that may have got one more tag on its way through the switch.
    pub(crate) fn read_edited(frame: &[u8]) -> Option<Ethernet> {
        Self::read_behind(frame, MAX_TAGS + 1)
    }

    fn read_behind(frame: &[u8], tags: usize) -> Option<Ethernet> {
        let destination = Mac(*frame.first_chunk()?);
        let source = Mac(*frame.get(6..)?.first_chunk()?);
        let mut at = 12;
        let mut ethertype = be16(frame, at)?;
        for _ in 0..tags {
            if ethertype != TAG && ethertype != SERVICE_TAG {
                break;
            }
            at += 4;
            ethertype = be16(frame, at)?;
        }
        Some(Ethernet { destination, source, ethertype, payload: at + 2 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tags_are_stepped_over() {
        let mut frame = vec![0xff; 12];
        frame.extend([0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x08, 0x00, 0x45]);
        let header = Ethernet::read(&frame).unwrap();
        assert_eq!((header.ethertype, header.payload), (0x0800, 22));
    }

    #[test]
    fn addresses_are_read_strictly() {
        assert_eq!(Mac::parse("52:54:00:ab:CD:01"), Some(Mac([0x52, 0x54, 0, 0xab, 0xcd, 1])));
        for wrong in ["", "52:54:00:ab:cd", "52:54:00:ab:cd:01:02", "52:54:00:ab:cd:+1", "52-54-00-ab-cd-01"] {
            assert_eq!(Mac::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Mac::parse("02:00:00:00:00:0a").unwrap().to_string(), "02:00:00:00:00:0a");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(frame in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(header) = Ethernet::read(&frame) {
                prop_assert!(header.payload <= frame.len() && header.payload >= ETHERNET_HEADER);
            }
        }
    }
}
