//! The built-in firmware: an SBI 2.0 that answers `ecall` from S-mode without any M-mode code in the guest.
//!
//! Source: RISC-V Supervisor Binary Interface Specification 2.0. One file per extension; this one dispatches.

mod base;
mod dbcn;
mod hsm;
mod ipi;
mod legacy;
mod mask;
mod rfence;
mod srst;
mod time;

#[cfg(test)]
mod tests;

use crate::hart::{Flow, Hart};

/// Error codes (chapter "Binary Encoding").
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum Error {
    Failed = -1,
    NotSupported = -2,
    InvalidParameter = -3,
    InvalidAddress = -5,
    AlreadyAvailable = -6,
}

/// What goes to `a1`, or the error for `a0`.
pub type Reply = Result<u64, Error>;

/// A call: function number and arguments `a0` to `a5`.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// `a6`.
    pub function: u64,
    /// `a0` to `a5`.
    pub args: [u64; 6],
}

type Handler = fn(&mut Hart, Call) -> Reply;

/// Extension number and handler.
static EXTENSIONS: &[(u64, Handler)] = &[
    (base::EXTENSION, base::call),
    (time::EXTENSION, time::call),
    (ipi::EXTENSION, ipi::call),
    (rfence::EXTENSION, rfence::call),
    (hsm::EXTENSION, hsm::call),
    (srst::EXTENSION, srst::call),
    (dbcn::EXTENSION, dbcn::call),
];

/// Whether `extension` is there.
fn is_available(extension: u64) -> bool {
    EXTENSIONS.iter().any(|(number, _)| *number == extension) || legacy::is_available(extension)
}

/// Answer the `ecall` at `pc` of the hart, which is in S-mode. The next instruction is at the hart's `next_pc`.
pub(crate) fn call(hart: &mut Hart, pc: u64) -> Flow {
    hart.next_pc = pc.wrapping_add(4);
    let extension = hart.x(17);
    let call = Call { function: hart.x(16), args: std::array::from_fn(|i| hart.x(10 + i as u8)) };
    if legacy::is_available(extension) {
        // Legacy calls return one value and leave a1 alone.
        let value = legacy::call(hart, extension, call);
        hart.set_x(10, value);
        return Flow::Jump;
    }
    let handler = EXTENSIONS.iter().find(|(number, _)| *number == extension).map(|(_, handler)| *handler);
    let reply = handler.map_or(Err(Error::NotSupported), |handler| handler(hart, call));
    if hart.take_restart() {
        return Flow::Jump;
    }
    let (error, value) = match reply {
        Ok(value) => (0, value),
        Err(error) => (error as i64 as u64, 0),
    };
    hart.set_x(10, error);
    hart.set_x(11, value);
    Flow::Jump
}
