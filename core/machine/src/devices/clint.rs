//! Core-local interruptor: software interrupts between harts and the machine timer.
//!
//! Source: SiFive FU540 manual, chapter "CLINT"; RISC-V ACLINT specification. `mtime` cannot be written: the time base
//! is the host's, and a write is ignored.

use std::sync::Arc;

use vm_fdt::FdtWriter;

use crate::bus::Device;
use crate::clock::Clock;
use crate::fdt::phandle;
use crate::irq::{interrupt, HartWires};
use crate::layout::Window;

const MTIMECMP: u64 = 0x4000;
const MTIME: u64 = 0xbff8;

/// The interruptor of all harts.
pub struct Clint {
    harts: Vec<Arc<HartWires>>,
    clock: Clock,
}

impl Clint {
    /// An interruptor over the wires of `harts`.
    #[must_use]
    pub fn new(harts: &[Arc<HartWires>], clock: Clock) -> Arc<Self> {
        Arc::new(Self { harts: harts.to_vec(), clock })
    }

    /// The hart that the register at `offset` from an array of `stride`-byte registers belongs to.
    fn hart(&self, offset: u64, stride: u64) -> Option<&HartWires> {
        self.harts.get(usize::try_from(offset / stride).ok()?).map(Arc::as_ref)
    }
}

/// `size` bytes at byte `at` of a 64-bit register.
fn part(register: u64, at: u64, size: u8) -> u64 {
    let shifted = register >> (8 * at);
    if size == 8 {
        shifted
    } else {
        shifted & 0xffff_ffff
    }
}

impl Device for Clint {
    fn read(&self, offset: u64, size: u8) -> Option<u64> {
        if !matches!(size, 4 | 8) || !offset.is_multiple_of(u64::from(size)) {
            return None;
        }
        let at = offset % 8;
        let value = match offset & !7 {
            MTIME => part(self.clock.now(), at, size),
            base @ MTIMECMP..MTIME => self.hart(base - MTIMECMP, 8).map_or(0, |wires| part(wires.mtimecmp(), at, size)),
            0..MTIMECMP if size == 4 => self.hart(offset, 4).map_or(0, |wires| wires.pending() >> interrupt::MSI & 1),
            _ => 0,
        };
        Some(value)
    }

    fn write(&self, offset: u64, size: u8, value: u64) -> Option<()> {
        if !matches!(size, 4 | 8) || !offset.is_multiple_of(u64::from(size)) {
            return None;
        }
        match offset & !7 {
            base @ MTIMECMP..MTIME => {
                if let Some(wires) = self.hart(base - MTIMECMP, 8) {
                    let old = wires.mtimecmp();
                    wires.set_mtimecmp(match (size, offset % 8) {
                        (8, _) => value,
                        (_, 0) => old >> 32 << 32 | value & 0xffff_ffff,
                        _ => value << 32 | old & 0xffff_ffff,
                    });
                }
            }
            0..MTIMECMP if size == 4 => {
                if let Some(wires) = self.hart(offset, 4) {
                    wires.set(interrupt::MSI, value & 1 != 0);
                }
            }
            _ => {}
        }
        Some(())
    }

    fn describe(&self, fdt: &mut FdtWriter, window: Window) -> Result<(), vm_fdt::Error> {
        let node = fdt.begin_node(&format!("clint@{:x}", window.base))?;
        fdt.property_string_list("compatible", vec!["sifive,clint0".into(), "riscv,clint0".into()])?;
        fdt.property_array_u64("reg", &[window.base, window.size])?;
        let wires: Vec<u32> = (0..self.harts.len())
            .flat_map(|hart| {
                let intc = phandle::cpu_intc(hart);
                [intc, interrupt::MSI as u32, intc, interrupt::MTI as u32]
            })
            .collect();
        fdt.property_array_u32("interrupts-extended", &wires)?;
        fdt.end_node(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> (Arc<Clint>, Vec<Arc<HartWires>>) {
        let wires: Vec<_> = (0..2).map(|_| Arc::new(HartWires::new())).collect();
        (Clint::new(&wires, Clock::new()), wires)
    }

    #[test]
    fn msip_drives_the_software_interrupt_of_its_hart() {
        let (clint, wires) = board();
        clint.write(4, 4, 0xffff_ffff).unwrap();
        assert_eq!((wires[0].pending(), wires[1].pending()), (0, 1 << interrupt::MSI));
        assert_eq!(clint.read(4, 4), Some(1));
        clint.write(4, 4, 0).unwrap();
        assert_eq!(wires[1].pending(), 0);
    }

    #[test]
    fn mtimecmp_is_written_whole_or_by_halves() {
        let (clint, wires) = board();
        clint.write(MTIMECMP + 8, 8, 0x1122_3344_5566_7788).unwrap();
        assert_eq!(wires[1].mtimecmp(), 0x1122_3344_5566_7788);
        clint.write(MTIMECMP + 8, 4, 0xaaaa_aaaa).unwrap();
        clint.write(MTIMECMP + 12, 4, 0xbbbb_bbbb).unwrap();
        assert_eq!(clint.read(MTIMECMP + 8, 8), Some(0xbbbb_bbbb_aaaa_aaaa));
        assert_eq!(clint.read(MTIMECMP + 12, 4), Some(0xbbbb_bbbb));
    }

    #[test]
    fn mtime_runs() {
        let (clint, _) = board();
        let first = clint.read(MTIME, 8).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(clint.read(MTIME, 8).unwrap() >= first + 20_000);
    }

    #[test]
    fn any_access_is_answered_or_a_fault() {
        let (clint, _) = board();
        for offset in 0..0x1_0000 {
            for size in [1, 2, 4, 8] {
                let good = matches!(size, 4 | 8) && offset % u64::from(size) == 0;
                assert_eq!(clint.read(offset, size).is_some(), good);
                assert_eq!(clint.write(offset, size, u64::MAX).is_some(), good);
            }
        }
    }
}
