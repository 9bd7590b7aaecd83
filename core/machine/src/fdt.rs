//! The device tree, shaped like that of QEMU's `virt` board.
//!
//! Source: Devicetree Specification 0.4; Linux `Documentation/devicetree/bindings/riscv/{cpus,extensions}.yaml`.

use vm_fdt::{Error, FdtWriter};

use crate::bus::Bus;
use crate::devices::finisher;
use crate::layout::{RAM_BASE, TIMEBASE_HZ, UART};
use crate::loader::Initrd;

/// Node handles; unique over the tree.
pub mod phandle {
    /// The interrupt controller of the board.
    pub const PLIC: u32 = 1;
    /// The finisher, as a register map.
    pub const FINISHER: u32 = 2;

    /// The node of a hart.
    #[must_use]
    pub fn cpu(hart: usize) -> u32 {
        3 + 2 * hart as u32
    }

    /// The interrupt controller within a hart.
    #[must_use]
    pub fn cpu_intc(hart: usize) -> u32 {
        4 + 2 * hart as u32
    }
}

/// Bytes that `cbo.*` instructions work on.
pub const CACHE_BLOCK: u32 = 64;
/// Bytes of `/chosen/rng-seed`.
pub const SEED: usize = 64;
/// Bytes left free at the tree's end, as firmware leaves them: U-Boot edits the tree in place, and without them it writes
/// over its own data behind it.
const SLACK: usize = 4096;
/// Offset of `totalsize` in the header (Devicetree Specification 0.4, section 5.2).
const TOTAL_SIZE: usize = 4;

/// What the device tree says beyond the devices.
pub struct Description<'a> {
    /// Size of RAM, bytes.
    pub ram_size: u64,
    /// Number of harts.
    pub harts: usize,
    /// Extensions of every hart, lower case, single-letter ones first.
    pub extensions: &'a [&'a str],
    /// The `riscv,isa` string that says the same to older kernels.
    pub isa: &'a str,
    /// Kernel parameters.
    pub cmdline: &'a str,
    /// Initial RAM disk.
    pub initrd: Option<Initrd>,
    /// Entropy for the guest's generator.
    pub seed: [u8; SEED],
}

/// The flattened device tree of a board with the devices on `bus`.
///
/// # Errors
/// The writer's: a NUL byte in the kernel parameters is the one that input can cause.
pub fn build(description: &Description<'_>, bus: &Bus) -> Result<Vec<u8>, Error> {
    let mut fdt = FdtWriter::new()?;
    let root = fdt.begin_node("")?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_string("compatible", "riscv-virtio")?;
    fdt.property_string("model", "riscv-virtio,vkd")?;

    chosen(&mut fdt, description)?;
    let aliases = fdt.begin_node("aliases")?;
    fdt.property_string("serial0", &console_path())?;
    fdt.end_node(aliases)?;

    let memory = fdt.begin_node(&format!("memory@{RAM_BASE:x}"))?;
    fdt.property_string("device_type", "memory")?;
    fdt.property_array_u64("reg", &[RAM_BASE, description.ram_size])?;
    fdt.end_node(memory)?;

    cpus(&mut fdt, description)?;

    let soc = fdt.begin_node("soc")?;
    fdt.property_string("compatible", "simple-bus")?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_null("ranges")?;
    for (window, device) in bus.devices() {
        device.describe(&mut fdt, window)?;
    }
    fdt.end_node(soc)?;

    syscon(&mut fdt, "poweroff", finisher::PASS)?;
    syscon(&mut fdt, "reboot", finisher::RESET)?;
    fdt.end_node(root)?;
    let mut blob = fdt.finish()?;
    blob.resize(blob.len() + SLACK, 0);
    let size = blob.len() as u32;
    blob[TOTAL_SIZE..TOTAL_SIZE + 4].copy_from_slice(&size.to_be_bytes());
    Ok(blob)
}

fn console_path() -> String {
    format!("/soc/serial@{:x}", UART.base)
}

fn chosen(fdt: &mut FdtWriter, description: &Description<'_>) -> Result<(), Error> {
    let chosen = fdt.begin_node("chosen")?;
    if !description.cmdline.is_empty() {
        fdt.property_string("bootargs", description.cmdline)?;
    }
    fdt.property_string("stdout-path", &console_path())?;
    if let Some(initrd) = description.initrd {
        fdt.property_u64("linux,initrd-start", initrd.start)?;
        fdt.property_u64("linux,initrd-end", initrd.end)?;
    }
    fdt.property("rng-seed", &description.seed)?;
    fdt.end_node(chosen)
}

fn cpus(fdt: &mut FdtWriter, description: &Description<'_>) -> Result<(), Error> {
    let extensions: Vec<String> = description.extensions.iter().map(|name| (*name).to_owned()).collect();
    let cpus = fdt.begin_node("cpus")?;
    fdt.property_u32("#address-cells", 1)?;
    fdt.property_u32("#size-cells", 0)?;
    fdt.property_u32("timebase-frequency", TIMEBASE_HZ as u32)?;
    for hart in 0..description.harts {
        let cpu = fdt.begin_node(&format!("cpu@{hart:x}"))?;
        fdt.property_string("device_type", "cpu")?;
        fdt.property_u32("reg", hart as u32)?;
        fdt.property_string("status", "okay")?;
        fdt.property_string("compatible", "riscv")?;
        fdt.property_string("riscv,isa", description.isa)?;
        fdt.property_string("riscv,isa-base", "rv64i")?;
        fdt.property_string_list("riscv,isa-extensions", extensions.clone())?;
        fdt.property_u32("riscv,cbom-block-size", CACHE_BLOCK)?;
        fdt.property_u32("riscv,cboz-block-size", CACHE_BLOCK)?;
        // Sv48 works, too, but not under the built-in firmware: windows into address spaces are for Sv39.
        fdt.property_string("mmu-type", "riscv,sv39")?;
        fdt.property_phandle(phandle::cpu(hart))?;

        let intc = fdt.begin_node("interrupt-controller")?;
        fdt.property_string("compatible", "riscv,cpu-intc")?;
        fdt.property_u32("#address-cells", 0)?;
        fdt.property_u32("#interrupt-cells", 1)?;
        fdt.property_null("interrupt-controller")?;
        fdt.property_phandle(phandle::cpu_intc(hart))?;
        fdt.end_node(intc)?;
        fdt.end_node(cpu)?;
    }
    let map = fdt.begin_node("cpu-map")?;
    let cluster = fdt.begin_node("cluster0")?;
    for hart in 0..description.harts {
        let core = fdt.begin_node(&format!("core{hart}"))?;
        fdt.property_u32("cpu", phandle::cpu(hart))?;
        fdt.end_node(core)?;
    }
    fdt.end_node(cluster)?;
    fdt.end_node(map)?;
    fdt.end_node(cpus)
}

/// A node by which Linux powers off or reboots through the finisher.
fn syscon(fdt: &mut FdtWriter, name: &str, value: u32) -> Result<(), Error> {
    let node = fdt.begin_node(name)?;
    fdt.property_string("compatible", &format!("syscon-{name}"))?;
    fdt.property_u32("regmap", phandle::FINISHER)?;
    fdt.property_u32("offset", 0)?;
    fdt.property_u32("value", value)?;
    fdt.end_node(node)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;
    use crate::devices::{clint::Clint, finisher::Finisher, plic::Plic, rtc::Rtc, testing::Wire, uart::Uart};
    use crate::irq::HartWires;
    use crate::layout;
    use crate::platform::Console;
    use crate::power::Power;

    struct Silent;

    impl Console for Silent {
        fn output(&self, _: &[u8]) {}

        fn input(&self) -> Option<u8> {
            None
        }
    }

    fn tree(harts: usize) -> Vec<u8> {
        let wires: Vec<_> = (0..harts).map(|_| Arc::new(HartWires::new())).collect();
        let mut bus = Bus::new();
        bus.attach(layout::FINISHER, Finisher::new(Arc::new(Power::new()), &wires));
        bus.attach(layout::RTC, Rtc::new(Arc::new(Wire::default())));
        bus.attach(layout::UART, Uart::new(Arc::new(Silent), Arc::new(Wire::default())));
        bus.attach(layout::CLINT, Clint::new(&wires, Clock::new()));
        bus.attach(layout::PLIC, Plic::new(&wires));
        let description = Description {
            ram_size: 128 << 20,
            harts,
            extensions: &["i", "m", "a"],
            isa: "rv64ima",
            cmdline: "console=ttyS0 quiet",
            initrd: Some(Initrd { start: 0x8700_0000, end: 0x8700_1000 }),
            seed: [7; SEED],
        };
        build(&description, &bus).unwrap()
    }

    #[test]
    fn it_is_a_tree_of_the_stated_size() {
        let blob = tree(2);
        assert_eq!(blob[..4], 0xd00d_feedu32.to_be_bytes());
        assert_eq!(blob[4..8], (blob.len() as u32).to_be_bytes());
    }

    #[test]
    fn there_is_room_at_its_end_to_edit_it_in_place() {
        let blob = tree(64);
        let word = |at: usize| u32::from_be_bytes(blob[at..at + 4].try_into().unwrap()) as usize;
        let (structure, strings) = (word(8) + word(36), word(12) + word(32));
        assert_eq!(blob.len() - structure.max(strings), 4096);
    }

    #[test]
    fn dtc_accepts_it_without_a_warning() {
        let child = Command::new("dtc")
            .args(["-I", "dtb", "-O", "dts"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            eprintln!("skipped: no dtc (package device-tree-compiler)");
            return;
        };
        child.stdin.take().unwrap().write_all(&tree(64)).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let text = String::from_utf8(output.stdout).unwrap();
        for expected in ["bootargs = \"console=ttyS0 quiet\"", "cpu@3f", "syscon-poweroff", "linux,initrd-end"] {
            assert!(text.contains(expected), "no {expected} in {text}");
        }
    }

    #[test]
    fn a_nul_in_the_kernel_parameters_is_an_error() {
        let description = Description {
            ram_size: 1 << 20,
            harts: 1,
            extensions: &["i"],
            isa: "rv64i",
            cmdline: "a\0b",
            initrd: None,
            seed: [0; SEED],
        };
        assert!(build(&description, &Bus::new()).is_err());
    }
}
