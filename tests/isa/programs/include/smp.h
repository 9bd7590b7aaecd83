// Harts that wait for each other, in words of a page whose address is in a register. Clobbers t5, t6.

// Count this hart in the word at `offset`. What it did before is ordered before.
#define ARRIVE(cells, offset) fence; addi t6, cells, offset; li t5, 1; amoadd.w zero, t5, (t6)
// Wait until `count` have arrived there. What it does next is ordered behind.
#define AWAIT(cells, offset, count) li t6, count; 9: lw t5, offset(cells); bne t5, t6, 9b; fence
// Both: all go on at the same time.
#define MEET(cells, offset, count) ARRIVE(cells, offset); AWAIT(cells, offset, count)

    .text
// Where harts go that are done.
park:
    wfi
    j park
