//! The memory-mapped transport, version 2 (section 4.2). An empty window answers with device type 0.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use vm_fdt::FdtWriter;

use super::queue::{Malformed, Placement, Virtqueue};
use super::worker::{self, status, Backend, Command, Shared};
use super::{feature, Model};
use crate::bus::Device;
use crate::devices::lock;
use crate::fdt::phandle;
use crate::layout::Window;
use crate::memory::GuestRam;

/// Register offsets (section 4.2.2).
mod register {
    pub const MAGIC: u64 = 0x000;
    pub const VERSION: u64 = 0x004;
    pub const DEVICE_ID: u64 = 0x008;
    pub const VENDOR_ID: u64 = 0x00c;
    pub const DEVICE_FEATURES: u64 = 0x010;
    pub const DEVICE_FEATURES_SEL: u64 = 0x014;
    pub const DRIVER_FEATURES: u64 = 0x020;
    pub const DRIVER_FEATURES_SEL: u64 = 0x024;
    pub const QUEUE_SEL: u64 = 0x030;
    pub const QUEUE_NUM_MAX: u64 = 0x034;
    pub const QUEUE_NUM: u64 = 0x038;
    pub const QUEUE_READY: u64 = 0x044;
    pub const QUEUE_NOTIFY: u64 = 0x050;
    pub const INTERRUPT_STATUS: u64 = 0x060;
    pub const INTERRUPT_ACK: u64 = 0x064;
    pub const STATUS: u64 = 0x070;
    pub const QUEUE_DESC_LOW: u64 = 0x080;
    pub const QUEUE_DESC_HIGH: u64 = 0x084;
    pub const QUEUE_DRIVER_LOW: u64 = 0x090;
    pub const QUEUE_DRIVER_HIGH: u64 = 0x094;
    pub const QUEUE_DEVICE_LOW: u64 = 0x0a0;
    pub const QUEUE_DEVICE_HIGH: u64 = 0x0a4;
    pub const SHM_LEN_LOW: u64 = 0x0b0;
    pub const SHM_BASE_HIGH: u64 = 0x0bc;
    pub const CONFIG_GENERATION: u64 = 0x0fc;
    pub const CONFIG: u64 = 0x100;
}

const MAGIC: u32 = u32::from_le_bytes(*b"virt");
/// QEMU's: xv6 takes a disk of no other vendor.
const VENDOR: u32 = u32::from_le_bytes(*b"QEMU");
const VERSION: u32 = 2;

/// A window without a device behind it.
pub struct Empty;

impl Device for Empty {
    fn read(&self, offset: u64, size: u8) -> Option<u64> {
        let value = match (offset, size) {
            (register::MAGIC, 4) => MAGIC,
            (register::VERSION, 4) => VERSION,
            _ => 0,
        };
        Some(value.into())
    }

    fn write(&self, _offset: u64, _size: u8, _value: u64) -> Option<()> {
        Some(())
    }

    fn describe(&self, _fdt: &mut FdtWriter, _window: Window) -> Result<(), vm_fdt::Error> {
        Ok(())
    }
}

/// Registers that the driver sets.
#[derive(Default)]
struct Registers {
    device_features_sel: u32,
    driver_features_sel: u32,
    driver_features: u64,
    queue_sel: u32,
    queues: Vec<(Placement, bool)>,
}

impl Registers {
    fn reset(&mut self, model: &Model) {
        let queues = model.queues.iter().map(|&size| (Placement { size, ..Placement::default() }, false)).collect();
        *self = Self { queues, ..Self::default() };
    }

    fn queue(&mut self) -> Option<&mut (Placement, bool)> {
        self.queues.get_mut(self.queue_sel as usize)
    }
}

/// A window with a device.
pub struct Mmio {
    model: Model,
    irq: u32,
    ram: Arc<GuestRam>,
    shared: Arc<Shared>,
    // Held while a reset waits for the thread; the thread never takes it.
    registers: Mutex<Registers>,
    commands: Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

impl Mmio {
    /// Put the device `model` with `backend` behind a window whose interrupt is source `irq`. The device's thread is called
    /// `name`. `shared` must have been made of `model.config`.
    ///
    /// # Errors
    /// The host's, when it has no thread to give.
    pub fn new(
        name: String,
        model: Model,
        backend: Box<dyn Backend>,
        shared: Arc<Shared>,
        ram: Arc<GuestRam>,
        irq: u32,
    ) -> io::Result<Arc<Self>> {
        let model = Model {
            features: model.features | feature::VERSION_1 | feature::EVENT_IDX | feature::INDIRECT_DESC,
            ..model
        };
        let (commands, inbox) = mpsc::channel();
        let thread = {
            let (ram, shared) = (Arc::clone(&ram), Arc::clone(&shared));
            thread::Builder::new().name(name).spawn(move || worker::run(backend, &ram, &shared, &inbox))?
        };
        let mut registers = Registers::default();
        registers.reset(&model);
        Ok(Arc::new(Self { model, irq, ram, shared, registers: Mutex::new(registers), commands, thread: Some(thread) }))
    }

    /// Whether the driver is up.
    #[must_use]
    pub fn driver_ok(&self) -> bool {
        self.shared.status.load(Ordering::Acquire) & status::DRIVER_OK != 0
    }

    fn send(&self, command: Command) {
        // The thread is gone only when the machine is.
        let _ = self.commands.send(command);
        self.shared.kick();
    }

    fn write_status(&self, registers: &mut Registers, value: u32) {
        if value == 0 {
            let (done, wait) = mpsc::channel();
            self.send(Command::Reset(done));
            // An error says that the thread is gone, and so at rest.
            let _ = wait.recv();
            self.shared.status.store(0, Ordering::Release);
            self.shared.interrupt.acknowledge(u32::MAX);
            registers.reset(&self.model);
            return;
        }
        let mut value = value & 0xff & !status::NEEDS_RESET;
        if registers.driver_features & !self.model.features != 0 {
            value &= !status::FEATURES_OK;
        }
        let keep = |old| Some(value | old & status::NEEDS_RESET);
        let old = self.shared.status.fetch_update(Ordering::AcqRel, Ordering::Acquire, keep).unwrap_or_default();
        if value & !old & status::DRIVER_OK != 0 {
            match self.queues(registers) {
                Ok(queues) => self.send(Command::Activate(registers.driver_features, queues)),
                Err(_) => self.shared.fail(),
            }
        }
    }

    fn queues(&self, registers: &Registers) -> Result<Vec<Option<Virtqueue>>, Malformed> {
        let event_idx = registers.driver_features & feature::EVENT_IDX != 0;
        let open = |((placement, ready), max): (&(Placement, bool), &u16)| {
            ready.then(|| Virtqueue::new(&self.ram, *max, *placement, event_idx)).transpose()
        };
        registers.queues.iter().zip(self.model.queues).map(open).collect()
    }

    fn read_config(&self, offset: u64, size: u8) -> u64 {
        let config = lock(&self.shared.config);
        let byte = |at: u64| usize::try_from(at).ok().and_then(|at| config.bytes.get(at)).copied().unwrap_or_default();
        (0..u64::from(size)).rev().fold(0, |value, at| value << 8 | u64::from(byte(offset + at)))
    }

    fn read_register(&self, offset: u64) -> u32 {
        let mut registers = lock(&self.registers);
        match offset {
            register::MAGIC => MAGIC,
            register::VERSION => VERSION,
            register::DEVICE_ID => self.model.id,
            register::VENDOR_ID => VENDOR,
            register::DEVICE_FEATURES => half(self.model.features, registers.device_features_sel),
            register::QUEUE_NUM_MAX => {
                self.model.queues.get(registers.queue_sel as usize).map_or(0, |&size| size.into())
            }
            register::QUEUE_READY => registers.queue().is_some_and(|(_, ready)| *ready).into(),
            register::INTERRUPT_STATUS => self.shared.interrupt.pending(),
            register::STATUS => self.shared.status.load(Ordering::Acquire),
            // There is no shared memory region: length and base are all ones.
            register::SHM_LEN_LOW..=register::SHM_BASE_HIGH => u32::MAX,
            register::CONFIG_GENERATION => lock(&self.shared.config).generation,
            _ => 0,
        }
    }

    fn write_register(&self, offset: u64, value: u32) {
        let mut registers = lock(&self.registers);
        let negotiating = self.shared.status.load(Ordering::Acquire) & status::FEATURES_OK == 0;
        match offset {
            register::DEVICE_FEATURES_SEL => registers.device_features_sel = value,
            register::DRIVER_FEATURES_SEL => registers.driver_features_sel = value,
            register::DRIVER_FEATURES if negotiating && registers.driver_features_sel < 2 => {
                let shift = 32 * registers.driver_features_sel;
                let other = registers.driver_features & !(0xffff_ffff << shift);
                registers.driver_features = other | u64::from(value) << shift;
            }
            register::QUEUE_SEL => registers.queue_sel = value,
            register::INTERRUPT_ACK => self.shared.interrupt.acknowledge(value),
            register::STATUS => self.write_status(&mut registers, value),
            _ => {
                if let Some((placement, ready)) = registers.queue() {
                    write_queue(placement, ready, offset, value);
                }
            }
        }
    }
}

fn write_queue(placement: &mut Placement, ready: &mut bool, offset: u64, value: u32) {
    let low = |old: u64| old >> 32 << 32 | u64::from(value);
    let high = |old: u64| u64::from(value) << 32 | old & 0xffff_ffff;
    match offset {
        // A size that does not fit is no power of two within the limit either, and is refused with that.
        register::QUEUE_NUM => placement.size = u16::try_from(value).unwrap_or(0),
        register::QUEUE_READY => *ready = value & 1 != 0,
        register::QUEUE_DESC_LOW => placement.descriptors = low(placement.descriptors),
        register::QUEUE_DESC_HIGH => placement.descriptors = high(placement.descriptors),
        register::QUEUE_DRIVER_LOW => placement.driver = low(placement.driver),
        register::QUEUE_DRIVER_HIGH => placement.driver = high(placement.driver),
        register::QUEUE_DEVICE_LOW => placement.device = low(placement.device),
        register::QUEUE_DEVICE_HIGH => placement.device = high(placement.device),
        _ => {}
    }
}

/// The 32-bit half `sel` of `features`; there are only two.
fn half(features: u64, sel: u32) -> u32 {
    features.checked_shr(sel.saturating_mul(32)).unwrap_or(0) as u32
}

impl Device for Mmio {
    fn read(&self, offset: u64, size: u8) -> Option<u64> {
        if offset >= register::CONFIG {
            return Some(self.read_config(offset - register::CONFIG, size));
        }
        (size == 4 && offset.is_multiple_of(4)).then(|| self.read_register(offset).into())
    }

    fn write(&self, offset: u64, size: u8, value: u64) -> Option<()> {
        if offset >= register::CONFIG {
            // No device here has a configuration field that the driver may write.
            return Some(());
        }
        if size != 4 || !offset.is_multiple_of(4) {
            return None;
        }
        if offset == register::QUEUE_NOTIFY {
            self.shared.kick();
        } else {
            self.write_register(offset, value as u32);
        }
        Some(())
    }

    fn describe(&self, fdt: &mut FdtWriter, window: Window) -> Result<(), vm_fdt::Error> {
        let node = fdt.begin_node(&format!("virtio_mmio@{:x}", window.base))?;
        fdt.property_string("compatible", "virtio,mmio")?;
        fdt.property_array_u64("reg", &[window.base, window.size])?;
        fdt.property_u32("interrupt-parent", phandle::PLIC)?;
        fdt.property_u32("interrupts", self.irq)?;
        fdt.end_node(node)
    }
}

impl Drop for Mmio {
    fn drop(&mut self) {
        self.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been reported already.
            let _ = thread.join();
        }
    }
}
