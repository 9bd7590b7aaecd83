//! The header before every frame, `virtio_net_hdr_v1` (section 5.1.6), and completing what a guest did not agree to.

/// Length of the header on the wire, bytes.
pub const HEADER: usize = 12;

const FLAGS: usize = 0;
const GSO_TYPE: usize = 1;
const CSUM_START: usize = 6;
const CSUM_OFFSET: usize = 8;
const NEEDS_CSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;

/// What the receiver agreed to take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accepts {
    /// Partial checksums.
    pub csum: bool,
    /// TCP over IPv4 segments of more than the MTU.
    pub tso4: bool,
    /// TCP over IPv6 segments of more than the MTU.
    pub tso6: bool,
}

impl Accepts {
    /// As `TUN_F_*` bits (`linux/if_tun.h`), which is how a switch is told. Nothing goes without checksums.
    #[must_use]
    pub fn bits(self) -> u32 {
        if !self.csum {
            return 0;
        }
        1 | u32::from(self.tso4) << 1 | u32::from(self.tso6) << 2
    }
}

/// Make `packet` (header and frame) such that a receiver that `accepts` can take it. False when that cannot be done: the
/// packet is to be dropped.
#[must_use]
pub fn adapt(packet: &mut [u8], accepts: Accepts) -> bool {
    let Some((header, frame)) = packet.split_at_mut_checked(HEADER) else { return false };
    let taken = match header[GSO_TYPE] {
        GSO_NONE => true,
        GSO_TCPV4 => accepts.tso4,
        GSO_TCPV6 => accepts.tso6,
        _ => false,
    };
    if !taken {
        return false;
    }
    if accepts.csum {
        return true;
    }
    let field = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let complete = header[FLAGS] & NEEDS_CSUM == 0 || checksum(frame, field(CSUM_START), field(CSUM_OFFSET));
    // "Data valid" goes too: it is not for a driver that did not ask for checksum offload.
    header[FLAGS] = 0;
    header[CSUM_START..CSUM_OFFSET + 2].fill(0);
    complete
}

/// Store the Internet checksum (RFC 1071) of `frame[start..]` at `offset` from there, over the pseudo-header sum already
/// stored. False when the field does not lie in the frame.
fn checksum(frame: &mut [u8], start: usize, offset: usize) -> bool {
    let Some(data) = frame.get_mut(start..) else { return false };
    if offset + 2 > data.len() {
        return false;
    }
    let word = |pair: &[u8]| u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    let mut sum: u64 = data.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // 0 means "no checksum" in UDP; its other representation is right everywhere.
    let folded = match !(sum as u16) {
        0 => 0xffff,
        other => other,
    };
    data[offset..offset + 2].copy_from_slice(&folded.to_be_bytes());
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: Accepts = Accepts { csum: true, tso4: true, tso6: true };

    /// A header asking for a checksum over `frame[start..]`, and the frame.
    fn partial(start: u16, offset: u16, frame: &[u8]) -> Vec<u8> {
        let mut packet = vec![NEEDS_CSUM, 0, 0, 0, 0, 0];
        packet.extend(start.to_le_bytes());
        packet.extend(offset.to_le_bytes());
        packet.extend([0, 0]);
        packet.extend(frame);
        packet
    }

    #[test]
    fn a_partial_checksum_is_completed_for_who_cannot_take_it() {
        // RFC 1071, section 3: the words 0001 f203 f4f5 f6f7 sum to ddf2, its complement is 220d.
        let frame = [0xff, 0xff, 0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7, 0, 0];
        let mut packet = partial(2, 8, &frame);
        assert!(adapt(&mut packet, Accepts::default()));
        assert_eq!(packet[..HEADER], [0; HEADER]);
        assert_eq!(packet[HEADER + 10..], [0x22, 0x0d]);
        let mut kept = partial(2, 8, &frame);
        assert!(adapt(&mut kept, ALL));
        assert_eq!(kept, partial(2, 8, &frame));
    }

    #[test]
    fn segments_go_only_to_who_takes_them() {
        for (kind, accepts) in [(1, Accepts { tso4: true, ..ALL }), (4, Accepts { tso6: true, ..ALL })] {
            let mut packet = vec![0; 100];
            packet[GSO_TYPE] = kind;
            assert!(adapt(&mut packet, accepts));
            assert!(!adapt(&mut packet, Accepts { csum: true, ..Accepts::default() }));
        }
    }

    proptest! {
        #[test]
        fn hostile_packets_never_panic(mut packet in prop::collection::vec(any::<u8>(), 0..80), csum: bool, tso4: bool, tso6: bool) {
            let _ = adapt(&mut packet, Accepts { csum, tso4, tso6 });
        }
    }
}
