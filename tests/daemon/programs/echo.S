# A guest of one page: prints "ready", echoes what is typed, and obeys single letters.
#   p power off    f fail with code 3    r reboot    s spin for ever    w wait for an interrupt that never comes
# Devices as on QEMU's virt board: 16550 at 0x10000000, test finisher at 0x100000.

.equ UART, 0x10000000
.equ LSR, 5
.equ FINISHER, 0x100000

.globl _start
_start:
    csrr t0, mhartid
    bnez t0, sleep
    li s0, UART
    li s1, FINISHER
    la s2, banner
1:  lbu a0, 0(s2)
    beqz a0, listen
    call put
    addi s2, s2, 1
    j 1b

listen:
    lbu t0, LSR(s0)
    andi t0, t0, 1
    beqz t0, listen
    lbu a0, 0(s0)
    call put
    li t0, 'p'
    beq a0, t0, power_off
    li t0, 'f'
    beq a0, t0, fail
    li t0, 'r'
    beq a0, t0, reboot
    li t0, 's'
    beq a0, t0, spin
    li t0, 'w'
    beq a0, t0, sleep
    j listen

put:
    lbu t0, LSR(s0)
    andi t0, t0, 0x20
    beqz t0, put
    sb a0, 0(s0)
    ret

power_off:
    li t0, 0x5555
    sw t0, 0(s1)
    j spin
fail:
    li t0, 0x33333
    sw t0, 0(s1)
    j spin
reboot:
    li t0, 0x7777
    sw t0, 0(s1)
spin:
    j spin
sleep:
    csrw mie, zero
    wfi
    j sleep

banner:
    .asciz "ready\r\n"
