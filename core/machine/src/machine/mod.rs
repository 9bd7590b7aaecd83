//! The board: everything put together, started, watched and stopped.

mod boot;
mod config;
mod profile;
mod stats;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use config::{Disk, Error, Firmware, MachineConfig, Nic};
pub use stats::{DiskStats, NicStats, Stats};

use boot::Entry;

use crate::bus::{Bus, Device};
use crate::clock::Clock;
use crate::console::ConsoleBuffer;
use crate::devices::clint::Clint;
use crate::devices::finisher::Finisher;
use crate::devices::lock;
use crate::devices::plic::Plic;
use crate::devices::rtc::Rtc;
use crate::devices::uart::Uart;
use crate::hart::courtesy::Awaited;
use crate::hart::Hart;
use crate::irq::HartWires;
use crate::layout::{self, Window};
use crate::memory::GuestRam;
use crate::platform::{Console, Platform};
use crate::power::{Exit, Power};
use crate::sampler::{Record, Wish};
use crate::virtio::block::{self, Block};
use crate::virtio::mmio::{Empty, Mmio};
use crate::virtio::net::{self, Net};
use crate::virtio::rng::Entropy;
use crate::virtio::worker::Shared;

/// Register of `a2` in the integer file.
const A2: u8 = 12;

/// A machine. Dropping it stops it and waits for its threads.
pub struct Machine {
    platform: Arc<Platform>,
    console: Arc<ConsoleBuffer>,
    uart: Arc<Uart>,
    entry: Entry,
    started: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
    disks: Vec<Arc<block::Counters>>,
    nics: Vec<(Arc<net::Counters>, Arc<Mmio>)>,
    profiler: profile::Profiler,
}

/// The virtio windows, as they are filled.
struct Slots<'a> {
    ram: &'a Arc<GuestRam>,
    plic: &'a Arc<Plic>,
    bus: &'a mut Bus,
    next: usize,
}

impl Slots<'_> {
    fn window(&self) -> Window {
        let base = layout::VIRTIO.base + self.next as u64 * layout::VIRTIO_STRIDE;
        Window { base, size: layout::VIRTIO.size }
    }

    fn irq(&self) -> u32 {
        layout::VIRTIO_IRQ + self.next as u32
    }

    fn shared(&self, config: Vec<u8>) -> Result<Arc<Shared>, Error> {
        Ok(Shared::new(config, self.plic.line(self.irq()))?)
    }

    fn attach(&mut self, device: Arc<dyn Device>) {
        self.bus.attach(self.window(), device);
        self.next += 1;
    }

    fn disk(&mut self, number: usize, disk: &Disk) -> Result<Arc<block::Counters>, Error> {
        let counters = Arc::<block::Counters>::default();
        let backend = Block::open(&disk.path, disk.read_only, format!("vkd-{number}"), Arc::clone(&counters))?;
        let model = backend.model();
        let shared = self.shared(model.config.clone())?;
        let name = format!("blk-{number}");
        self.attach(Mmio::new(name, model, Box::new(backend), shared, Arc::clone(self.ram), self.irq())?);
        Ok(counters)
    }

    fn nic(&mut self, number: usize, nic: &Nic) -> Result<(Arc<net::Counters>, Arc<Mmio>), Error> {
        let counters = Arc::<net::Counters>::default();
        let model = Net::model(nic.mac);
        let shared = self.shared(model.config.clone())?;
        let backend = Net::new(&nic.socket, Arc::clone(&shared), Arc::clone(&counters))?;
        let name = format!("net-{number}");
        let device = Mmio::new(name, model, Box::new(backend), shared, Arc::clone(self.ram), self.irq())?;
        self.attach(Arc::clone(&device) as Arc<dyn Device>);
        Ok((counters, device))
    }

    fn rng(&mut self) -> Result<(), Error> {
        let model = Entropy::model();
        let shared = self.shared(Vec::new())?;
        self.attach(Mmio::new("rng".into(), model, Box::new(Entropy), shared, Arc::clone(self.ram), self.irq())?);
        Ok(())
    }

    fn fill(&mut self) {
        while self.next < layout::VIRTIO_SLOTS {
            self.attach(Arc::new(Empty));
        }
    }
}

impl Machine {
    /// Build the machine, its memory loaded. No guest instruction runs before [`Machine::start`].
    ///
    /// # Errors
    /// What is wrong with the configuration or a file it names.
    pub fn new(config: &MachineConfig) -> Result<Self, Error> {
        config.check()?;
        let ram = Arc::new(GuestRam::new(layout::RAM_BASE, config.ram_size)?);
        let wires: Vec<_> = (0..config.harts).map(|_| Arc::new(HartWires::new())).collect();
        let (clock, power, console) = (Clock::new(), Arc::new(Power::new()), Arc::new(ConsoleBuffer::new()));
        let plic = Plic::new(&wires);
        let uart = Uart::new(Arc::clone(&console) as Arc<dyn Console>, plic.line(layout::UART_IRQ));

        let mut bus = Bus::new();
        bus.attach(layout::FINISHER, Finisher::new(Arc::clone(&power), &wires));
        bus.attach(layout::RTC, Rtc::new(plic.line(layout::RTC_IRQ)));
        bus.attach(layout::CLINT, Clint::new(&wires, clock));
        bus.attach(layout::PLIC, Arc::clone(&plic) as Arc<dyn Device>);
        bus.attach(layout::UART, Arc::clone(&uart) as Arc<dyn Device>);
        let mut slots = Slots { ram: &ram, plic: &plic, bus: &mut bus, next: 0 };
        let disks = config.disks.iter().enumerate().map(|(number, disk)| slots.disk(number, disk));
        let disks = disks.collect::<Result<_, _>>()?;
        let nics = config.nics.iter().enumerate().map(|(number, nic)| slots.nic(number, nic));
        let nics = nics.collect::<Result<_, _>>()?;
        slots.rng()?;
        slots.fill();

        let entry = boot::load(config, &ram, &bus)?;
        let platform = Platform {
            ram,
            bus,
            wires,
            clock,
            power,
            console: Arc::clone(&console) as Arc<dyn Console>,
            awaited: Awaited::default(),
            builtin_sbi: config.firmware == Firmware::BuiltIn,
            translate: config.translate,
            windows: config.windows,
        };
        Ok(Self {
            platform: Arc::new(platform),
            console,
            uart,
            entry,
            started: AtomicBool::new(false),
            threads: Mutex::default(),
            disks,
            nics,
            profiler: profile::Profiler::default(),
        })
    }

    /// Set the harts going, each on a thread called `hart-N`.
    ///
    /// # Errors
    /// When it was started before, or the host has no thread to give: then it has ended.
    pub fn start(&self) -> Result<(), Error> {
        if self.started.swap(true, Ordering::AcqRel) {
            return Err(Error::Invalid("the machine has been started before".into()));
        }
        let mut threads = lock(&self.threads);
        for id in 0..self.platform.wires.len() {
            let (platform, entry) = (Arc::clone(&self.platform), self.entry);
            let thread = thread::Builder::new().name(format!("hart-{id}")).spawn(move || run(platform, id, entry));
            match thread {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    self.platform.end(Exit::Fault(format!("no thread for hart {id}: {error}")));
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Wait for the machine's end, at most `timeout`.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<Exit> {
        self.platform.power.wait(timeout)
    }

    /// End it, unless it has ended, and wait for the harts.
    pub fn stop(&self) {
        self.platform.end(Exit::Stopped);
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            // A panic in a hart has become the machine's exit.
            let _ = thread.join();
        }
    }

    /// What the guest wrote to its console; waits for something at most `timeout`.
    #[must_use]
    pub fn console_read(&self, timeout: Duration) -> Vec<u8> {
        self.console.read(timeout)
    }

    /// Give console input; returns how many bytes were taken.
    pub fn console_write(&self, bytes: &[u8]) -> usize {
        let count = self.console.write(bytes);
        self.uart.input_ready();
        count
    }

    /// Sample what the harts execute, `rate` times a second, until [`Machine::profile_stop`]. What was recorded before is
    /// forgotten.
    ///
    /// # Errors
    /// When there can be no such rate, or the host has no thread to give.
    pub fn profile_start(&self, rate: u32, wish: Wish) -> Result<(), Error> {
        self.profiler.start(&self.platform, rate, wish)
    }

    /// End what [`Machine::profile_start`] began. The samples can still be read.
    pub fn profile_stop(&self) {
        self.profiler.stop(&self.platform);
    }

    /// Take what has been recorded of each hart, at most `limit` samples of each.
    #[must_use]
    pub fn profile_read(&self, limit: usize) -> Vec<Record> {
        profile::read(&self.platform, limit)
    }

    /// Counters, as of now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            instructions: self.platform.wires.iter().map(|wires| wires.retired.load(Ordering::Relaxed)).collect(),
            harts: self.platform.wires.iter().map(|wires| wires.counters.read()).collect(),
            console_dropped: self.console.dropped(),
            disks: self.disks.iter().map(|counters| DiskStats::of(counters)).collect(),
            nics: self.nics.iter().map(|(counters, device)| NicStats::of(counters, device.driver_ok())).collect(),
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.profile_stop();
        self.stop();
    }
}

/// A hart's thread.
fn run(platform: Arc<Platform>, id: usize, entry: Entry) {
    let mut hart = match Hart::new(Arc::clone(&platform), id) {
        Ok(hart) => hart,
        Err(error) => return platform.end(Exit::Fault(format!("no memory for hart {id}: {error}"))),
    };
    if entry.all || id == 0 {
        hart.reset_to(entry.pc, id as u64, entry.tree, entry.privilege);
        hart.set_x(A2, entry.info);
    }
    hart.run();
}
