//! The datapath's thread over real sockets.

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::net::{connect, socket_with, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use switch::io::{hello, Batch, Datapath, GuestLink, PacketSocket, PortReport};
use switch::wire::VNET_HEADER;
use switch::{Capabilities, DropReason, Policy, PortConfig, SwitchConfig, VlanMode, VlanSet};

struct Lab {
    folder: PathBuf,
    datapath: Datapath,
}

impl Lab {
    fn new(name: &str, ports: &[&str]) -> Lab {
        let folder = std::env::temp_dir().join(format!("switch-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let lab = Lab { folder, datapath: Datapath::start(SwitchConfig::default()).unwrap() };
        ports.iter().for_each(|port| lab.add(port));
        lab
    }

    fn add(&self, port: &str) {
        let link = GuestLink::listen(&self.folder.join(port)).unwrap();
        let config = PortConfig { name: port.into(), ..PortConfig::default() };
        self.datapath.run(move |worker| worker.add_port(config, Box::new(link))).unwrap().unwrap();
    }

    fn remove(&self, port: &'static str) {
        assert!(self.datapath.run(|worker| worker.find(port).is_some_and(|id| worker.remove_port(id))).unwrap());
    }

    fn dial(&self, port: &str) -> io::Result<Guest> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        connect(&fd, &SocketAddrUnix::new(self.folder.join(port))?)?;
        Ok(Guest(PacketSocket::new(fd)))
    }

    fn connect(&self, port: &str) -> Guest {
        let guest = self.dial(port).unwrap();
        until("carrier", || self.report(port).carrier);
        guest
    }

    fn report(&self, port: &str) -> PortReport {
        let reports = self.datapath.run(|worker| worker.reports()).unwrap();
        reports.into_iter().find(|report| report.name == port).unwrap()
    }

    fn drops(&self, port: &str, reason: DropReason) -> u64 {
        self.report(port).counters.drops.get(reason)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.datapath.stop();
        let left = std::fs::read_dir(&self.folder).unwrap().count();
        std::fs::remove_dir_all(&self.folder).unwrap();
        if !std::thread::panicking() {
            assert_eq!(left, 0, "sockets are removed with their ports");
        }
    }
}

struct Guest(PacketSocket);

impl Guest {
    fn send(&self, packet: &[u8]) {
        until("room to send", || self.0.send(&[packet]).is_ok());
    }

    /// All packets that come within `wait`, or the first `count` of them.
    fn receive(&self, count: usize, wait: Duration) -> Vec<Vec<u8>> {
        let (mut batch, mut got, end) = (Batch::new(), Vec::new(), Instant::now() + wait);
        while got.len() < count && Instant::now() < end {
            assert!(self.0.receive(&mut batch).unwrap(), "the switch hung up");
            got.extend((0..batch.len()).map(|i| batch.packet(i).to_vec()));
            std::thread::sleep(Duration::from_millis(1));
        }
        got
    }
}

const LONG: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(50);

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !done() {
        assert!(Instant::now() < end, "no {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn packet(to: u8, from: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; VNET_HEADER];
    packet.extend([if to == 0xff { 0xff } else { 2 }; 1]);
    packet.extend([if to == 0xff { 0xff } else { 0 }; 4]);
    packet.extend([to, 2, 0, 0, 0, 0, from, 0x88, 0xb5]);
    packet.extend(payload);
    packet
}

/// A TCPv4 segment of `payload` bytes that asks to be cut.
fn segment(to: u8, from: u8, payload: usize) -> Vec<u8> {
    let mut packet = packet(to, from, &[]);
    packet[..12].copy_from_slice(&[1, 1, 54, 0, 0xa8, 5, 34, 0, 16, 0, 0, 0]);
    packet[24..26].copy_from_slice(&[8, 0]);
    packet.extend([0x45, 0]);
    packet.extend((40 + payload as u16).to_be_bytes());
    packet.extend([0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, from, 10, 0, 0, to]);
    packet.extend([0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0x50, 0x10, 1, 0, 0, 0, 0, 0]);
    packet.resize(packet.len() + payload, 7);
    packet
}

#[test]
fn guests_exchange_frames_and_flooding_ends() {
    let lab = Lab::new("exchange", &["a", "b", "c"]);
    let (a, b, c) = (lab.connect("a"), lab.connect("b"), lab.connect("c"));
    let broadcast = packet(0xff, 1, b"who");
    a.send(&broadcast);
    assert_eq!(b.receive(1, LONG), std::slice::from_ref(&broadcast));
    assert_eq!(c.receive(1, LONG), [broadcast]);
    let answer = packet(1, 2, b"me");
    b.send(&answer);
    assert_eq!(a.receive(1, LONG), [answer]);
    let large = packet(2, 1, &vec![9; 65_000]);
    a.send(&large);
    assert_eq!(b.receive(1, LONG), [large]);
    assert!(c.receive(1, SHORT).is_empty(), "known addresses are not flooded");
    let counters = lab.report("b").counters;
    assert_eq!((counters.rx_frames, counters.tx_frames, counters.tx_bytes), (1, 2, 14 + 3 + 14 + 65_000));
}

#[test]
fn a_segment_is_left_whole_for_who_takes_it_and_cut_for_who_does_not() {
    let lab = Lab::new("segment", &["a", "b", "c"]);
    let (a, b, c) = (lab.connect("a"), lab.connect("b"), lab.connect("c"));
    b.send(&hello(Capabilities::ALL));
    until("capabilities", || lab.report("b").capabilities == Capabilities::ALL);
    let whole = segment(0xff, 1, 64_000);
    let mut whole_for_all = whole.clone();
    whole_for_all[12..18].fill(0xff);
    a.send(&whole_for_all);
    assert_eq!(b.receive(1, LONG), [whole_for_all]);
    let pieces = c.receive(64_000usize.div_ceil(1448), LONG);
    assert_eq!(pieces.len(), 45);
    assert!(pieces.iter().all(|piece| piece.len() <= 12 + 54 + 1448 && piece[..12] == [0; 12]));
    assert_eq!(pieces.iter().map(|piece| piece.len() - 66).sum::<usize>(), 64_000);
    assert_eq!(lab.report("c").counters.tx_frames, 45);
}

#[test]
fn who_does_not_read_loses_only_its_own_frames() {
    let lab = Lab::new("stall", &["a", "b", "c"]);
    let (a, b, c) = (lab.connect("a"), lab.connect("b"), lab.connect("c"));
    b.send(&packet(0xff, 2, b"here"));
    c.send(&packet(0xff, 3, b"here"));
    a.receive(2, LONG);
    c.receive(1, LONG);
    let (count, payload) = (4000, vec![1; 1000]);
    let mut got = 0;
    for i in 0..count {
        a.send(&packet(2, 1, &payload));
        a.send(&packet(3, 1, &payload));
        if i % 16 == 0 {
            got += c.receive(usize::MAX, Duration::from_millis(1)).len();
        }
    }
    got += c.receive(count - got, LONG).len();
    assert_eq!(got, count, "the reader loses nothing");
    let report = lab.report("b");
    let dropped = report.counters.drops.get(DropReason::QueueFull);
    assert!(dropped > 0 && report.backlog > 0);
    let waiting = b.receive(count - dropped as usize + 1, LONG).len();
    assert_eq!(waiting as u64 + dropped, count as u64 + 1, "delivered or counted (and c's broadcast)");
    assert_eq!(lab.report("b").backlog, 0);
}

#[test]
fn a_port_has_one_living_peer_and_outlives_it() {
    let lab = Lab::new("peer", &["a", "b"]);
    let a = lab.connect("a");
    let b = lab.connect("b");
    b.send(&packet(0xff, 2, b"here"));
    assert_eq!(a.receive(1, LONG).len(), 1);
    let second = lab.dial("a").unwrap();
    until("refusal", || second.0.is_closed());
    assert!(!a.0.is_closed());
    drop(a);
    until("loss of carrier", || !lab.report("a").carrier);
    let a = lab.connect("a");
    b.send(&packet(0xff, 2, b"again"));
    assert_eq!(a.receive(1, LONG).len(), 1);
    assert_eq!(lab.report("b").counters.rx_frames, 2);
}

#[test]
fn only_a_socket_is_replaced() {
    let path = std::env::temp_dir().join(format!("switch-file-{}", std::process::id()));
    std::fs::write(&path, "precious").unwrap();
    let error = GuestLink::listen(&path).map(|_| ()).unwrap_err();
    let kept = std::fs::read(&path).unwrap_or_default();
    let _ = std::fs::remove_file(&path);
    assert_eq!((error.kind(), &kept[..]), (io::ErrorKind::AlreadyExists, &b"precious"[..]));
}

#[test]
fn ports_come_and_go_while_frames_flow() {
    let lab = Lab::new("hotplug", &["a", "b"]);
    let (a, b) = (lab.connect("a"), lab.connect("b"));
    for round in 0..20 {
        lab.add("x");
        let x = lab.connect("x");
        let frame = packet(0xff, 1, &[round]);
        a.send(&frame);
        assert_eq!(x.receive(1, LONG), std::slice::from_ref(&frame));
        assert_eq!(b.receive(1, LONG), [frame]);
        lab.remove("x");
        until("hang-up", || x.0.is_closed());
    }
}

#[test]
fn bad_packets_are_counted_by_name() {
    let lab = Lab::new("bad", &["a", "b"]);
    let (a, b) = (lab.connect("a"), lab.connect("b"));
    let mut multicast_source = packet(2, 1, b"");
    multicast_source[18] = 1;
    let mut lie = packet(2, 1, b"payload");
    lie[0] = 1;
    lie[6..8].copy_from_slice(&[0xff, 0xff]);
    let mut reserved = packet(2, 1, b"payload");
    reserved[1] = 77;
    for bad in [&b""[..], b"x", &[0; 25], &vec![0; 70_000], &multicast_source, &lie, &reserved] {
        a.send(bad);
    }
    a.send(&packet(2, 1, b"good"));
    assert_eq!(b.receive(1, LONG), [packet(2, 1, b"good")]);
    assert_eq!(lab.drops("a", DropReason::TooShort), 3);
    assert_eq!(lab.drops("a", DropReason::TooLong), 1);
    assert_eq!(lab.drops("a", DropReason::BadSource), 1);
    assert_eq!(lab.drops("a", DropReason::BadOffload), 1);
    assert_eq!(lab.drops("a", DropReason::UnknownOffload), 1);
    assert_eq!(lab.report("a").counters.rx_frames, 8);
}

#[test]
fn what_is_injected_goes_where_a_frame_from_there_would() {
    let lab = Lab::new("inject", &["a", "b"]);
    let (a, b) = (lab.connect("a"), lab.connect("b"));
    let frame = packet(0xff, 9, b"from above")[VNET_HEADER..].to_vec();
    let copy = frame.clone();
    lab.datapath.run(move |worker| worker.find("a").map(|id| worker.inject(id, &copy))).unwrap().unwrap();
    assert_eq!(b.receive(1, LONG)[0][VNET_HEADER..], frame);
    assert!(a.receive(1, SHORT).is_empty());
}

#[test]
fn the_punt_queue_is_readable_and_bounded() {
    use switch::io::{Punt, PuntQueue};
    let queue = PuntQueue::new().unwrap();
    let mut fds = [rustix::event::PollFd::from_borrowed_fd(queue.as_fd(), rustix::event::PollFlags::IN)];
    let now = Some(rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 });
    assert_eq!(rustix::event::poll(&mut fds, now.as_ref()).unwrap(), 0);
    let punt = Punt { port: "gateway".into(), reason: "dns", frame: vec![1] };
    let taken = (0..1000).filter(|_| queue.push(punt.clone())).count();
    assert_eq!(rustix::event::poll(&mut fds, now.as_ref()).unwrap(), 1);
    assert_eq!(queue.take().len(), taken);
    assert!(taken < 1000);
    fds[0].clear_revents();
    assert_eq!(rustix::event::poll(&mut fds, now.as_ref()).unwrap(), 0);
}

#[test]
fn a_tag_is_pushed_and_popped_on_the_way() {
    let lab = Lab::new("tags", &["a", "b", "t", "u"]);
    let trunk = VlanMode::Trunk { native: None, allowed: VlanSet::all() };
    let modes = [("a", VlanMode::Access(7)), ("b", VlanMode::Access(7)), ("t", trunk.clone()), ("u", trunk)];
    for (name, vlan) in modes {
        let policy = Policy { vlan, ..Policy::default() };
        lab.datapath.run(move |worker| worker.find(name).map(|id| worker.switch().set_policy(id, policy))).unwrap();
    }
    let [a, b, t, u] = ["a", "b", "t", "u"].map(|port| lab.connect(port));
    for guest in [&b, &t] {
        guest.send(&hello(Capabilities::ALL));
    }
    until("capabilities", || ["b", "t"].iter().all(|port| lab.report(port).capabilities == Capabilities::ALL));
    let mut whole = segment(0xff, 1, 5000);
    whole[12..18].fill(0xff);
    let mut tagged = whole.clone();
    tagged[2] += 4;
    tagged[6] += 4;
    tagged.splice(24..24, [0x81, 0, 0, 7]);
    // Both forms at once: as it is to one, with a tag to another, and with a tag in pieces to the third.
    a.send(&whole);
    assert_eq!(b.receive(1, LONG), std::slice::from_ref(&whole));
    assert_eq!(t.receive(1, LONG), std::slice::from_ref(&tagged));
    let pieces = u.receive(4, LONG);
    assert!(pieces.len() == 4 && pieces.iter().all(|piece| piece[..12] == [0; 12] && piece[24..28] == [0x81, 0, 0, 7]));
    // One form only: in place, both ways.
    let mut answer = packet(1, 3, b"one");
    answer.splice(24..24, [0x81, 0, 0, 7]);
    t.send(&answer);
    assert_eq!(a.receive(1, LONG), [packet(1, 3, b"one")]);
    a.send(&packet(3, 1, &[5; 9000]));
    let mut expected = packet(3, 1, &[5; 9000]);
    expected.splice(24..24, [0x81, 0, 0, 7]);
    assert_eq!(t.receive(1, LONG), [expected]);
}
