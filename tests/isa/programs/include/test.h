// The frame of an instruction test: a bare-metal M-mode program that ends through the test finisher.
//
// A program includes this file, begins its code with PROGRAM and ends it with PASS. A failed check prints
// "line N: got X, want Y" on the UART, N being the line in the program, and reports failure.
//
// A program that says "// firmware: sbi" and defines SBI before it includes this file is an S-mode program of firmware's. Its
// harts have numbers in tp, from 0 on, whatever the firmware calls them; START_HARTS starts HARTS of them.
//
// STRICT is defined where the machine must keep to the letter of the specification; QEMU does not everywhere.
//
// Registers that the macros own: gp (line of the check under way), s8..s11 (cause, value, pc and status of the last trap),
// t5, t6. Everything else is the program's. Harts other than 0 sleep, or go to the label
// `secondary` when the program defines SECONDARY before it includes this file.

#define FINISHER 0x100000
#define UART 0x10000000
#define CLINT 0x2000000
#define MTIMECMP 0x2004000
#define MTIME 0x200bff8
#define RAM 0x80000000

#define MODE_U 0
#define MODE_S 1
#define MODE_M 3

#define MSTATUS_SIE (1 << 1)
#define MSTATUS_MIE (1 << 3)
#define MSTATUS_SPIE (1 << 5)
#define MSTATUS_MPIE (1 << 7)
#define MSTATUS_SPP (1 << 8)
#define MSTATUS_MPP (3 << 11)
#define MSTATUS_FS (3 << 13)
#define MSTATUS_MPRV (1 << 17)
#define MSTATUS_SUM (1 << 18)
#define MSTATUS_MXR (1 << 19)
#define MSTATUS_TVM (1 << 20)
#define MSTATUS_TW (1 << 21)
#define MSTATUS_TSR (1 << 22)

#define CAUSE_FETCH_MISALIGNED 0
#define CAUSE_FETCH_ACCESS 1
#define CAUSE_ILLEGAL 2
#define CAUSE_BREAKPOINT 3
#define CAUSE_LOAD_MISALIGNED 4
#define CAUSE_LOAD_ACCESS 5
#define CAUSE_STORE_MISALIGNED 6
#define CAUSE_STORE_ACCESS 7
#define CAUSE_ECALL_U 8
#define CAUSE_ECALL_S 9
#define CAUSE_ECALL_M 11
#define CAUSE_FETCH_PAGE 12
#define CAUSE_LOAD_PAGE 13
#define CAUSE_STORE_PAGE 15
#define INTERRUPT (1 << 63)

#define PTE_V 0x01
#define PTE_R 0x02
#define PTE_W 0x04
#define PTE_X 0x08
#define PTE_U 0x10
#define PTE_G 0x20
#define PTE_A 0x40
#define PTE_D 0x80
#define PTE_RWX (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)
// Leaf or pointer to the page at guest-physical `address`.
#define PTE(address, bits) ((((address) >> 12) << 10) | (bits))

// A register's value against a constant, or against another register.
#define EXPECT(reg, value) li gp, __LINE__; mv t5, reg; li t6, value; bne t5, t6, fail
#define EXPECT_REG(reg, other) li gp, __LINE__; mv t5, reg; mv t6, other; bne t5, t6, fail
#define EXPECT_LABEL(reg, label) li gp, __LINE__; mv t5, reg; la t6, label; bne t5, t6, fail
#define EXPECT_NONZERO(reg) li gp, __LINE__; mv t5, reg; li t6, -1; beqz t5, fail
#define EXPECT_CSR(csr, value) li gp, __LINE__; csrr t5, csr; li t6, value; bne t5, t6, fail
// Some bits of a CSR.
#define EXPECT_CSR_BITS(csr, mask, value) \
    li gp, __LINE__; csrr t5, csr; li t6, mask; and t5, t5, t6; li t6, value; bne t5, t6, fail

// Register operations: distinct registers, then the destination the same as either source.
#define RR(insn, want, a, b) \
    li a0, a; li a1, b; insn a2, a0, a1; EXPECT(a2, want); EXPECT(a0, a); \
    insn a0, a0, a1; EXPECT(a0, want); \
    li a0, a; insn a1, a0, a1; EXPECT(a1, want)
#define RI(insn, want, a, imm) \
    li a0, a; insn a2, a0, imm; EXPECT(a2, want); EXPECT(a0, a); insn a0, a0, imm; EXPECT(a0, want)
#define R1(insn, want, a) \
    li a0, a; insn a2, a0; EXPECT(a2, want); EXPECT(a0, a); insn a0, a0; EXPECT(a0, want)

// Where the next trap to M (or S) goes on, in the mode that took it; once.
#define CATCH(label) la t6, label; csrw mscratch, t6
#define CATCH_S(label) la t6, label; csrw sscratch, t6
// The instruction, executed in M-mode, must trap with this cause; its address must be in mepc.
#define TRAPS(cause, ...) \
    li gp, __LINE__; CATCH(8f); 7: __VA_ARGS__; j no_trap; 8: EXPECT(s8, cause); EXPECT_LABEL(s10, 7b)
// The same, executed in S-mode, the exception being delegated.
#define TRAPS_S(cause, ...) \
    li gp, __LINE__; CATCH_S(8f); 7: __VA_ARGS__; j no_trap; 8: EXPECT(s8, cause); EXPECT_LABEL(s10, 7b)

// Leave M-mode: go on at `label` in `mode`.
#define ENTER(mode, label) \
    li t6, MSTATUS_MPP; csrc mstatus, t6; li t6, (mode) << 11; csrs mstatus, t6; la t6, label; csrw mepc, t6; mret
// Leave S-mode: go on at `label` in U-mode.
#define ENTER_U(label) li t6, MSTATUS_SPP; csrc sstatus, t6; la t6, label; csrw sepc, t6; sret
// Run the code at `label` in `mode` until its first trap that comes to M, which must be of `cause`.
#define RUN(mode, label, cause) li gp, __LINE__; CATCH(8f); ENTER(mode, label); 8: EXPECT(s8, cause)

// Calls of the firmware. Clobbers a6 and a7, the result is in a0 and a1.
#define SBI_CALL(extension, function) li a7, extension; li a6, function; ecall
#define SBI_HSM 0x48534d
#define SBI_RFENCE 0x52464e43
// Clobbers a0..a2, t0..t3.
#define START_HARTS(harts) li t0, 0; li t1, 1; la t2, boot_hart; ld t2, 0(t2); \
    1: beq t0, t2, 2f; mv a0, t0; la a1, start_other; mv a2, t1; SBI_CALL(SBI_HSM, 0); EXPECT(a0, 0); addi t1, t1, 1; \
    2: addi t0, t0, 1; li t3, harts; bne t0, t3, 1b

#define PROGRAM .section .text.start, "ax"; .globl _start; _start: j start_up; .text; main:
#define PASS li t5, 0x5555; j finish

    .option norelax
    .text
    .balign 4
start_up:
#ifdef SBI
    li tp, 0
    la t0, boot_hart
    sd a0, 0(t0)
started:
    la t0, s_trap
    csrw stvec, t0
    csrw sscratch, zero
    csrw sie, zero
    li t0, 1 << 13
    csrs sstatus, t0
    beqz tp, main
    la t1, secondary
    jr t1
// Its number is in a1.
start_other:
    mv tp, a1
    j started
#else
    la t0, m_trap
    csrw mtvec, t0
    csrw mscratch, zero
    csrw mie, zero
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li t0, 1 << 13
    csrs mstatus, t0
    la t0, s_trap
    csrw stvec, t0
    csrw sscratch, zero
    csrw satp, zero
    csrr t0, mhartid
    la sp, stacks
    addi t1, t0, 1
    slli t1, t1, 12
    add sp, sp, t1
    beqz t0, main
    la t1, secondary
    jr t1
#endif
#ifndef SECONDARY
secondary:
    wfi
    j secondary
#endif

    .balign 4
m_trap:
    csrr s8, mcause
    csrr s9, mtval
    csrr s10, mepc
    csrr s11, mstatus
    li t6, MSTATUS_MPRV
    csrc mstatus, t6
    csrr t6, mscratch
    beqz t6, unexpected
    csrw mscratch, zero
    jr t6

    .balign 4
s_trap:
    csrr s8, scause
    csrr s9, stval
    csrr s10, sepc
    csrr s11, sstatus
    csrr t6, sscratch
    beqz t6, unexpected
    csrw sscratch, zero
    jr t6

unexpected:
    la a0, text_unexpected
    jal print
    mv a0, gp
    jal print_hex
    la a0, text_cause
    jal print
    mv a0, s8
    jal print_hex
    la a0, text_value
    jal print
    mv a0, s9
    jal print_hex
    la a0, text_pc
    jal print
    mv a0, s10
    jal print_hex
    j failed

no_trap:
    la a0, text_no_trap
    jal print
    mv a0, gp
    jal print_hex
    j failed

fail:
    la a0, text_line
    jal print
    mv a0, gp
    jal print_hex
    la a0, text_got
    jal print
    mv a0, t5
    jal print_hex
    la a0, text_want
    jal print
    mv a0, t6
    jal print_hex
failed:
    la a0, text_end
    jal print
    slli t5, gp, 16
    li t6, 0x3333
    or t5, t5, t6
finish:
    li t6, FINISHER
    sw t5, 0(t6)
1:  j 1b

// a0: NUL-terminated text. Clobbers a0..a2.
print:
    li a1, UART
1:  lbu a2, 0(a0)
    beqz a2, 3f
2:  lbu t4, 5(a1)
    andi t4, t4, 0x20
    beqz t4, 2b
    sb a2, 0(a1)
    addi a0, a0, 1
    j 1b
3:  ret

// a0: number. Clobbers a0..a4.
print_hex:
    li a1, UART
    li a3, 60
1:  srl a2, a0, a3
    andi a2, a2, 15
    addi a2, a2, '0'
    li a4, '9'
    ble a2, a4, 2f
    addi a2, a2, 'a' - '0' - 10
2:  lbu t4, 5(a1)
    andi t4, t4, 0x20
    beqz t4, 2b
    sb a2, 0(a1)
    addi a3, a3, -4
    bgez a3, 1b
    ret

    .section .rodata
text_line: .asciz "line 0x"
text_got: .asciz ": got 0x"
text_want: .asciz ", want 0x"
text_no_trap: .asciz "no trap at line 0x"
text_unexpected: .asciz "unexpected trap after line 0x"
text_cause: .asciz ": cause 0x"
text_value: .asciz ", value 0x"
text_pc: .asciz ", pc 0x"
text_end: .asciz "\n"
    .bss
boot_hart: .skip 8
    .balign 4096
stacks: .skip 4096 * 8
