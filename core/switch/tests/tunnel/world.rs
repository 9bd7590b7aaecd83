//! Two switches' tunnels, a wire that loses, delays, duplicates and reorders, and a clock that jumps from event to event.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use switch::tunnel::{Event, Output, PeerConfig, PeerId, Timers, Tunnel, TunnelConfig};

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// SplitMix64 (Steele et al., 2014).
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
}

pub fn address(host: usize) -> SocketAddr {
    format!("10.0.0.{}:5870", host + 1).parse().unwrap()
}

pub fn private(host: usize) -> [u8; 32] {
    [host as u8 + 1; 32]
}

pub fn tunnel(host: usize, network: &str, timers: Timers, seed: u64) -> Tunnel {
    tunnel_at(Duration::from_secs(1_700_000_000), host, network, timers, seed)
}

/// With a clock that says `wall`.
pub fn tunnel_at(wall: Duration, host: usize, network: &str, timers: Timers, seed: u64) -> Tunnel {
    let mut random = Random(seed ^ (host as u64) << 32);
    let entropy = Box::new(move |bytes: &mut [u8]| bytes.fill_with(|| random.next() as u8));
    let private_key = private(host);
    let config =
        TunnelConfig { private_key, network: network.into(), switch: format!("s{host}"), wall, timers, entropy };
    Tunnel::new(config).unwrap()
}

pub fn public(host: usize) -> [u8; 32] {
    tunnel(host, "x", Timers::default(), 0).public_key()
}

pub struct Host {
    pub tunnel: Tunnel,
    pub peer: PeerId,
    pub address: SocketAddr,
    pub received: Vec<Vec<u8>>,
    pub events: Vec<(Duration, Event)>,
}

#[derive(Clone, Copy)]
pub struct Wire {
    pub loss: u64,
    pub duplicate: u64,
    /// Datagrams take between this and three times as long.
    pub delay: Duration,
    pub mtu: usize,
    pub cut: bool,
}

pub const PERFECT: Wire = Wire { loss: 0, duplicate: 0, delay: Duration::from_millis(1), mtu: 1472, cut: false };

pub struct World {
    pub now: Duration,
    pub hosts: [Host; 2],
    pub wire: Wire,
    pub random: Random,
    pub under_way: BTreeMap<(Duration, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    /// Everything that was ever on the wire: from, to, bytes, when.
    pub log: Vec<(SocketAddr, SocketAddr, Vec<u8>, Duration)>,
    pub timers: Timers,
    /// How long each host's clock stood still so far, for the machine slept; and who sleeps.
    slept: [Duration; 2],
    asleep: [bool; 2],
    count: u64,
}

impl World {
    /// Both know where the other is.
    pub fn new(wire: Wire, seed: u64) -> World {
        World::with(wire, seed, Timers::default(), ["lan", "lan"], [[7; 32], [7; 32]], [true, true])
    }

    pub fn with(
        wire: Wire,
        seed: u64,
        timers: Timers,
        networks: [&str; 2],
        psks: [[u8; 32]; 2],
        endpoints: [bool; 2],
    ) -> World {
        let host = |host: usize| {
            let mut tunnel = tunnel(host, networks[host], timers, seed);
            let endpoint = endpoints[host].then(|| address(1 - host));
            let config = PeerConfig { public_key: public(1 - host), psk: psks[host], endpoint };
            let peer = tunnel.add_peer(config, Duration::ZERO).unwrap();
            Host { tunnel, peer, address: address(host), received: Vec::new(), events: Vec::new() }
        };
        let hosts = [host(0), host(1)];
        let (under_way, log) = (BTreeMap::new(), Vec::new());
        let (random, slept, asleep) = (Random(seed), [Duration::ZERO; 2], [false; 2]);
        World { now: Duration::ZERO, hosts, wire, random, under_way, log, timers, slept, asleep, count: 0 }
    }

    /// What the clock of a host says: CLOCK_MONOTONIC stands still while a machine sleeps.
    fn clock(&self, host: usize) -> Duration {
        self.now - self.slept[host]
    }

    /// Let a machine sleep for `time`; the other one does not.
    pub fn sleep(&mut self, host: usize, time: Duration) {
        self.asleep[host] = true;
        self.run(time);
        self.asleep[host] = false;
        self.slept[host] += time;
    }

    /// Kill a switch and start it again: same key, nothing remembered.
    pub fn restart(&mut self, host: usize, endpoint: bool) {
        self.restart_at(Duration::from_secs(1_700_000_000), host, endpoint);
    }

    /// The same, with a clock that says `wall`.
    pub fn restart_at(&mut self, wall: Duration, host: usize, endpoint: bool) {
        let mut tunnel = tunnel_at(wall, host, "lan", self.timers, self.now.as_nanos() as u64);
        let endpoint = endpoint.then(|| address(1 - host));
        let config = PeerConfig { public_key: public(1 - host), psk: [7; 32], endpoint };
        self.hosts[host].peer = tunnel.add_peer(config, self.clock(host)).unwrap();
        self.hosts[host].tunnel = tunnel;
    }

    fn flush(&mut self, host: usize, out: &mut Output) {
        let now = self.now;
        self.hosts[host].events.extend(out.events.drain(..).map(|(_, event)| (now, event)));
        let from = self.hosts[host].address;
        let datagrams: Vec<_> = out.datagrams().map(|(to, bytes)| (to, bytes.to_vec())).collect();
        out.clear();
        for (to, bytes) in datagrams {
            self.put(from, to, bytes);
        }
    }

    pub fn put(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.log.push((from, to, bytes.clone(), self.now));
        if self.wire.cut || bytes.len() > self.wire.mtu || self.random.chance(self.wire.loss) {
            return;
        }
        let copies = 1 + u64::from(self.random.chance(self.wire.duplicate));
        for _ in 0..copies {
            let extra = self.wire.delay.mul_f64(2.0 * (self.random.next() % 1000) as f64 / 1000.0);
            self.count += 1;
            let at = (self.now + self.wire.delay + extra, self.count);
            self.under_way.insert(at, (from, to, bytes.clone()));
        }
    }

    pub fn send(&mut self, host: usize, packet: &[u8]) {
        let (mut out, now) = (Output::new(), self.clock(host));
        let Host { tunnel, peer, .. } = &mut self.hosts[host];
        tunnel.send(*peer, packet, now, &mut out);
        self.flush(host, &mut out);
    }

    pub fn deliver(&mut self, host: usize, from: SocketAddr, bytes: &[u8]) {
        if self.asleep[host] {
            return;
        }
        let (mut out, now) = (Output::new(), self.clock(host));
        let mut datagram = bytes.to_vec();
        let receiver = &mut self.hosts[host];
        if let Some((_, packet)) = receiver.tunnel.receive(from, &mut datagram, now, &mut out) {
            receiver.received.push(packet.to_vec());
        }
        self.flush(host, &mut out);
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let awake = [0, 1].into_iter().filter(|&host| !self.asleep[host]).collect::<Vec<_>>();
            for &host in &awake {
                let (mut out, now) = (Output::new(), self.clock(host));
                self.hosts[host].tunnel.poll(now, &mut out);
                self.flush(host, &mut out);
            }
            let due = |&host: &usize| Some(self.hosts[host].tunnel.next_timeout(self.clock(host))? + self.slept[host]);
            let timers = awake.iter().filter_map(due).min();
            let arrival = self.under_way.keys().next().map(|key| key.0);
            let next = timers.into_iter().chain(arrival).min().unwrap_or(end);
            // A timer that does not move on would stop the clock: the thread would spin.
            assert!(next > self.now || arrival == Some(next), "a timeout in the past at {:?}", self.now);
            if next > end {
                self.now = end;
                return;
            }
            self.now = next;
            while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (from, to, bytes) = entry.remove();
                if let Some(host) = self.hosts.iter().position(|host| host.address == to) {
                    self.deliver(host, from, &bytes);
                }
            }
        }
    }

    pub fn up(&self) -> [bool; 2] {
        [0, 1].map(|host| self.hosts[host].tunnel.is_up(self.hosts[host].peer))
    }

    /// When both were up for the first time from now on; panics after `patience`.
    pub fn until_up(&mut self, patience: Duration) -> Duration {
        let begin = self.now;
        while self.up() != [true, true] {
            assert!(self.now - begin < patience, "not up after {patience:?}");
            self.run(ms(1));
        }
        self.now - begin
    }

    pub fn status(&self, host: usize) -> switch::tunnel::PeerStatus {
        self.hosts[host].tunnel.status(self.hosts[host].peer, self.clock(host)).unwrap()
    }

    pub fn drops(&self, host: usize, reason: switch::tunnel::TunnelDrop) -> u64 {
        self.status(host).drops.get(reason) + self.hosts[host].tunnel.drops().get(reason)
    }
}

pub fn packet(number: u64, length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..length).map(|i| (i as u64 * 7 + number) as u8).collect();
    bytes[12..20].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// The numbers of packets that came, after a check that each came as it was sent.
pub fn numbers(received: &[Vec<u8>]) -> Vec<u64> {
    let number = |bytes: &Vec<u8>| {
        let number = u64::from_le_bytes(bytes[12..20].try_into().unwrap());
        assert_eq!(bytes, &packet(number, bytes.len()), "a packet that was never sent");
        number
    };
    received.iter().map(number).collect()
}
