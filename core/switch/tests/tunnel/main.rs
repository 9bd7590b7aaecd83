//! The tunnel in a simulated world: no socket, no clock, each run repeats exactly what another of its seed does, keys aside.

mod fuzz;
mod hostile;
mod world;

use proptest::prelude::*;
use std::collections::HashSet;
use switch::tunnel::{Event, Timers, TunnelDrop, Why};
use world::*;

#[test]
fn packets_of_all_lengths_pass_both_ways_unseen() {
    let mut world = World::new(PERFECT, 1);
    assert!(world.until_up(ms(100)) < ms(20));
    let lengths = [26, 60, 1400, 1439, 1440, 1441, 1512, 9012, 65_565];
    for (number, length) in lengths.into_iter().enumerate() {
        world.send(0, &packet(number as u64, length));
        world.send(1, &packet(number as u64 + 100, length));
        world.run(ms(10));
    }
    assert_eq!(numbers(&world.hosts[1].received), (0..9).collect::<Vec<_>>());
    assert_eq!(numbers(&world.hosts[0].received), (100..109).collect::<Vec<_>>());
    let secret = &packet(5, 1440)[..32];
    assert!(!world.log.iter().any(|(_, _, bytes, _)| bytes.windows(32).any(|window| window == secret)));
    let hello = b"network";
    assert!(!world.log.iter().any(|(_, _, bytes, _)| bytes.windows(7).any(|window| window == hello)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever the wire does, the two find each other, and no packet comes twice, changed or to the wrong end.
    #[test]
    fn a_bad_wire_costs_packets_and_nothing_else(seed: u64, loss in 0u64..30, duplicate in 0u64..30, delay in 1u64..150) {
        let wire = Wire { loss, duplicate, delay: ms(delay), ..PERFECT };
        let mut world = World::new(wire, seed);
        world.until_up(ms(60_000));
        for number in 0..60 {
            world.send(0, &packet(number, 60 + (number as usize * 331) % 9000));
            world.run(ms(20));
        }
        world.run(ms(2000));
        let came = numbers(&world.hosts[1].received);
        prop_assert_eq!(came.iter().collect::<HashSet<_>>().len(), came.len(), "twice");
        if loss == 0 {
            prop_assert_eq!(came.len(), 60);
        }
        prop_assert!(world.hosts[0].received.is_empty());
        if duplicate > 5 && loss < 10 {
            prop_assert!(world.drops(0, TunnelDrop::Replayed) + world.drops(1, TunnelDrop::Replayed) > 0);
        }
    }

    /// Sessions are replaced while packets pass; none is lost.
    #[test]
    fn rekeying_loses_nothing(seed: u64, delay in 1u64..40, by_count: bool) {
        let short = Timers { rekey_after: ms(3000), reject_after: ms(6000), ..Timers::default() };
        let counted = Timers { rekey_after_messages: 50, ..Timers::default() };
        let timers = if by_count { counted } else { short };
        let wire = Wire { delay: ms(delay), ..PERFECT };
        let mut world = World::with(wire, seed, timers, ["lan", "lan"], [[7; 32]; 2], [true, true]);
        world.until_up(ms(5000));
        world.run(ms(500));
        let handshakes = world.log.iter().filter(|(_, _, bytes, _)| bytes[0] == 2).count();
        for number in 0..400 {
            world.send(0, &packet(number, 100));
            world.send(1, &packet(number, 100));
            world.run(ms(25));
        }
        world.run(ms(1000));
        prop_assert_eq!(numbers(&world.hosts[1].received).len(), 400);
        prop_assert_eq!(numbers(&world.hosts[0].received).len(), 400);
        let rekeyed = world.log.iter().filter(|(_, _, bytes, _)| bytes[0] == 2).count() - handshakes;
        prop_assert!((2..60).contains(&rekeyed), "{} handshakes", rekeyed);
        for host in &world.hosts {
            prop_assert!(!host.events.iter().any(|(_, event)| matches!(event, Event::Down(_))));
        }
    }

    /// A cut is reported within 10 s, and packets pass again within 2 s of its end, however long it was.
    #[test]
    fn a_cut_is_reported_and_healed(seed: u64, cut in 1u64..60_000, loss in 0u64..3) {
        let mut world = World::new(Wire { loss, ..PERFECT }, seed);
        world.until_up(ms(20_000));
        world.run(ms(3000 + seed % 1000));
        world.until_up(ms(3000));
        let begin = world.now;
        world.wire.cut = true;
        world.run(ms(cut));
        if cut > 10_000 {
            prop_assert_eq!(world.up(), [false, false]);
            for host in &world.hosts {
                let down = host.events.iter().find(|(at, event)| *at > begin && *event == Event::Down(Why::Silent));
                prop_assert!(down.unwrap().0 - begin < ms(10_000));
            }
        }
        world.wire = Wire { cut: false, loss: 0, ..world.wire };
        prop_assert!(world.until_up(ms(10_000)) < ms(2000));
    }

    /// A switch that was killed is heard again within 2 s of its return, whether it knows where the other is or not.
    #[test]
    fn a_restarted_peer_is_back_soon(seed: u64, away in 0u64..100_000, knows: bool) {
        let mut world = World::new(PERFECT, seed);
        world.until_up(ms(1000));
        world.run(ms(2000 + seed % 1000));
        world.wire.cut = true;
        world.run(ms(away));
        world.wire.cut = false;
        world.restart(1, knows);
        world.hosts[0].received.clear();
        world.hosts[1].received.clear();
        let back = world.now;
        while world.hosts[1].received.is_empty() || world.hosts[0].received.is_empty() {
            world.send(0, &packet(1, 100));
            world.send(1, &packet(1, 100));
            world.run(ms(10));
            prop_assert!(world.now - back < ms(2000), "not back 2 s after its return");
        }
    }

    /// A machine that slept goes on where it was, though its clock has not moved and its sessions are long over elsewhere.
    #[test]
    fn a_machine_that_slept_is_back_soon(seed: u64, slept in 1u64..1000, host in 0usize..2) {
        let mut world = World::new(PERFECT, seed);
        world.until_up(ms(1000));
        world.run(ms(2000 + seed % 1000));
        world.sleep(host, ms(slept * 1000));
        let before = [0, 1].map(|host| world.hosts[host].received.len());
        let back = world.now;
        while (0..2).any(|host| world.hosts[host].received.len() == before[host]) {
            world.send(0, &packet(1, 100));
            world.send(1, &packet(1, 100));
            world.run(ms(10));
            prop_assert!(world.now - back < ms(3600), "not back");
        }
        numbers(&world.hosts[0].received);
    }
}

#[test]
fn a_peer_that_moves_is_followed_once_it_has_spoken() {
    let mut world = World::new(PERFECT, 3);
    world.until_up(ms(1000));
    let moved = "10.0.9.9:1234".parse().unwrap();
    world.hosts[1].address = moved;
    world.send(1, &packet(1, 100));
    world.run(ms(10));
    assert_eq!(world.status(0).endpoint, Some(moved));
    assert!(world.hosts[0].events.iter().any(|(_, event)| *event == Event::Roamed(moved)));
    world.send(0, &packet(2, 100));
    world.run(ms(10));
    assert_eq!(numbers(&world.hosts[1].received), [2]);
}

#[test]
fn a_clock_that_was_set_back_locks_nobody_out() {
    let mut world = World::new(PERFECT, 9);
    world.until_up(ms(100));
    world.run(ms(5000));
    world.restart_at(std::time::Duration::from_secs(1_600_000_000), 1, true);
    assert!(world.until_up(ms(10_000)) < ms(2000));
    assert!(world.drops(0, TunnelDrop::ReplayedHandshake) > 0);
}

#[test]
fn the_paths_mtu_is_found_and_followed_down() {
    let mut world = World::new(Wire { mtu: 8972, ..PERFECT }, 4);
    world.until_up(ms(1000));
    world.run(ms(30_000));
    assert!((8968..=8972).contains(&world.status(0).mtu), "{}", world.status(0).mtu);
    world.wire.mtu = 1400;
    world.run(ms(20_000));
    assert!((1232..=1400).contains(&world.status(0).mtu), "{}", world.status(0).mtu);
    world.hosts[1].received.clear();
    world.send(0, &packet(1, 9012));
    world.run(ms(100));
    assert_eq!(numbers(&world.hosts[1].received), [1]);
    // A cut says nothing about the size.
    let before = world.status(0).mtu;
    world.wire.cut = true;
    world.run(ms(30_000));
    world.wire.cut = false;
    world.until_up(ms(2000));
    assert!(world.status(0).mtu >= before);
}

#[test]
fn a_path_that_shrinks_during_the_search_is_noticed_soon() {
    let mut world = World::new(PERFECT, 10);
    world.until_up(ms(1000));
    world.run(ms(2000));
    assert_eq!(world.status(0).mtu, 1472);
    world.wire.mtu = 1300;
    world.run(ms(9000));
    assert!(world.status(0).mtu <= 1300, "{}", world.status(0).mtu);
}

#[test]
fn another_network_is_refused_by_name_on_both_ends() {
    let mut world = World::with(PERFECT, 5, Timers::default(), ["lan", "wan"], [[7; 32]; 2], [true, true]);
    world.run(ms(20_000));
    assert_eq!(world.up(), [false, false]);
    for host in 0..2 {
        let why = world.status(host).why.unwrap();
        assert_eq!(why.name(), "wrong-network", "{why:?}");
        assert!(why.text().contains(["wan", "lan"][host]), "{}", why.text());
    }
    let attempts = world.log.iter().filter(|(_, _, bytes, _)| bytes[0] == 1).count();
    assert!(attempts < 20, "{attempts} handshakes in 20 s");
    world.send(0, &packet(1, 100));
    assert_eq!(world.drops(0, TunnelDrop::NoSession), 1);
}

#[test]
fn another_secret_is_no_session() {
    let mut world = World::with(PERFECT, 6, Timers::default(), ["lan", "lan"], [[7; 32], [8; 32]], [true, true]);
    world.run(ms(5000));
    assert_eq!(world.up(), [false, false]);
    assert!(world.drops(0, TunnelDrop::BadHandshake) > 0);
    assert_eq!(world.status(0).why, Some(Why::NoAnswer));
}

#[test]
fn a_peer_without_an_endpoint_waits() {
    let mut world = World::with(PERFECT, 7, Timers::default(), ["lan", "lan"], [[7; 32]; 2], [true, false]);
    assert_eq!(world.status(1).why, Some(Why::NoEndpoint));
    world.until_up(ms(100));
    assert_eq!(world.status(1).endpoint, Some(address(0)));
}

#[test]
fn an_idle_tunnel_costs_little() {
    let mut world = World::new(PERFECT, 8);
    world.until_up(ms(100));
    world.run(ms(60_000));
    let (before, begin) = (world.log.len(), world.now);
    world.run(ms(60_000));
    let bytes: usize = world.log[before..].iter().map(|(_, _, bytes, _)| bytes.len()).sum();
    assert!(world.now - begin == ms(60_000) && bytes < 60 * 2 * 800, "{bytes} bytes in a minute");
}
