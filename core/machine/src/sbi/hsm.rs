//! Hart state management.

use super::{Call, Error, Reply};
use crate::hart::mailbox::{state, Start};
use crate::hart::Hart;

pub const EXTENSION: u64 = 0x48_534d;
/// Suspend types: 0 keeps the hart's state, this bit loses it.
const NON_RETENTIVE: u64 = 0x8000_0000;

/// Answer a call.
pub fn call(hart: &mut Hart, call: Call) -> Reply {
    match call.function {
        0 => start(hart, call.args),
        1 => {
            hart.stop();
            Ok(0)
        }
        2 => {
            let wires = hart.platform().wires.get(call.args[0] as usize).ok_or(Error::InvalidParameter)?;
            Ok(u64::from(wires.mailbox.state()))
        }
        3 => suspend(hart, call.args),
        _ => Err(Error::NotSupported),
    }
}

fn start(hart: &mut Hart, [id, pc, opaque, ..]: [u64; 6]) -> Reply {
    let platform = hart.platform();
    let wires = platform.wires.get(id as usize).ok_or(Error::InvalidParameter)?;
    if pc % 2 != 0 || !platform.ram.contains(pc, 2) {
        return Err(Error::InvalidAddress);
    }
    if !wires.mailbox.request_start(Start { pc, opaque }) {
        return Err(Error::AlreadyAvailable);
    }
    wires.notify();
    Ok(0)
}

fn suspend(hart: &mut Hart, [kind, pc, opaque, ..]: [u64; 6]) -> Reply {
    // A uint32_t, which callers may sign-extend.
    let resume = match kind & 0xffff_ffff {
        0 => None,
        NON_RETENTIVE => Some(Start { pc, opaque }),
        _ => return Err(Error::InvalidParameter),
    };
    if resume.is_some() && (pc % 2 != 0 || !hart.platform().ram.contains(pc, 2)) {
        return Err(Error::InvalidAddress);
    }
    hart.suspend(resume);
    Ok(0)
}

/// The states have the numbers of the specification.
const _: () = assert!(state::STARTED == 0 && state::STOPPED == 1 && state::START_PENDING == 2 && state::SUSPENDED == 4);
