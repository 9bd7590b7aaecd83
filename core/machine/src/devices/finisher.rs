//! The test finisher, by which a guest ends its machine (SiFive test device; `syscon-poweroff` and `syscon-reboot`).

use std::sync::Arc;

use vm_fdt::FdtWriter;

use crate::bus::Device;
use crate::fdt::phandle;
use crate::irq::HartWires;
use crate::layout::Window;
use crate::power::{Exit, Power};

/// Written to power off.
pub const PASS: u32 = 0x5555;
/// Written to reboot.
pub const RESET: u32 = 0x7777;
/// Written, with a code in the upper half, to report failure.
pub const FAIL: u32 = 0x3333;

/// The finisher.
pub struct Finisher {
    power: Arc<Power>,
    harts: Vec<Arc<HartWires>>,
}

impl Finisher {
    /// A finisher on `power`, waking `harts` to see it.
    #[must_use]
    pub fn new(power: Arc<Power>, harts: &[Arc<HartWires>]) -> Arc<Self> {
        Arc::new(Self { power, harts: harts.to_vec() })
    }
}

impl Device for Finisher {
    fn read(&self, _offset: u64, _size: u8) -> Option<u64> {
        Some(0)
    }

    fn write(&self, offset: u64, size: u8, value: u64) -> Option<()> {
        let value = if size == 2 { value as u32 & 0xffff } else { value as u32 };
        let exit = match (offset, size, value & 0xffff) {
            (0, 2.., PASS) => Exit::PowerOff,
            (0, 2.., RESET) => Exit::Reboot,
            (0, 2.., FAIL) => Exit::Failure(value >> 16),
            _ => return Some(()),
        };
        self.power.end(exit);
        for wires in &self.harts {
            wires.notify();
        }
        Some(())
    }

    fn describe(&self, fdt: &mut FdtWriter, window: Window) -> Result<(), vm_fdt::Error> {
        let node = fdt.begin_node(&format!("test@{:x}", window.base))?;
        fdt.property_string_list("compatible", vec!["sifive,test1".into(), "sifive,test0".into(), "syscon".into()])?;
        fdt.property_array_u64("reg", &[window.base, window.size])?;
        fdt.property_phandle(phandle::FINISHER)?;
        fdt.end_node(node)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn written(value: u64, size: u8) -> Option<Exit> {
        let power = Arc::new(Power::new());
        let hart = Arc::new(HartWires::new());
        Finisher::new(Arc::clone(&power), &[Arc::clone(&hart)]).write(0, size, value).unwrap();
        let exit = power.wait(Duration::ZERO);
        assert_eq!(hart.attention(), exit.is_some());
        exit
    }

    #[test]
    fn values_end_the_machine() {
        assert_eq!(written(0x5555, 4), Some(Exit::PowerOff));
        assert_eq!(written(0x5555, 2), Some(Exit::PowerOff));
        assert_eq!(written(0x7777, 4), Some(Exit::Reboot));
        assert_eq!(written(0x0003_3333, 4), Some(Exit::Failure(3)));
        assert_eq!(written(0x1234, 4), None);
        assert_eq!(written(0x5555, 1), None);
    }
}
