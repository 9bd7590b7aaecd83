//! VXLAN (RFC 7348, section 5): an Ethernet frame in a UDP datagram, behind 8 bytes that name the network.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 1 | flags: 0x08 says that the VNI is valid |
//! | 1 | 3 | reserved: zero, ignored on receipt |
//! | 4 | 3 | VNI, the number of the network |
//! | 7 | 1 | reserved |

use super::be32;

/// Length of the header, bytes.
pub const VXLAN_HEADER: usize = 8;

/// The largest number of a network.
pub const MAX_VNI: u32 = (1 << 24) - 1;

const VALID: u8 = 0x08;

/// The header of a frame in network `vni`, of which 24 bits count.
pub fn header(vni: u32) -> [u8; VXLAN_HEADER] {
    let [_, a, b, c] = vni.to_be_bytes();
    [VALID, 0, 0, 0, a, b, c, 0]
}

/// The network and the frame of a datagram; `None` if it is too short or has no valid VNI. Reserved bits are ignored.
pub fn read(datagram: &[u8]) -> Option<(u32, &[u8])> {
    let vni = be32(datagram, 4)? >> 8;
    (datagram[0] & VALID != 0).then_some((vni, &datagram[VXLAN_HEADER..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_header_is_that_of_the_rfc() {
        assert_eq!(header(0x00a1_b2c3), [0x08, 0, 0, 0, 0xa1, 0xb2, 0xc3, 0]);
        assert_eq!(read(&[0xff, 1, 2, 3, 0, 0, 42, 9, 7]), Some((42, &[7][..])));
        assert_eq!(read(&[0xf7, 0, 0, 0, 0, 0, 42, 0, 7]), None);
        assert_eq!(read(&header(1)[..7]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(datagram in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some((vni, frame)) = read(&datagram) {
                prop_assert!(vni <= MAX_VNI && frame.len() + VXLAN_HEADER == datagram.len());
            }
        }

        #[test]
        fn what_is_written_is_read(vni in 0..=MAX_VNI, frame in proptest::collection::vec(any::<u8>(), 0..40)) {
            let datagram = [&header(vni)[..], &frame].concat();
            prop_assert_eq!(read(&datagram), Some((vni, &frame[..])));
        }
    }
}
