//! A driver for tests: it speaks to a device as a guest does, through registers and rings in RAM.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::mmio::Mmio;
use super::worker::{Backend, Shared};
use super::Model;
use crate::bus::Device;
use crate::devices::testing::Wire;
use crate::layout::RAM_BASE;
use crate::memory::GuestRam;

pub const SIZE: u16 = 16;
/// Where queue `q`'s parts lie: 0x3000 bytes each, from here.
const RINGS: u64 = RAM_BASE;
/// Where tests put buffers.
pub const BUFFERS: u64 = RAM_BASE + 0x1_0000;
pub const NEXT: u16 = 1;
pub const WRITE: u16 = 2;
pub const INDIRECT: u16 = 4;

/// A descriptor: address, length, flags, next.
pub type Descriptor = (u64, u32, u16, u16);

pub struct Driver {
    pub ram: Arc<GuestRam>,
    pub device: Arc<Mmio>,
    pub wire: Arc<Wire>,
    avail: [u16; 2],
    used: [u16; 2],
}

impl Driver {
    pub fn new(model: Model, make: impl FnOnce(Arc<Shared>) -> Box<dyn Backend>) -> Self {
        let ram = Arc::new(GuestRam::new(RAM_BASE, 1 << 20).unwrap());
        let wire = Arc::new(Wire::default());
        let shared = Shared::new(model.config.clone(), wire.clone()).unwrap();
        let backend = make(Arc::clone(&shared));
        let device = Mmio::new("test".into(), model, backend, shared, Arc::clone(&ram), 1).unwrap();
        Self { ram, device, wire, avail: [0; 2], used: [0; 2] }
    }

    pub fn get(&self, register: u64) -> u32 {
        self.device.read(register, 4).unwrap() as u32
    }

    pub fn put(&self, register: u64, value: u32) {
        self.device.write(register, 4, value.into()).unwrap();
    }

    pub fn features(&self) -> u64 {
        self.put(0x14, 0);
        let low = self.get(0x10);
        self.put(0x14, 1);
        u64::from(self.get(0x10)) << 32 | u64::from(low)
    }

    pub fn ring(queue: usize, part: u64) -> u64 {
        RINGS + queue as u64 * 0x3000 + part * 0x1000
    }

    /// Reset, negotiate `features`, set up `queues` queues, and go.
    pub fn start(&mut self, features: u64, queues: usize) {
        self.put(0x70, 0);
        self.put(0x70, 3);
        for half in 0..2 {
            self.put(0x24, half);
            self.put(0x20, (features >> (32 * half)) as u32);
        }
        self.put(0x70, 11);
        assert_eq!(self.get(0x70), 11, "the device takes the features");
        for queue in 0..queues {
            self.put(0x30, queue as u32);
            assert!(self.get(0x34) >= SIZE.into());
            self.put(0x38, SIZE.into());
            for (part, register) in [(0, 0x80), (1, 0x90), (2, 0xa0)] {
                let at = Self::ring(queue, part);
                self.ram.write(at, &[0; 0x1000]).unwrap();
                self.put(register, at as u32);
                self.put(register + 4, (at >> 32) as u32);
            }
            self.put(0x44, 1);
        }
        (self.avail, self.used) = ([0; 2], [0; 2]);
        self.put(0x70, 15);
    }

    pub fn describe(&self, queue: usize, index: u16, (address, length, flags, next): Descriptor) {
        self.write_descriptor(Self::ring(queue, 0) + 16 * u64::from(index), (address, length, flags, next));
    }

    pub fn write_descriptor(&self, at: u64, (address, length, flags, next): Descriptor) {
        let mut bytes = address.to_le_bytes().to_vec();
        bytes.extend(length.to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        bytes.extend(next.to_le_bytes());
        self.ram.write(at, &bytes).unwrap();
    }

    /// Offer the chain at `head` and notify.
    pub fn offer(&mut self, queue: usize, head: u16) {
        let slot = u64::from(self.avail[queue] % SIZE);
        self.ram.write(Self::ring(queue, 1) + 4 + 2 * slot, &head.to_le_bytes()).unwrap();
        self.avail[queue] = self.avail[queue].wrapping_add(1);
        self.ram.write(Self::ring(queue, 1) + 2, &self.avail[queue].to_le_bytes()).unwrap();
        self.put(0x50, queue as u32);
    }

    /// Offer one chain of `buffers`, (address, length, writable), using descriptors from `first`.
    pub fn submit(&mut self, queue: usize, first: u16, buffers: &[(u64, u32, bool)]) {
        for (index, &(address, length, writable)) in (first..).zip(buffers) {
            let last = usize::from(index - first) + 1 == buffers.len();
            let flags = if writable { WRITE } else { 0 } | if last { 0 } else { NEXT };
            self.describe(queue, index, (address, length, flags, index + 1));
        }
        self.offer(queue, first);
    }

    /// The next used element of `queue`, (head, length), waiting for it.
    pub fn completion(&mut self, queue: usize) -> (u32, u32) {
        wait("a completion", || self.half(Self::ring(queue, 2) + 2) != self.used[queue]);
        let slot = u64::from(self.used[queue] % SIZE);
        self.used[queue] = self.used[queue].wrapping_add(1);
        let at = Self::ring(queue, 2) + 4 + 8 * slot;
        (self.word(at), self.word(at + 4))
    }

    pub fn half(&self, at: u64) -> u16 {
        u16::from_le_bytes(self.peek(at, 2).try_into().unwrap())
    }

    fn word(&self, at: u64) -> u32 {
        u32::from_le_bytes(self.peek(at, 4).try_into().unwrap())
    }

    pub fn peek(&self, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.ram.read(at, &mut bytes).unwrap();
        bytes
    }
}

/// Wait until `done`, or fail.
pub fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
