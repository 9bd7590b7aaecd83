//! What OpenSBI's `fw_dynamic` is told about the next stage.
//!
//! Source: OpenSBI `docs/firmware/fw_dynamic.md`, structure version 2: six 64-bit words.

use std::io;

use crate::memory::GuestRam;

const MAGIC: u64 = 0x4942_534f;
const VERSION: u64 = 2;
const SUPERVISOR: u64 = 1;
const BOOT_HART: u64 = 0;

/// Bytes that the structure takes.
pub const INFO_SIZE: u64 = 48;

/// Write `struct fw_dynamic_info` to `at`: enter `next` in S-mode, on hart 0. Firmware of other kinds does not look at it.
///
/// # Errors
/// When `at` is not RAM.
pub fn write_info(ram: &GuestRam, at: u64, next: u64) -> io::Result<()> {
    let words = [MAGIC, VERSION, next, SUPERVISOR, 0, BOOT_HART];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    ram.write(at, &bytes)
}
