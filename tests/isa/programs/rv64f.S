// F: binary32 in 64-bit registers: NaN boxing, results, flags, moves and memory.
#include "test.h"

#define NX 1
#define UF 2
#define OF 4
#define DZ 8
#define NV 16
#define B 0xffffffff00000000
#define ONE 0x3f800000
#define TWO 0x40000000
#define THREE 0x40400000
#define INF 0x7f800000
#define QNAN 0x7fc00000
#define SNAN 0x7f800001
#define MAX 0x7f7fffff
#define MZERO 0x80000000

#define SET(freg, value) li a0, value; fmv.w.x freg, a0
// What the destination holds before: no expected result.
#define STALE(freg) li a3, 0x5a5a; fmv.d.x freg, a3
#define GOT(freg, want, flags) fmv.x.d a3, freg; EXPECT(a3, B | (want)); EXPECT_CSR(fflags, flags)
#define FF(insn, want, flags, a, b, ...) SET(fa0, a); SET(fa1, b); STALE(fa2); csrwi fflags, 0; insn fa2, fa0, fa1, ##__VA_ARGS__; GOT(fa2, want, flags)
#define FFF(insn, want, flags, a, b, c, ...) SET(fa0, a); SET(fa1, b); SET(fa2, c); STALE(fa3); csrwi fflags, 0; insn fa3, fa0, fa1, fa2, ##__VA_ARGS__; GOT(fa3, want, flags)
#define F1(insn, want, flags, a, ...) SET(fa0, a); STALE(fa2); csrwi fflags, 0; insn fa2, fa0, ##__VA_ARGS__; GOT(fa2, want, flags)
#define XF(insn, want, flags, a, ...) SET(fa0, a); li a3, 0x5a5a; csrwi fflags, 0; insn a3, fa0, ##__VA_ARGS__; EXPECT(a3, want); EXPECT_CSR(fflags, flags)
#define XFF(insn, want, flags, a, b) SET(fa0, a); SET(fa1, b); li a3, 0x5a5a; csrwi fflags, 0; insn a3, fa0, fa1; EXPECT(a3, want); EXPECT_CSR(fflags, flags)
#define FX(insn, want, flags, a, ...) li a0, a; STALE(fa2); csrwi fflags, 0; insn fa2, a0, ##__VA_ARGS__; GOT(fa2, want, flags)

PROGRAM
    csrwi fcsr, 0
    FF(fadd.s, THREE, 0, ONE, TWO)
    FF(fadd.s, 0x3f8ccccd, NX, ONE, 0x3dcccccd)
    FF(fadd.s, 0x3f8ccccc, NX, ONE, 0x3dcccccd, rdn)
    FF(fadd.s, 0x3f800001, NX, ONE, 0x33800000, rmm)
    FF(fadd.s, ONE, NX, ONE, 0x33800000, rne)
    FF(fsub.s, MZERO, 0, ONE, ONE, rdn)
    FF(fmul.s, INF, OF | NX, MAX, TWO)
    FF(fmul.s, MAX, OF | NX, MAX, TWO, rdn)
    FF(fmul.s, 0xff800000, OF | NX, MAX, 0xc0000000, rdn)
    FF(fmul.s, 0, UF | NX, 1, 0x3f000000)
    // Judged tiny after rounding: just below the smallest normal number it rounds up to.
    FF(fmul.s, 0x00800000, UF | NX, 0x00800000, 0x3f7fffff)
    FF(fdiv.s, 0x3eaaaaab, NX, ONE, THREE)
    FF(fdiv.s, INF, DZ, ONE, 0)
    FF(fdiv.s, QNAN, NV, INF, INF)
    F1(fsqrt.s, 0x3fb504f3, NX, TWO)
    F1(fsqrt.s, QNAN, NV, 0xbf800000)
    FFF(fmadd.s, 0x40e00000, 0, TWO, THREE, ONE)
    FFF(fmsub.s, 0x40a00000, 0, TWO, THREE, ONE)
    FFF(fnmsub.s, 0xc0a00000, 0, TWO, THREE, ONE)
    FFF(fnmadd.s, 0xc0e00000, 0, TWO, THREE, ONE)
    FFF(fmadd.s, QNAN, NV, 0, INF, QNAN)
    FFF(fmsub.s, 0x28800000, 0, 0x3f800001, 0x3f800001, 0x3f800002)
    FFF(fmadd.s, 0x3f800001, NX, ONE, ONE, 1, rup)
    FFF(fmsub.s, ONE, NX, ONE, ONE, 1, rup)
    FFF(fnmsub.s, 0xbf800000, NX, ONE, ONE, 1, rdn)
    FFF(fnmadd.s, 0xbf800001, NX, ONE, ONE, 1, rdn)
    F1(fsqrt.s, 0x3fb504f4, NX, TWO, rup)
    FF(fmin.s, MZERO, 0, 0, MZERO)
    FF(fmax.s, ONE, NV, SNAN, ONE)
    FF(fmax.s, QNAN, NV, SNAN, SNAN)
    FF(fsgnj.s, 0xbf800000, 0, ONE, MZERO)
    FF(fsgnjn.s, 0xbf800000, 0, ONE, ONE)
    FF(fsgnjn.s, 0xbf800000, 0, 0xbf800000, ONE)
    FF(fsgnjx.s, 0xbf800000, 0, ONE, MZERO)
    XFF(feq.s, 1, 0, 0, MZERO)
    XFF(flt.s, 1, 0, ONE, TWO)
    XFF(fle.s, 0, 0, TWO, ONE)
    XFF(flt.s, 0, NV, QNAN, ONE)
    XFF(fle.s, 1, 0, MZERO, 0)
    XF(fclass.s, 1 << 0, 0, 0xff800000)
    XF(fclass.s, 1 << 2, 0, 0x80000001)
    XF(fclass.s, 1 << 5, 0, 0x007fffff)
    XF(fclass.s, 1 << 8, 0, SNAN)
    XF(fclass.s, 1 << 9, 0, QNAN)
    XF(fcvt.w.s, -2, NX, 0xbfc00000, rne)
    XF(fcvt.w.s, -1, NX, 0xbfc00000, rtz)
    XF(fcvt.w.s, 0x7fffffff, NV, 0x4f000000)
    XF(fcvt.wu.s, 0xffffffff80000000, 0, 0x4f000000)
    XF(fcvt.wu.s, -1, NV, QNAN)
    XF(fcvt.l.s, 0x8000000000000000, NV, 0xff800000)
    XF(fcvt.lu.s, 0x8000000000000000, 0, 0x5f000000)
    XF(fcvt.wu.s, 2, NX, 0x3fc00000, rup)
    XF(fcvt.l.s, -2, NX, 0xbfc00000, rdn)
    XF(fcvt.lu.s, 2, NX, 0x3fc00000, rup)
    FX(fcvt.s.w, 0x4f000000, NX, 0x7fffffff)
    FX(fcvt.s.w, 0xbf800000, 0, 0xffffffff)
    FX(fcvt.s.wu, 0x4f800000, NX, 0xffffffff)
    FX(fcvt.s.wu, 0x4f7fffff, NX, 0xffffffff, rtz)
    FX(fcvt.s.l, 0x5f000000, NX, 0x7fffffffffffffff)
    FX(fcvt.s.l, 0xdf000000, 0, 0x8000000000000000)
    FX(fcvt.s.lu, 0x5f800000, NX, -1)

    // A value that is not boxed reads as the canonical NaN in arithmetic, and as its bits in moves and stores.
    li a0, 0x000000003f800000
    fmv.d.x fa0, a0
    SET(fa1, ONE)
    csrwi fflags, 0
    fadd.s fa2, fa0, fa1
    GOT(fa2, QNAN, 0)
    fsgnj.s fa2, fa0, fa1
    GOT(fa2, QNAN, 0)
    fmin.s fa2, fa0, fa1
    GOT(fa2, ONE, 0)
    fclass.s a3, fa0
    EXPECT(a3, 1 << 9)
    fcvt.w.s a3, fa0
    EXPECT(a3, 0x7fffffff)
    fmv.x.w a3, fa0
    EXPECT(a3, 0x3f800000)
    la s0, cell
    fsw fa0, 4(s0)
    lwu a3, 4(s0)
    EXPECT(a3, 0x3f800000)
    // Loads and moves box; fmv.x.w extends the sign.
    li a0, 0x1234567880000001
    sd a0, 0(s0)
    flw fa0, 0(s0)
    fmv.x.d a3, fa0
    EXPECT(a3, 0xffffffff80000001)
    fmv.w.x fa0, a0
    fmv.x.d a3, fa0
    EXPECT(a3, 0xffffffff80000001)
    fmv.x.w a3, fa0
    EXPECT(a3, 0xffffffff80000001)
    PASS

    .data
    .balign 8
cell: .dword 0, 0
