//! Debug console.

use super::{Call, Error, Reply};
use crate::hart::Hart;

pub const EXTENSION: u64 = 0x4442_434e;
/// Bytes per call; the caller comes again for the rest.
const MAX_BYTES: u64 = 4096;

/// Answer a call.
pub fn call(hart: &mut Hart, call: Call) -> Reply {
    let [length, low, high, ..] = call.args;
    match call.function {
        0 => write(hart, length, low, high),
        1 => read(hart, length, low, high),
        2 => {
            hart.platform().console.output(&[call.args[0] as u8]);
            Ok(0)
        }
        _ => Err(Error::NotSupported),
    }
}

fn write(hart: &Hart, length: u64, low: u64, high: u64) -> Reply {
    let platform = hart.platform();
    let mut bytes = vec![0; length.min(MAX_BYTES) as usize];
    if high != 0 || !platform.ram.contains(low, length.max(1)) || platform.ram.read(low, &mut bytes).is_err() {
        return Err(Error::InvalidParameter);
    }
    platform.console.output(&bytes);
    Ok(bytes.len() as u64)
}

fn read(hart: &Hart, length: u64, low: u64, high: u64) -> Reply {
    let platform = hart.platform();
    if high != 0 || !platform.ram.contains(low, length.max(1)) {
        return Err(Error::InvalidParameter);
    }
    let limit = length.min(MAX_BYTES) as usize;
    let bytes: Vec<u8> = std::iter::from_fn(|| platform.console.input()).take(limit).collect();
    platform.ram.write(low, &bytes).map_err(|_| Error::Failed)?;
    Ok(bytes.len() as u64)
}
