// RV64I: integer register and immediate operations, jumps, branches, loads and stores.
#include "test.h"

PROGRAM
    RR(add, 0, 0xffffffffffffffff, 1)
    RR(add, 0x8000000000000000, 0x7fffffffffffffff, 1)
    RR(sub, 0xffffffffffffffff, 0, 1)
    RR(sub, 0x7fffffffffffffff, 0x8000000000000000, 1)
    RR(and, 0x00f0, 0x0ff0, 0xf0ff)
    RR(or, 0xffff, 0x0ff0, 0xf0ff)
    RR(xor, 0xff0f, 0x0ff0, 0xf0ff)
    RR(slt, 1, -1, 0)
    RR(slt, 0, 0, -1)
    RR(slt, 1, 0x8000000000000000, 0x7fffffffffffffff)
    RR(sltu, 0, -1, 0)
    RR(sltu, 1, 0, -1)
    RR(sltu, 0, 5, 5)
    // The shift amount is the low six bits (five for words).
    RR(sll, 0x8000000000000000, 1, 63)
    RR(sll, 2, 1, 65)
    RR(srl, 1, 0x8000000000000000, 63)
    RR(srl, 0x4000000000000000, 0x8000000000000000, 0x41)
    RR(sra, -1, 0x8000000000000000, 63)
    RR(sra, 0xc000000000000000, 0x8000000000000000, 0x101)
    RR(addw, 0xffffffff80000000, 0x7fffffff, 1)
    RR(addw, 0, 0xffffffff, 0x100000001)
    RR(subw, 0x7fffffff, 0x80000000, 1)
    RR(subw, -1, 0x500000000, 1)
    RR(sllw, 0xffffffff80000000, 1, 31)
    RR(sllw, 1, 0xf00000001, 32)
    RR(srlw, 1, 0xffffffff80000000, 31)
    RR(srlw, 0xffffffff80000000, 0x80000000, 0)
    RR(sraw, -1, 0x80000000, 31)
    RR(sraw, 0x07ffffff, 0xf7fffffff, 4)

    RI(addi, 0xfffffffffffff800, 0, -2048)
    RI(addi, 0x8000000000000000, 0x7fffffffffffffff, 1)
    RI(andi, 0xfffffffffffff800, -1, -2048)
    RI(ori, 0xffffffffffffffff, 1, -1)
    RI(xori, 0xfffffffffffffffe, 1, -1)
    RI(slti, 1, -2048, -2047)
    RI(slti, 0, 5, 5)
    RI(sltiu, 1, 5, -1)
    RI(sltiu, 1, 0, 1)
    RI(slli, 0x8000000000000000, 1, 63)
    RI(srli, 1, 0x8000000000000000, 63)
    RI(srai, -1, 0x8000000000000000, 63)
    RI(srai, 0xfffffffff8000000, 0x8000000000000000, 36)
    RI(addiw, 0xffffffff80000000, 0x7fffffff, 1)
    RI(addiw, 0xffffffffffffffff, 0x1ffffffff, 0)
    RI(slliw, 0xffffffff80000000, 1, 31)
    RI(srliw, 1, 0xffffffff80000000, 31)
    RI(sraiw, -1, 0x80000000, 31)

    // x0 reads as zero whatever is written to it.
    li a0, 7
    add x0, a0, a0
    addi x0, a0, 1
    lui x0, 0xfffff
    ld x0, 0(sp)
    EXPECT(x0, 0)

    lui a0, 0x80000
    EXPECT(a0, 0xffffffff80000000)
    lui a0, 0x7ffff
    EXPECT(a0, 0x7ffff000)
1:  auipc a0, 0
    EXPECT_LABEL(a0, 1b)
2:  auipc a0, 0xfffff
    la a1, 2b
    sub a0, a0, a1
    EXPECT(a0, -4096)

    // Jumps: link register, cleared low bit of the target, the source being the destination.
1:  jal a0, 2f
    j fail
2:  la a1, 1b + 4
    EXPECT_REG(a0, a1)
    la a0, 3f + 1
1:  jalr a0, 0(a0)
    j fail
3:  EXPECT_LABEL(a0, 1b + 4)
    la a0, 4f + 2047
    jalr x0, -2047(a0)
    j fail
4:

#define TAKEN(branch, a, b) li gp, __LINE__; li a0, a; li a1, b; branch a0, a1, 1f; j fail; 1:
#define NOT_TAKEN(branch, a, b) li gp, __LINE__; li a0, a; li a1, b; branch a0, a1, fail
    TAKEN(beq, -1, -1)
    NOT_TAKEN(beq, 1, 0x100000001)
    TAKEN(bne, 1, 0x100000001)
    NOT_TAKEN(bne, 0, 0)
    TAKEN(blt, -1, 0)
    NOT_TAKEN(blt, 0, -1)
    NOT_TAKEN(blt, 3, 3)
    TAKEN(bge, 3, 3)
    TAKEN(bge, 0, 0x8000000000000000)
    NOT_TAKEN(bge, -1, 0)
    TAKEN(bltu, 0, -1)
    NOT_TAKEN(bltu, -1, 0)
    TAKEN(bgeu, -1, 0)
    NOT_TAKEN(bgeu, 0, 1)
    // A backward branch: a loop of ten.
    li a0, 10
    li a1, 0
1:  addi a1, a1, 3
    addi a0, a0, -1
    bnez a0, 1b
    EXPECT(a1, 30)

    // Loads extend; stores write only their bytes; offsets go both ways.
    la s0, words
#define LOAD(insn, want, offset) insn a0, offset(s0); EXPECT(a0, want)
    LOAD(lb, 0xffffffffffffff88, 0)
    LOAD(lbu, 0x88, 0)
    LOAD(lb, 0x77, 1)
    LOAD(lh, 0xffffffffffff8877, 2)
    LOAD(lh, 0x7788, 0)
    LOAD(lhu, 0x8877, 2)
    LOAD(lw, 0xffffffff88777788, 0)
    LOAD(lwu, 0x88777788, 0)
    LOAD(ld, 0x0123456788777788, 0)
    addi s0, s0, 8
    LOAD(lw, 0x01234567, -4)
    addi s0, s0, 2047
    LOAD(lb, 0x01, -2048)
    la s0, scratch
    li a1, 0x1122334455667788
    sd a1, 0(s0)
    sb a1, 1(s0)
    LOAD(ld, 0x1122334455668888, 0)
    sh a1, 4(s0)
    LOAD(ld, 0x1122778855668888, 0)
    sw a1, 0(s0)
    LOAD(ld, 0x1122778855667788, 0)
    // Base and destination the same.
    ld s0, 0(s0)
    EXPECT(s0, 0x1122778855667788)

    fence
    fence rw, w
    fence.tso
    .word 0x0100000f // pause, a hint
    // Hints with a destination of x0 do nothing.
    slti x0, x0, 5
    and x0, a0, a1
    EXPECT(x0, 0)
    PASS

    .data
    .balign 8
words: .dword 0x0123456788777788
    .balign 8
scratch: .dword 0, 0
