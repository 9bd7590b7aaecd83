// Waiting for a key, so that somebody may change the circumstances. Only with KEYS defined.

#ifdef KEYS
// Devices have code do without windows if they are accessed all the time: it looks now and then. Clobbers a0..a2, t4.
#define KEY la a0, text_key; jal print; li a0, UART; \
    5: li a1, 1000000; 6: addi a1, a1, -1; bnez a1, 6b; lbu a1, 5(a0); andi a1, a1, 1; beqz a1, 5b; lbu a1, 0(a0)

    .section .rodata
text_key: .asciz "?"
    .text
#else
#define KEY
#endif
