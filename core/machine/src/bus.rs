//! The MMIO bus: which device answers at a guest-physical address.

use std::sync::Arc;

use vm_fdt::FdtWriter;

use crate::layout::Window;

/// A memory-mapped device. It does not know its address; harts call it concurrently, so state is behind its own lock.
pub trait Device: Send + Sync {
    /// Read `size` (1, 2, 4 or 8) bytes at `offset`. `None` is a load access fault to the hart.
    fn read(&self, offset: u64, size: u8) -> Option<u64>;
    /// Write the low `size` (1, 2, 4 or 8) bytes of `value` at `offset`. `None` is a store access fault to the hart.
    fn write(&self, offset: u64, size: u8, value: u64) -> Option<()>;
    /// Add the device's own node to the device tree, its registers being at `window`.
    ///
    /// # Errors
    /// Those of the writer.
    fn describe(&self, fdt: &mut FdtWriter, window: Window) -> Result<(), vm_fdt::Error>;
}

/// Devices by address. Built once, then read by every hart without a lock.
#[derive(Default)]
pub struct Bus {
    slots: Vec<(Window, Arc<dyn Device>)>,
}

impl Bus {
    /// A bus with nothing on it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Put `device` at `window`.
    ///
    /// # Panics
    /// When `window` overlaps one that is taken: the memory map is ours, not the guest's.
    pub fn attach(&mut self, window: Window, device: Arc<dyn Device>) {
        let clash = self.slots.iter().any(|(w, _)| window.base < w.base + w.size && w.base < window.base + window.size);
        assert!(!clash, "device windows overlap at {:#x}", window.base);
        self.slots.push((window, device));
        self.slots.sort_by_key(|(w, _)| w.base);
    }

    /// Read `size` bytes at guest-physical `gpa`; `None` where no device answers.
    #[must_use]
    pub fn read(&self, gpa: u64, size: u8) -> Option<u64> {
        let (window, device) = self.find(gpa, size)?;
        device.read(gpa - window.base, size)
    }

    /// Write `size` bytes at guest-physical `gpa`; `None` where no device answers.
    #[must_use]
    pub fn write(&self, gpa: u64, size: u8, value: u64) -> Option<()> {
        let (window, device) = self.find(gpa, size)?;
        device.write(gpa - window.base, size, value)
    }

    /// Every device with its window, by rising address.
    pub fn devices(&self) -> impl Iterator<Item = (Window, &Arc<dyn Device>)> {
        self.slots.iter().map(|(w, d)| (*w, d))
    }

    fn find(&self, gpa: u64, size: u8) -> Option<(&Window, &Arc<dyn Device>)> {
        let after = self.slots.partition_point(|(w, _)| w.base <= gpa);
        let (window, device) = self.slots.get(after.checked_sub(1)?)?;
        let offset = gpa - window.base;
        (offset < window.size && u64::from(size) <= window.size - offset).then_some((window, device))
    }
}
