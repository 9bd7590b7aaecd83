// D: arithmetic with results, flags and rounding modes; moves, comparisons, conversions, memory, the state of FS.
#include "test.h"

#define ONE 0x3ff0000000000000
#define TWO 0x4000000000000000
#define THREE 0x4008000000000000
#define HALF 0x3fe0000000000000
#define TENTH 0x3fb999999999999a
#define INF 0x7ff0000000000000
#define MINF 0xfff0000000000000
#define QNAN 0x7ff8000000000000
#define SNAN 0x7ff0000000000001
#define MAX 0x7fefffffffffffff
#define TINY 1
#define MZERO 0x8000000000000000
#define NX 1
#define UF 2
#define OF 4
#define DZ 8
#define NV 16

#define SET(freg, value) li a0, value; fmv.d.x freg, a0
// What the destination holds before: no expected result.
#define STALE(freg) li a3, 0x5a5a; fmv.d.x freg, a3
#define GOT(freg, want, flags) fmv.x.d a3, freg; EXPECT(a3, want); EXPECT_CSR(fflags, flags)
#define FF(insn, want, flags, a, b, ...) SET(fa0, a); SET(fa1, b); STALE(fa2); csrwi fflags, 0; insn fa2, fa0, fa1, ##__VA_ARGS__; GOT(fa2, want, flags)
#define FFF(insn, want, flags, a, b, c, ...) SET(fa0, a); SET(fa1, b); SET(fa2, c); STALE(fa3); csrwi fflags, 0; insn fa3, fa0, fa1, fa2, ##__VA_ARGS__; GOT(fa3, want, flags)
#define F1(insn, want, flags, a, ...) SET(fa0, a); STALE(fa2); csrwi fflags, 0; insn fa2, fa0, ##__VA_ARGS__; GOT(fa2, want, flags)
// A result in an integer register.
#define XF(insn, want, flags, a, ...) SET(fa0, a); li a3, 0x5a5a; csrwi fflags, 0; insn a3, fa0, ##__VA_ARGS__; EXPECT(a3, want); EXPECT_CSR(fflags, flags)
#define XFF(insn, want, flags, a, b) SET(fa0, a); SET(fa1, b); li a3, 0x5a5a; csrwi fflags, 0; insn a3, fa0, fa1; EXPECT(a3, want); EXPECT_CSR(fflags, flags)
#define FX(insn, want, flags, a, ...) li a0, a; STALE(fa2); csrwi fflags, 0; insn fa2, a0, ##__VA_ARGS__; GOT(fa2, want, flags)

PROGRAM
    csrwi fcsr, 0
    FF(fadd.d, THREE, 0, ONE, TWO)
    FF(fadd.d, 0x3ff199999999999a, NX, ONE, TENTH, rne)
    FF(fadd.d, 0x3ff1999999999999, NX, ONE, TENTH, rtz)
    FF(fadd.d, 0x3ff1999999999999, NX, ONE, TENTH, rdn)
    FF(fadd.d, 0x3ff199999999999a, NX, ONE, TENTH, rup)
    FF(fadd.d, 0x3ff0000000000001, NX, ONE, 0x3ca0000000000000, rmm)
    FF(fadd.d, ONE, NX, ONE, 0x3ca0000000000000, rne)
    FF(fsub.d, ONE, 0, THREE, TWO)
    FF(fsub.d, 0, 0, ONE, ONE)
    FF(fsub.d, MZERO, 0, ONE, ONE, rdn)
    FF(fsub.d, QNAN, NV, INF, INF)
    FF(fmul.d, INF, OF | NX, MAX, TWO)
    FF(fmul.d, MAX, OF | NX, MAX, TWO, rtz)
    FF(fmul.d, 0, UF | NX, TINY, HALF)
    FF(fmul.d, TINY, UF | NX, TINY, HALF, rmm)
    FF(fmul.d, QNAN, NV, INF, MZERO)
    FF(fdiv.d, 0x3fd5555555555555, NX, ONE, THREE)
    FF(fdiv.d, 0x3fd5555555555556, NX, ONE, THREE, rup)
    FF(fdiv.d, MINF, DZ, ONE, MZERO)
    FF(fdiv.d, QNAN, NV, 0, 0)
    FF(fadd.d, QNAN, 0, 0xfff8000000001234, ONE)
    FF(fadd.d, QNAN, NV, SNAN, ONE)
    F1(fsqrt.d, 0x3ff6a09e667f3bcd, NX, TWO)
    F1(fsqrt.d, 0x3ff6a09e667f3bcc, NX, TWO, rdn)
    F1(fsqrt.d, MZERO, 0, MZERO)
    F1(fsqrt.d, QNAN, NV, 0xbff0000000000000)

    // Fused: one rounding; the sign conventions of the four forms; inf * 0 + qNaN is invalid.
    FFF(fmadd.d, 0x401c000000000000, 0, TWO, THREE, ONE)
    FFF(fmsub.d, 0x4014000000000000, 0, TWO, THREE, ONE)
    FFF(fnmsub.d, 0xc014000000000000, 0, TWO, THREE, ONE)
    FFF(fnmadd.d, 0xc01c000000000000, 0, TWO, THREE, ONE)
    FFF(fmsub.d, 0x3970000000000000, 0, 0x3ff0000000000001, 0x3ff0000000000001, 0x3ff0000000000002)
    FFF(fmadd.d, QNAN, NV, INF, 0, QNAN)
    FFF(fmadd.d, 0, 0, ONE, ONE, 0xbff0000000000000)
    FFF(fnmadd.d, MZERO, 0, ONE, 0, 0)

    FFF(fmadd.d, 0x3ff0000000000001, NX, ONE, ONE, TINY, rup)
    FFF(fmsub.d, ONE, NX, ONE, ONE, TINY, rup)
    FFF(fnmsub.d, 0xbff0000000000000, NX, ONE, ONE, TINY, rdn)
    FFF(fnmadd.d, 0xbff0000000000001, NX, ONE, ONE, TINY, rdn)

    FF(fmin.d, MZERO, 0, 0, MZERO)
    FF(fmax.d, 0, 0, MZERO, 0)
    FF(fmin.d, ONE, 0, QNAN, ONE)
    FF(fmax.d, ONE, NV, ONE, SNAN)
    FF(fmin.d, QNAN, 0, 0xfff8000000000000, QNAN)
    FF(fsgnj.d, 0xbff0000000000000, 0, ONE, MZERO)
    FF(fsgnjn.d, ONE, 0, 0xbff0000000000000, MINF)
    FF(fsgnjx.d, ONE, 0, 0xbff0000000000000, MINF)
    FF(fsgnj.d, 0xfff0000000000001, 0, SNAN, MZERO)
    FF(fsgnjn.d, 0xbff0000000000000, 0, 0xbff0000000000000, ONE)
    FF(fsgnjx.d, 0xbff0000000000000, 0, ONE, MINF)
    XFF(feq.d, 0, 0, ONE, TWO)
    XFF(feq.d, 1, 0, 0, MZERO)
    XFF(feq.d, 0, 0, QNAN, QNAN)
    XFF(feq.d, 0, NV, SNAN, ONE)
    XFF(flt.d, 1, 0, MINF, 0)
    XFF(flt.d, 0, NV, QNAN, ONE)
    XFF(fle.d, 1, 0, ONE, ONE)
    XFF(fle.d, 0, NV, ONE, QNAN)
    XF(fclass.d, 1 << 0, 0, MINF)
    XF(fclass.d, 1 << 1, 0, 0xbff0000000000000)
    XF(fclass.d, 1 << 2, 0, 0x8000000000000001)
    XF(fclass.d, 1 << 3, 0, MZERO)
    XF(fclass.d, 1 << 4, 0, 0)
    XF(fclass.d, 1 << 5, 0, TINY)
    XF(fclass.d, 1 << 6, 0, ONE)
    XF(fclass.d, 1 << 7, 0, INF)
    XF(fclass.d, 1 << 8, 0, SNAN)
    XF(fclass.d, 1 << 9, 0, QNAN)

    // To integers: saturation is invalid, 32-bit results are sign-extended, unsigned ones too.
    XF(fcvt.w.d, 3, NX, 0x400b333333333333, rtz)
    XF(fcvt.w.d, 4, NX, 0x400c000000000000, rne)
    XF(fcvt.w.d, 2, NX, 0x4004000000000000, rne)
    XF(fcvt.w.d, 3, NX, 0x4004000000000000, rmm)
    XF(fcvt.w.d, -3, NX, 0xc004000000000000, rdn)
    XF(fcvt.w.d, 0x7fffffff, NV, 0x41e0000000000000)
    XF(fcvt.w.d, 0xffffffff80000000, NV, MINF)
    XF(fcvt.w.d, 0x7fffffff, NV, QNAN)
    XF(fcvt.wu.d, 0xffffffff80000000, 0, 0x41e0000000000000)
    XF(fcvt.wu.d, -1, NV, 0x41f0000000000000)
    XF(fcvt.wu.d, 0, NV, 0xbff0000000000000)
    XF(fcvt.wu.d, 0, NX, 0xbfe0000000000000, rtz)
    XF(fcvt.l.d, 0x7fffffffffffffff, NV, 0x43e0000000000000)
    XF(fcvt.l.d, 0x8000000000000000, 0, 0xc3e0000000000000)
    XF(fcvt.lu.d, 0x8000000000000000, 0, 0x43e0000000000000)
    XF(fcvt.lu.d, -1, NV, QNAN)
    XF(fcvt.wu.d, 2, NX, 0x3ff8000000000000, rup)
    XF(fcvt.l.d, -2, NX, 0xbff8000000000000, rdn)
    XF(fcvt.lu.d, 2, NX, 0x3ff8000000000000, rup)
    FX(fcvt.d.w, 0xbff0000000000000, 0, 0xffffffff)
    FX(fcvt.d.wu, 0x41efffffffe00000, 0, -1)
    FX(fcvt.d.l, 0x43e0000000000000, NX, 0x7fffffffffffffff)
    FX(fcvt.d.l, 0x43dfffffffffffff, NX, 0x7fffffffffffffff, rtz)
    FX(fcvt.d.lu, 0x43f0000000000000, NX, -1)
    F1(fcvt.s.d, 0xffffffff3dcccccd, NX, TENTH)
    F1(fcvt.s.d, 0xffffffff7fc00000, NV, SNAN)
    F1(fcvt.d.s, ONE, 0, 0xffffffff3f800000)
    // Not boxed: the canonical NaN.
    F1(fcvt.d.s, QNAN, 0, 0x000000003f800000)

    // Dynamic rounding takes frm; reserved modes are illegal.
    csrwi frm, 3
    FF(fadd.d, 0x3ff0000000000001, NX, ONE, TINY, dyn)
    csrwi frm, 2
    FF(fadd.d, ONE, NX, ONE, TINY)
    csrwi frm, 5
    TRAPS(CAUSE_ILLEGAL, fadd.d fa0, fa0, fa1)
    csrwi frm, 7
    TRAPS(CAUSE_ILLEGAL, fadd.d fa0, fa0, fa1)
    // A static mode does not look at frm; nor does an operation that does not round.
    FF(fadd.d, THREE, 0, ONE, TWO, rne)
    FF(fmin.d, ONE, 0, ONE, TWO)
    csrwi frm, 0
    TRAPS(CAUSE_ILLEGAL, .word 0x02b55553) // fadd.d fa0, fa0, fa1 with rm = 5

    // fcsr is frm and fflags.
    li a0, 0xff
    csrw fcsr, a0
    EXPECT_CSR(frm, 7)
    EXPECT_CSR(fflags, 31)
    li a0, -1
    csrw fcsr, a0
    EXPECT_CSR(fcsr, 0xff)
    csrwi fflags, 3
    csrwi frm, 1
    EXPECT_CSR(fcsr, 0x23)
    // Flags accrue.
    csrwi fcsr, 0
    SET(fa0, ONE)
    SET(fa1, 0)
    fdiv.d fa2, fa0, fa1
    SET(fa1, THREE)
    fdiv.d fa2, fa0, fa1
    EXPECT_CSR(fflags, DZ | NX)
    // The destination may be a source.
    fadd.d fa0, fa0, fa0
    fmv.x.d a3, fa0
    EXPECT(a3, TWO)
    fmadd.d fa0, fa0, fa0, fa0
    fmv.x.d a3, fa0
    EXPECT(a3, 0x4018000000000000)

    la s0, cell
    SET(fa0, 0x0123456789abcdef)
    fsd fa0, 8(s0)
    ld a0, 8(s0)
    EXPECT(a0, 0x0123456789abcdef)
    fld fa1, 8(s0)
    fmv.x.d a0, fa1
    EXPECT(a0, 0x0123456789abcdef)

    // Writing a register or fcsr makes FS dirty (3, and SD set); with FS off everything is illegal.
#define FS_IS(value) li gp, __LINE__; csrr t5, mstatus; li t6, MSTATUS_FS; and t5, t5, t6; li t6, (value) << 13; bne t5, t6, fail
#define SET_FS(value) li t6, MSTATUS_FS; csrc mstatus, t6; li t6, (value) << 13; csrs mstatus, t6
    SET_FS(1)
    fmv.x.d a0, fa1
    fsd fa1, 0(s0)
    FS_IS(1)
    fld fa1, 0(s0)
    FS_IS(3)
    csrr a0, mstatus
    srli a0, a0, 63
    EXPECT(a0, 1)
    SET_FS(2)
    csrwi fflags, 0
    FS_IS(3)
    SET_FS(1)
    fmv.d.x fa1, zero
    FS_IS(3)
    SET_FS(0)
    csrr a0, mstatus
    srli a0, a0, 63
    EXPECT(a0, 0)
    TRAPS(CAUSE_ILLEGAL, fmv.x.d a0, fa1)
    TRAPS(CAUSE_ILLEGAL, fld fa1, 0(s0))
    TRAPS(CAUSE_ILLEGAL, fsd fa1, 0(s0))
    TRAPS(CAUSE_ILLEGAL, csrr a0, fcsr)
    TRAPS(CAUSE_ILLEGAL, csrwi frm, 0)
    TRAPS(CAUSE_ILLEGAL, c.fld fa1, 0(s0))
    PASS

    .data
    .balign 8
cell: .dword 0, 0
