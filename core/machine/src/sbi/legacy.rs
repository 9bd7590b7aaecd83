//! The legacy calls that old and small kernels use.

use super::Call;
use crate::hart::Hart;
use crate::power::Exit;

const SET_TIMER: u64 = 0;
const PUTCHAR: u64 = 1;
const GETCHAR: u64 = 2;
const SHUTDOWN: u64 = 8;

/// Whether `extension` is a legacy call that is there.
pub fn is_available(extension: u64) -> bool {
    matches!(extension, SET_TIMER | PUTCHAR | GETCHAR | SHUTDOWN)
}

/// Answer a call that [`is_available`].
pub fn call(hart: &mut Hart, extension: u64, call: Call) -> u64 {
    match extension {
        SET_TIMER => hart.set_stimecmp(call.args[0]),
        PUTCHAR => hart.platform().console.output(&[call.args[0] as u8]),
        GETCHAR => return hart.platform().console.input().map_or(u64::MAX, u64::from),
        _ => hart.platform().end(Exit::PowerOff),
    }
    0
}
