//! Every parser of foreign bytes, with any bytes.

use crate::world::*;
use proptest::collection::vec;
use proptest::prelude::*;
use switch::tunnel::parsers::{FragmentHeader, Hello, Inner, Message, Reassembly};
use switch::tunnel::Refusal;

proptest! {
    #[test]
    fn any_datagram_is_survived(kind in 0u8..6, bytes in vec(any::<u8>(), 0..200), whole: bool) {
        let mut datagram = vec![kind, 0, 0, 0];
        datagram.extend(&bytes);
        if whole {
            datagram.resize([148, 76, 64][usize::from(kind) % 3], 7);
        }
        let _ = Message::read(&bytes);
        let _ = Message::read(&datagram);
        let mut world = World::new(PERFECT, 21);
        world.deliver(0, address(1), &datagram);
        world.deliver(0, address(1), &bytes);
        prop_assert!(world.hosts[0].received.is_empty());
        let drops: u64 = world.hosts[0].tunnel.drops().iter().map(|(_, count)| count).sum();
        prop_assert_eq!(drops, 2);
    }

    #[test]
    fn any_inner_message_is_read_or_refused(bytes in vec(any::<u8>(), 0..300), kind in 0u8..9) {
        let _ = Inner::read(&bytes);
        let mut message = vec![kind];
        message.extend(&bytes);
        if let Some(Inner::Fragment(header, piece)) = Inner::read(&message) {
            prop_assert!(header.range().len() == piece.len() && header.range().end <= header.total);
        }
        let _ = Refusal::read(&bytes);
    }

    #[test]
    fn any_hello_is_read_or_refused(bytes in vec(any::<u8>(), 0..300), cut in 0usize..100, flip in 0usize..800) {
        let _ = Hello::read(&bytes);
        let hello = Hello { version: 1, switch: "a".into(), network: "lan".into(), capabilities: vec!["x".into()] };
        let good = hello.write();
        prop_assert_eq!(Hello::read(&good).unwrap(), hello);
        let mut bad = good.clone();
        bad[flip / 8 % good.len()] ^= 1 << (flip % 8);
        let _ = Hello::read(&bad);
        prop_assert!(Hello::read(&good[..cut.min(good.len() - 1)]).is_none());
    }

    /// Any fragments, of a peer that lies: bounded memory, and packets of the length they said.
    #[test]
    fn any_fragments_are_survived(fragments in vec((0u32..4, 26usize..3000, 0u8..6, 0u8..6, 0u64..3000), 0..200)) {
        let mut reassembly = Reassembly::new(ms(1000));
        let mut now = ms(0);
        for (id, total, count, index, wait) in fragments {
            now += ms(wait / 10);
            let header = FragmentHeader { id, total, count, index };
            let range = header.range();
            let mut bytes = id.to_le_bytes().to_vec();
            bytes.extend(&(total as u32).to_le_bytes()[..3]);
            bytes.extend([count, index]);
            bytes.resize(9 + range.len(), 0);
            let Some((header, piece)) = FragmentHeader::read(&bytes) else { continue };
            if let Ok(Some(whole)) = reassembly.take(header, piece, now) {
                prop_assert_eq!(reassembly.get(whole).len(), total);
            }
            reassembly.expire(now);
            prop_assert!(reassembly.next_timeout().is_none_or(|at| at > now));
        }
    }
}
