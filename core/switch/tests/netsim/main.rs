//! Whole networks of pure switches: a fake clock, seeded loss, every frame accounted for.

mod world;

use std::time::Duration;
use switch::{DropReason, PortState};
use world::{World, BROADCAST};

const SECOND: Duration = Duration::from_secs(1);

/// Three switches in a row with two hosts each.
fn row() -> World {
    let mut world = World::new(1);
    let switches: Vec<_> = (0..3).map(|_| world.switch()).collect();
    world.wire(switches[0], switches[1], 0);
    world.wire(switches[1], switches[2], 0);
    for &switch in &switches {
        world.host(switch);
        world.host(switch);
    }
    world
}

#[test]
fn a_broadcast_reaches_every_host_once() {
    let mut world = row();
    world.send(0, BROADCAST, 1);
    world.run();
    assert!(world.inbox(0).is_empty());
    for host in 1..6 {
        assert_eq!(world.inbox(host), [(0, 1)], "host {host}");
    }
}

#[test]
fn learning_stops_flooding() {
    let mut world = row();
    world.send(0, 5, 1);
    world.run();
    assert_eq!(world.inbox(1).len(), 1, "unknown: flooded");
    world.send(5, 0, 2);
    world.run();
    world.send(0, 5, 3);
    world.run();
    assert_eq!(world.inbox(1).len(), 1, "known: not flooded any more");
    assert_eq!(world.inbox(3).len(), 1);
    assert_eq!(world.inbox(5), [(0, 1), (0, 3)]);
}

#[test]
fn what_is_not_seen_for_long_is_forgotten() {
    let mut world = row();
    world.send(5, 0, 1);
    world.run();
    world.wait(SECOND * 299);
    world.send(0, 5, 2);
    world.run();
    assert_eq!(world.inbox(1).len(), 1, "still known");
    world.wait(SECOND * 300);
    assert_eq!(world.addresses(), 0, "swept");
    world.send(0, 5, 3);
    world.run();
    assert_eq!(world.inbox(1).len(), 2, "flooded again");
}

#[test]
fn a_host_that_moves_is_found_when_it_speaks() {
    let mut world = row();
    world.send(0, BROADCAST, 1);
    world.run();
    world.move_host(0, 2);
    world.send(0, BROADCAST, 2);
    world.run();
    world.send(3, 0, 3);
    world.run();
    assert_eq!(world.inbox(0).last(), Some(&(3, 3)));
}

#[test]
fn a_full_mesh_with_split_horizon_has_no_loop() {
    let mut world = World::new(7);
    let switches: Vec<_> = (0..4).map(|_| world.switch()).collect();
    for (i, &a) in switches.iter().enumerate() {
        world.host(a);
        for &b in &switches[i + 1..] {
            world.wire(a, b, 1);
        }
    }
    for host in 0..4 {
        world.send(host, BROADCAST, host as u32);
        world.run();
    }
    for host in 0..4 {
        assert_eq!(world.inbox(host).len(), 3, "one of each other host");
    }
}

#[test]
fn a_discarding_port_breaks_a_loop() {
    let mut world = World::new(3);
    let switches: Vec<_> = (0..3).map(|_| world.switch()).collect();
    for &switch in &switches {
        world.host(switch);
    }
    world.wire(switches[0], switches[1], 0);
    world.wire(switches[1], switches[2], 0);
    let (port, _) = world.wire(switches[2], switches[0], 0);
    world.set_state(switches[2], port, PortState::Discarding);
    world.send(0, BROADCAST, 1);
    world.run();
    assert_eq!((world.inbox(1).len(), world.inbox(2).len()), (1, 1));
    assert!(world.drops(DropReason::IngressState) > 0, "what came over the blocked wire is counted");
}

#[test]
fn loss_is_the_wires_and_nothing_is_ever_doubled() {
    for seed in 0..20 {
        let mut world = row();
        world.lose(seed, 10);
        let mut sent = 0;
        for round in 0..200u32 {
            let (from, to) = (round as usize % 6, (round as usize * 5 + 1) % 6);
            if from != to {
                world.send(from, to, round);
                sent += 1;
            }
            world.wait(SECOND);
            world.run();
        }
        let mut arrived = 0;
        for host in 0..6 {
            let mut seen = std::collections::HashSet::new();
            for &(from, number) in world.inbox(host) {
                assert!(seen.insert((from, number)), "doubled at {host}: {number}");
            }
            arrived += world.inbox(host).iter().filter(|&&(_, n)| (n as usize * 5 + 1) % 6 == host).count();
        }
        assert!(arrived <= sent && arrived > sent / 2, "{arrived} of {sent}");
        assert!(world.lost > 0);
    }
}

#[test]
fn a_flood_of_addresses_costs_bounded_memory() {
    let mut world = row();
    for i in 0..200_000u32 {
        world.send_as(0, i, BROADCAST);
        if i % 1000 == 0 {
            world.run();
            world.clear();
        }
    }
    world.run();
    assert_eq!(world.addresses(), 3 * 65_536);
}
