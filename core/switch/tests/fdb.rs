//! The forwarding database.

use proptest::prelude::*;
use std::time::Duration;
use switch::wire::Mac;
use switch::{AddressChange, AddressEvent, Fdb, FdbFull, Learned, PortId, Selection};

const A: Mac = Mac([2, 0, 0, 0, 0, 1]);
const B: Mac = Mac([2, 0, 0, 0, 0, 2]);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_address_ages_and_a_static_one_does_not() {
    let mut fdb = Fdb::new(SECOND * 10, 8);
    assert_eq!(fdb.learn(0, A, PortId(1), None, SECOND), Learned::Here);
    fdb.insert_static(0, B, PortId(2)).unwrap();
    assert_eq!(fdb.lookup(0, A, SECOND * 10), Some(PortId(1)));
    assert_eq!(fdb.lookup(0, A, SECOND * 11), None);
    fdb.sweep(SECOND * 11);
    assert_eq!(fdb.len(), 1);
    assert_eq!(fdb.lookup(0, B, SECOND * 1000), Some(PortId(2)));
}

#[test]
fn a_static_address_does_not_move_and_a_learned_one_does() {
    let mut fdb = Fdb::new(SECOND, 8);
    fdb.insert_static(0, B, PortId(2)).unwrap();
    assert_eq!(fdb.learn(0, B, PortId(1), None, SECOND), Learned::Elsewhere);
    assert_eq!(fdb.lookup(0, B, SECOND), Some(PortId(2)));
    fdb.learn(0, A, PortId(1), None, SECOND);
    fdb.learn(0, A, PortId(3), None, SECOND);
    assert_eq!(fdb.lookup(0, A, SECOND), Some(PortId(3)));
}

#[test]
fn vlans_are_apart() {
    let mut fdb = Fdb::new(SECOND, 8);
    fdb.learn(1, A, PortId(1), None, SECOND);
    assert_eq!(fdb.lookup(2, A, SECOND), None);
}

#[test]
fn a_full_table_refuses_and_counts() {
    let mut fdb = Fdb::new(SECOND, 2);
    for i in 0..100 {
        fdb.learn(0, Mac([2, 0, 0, 0, 1, i]), PortId(1), None, SECOND);
    }
    assert_eq!((fdb.len(), fdb.refused()), (2, 98));
    // A flood does not keep out what is fixed.
    assert_eq!((fdb.insert_static(0, A, PortId(1)), fdb.len(), fdb.learned(PortId(1))), (Ok(()), 2, 1));
    assert_eq!((fdb.insert_static(0, B, PortId(1)), fdb.learned(PortId(1))), (Ok(()), 0));
    assert_eq!(fdb.insert_static(1, A, PortId(1)), Err(FdbFull));
    assert_eq!(fdb.insert_static(0, A, PortId(2)), Ok(()), "it is there already");
}

#[test]
fn a_flush_spares_static_entries_and_other_ports() {
    let mut fdb = Fdb::new(SECOND, 8);
    fdb.learn(0, A, PortId(1), None, SECOND);
    fdb.learn(0, Mac([2, 0, 0, 0, 0, 3]), PortId(2), None, SECOND);
    fdb.insert_static(0, B, PortId(1)).unwrap();
    assert_eq!(fdb.flush(Selection::of_port(Some(PortId(1)))), 1);
    assert_eq!((fdb.lookup(0, A, SECOND), fdb.len()), (None, 2));
    assert_eq!(fdb.flush(Selection::of_port(None)), 1);
    assert_eq!(fdb.len(), 1);
    fdb.forget_port(PortId(1));
    assert!(fdb.is_empty());
}

#[test]
fn a_flush_takes_what_matches_all_that_is_given() {
    let mut fdb = Fdb::new(SECOND, 8);
    for (vlan, mac, port) in [(0, A, 1), (1, A, 1), (1, B, 1), (1, Mac([2, 0, 0, 0, 0, 3]), 2)] {
        fdb.learn(vlan, mac, PortId(port), None, SECOND);
    }
    fdb.insert_static(2, A, PortId(1)).unwrap();
    let of = Selection { port: Some(PortId(2)), vlan: Some(1), mac: Some(A) };
    assert_eq!(fdb.flush(of), 0);
    assert_eq!(fdb.flush(Selection { port: Some(PortId(1)), ..of }), 1);
    assert_eq!(fdb.flush(Selection { vlan: Some(1), ..Selection::default() }), 2);
    assert_eq!(fdb.flush(Selection { mac: Some(A), ..Selection::default() }), 1);
    assert_eq!(fdb.len(), 1);
}

#[test]
fn what_happens_is_noted_while_somebody_watches() {
    let mut fdb = Fdb::new(SECOND, 8);
    fdb.learn(0, A, PortId(1), None, SECOND);
    assert_eq!(fdb.take_changes(), (vec![], 0));
    fdb.watch(3);
    fdb.learn(0, A, PortId(1), None, SECOND);
    fdb.learn(0, A, PortId(2), None, SECOND);
    fdb.learn(7, B, PortId(2), None, SECOND * 2);
    fdb.sweep(SECOND * 2);
    let of = |event, vlan, mac| AddressChange { event, vlan, mac, port: PortId(2) };
    let (moved, learned) = (AddressEvent::Moved(PortId(1)), AddressEvent::Learned);
    let all = vec![of(moved, 0, A), of(learned, 7, B), of(AddressEvent::Aged, 0, A)];
    assert_eq!(fdb.take_changes(), (all, 0));
    for i in 0..5 {
        fdb.learn(0, Mac([2, 0, 0, 0, 1, i]), PortId(3), None, SECOND * 2);
    }
    fdb.forget_port(PortId(3));
    assert_eq!(fdb.take_changes(), (vec![], 5));
    fdb.watch(0);
    fdb.learn(0, A, PortId(1), None, SECOND * 2);
    assert_eq!(fdb.take_changes(), (vec![], 0));
}

proptest! {
    #[test]
    fn the_count_of_a_port_is_that_of_its_rows(
        steps in proptest::collection::vec((0u8..6, 0u8..8, 0u16..4, 0u64..20), 1..200),
    ) {
        let mut fdb = Fdb::new(SECOND * 10, 12);
        let (mut now, limit) = (SECOND, Some(3));
        for (what, address, port, wait) in steps {
            let (mac, port) = (Mac([2, 0, 0, 0, 0, address]), PortId(port));
            match what {
                0..=2 => {
                    let was = fdb.learned(port);
                    let at = fdb.lookup(0, mac, Duration::ZERO);
                    let learned = fdb.learn(0, mac, port, limit, now);
                    prop_assert_eq!(learned == Learned::OverLimit, was >= 3 && at != Some(port)
                        && fdb.iter().all(|(_, known, entry)| known != mac || entry.seen.is_some()));
                }
                3 => fdb.insert_static(0, mac, port).unwrap_or(()),
                4 => drop(fdb.remove(0, mac)),
                _ if address == 0 => fdb.forget_port(port),
                _ if address == 1 => prop_assert!(fdb.flush(Selection::of_port(Some(port))) <= 3),
                _ => {
                    now += SECOND * wait as u32;
                    fdb.sweep(now);
                }
            }
            for port in (0..4).map(PortId) {
                let rows = fdb.iter().filter(|(_, _, entry)| entry.port == port && entry.seen.is_some()).count();
                prop_assert_eq!(fdb.learned(port) as usize, rows);
                prop_assert!(rows <= 3);
            }
        }
    }
}
