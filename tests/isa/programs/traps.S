// Synchronous traps: causes, values, the stack of mstatus, and the instructions that mstatus can make illegal.
#include "test.h"

#define NOWHERE 0x180000
#define DENIED(mode, ...) li gp, __LINE__; j 2f; 1: __VA_ARGS__; ecall; 2: RUN(mode, 1b, CAUSE_ILLEGAL)
#define ALLOWED(mode, ...) li gp, __LINE__; j 2f; 1: __VA_ARGS__; ecall; 2: RUN(mode, 1b, CAUSE_ECALL_U + mode)
// mtval of an illegal instruction is its bits or 0; of a breakpoint its address or 0.
#define ZERO_OR(value) li gp, __LINE__; li t6, value; mv t5, s9; beqz t5, 1f; bne t5, t6, fail; 1:

PROGRAM
    TRAPS(CAUSE_ECALL_M, ecall)
    EXPECT(s9, 0)
    TRAPS(CAUSE_BREAKPOINT, .option push; .option norvc; ebreak; .option pop)
    li gp, __LINE__
    beqz s9, 1f
    EXPECT_REG(s9, s10)
1:  TRAPS(CAUSE_ILLEGAL, .word 0xffffffff)
    ZERO_OR(0xffffffff)
    TRAPS(CAUSE_ILLEGAL, .word 0x0000007b)
    ZERO_OR(0x0000007b)
    TRAPS(CAUSE_ILLEGAL, .word 0x00005073 | 0xfff << 20)
    TRAPS(CAUSE_ILLEGAL, .word 0x0000705b)
    TRAPS(CAUSE_ILLEGAL, .word 0x02005013 | 1 << 31) // no such shift
    TRAPS(CAUSE_ILLEGAL, .word 0x0000701b) // no such word operation
    TRAPS(CAUSE_ILLEGAL, .word 0x00007003) // no such load
    TRAPS(CAUSE_ILLEGAL, .word 0x00004023) // no such store
    TRAPS(CAUSE_ILLEGAL, .word 0x00002063) // no such branch

    li a0, NOWHERE
    TRAPS(CAUSE_LOAD_ACCESS, lw a1, 8(a0))
    EXPECT(s9, NOWHERE + 8)
    TRAPS(CAUSE_STORE_ACCESS, sd a1, 16(a0))
    EXPECT(s9, NOWHERE + 16)
    TRAPS(CAUSE_LOAD_ACCESS, fld fa0, 24(a0))
    EXPECT(s9, NOWHERE + 24)
    // A load that traps leaves its destination alone.
    li a1, 0x55
    TRAPS(CAUSE_LOAD_ACCESS, lbu a1, 0(a0))
    EXPECT(a1, 0x55)
    li gp, __LINE__
    CATCH(1f)
    jr a0
1:  EXPECT(s8, CAUSE_FETCH_ACCESS)
    EXPECT(s9, NOWHERE)
    EXPECT(s10, NOWHERE)
    // The jump itself was done: its link register is set.
    CATCH(1f)
    jalr a2, 0(a0)
2:  j fail
1:  EXPECT_LABEL(a2, 2b)

    // Environment calls from below, and what mstatus keeps of the mode and of MIE.
#define STATUS(mask, value) li gp, __LINE__; li t6, mask; and t5, s11, t6; li t6, value; bne t5, t6, fail
    j 2f
1:  ecall
2:  RUN(MODE_U, 1b, CAUSE_ECALL_U)
    EXPECT_LABEL(s10, 1b)
    STATUS(MSTATUS_MPP, 0)
    RUN(MODE_S, 1b, CAUSE_ECALL_S)
    STATUS(MSTATUS_MPP, 1 << 11)
    csrsi mstatus, MSTATUS_MIE
    TRAPS(CAUSE_ECALL_M, ecall)
    STATUS(MSTATUS_MPP | MSTATUS_MIE | MSTATUS_MPIE, 3 << 11 | MSTATUS_MPIE)
    TRAPS(CAUSE_ECALL_M, ecall)
    STATUS(MSTATUS_MIE | MSTATUS_MPIE, 0)

    // mret restores MIE from MPIE, sets MPIE, and leaves the least mode in MPP; it clears MPRV when it leaves M.
    li a0, MSTATUS_MPP | MSTATUS_MPIE
    csrs mstatus, a0
    csrci mstatus, MSTATUS_MIE
    la a0, 1f
    csrw mepc, a0
    mret
1:  EXPECT_CSR_BITS(mstatus, MSTATUS_MPP | MSTATUS_MIE | MSTATUS_MPIE, MSTATUS_MIE | MSTATUS_MPIE)
    csrci mstatus, MSTATUS_MIE
    li a0, MSTATUS_MPRV
    csrs mstatus, a0
    j 2f
1:  ecall
2:  RUN(MODE_S, 1b, CAUSE_ECALL_S)
    STATUS(MSTATUS_MPRV, 0)

    // sret from S, and from M as well.
    li a0, MSTATUS_SPP | MSTATUS_SIE
    csrc mstatus, a0
    li a0, MSTATUS_SPIE
    csrs mstatus, a0
    la a0, 1b
    csrw sepc, a0
    CATCH(3f)
    sret
3:  EXPECT(s8, CAUSE_ECALL_U)
    STATUS(MSTATUS_SPP | MSTATUS_SIE | MSTATUS_SPIE, MSTATUS_SIE | MSTATUS_SPIE)
    csrci mstatus, MSTATUS_SIE

    DENIED(MODE_U, sret)
    DENIED(MODE_U, mret)
    DENIED(MODE_S, mret)
    DENIED(MODE_U, sfence.vma)
    ALLOWED(MODE_S, sfence.vma)
    li a0, MSTATUS_TVM
    csrs mstatus, a0
    DENIED(MODE_S, sfence.vma a0, a1)
    DENIED(MODE_S, csrr a0, satp)
    DENIED(MODE_S, csrw satp, zero)
    sfence.vma
    csrr a0, satp
    li a0, MSTATUS_TVM
    csrc mstatus, a0
    li a0, MSTATUS_TSR
    csrs mstatus, a0
    DENIED(MODE_S, sret)
    li a0, MSTATUS_TSR
    csrc mstatus, a0
    li a0, MSTATUS_TW
    csrs mstatus, a0
    DENIED(MODE_S, wfi)
    PASS
