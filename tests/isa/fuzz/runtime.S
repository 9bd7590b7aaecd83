// Runs the cases of a batch one after the other and writes the state that each leaves to the UART.
//
// A case is entered by mret with the registers of its descriptor and left by any trap at its end address; then it is
// entered again, as often as the descriptor says, with the registers as they are. Timer interrupts only set the timer
// again; every other trap is logged (cause, pc, value) and its instruction skipped. The including file defines `cases`,
// `cases_end` and `pattern`.

#define FINISHER 0x100000
#define UART 0x10000000
#define MTIMECMP 0x2004000
#define MTIME 0x200bff8
#define LOG_ENTRIES 32
#define MAX_TRAPS 5000
#define SCRATCH_SIZE 1536
#define ZOO_PAGES 16

// Offsets in a descriptor.
#define D_START 0
#define D_END 8
#define D_STATUS 16
#define D_PAGING 24
#define D_FCSR 32
#define D_ENVCFG 40
#define D_COUNTEREN 48
#define D_ROUNDS 56
#define D_X 64
#define D_F 320
#define D_PTE 576
#define D_TICK 704
#define D_SIZE 712

// Offsets in a record.
#define R_F 256
#define R_CSR 512
#define R_COUNT 576
#define R_LOG 584
#define R_SIZE (R_LOG + LOG_ENTRIES * 24)

    .option norelax
    .section .text.start, "ax"
    .globl _start
_start:
    csrr t0, mhartid
    bnez t0, park
    la t0, trap
    csrw mtvec, t0
    la t0, record
    csrw mscratch, t0
    li t0, 1 << 7
    csrw mie, t0
    csrw medeleg, zero
    csrw mideleg, zero
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    // All roots map the gigabyte of RAM onto itself and the zoo at 1 GiB.
    la t1, zoo
    la t2, middle
    srli t1, t1, 2
    ori t1, t1, 1
    sd t1, 0(t2)
    srli t2, t2, 2
    ori t2, t2, 1
    li t0, (0x80000000 >> 2) | 0xcf
    la t1, root_s
    sd t2, 8(t1)
    sd t0, 16(t1)
    srli t2, t1, 2
    ori t2, t2, 1
    la t3, top_s
    sd t2, 0(t3)
    la t1, root_u
    la t2, middle
    srli t2, t2, 2
    ori t2, t2, 1
    sd t2, 8(t1)
    ori t0, t0, 0x10
    sd t0, 16(t1)
    srli t2, t1, 2
    ori t2, t2, 1
    la t3, top_u
    sd t2, 0(t3)
    la t0, cases
    la t1, current
    sd t0, 0(t1)
next_case:
    la t0, current
    ld s0, 0(t0)
    la t1, cases_end
    beq s0, t1, finish
    la a0, pattern
    la a1, scratch
    li a2, SCRATCH_SIZE
    jal copy
    la a0, pattern
    la a1, zoo_page
    li a2, 64
    jal copy
    la a0, pattern
    la a1, zoo_page + 4096 - 64
    li a2, 64
    jal copy
    // In the middle of the page there is something to call; in the other page an instruction at the end goes on at the start.
    la a0, callee
    la a1, zoo_page + 2048
    li a2, 8
    jal copy
    la a0, split
    la a1, zoo_code + 4096 - 8
    li a2, 8
    jal copy
    la a1, zoo_code
    li a2, 8
    jal copy
    fence.i
    la a1, record
    li a2, R_SIZE
    add a2, a1, a2
1:  sd zero, 0(a1)
    addi a1, a1, 8
    bne a1, a2, 1b
    // The entries of the zoo all map the same page, with the bits of the descriptor, and so do those behind them.
    la a0, zoo_page
    srli a0, a0, 2
    la a5, zoo_code
    srli a5, a5, 2
    addi a1, s0, D_PTE
    la a2, zoo
    li a3, ZOO_PAGES
1:  ld a4, 0(a1)
    or a6, a4, a5
    sd a6, ZOO_PAGES * 8(a2)
    or a4, a4, a0
    sd a4, 0(a2)
    addi a1, a1, 8
    addi a2, a2, 8
    addi a3, a3, -1
    bnez a3, 1b
    // D_PAGING: 0 bare, 1 and 2 Sv39 for S-mode and U-mode, 3 and 4 Sv48.
    ld a0, D_PAGING(s0)
    li a1, 0
    beqz a0, 2f
    slli a0, a0, 4
    la a1, modes
    add a1, a1, a0
    ld a2, 8(a1)
    ld a1, 0(a1)
    srli a1, a1, 12
    or a1, a1, a2
2:  csrw satp, a1
    sfence.vma
    ld a0, D_ENVCFG(s0)
    csrw menvcfg, a0
    csrw senvcfg, a0
    ld a0, D_COUNTEREN(s0)
    csrw mcounteren, a0
    csrw scounteren, a0
    csrw sscratch, zero
    csrw scause, zero
    csrw stval, zero
    csrw mcause, zero
    csrw mtval, zero
    li a0, 3 << 13
    csrs mstatus, a0
    ld a0, D_FCSR(s0)
    csrw fcsr, a0
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fld f\n, D_F + 8 * \n(s0)
    .endr
    ld a0, D_STATUS(s0)
    csrw mstatus, a0
    mv s3, s0
    jal arm
    ld a0, D_ROUNDS(s0)
    la a1, rounds
    sd a0, 0(a1)
    ld a0, D_START(s0)
    csrw mepc, a0
    mv x31, s0
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, D_X + 8 * \n(x31)
    .endr
    mret

    .balign 4
trap:
    csrrw x31, mscratch, x31
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    sd x\n, 8 * \n(x31)
    .endr
    csrr x1, mscratch
    sd x1, 8 * 31(x31)
    csrw mscratch, x31
    csrr s0, mepc
    csrr s1, mcause
    csrr s2, mtval
    csrw mtval, zero // a case may read it, and machines differ in what they put there
    la t0, current
    ld s3, 0(t0)
    ld t1, D_END(s3)
    beq s0, t1, round_done
    bgez s1, 1f
    jal arm
    j resume
1:  ld t1, R_COUNT(x31)
    addi t2, t1, 1
    sd t2, R_COUNT(x31)
    li t2, MAX_TRAPS
    beq t1, t2, case_done
    li t2, LOG_ENTRIES
    bgeu t1, t2, 1f
    li t2, 24
    mul t1, t1, t2
    add t1, t1, x31
    sd s1, R_LOG(t1)
    sd s0, R_LOG + 8(t1)
    sd s2, R_LOG + 16(t1)
1:
    // What could not be fetched was called: go on behind the call.
    li t1, 1 << 1 | 1 << 12
    srl t1, t1, s1
    andi t1, t1, 1
    beqz t1, 2f
    ld s0, 8(x31)
    j 1f
2:
    lhu t1, 0(s0)
    andi t1, t1, 3
    addi s0, s0, 2
    addi t1, t1, -3
    bnez t1, 1f
    addi s0, s0, 2
1:  csrw mepc, s0
resume:
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, 8 * \n(x31)
    .endr
    mret

round_done:
    la t0, rounds
    ld t1, 0(t0)
    addi t1, t1, -1
    sd t1, 0(t0)
    beqz t1, case_done
    ld t1, D_START(s3)
    csrw mepc, t1
    j resume

case_done:
    csrr t0, mstatus
    sd t0, R_CSR(x31)
    li t1, 3 << 13
    csrs mstatus, t1
    csrr t0, fcsr
    sd t0, R_CSR + 8(x31)
    csrr t0, sscratch
    sd t0, R_CSR + 16(x31)
    csrr t0, scause
    sd t0, R_CSR + 24(x31)
    csrr t0, stval
    sd t0, R_CSR + 32(x31)
    csrr t0, scounteren
    sd t0, R_CSR + 40(x31)
    csrr t0, senvcfg
    sd t0, R_CSR + 48(x31)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fsd f\n, R_F + 8 * \n(x31)
    .endr
    la a0, record
    li a1, R_SIZE
    jal put
    la a0, scratch
    li a1, SCRATCH_SIZE
    jal put
    la a0, zoo
    li a1, ZOO_PAGES * 8
    jal put
    la a0, zoo_page
    li a1, 64
    jal put
    la a0, zoo_page + 4096 - 64
    li a1, 64
    jal put
    la t0, current
    ld t1, 0(t0)
    addi t1, t1, D_SIZE
    sd t1, 0(t0)
    j next_case

finish:
    li t0, FINISHER
    li t1, 0x5555
    sw t1, 0(t0)
park:
    wfi
    j park

// Set the timer as the descriptor at s3 says: D_TICK ticks from now, or never when that is 0. Clobbers t0..t2.
arm:
    li t0, -1
    ld t1, D_TICK(s3)
    beqz t1, 1f
    li t2, MTIME
    ld t0, 0(t2)
    add t0, t0, t1
1:  li t2, MTIMECMP
    sd t0, 0(t2)
    ret

// a0: from, a1: to, a2: bytes, a multiple of 8.
copy:
    add a2, a0, a2
1:  ld a3, 0(a0)
    sd a3, 0(a1)
    addi a0, a0, 8
    addi a1, a1, 8
    bne a0, a2, 1b
    ret

// a0: from, a1: bytes.
put:
    li a2, UART
    add a1, a0, a1
1:  lbu a3, 5(a2)
    andi a3, a3, 0x20
    beqz a3, 1b
    lbu a3, 0(a0)
    sb a3, 0(a2)
    addi a0, a0, 1
    bne a0, a1, 1b
    ret

    .balign 8
callee:
    xori x7, x7, 1
    .option push
    .option norvc
    ret
    // Copied to the end of a page, the first 8 bytes, and to the start of the next one, the rest.
    .balign 8
split:
    .4byte 0
    .2byte 0, 0x4213 // xori x4, x4, 5: the lower half
    .2byte 0x0052
    .2byte 0x8082 // ret
    .4byte 0
    .option pop

    .data
    .balign 8
current: .dword 0
modes:
    .dword 0, 0, root_s, 8 << 60, root_u, 8 << 60, top_s, 9 << 60, top_u, 9 << 60
rounds: .dword 0
record: .skip R_SIZE
    // A page border lies within.
    .balign 4096
    .skip 4096 - 768
scratch: .skip SCRATCH_SIZE
    .balign 4096
zoo_page: .skip 4096
zoo_code: .skip 4096
root_s: .skip 4096
root_u: .skip 4096
top_s: .skip 4096
top_u: .skip 4096
middle: .skip 4096
zoo: .skip 4096
