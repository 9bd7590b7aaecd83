//! Inter-processor interrupts.

use super::{mask, Call, Error, Reply};
use crate::hart::Hart;
use crate::irq::interrupt;

pub const EXTENSION: u64 = 0x73_5049;

/// Answer a call.
pub fn call(hart: &mut Hart, call: Call) -> Reply {
    if call.function != 0 {
        return Err(Error::NotSupported);
    }
    let wires = &hart.platform().wires;
    for id in mask::harts(call.args[0], call.args[1], wires.len())? {
        wires[id].set(interrupt::SSI, true);
    }
    Ok(0)
}
