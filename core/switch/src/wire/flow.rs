//! A hash of the flow that a frame belongs to, so that frames of one flow take one way and flows spread over all.

use super::ip::{Layers, Version, TCP, UDP};
use super::Ethernet;

/// The hash of `frame`: its IP addresses and ports, or its MAC addresses. One of nothing where there is no header.
pub fn hash(frame: &[u8]) -> u32 {
    let Some(ethernet) = Ethernet::read(frame) else { return 0 };
    let Some(layers) = Layers::find(frame, &ethernet) else { return mix(0, &frame[..12]) };
    let addresses = match layers.version {
        Version::V4 => &frame[layers.network + 12..layers.network + 20],
        Version::V6 => &frame[layers.network + 8..layers.network + 40],
    };
    let ports = match layers.protocol {
        TCP | UDP => frame[..layers.end].get(layers.transport..layers.transport + 4).unwrap_or_default(),
        _ => &[],
    };
    mix(mix(u32::from(layers.protocol), addresses), ports)
}

/// FNV-1a over words of four bytes, of which `bytes` are a whole number, with a last step that lets high bits reach low ones.
fn mix(seed: u32, bytes: &[u8]) -> u32 {
    let (words, _) = bytes.as_chunks::<4>();
    let hash = words
        .iter()
        .fold(seed ^ 0x811c_9dc5, |hash, &word| (hash ^ u32::from_ne_bytes(word)).wrapping_mul(0x0100_0193));
    (hash ^ hash >> 15).wrapping_mul(0x2c1b_3c6d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn udp(port: u16, payload: u8) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        frame.extend([0x45, 0, 0, 29, 0, 0, 0, 0, 64, UDP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend(port.to_be_bytes());
        frame.extend([0, 53, 0, 9, 0, 0, payload]);
        frame
    }

    #[test]
    fn a_flow_has_one_hash_and_flows_spread() {
        assert_eq!(hash(&udp(1000, 1)), hash(&udp(1000, 2)));
        let buckets: HashSet<_> = (0..64).map(|port| hash(&udp(1000 + port, 0)) >> 29).collect();
        assert!(buckets.len() >= 7, "{buckets:?}");
        assert_eq!(hash(b"short"), 0);
    }
}
