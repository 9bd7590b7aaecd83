//! VLANs: what is in one stays there, and leaves each port in the form that is right there.

use crate::lab::{frame, mac, tagged, Lab, ALL};
use proptest::prelude::*;
use switch::wire::VNET_HEADER;
use switch::{DropReason, Policy, PortId, VlanMode};

const TAG: u16 = 0x8100;
const SERVICE: u16 = 0x88a8;

fn policy(vlan: VlanMode) -> Policy {
    Policy { vlan, ..Policy::default() }
}

fn access(vid: u16) -> Policy {
    policy(VlanMode::Access(vid))
}

fn trunk(native: Option<u16>, allowed: &[u16]) -> Policy {
    policy(VlanMode::Trunk { native, allowed: allowed.iter().copied().collect() })
}

fn broadcast(tags: &[(u16, u16)]) -> Vec<u8> {
    tagged(mac(ALL), 1, tags, b"payload")
}

#[test]
fn by_default_tags_pass_untouched() {
    let mut lab = Lab::new([Policy::default(), Policy::default()]);
    for tags in [&[][..], &[(TAG, 0x2064)], &[(TAG, 0xe000)], &[(SERVICE, 5), (TAG, 6)], &[(TAG, 5), (TAG, 6)]] {
        assert_eq!(lab.send(0, &broadcast(tags)), [(1, broadcast(tags))]);
    }
}

#[test]
fn access_ports_are_in_one_vlan_and_trunks_tag() {
    let mut lab = Lab::new([access(10), access(20), access(10), trunk(None, &[10, 20]), trunk(Some(10), &[20])]);
    let plain = broadcast(&[]);
    assert_eq!(lab.send(0, &plain), [(2, plain.clone()), (3, broadcast(&[(TAG, 10)])), (4, plain.clone())]);
    assert_eq!(lab.send(1, &plain), [(3, broadcast(&[(TAG, 20)])), (4, broadcast(&[(TAG, 20)]))]);
    // From a trunk: the priority stays for other trunks and goes with the tag.
    let tagged = broadcast(&[(TAG, 0xa00a)]);
    assert_eq!(lab.send(3, &tagged), [(0, plain.clone()), (2, plain.clone()), (4, plain.clone())]);
    assert_eq!(lab.send(4, &plain), [(0, plain.clone()), (2, plain), (3, broadcast(&[(TAG, 10)]))]);
}

#[test]
fn what_a_port_does_not_carry_does_not_come_in() {
    let mut lab = Lab::new([access(10), trunk(None, &[20]), Policy::default(), access(20)]);
    assert!(lab.ports(0, &broadcast(&[(TAG, 10)])).is_empty(), "a tag at an access port, even with its own VLAN");
    assert!(lab.ports(1, &broadcast(&[])).is_empty(), "no native VLAN");
    assert!(lab.ports(1, &broadcast(&[(TAG, 10)])).is_empty());
    assert_eq!((lab.drops(0, DropReason::VlanIngress), lab.drops(1, DropReason::VlanIngress)), (1, 2));
    for port in 0..4 {
        assert!(lab.ports(port, &broadcast(&[(TAG, 4095)])).is_empty());
        assert_eq!(lab.drops(port, DropReason::BadTag), 1);
    }
    assert_eq!(lab.ports(1, &broadcast(&[(TAG, 20)])), [2, 3]);
}

#[test]
fn a_transparent_port_sees_all_vlans_tagged_and_its_untagged_frames_meet_their_like_only() {
    let mut lab = Lab::new([Policy::default(), access(10), Policy::default()]);
    assert_eq!(lab.send(1, &broadcast(&[])), [(0, broadcast(&[(TAG, 10)])), (2, broadcast(&[(TAG, 10)]))]);
    assert_eq!(lab.send(0, &broadcast(&[(TAG, 10)]))[0], (1, broadcast(&[])));
    assert_eq!(lab.ports(0, &broadcast(&[])), [2]);
}

#[test]
fn a_priority_tag_is_of_the_ports_vlan() {
    let mut lab = Lab::new([access(10), access(10), trunk(None, &[10]), trunk(Some(10), &[])]);
    let priority = broadcast(&[(TAG, 0xe000)]);
    let seen = [(1, broadcast(&[])), (2, broadcast(&[(TAG, 0xe00a)])), (3, broadcast(&[]))];
    assert_eq!(lab.send(0, &priority), seen);
    assert_eq!(lab.ports(2, &priority), [] as [u16; 0], "no native VLAN to be of");
    assert_eq!(lab.ports(3, &priority), [0, 1, 2]);
}

#[test]
fn a_priority_tag_does_not_carry_another_tag_past_a_port() {
    let mut lab = Lab::new([access(10), trunk(Some(10), &[20]), access(10), Policy::default()]);
    // Without its priority tag it would leave by the trunk as a frame of VLAN 20.
    let hopping = broadcast(&[(TAG, 0xe000), (TAG, 20)]);
    assert_eq!(lab.ports(0, &hopping), [] as [u16; 0]);
    assert_eq!(lab.drops(0, DropReason::VlanIngress), 1);
    assert_eq!(lab.ports(1, &hopping), [] as [u16; 0]);
    let mut plain = Lab::new([Policy::default(), Policy::default()]);
    assert_eq!(plain.send(0, &hopping), [(1, hopping)], "a transparent switch does not mind");
}

#[test]
fn only_the_outer_tag_counts_and_a_service_tag_is_payload() {
    let mut lab = Lab::new([access(10), access(10), trunk(None, &[10])]);
    let inner = [(TAG, 10), (TAG, 20)];
    assert_eq!(lab.send(2, &broadcast(&inner)), [(0, broadcast(&inner[1..])), (1, broadcast(&inner[1..]))]);
    let service = broadcast(&[(SERVICE, 7), (TAG, 10)]);
    let pushed = broadcast(&[(TAG, 10), (SERVICE, 7), (TAG, 10)]);
    assert_eq!(lab.send(0, &service), [(1, service), (2, pushed)]);
}

#[test]
fn addresses_are_learned_in_their_vlan() {
    let mut lab = Lab::new([access(10), access(20), trunk(None, &[10, 20]), access(10)]);
    // One address in two VLANs, at two ports.
    lab.send(0, &frame(ALL, 5));
    lab.send(1, &frame(ALL, 5));
    assert_eq!(lab.ports(2, &tagged(mac(5), 9, &[(TAG, 10)], b"")), [0]);
    assert_eq!(lab.ports(2, &tagged(mac(5), 9, &[(TAG, 20)], b"")), [1]);
    let rows = lab.switch.fdb().iter().filter(|(_, known, _)| *known == mac(5)).count();
    assert_eq!(rows, 2);
    // A port that changes its VLAN is not where it was.
    lab.switch.set_policy(PortId(0), access(20));
    assert_eq!(lab.ports(2, &tagged(mac(5), 9, &[(TAG, 10)], b"")), [3]);
    assert_eq!(lab.ports(2, &tagged(mac(5), 9, &[(TAG, 20)], b"")), [1]);
}

#[test]
fn a_static_address_is_of_one_vlan_and_does_not_lead_out_of_it() {
    let mut lab = Lab::new([access(10), access(10), access(20), trunk(None, &[10, 20])]);
    lab.switch.add_static(10, mac(7), PortId(1)).unwrap();
    assert_eq!(lab.ports(0, &frame(7, 1)), [1]);
    assert_eq!(lab.ports(2, &frame(7, 2)), [3], "unknown there: flooded");
    lab.switch.add_static(10, mac(8), PortId(2)).unwrap();
    assert!(lab.ports(0, &frame(8, 1)).is_empty());
    assert_eq!(lab.drops(2, DropReason::VlanEgress), 1);
    assert!(lab.switch.remove_address(10, mac(8)) && !lab.switch.remove_address(20, mac(8)));
    assert_eq!(lab.ports(0, &frame(8, 1)), [1, 3]);
}

#[test]
fn a_frame_too_long_for_a_tag_is_counted_where_it_would_have_got_it() {
    let mut lab = Lab::new([access(10), access(10), trunk(None, &[10])]);
    let longest = tagged(mac(ALL), 1, &[], &vec![0; 65_535]);
    assert_eq!(lab.ports(0, &longest), [1, 2]);
    let longer = tagged(mac(ALL), 1, &[], &vec![0; 65_536]);
    assert_eq!(lab.ports(0, &longer), [1]);
    assert_eq!((lab.drops(2, DropReason::TooLong), lab.drops(0, DropReason::TooLong)), (1, 0));
}

#[test]
fn offloads_point_to_the_same_bytes_behind_another_tag() {
    let mut lab = Lab::new([access(10), access(10), trunk(None, &[10])]);
    let mut packet = vec![1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 0, 0];
    packet.extend(tagged(mac(ALL), 1, &[], &[9; 60]));
    let sent = lab.send_packet(0, packet.clone());
    assert_eq!(sent[0], (1, packet));
    assert_eq!((sent[1].0, &sent[1].1[..12]), (2, &[1, 0, 0, 0, 0, 0, 38, 0, 6, 0, 0, 0][..]));
    assert_eq!(lab.send_packet(2, sent[1].1.clone())[0].1[..12], [1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 0, 0]);
}

/// A mode of a port as a model: which tagged VLANs, and which untagged one.
#[derive(Clone, Debug)]
struct Model {
    tagged: Vec<u16>,
    untagged: Option<u16>,
    mode: VlanMode,
}

fn any_mode() -> impl Strategy<Value = Model> {
    let vid = 1u16..5;
    let some = proptest::collection::vec(vid.clone(), 0..4);
    prop_oneof![
        Just(Model { tagged: (1..=4094).collect(), untagged: Some(0), mode: VlanMode::Transparent }),
        vid.clone().prop_map(|v| Model { tagged: vec![], untagged: Some(v), mode: VlanMode::Access(v) }),
        (proptest::option::of(vid), some).prop_map(|(native, allowed)| Model {
            mode: VlanMode::Trunk { native, allowed: allowed.iter().copied().collect() },
            tagged: allowed.into_iter().chain(native).collect(),
            untagged: native,
        }),
    ]
}

proptest! {
    #[test]
    fn flooded_frames_are_where_a_model_says_in_the_form_it_says(
        models in proptest::collection::vec(any_mode(), 2..5),
        tags in proptest::collection::vec((prop_oneof![Just(TAG), Just(SERVICE)], prop_oneof![0u16..6, any::<u16>()]), 0..3),
    ) {
        let mut lab = Lab::new(models.iter().map(|model| policy(model.mode.clone())));
        let sent = lab.send(0, &broadcast(&tags));
        let outer = tags.first().filter(|tag| tag.0 == TAG).map(|tag| tag.1);
        let vid = outer.map_or(0, |tci| tci & 0xfff);
        let vlan = if vid == 0 { models[0].untagged } else { Some(vid).filter(|vid| models[0].tagged.contains(vid)) };
        let hides_another = outer.is_some() && vid == 0 && tags.get(1).is_some_and(|tag| tag.0 == TAG);
        let vlan = vlan.filter(|_| !hides_another || models[0].untagged == Some(0));
        let inner = if outer.is_some() { &tags[1..] } else { &tags[..] };
        let mut expected = Vec::new();
        for (port, model) in models.iter().enumerate().skip(1) {
            let Some(vlan) = vlan else { continue };
            if vlan == 0 && model.untagged == Some(0) {
                expected.push((port as u16, broadcast(&tags)));
            } else if model.untagged == Some(vlan) {
                expected.push((port as u16, broadcast(inner)));
            } else if model.tagged.contains(&vlan) {
                let tci = outer.unwrap_or(0) & 0xf000 | vlan;
                expected.push((port as u16, broadcast(&[&[(TAG, tci)], inner].concat())));
            }
        }
        prop_assert_eq!(sent, expected);
        let refused = lab.drops(0, DropReason::VlanIngress) + lab.drops(0, DropReason::BadTag);
        prop_assert_eq!(refused, u64::from(vlan.is_none()));
    }

    #[test]
    fn any_packet_is_forwarded_or_counted(
        models in proptest::collection::vec(any_mode(), 2..4),
        packet in proptest::collection::vec(any::<u8>(), 0..80),
        tci in any::<u16>(),
    ) {
        let mut lab = Lab::new(models.iter().map(|model| policy(model.mode.clone())));
        let mut packet = packet;
        if packet.len() > VNET_HEADER + 16 {
            let header = [packet[0] & 1, 0, 0, 0, 0, 0, packet[6], 0, packet[8], 0, 0, 0];
            packet[..12].copy_from_slice(&header);
            packet[VNET_HEADER] |= 1;
            packet[VNET_HEADER + 6] = 2;
            packet[VNET_HEADER + 12..VNET_HEADER + 14].copy_from_slice(&[0x81, 0]);
            packet[VNET_HEADER + 14..VNET_HEADER + 16].copy_from_slice(&tci.to_be_bytes());
        }
        for (_, sent) in lab.send_packet(0, packet) {
            // What comes out would be taken by a neighbour.
            let mut neighbour = Lab::new([Policy::default(), Policy::default()]);
            prop_assert_eq!(neighbour.send_packet(0, sent.clone()), [(1, sent)]);
        }
        let counters = lab.counters(0);
        prop_assert_eq!(counters.rx_frames, counters.flooded + counters.drops.total());
    }
}
