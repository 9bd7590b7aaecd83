//! System reset.

use super::{Call, Error, Reply};
use crate::hart::Hart;
use crate::power::Exit;

pub const EXTENSION: u64 = 0x5352_5354;

/// Answer a call.
pub fn call(hart: &mut Hart, call: Call) -> Reply {
    let [kind, reason, ..] = call.args;
    if call.function != 0 {
        return Err(Error::NotSupported);
    }
    let exit = match (kind as u32, reason as u32) {
        (0..=2, 1) => Exit::Failure(1),
        (0, 0) => Exit::PowerOff,
        (1 | 2, 0) => Exit::Reboot,
        _ => return Err(Error::InvalidParameter),
    };
    hart.platform().end(exit);
    Ok(0)
}
