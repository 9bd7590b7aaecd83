# A bare-metal integer loop: ten instructions a turn, TURNS turns, timed by the guest's own `time` counter.
# Prints the ticks it took as 16 hexadecimal digits and powers off. Starts in M-mode at the beginning of RAM.

        .equ UART, 0x10000000
        .equ FINISHER, 0x100000

        .globl _start
_start: csrr    t0, mhartid
        bnez    t0, park
        li      s0, TURNS
        li      a0, 1
        li      a1, 3
        csrr    s1, time
1:      add     a2, a0, a1
        xor     a3, a2, s0
        slli    a4, a3, 3
        sub     a5, a4, a0
        and     a6, a5, a3
        or      a0, a6, a1
        srli    a1, a5, 7
        addi    a1, a1, 11
        addi    s0, s0, -1
        bnez    s0, 1b
        csrr    s2, time
        sub     s2, s2, s1
        li      t0, UART
        li      t1, 60                  # bit number of the digit to print
2:      srl     t2, s2, t1
        andi    t2, t2, 15
        li      t3, 10
        blt     t2, t3, 3f
        addi    t2, t2, 'a' - '0' - 10
3:      addi    t2, t2, '0'
4:      lbu     t4, 5(t0)               # line status: wait until the transmitter takes a byte
        andi    t4, t4, 0x20
        beqz    t4, 4b
        sb      t2, 0(t0)
        addi    t1, t1, -4
        bgez    t1, 2b
        li      t2, '\n'
        sb      t2, 0(t0)
        li      t0, FINISHER
        li      t1, 0x5555
        sw      t1, 0(t0)
park:   wfi
        j       park
