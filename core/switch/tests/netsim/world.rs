//! Switches, wires and hosts without sockets or clocks.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use switch::wire::VNET_HEADER;
use switch::{DropReason, Outputs, PortConfig, PortId, PortState, Switch, SwitchConfig};

pub const BROADCAST: usize = usize::MAX;

/// More hops than this from one frame are a loop.
const MAX_HOPS: usize = 10_000;

#[derive(Clone, Copy)]
enum End {
    Host(usize),
    Switch(usize, PortId),
}

struct Host {
    switch: usize,
    port: PortId,
    /// Sender and number of each frame.
    inbox: Vec<(usize, u32)>,
}

pub struct World {
    switches: Vec<Switch>,
    hosts: Vec<Host>,
    wires: HashMap<(usize, PortId), End>,
    flying: VecDeque<(usize, PortId, Vec<u8>)>,
    now: Duration,
    random: u64,
    loss: u64,
    pub lost: u64,
}

impl World {
    pub fn new(seed: u64) -> World {
        World {
            switches: Vec::new(),
            hosts: Vec::new(),
            wires: HashMap::new(),
            flying: VecDeque::new(),
            now: Duration::ZERO,
            random: seed | 1,
            loss: 0,
            lost: 0,
        }
    }

    pub fn switch(&mut self) -> usize {
        self.switches.push(Switch::new(SwitchConfig::default()));
        self.switches.len() - 1
    }

    fn port(&mut self, switch: usize, split_horizon: u32) -> PortId {
        let config = PortConfig { split_horizon, ..PortConfig::default() };
        let port = self.switches[switch].add_port(config).unwrap();
        self.switches[switch].set_carrier(port, true);
        port
    }

    pub fn wire(&mut self, a: usize, b: usize, split_horizon: u32) -> (PortId, PortId) {
        let (at_a, at_b) = (self.port(a, split_horizon), self.port(b, split_horizon));
        self.wires.insert((a, at_a), End::Switch(b, at_b));
        self.wires.insert((b, at_b), End::Switch(a, at_a));
        (at_a, at_b)
    }

    pub fn host(&mut self, switch: usize) -> usize {
        let port = self.port(switch, 0);
        self.hosts.push(Host { switch, port, inbox: Vec::new() });
        self.wires.insert((switch, port), End::Host(self.hosts.len() - 1));
        self.hosts.len() - 1
    }

    pub fn move_host(&mut self, host: usize, switch: usize) {
        let (old, port) = (self.hosts[host].switch, self.hosts[host].port);
        self.wires.remove(&(old, port));
        self.switches[old].remove_port(port);
        let port = self.port(switch, 0);
        self.wires.insert((switch, port), End::Host(host));
        (self.hosts[host].switch, self.hosts[host].port) = (switch, port);
    }

    pub fn set_state(&mut self, switch: usize, port: PortId, state: PortState) {
        self.switches[switch].set_state(port, state);
    }

    /// One frame in `one_in` is lost on its way between switches.
    pub fn lose(&mut self, seed: u64, one_in: u64) {
        self.random = seed * 2 + 1;
        self.loss = one_in;
    }

    pub fn send(&mut self, from: usize, to: usize, number: u32) {
        let destination = if to == BROADCAST { [0xff; 6] } else { mac(to as u32) };
        self.launch(from, destination, mac(from as u32), number);
    }

    /// Send with a made-up source address.
    pub fn send_as(&mut self, from: usize, source: u32, _to: usize) {
        self.launch(from, [0xff; 6], mac(source | 1 << 24), 0);
    }

    fn launch(&mut self, from: usize, destination: [u8; 6], source: [u8; 6], number: u32) {
        let mut packet = vec![0; VNET_HEADER];
        packet.extend(destination);
        packet.extend(source);
        packet.extend([0x88, 0xb5]);
        packet.extend((from as u32).to_be_bytes());
        packet.extend(number.to_be_bytes());
        self.flying.push_back((self.hosts[from].switch, self.hosts[from].port, packet));
    }

    pub fn wait(&mut self, time: Duration) {
        self.now += time;
        for switch in &mut self.switches {
            if switch.next_timeout().is_some_and(|at| at <= self.now) {
                switch.poll(self.now);
            }
        }
    }

    /// Deliver until nothing flies any more.
    pub fn run(&mut self) {
        let mut hops = 0;
        let mut out = Outputs::default();
        while let Some((switch, port, mut packet)) = self.flying.pop_front() {
            hops += 1;
            assert!(hops < MAX_HOPS * (self.hosts.len() + 1), "a loop");
            let _ = self.switches[switch].receive(port, &mut packet, self.now, &mut out);
            for &to in &out.ports {
                match self.wires.get(&(switch, to)).copied() {
                    Some(End::Host(host)) => self.hosts[host].inbox.push(read(&packet)),
                    Some(End::Switch(..)) if self.is_lost() => self.lost += 1,
                    Some(End::Switch(other, at)) => self.flying.push_back((other, at, packet.clone())),
                    None => {}
                }
            }
        }
    }

    fn is_lost(&mut self) -> bool {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.loss != 0 && self.random.is_multiple_of(self.loss)
    }

    pub fn inbox(&self, host: usize) -> &[(usize, u32)] {
        &self.hosts[host].inbox
    }

    pub fn clear(&mut self) {
        self.hosts.iter_mut().for_each(|host| host.inbox.clear());
    }

    /// Addresses in all forwarding databases together.
    pub fn addresses(&self) -> usize {
        self.switches.iter().map(|switch| switch.fdb().len()).sum()
    }

    pub fn drops(&self, reason: DropReason) -> u64 {
        let ports = self.switches.iter().flat_map(Switch::iter);
        ports.map(|(_, port)| port.counters.drops.get(reason)).sum()
    }
}

fn mac(number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [2, 0, a, b, c, d]
}

fn read(packet: &[u8]) -> (usize, u32) {
    let number = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
    (number(VNET_HEADER + 14) as usize, number(VNET_HEADER + 18))
}
