/* Calls: recursion, direct ones, through pointers, and the jump table of a small byte-code interpreter. */

#include "bench.h"

#define APART __attribute__((noinline, noclone))

static APART uint64_t fibonacci(unsigned n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

static uint64_t run_fib(long turns) {
    uint64_t sum = 0;
    while (turns--)
        sum += fibonacci(24);
    return sum;
}

static APART uint64_t leaf(uint64_t x) {
    OPAQUE(x);
    return x + 1;
}

static APART uint64_t middle(uint64_t x) { return leaf(leaf(x) ^ 3) + 2; }

static uint64_t run_call(long turns) {
    uint64_t x = 0;
    while (turns--)
        x = leaf(middle(x));
    return x;
}

static APART uint64_t add(uint64_t x, uint64_t i) { return x + i; }
static APART uint64_t xor(uint64_t x, uint64_t i) { return x ^ i; }
static APART uint64_t turn(uint64_t x, uint64_t i) { return (x << 5 | x >> 59) + i; }
static APART uint64_t less(uint64_t x, uint64_t i) { return x - 3 * i; }

static uint64_t (*volatile const functions[])(uint64_t, uint64_t) = {add, xor, turn, less, turn, add, less, xor};

static uint64_t run_pointer(long turns) {
    uint64_t x = 1;
    for (long i = 0; i < turns; i++)
        x = functions[i & 7](x, (uint64_t)i);
    return x;
}

enum operation { PUSH, DUP, ADD, MUL, XOR, SWAP, DROP, SHIFT, NOT, DEC, LOOP };

static const unsigned char code[] = {DUP, PUSH, 7, ADD, SWAP, PUSH,  3,   MUL, XOR, PUSH, 9, XOR,
                                     DUP, SHIFT, ADD, NOT, PUSH, 200, ADD, DUP, DROP, DEC, LOOP};

static uint64_t run_dispatch(long turns) {
    uint64_t stack[8] = {1}, *top = stack, held;
    const unsigned char *at = code;
    for (;;)
        switch ((enum operation)*at++) {
        case PUSH:
            *++top = *at++;
            break;
        case DUP:
            top[1] = *top;
            top++;
            break;
        case ADD:
            top--;
            *top += top[1];
            break;
        case MUL:
            top--;
            *top *= top[1];
            break;
        case XOR:
            top--;
            *top ^= top[1];
            break;
        case SWAP:
            held = *top;
            *top = top[-1];
            top[-1] = held;
            break;
        case DROP:
            top--;
            break;
        case SHIFT:
            *top >>= 3;
            break;
        case NOT:
            *top = ~*top;
            break;
        case DEC:
            *top -= 1;
            break;
        case LOOP:
            if (--turns <= 0)
                return *top;
            at = code;
            break;
        }
}

const struct row fib = {"fib", 600, NULL, run_fib};
const struct row call = {"call", 20000000, NULL, run_call};
const struct row pointer = {"pointer", 30000000, NULL, run_pointer};
const struct row dispatch = {"switch", 3000000, NULL, run_dispatch};
