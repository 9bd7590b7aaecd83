// Zicsr: the six instructions, read-only and missing registers, privilege, and fields that only take legal values.
#include "test.h"

PROGRAM
    li a0, 0x1234
    csrrw a1, mscratch, a0
    EXPECT(a1, 0)
    li a0, 0xf
    csrrs a1, mscratch, a0
    EXPECT(a1, 0x1234)
    EXPECT_CSR(mscratch, 0x123f)
    li a0, 0x30
    csrrc a1, mscratch, a0
    EXPECT(a1, 0x123f)
    EXPECT_CSR(mscratch, 0x120f)
    csrrwi a1, mscratch, 31
    EXPECT(a1, 0x120f)
    csrrsi a1, mscratch, 0
    EXPECT(a1, 31)
    csrrci a1, mscratch, 16
    EXPECT(a1, 31)
    csrrsi a1, mscratch, 16
    EXPECT(a1, 15)
    // Source and destination the same register; the destination x0.
    li a0, 0x77
    csrrw a0, mscratch, a0
    EXPECT(a0, 31)
    csrrw x0, mscratch, x0
    EXPECT_CSR(mscratch, 0)

    // Read-only registers: setting or clearing with x0 or 0 only reads.
    csrr a0, mvendorid
    csrr a0, marchid
    csrr a0, mimpid
    csrrs a0, mhartid, x0
    EXPECT(a0, 0)
    csrrci a0, mhartid, 0
    li a1, 0
    TRAPS(CAUSE_ILLEGAL, csrw mhartid, a1)
    TRAPS(CAUSE_ILLEGAL, csrs mhartid, a1)
    TRAPS(CAUSE_ILLEGAL, csrc mvendorid, a1)
    TRAPS(CAUSE_ILLEGAL, csrwi mvendorid, 0)
    TRAPS(CAUSE_ILLEGAL, csrsi mvendorid, 1)
    TRAPS(CAUSE_ILLEGAL, csrr a0, 0x5c0)
    TRAPS(CAUSE_ILLEGAL, csrr a0, 0x8ff)
    TRAPS(CAUSE_ILLEGAL, csrw 0x7ff, a0)
    // A register whose access trapped keeps its value, and so does the destination.
    li a0, 0x55
    TRAPS(CAUSE_ILLEGAL, csrrw a0, mhartid, a0)
    EXPECT(a0, 0x55)

    // misa: RV64 with A, C, D, F, I, M, S, U.
    csrr a0, misa
    li a1, 3 << 62 | 1 << 0 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 8 | 1 << 12 | 1 << 18 | 1 << 20
    and a0, a0, a1
    EXPECT(a0, 0x800000000014112d)

    // Fields that only take legal values.
    li a0, MSTATUS_MPP
    csrs mstatus, a0
    li a0, 1 << 12
    csrc mstatus, a0
    li a0, 2 << 11
    csrw mstatus, a0
    csrr a0, mstatus
    srli a0, a0, 11
    andi a0, a0, 3
    addi a0, a0, -2
    EXPECT_NONZERO(a0) // 2 is no mode
    csrr a0, mstatus
    srli a0, a0, 32
    andi a0, a0, 15
    EXPECT(a0, 10) // UXL and SXL are 64-bit
    li a0, -1
    csrw medeleg, a0
    EXPECT_CSR_BITS(medeleg, 0xb108, 0xb108) // breakpoint, ecall from U, page faults
    csrw medeleg, zero
    csrw mideleg, a0
    EXPECT_CSR_BITS(mideleg, 0x222, 0x222)
    EXPECT_CSR_BITS(mideleg, 0x888, 0)
    csrw mideleg, zero
    csrw mie, a0
    EXPECT_CSR_BITS(mie, 0xfff, 0xaaa)
    csrw mie, zero
#ifdef STRICT // QEMU keeps bit 0 of mepc, and lets an ecall from M be delegated on paper
    li a0, RAM + 3
    csrw mepc, a0
    EXPECT_CSR(mepc, RAM + 2)
    li a0, -1
    csrw medeleg, a0
    EXPECT_CSR_BITS(medeleg, 1 << CAUSE_ECALL_M, 0)
    csrw medeleg, zero
#endif
    li a0, RAM + 0x101
    csrw mtvec, a0
    EXPECT_CSR(mtvec, RAM + 0x101)
    la a0, m_trap
    csrw mtvec, a0
    // A mode that is not implemented leaves satp as it was.
    li a0, 15 << 60 | 5
    csrw satp, a0
    EXPECT_CSR(satp, 0)

    // sstatus, sie and sip are views.
    li a0, MSTATUS_SUM | MSTATUS_SPP
    csrw sstatus, a0
    EXPECT_CSR_BITS(mstatus, MSTATUS_SUM | MSTATUS_SPP, MSTATUS_SUM | MSTATUS_SPP)
    EXPECT_CSR_BITS(sstatus, MSTATUS_MPP | MSTATUS_MIE | MSTATUS_MPRV, 0)
    csrw sstatus, zero
    li a0, 0x222
    csrw mie, a0
    EXPECT_CSR(sie, 0) // nothing delegated
    csrw mideleg, a0
    EXPECT_CSR(sie, 0x222)
    csrw sie, zero
    EXPECT_CSR(mie, 0)
    csrwi sip, 2
    EXPECT_CSR_BITS(mip, 2, 2)
    csrwi sip, 0
    EXPECT_CSR_BITS(mip, 2, 0)

    // Lower modes reach only their registers.
#define DENIED(mode, ...) li gp, __LINE__; j 2f; 1: __VA_ARGS__; ecall; 2: RUN(mode, 1b, CAUSE_ILLEGAL)
#define ALLOWED(mode, ...) li gp, __LINE__; j 2f; 1: __VA_ARGS__; ecall; 2: RUN(mode, 1b, CAUSE_ECALL_U + mode)
    DENIED(MODE_S, csrr a0, mstatus)
    DENIED(MODE_S, csrw mscratch, a0)
    DENIED(MODE_S, csrr a0, mhartid)
    ALLOWED(MODE_S, csrr a0, sstatus)
    ALLOWED(MODE_S, csrr a0, satp)
    DENIED(MODE_U, csrr a0, sstatus)
    DENIED(MODE_U, csrr a0, mstatus)
    DENIED(MODE_U, csrr a0, satp)
    // (FS was cleared above.)
    li a0, 1 << 13
    csrs mstatus, a0
    ALLOWED(MODE_U, csrr a0, fcsr)
    PASS
