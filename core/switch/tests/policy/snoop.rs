//! IGMP and MLD snooping: groups reach who wants them, and nobody is cut off who was not heard.

use crate::lab::{mac, tagged, Lab};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use switch::wire::{checksum, Mac};
use switch::{Multicast, Policy, PortId, RouterPort, Selection, SnoopConfig, VlanMode};

const SECOND: Duration = Duration::from_secs(1);
const MUSIC: Ipv4Addr = Ipv4Addr::new(239, 129, 2, 3);
const MUSIC_MAC: Mac = Mac([1, 0, 0x5e, 1, 2, 3]);
const FILM: [u8; 16] = [0xff, 0x0e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7];
const FILM_MAC: Mac = Mac([0x33, 0x33, 7, 7, 7, 7]);
const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// A router at port 0, hosts at 1 to 3.
fn lab(flood_unknown: bool) -> Lab {
    let mut lab = Lab::new((0..4).map(|_| Policy::default()));
    lab.switch.set_snooping(Some(SnoopConfig { flood_unknown }));
    lab
}

fn checked(mut body: Vec<u8>, pseudo: u64) -> Vec<u8> {
    let sum = checksum::finish(checksum::add(pseudo, &body));
    body[2..4].copy_from_slice(&sum.to_be_bytes());
    body
}

/// An IPv4 packet from `source` in a frame to `to`; IGMP has the router alert option.
fn ipv4(to: Mac, source: [u8; 4], protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = tagged(to, 1, &[], &[]);
    frame.truncate(12);
    frame.extend([8, 0, 0x46, 0]);
    frame.extend((24 + body.len() as u16).to_be_bytes());
    frame.extend([0, 0, 0, 0, 1, protocol, 0, 0]);
    frame.extend(source);
    frame.extend([239, 1, 1, 1, 0x94, 4, 0, 0]);
    frame.extend(body);
    frame
}

fn igmp(kind: u8, code: u8, group: Ipv4Addr, rest: &[u8]) -> Vec<u8> {
    igmp_from([10, 0, 0, 1], kind, code, group, rest)
}

fn igmp_from(source: [u8; 4], kind: u8, code: u8, group: Ipv4Addr, rest: &[u8]) -> Vec<u8> {
    let mut body = vec![kind, code, 0, 0];
    body.extend(group.octets());
    body.extend(rest);
    ipv4(Mac([1, 0, 0x5e, 0, 0, 1]), source, 2, &checked(body, 0))
}

/// An IGMPv3 report of one record.
fn report3(record: u8, sources: u16) -> Vec<u8> {
    let mut rest = vec![record, 0];
    rest.extend(sources.to_be_bytes());
    rest.extend(MUSIC.octets());
    rest.resize(rest.len() + 4 * usize::from(sources), 9);
    igmp(0x22, 0, Ipv4Addr::from([0, 0, 0, 1]), &rest)
}

fn music(lab: &mut Lab, port: u16) -> Vec<u16> {
    lab.ports(port, &ipv4(MUSIC_MAC, [10, 0, 0, 9], 17, b"la la la la"))
}

fn mld(source: Ipv6Addr, hops: u8, body: Vec<u8>) -> Vec<u8> {
    let mut frame = tagged(Mac([0x33, 0x33, 0, 0, 0, 1]), 1, &[], &[]);
    frame.truncate(12);
    let (source, destination) = (source.octets(), [0xff; 16]);
    let pseudo = checksum::add(checksum::add(body.len() as u64 + 58, &source), &destination);
    let body = checked(body, pseudo);
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
    frame.extend((8 + body.len() as u16).to_be_bytes());
    frame.extend([0, hops]);
    frame.extend(source);
    frame.extend(destination);
    // Hop-by-hop options: router alert, padding.
    frame.extend([58, 0, 5, 2, 0, 0, 1, 0]);
    frame.extend(body);
    frame
}

fn near() -> Ipv6Addr {
    "fe80::1".parse().unwrap()
}

fn mld1(kind: u8, group: [u8; 16]) -> Vec<u8> {
    let mut body = vec![kind, 0, 0, 0, 0x27, 0x10, 0, 0];
    body.extend(group);
    mld(near(), 1, body)
}

fn film(lab: &mut Lab) -> Vec<u16> {
    lab.ports(3, &tagged(FILM_MAC, 3, &[], b"pictures"))
}

#[test]
fn without_a_querier_everything_is_flooded() {
    let mut lab = lab(false);
    assert_eq!(lab.ports(1, &igmp(0x16, 0, MUSIC, &[])), [0, 2, 3]);
    assert_eq!(music(&mut lab, 3), [0, 1, 2]);
    assert_eq!(film(&mut lab), [0, 1, 2]);
}

#[test]
fn a_group_reaches_members_and_routers_until_they_are_not_heard_any_more() {
    let mut lab = lab(true);
    assert_eq!(lab.ports(0, &igmp(0x11, 100, ANY, &[])), [1, 2, 3], "a query is for all");
    assert_eq!(music(&mut lab, 3), [0, 1, 2], "nobody wants it: flooded, as it should be");
    assert_eq!(lab.ports(1, &igmp(0x16, 0, MUSIC, &[])), [0], "a report is for the router");
    assert_eq!(music(&mut lab, 3), [0, 1]);
    assert_eq!(lab.ports(2, &igmp(0x12, 0, MUSIC, &[])), [0]);
    assert_eq!(music(&mut lab, 3), [0, 1, 2]);
    assert_eq!(music(&mut lab, 1), [0, 2]);
    // Queries go on, answers do not.
    for _ in 0..2 {
        lab.now += SECOND * 125;
        lab.ports(0, &igmp(0x11, 100, ANY, &[]));
        lab.ports(1, &report3(2, 0));
    }
    lab.now += SECOND * 11;
    assert_eq!(music(&mut lab, 3), [0, 1]);
    lab.now += SECOND * 245;
    assert_eq!(music(&mut lab, 3), [0, 1, 2], "the querier is gone: flooded");
    lab.switch.poll(lab.now + SECOND * 1000);
    assert_eq!(lab.switch.groups().count(), 0);
}

#[test]
fn unknown_groups_may_be_for_routers_alone_and_near_ones_never() {
    let mut lab = lab(false);
    lab.ports(0, &igmp(0x11, 100, ANY, &[]));
    assert_eq!(music(&mut lab, 3), [0]);
    assert_eq!(film(&mut lab), [0, 1, 2], "no MLD querier was heard");
    let near =
        [[1, 0, 0x5e, 0, 0, 251], [0x33, 0x33, 0, 0, 0, 1], [0x33, 0x33, 0xff, 1, 2, 3], [0xff; 6], [1, 2, 3, 4, 5, 6]];
    lab.ports(0, &mld1(130, [0; 16]));
    assert_eq!(film(&mut lab), [0]);
    for group in near {
        assert_eq!(lab.ports(3, &tagged(Mac(group), 3, &[], b"")), [0, 1, 2], "{group:x?}");
    }
}

#[test]
fn who_leaves_is_asked_for_unless_it_is_the_only_one() {
    let mut lab = lab(false);
    lab.switch.set_policy(
        PortId(2),
        Policy { multicast: Multicast { fast_leave: true, ..Multicast::default() }, ..Policy::default() },
    );
    lab.ports(0, &igmp(0x11, 100, ANY, &[]));
    for port in 1..=3 {
        lab.ports(port, &report3(4, 0));
    }
    assert_eq!(lab.ports(2, &igmp(0x17, 0, MUSIC, &[])), [0]);
    assert_eq!(music(&mut lab, 0), [1, 3]);
    lab.ports(1, &report3(3, 0));
    assert_eq!(music(&mut lab, 0), [1, 3], "others may be there");
    // The router asks for this group, for a second, twice; who still wants it says so.
    lab.ports(0, &igmp(0x11, 10, MUSIC, &[]));
    lab.ports(3, &report3(1, 2));
    lab.now += SECOND * 2 - Duration::from_millis(1);
    assert_eq!(music(&mut lab, 0), [1, 3]);
    lab.now += Duration::from_millis(1);
    assert_eq!(music(&mut lab, 0), [3]);
}

#[test]
fn mld_is_heard_in_both_versions() {
    let mut lab = lab(true);
    lab.ports(0, &mld1(130, [0; 16]));
    assert_eq!(lab.ports(1, &mld1(131, FILM)), [0]);
    assert_eq!(film(&mut lab), [0, 1]);
    let mut record = vec![143, 0, 0, 0, 0, 0, 0, 2, 6, 1, 0, 0];
    record.extend([0xff; 20]);
    record.extend([4, 0, 0, 0]);
    record.extend(FILM);
    assert_eq!(lab.ports(2, &mld(Ipv6Addr::UNSPECIFIED, 1, record)), [0]);
    assert_eq!(film(&mut lab), [0, 1, 2]);
    lab.switch.set_carrier(PortId(1), false);
    lab.switch.set_carrier(PortId(1), true);
    assert_eq!(film(&mut lab), [0, 2], "who comes back says so");
}

#[test]
fn what_is_not_sound_is_not_believed() {
    let mut lab = lab(false);
    let mut bad_sum = igmp(0x11, 100, ANY, &[]);
    *bad_sum.last_mut().unwrap() ^= 1;
    let mut bad_sum6 = mld1(130, [0; 16]);
    *bad_sum6.last_mut().unwrap() ^= 1;
    let mut body = vec![130, 0, 0, 0, 0, 0, 0, 0];
    body.extend([0; 16]);
    let far = mld("2001:db8::1".parse().unwrap(), 1, body.clone());
    let routed = mld(near(), 64, body);
    let odd_length = igmp(0x11, 100, ANY, &[0, 0]);
    for lie in [bad_sum, bad_sum6, far, routed, odd_length, igmp(0x11, 1, Ipv4Addr::new(10, 0, 0, 1), &[])] {
        assert_eq!(lab.ports(1, &lie), [0, 2, 3]);
    }
    assert_eq!(lab.switch.groups().count(), 0);
    // A port that is no router's does not become one, and one that is always gets everything.
    let of = |router| Policy { multicast: Multicast { router, ..Multicast::default() }, ..Policy::default() };
    lab.switch.set_policy(PortId(1), of(RouterPort::Never));
    lab.switch.set_policy(PortId(2), of(RouterPort::Always));
    lab.ports(1, &igmp(0x11, 100, ANY, &[]));
    assert_eq!(music(&mut lab, 3), [0, 1, 2]);
    lab.ports(0, &igmp(0x11, 100, ANY, &[]));
    lab.ports(0, &ipv4(Mac([1, 0, 0x5e, 0, 0, 13]), [10, 0, 0, 1], 103, &[0x20, 0, 0, 0]));
    lab.ports(1, &ipv4(Mac([1, 0, 0x5e, 0, 0, 13]), [10, 0, 0, 1], 103, &[0x20, 0, 0, 0]));
    assert_eq!(music(&mut lab, 3), [0, 2]);
}

#[test]
fn a_querier_without_an_address_is_no_router() {
    let mut lab = lab(false);
    lab.ports(0, &igmp_from([0; 4], 0x11, 100, ANY, &[]));
    assert_eq!(lab.ports(1, &igmp(0x16, 0, MUSIC, &[])), [0, 2, 3], "reports have to reach whoever asks");
    assert_eq!(music(&mut lab, 3), [1]);
}

#[test]
fn vlans_are_snooped_on_apart() {
    let mut lab = lab(false);
    for (port, vid) in [(0, 5), (1, 5), (2, 6), (3, 6)] {
        lab.switch.set_policy(PortId(port), Policy { vlan: VlanMode::Access(vid), ..Policy::default() });
    }
    lab.ports(0, &igmp(0x11, 100, ANY, &[]));
    assert!(music(&mut lab, 1) == [0] && music(&mut lab, 3) == [2]);
    lab.ports(1, &igmp(0x16, 0, MUSIC, &[]));
    let rows: Vec<_> = lab.switch.groups().map(|row| (row.vlan, row.group, row.port.0)).collect();
    assert!(rows.contains(&(5, Some(MUSIC_MAC), 1)) && rows.contains(&(5, None, 0)) && rows.len() == 2);
    lab.switch.remove_port(PortId(1));
    assert_eq!(lab.switch.groups().count(), 1);
    lab.switch.set_snooping(None);
    assert_eq!(lab.switch.groups().count(), 0);
}

#[test]
fn made_up_groups_cost_bounded_memory() {
    let mut lab = lab(false);
    lab.ports(0, &igmp(0x11, 100, ANY, &[]));
    for i in 0..10_000u32 {
        lab.ports(1, &igmp(0x16, 0, Ipv4Addr::from(0xef01_0000 + i), &[]));
    }
    assert_eq!((lab.switch.groups().count(), lab.switch.groups_refused()), (4097, 5904));
    assert_eq!(lab.ports(2, &tagged(mac(9), 2, &[], b"")), [0, 1, 3]);
}

#[test]
fn what_was_flushed_is_flooded_until_a_querier_asks_again() {
    let mut lab = lab(false);
    lab.ports(0, &igmp(0x11, 100, ANY, &[]));
    lab.ports(1, &igmp(0x16, 0, MUSIC, &[]));
    lab.ports(2, &igmp(0x16, 0, MUSIC, &[]));
    assert_eq!(lab.switch.flush_groups(Selection { vlan: Some(7), ..Selection::default() }), 0);
    assert_eq!(lab.switch.flush_groups(Selection { mac: Some(FILM_MAC), ..Selection::default() }), 0);
    lab.ports(0, &igmp(0x11, 100, ANY, &[]));
    assert_eq!(music(&mut lab, 3), [0, 1, 2]);
    assert_eq!(lab.switch.flush_groups(Selection::of_port(Some(PortId(1)))), 1);
    assert_eq!(lab.switch.groups().count(), 2, "a member and a router");
    assert_eq!(music(&mut lab, 3), [0, 1, 2], "flooded");
    lab.ports(0, &igmp(0x11, 100, ANY, &[]));
    assert_eq!(music(&mut lab, 3), [0, 2], "it did not say so again");
    assert_eq!(lab.switch.flush_groups(Selection::default()), 2);
    assert_eq!(lab.switch.groups().count(), 0);
    assert_eq!(music(&mut lab, 3), [0, 1, 2]);
}

#[test]
fn where_the_table_is_full_nobody_is_cut_off() {
    let mut lab = lab(false);
    lab.ports(0, &igmp(0x11, 100, ANY, &[]));
    for i in 0..5000u32 {
        lab.ports(1, &igmp(0x16, 0, Ipv4Addr::from(0xef01_0000 + i), &[]));
    }
    // Port 2 wants music, but there is no room to note it.
    lab.ports(2, &igmp(0x16, 0, MUSIC, &[]));
    assert!(music(&mut lab, 3).contains(&2));
    lab.now += SECOND * 250;
    lab.ports(0, &igmp(0x11, 100, ANY, &[]));
    lab.now += SECOND * 11;
    lab.switch.poll(lab.now);
    lab.ports(2, &igmp(0x16, 0, MUSIC, &[]));
    assert_eq!(music(&mut lab, 3), [0, 2], "there is room again");
}

#[test]
fn a_report_that_leaves_thousands_of_groups_costs_no_more_than_it_says() {
    let mut lab = lab(false);
    let mut policy = Policy::default();
    policy.multicast.fast_leave = true;
    lab.switch.set_policy(PortId(1), policy);
    for i in 0..4096u32 {
        lab.ports(2, &igmp(0x16, 0, Ipv4Addr::from(0xef01_0000 + i), &[]));
    }
    // IGMPv3 with 8000 records: TO_IN of nothing.
    let mut rest = Vec::new();
    for i in 0..8000u32 {
        rest.extend([3, 0, 0, 0]);
        rest.extend((0xef02_0000 + i).to_be_bytes());
    }
    let report = igmp(0x22, 0, Ipv4Addr::from(8000), &rest);
    let begin = std::time::Instant::now();
    for _ in 0..20 {
        lab.ports(1, &report);
    }
    assert!(begin.elapsed() < SECOND * 5, "{:?}", begin.elapsed());
    assert_eq!(lab.switch.groups().count(), 4096);
}
