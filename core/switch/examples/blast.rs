//! How fast the datapath is between two guests' ports: throughput, packet rate, round trips; and the switch without its
//! sockets, which other work on the host disturbs less. Prints JSON.
//!
//! `cargo run --release -p switch --example blast [SECONDS]`

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::net::{connect, socket_with, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use switch::io::{hello, Batch, Datapath, GuestLink, PacketSocket};
use switch::{Capabilities, Outputs, PortConfig, Switch, SwitchConfig};

fn main() -> io::Result<()> {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2);
    let time = Duration::from_secs(seconds);
    let folder = std::env::temp_dir().join(format!("switch-blast-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let datapath = Datapath::start(SwitchConfig::default())?;
    let mut guests = Vec::new();
    for name in ["a", "b"] {
        let path = folder.join(name);
        let link = GuestLink::listen(&path)?;
        let config = PortConfig { name: name.into(), ..PortConfig::default() };
        datapath.run(move |worker| worker.add_port(config, Box::new(link))).map_err(io::Error::other)??;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        connect(&fd, &SocketAddrUnix::new(&path)?)?;
        guests.push(PacketSocket::new(fd));
    }
    let (a, b) = (&guests[0], &guests[1]);
    for (guest, from, to) in [(a, 1, 2), (b, 2, 1)] {
        guest.send(&[&hello(Capabilities::ALL), &frame(to, from, 60)])?;
    }
    std::thread::sleep(Duration::from_millis(100));
    println!("{{");
    for (name, length) in [("64", 64), ("1514", 1514), ("64k", 65_000)] {
        let (packets, took) = blast(a, b, &frame(2, 1, length), time);
        let rate = packets as f64 / took.as_secs_f64();
        let gbits = rate * length as f64 * 8.0 / 1e9;
        println!("  \"{name}\": {{\"packets_per_s\": {rate:.0}, \"gbit_per_s\": {gbits:.2}}},");
    }
    println!("  \"rtt_us\": {:.1},", round_trips(a, b, time));
    println!("  \"switch_ns\": {:.1}", switch_alone(time));
    println!("}}");
    drop(datapath);
    std::fs::remove_dir_all(&folder)
}

fn frame(to: u8, from: u8, length: usize) -> Vec<u8> {
    let mut packet = vec![0; 12];
    packet.extend([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5]);
    packet.resize(12 + length, 0);
    packet
}

/// Send as fast as the switch takes it; returns how many packets arrived, and in which time.
fn blast(a: &PacketSocket, b: &PacketSocket, packet: &[u8], time: Duration) -> (u64, Duration) {
    let stop = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let packets = [packet; 32];
            while !stop.load(Ordering::Relaxed) {
                if a.send(&packets).is_err() {
                    wait(a, PollFlags::OUT);
                }
            }
        });
        let (mut batch, mut count, began) = (Batch::new(), 0, Instant::now());
        while began.elapsed() < time {
            if b.receive(&mut batch).is_ok() && !batch.is_empty() {
                count += batch.len() as u64;
            } else {
                wait(b, PollFlags::IN);
            }
        }
        let took = began.elapsed();
        stop.store(true, Ordering::Relaxed);
        // What is still under way belongs to no measurement.
        let mut quiet = Instant::now();
        while quiet.elapsed() < Duration::from_millis(50) {
            if b.receive(&mut batch).is_ok() && !batch.is_empty() {
                quiet = Instant::now();
            }
        }
        (count, took)
    })
}

/// What the switch itself takes for a packet to a known address, nanoseconds: the best of many rounds.
fn switch_alone(time: Duration) -> f64 {
    const ROUND: u32 = 10_000;
    let (mut switch, mut out) = (Switch::new(SwitchConfig::default()), Outputs::default());
    let [a, b] =
        ["a", "b"].map(|name| switch.add_port(PortConfig { name: name.into(), ..PortConfig::default() }).unwrap());
    let (mut there, mut back) = (frame(2, 1, 64), frame(1, 2, 64));
    for id in [a, b] {
        switch.set_carrier(id, true);
    }
    let (mut best, began) = (Duration::MAX, Instant::now());
    while began.elapsed() < time {
        let (round, now) = (Instant::now(), began.elapsed());
        for _ in 0..ROUND {
            let _ = switch.receive(a, &mut there, now, &mut out);
            let _ = switch.receive(b, &mut back, now, &mut out);
        }
        best = best.min(round.elapsed());
    }
    assert_eq!(out.ports, [a], "the addresses are known");
    best.as_secs_f64() * 1e9 / f64::from(2 * ROUND)
}

/// Wait until `socket` is ready, or a moment.
fn wait(socket: &PacketSocket, flags: PollFlags) {
    let moment = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
    let _ = poll(&mut [PollFd::from_borrowed_fd(socket.as_fd(), flags)], Some(&moment));
}

/// Mean of a frame there and one back, microseconds.
fn round_trips(a: &PacketSocket, b: &PacketSocket, time: Duration) -> f64 {
    let (there, back) = (frame(2, 1, 64), frame(1, 2, 64));
    let (mut batch, mut count, began) = (Batch::new(), 0u32, Instant::now());
    while began.elapsed() < time {
        for (from, to, packet) in [(a, b, &there), (b, a, &back)] {
            while from.send(&[packet]).is_err() {}
            while to.receive(&mut batch).is_err() || batch.is_empty() {
                wait(to, PollFlags::IN);
            }
        }
        count += 1;
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}
