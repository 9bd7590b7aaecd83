//! F: single-precision floating point. Source: unprivileged specification, "F" extension.
//!
//! The semantics live in [`crate::fpu`]; the helpers on the hart check `mstatus.FS`, find the rounding mode and accrue the flags.

use super::row::rows;
use crate::fpu::{self, Single};
use crate::hart::Flow;

const SIGN: u32 = 1 << 31;

rows! { super::base::RV64F;
    FLW       "flw"       "............ ..... 010 ..... 0000111" FLoad flow(|h, o, _| {
        h.require_float()?;
        let value = h.load::<u32>(h.x(o.rs1).wrapping_add(o.imm64()))?;
        h.set_f(o.rd, fpu::nan_box(value));
        Ok(Flow::Next)
    });
    FSW       "fsw"       "....... ..... ..... 010 ..... 0100111" FStore flow(|h, o, _| {
        h.require_float()?;
        h.store::<u32>(h.x(o.rs1).wrapping_add(o.imm64()), h.f(o.rs2) as u32)?;
        Ok(Flow::Next)
    });

    FMADD_S   "fmadd.s"   "..... 00 ..... ..... ... ..... 1000011" FR4 flow(|h, o, _| h.float3::<Single>(o, fpu::fma::<Single>));
    FMSUB_S   "fmsub.s"   "..... 00 ..... ..... ... ..... 1000111" FR4 flow(|h, o, _| h.float3::<Single>(o, |a, b, c, rm, fl| fpu::fma::<Single>(a, b, c ^ SIGN, rm, fl)));
    FNMSUB_S  "fnmsub.s"  "..... 00 ..... ..... ... ..... 1001011" FR4 flow(|h, o, _| h.float3::<Single>(o, |a, b, c, rm, fl| fpu::fma::<Single>(a ^ SIGN, b, c, rm, fl)));
    FNMADD_S  "fnmadd.s"  "..... 00 ..... ..... ... ..... 1001111" FR4 flow(|h, o, _| h.float3::<Single>(o, |a, b, c, rm, fl| fpu::fma::<Single>(a ^ SIGN, b, c ^ SIGN, rm, fl)));

    FADD_S    "fadd.s"    "0000000 ..... ..... ... ..... 1010011" FRRm flow(|h, o, _| h.float2::<Single>(o, fpu::add::<Single>));
    FSUB_S    "fsub.s"    "0000100 ..... ..... ... ..... 1010011" FRRm flow(|h, o, _| h.float2::<Single>(o, fpu::sub::<Single>));
    FMUL_S    "fmul.s"    "0001000 ..... ..... ... ..... 1010011" FRRm flow(|h, o, _| h.float2::<Single>(o, fpu::mul::<Single>));
    FDIV_S    "fdiv.s"    "0001100 ..... ..... ... ..... 1010011" FRRm flow(|h, o, _| h.float2::<Single>(o, fpu::div::<Single>));
    FSQRT_S   "fsqrt.s"   "0101100 00000 ..... ... ..... 1010011" FUnaryRm flow(|h, o, _| h.float2::<Single>(o, |a, _, rm, fl| fpu::sqrt::<Single>(a, rm, fl)));

    FSGNJ_S   "fsgnj.s"   "0010000 ..... ..... 000 ..... 1010011" FR flow(|h, o, _| h.float_bits::<Single>(o, |a, b| a & !SIGN | b & SIGN));
    FSGNJN_S  "fsgnjn.s"  "0010000 ..... ..... 001 ..... 1010011" FR flow(|h, o, _| h.float_bits::<Single>(o, |a, b| a & !SIGN | !b & SIGN));
    FSGNJX_S  "fsgnjx.s"  "0010000 ..... ..... 010 ..... 1010011" FR flow(|h, o, _| h.float_bits::<Single>(o, |a, b| a ^ b & SIGN));
    FMIN_S    "fmin.s"    "0010100 ..... ..... 000 ..... 1010011" FR flow(|h, o, _| h.float_select::<Single>(o, fpu::min::<Single>));
    FMAX_S    "fmax.s"    "0010100 ..... ..... 001 ..... 1010011" FR flow(|h, o, _| h.float_select::<Single>(o, fpu::max::<Single>));
    FEQ_S     "feq.s"     "1010000 ..... ..... 010 ..... 1010011" FCompare flow(|h, o, _| h.float_compare::<Single>(o, fpu::eq::<Single>));
    FLT_S     "flt.s"     "1010000 ..... ..... 001 ..... 1010011" FCompare flow(|h, o, _| h.float_compare::<Single>(o, fpu::lt::<Single>));
    FLE_S     "fle.s"     "1010000 ..... ..... 000 ..... 1010011" FCompare flow(|h, o, _| h.float_compare::<Single>(o, fpu::le::<Single>));
    FCLASS_S  "fclass.s"  "1110000 00000 ..... 001 ..... 1010011" FToX flow(|h, o, _| h.float_inspect::<Single>(o, |a| u64::from(fpu::classify::<Single>(a))));
    FMV_X_W   "fmv.x.w"   "1110000 00000 ..... 000 ..... 1010011" FToX flow(|h, o, _| {
        h.require_float()?;
        h.set_x(o.rd, h.f(o.rs1) as i32 as i64 as u64);
        Ok(Flow::Next)
    });
    FMV_W_X   "fmv.w.x"   "1111000 00000 ..... 000 ..... 1010011" XToF flow(|h, o, _| {
        h.require_float()?;
        h.set_f(o.rd, fpu::nan_box(h.x(o.rs1) as u32));
        Ok(Flow::Next)
    });

    FCVT_W_S  "fcvt.w.s"  "1100000 00000 ..... ... ..... 1010011" FToXRm flow(|h, o, _| h.float_to_int::<Single>(o, |a, rm, fl| i64::from(fpu::to_i32::<Single>(a, rm, fl)) as u64));
    FCVT_WU_S "fcvt.wu.s" "1100000 00001 ..... ... ..... 1010011" FToXRm flow(|h, o, _| h.float_to_int::<Single>(o, |a, rm, fl| fpu::to_u32::<Single>(a, rm, fl) as i32 as u64));
    FCVT_L_S  "fcvt.l.s"  "1100000 00010 ..... ... ..... 1010011" FToXRm flow(|h, o, _| h.float_to_int::<Single>(o, |a, rm, fl| fpu::to_i64::<Single>(a, rm, fl) as u64));
    FCVT_LU_S "fcvt.lu.s" "1100000 00011 ..... ... ..... 1010011" FToXRm flow(|h, o, _| h.float_to_int::<Single>(o, fpu::to_u64::<Single>));
    FCVT_S_W  "fcvt.s.w"  "1101000 00000 ..... ... ..... 1010011" XToFRm flow(|h, o, _| h.int_to_float::<Single>(o, |x, rm, fl| fpu::from_i32::<Single>(x as i32, rm, fl)));
    FCVT_S_WU "fcvt.s.wu" "1101000 00001 ..... ... ..... 1010011" XToFRm flow(|h, o, _| h.int_to_float::<Single>(o, |x, rm, fl| fpu::from_u32::<Single>(x as u32, rm, fl)));
    FCVT_S_L  "fcvt.s.l"  "1101000 00010 ..... ... ..... 1010011" XToFRm flow(|h, o, _| h.int_to_float::<Single>(o, |x, rm, fl| fpu::from_i64::<Single>(x as i64, rm, fl)));
    FCVT_S_LU "fcvt.s.lu" "1101000 00011 ..... ... ..... 1010011" XToFRm flow(|h, o, _| h.int_to_float::<Single>(o, fpu::from_u64::<Single>));
}
