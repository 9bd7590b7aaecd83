//! Floating-point operands, rounding modes and flags; arithmetic is in [`crate::fpu`].
//!
//! Source: unprivileged specification, "F" (rounding modes, NaN boxing); privileged specification, `mstatus.FS`.

use super::csr::status;
use super::trap::Exception;
use super::{Flow, Hart};
use crate::fpu::{nan_box, unbox, Double, Flags, Format, Rounding, Single};
use crate::isa::Op;

/// How a format lies in a 64-bit register.
pub(crate) trait Register: Format {
    /// The number in `raw`.
    fn get(raw: u64) -> Self::Bits;
    /// The register that holds `bits`.
    fn put(bits: Self::Bits) -> u64;
}

impl Register for Single {
    #[inline(always)]
    fn get(raw: u64) -> u32 {
        unbox(raw)
    }
    #[inline(always)]
    fn put(bits: u32) -> u64 {
        nan_box(bits)
    }
}

impl Register for Double {
    #[inline(always)]
    fn get(raw: u64) -> u64 {
        raw
    }
    #[inline(always)]
    fn put(bits: u64) -> u64 {
        bits
    }
}

type Outcome = Result<Flow, Exception>;

impl Hart {
    /// Floating-point instructions are illegal while the unit is off.
    #[inline(always)]
    pub(crate) fn require_float(&self) -> Result<(), Exception> {
        if self.csr.mstatus & status::FS == 0 {
            return Err(Exception::illegal());
        }
        Ok(())
    }

    /// The operation's rounding mode. Reserved ones are illegal.
    #[inline(always)]
    fn rounding(&self, o: &Op) -> Result<Rounding, Exception> {
        let rm = if o.rm == 7 { self.csr.frm } else { o.rm };
        Rounding::from_bits(rm).ok_or(Exception::illegal())
    }

    #[inline(always)]
    fn operand<F: Register>(&self, r: u8) -> F::Bits {
        F::get(self.f(r))
    }

    #[inline(always)]
    fn accrue(&mut self, flags: Flags) {
        if flags.0 != 0 {
            self.csr.fflags |= flags.0;
            self.csr.mstatus |= status::FS;
        }
    }

    /// rd = f(rs1, rs2), rounded.
    #[inline(always)]
    pub(crate) fn float2<F: Register>(
        &mut self,
        o: &Op,
        f: impl FnOnce(F::Bits, F::Bits, Rounding, &mut Flags) -> F::Bits,
    ) -> Outcome {
        self.require_float()?;
        let mut flags = Flags(self.csr.fflags);
        let value = f(self.operand::<F>(o.rs1), self.operand::<F>(o.rs2), self.rounding(o)?, &mut flags);
        self.accrue(flags);
        self.set_f(o.rd, F::put(value));
        Ok(Flow::Next)
    }

    /// rd = f(rs1, rs2, rs3), rounded.
    #[inline(always)]
    pub(crate) fn float3<F: Register>(
        &mut self,
        o: &Op,
        f: impl FnOnce(F::Bits, F::Bits, F::Bits, Rounding, &mut Flags) -> F::Bits,
    ) -> Outcome {
        let c = self.operand::<F>(o.rs3);
        self.float2::<F>(o, |a, b, rm, fl| f(a, b, c, rm, fl))
    }

    /// rd = f(rs1, rs2), exact.
    #[inline(always)]
    pub(crate) fn float_bits<F: Register>(&mut self, o: &Op, f: impl FnOnce(F::Bits, F::Bits) -> F::Bits) -> Outcome {
        self.float_select::<F>(o, |a, b, _| f(a, b))
    }

    /// rd = f(rs1, rs2), exact but with flags.
    #[inline(always)]
    pub(crate) fn float_select<F: Register>(
        &mut self,
        o: &Op,
        f: impl FnOnce(F::Bits, F::Bits, &mut Flags) -> F::Bits,
    ) -> Outcome {
        self.require_float()?;
        let mut flags = Flags::default();
        let value = f(self.operand::<F>(o.rs1), self.operand::<F>(o.rs2), &mut flags);
        self.accrue(flags);
        self.set_f(o.rd, F::put(value));
        Ok(Flow::Next)
    }

    /// Integer rd = whether f(rs1, rs2).
    #[inline(always)]
    pub(crate) fn float_compare<F: Register>(
        &mut self,
        o: &Op,
        f: impl FnOnce(F::Bits, F::Bits, &mut Flags) -> bool,
    ) -> Outcome {
        self.require_float()?;
        let mut flags = Flags::default();
        let holds = f(self.operand::<F>(o.rs1), self.operand::<F>(o.rs2), &mut flags);
        self.accrue(flags);
        self.set_x(o.rd, u64::from(holds));
        Ok(Flow::Next)
    }

    /// Integer rd = f(rs1).
    #[inline(always)]
    pub(crate) fn float_inspect<F: Register>(&mut self, o: &Op, f: impl FnOnce(F::Bits) -> u64) -> Outcome {
        self.require_float()?;
        self.set_x(o.rd, f(self.operand::<F>(o.rs1)));
        Ok(Flow::Next)
    }

    /// Integer rd = f(rs1), rounded.
    #[inline(always)]
    pub(crate) fn float_to_int<F: Register>(
        &mut self,
        o: &Op,
        f: impl FnOnce(F::Bits, Rounding, &mut Flags) -> u64,
    ) -> Outcome {
        self.require_float()?;
        let mut flags = Flags::default();
        let value = f(self.operand::<F>(o.rs1), self.rounding(o)?, &mut flags);
        self.accrue(flags);
        self.set_x(o.rd, value);
        Ok(Flow::Next)
    }

    /// rd = f(integer rs1), rounded.
    #[inline(always)]
    pub(crate) fn int_to_float<F: Register>(
        &mut self,
        o: &Op,
        f: impl FnOnce(u64, Rounding, &mut Flags) -> F::Bits,
    ) -> Outcome {
        self.require_float()?;
        let mut flags = Flags::default();
        let value = f(self.x(o.rs1), self.rounding(o)?, &mut flags);
        self.accrue(flags);
        self.set_f(o.rd, F::put(value));
        Ok(Flow::Next)
    }

    /// rd = rs1 in another format.
    #[inline(always)]
    pub(crate) fn float_resize<From: Register, To: Register>(
        &mut self,
        o: &Op,
        f: impl FnOnce(From::Bits, Rounding, &mut Flags) -> To::Bits,
    ) -> Outcome {
        self.require_float()?;
        let mut flags = Flags::default();
        let value = f(self.operand::<From>(o.rs1), self.rounding(o)?, &mut flags);
        self.accrue(flags);
        self.set_f(o.rd, To::put(value));
        Ok(Flow::Next)
    }
}
