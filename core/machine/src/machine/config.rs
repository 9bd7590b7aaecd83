//! What a machine is made of, as its owner says it.

use std::path::PathBuf;
use std::{fmt, io};

use crate::layout::{MAX_HARTS, VIRTIO_SLOTS};
use crate::loader;

const PAGE: u64 = 4096;
const MIN_RAM: u64 = 4 << 20;
/// What Sv39's linear map of Linux can cover, with room.
const MAX_RAM: u64 = 64 << 30;
/// `COMMAND_LINE_SIZE` of Linux on RISC-V less the final NUL; it cuts a longer one without a word.
const MAX_CMDLINE: usize = 1023;

/// What runs in M-mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// The built-in SBI; the kernel is entered in S-mode.
    BuiltIn,
    /// Nothing: the kernel itself is entered in M-mode.
    None,
    /// This program; it finds the kernel at [`loader::KERNEL_BASE`].
    Image(PathBuf),
}

/// A disk.
#[derive(Clone, Debug)]
pub struct Disk {
    /// A raw image or a block device of the host.
    pub path: PathBuf,
    /// Whether the guest may not write.
    pub read_only: bool,
}

/// A network interface.
#[derive(Clone, Debug)]
pub struct Nic {
    /// Socket of the switch port.
    pub socket: PathBuf,
    /// Ethernet address.
    pub mac: [u8; 6],
}

/// A whole machine.
#[derive(Clone, Debug)]
pub struct MachineConfig {
    /// RAM, bytes, a multiple of 4096.
    pub ram_size: u64,
    /// Number of harts.
    pub harts: usize,
    /// What runs in M-mode.
    pub firmware: Firmware,
    /// Linux Image, ELF or flat binary.
    pub kernel: Option<PathBuf>,
    /// Initial RAM disk, in parts.
    pub initrd: Vec<PathBuf>,
    /// Kernel parameters.
    pub cmdline: String,
    /// Disks, in the order in which the guest finds them.
    pub disks: Vec<Disk>,
    /// Network interfaces, likewise.
    pub nics: Vec<Nic>,
    /// Whether hot code is translated to the host's, where this host can ([`crate::platform::Platform::translate`]).
    pub translate: bool,
    /// Whether translated code may access memory through the host's MMU ([`crate::platform::Platform::windows`]).
    pub windows: bool,
}

/// Why a machine cannot be made or started.
#[derive(Debug)]
pub enum Error {
    /// The configuration cannot be.
    Invalid(String),
    /// A kernel, firmware or initial RAM disk cannot be loaded.
    Load(loader::Error),
    /// The host refuses something.
    Host(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(what) => f.write_str(what),
            Self::Load(error) => error.fmt(f),
            Self::Host(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Host(error)
    }
}

impl From<loader::Error> for Error {
    fn from(error: loader::Error) -> Self {
        Self::Load(error)
    }
}

impl MachineConfig {
    /// A machine of `ram_size` bytes and one hart, with the built-in firmware and nothing else.
    #[must_use]
    pub fn new(ram_size: u64) -> Self {
        Self {
            ram_size,
            harts: 1,
            firmware: Firmware::BuiltIn,
            kernel: None,
            initrd: Vec::new(),
            cmdline: String::new(),
            disks: Vec::new(),
            nics: Vec::new(),
            translate: true,
            windows: true,
        }
    }

    /// Check what can be checked without touching a file.
    ///
    /// # Errors
    /// [`Error::Invalid`], saying what is allowed.
    pub fn check(&self) -> Result<(), Error> {
        let refuse = |what: String| Err(Error::Invalid(what));
        if !(MIN_RAM..=MAX_RAM).contains(&self.ram_size) || !self.ram_size.is_multiple_of(PAGE) {
            let (least, most) = (MIN_RAM >> 20, MAX_RAM >> 20);
            return refuse(format!(
                "memory of {} bytes: it must be {least} to {most} MiB, in units of {PAGE} bytes",
                self.ram_size
            ));
        }
        if !(1..=MAX_HARTS).contains(&self.harts) {
            return refuse(format!("{} harts: there can be 1 to {MAX_HARTS}", self.harts));
        }
        if self.kernel.is_none() && !matches!(self.firmware, Firmware::Image(_)) {
            return refuse("no kernel: name one, or a firmware image that finds its own".into());
        }
        if self.cmdline.contains('\0') {
            return refuse("the kernel parameters contain a NUL byte".into());
        }
        if self.cmdline.len() > MAX_CMDLINE {
            return refuse(format!(
                "the kernel parameters are {} bytes long; Linux takes at most {MAX_CMDLINE}",
                self.cmdline.len()
            ));
        }
        let slots = VIRTIO_SLOTS - 1;
        if self.disks.len() + self.nics.len() > slots {
            return refuse(format!(
                "{} disks and {} network interfaces: there is room for {slots} in all",
                self.disks.len(),
                self.nics.len()
            ));
        }
        for nic in &self.nics {
            if nic.mac[0] & 1 != 0 || nic.mac == [0; 6] {
                let mac = nic.mac.map(|byte| format!("{byte:02x}")).join(":");
                return refuse(format!("{mac} is not the address of one interface: the first byte must be even"));
            }
        }
        Ok(())
    }
}
