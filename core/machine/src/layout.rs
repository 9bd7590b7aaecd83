//! The physical memory map: that of QEMU's `virt` board, so that whatever boots there boots here.
//!
//! Source: QEMU documentation, "RISC-V virt generic virtual platform"; the addresses are what guests
//! such as xv6 and U-Boot have compiled in.

/// An interval of guest-physical addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First guest-physical address.
    pub base: u64,
    /// Length in bytes.
    pub size: u64,
}

/// SiFive-style test finisher: power off, reboot, exit code.
pub const FINISHER: Window = Window { base: 0x10_0000, size: 0x1000 };
/// Goldfish real-time clock.
pub const RTC: Window = Window { base: 0x10_1000, size: 0x1000 };
/// Core-local interruptor: software interrupts and machine timers.
pub const CLINT: Window = Window { base: 0x200_0000, size: 0x1_0000 };
/// Platform-level interrupt controller.
pub const PLIC: Window = Window { base: 0xc00_0000, size: 0x60_0000 };
/// 16550 UART.
pub const UART: Window = Window { base: 0x1000_0000, size: 0x100 };
/// First of [`VIRTIO_SLOTS`] virtio-mmio windows, each [`VIRTIO_STRIDE`] bytes apart.
pub const VIRTIO: Window = Window { base: 0x1000_1000, size: 0x1000 };
/// Distance between two virtio-mmio windows, bytes.
pub const VIRTIO_STRIDE: u64 = 0x1000;
/// How many virtio-mmio windows there are.
pub const VIRTIO_SLOTS: usize = 8;
/// Where RAM begins.
pub const RAM_BASE: u64 = 0x8000_0000;

/// PLIC source of the RTC.
pub const RTC_IRQ: u32 = 11;
/// PLIC source of the UART.
pub const UART_IRQ: u32 = 10;
/// PLIC source of the first virtio-mmio window; the others follow.
pub const VIRTIO_IRQ: u32 = 1;
/// Number of PLIC sources, source 0 (which does not exist) included.
pub const PLIC_SOURCES: u32 = 96;

/// Frequency of `time` and `mtime`, Hz.
pub const TIMEBASE_HZ: u64 = 10_000_000;
/// The largest number of harts.
pub const MAX_HARTS: usize = 64;
