// One hart moves a page to and fro while two others access it: what the programs of that kind share.

#define HARTS 3
#define ASID 5
#define POISON -1
#define RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)

// For the hart that moves it: s0: the others' progress, s1: round; s3, s4: where the page is and where it was.

// The page goes back to where it was, with a number that only rises. Clobbers a0, a1.
#define MOVE(bits) sd s1, 0(s4); srli a0, s4, 2; ori a0, a0, bits; la a1, pages; fence; sd a0, 0(a1)
// All have fenced. What nobody reaches nobody changes, nor sees, while the others access the page `times` more. Clobbers a0, a1, s5..s7.
#define LEFT_ALONE(times) mv a0, s3; mv s3, s4; mv s4, a0; li a0, POISON; sd a0, 0(s4); \
    ld s5, 8(s4); ld s6, 24(s4); ld s7, 32(s4); GO_ON(1, times); GO_ON(2, times); \
    ld a0, 8(s4); EXPECT_REG(a0, s5); ld a0, 24(s4); EXPECT_REG(a0, s6); ld a0, 32(s4); EXPECT_REG(a0, s7)
#define GO_ON(hart, times) ld a0, 64 * (hart)(s0); addi a0, a0, times; 9: ld a1, 64 * (hart)(s0); bltu a1, a0, 9b

// For the others: s0: the page, s1: progress, s2: a word of the page for each hart.

// s3: the last number, s4: how often.
#define WATCH li s3, 0; li s4, 0; li s5, 1
// Access the page in several ways. What is read there, and is wrong, is in a0 at `wrong`. Clobbers a0..a2.
#define ACCESS(wrong) ld a0, 0(s0); li a1, POISON; beq a0, a1, wrong; bltu a0, s3, wrong; mv s3, a0; \
    addi s4, s4, 1; sd s4, 16(s2); addi a2, s0, 8; amoadd.d zero, s5, (a2); sd s4, 0(s1)

    .data
    .balign 4096
page_a: .skip 4096
page_b: .skip 4096
progress: .skip 4096
    .text
