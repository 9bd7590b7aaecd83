//! Operands and results.

use dynasm::dynasm;
use dynasmrt::{DynasmApi, DynasmLabelApi};

use super::pins::{place, Place, X15};
use super::{Emitter, Width};

/// `$double` or `$single`, by the width, of `$target`, `$a`, and an operand that may be in memory.
macro_rules! scalar {
    ($e:expr, $width:expr, $double:ident / $single:ident, $target:expr, $a:expr, $b:expr) => {
        match ($width, $b) {
            (Width::Double, Place::Host(b)) => dynasm!($e.asm; .arch x64; $double Rx($target), Rx($a), Rx(b)),
            (Width::Double, Place::Memory(b)) => {
                dynasm!($e.asm; .arch x64; $double Rx($target), Rx($a), QWORD [rbp + b]);
            }
            (Width::Single, Place::Host(b)) => dynasm!($e.asm; .arch x64; $single Rx($target), Rx($a), Rx(b)),
            (Width::Single, Place::Memory(b)) => {
                dynasm!($e.asm; .arch x64; $single Rx($target), Rx($a), DWORD [rbp + b]);
            }
        }
    };
}

/// The same of a comparison, which has no target.
macro_rules! compare {
    ($e:expr, $width:expr, $double:ident / $single:ident, $a:expr, $b:expr) => {
        match ($width, $b) {
            (Width::Double, Place::Host(b)) => dynasm!($e.asm; .arch x64; $double Rx($a), Rx(b)),
            (Width::Double, Place::Memory(b)) => dynasm!($e.asm; .arch x64; $double Rx($a), QWORD [rbp + b]),
            (Width::Single, Place::Host(b)) => dynasm!($e.asm; .arch x64; $single Rx($a), Rx(b)),
            (Width::Single, Place::Memory(b)) => dynasm!($e.asm; .arch x64; $single Rx($a), DWORD [rbp + b]),
        }
    };
}
pub(super) use {compare, scalar};

impl Emitter<'_> {
    /// Go on only if register `guest` holds a number of that width.
    pub(super) fn require(&mut self, guest: u8, width: Width) {
        let bit = 1 << guest;
        if width == Width::Double || self.float.boxed & bit != 0 {
            return;
        }
        let fail = self.side_exit();
        match place(guest) {
            Place::Host(host) => dynasm!(self.asm; .arch x64; vpextrd eax, Rx(host), 1; cmp eax, BYTE -1),
            Place::Memory(at) => dynasm!(self.asm; .arch x64; cmp DWORD [rbp + at + 4], BYTE -1),
        }
        dynasm!(self.asm; .arch x64; jne =>fail);
        self.float.boxed |= bit;
    }

    /// A host register that holds all of register `guest`: its own, or `scratch`, loaded.
    pub(super) fn float_read(&mut self, guest: u8, scratch: u8) -> u8 {
        match place(guest) {
            Place::Host(host) => host,
            Place::Memory(at) => {
                dynasm!(self.asm; .arch x64; vmovsd Rx(scratch), [rbp + at]);
                scratch
            }
        }
    }

    /// The host register in which to compute what register `rd` is to become; call [`Emitter::float_write`] then.
    pub(super) fn float_target(&self, rd: u8) -> u8 {
        match place(rd) {
            Place::Host(host) => host,
            Place::Memory(_) => X15,
        }
    }

    /// Make host register `from` the value of register `rd`: a number of that width, if single boxed.
    pub(super) fn float_write(&mut self, rd: u8, from: u8, width: Width) {
        match place(rd) {
            Place::Host(host) if host == from => {}
            Place::Host(host) => dynasm!(self.asm; .arch x64; vmovapd Rx(host), Rx(from)),
            Place::Memory(at) => dynasm!(self.asm; .arch x64; vmovsd [rbp + at], Rx(from)),
        }
        match width {
            Width::Single => self.float.boxed |= 1 << rd,
            Width::Double => self.float.boxed &= !(1 << rd),
        }
    }

    /// Make the result in `host` the canonical NaN if it is a NaN. It is never a signalling one, so that this raises
    /// nothing.
    pub(super) fn canonical(&mut self, host: u8, width: Width) {
        let (cold, back) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        compare!(self, width, vucomisd / vucomiss, host, Place::Host(host));
        dynasm!(self.asm; .arch x64; jp =>cold; =>back);
        self.cold(move |e| {
            let nan = match width {
                Width::Double => 0x7ff8_0000_0000_0000,
                Width::Single => 0xffff_ffff_7fc0_0000_u64 as i64,
            };
            dynasm!(e.asm; .arch x64; =>cold; mov rax, QWORD nan; vmovq Rx(host), rax; jmp =>back);
        });
    }

    /// `host` = all ones.
    pub(super) fn ones(&mut self, host: u8) {
        dynasm!(self.asm; .arch x64; vpcmpeqd Rx(host), Rx(host), Rx(host));
    }
}
