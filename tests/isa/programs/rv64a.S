// A: read-modify-write operations and load-reserved/store-conditional on one hart.
#include "test.h"

// Memory holds `old`, the operand is `operand`: the old value is returned (a word extended), memory becomes `new`.
#define AMO(insn, old, operand, new) \
    li a1, old; sd a1, 0(s0); li a2, operand; insn a3, a2, (s0); \
    EXPECT(a3, old); EXPECT(a2, operand); ld a4, 0(s0); EXPECT(a4, new); \
    sd a1, 0(s0); insn a2, a2, (s0); EXPECT(a2, old); \
    sd a1, 0(s0); li a2, operand; insn x0, a2, (s0); ld a4, 0(s0); EXPECT(a4, new)
// The word form, on the lower half of a doubleword whose upper half must stay.
#define AMOW(insn, old, operand, returned, new) \
    li a1, 0xa5a5a5a500000000 | (old); sd a1, 0(s0); li a2, operand; insn a3, a2, (s0); \
    EXPECT(a3, returned); ld a4, 0(s0); EXPECT(a4, 0xa5a5a5a500000000 | (new))

PROGRAM
    la s0, cell
    AMO(amoswap.d, 0x1111222233334444, 0x5555666677778888, 0x5555666677778888)
    AMO(amoadd.d, 0xffffffffffffffff, 2, 1)
    AMO(amoxor.d, 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0xf0f0f0f0f0f0f0f0)
    AMO(amoand.d, 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0x0f000f000f000f00)
    AMO(amoor.d, 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0xfff0fff0fff0fff0)
    AMO(amomin.d, -5, 3, -5)
    AMO(amomin.d, 5, 0x8000000000000000, 0x8000000000000000)
    AMO(amomax.d, -5, 3, 3)
    AMO(amominu.d, -5, 3, 3)
    AMO(amomaxu.d, -5, 3, -5)
    AMO(amoadd.d.aq, 1, 2, 3)
    AMO(amoadd.d.rl, 1, 2, 3)
    AMO(amoadd.d.aqrl, 1, 2, 3)

    AMOW(amoswap.w, 0x80000000, 0x5555666677778888, 0xffffffff80000000, 0x77778888)
    AMOW(amoadd.w, 0xffffffff, 2, -1, 1)
    AMOW(amoxor.w, 0xff00ff00, 0x0ff00ff0, 0xffffffffff00ff00, 0xf0f0f0f0)
    AMOW(amoand.w, 0x7f00ff00, 0xffffffff0ff00ff0, 0x7f00ff00, 0x0f000f00)
    AMOW(amoor.w, 0x7f00ff00, 0x0ff00ff0, 0x7f00ff00, 0x7ff0fff0)
    AMOW(amomin.w, 0xfffffffb, 3, -5, 0xfffffffb)
    AMOW(amomin.w, 3, 0x00000001fffffffb, 3, 0xfffffffb)
    AMOW(amomax.w, 0xfffffffb, 3, -5, 3)
    AMOW(amominu.w, 0xfffffffb, 3, -5, 3)
    AMOW(amomaxu.w, 0xfffffffb, 3, -5, 0xfffffffb)
    AMOW(amomaxu.w, 7, 0xffffffff00000003, 7, 7)

    // The upper word of a doubleword is a word of its own.
    li a1, 0x7fffffff00000001
    sd a1, 0(s0)
    addi s1, s0, 4
    li a2, 1
    amoadd.w a3, a2, (s1)
    EXPECT(a3, 0x7fffffff)
    ld a4, 0(s0)
    EXPECT(a4, 0x8000000000000001)

    // A reservation lets exactly one store-conditional succeed.
    li a1, 0x1234
    sd a1, 0(s0)
    li a2, 0x5678
    lr.d a3, (s0)
    EXPECT(a3, 0x1234)
    lr.d a3, (s0)
    sc.d a4, a2, (s0)
    mv s2, a4
    bnez s2, retry_d
after_d:
    ld a5, 0(s0)
    EXPECT(a5, 0x5678)
    li a2, 0x9999
    sc.d a4, a2, (s0)
    EXPECT(a4, 1)
    ld a5, 0(s0)
    EXPECT(a5, 0x5678)

    li a1, 0xffffffff
    sd a1, 0(s0)
    li a2, 7
1:  lr.w.aq a3, (s0)
    sc.w.rl a4, a2, (s0)
    bnez a4, 1b
    EXPECT(a3, -1)
    ld a5, 0(s0)
    EXPECT(a5, 7)

    // No reservation on another address, and a failed store-conditional drops what there was.
    la s1, other
    lr.d a3, (s0)
    sc.d a4, a2, (s1)
    EXPECT(a4, 1)
    ld a5, 0(s1)
    EXPECT(a5, 0x77)
    sc.d a4, a2, (s0)
    EXPECT(a4, 1)

    // The classical loop: add with lr/sc ten times.
    sd zero, 0(s0)
    li a1, 10
1:  lr.d a2, (s0)
    addi a2, a2, 5
    sc.d a3, a2, (s0)
    bnez a3, 1b
    addi a1, a1, -1
    bnez a1, 1b
    ld a2, 0(s0)
    EXPECT(a2, 50)

    // Misaligned: a misaligned or an access fault, and memory untouched. The cause of an AMO is a store's (QEMU reports
    // its load half).
#ifdef STRICT
#define CAUSE_AMO_MISALIGNED CAUSE_STORE_MISALIGNED
#else
#define CAUSE_AMO_MISALIGNED CAUSE_LOAD_MISALIGNED
#endif
    li a1, 0x0123456789abcdef
    sd a1, 0(s0)
#define REFUSES(least, ...) \
    li gp, __LINE__; CATCH(8f); __VA_ARGS__; j no_trap; 8: \
    li a5, least; beq s8, a5, 7f; EXPECT(s8, least + 1); 7: EXPECT_REG(s9, s1)
    addi s1, s0, 1
    REFUSES(CAUSE_AMO_MISALIGNED, amoadd.w a3, a2, (s1))
    addi s1, s0, 4
    REFUSES(CAUSE_AMO_MISALIGNED, amoswap.d a3, a2, (s1))
    REFUSES(CAUSE_LOAD_MISALIGNED, lr.d a3, (s1))
    addi s1, s0, 2
    REFUSES(CAUSE_LOAD_MISALIGNED, lr.w a3, (s1))
    ld a5, 0(s0)
    EXPECT(a5, 0x0123456789abcdef)
    PASS

retry_d: // a reservation may be lost for no reason, but not for ever
    li a6, 100
1:  lr.d a3, (s0)
    sc.d a4, a2, (s0)
    beqz a4, after_d
    addi a6, a6, -1
    bnez a6, 1b
    EXPECT(a4, 0)

    .data
    .balign 64
cell: .dword 0, 0
    .balign 4096
other: .dword 0x77
