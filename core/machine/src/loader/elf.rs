//! ELF64 executables (System V ABI, chapter "Object Files"): the loadable segments at their physical addresses.

use super::{Loaded, Problem};
use crate::layout::RAM_BASE;
use crate::memory::GuestRam;

const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const MACHINE_RISCV: u64 = 243;
const DYNAMIC: u64 = 3;
const LOAD: u64 = 1;
const PROGRAM_HEADER: usize = 56;

pub(super) fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
}

/// One loadable segment.
struct Segment {
    offset: u64,
    vaddr: u64,
    paddr: u64,
    in_file: u64,
    in_memory: u64,
}

fn malformed(what: impl Into<String>) -> Problem {
    Problem::Malformed("RISC-V ELF executable", what.into())
}

/// The little-endian number in `bytes[at..at + size]`.
fn number(bytes: &[u8], at: usize, size: usize) -> Result<u64, Problem> {
    let end = at.checked_add(size).ok_or_else(|| malformed("an offset overflows"))?;
    let field = bytes.get(at..end).ok_or_else(|| malformed("the file is truncated"))?;
    Ok(field.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

fn segments(bytes: &[u8]) -> Result<Vec<Segment>, Problem> {
    let table = usize::try_from(number(bytes, 32, 8)?).map_err(|_| malformed("an offset overflows"))?;
    let (stride, count) = (number(bytes, 54, 2)? as usize, number(bytes, 56, 2)? as usize);
    if count > 0 && stride < PROGRAM_HEADER {
        return Err(malformed(format!("its program headers are {stride} bytes long, not {PROGRAM_HEADER}")));
    }
    let mut loadable = Vec::new();
    for index in 0..count {
        let at = table.checked_add(index * stride).ok_or_else(|| malformed("an offset overflows"))?;
        if number(bytes, at, 4)? != LOAD {
            continue;
        }
        let field = |offset: usize| number(bytes, at.saturating_add(offset), 8);
        let segment = Segment {
            offset: field(8)?,
            vaddr: field(16)?,
            paddr: field(24)?,
            in_file: field(32)?,
            in_memory: field(40)?,
        };
        if segment.in_file > segment.in_memory {
            return Err(malformed(format!("segment {index} has more bytes in the file than in memory")));
        }
        if segment.in_memory > 0 {
            loadable.push(segment);
        }
    }
    Ok(loadable)
}

/// Load every segment; the entry is translated from virtual to physical by the segment that holds it. A
/// position-independent executable that was linked below RAM, as firmware is, goes to `base`.
pub(super) fn load(ram: &GuestRam, bytes: &[u8], base: u64) -> Result<Loaded, Problem> {
    if number(bytes, 4, 1)? != u64::from(CLASS_64) {
        return Err(malformed("it is not a 64-bit one"));
    }
    if number(bytes, 5, 1)? != u64::from(LITTLE_ENDIAN) {
        return Err(malformed("it is big-endian"));
    }
    let machine = number(bytes, 18, 2)?;
    if machine != MACHINE_RISCV {
        return Err(malformed(format!("it is for machine number {machine}, not RISC-V ({MACHINE_RISCV})")));
    }
    let virtual_entry = number(bytes, 24, 8)?;
    let mut segments = segments(bytes)?;
    let lowest = segments.iter().map(|segment| segment.paddr).min().unwrap_or_default();
    if number(bytes, 16, 2)? == DYNAMIC && lowest < RAM_BASE {
        for segment in &mut segments {
            segment.paddr = (segment.paddr - lowest).saturating_add(base);
        }
    }
    let mut entry = None;
    let (mut start, mut end) = (u64::MAX, 0);
    for segment in &segments {
        if !ram.contains(segment.paddr, segment.in_memory) {
            let (base, size) = (segment.paddr, segment.in_memory);
            return Err(Problem::OutsideRam { what: "a segment", base, size, ram: ram.size() });
        }
        let data = usize::try_from(segment.offset)
            .ok()
            .and_then(|from| bytes.get(from..from.checked_add(usize::try_from(segment.in_file).ok()?)?))
            .ok_or_else(|| malformed("the file is truncated"))?;
        ram.write(segment.paddr, data).map_err(Problem::Io)?;
        start = start.min(segment.paddr);
        end = end.max(segment.paddr + segment.in_memory);
        let into = virtual_entry.wrapping_sub(segment.vaddr);
        if into < segment.in_memory {
            entry = Some(segment.paddr + into);
        }
    }
    let entry = entry.ok_or_else(|| malformed(format!("no segment holds its entry point {virtual_entry:#x}")))?;
    Ok(Loaded { start, entry, end })
}
