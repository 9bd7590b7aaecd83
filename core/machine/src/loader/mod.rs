//! Puts kernels, firmware and initial RAM disks into guest memory. Every file is hostile input.

mod elf;
pub mod firmware;
mod image;
mod initrd;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub use initrd::Initrd;

use crate::layout::RAM_BASE;
use crate::memory::GuestRam;

/// Alignment of a Linux Image, of what firmware jumps to, and of the device tree, bytes.
pub const HUGE_PAGE: u64 = 2 << 20;
/// Where firmware looks for what it starts next, and where a flat kernel goes in S-mode.
pub const KERNEL_BASE: u64 = RAM_BASE + HUGE_PAGE;

const MIB: u64 = 1 << 20;

/// Why a file could not be loaded; displays as `PATH: what is wrong`.
#[derive(Debug)]
pub struct Error {
    path: PathBuf,
    problem: Problem,
}

/// What is wrong with a file.
#[derive(Debug)]
enum Problem {
    Io(io::Error),
    NotAFile,
    Empty,
    Malformed(&'static str, String),
    OutsideRam { what: &'static str, base: u64, size: u64, ram: u64 },
    TooLarge { needed: u64, ram: u64 },
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.problem {
            Problem::Io(error) => write!(f, "{error}"),
            Problem::NotAFile => f.write_str("not a regular file"),
            Problem::Empty => f.write_str("the file is empty"),
            Problem::Malformed(format, what) => write!(f, "not a usable {format}: {what}"),
            Problem::OutsideRam { what, base, size, ram } => write!(
                f,
                "{what} wants {size} bytes at {base:#x}, but RAM is {RAM_BASE:#x} to {:#x}; \
                 is it linked for another machine, or the memory too small?",
                RAM_BASE + ram
            ),
            Problem::TooLarge { needed, ram } => write!(
                f,
                "too large for {} MiB of memory: loading it takes at least {} MiB",
                ram / MIB,
                needed.div_ceil(MIB)
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl Error {
    /// `path` needs `needed` bytes of memory where there are `ram`.
    #[must_use]
    pub fn too_large(path: &Path, needed: u64, ram: u64) -> Self {
        Self { path: path.to_owned(), problem: Problem::TooLarge { needed, ram } }
    }

    /// The host's error number, when the host refused the file.
    #[must_use]
    pub fn os_error(&self) -> Option<i32> {
        match &self.problem {
            Problem::Io(error) => error.raw_os_error(),
            _ => None,
        }
    }
}

/// Where a program lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Lowest address that it occupies.
    pub start: u64,
    /// First instruction, guest-physical.
    pub entry: u64,
    /// End of what it occupies, its zero-initialised data included.
    pub end: u64,
}

/// Load the program at `path`: a Linux Image (plain or in PE/EFI form), an ELF64, or else a flat binary, each possibly
/// gzipped. An ELF goes where it was linked, a position-independent one that was linked below RAM to `flat`; an Image goes to `base` plus its text offset; a flat binary to `flat`.
///
/// # Errors
/// Names the file and what is wrong with it, or how much memory it needs.
pub fn load_program(ram: &GuestRam, path: &Path, place: Place) -> Result<Loaded, Error> {
    let fail = |problem| Error { path: path.to_owned(), problem };
    if let Some(loaded) = load_image(ram, path, place).map_err(fail)? {
        return Ok(loaded);
    }
    let bytes = read_program(ram, path).map_err(fail)?;
    load_bytes(ram, &bytes, place).map_err(fail)
}

/// Load a plain Linux Image without a look at anything but its header. `None`: it is something else.
fn load_image(ram: &GuestRam, path: &Path, place: Place) -> Result<Option<Loaded>, Problem> {
    let (mut file, length) = open(path)?;
    let mut head = [0; image::LENGTH];
    if file.read_exact_at(&mut head, 0).is_err() || elf::is_elf(&head) {
        return Ok(None);
    }
    let Some(header) = image::Header::parse(&head)? else { return Ok(None) };
    let loaded = room(ram, Some(&header), length, place)?;
    ram.write_from(loaded.start, &mut file, length as usize).map_err(Problem::Io)?;
    Ok(Some(loaded))
}

/// Where a program that does not say so itself goes.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// A Linux Image goes to this 2 MiB-aligned address plus its text offset; `None`: to [`KERNEL_BASE`] itself.
    pub image: Option<u64>,
    /// A flat binary goes here.
    pub flat: u64,
}

fn load_bytes(ram: &GuestRam, bytes: &[u8], place: Place) -> Result<Loaded, Problem> {
    if elf::is_elf(bytes) {
        return elf::load(ram, bytes, place.flat);
    }
    let loaded = room(ram, image::Header::parse(bytes)?.as_ref(), bytes.len() as u64, place)?;
    ram.write(loaded.start, bytes).map_err(Problem::Io)?;
    Ok(loaded)
}

/// Where a program of `length` bytes goes that is no ELF.
fn room(ram: &GuestRam, header: Option<&image::Header>, length: u64, place: Place) -> Result<Loaded, Problem> {
    let (base, size) = match header {
        Some(header) => (
            place.image.map_or(Some(KERNEL_BASE), |base| base.checked_add(header.text_offset)),
            header.image_size.max(length),
        ),
        None => (Some(place.flat), length),
    };
    let outside = |base| Problem::OutsideRam { what: "its text offset", base, size, ram: ram.size() };
    let base = base.ok_or_else(|| outside(u64::MAX))?;
    if !ram.contains(base, size) {
        let needed =
            base.wrapping_sub(RAM_BASE).checked_add(size).filter(|needed| base >= RAM_BASE && *needed < 1 << 40);
        return Err(needed.map_or_else(|| outside(base), |needed| Problem::TooLarge { needed, ram: ram.size() }));
    }
    Ok(Loaded { start: base, entry: base, end: base + size })
}

/// Open a regular file and tell its length.
fn open(path: &Path) -> Result<(File, u64), Problem> {
    // A FIFO would block the open itself.
    let metadata = path.metadata().map_err(Problem::Io)?;
    if !metadata.is_file() {
        return Err(Problem::NotAFile);
    }
    let file = File::open(path).map_err(Problem::Io)?;
    let length = file.metadata().map_err(Problem::Io)?.len();
    Ok((file, length))
}

/// Read a program, unpacking gzip; never more than RAM could hold (symbols and debug data of an ELF excepted).
fn read_program(ram: &GuestRam, path: &Path) -> Result<Vec<u8>, Problem> {
    let (file, length) = open(path)?;
    let limit = ram.size().saturating_mul(4).clamp(64 * MIB, 2048 * MIB);
    let too_large = |needed| Problem::TooLarge { needed, ram: ram.size() };
    if length > limit {
        return Err(too_large(length));
    }
    let bytes = read_bounded(file, limit).map_err(Problem::Io)?.ok_or_else(|| too_large(limit))?;
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        read_bounded(flate2::read::MultiGzDecoder::new(&bytes[..]), limit)
            .map_err(|error| Problem::Malformed("gzip file", error.to_string()))?
            .ok_or_else(|| too_large(limit))?
    } else {
        bytes
    };
    if bytes.is_empty() {
        return Err(Problem::Empty);
    }
    Ok(bytes)
}

/// All of `source`, or `None` when it is longer than `limit`.
fn read_bounded(source: impl Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

#[cfg(test)]
mod tests;
