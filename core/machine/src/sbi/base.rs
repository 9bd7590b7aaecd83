//! Base extension.

use super::{is_available, Call, Error, Reply};
use crate::hart::Hart;

pub const EXTENSION: u64 = 0x10;
/// Version 2.0.
const SPECIFICATION: u64 = 2 << 24;
/// Ours; the specification's list of implementations has no number for it.
const IMPLEMENTATION: u64 = 0x766b_6400;

/// Answer a call.
pub fn call(_hart: &mut Hart, call: Call) -> Reply {
    Ok(match call.function {
        0 => SPECIFICATION,
        1 => IMPLEMENTATION,
        2 => 1,
        3 => u64::from(is_available(call.args[0])),
        // mvendorid, marchid, mimpid.
        4..=6 => 0,
        _ => return Err(Error::NotSupported),
    })
}
