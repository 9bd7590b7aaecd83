//! Timer extension.

use super::{Call, Error, Reply};
use crate::hart::Hart;

pub const EXTENSION: u64 = 0x5449_4d45;

/// Answer a call.
pub fn call(hart: &mut Hart, call: Call) -> Reply {
    if call.function != 0 {
        return Err(Error::NotSupported);
    }
    hart.set_stimecmp(call.args[0]);
    Ok(0)
}
