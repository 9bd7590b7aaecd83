//! Remote fences, complete when the call returns.

use std::sync::Arc;
use std::time::Duration;

use super::{mask, Call, Error, Reply};
use crate::hart::mailbox::{Completion, Request};
use crate::hart::Hart;

pub const EXTENSION: u64 = 0x5246_4e43;
/// Longest sleep between two looks at the machine's power switch.
const PATIENCE: Duration = Duration::from_millis(10);

/// Answer a call.
pub fn call(hart: &mut Hart, call: Call) -> Reply {
    let [mask, base, start, size, asid, _] = call.args;
    let request = match call.function {
        0 => Request::FenceI,
        1 => Request::Flush { start, size, asid: None },
        2 => Request::Flush { start, size, asid: Some(asid as u16) },
        // Those of the hypervisor extension.
        _ => return Err(Error::NotSupported),
    };
    let platform = Arc::clone(hart.platform());
    let completion = Completion::new(hart.id());
    for id in mask::harts(mask, base, platform.wires.len())? {
        let wires = &platform.wires[id];
        if id == hart.id() {
            hart.apply(request);
        } else if wires.mailbox.post(request, &completion) {
            wires.notify();
        }
    }
    // Meanwhile this hart does what others ask of it, lest two that fence each other wait for ever.
    if !completion.is_done() {
        platform.awaited.begin();
        while !completion.is_done() && !platform.power.is_off() {
            hart.read_mail();
            if !completion.is_done() {
                platform.wires[hart.id()].park(Some(PATIENCE));
            }
        }
        platform.awaited.end();
    }
    Ok(0)
}
