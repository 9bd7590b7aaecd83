//! What lies in memory when the harts start, and where they start.
//!
//! From below: firmware at the start of RAM; the kernel 2 MiB above it; at the top the device tree, with room for firmware
//! to extend it; below that what `fw_dynamic` is told; below that the initial RAM disk.
//!
//! `unsafe` is getrandom(2).

#![expect(unsafe_code)]

use std::io;
use std::path::Path;

use super::config::{Error, Firmware, MachineConfig};
use crate::bus::Bus;
use crate::fdt::{self, Description};
use crate::hart::Privilege;
use crate::isa;
use crate::layout::RAM_BASE;
use crate::loader::{self, firmware, Initrd, Loaded, Place, HUGE_PAGE, KERNEL_BASE};
use crate::memory::GuestRam;

/// Room for the device tree, bytes; what it does not take is the firmware's to extend it.
const TREE: u64 = 256 << 10;
/// The device tree lies below this, where 32-bit addresses still reach; so does it on QEMU's board.
const TREE_LIMIT: u64 = 3 << 30;
const PAGE: u64 = 4096;

/// How the harts start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// First instruction.
    pub pc: u64,
    /// Mode.
    pub privilege: Privilege,
    /// Device tree, in `a1`.
    pub tree: u64,
    /// `struct fw_dynamic_info`, in `a2`.
    pub info: u64,
    /// Whether every hart starts here; else only hart 0, and it starts the others through SBI.
    pub all: bool,
}

/// Load everything that `config` names.
///
/// # Errors
/// Those of the loader, and what does not fit together.
pub fn load(config: &MachineConfig, ram: &GuestRam, bus: &Bus) -> Result<Entry, Error> {
    let limit = (RAM_BASE + ram.size()).min(TREE_LIMIT);
    let huge = (limit - TREE) / HUGE_PAGE * HUGE_PAGE;
    let tree = if huge >= KERNEL_BASE + HUGE_PAGE { huge } else { limit - TREE };
    let info = tree - PAGE;

    let (kernel, all, privilege) = match &config.firmware {
        Firmware::BuiltIn => {
            let place = Place { image: Some(RAM_BASE), flat: KERNEL_BASE };
            (kernel(config, ram, place, info)?, false, Privilege::Supervisor)
        }
        Firmware::None => {
            let place = Place { image: Some(RAM_BASE), flat: RAM_BASE };
            (kernel(config, ram, place, info)?, true, Privilege::Machine)
        }
        Firmware::Image(_) => {
            let place = Place { image: None, flat: KERNEL_BASE };
            (kernel(config, ram, place, info)?, true, Privilege::Machine)
        }
    };
    let start = match &config.firmware {
        Firmware::Image(path) => {
            let firmware = program(ram, path, Place { image: None, flat: RAM_BASE }, info)?;
            apart(path, firmware, kernel)?;
            Some(firmware)
        }
        _ => kernel,
    };
    let start = start.ok_or_else(|| Error::Invalid("no kernel".into()))?;

    let lowest = kernel.map_or(start.end, |kernel| kernel.end.max(start.end));
    let initrd = Initrd::load(ram, &config.initrd, lowest, info)?;
    firmware::write_info(ram, info, kernel.map_or(KERNEL_BASE, |kernel| kernel.entry))?;
    ram.write(tree, &describe(config, bus, initrd)?)?;
    Ok(Entry { pc: start.entry, privilege, tree, info, all })
}

fn kernel(config: &MachineConfig, ram: &GuestRam, place: Place, top: u64) -> Result<Option<Loaded>, Error> {
    config.kernel.as_deref().map(|path| program(ram, path, place, top)).transpose()
}

fn program(ram: &GuestRam, path: &Path, place: Place, top: u64) -> Result<Loaded, Error> {
    let loaded = loader::load_program(ram, path, place)?;
    if loaded.end > top {
        let above = RAM_BASE + ram.size() - top;
        return Err(loader::Error::too_large(path, loaded.end - RAM_BASE + above, ram.size()).into());
    }
    Ok(loaded)
}

/// Firmware and kernel were loaded over each other if both claim the same memory.
fn apart(path: &Path, firmware: Loaded, kernel: Option<Loaded>) -> Result<(), Error> {
    match kernel {
        Some(kernel) if firmware.end > kernel.start && kernel.end > firmware.start => Err(Error::Invalid(format!(
            "{}: the firmware occupies memory up to {:#x}, but the kernel begins at {:#x}",
            path.display(),
            firmware.end,
            kernel.start
        ))),
        _ => Ok(()),
    }
}

fn describe(config: &MachineConfig, bus: &Bus, initrd: Option<Initrd>) -> Result<Vec<u8>, Error> {
    let mut seed = [0; fdt::SEED];
    // SAFETY: a buffer of the length stated. Up to 256 bytes come whole once the host's generator is ready.
    let got = unsafe { libc::getrandom(seed.as_mut_ptr().cast(), seed.len(), 0) };
    if got != seed.len() as isize {
        return Err(io::Error::last_os_error().into());
    }
    let description = Description {
        ram_size: config.ram_size,
        harts: config.harts,
        extensions: isa::EXTENSIONS,
        isa: &isa::isa_string(),
        cmdline: &config.cmdline,
        initrd,
        seed,
    };
    let tree = fdt::build(&description, bus).map_err(|error| Error::Invalid(format!("device tree: {error}")))?;
    if tree.len() as u64 > TREE {
        return Err(Error::Invalid(format!("the device tree is {} bytes long; there is room for {TREE}", tree.len())));
    }
    Ok(tree)
}
