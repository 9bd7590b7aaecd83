// Zicntr: cycle, time and instret count, and mcounteren and scounteren say who may look.
#include "test.h"

#define COUNTS(csr) csrr a0, csr; li a2, 2000; 1: addi a2, a2, -1; bnez a2, 1b; csrr a1, csr; sltu a2, a0, a1; EXPECT(a2, 1)
#define DENIED(mode, ...) li gp, __LINE__; j 2f; 1: __VA_ARGS__; ecall; 2: RUN(mode, 1b, CAUSE_ILLEGAL)
#define ALLOWED(mode, ...) li gp, __LINE__; j 2f; 1: __VA_ARGS__; ecall; 2: RUN(mode, 1b, CAUSE_ECALL_U + mode)

PROGRAM
    COUNTS(cycle)
    COUNTS(instret)
    COUNTS(mcycle)
    COUNTS(minstret)
    // time is mtime of the CLINT: what one shows lies between two looks at the other.
    li s0, MTIME
    ld a0, 0(s0)
    csrr a1, time
    ld a2, 0(s0)
    sltu a3, a1, a0
    EXPECT(a3, 0)
    sltu a3, a2, a1
    EXPECT(a3, 0)
    // It goes on: wait for it to move.
    csrr a0, time
1:  csrr a1, time
    beq a0, a1, 1b
    sltu a2, a0, a1
    EXPECT(a2, 1)
    TRAPS(CAUSE_ILLEGAL, csrw cycle, a0)
    TRAPS(CAUSE_ILLEGAL, csrw time, a0)
    csrw mcycle, zero
    csrw minstret, zero
    csrr a0, mhpmcounter3
    csrr a0, mhpmevent3
    csrr a0, mcountinhibit

    csrw mcounteren, zero
    csrw scounteren, zero
    DENIED(MODE_S, csrr a0, cycle)
    DENIED(MODE_S, csrr a0, time)
    DENIED(MODE_S, csrr a0, instret)
    csrwi mcounteren, 7
    ALLOWED(MODE_S, csrr a0, cycle)
    ALLOWED(MODE_S, csrr a0, time)
    ALLOWED(MODE_S, csrr a0, instret)
    DENIED(MODE_U, csrr a0, cycle)
    DENIED(MODE_U, csrr a0, time)
    csrwi scounteren, 2
    ALLOWED(MODE_U, csrr a0, time)
    DENIED(MODE_U, csrr a0, instret)
    csrwi scounteren, 7
    ALLOWED(MODE_U, csrr a0, instret)
    csrwi mcounteren, 5
    DENIED(MODE_U, csrr a0, time)
    DENIED(MODE_S, csrr a0, time)
    PASS
