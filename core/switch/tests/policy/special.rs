//! Wires and mirrors.

use crate::lab::{frame, mac, tagged, Lab, ALL};
use proptest::prelude::*;
use switch::wire::{Mac, VNET_HEADER};
use switch::{DropReason, Mirror, Policy, PortId, PortState, Reserved, Role, VlanMode};

const A: PortId = PortId(0);
const B: PortId = PortId(1);
const NOWHERE: [u16; 0] = [];

fn lab(ports: usize) -> Lab {
    Lab::new((0..ports).map(|_| Policy::default()))
}

fn mirror(of: PortId, to: u16, ingress: bool, egress: bool) -> (PortId, Mirror) {
    (of, Mirror { to: PortId(to), ingress, egress })
}

#[test]
fn a_wire_passes_everything_and_nothing_else_gets_on_it() {
    let mut lab = lab(4);
    lab.switch.set_policy(A, Policy { vlan: VlanMode::Access(5), reserved: Reserved::Drop, ..Policy::default() });
    lab.switch.set_wires(&[(A, B)]);
    lab.switch.set_state(B, PortState::Discarding);
    let pause = Mac([1, 0x80, 0xc2, 0, 0, 1]);
    let mut from_nobody = frame(ALL, 1);
    from_nobody[6..12].fill(0xff);
    let mut cut = frame(7, 1)[..14].to_vec();
    cut[12..14].copy_from_slice(&[0x81, 0]);
    for odd in [tagged(pause, 1, &[], b""), tagged(mac(ALL), 1, &[(0x8100, 4095)], b""), from_nobody, cut, frame(1, 1)]
    {
        assert_eq!(lab.send(0, &odd), [(1, odd.clone())]);
        assert_eq!(lab.send(1, &odd), [(0, odd)]);
    }
    assert!(lab.switch.fdb().is_empty());
    assert_eq!(lab.ports(2, &frame(ALL, 3)), [3]);
    lab.switch.set_policy(A, Policy::default());
    lab.switch.add_static(0, mac(9), A).unwrap();
    assert_eq!(lab.ports(2, &frame(9, 3)), NOWHERE);
    assert_eq!(lab.drops(0, DropReason::EgressState), 1);
    for (packet, reason) in [(vec![0; 20], DropReason::TooShort), (vec![0; 70_000], DropReason::TooLong)] {
        assert_eq!(lab.send_packet(0, packet), []);
        assert_eq!(lab.drops(0, reason), 1);
    }
}

#[test]
fn a_wire_ends_with_its_pair_or_its_port() {
    let mut lab = lab(3);
    lab.switch.set_wires(&[(A, B)]);
    lab.switch.set_carrier(B, false);
    assert_eq!(lab.ports(0, &frame(ALL, 1)), NOWHERE);
    assert_eq!(lab.drops(1, DropReason::NoCarrier), 1);
    lab.switch.set_wires(&[(B, PortId(2))]);
    assert_eq!(lab.switch.port(A).unwrap().role, Role::Switched);
    assert_eq!(lab.ports(2, &frame(ALL, 1)), NOWHERE);
    // What was at the other end goes, to be opened anew perhaps: nothing leaks into the switch meanwhile.
    lab.switch.remove_port(B);
    assert_eq!(lab.ports(2, &frame(ALL, 1)), NOWHERE);
    assert_eq!(lab.drops(2, DropReason::NoCarrier), 1);
    assert_eq!(lab.ports(0, &frame(ALL, 3)), NOWHERE);
    assert!(lab.switch.fdb().iter().all(|(_, _, entry)| entry.port == A));
    lab.switch.set_wires(&[]);
    assert_eq!(lab.ports(2, &frame(ALL, 1)), [0]);
}

#[test]
fn a_mirror_sees_what_comes_in_dropped_or_not() {
    let mut lab = lab(4);
    lab.switch.set_mirrors(&[mirror(A, 3, true, false)]);
    assert_eq!(lab.send(0, &frame(ALL, 1)), [1, 2, 3].map(|port| (port, frame(ALL, 1))));
    lab.switch.set_state(A, PortState::Discarding);
    assert_eq!(lab.ports(0, &frame(ALL, 1)), [3]);
    assert_eq!(lab.drops(0, DropReason::IngressState), 1);
    assert_eq!(lab.ports(1, &frame(ALL, 2)), [2], "not what leaves");
    let mut lie = vec![1, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0];
    lie.extend(frame(ALL, 1));
    assert_eq!(lab.send_packet(0, lie), [], "what was not checked goes nowhere");
}

#[test]
fn a_mirror_sees_what_leaves_in_the_form_it_leaves_in() {
    let mut lab = lab(4);
    for (port, vlan) in [(0, VlanMode::Access(7)), (1, VlanMode::Access(7)), (2, VlanMode::Transparent)] {
        lab.switch.set_policy(PortId(port), Policy { vlan, ..Policy::default() });
    }
    let tagged = tagged(mac(ALL), 1, &[(0x8100, 7)], b"payload");
    lab.switch.set_mirrors(&[mirror(PortId(2), 3, false, true)]);
    assert_eq!(lab.send(0, &frame(ALL, 1)), [(1, frame(ALL, 1)), (2, tagged.clone()), (3, tagged.clone())]);
    lab.switch.set_mirrors(&[mirror(B, 3, true, true)]);
    assert_eq!(lab.send(0, &frame(ALL, 1)), [(1, frame(ALL, 1)), (2, tagged), (3, frame(ALL, 1))]);
    lab.switch.send_from_above(B, &mut lab.out);
    assert_eq!(lab.out.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn a_mirrors_port_is_for_nothing_else() {
    let mut lab = lab(4);
    lab.switch.set_mirrors(&[mirror(A, 3, true, true), mirror(B, 3, true, true)]);
    assert_eq!(lab.ports(2, &frame(ALL, 2)), [0, 1, 3], "once, though two are mirrored");
    assert_eq!(lab.ports(3, &frame(ALL, 3)), NOWHERE);
    assert_eq!(lab.drops(3, DropReason::MirrorPort), 1);
    lab.switch.set_carrier(PortId(3), false);
    assert_eq!(lab.ports(0, &frame(ALL, 1)), [1, 2]);
    assert!(lab.drops(3, DropReason::NoCarrier) > 0);
    lab.switch.remove_port(PortId(3));
    assert_eq!(lab.switch.port(A).unwrap().mirror, None);
    lab.switch.set_mirrors(&[]);
    assert_eq!(lab.ports(0, &frame(ALL, 1)), [1, 2]);
}

#[test]
fn a_wire_is_mirrored_too() {
    let mut lab = lab(3);
    lab.switch.set_wires(&[(A, B)]);
    lab.switch.set_mirrors(&[mirror(A, 2, true, true)]);
    assert_eq!(lab.ports(0, &frame(ALL, 1)), [1, 2]);
    assert_eq!(lab.ports(1, &frame(ALL, 1)), [0, 2]);
    assert_eq!(lab.switch.port(A).unwrap().role, Role::Wire(B));
}

proptest! {
    #[test]
    fn any_packet_passes_a_wire_or_is_counted(packet in proptest::collection::vec(any::<u8>(), 0..90)) {
        let mut lab = lab(2);
        lab.switch.set_wires(&[(A, B)]);
        let sent = lab.send_packet(0, packet.clone());
        let drops = lab.counters(0).drops.total();
        prop_assert_eq!(sent.len() as u64 + drops, 1);
        if let Some((_, sent)) = sent.first() {
            prop_assert_eq!(&sent[VNET_HEADER..], &packet[VNET_HEADER..]);
        }
    }
}
