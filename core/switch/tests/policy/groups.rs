//! Who may not meet whom: reserved groups, isolated ports, split horizon.

use crate::lab::{frame, mac, tagged, Lab, ALL};
use std::time::Duration;
use switch::wire::Mac;
use switch::{DropReason, Policy, PortConfig, PortId, PortState, Reserved, VlanMode};

const STP: Mac = Mac([1, 0x80, 0xc2, 0, 0, 0]);

fn policy(reserved: Reserved) -> Policy {
    Policy { reserved, ..Policy::default() }
}

fn isolated() -> Policy {
    Policy { isolated: true, ..Policy::default() }
}

fn bpdu(to: Mac) -> Vec<u8> {
    tagged(to, 1, &[], b"bpdu")
}

#[test]
fn a_reserved_frame_is_forwarded_between_ports_that_forward_them() {
    let ports = [Reserved::Forward, Reserved::Forward, Reserved::Drop, Reserved::Peer, Reserved::Forward];
    let mut lab = Lab::new(ports.map(policy));
    assert_eq!(lab.ports(0, &bpdu(STP)), [1, 4]);
    assert_eq!(lab.out.punt, None);
    assert_eq!(lab.ports(0, &bpdu(Mac([1, 0x80, 0xc2, 0, 0, 0x10]))), [1, 2, 3, 4], "not reserved");
}

#[test]
fn a_peer_takes_them_in_every_state_and_learns_nothing() {
    let mut lab = Lab::new([policy(Reserved::Peer), Policy::default()]);
    for state in [PortState::Discarding, PortState::Learning, PortState::Forwarding] {
        lab.switch.set_state(PortId(0), state);
        assert!(lab.ports(0, &bpdu(STP)).is_empty());
        assert_eq!(lab.out.punt, Some("reserved"));
    }
    assert!(lab.switch.fdb().is_empty());
    assert_eq!(lab.counters(0).drops.total(), 0);
    lab.ports(0, &frame(ALL, 1));
    assert_eq!(lab.out.punt, None, "the rest is not for it");
}

#[test]
fn loop_probes_are_shown_in_every_state_and_go_on() {
    let probes = || Policy { probes: true, ..Policy::default() };
    let mut lab = Lab::new([probes(), Policy::default()]);
    assert_eq!(lab.ports(0, &bpdu(Mac::LOOP_PROBE)), [1]);
    assert_eq!(lab.out.punt, Some("probe"));
    assert_eq!(lab.ports(1, &bpdu(Mac::LOOP_PROBE)), [0]);
    assert_eq!(lab.out.punt, None, "not asked for");
    lab.switch.set_state(PortId(0), PortState::Discarding);
    assert!(lab.ports(0, &bpdu(Mac::LOOP_PROBE)).is_empty());
    assert_eq!(lab.out.punt, Some("probe"));
    lab.ports(0, &frame(ALL, 1));
    assert_eq!(lab.out.punt, None, "the rest is not for it");
}

#[test]
fn the_control_plane_is_not_flooded() {
    let mut lab = Lab::new([policy(Reserved::Peer), policy(Reserved::Peer)]);
    let punted = |lab: &mut Lab, port| {
        lab.ports(port, &bpdu(STP));
        lab.out.punt.is_some()
    };
    assert_eq!((0..1000).filter(|_| punted(&mut lab, 0)).count(), 200);
    assert_eq!(lab.drops(0, DropReason::PuntRate), 800);
    assert!(punted(&mut lab, 1), "others are not concerned");
    lab.now += Duration::from_secs(1);
    assert!(punted(&mut lab, 0));
}

#[test]
fn what_is_dropped_is_counted() {
    let mut lab = Lab::new([policy(Reserved::Drop), Policy::default()]);
    assert!(lab.ports(0, &bpdu(STP)).is_empty());
    assert_eq!((lab.drops(0, DropReason::Reserved), lab.out.punt), (1, None));
}

#[test]
fn what_comes_from_above_leaves_whatever_the_port_is() {
    let blocked = Policy { vlan: VlanMode::Access(3), ..policy(Reserved::Drop) };
    let mut lab = Lab::new([blocked, Policy::default()]);
    lab.switch.set_state(PortId(0), PortState::Discarding);
    lab.switch.send_from_above(PortId(0), &mut lab.out);
    assert_eq!(lab.out.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [0]);
    lab.switch.set_carrier(PortId(0), false);
    lab.switch.send_from_above(PortId(0), &mut lab.out);
    assert!(lab.out.is_empty());
    assert_eq!(lab.drops(0, DropReason::NoCarrier), 1);
}

#[test]
fn isolated_ports_meet_only_those_that_are_not() {
    let mut lab = Lab::new([isolated(), isolated(), Policy::default()]);
    assert_eq!(lab.ports(0, &frame(ALL, 1)), [2]);
    assert_eq!(lab.ports(1, &frame(1, 2)), [] as [u16; 0]);
    assert_eq!(lab.drops(1, DropReason::Isolated), 1);
    assert_eq!(lab.ports(2, &frame(ALL, 3)), [0, 1]);
    assert_eq!(lab.ports(2, &frame(1, 3)), [0]);
    assert_eq!(lab.ports(1, &frame(3, 2)), [2]);
}

#[test]
fn a_split_horizon_group_changes_while_frames_flow() {
    let mut lab = Lab::new([Policy::default(), Policy::default(), Policy::default()]);
    let group = |split_horizon| PortConfig { split_horizon, ..PortConfig::default() };
    lab.switch.configure(PortId(0), &group(5));
    lab.switch.configure(PortId(1), &group(5));
    assert_eq!(lab.ports(0, &frame(ALL, 1)), [2]);
    assert!(lab.ports(1, &frame(1, 2)).is_empty());
    assert_eq!(lab.drops(1, DropReason::SplitHorizon), 1);
    lab.switch.configure(PortId(1), &group(6));
    assert_eq!(lab.ports(1, &frame(1, 2)), [0]);
    assert_eq!(lab.ports(0, &frame(mac(ALL).0[0], 1)), [1, 2]);
}
