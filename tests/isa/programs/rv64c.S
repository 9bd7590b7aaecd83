// C: every compressed form against its effect; code at halfword addresses and over page borders; reserved encodings.
#include "test.h"

PROGRAM
    la s0, words
    la sp, words + 64
    // Register-immediate and register-register.
    c.li a0, -32
    EXPECT(a0, -32)
    c.addi a0, 31
    EXPECT(a0, -1)
    c.addiw a0, 1
    EXPECT(a0, 0)
    li a0, 0x7fffffff
    c.addiw a0, 1
    EXPECT(a0, 0xffffffff80000000)
    c.lui a1, 0xfffe0
    EXPECT(a1, 0xfffffffffffe0000)
    c.lui a1, 31
    EXPECT(a1, 31 << 12)
    mv a2, sp
    c.addi16sp sp, -512
    sub a2, a2, sp
    EXPECT(a2, 512)
    c.addi16sp sp, 496
    c.addi16sp sp, 16
    c.addi4spn a2, sp, 1020
    sub a2, a2, sp
    EXPECT(a2, 1020)
    li a0, 1
    c.slli a0, 63
    EXPECT(a0, 0x8000000000000000)
    c.srai a0, 62
    EXPECT(a0, -2)
    c.srli a0, 63
    EXPECT(a0, 1)
    li a0, -1
    c.andi a0, -16
    EXPECT(a0, -16)
    li a1, 0x0ff0
    c.mv a0, a1
    EXPECT(a0, 0x0ff0)
    c.add a0, a1
    EXPECT(a0, 0x1fe0)
    c.sub a0, a1
    EXPECT(a0, 0x0ff0)
    li a1, 0xff00
    c.and a0, a1
    EXPECT(a0, 0x0f00)
    c.or a0, a1
    EXPECT(a0, 0xff00)
    c.xor a0, a1
    EXPECT(a0, 0)
    li a0, 0x7fffffff
    li a1, 1
    c.addw a0, a1
    EXPECT(a0, 0xffffffff80000000)
    c.subw a0, a1
    EXPECT(a0, 0x7fffffff)
    c.nop

    // Loads and stores, both ends of the offsets.
    c.lw a0, 4(s0)
    EXPECT(a0, 0xffffffff88888888)
    c.ld a0, 0(s0)
    EXPECT(a0, 0x8888888877777777)
    c.ldsp a0, 0(sp)
    EXPECT(a0, 0x1010101020202020)
    c.lwsp a0, 4(sp)
    EXPECT(a0, 0x10101010)
    li a0, 0x123456789
    c.sd a0, 248(s0)
    ld a1, 248(s0)
    EXPECT(a1, 0x123456789)
    c.sw a0, 124(s0)
    ld a1, 120(s0)
    EXPECT(a1, 0x2345678900000000)
    c.sdsp a0, 504(sp)
    c.ldsp a1, 504(sp)
    EXPECT(a1, 0x123456789)
    c.swsp a0, 252(sp)
    c.lwsp a1, 252(sp)
    EXPECT(a1, 0x23456789)
    c.fld fa0, 0(s0)
    fmv.x.d a1, fa0
    EXPECT(a1, 0x8888888877777777)
    c.fsd fa0, 8(s0)
    ld a1, 8(s0)
    EXPECT(a1, 0x8888888877777777)
    c.fldsp fa1, 0(sp)
    c.fsdsp fa1, 16(sp)
    ld a1, 16(sp)
    EXPECT(a1, 0x1010101020202020)

    // Jumps and branches; the link register is the address after two bytes.
    c.j 1f
    j fail
1:  la a0, 2f
    c.jr a0
    j fail
2:  la a0, 4f
    .balign 4
3:  c.jalr a0
    j fail
4:  EXPECT_LABEL(ra, 3b + 2)
    li a0, 0
    c.beqz a0, 1f
    j fail
1:  c.bnez a0, 2f
    li a0, 5
    c.bnez a0, 3f
2:  j fail
3:  c.beqz a0, 2b

    // A 32-bit instruction at a halfword address, and one over a page border.
    .balign 4
    c.nop
    .option push
    .option norvc
    li a0, 0x12345
    addi a0, a0, 1
    .option pop
    EXPECT(a0, 0x12346)
    li a0, 0
    j over_border
back:
    EXPECT(a0, 0x7d1)

    // Traps are precise at halfword addresses.
    TRAPS(CAUSE_BREAKPOINT, c.ebreak)
    TRAPS(CAUSE_ILLEGAL, .half 0)
    EXPECT(s9, 0)
    TRAPS(CAUSE_ILLEGAL, .half 0x4002) // c.lwsp to x0
    TRAPS(CAUSE_ILLEGAL, .half 0x6002) // c.ldsp to x0
    TRAPS(CAUSE_ILLEGAL, .half 0x2001) // c.addiw to x0
    TRAPS(CAUSE_ILLEGAL, .half 0x6101) // c.addi16sp 0
    TRAPS(CAUSE_ILLEGAL, .half 0x6081) // c.lui ra, 0
    TRAPS(CAUSE_ILLEGAL, .half 0x8002) // c.jr x0
    TRAPS(CAUSE_ILLEGAL, .half 0x0008) // c.addi4spn 0
    TRAPS(CAUSE_ILLEGAL, .half 0x9c41) // reserved in the arithmetic group
    TRAPS(CAUSE_ILLEGAL, .half 0x8000) // reserved in quadrant 0
    // Hints do nothing.
    li a0, 3
    .half 0x0001 | 5 << 2 // c.nop 5
    .half 0x4001 | 5 << 2 // c.li x0, 5
    .half 0x8002 | 10 << 2 // c.mv x0, a0
    .half 0x9002 | 10 << 2 // c.add x0, a0
    .half 0x0002 | 4 << 2 // c.slli x0, 4
    EXPECT(x0, 0)
    EXPECT(a0, 3)
    PASS

    .balign 4096
    .skip 4090
    .option push
    .option norvc
over_border:
    addi a0, a0, 1
    addi a0, a0, 2000
    j back
    .option pop

    .data
    .balign 4096
words:
    .dword 0x8888888877777777
    .skip 56
    .dword 0x1010101020202020
    .skip 2048
