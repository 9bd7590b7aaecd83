//! How much may pass: addresses, storms, rates.

use crate::lab::{frame, mac, tagged, Lab, ALL};
use std::time::Duration;
use switch::wire::{Mac, VNET_HEADER};
use switch::{DropReason, Limits, Policy, PortId, Rate, VlanMode};

const SECOND: Duration = Duration::from_secs(1);
const GROUP: Mac = Mac([1, 0, 0x5e, 1, 2, 3]);

fn limited(limits: Limits) -> Policy {
    Policy { limits, ..Policy::default() }
}

fn rate(per_second: u64, burst: u64) -> Option<Rate> {
    Some(Rate { per_second, burst })
}

#[test]
fn a_port_has_no_more_addresses_than_it_may() {
    let policy = Policy { mac_limit: Some(2), ..Policy::default() };
    let mut lab = Lab::new([policy.clone(), Policy::default()]);
    assert_eq!((1..=5).filter(|&from| !lab.ports(0, &frame(ALL, from)).is_empty()).count(), 2);
    assert_eq!(lab.drops(0, DropReason::MacLimit), 3);
    assert_eq!(lab.ports(0, &frame(ALL, 1)), [1], "who is known stays welcome");
    // Others take an address away, and there is room.
    lab.ports(1, &frame(ALL, 1));
    assert_eq!(lab.ports(0, &frame(ALL, 3)), [1]);
    assert!(lab.ports(0, &frame(ALL, 1)).is_empty());
    // Fixed addresses do not count, and do not have to be learned.
    lab.switch.add_static(0, mac(9), PortId(0)).unwrap();
    assert_eq!(lab.ports(0, &frame(ALL, 9)), [1]);
    lab.switch.set_policy(PortId(0), Policy { mac_limit: Some(1), ..policy });
    assert_eq!(lab.switch.fdb().learned(PortId(0)), 0, "more than may be: all are forgotten");
    lab.now += SECOND * 400;
    lab.switch.poll(lab.now);
    assert_eq!(lab.ports(0, &frame(ALL, 4)), [1]);
    assert!(lab.ports(0, &frame(ALL, 5)).is_empty());
    lab.now += SECOND * 400;
    lab.switch.poll(lab.now);
    assert_eq!(lab.ports(0, &frame(ALL, 5)), [1], "the one before has aged");
}

#[test]
fn each_kind_of_storm_has_its_own_limit() {
    let (broadcast, multicast, unknown) = (rate(10, 10), rate(20, 20), rate(0, 0));
    let mut lab = Lab::new([limited(Limits { broadcast, multicast, unknown, ..Limits::default() }), Policy::default()]);
    lab.ports(1, &frame(ALL, 7));
    let passed =
        |to: Mac, lab: &mut Lab| (0..50).filter(|_| !lab.ports(0, &tagged(to, 1, &[], b"")).is_empty()).count();
    assert_eq!(passed(mac(ALL), &mut lab), 10);
    assert_eq!(passed(GROUP, &mut lab), 20);
    assert_eq!(passed(mac(66), &mut lab), 0);
    assert_eq!(passed(mac(7), &mut lab), 50, "a known address is no storm");
    let reasons = [DropReason::StormBroadcast, DropReason::StormMulticast, DropReason::StormUnknown];
    assert_eq!(reasons.map(|reason| lab.drops(0, reason)), [40, 30, 50]);
    lab.now += SECOND / 2;
    assert_eq!(passed(mac(ALL), &mut lab), 5);
    assert_eq!(lab.counters(0).flooded, 35);
}

#[test]
fn rates_are_of_bytes_in_both_directions() {
    let slow = Limits { ingress: rate(1000, 1000), ..Limits::default() };
    let small = Limits { egress: rate(1000, 500), ..Limits::default() };
    let mut lab = Lab::new([limited(slow), limited(small), Policy::default()]);
    let hundred = tagged(mac(ALL), 1, &[], &[0; 86]);
    let reached: Vec<_> = (0..20).map(|_| lab.ports(0, &hundred)).collect();
    assert_eq!(reached[..5], vec![vec![1, 2]; 5]);
    assert_eq!(reached[5..10], vec![vec![2]; 5]);
    assert!(reached[10..].iter().all(Vec::is_empty));
    assert_eq!((lab.drops(0, DropReason::RateIngress), lab.drops(1, DropReason::RateEgress)), (10, 5));
    lab.now += SECOND / 10;
    assert_eq!(lab.ports(0, &hundred), [1, 2]);
    assert!(lab.ports(0, &hundred).is_empty());
    // The same limits again change nothing, and others begin anew.
    lab.switch.set_policy(PortId(0), limited(slow));
    assert!(lab.ports(0, &hundred).is_empty());
    lab.switch.set_policy(PortId(0), limited(Limits { ingress: rate(1001, 1000), ..Limits::default() }));
    assert_eq!(lab.ports(0, &hundred), [2]);
}

#[test]
fn what_exceeds_the_rate_teaches_nothing() {
    let mut lab = Lab::new([limited(Limits { ingress: rate(0, 0), ..Limits::default() }), Policy::default()]);
    assert!(lab.ports(0, &frame(ALL, 1)).is_empty());
    assert!(lab.switch.fdb().is_empty());
}

#[test]
fn a_plain_packet_in_two_vlans_is_limited_per_port_not_per_vlan() {
    let policy = Policy { mac_limit: Some(1), vlan: VlanMode::Transparent, ..Policy::default() };
    let mut lab = Lab::new([policy, Policy::default()]);
    assert_eq!(lab.ports(0, &tagged(mac(ALL), 1, &[(0x8100, 5)], b"")), [1]);
    assert!(lab.ports(0, &tagged(mac(ALL), 1, &[(0x8100, 6)], b"")).is_empty());
    assert_eq!(lab.send_packet(0, vec![0; VNET_HEADER + 5]), []);
}
