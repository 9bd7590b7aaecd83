//! Those who forge, replay, flood and listen.

use crate::world::*;
use std::net::SocketAddr;
use switch::tunnel::{Output, PeerConfig, Timers, TunnelDrop};

fn attacker() -> SocketAddr {
    "10.6.6.6:666".parse().unwrap()
}

fn established() -> World {
    let mut world = World::new(PERFECT, 11);
    world.until_up(ms(1000));
    world.run(ms(3000));
    world
}

#[test]
fn what_was_on_the_wire_is_of_no_use_to_anyone() {
    let mut world = established();
    world.send(0, &packet(1, 500));
    world.run(ms(50));
    assert_eq!(world.hosts[1].received.len(), 1);
    let log = world.log.clone();
    let replayed =
        log.iter().filter(|(from, _, bytes, _)| *from == address(0) && bytes[0] == 4 && bytes.len() <= 1472).count()
            as u64;
    for (_, to, bytes, _) in log {
        let host = usize::from(to == address(1));
        world.deliver(host, attacker(), &bytes);
    }
    world.run(ms(50));
    assert_eq!(world.hosts[1].received.len(), 1, "a frame came twice");
    assert_eq!(world.status(0).endpoint, Some(address(1)), "a replay moved the endpoint");
    assert_eq!(world.status(1).endpoint, Some(address(0)));
    let counted = world.drops(1, TunnelDrop::Replayed) + world.drops(1, TunnelDrop::UnknownSession);
    assert!(counted >= replayed, "{counted} of {replayed}");
    assert!(world.drops(1, TunnelDrop::ReplayedHandshake) + world.drops(0, TunnelDrop::ReplayedHandshake) > 0);
    assert_eq!(world.up(), [true, true]);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let mut world = established();
    let mut out = Output::new();
    let (peer, now) = (world.hosts[0].peer, world.now);
    for bit in 0..(16 + 1 + 100 + 16) * 8 {
        world.hosts[0].tunnel.send(peer, &packet(1, 100), now, &mut out);
        let mut bytes = out.datagrams().next().unwrap().1.to_vec();
        out.clear();
        bytes[bit / 8] ^= 1 << (bit % 8);
        world.deliver(1, attacker(), &bytes);
    }
    assert!(world.hosts[1].received.is_empty());
    assert_eq!(world.status(1).endpoint, Some(address(0)));
    assert!(world.drops(1, TunnelDrop::Forged) > 900);
    assert!(world.drops(1, TunnelDrop::UnknownSession) > 20);
    assert!(world.drops(1, TunnelDrop::Malformed) > 20);
}

/// The initiation of a stranger who knows the public key of host 0, and nothing else.
fn strangers(seed: u64) -> Vec<u8> {
    let mut stranger = tunnel(5, "lan", Timers::default(), seed);
    let config = PeerConfig { public_key: public(0), psk: [0; 32], endpoint: Some(address(0)) };
    stranger.add_peer(config, ms(0)).unwrap();
    let mut out = Output::new();
    stranger.poll(ms(0), &mut out);
    let message = out.datagrams().next().unwrap().1.to_vec();
    message
}

#[test]
fn strangers_are_counted_and_get_no_answer() {
    let mut world = established();
    let before = world.log.len();
    world.deliver(0, attacker(), &strangers(1));
    assert_eq!(world.drops(0, TunnelDrop::UnknownPeer), 1);
    let mut wrong = strangers(2);
    wrong[40] ^= 1;
    world.deliver(0, attacker(), &wrong);
    assert_eq!(world.drops(0, TunnelDrop::BadMac), 1);
    assert_eq!(world.log.len(), before);
}

#[test]
fn a_flood_gets_cookies_and_the_peer_still_gets_in() {
    let mut world = World::new(PERFECT, 12);
    let messages: Vec<_> = (0..150).map(strangers).collect();
    let flood = |world: &mut World| {
        for (i, message) in messages.iter().enumerate() {
            world.deliver(0, format!("10.7.0.{}:7", i % 250).parse().unwrap(), message);
        }
    };
    flood(&mut world);
    assert_eq!(world.drops(0, TunnelDrop::UnknownPeer), 100, "the first ones are answered without a cookie");
    assert_eq!(world.drops(0, TunnelDrop::UnderLoad), 50);
    let cookies = world.log.iter().filter(|(_, _, bytes, _)| bytes[0] == 3).count();
    assert_eq!(cookies, 50);
    assert!(world.log.iter().filter(|(_, _, bytes, _)| bytes[0] == 3).all(|(_, _, bytes, _)| bytes.len() < 148));
    // Only host 1 begins, while the flood goes on.
    let begin = world.now;
    while world.up() != [true, true] {
        flood(&mut world);
        world.run(ms(1));
        assert!(world.now - begin < ms(3000), "locked out by a flood");
    }
}

#[test]
fn a_cookie_that_was_not_asked_for_is_dropped() {
    let mut world = established();
    let mut bytes = vec![3, 0, 0, 0];
    bytes.resize(64, 9);
    world.deliver(0, attacker(), &bytes);
    assert_eq!(world.drops(0, TunnelDrop::BadCookie), 1);
}

#[test]
fn an_old_handshake_at_a_restarted_switch_moves_nothing() {
    let mut world = established();
    let old: Vec<_> =
        world.log.iter().filter(|(_, to, bytes, _)| *to == address(1) && bytes[0] == 1).cloned().collect();
    assert!(!old.is_empty());
    world.restart(1, false);
    world.deliver(1, attacker(), &old[0].2);
    assert_eq!(world.status(1).endpoint, None, "a replayed handshake gave the attacker the endpoint");
    world.until_up(ms(3000));
    assert_eq!(world.status(1).endpoint, Some(address(0)));
}
