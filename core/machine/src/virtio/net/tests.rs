//! `unsafe` is sockets of a kind that the standard library has not.

#![expect(unsafe_code)]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;

use proptest::prelude::*;

use super::*;
use crate::bus::Device;
use crate::virtio::feature::VERSION_1;
use crate::virtio::testing::{wait, Driver, BUFFERS};

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const FRAME: u64 = BUFFERS + 0x4_0000;
static SERIAL: AtomicUsize = AtomicUsize::new(0);

/// A listening switch port, seen from the switch.
struct Port {
    path: PathBuf,
    listener: OwnedFd,
}

impl Port {
    fn at(path: PathBuf) -> Self {
        let mut address: libc::sockaddr_un = unsafe_zeroed();
        address.sun_family = libc::AF_UNIX as _;
        for (to, from) in address.sun_path.iter_mut().zip(path.to_str().unwrap().bytes()) {
            *to = from as _;
        }
        // SAFETY: a valid address of the size stated, a descriptor that is checked.
        let listener = unsafe {
            let fd = libc::socket(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0);
            assert!(fd >= 0);
            let size = std::mem::size_of_val(&address) as _;
            assert_eq!(libc::bind(fd, std::ptr::from_ref(&address).cast(), size), 0);
            assert_eq!(libc::listen(fd, 4), 0);
            OwnedFd::from_raw_fd(fd)
        };
        Self { path, listener }
    }

    fn accept(&self) -> UnixStream {
        // SAFETY: no pointers; the result is checked. The socket is a SEQPACKET one: reads and writes are whole packets.
        unsafe {
            let fd = libc::accept(self.listener.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut());
            assert!(fd >= 0);
            let stream = UnixStream::from_raw_fd(fd);
            stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
            stream
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn unsafe_zeroed() -> libc::sockaddr_un {
    // SAFETY: all-zero is a valid address.
    unsafe { std::mem::zeroed() }
}

fn path() -> PathBuf {
    let serial = SERIAL.fetch_add(1, Relaxed);
    std::env::temp_dir().join(format!("vkd-net-{}-{serial}", std::process::id()))
}

fn driver(path: &Path) -> (Driver, Arc<Counters>) {
    let counters = Arc::new(Counters::default());
    let seen = Arc::clone(&counters);
    let make = move |shared| -> Box<dyn Backend> { Box::new(Net::new(path, shared, counters).unwrap()) };
    (Driver::new(Net::model(MAC), make), seen)
}

/// A device whose driver is up with `features`, and the switch's end of its link.
fn connected(features: u64) -> (Driver, Arc<Counters>, UnixStream) {
    let port = Port::at(path());
    let (mut driver, counters) = driver(&port.path);
    let switch = port.accept();
    assert_eq!(receive(&switch), b"VETH\0\0\0\0", "there is no driver yet");
    driver.start(features, 2);
    let offloads = [F_GUEST_CSUM, F_GUEST_TSO4, F_GUEST_TSO6];
    let bits =
        offloads.iter().zip([1, 2, 4]).filter(|(feature, _)| features & **feature != 0).map(|(_, bit)| bit).sum();
    assert_eq!(receive(&switch), [b'V', b'E', b'T', b'H', bits, 0, 0, 0]);
    wait("the link", || counters.connected.load(Relaxed));
    (driver, counters, switch)
}

fn link_up(driver: &Driver) -> bool {
    driver.device.read(0x106, 2).unwrap() & 1 != 0
}

fn send(switch: &UnixStream, packet: &[u8]) {
    let sent = std::io::Write::write(&mut &*switch, packet).unwrap();
    assert_eq!(sent, packet.len());
}

fn receive(switch: &UnixStream) -> Vec<u8> {
    let mut packet = vec![0; PACKET];
    let length = std::io::Read::read(&mut &*switch, &mut packet).unwrap();
    packet.truncate(length);
    packet
}

fn packet(length: usize) -> Vec<u8> {
    let mut packet = vec![0; HEADER];
    packet.extend((0..length).map(|at| (at % 251) as u8));
    packet
}

#[test]
fn frames_go_out_behind_their_header() {
    let (mut driver, counters, switch) = connected(VERSION_1);
    for length in [14usize, 60, 1514, 65_550] {
        let mut sent = packet(length);
        (sent[0], sent[6]) = (1, 34);
        driver.ram.write(FRAME, &sent).unwrap();
        let buffers = [(FRAME, 12, false), (FRAME + 12, length as u32, false)];
        driver.submit(TX, 0, &buffers);
        assert_eq!(driver.completion(TX), (0, 0));
        assert_eq!(receive(&switch), sent);
    }
    assert_eq!(counters.tx_packets.load(Relaxed), 4);
    assert_eq!(counters.tx_bytes.load(Relaxed), 14 + 60 + 1514 + 65_550);
}

#[test]
fn frames_come_in_with_their_number_of_buffers() {
    let (mut driver, counters, switch) = connected(VERSION_1);
    driver.submit(RX, 0, &[(FRAME, 2048, true)]);
    let mut sent = packet(1514);
    send(&switch, &sent);
    assert_eq!(driver.completion(RX), (0, 1526));
    sent[NUM_BUFFERS] = 1;
    assert_eq!(driver.peek(FRAME, 1526), sent);
    assert_eq!(counters.rx_bytes.load(Relaxed), 1514);
}

#[test]
fn a_large_frame_spreads_over_mergeable_buffers_and_waits_for_them() {
    let (mut driver, _, switch) = connected(VERSION_1 | F_MRG_RXBUF | feature::EVENT_IDX);
    let mut sent = packet(40_000);
    send(&switch, &sent);
    for index in 0..5u16 {
        driver.submit(RX, index, &[(FRAME + u64::from(index) * 10_000, 10_000, true)]);
        if index == 2 {
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert_eq!(driver.half(Driver::ring(RX, 2) + 2), 0, "nothing is given in part");
        }
    }
    let lengths: Vec<_> = (0..5).map(|_| driver.completion(RX)).collect();
    assert_eq!(lengths, [(0, 10_000), (1, 10_000), (2, 10_000), (3, 10_000), (4, 12)]);
    sent[NUM_BUFFERS] = 5;
    assert_eq!(driver.peek(FRAME, 40_012), sent);
}

#[test]
fn a_driver_without_offloads_gets_complete_frames_or_none() {
    let (mut driver, counters, switch) = connected(0);
    driver.submit(RX, 0, &[(FRAME, 200, true)]);
    let mut segment = packet(100);
    segment[1] = 1;
    send(&switch, &segment);
    send(&switch, &packet(1000));
    let mut partial = packet(20);
    (partial[0], partial[6], partial[8]) = (1, 4, 2);
    partial[HEADER + 4..].fill(0);
    send(&switch, &partial);
    // The header is the short one: no number of buffers.
    assert_eq!(driver.completion(RX), (0, 30));
    assert_eq!(driver.peek(FRAME, 10), [0; 10]);
    assert_eq!(driver.peek(FRAME + 10 + 6, 2), [0xff, 0xff], "the checksum of zeroes");
    assert_eq!(counters.dropped_unsupported.load(Relaxed), 2);
}

#[test]
fn the_link_follows_the_socket_and_comes_back() {
    let path = path();
    let (mut driver, counters) = driver(&path);
    driver.start(VERSION_1 | F_STATUS, 2);
    assert!(!link_up(&driver));
    driver.ram.write(FRAME, &packet(60)).unwrap();
    driver.submit(TX, 0, &[(FRAME, 72, false)]);
    assert_eq!(driver.completion(TX), (0, 0));
    assert_eq!(counters.dropped_link_down.load(Relaxed), 1);
    driver.put(0x64, 3);
    for round in 0..3 {
        let port = Port::at(path.clone());
        let switch = port.accept();
        wait("link up", || link_up(&driver));
        wait("the interrupt", || driver.get(0x60) & 2 != 0);
        driver.put(0x64, 3);
        assert_eq!(receive(&switch), b"VETH\0\0\0\0");
        driver.submit(TX, 0, &[(FRAME, 72, false)]);
        assert_eq!(receive(&switch), packet(60));
        drop((switch, port));
        wait("link down", || !link_up(&driver));
        wait("the interrupt", || driver.get(0x60) & 2 != 0);
        assert_eq!(driver.get(0xfc), 2 * (round + 1), "each change is a generation");
        driver.put(0x64, 3);
    }
}

#[test]
fn frames_for_a_driver_that_is_down_are_dropped() {
    let port = Port::at(path());
    let (_driver, counters) = driver(&port.path);
    let switch = port.accept();
    for _ in 0..40 {
        send(&switch, &packet(60));
    }
    wait("the drops", || counters.dropped_driver_down.load(Relaxed) == 40);
}

#[test]
fn a_switch_that_takes_nothing_holds_the_guest_up_and_loses_nothing() {
    let (mut driver, counters, switch) = connected(VERSION_1);
    let total = 60u32;
    let drain = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        (0..total).map(|_| receive(&switch)).collect::<Vec<_>>()
    });
    for number in 0..total {
        let at = FRAME + u64::from(number % 4) * 0x1_2000;
        let mut sent = packet(60_000);
        sent[HEADER..HEADER + 4].copy_from_slice(&number.to_le_bytes());
        driver.ram.write(at, &sent).unwrap();
        driver.submit(TX, (number % 4) as u16, &[(at, 60_012, false)]);
        if number >= 3 {
            driver.completion(TX);
        }
    }
    for (number, got) in (0u32..).zip(drain.join().unwrap()) {
        assert_eq!(got[HEADER..HEADER + 4], number.to_le_bytes());
        assert_eq!(got.len(), 60_012);
    }
    assert_eq!(counters.tx_packets.load(Relaxed), 60);
}

#[test]
fn a_bad_frame_of_the_guest_is_dropped_and_the_next_goes_out() {
    let (mut driver, counters, switch) = connected(VERSION_1);
    driver.ram.write(FRAME, &packet(60)).unwrap();
    for length in [0, 5, 12, 25, 100_000] {
        driver.submit(TX, 0, &[(FRAME, length, false)]);
        assert_eq!(driver.completion(TX), (0, 0));
    }
    assert_eq!(counters.dropped_malformed.load(Relaxed), 5);
    driver.submit(TX, 0, &[(FRAME, 72, false)]);
    assert_eq!(receive(&switch), packet(60));
}

#[test]
fn a_path_that_is_no_socket_path_is_refused() {
    let shared = Shared::new(vec![0; 10], Arc::new(crate::devices::testing::Wire::default())).unwrap();
    let error = Net::new(Path::new(&"x".repeat(200)), shared, Arc::default()).err().unwrap();
    assert!(error.to_string().contains("1 to 107 bytes"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn hostile_packets_of_the_switch_reach_the_guest_or_are_dropped(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 1..20),
        offloads: bool, mergeable: bool,
    ) {
        let features = if offloads { F_GUEST_CSUM | F_GUEST_TSO4 } else { 0 } | if mergeable { F_MRG_RXBUF } else { 0 };
        let (mut driver, counters, switch) = connected(VERSION_1 | features);
        for packet in &packets {
            send(&switch, packet);
        }
        for index in 0..8u16 {
            driver.submit(RX, index, &[(FRAME + u64::from(index) * 256, 64, true)]);
        }
        let sum = || {
            [&counters.rx_packets, &counters.dropped_malformed, &counters.dropped_unsupported]
                .iter().map(|counter| counter.load(Relaxed)).sum::<u64>()
        };
        let used = || driver.half(Driver::ring(RX, 2) + 2);
        // All of them, or as many as the buffers hold.
        wait("the end", || sum() == packets.len() as u64 || used() >= 5);
        prop_assert!(used() <= 8);
    }
}

/// A port that has another peer accepts and closes. The guest must not see its link flap many times a second for ever.
#[test]
fn a_port_that_ends_each_connection_is_tried_ever_more_seldom() {
    let port = Port::at(path());
    // SAFETY: no pointers; a listener that does not block.
    assert_eq!(unsafe { libc::fcntl(port.listener.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }, 0);
    let (driver, _) = driver(&port.path);
    let mut accepted = 0;
    let end = Instant::now() + std::time::Duration::from_millis(1500);
    while Instant::now() < end {
        // SAFETY: no pointers.
        let fd = unsafe { libc::accept(port.listener.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut()) };
        if fd >= 0 {
            // SAFETY: just made, owned by nobody else.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
            accepted += 1;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    drop(driver);
    // 20 ms, doubled each time: seven attempts by 1.26 s, and the one at once.
    assert!((2..=8).contains(&accepted), "{accepted} connections");
}

#[test]
fn a_guest_without_buffers_sees_that_the_switch_is_gone() {
    let (driver, counters, switch) = connected(VERSION_1);
    send(&switch, &packet(60));
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(link_up(&driver));
    drop(switch);
    wait("the link's end", || !link_up(&driver));
    assert!(!counters.connected.load(Relaxed));
}
