//! What the run loop and translated code tell each other.

use super::super::trap::Exception;
use crate::fpu::Flags;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Virtual address of the page that is being executed.
    pub page: u64,
    /// Instructions left until it is time to attend; negative when it was overdrawn.
    pub left: i64,
    /// The window that translated code uses: the one that was selected when it last looked, or 0.
    pub window: u64,
    /// What `left` counts down to: the value of [`Hart::retired`] at which it is 0.
    pub limit: u64,
    /// The exception that the instruction raises at which translated code has left to the interpreter, if that is known.
    pub trap: Option<Exception>,
    /// MXCSR of translated code, as it was left; 0 once its flags are in `fflags`.
    pub guest_mxcsr: u32,
    /// The same without the guest's flags.
    pub clear_mxcsr: u32,
    /// MXCSR of everything else.
    pub host_mxcsr: u32,
    /// Whether translated code has the floating-point state.
    pub armed: bool,
    /// `fflags` by the flags of MXCSR.
    pub accrued: [u8; 64],
    /// Flags of MXCSR by `fflags`.
    pub raised: [u8; 32],
}

/// What a fault of translated code takes of the instructions that are left: about as many could have been executed meanwhile.
const FAULT: i64 = 1000;

/// Bits of MXCSR and of `fflags` that say the same.
const FLAGS: [(u8, Flags); 5] =
    [(1 << 0, Flags::NV), (1 << 2, Flags::DZ), (1 << 3, Flags::OF), (1 << 4, Flags::UF), (1 << 5, Flags::NX)];

impl Default for Progress {
    fn default() -> Self {
        let accrued =
            |mxcsr: u8| FLAGS.iter().filter(|(bit, _)| mxcsr & bit != 0).fold(0, |all, (_, flag)| all | flag.0);
        let raised =
            |fflags: u8| FLAGS.iter().filter(|(_, flag)| fflags & flag.0 != 0).fold(0, |all, (bit, _)| all | bit);
        Self {
            page: 0,
            left: 0,
            window: 0,
            limit: 0,
            trap: None,
            guest_mxcsr: 0,
            clear_mxcsr: 0,
            host_mxcsr: 0,
            armed: false,
            accrued: std::array::from_fn(|mxcsr| accrued(mxcsr as u8)),
            raised: std::array::from_fn(|fflags| raised(fflags as u8)),
        }
    }
}

impl Progress {
    /// There was a fault: let it be time to attend sooner. What was retired stays the same.
    pub fn charge_fault(&mut self) {
        let charge = FAULT.min(self.left - 1).max(0);
        self.limit -= charge as u64;
        self.left -= charge;
    }
}
