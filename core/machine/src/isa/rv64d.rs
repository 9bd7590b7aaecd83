//! D: double-precision floating point. Source: unprivileged specification, "D" extension.

use super::row::rows;
use crate::fpu::{self, Double, Single};
use crate::hart::Flow;

const SIGN: u64 = 1 << 63;

rows! { super::base::RV64D;
    FLD       "fld"       "............ ..... 011 ..... 0000111" FLoad flow(|h, o, _| {
        h.require_float()?;
        let value = h.load::<u64>(h.x(o.rs1).wrapping_add(o.imm64()))?;
        h.set_f(o.rd, value);
        Ok(Flow::Next)
    });
    FSD       "fsd"       "....... ..... ..... 011 ..... 0100111" FStore flow(|h, o, _| {
        h.require_float()?;
        h.store::<u64>(h.x(o.rs1).wrapping_add(o.imm64()), h.f(o.rs2))?;
        Ok(Flow::Next)
    });

    FMADD_D   "fmadd.d"   "..... 01 ..... ..... ... ..... 1000011" FR4 flow(|h, o, _| h.float3::<Double>(o, fpu::fma::<Double>));
    FMSUB_D   "fmsub.d"   "..... 01 ..... ..... ... ..... 1000111" FR4 flow(|h, o, _| h.float3::<Double>(o, |a, b, c, rm, fl| fpu::fma::<Double>(a, b, c ^ SIGN, rm, fl)));
    FNMSUB_D  "fnmsub.d"  "..... 01 ..... ..... ... ..... 1001011" FR4 flow(|h, o, _| h.float3::<Double>(o, |a, b, c, rm, fl| fpu::fma::<Double>(a ^ SIGN, b, c, rm, fl)));
    FNMADD_D  "fnmadd.d"  "..... 01 ..... ..... ... ..... 1001111" FR4 flow(|h, o, _| h.float3::<Double>(o, |a, b, c, rm, fl| fpu::fma::<Double>(a ^ SIGN, b, c ^ SIGN, rm, fl)));

    FADD_D    "fadd.d"    "0000001 ..... ..... ... ..... 1010011" FRRm flow(|h, o, _| h.float2::<Double>(o, fpu::add::<Double>));
    FSUB_D    "fsub.d"    "0000101 ..... ..... ... ..... 1010011" FRRm flow(|h, o, _| h.float2::<Double>(o, fpu::sub::<Double>));
    FMUL_D    "fmul.d"    "0001001 ..... ..... ... ..... 1010011" FRRm flow(|h, o, _| h.float2::<Double>(o, fpu::mul::<Double>));
    FDIV_D    "fdiv.d"    "0001101 ..... ..... ... ..... 1010011" FRRm flow(|h, o, _| h.float2::<Double>(o, fpu::div::<Double>));
    FSQRT_D   "fsqrt.d"   "0101101 00000 ..... ... ..... 1010011" FUnaryRm flow(|h, o, _| h.float2::<Double>(o, |a, _, rm, fl| fpu::sqrt::<Double>(a, rm, fl)));

    FSGNJ_D   "fsgnj.d"   "0010001 ..... ..... 000 ..... 1010011" FR flow(|h, o, _| h.float_bits::<Double>(o, |a, b| a & !SIGN | b & SIGN));
    FSGNJN_D  "fsgnjn.d"  "0010001 ..... ..... 001 ..... 1010011" FR flow(|h, o, _| h.float_bits::<Double>(o, |a, b| a & !SIGN | !b & SIGN));
    FSGNJX_D  "fsgnjx.d"  "0010001 ..... ..... 010 ..... 1010011" FR flow(|h, o, _| h.float_bits::<Double>(o, |a, b| a ^ b & SIGN));
    FMIN_D    "fmin.d"    "0010101 ..... ..... 000 ..... 1010011" FR flow(|h, o, _| h.float_select::<Double>(o, fpu::min::<Double>));
    FMAX_D    "fmax.d"    "0010101 ..... ..... 001 ..... 1010011" FR flow(|h, o, _| h.float_select::<Double>(o, fpu::max::<Double>));
    FEQ_D     "feq.d"     "1010001 ..... ..... 010 ..... 1010011" FCompare flow(|h, o, _| h.float_compare::<Double>(o, fpu::eq::<Double>));
    FLT_D     "flt.d"     "1010001 ..... ..... 001 ..... 1010011" FCompare flow(|h, o, _| h.float_compare::<Double>(o, fpu::lt::<Double>));
    FLE_D     "fle.d"     "1010001 ..... ..... 000 ..... 1010011" FCompare flow(|h, o, _| h.float_compare::<Double>(o, fpu::le::<Double>));
    FCLASS_D  "fclass.d"  "1110001 00000 ..... 001 ..... 1010011" FToX flow(|h, o, _| h.float_inspect::<Double>(o, |a| u64::from(fpu::classify::<Double>(a))));
    FMV_X_D   "fmv.x.d"   "1110001 00000 ..... 000 ..... 1010011" FToX flow(|h, o, _| h.float_inspect::<Double>(o, |a| a));
    FMV_D_X   "fmv.d.x"   "1111001 00000 ..... 000 ..... 1010011" XToF flow(|h, o, _| {
        h.require_float()?;
        h.set_f(o.rd, h.x(o.rs1));
        Ok(Flow::Next)
    });

    FCVT_S_D  "fcvt.s.d"  "0100000 00001 ..... ... ..... 1010011" FUnaryRm flow(|h, o, _| h.float_resize::<Double, Single>(o, fpu::double_to_single));
    FCVT_D_S  "fcvt.d.s"  "0100001 00000 ..... ... ..... 1010011" FUnaryRm flow(|h, o, _| h.float_resize::<Single, Double>(o, |a, _, fl| fpu::single_to_double(a, fl)));
    FCVT_W_D  "fcvt.w.d"  "1100001 00000 ..... ... ..... 1010011" FToXRm flow(|h, o, _| h.float_to_int::<Double>(o, |a, rm, fl| i64::from(fpu::to_i32::<Double>(a, rm, fl)) as u64));
    FCVT_WU_D "fcvt.wu.d" "1100001 00001 ..... ... ..... 1010011" FToXRm flow(|h, o, _| h.float_to_int::<Double>(o, |a, rm, fl| fpu::to_u32::<Double>(a, rm, fl) as i32 as u64));
    FCVT_L_D  "fcvt.l.d"  "1100001 00010 ..... ... ..... 1010011" FToXRm flow(|h, o, _| h.float_to_int::<Double>(o, |a, rm, fl| fpu::to_i64::<Double>(a, rm, fl) as u64));
    FCVT_LU_D "fcvt.lu.d" "1100001 00011 ..... ... ..... 1010011" FToXRm flow(|h, o, _| h.float_to_int::<Double>(o, fpu::to_u64::<Double>));
    FCVT_D_W  "fcvt.d.w"  "1101001 00000 ..... ... ..... 1010011" XToFRm flow(|h, o, _| h.int_to_float::<Double>(o, |x, rm, fl| fpu::from_i32::<Double>(x as i32, rm, fl)));
    FCVT_D_WU "fcvt.d.wu" "1101001 00001 ..... ... ..... 1010011" XToFRm flow(|h, o, _| h.int_to_float::<Double>(o, |x, rm, fl| fpu::from_u32::<Double>(x as u32, rm, fl)));
    FCVT_D_L  "fcvt.d.l"  "1101001 00010 ..... ... ..... 1010011" XToFRm flow(|h, o, _| h.int_to_float::<Double>(o, |x, rm, fl| fpu::from_i64::<Double>(x as i64, rm, fl)));
    FCVT_D_LU "fcvt.d.lu" "1101001 00011 ..... ... ..... 1010011" XToFRm flow(|h, o, _| h.int_to_float::<Double>(o, fpu::from_u64::<Double>));
}
