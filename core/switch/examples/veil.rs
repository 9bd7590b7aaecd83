//! One end of an encrypted tunnel with a TAP behind it, for measuring: `bench/veil.py` starts two, each in a network namespace.
//!
//! `veil FD NUMBER LISTEN PEER SECONDS`: FD is a TAP with virtio-net headers of 12 bytes, NUMBER 1 or 2.
//!
//! `unsafe` is the descriptor that it is given.

#![expect(unsafe_code)]

use std::error::Error;
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::time::Duration;
use switch::io::tunnel::{entropy, TunnelHandle};
use switch::io::{Batch, Datapath, Descriptors, Link};
use switch::tunnel::{PeerConfig, Timers, Tunnel, TunnelConfig};
use switch::{Capabilities, PortConfig, SwitchConfig};

struct Tap(OwnedFd);

impl Link for Tap {
    fn kind(&self) -> &'static str {
        "tap"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        Descriptors { listener: None, peer: Some(self.0.as_fd()) }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        let mut lengths = Vec::with_capacity(32);
        for slot in batch.slots() {
            match rustix::io::read(&self.0, &mut slot[..]) {
                Ok(length) => lengths.push(length),
                Err(_) => break,
            }
        }
        batch.fill(&lengths);
        Ok(true)
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        for packet in packets {
            let _ = rustix::io::write(&self.0, packet);
        }
        Ok(packets.len())
    }

    fn hang_up(&mut self) {}
}

fn config(number: u8) -> TunnelConfig {
    TunnelConfig {
        private_key: [number; 32],
        network: "bench".into(),
        switch: String::new(),
        wall: Duration::from_secs(u64::from(std::process::id())),
        timers: Timers::default(),
        entropy: entropy(),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, fd, number, listen, peer, seconds] = &arguments[..] else {
        return Err("veil FD NUMBER LISTEN PEER SECONDS".into());
    };
    let number: u8 = number.parse()?;
    // SAFETY: whoever started us says that the descriptor is ours.
    let tap = unsafe { OwnedFd::from_raw_fd(fd.parse()?) };
    rustix::io::ioctl_fionbio(&tap, true)?;
    let datapath = Datapath::start(SwitchConfig::default())?;
    let handle = TunnelHandle::start(config(number), listen.parse()?)?;
    let public_key = Tunnel::new(config(3 - number))?.public_key();
    let (id, link) = handle.add_peer(PeerConfig { public_key, psk: [9; 32], endpoint: Some(peer.parse()?) })?;
    let ports: [(&str, Box<dyn Link>); 2] = [("tap", Box::new(Tap(tap))), ("peer", Box::new(link))];
    for (name, link) in ports {
        let config = PortConfig { name: name.into(), ..PortConfig::default() };
        datapath.run(move |worker| worker.add_port(config, link))??;
    }
    std::thread::sleep(Duration::from_secs(seconds.parse()?));
    let status = handle.run(move |shell| {
        let now = shell.now();
        shell.tunnel().status(id, now)
    })?;
    eprintln!("{status:?}");
    for report in datapath.run(|worker| worker.reports())? {
        let drops: Vec<_> = report.counters.drops.iter().filter(|(_, count)| *count > 0).collect();
        eprintln!("{} {} {:?}", report.name, report.counters.rx_frames, drops);
    }
    Ok(())
}
