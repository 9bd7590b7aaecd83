//! `struct virtio_net_hdr_v1` (virtio 1.2, section 5.1.6): the 12 bytes in front of every frame inside the switch.

/// Length of the header, bytes.
pub const VNET_HEADER: usize = 12;

const NEEDS_CSUM: u8 = 1;
const DATA_VALID: u8 = 2;
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_ECN: u8 = 0x80;
const HDR_LEN: usize = 2;
const CSUM_START: usize = 6;

/// How a long frame is to be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GsoType {
    /// Not at all.
    None,
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// One that is not offered here (UDP fragmentation, UDP segmentation, reserved values).
    Other,
}

/// The fields that matter; `hdr_len` is a hint that nobody may trust and `num_buffers` is the sink's, so neither is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VnetHeader {
    /// The checksum at `csum_start + csum_offset` covers from `csum_start` to the end and holds only the pseudo header yet.
    pub needs_csum: bool,
    /// The sender vouches for the checksums.
    pub data_valid: bool,
    /// Segmentation wanted.
    pub gso: GsoType,
    /// With a TCP segmentation: the CWR flag belongs to the first segment only.
    pub ecn: bool,
    /// Payload bytes of each segment.
    pub gso_size: u16,
    /// Offset in the frame.
    pub csum_start: u16,
    /// Offset from `csum_start`.
    pub csum_offset: u16,
}

impl VnetHeader {
    /// A header that asks for nothing.
    pub const PLAIN: VnetHeader = VnetHeader {
        needs_csum: false,
        data_valid: false,
        gso: GsoType::None,
        ecn: false,
        gso_size: 0,
        csum_start: 0,
        csum_offset: 0,
    };

    /// Read the first 12 bytes of a packet (little-endian fields).
    pub fn read(packet: &[u8]) -> Option<VnetHeader> {
        let bytes: &[u8; VNET_HEADER] = packet.first_chunk()?;
        let le16 = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let gso = match bytes[1] & !GSO_ECN {
            GSO_NONE => GsoType::None,
            GSO_TCPV4 => GsoType::Tcp4,
            GSO_TCPV6 => GsoType::Tcp6,
            _ => GsoType::Other,
        };
        Some(VnetHeader {
            needs_csum: bytes[0] & NEEDS_CSUM != 0,
            data_valid: bytes[0] & DATA_VALID != 0,
            gso,
            ecn: bytes[1] & GSO_ECN != 0,
            gso_size: le16(4),
            csum_start: le16(6),
            csum_offset: le16(8),
        })
    }

    /// Write into the first 12 bytes of a packet, with `header_length` as the hint of where the payload begins.
    pub fn write(&self, packet: &mut [u8], header_length: u16) {
        let Some(bytes) = packet.first_chunk_mut::<VNET_HEADER>() else { return };
        *bytes = [0; VNET_HEADER];
        if self.needs_csum {
            bytes[0] |= NEEDS_CSUM;
            bytes[6..8].copy_from_slice(&self.csum_start.to_le_bytes());
            bytes[8..10].copy_from_slice(&self.csum_offset.to_le_bytes());
        }
        if self.data_valid {
            bytes[0] |= DATA_VALID;
        }
        let gso = match self.gso {
            GsoType::None | GsoType::Other => return,
            GsoType::Tcp4 => GSO_TCPV4,
            GsoType::Tcp6 => GSO_TCPV6,
        };
        bytes[1] = if self.ecn { gso | GSO_ECN } else { gso };
        bytes[2..4].copy_from_slice(&header_length.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.gso_size.to_le_bytes());
    }
}

/// The frame of `packet` has become `by` bytes longer in front of what its offsets are about: correct them. The header has
/// been checked, so that they are neither below the tag that went nor too high for one that came.
pub(super) fn shift(packet: &mut [u8], by: i16) {
    let Some(bytes) = packet.first_chunk_mut::<VNET_HEADER>() else { return };
    let (needs_csum, needs_gso) = (bytes[0] & NEEDS_CSUM != 0, bytes[1] & !GSO_ECN != GSO_NONE);
    for (at, is_there) in [(HDR_LEN, needs_gso), (CSUM_START, needs_csum)] {
        if is_there {
            let offset = u16::from_le_bytes([bytes[at], bytes[at + 1]]).saturating_add_signed(by);
            bytes[at..at + 2].copy_from_slice(&offset.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_stand_where_virtio_puts_them() {
        let header = VnetHeader {
            needs_csum: true,
            data_valid: false,
            gso: GsoType::Tcp4,
            ecn: true,
            gso_size: 0x05a8,
            csum_start: 34,
            csum_offset: 16,
        };
        let mut bytes = [0xff; 12];
        header.write(&mut bytes, 66);
        assert_eq!(bytes, [1, 0x81, 66, 0, 0xa8, 0x05, 34, 0, 16, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_and_survive_a_second_round(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let Some(header) = VnetHeader::read(&bytes) else {
                prop_assert!(bytes.len() < VNET_HEADER);
                return Ok(());
            };
            let mut first = [0; 12];
            header.write(&mut first, 0);
            let again = VnetHeader::read(&first).unwrap();
            let mut second = [0; 12];
            again.write(&mut second, 0);
            prop_assert_eq!(first, second);
        }
    }
}
