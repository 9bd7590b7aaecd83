/* What embedded processors are judged by, in one row: linked lists, matrices, a state machine over text, and a checksum. */

#include "bench.h"

#include <string.h>

#define ITEMS 200
#define SIDE 24

struct item {
    struct item *next;
    int16_t key, value;
};

static struct item items[ITEMS];
static int16_t left[SIDE][SIDE], right[SIDE][SIDE];
static int32_t product[SIDE][SIDE];

static uint16_t checksum(uint16_t sum, uint32_t word) {
    for (int bit = 0; bit < 32; bit++, word >>= 1)
        sum = (uint16_t)((sum >> 1) ^ ((sum ^ word) & 1 ? 0xa001 : 0));
    return sum;
}

static struct item *merge(struct item *a, struct item *b) {
    struct item *head, **last = &head;
    while (a && b) {
        struct item **least = a->key <= b->key ? &a : &b;
        *last = *least;
        last = &(*least)->next;
        *least = (*least)->next;
    }
    *last = a ? a : b;
    return head;
}

static struct item *sort(struct item *list, int length) {
    if (length < 2)
        return list;
    struct item *middle = list;
    for (int i = 1; i < length / 2; i++)
        middle = middle->next;
    struct item *rest = middle->next;
    middle->next = NULL;
    return merge(sort(list, length / 2), sort(rest, length - length / 2));
}

static uint16_t lists(uint16_t sum) {
    for (int i = 0; i < ITEMS; i++)
        items[i] = (struct item){i + 1 < ITEMS ? &items[i + 1] : NULL, (int16_t)((i * 7919 + sum) & 0x7fff), (int16_t)i};
    struct item *list = sort(items, ITEMS), *reversed = NULL;
    for (int wanted = 0; wanted < ITEMS; wanted += 17)
        for (const struct item *at = list; at; at = at->next)
            if (at->value == wanted) {
                sum = checksum(sum, (uint32_t)at->key);
                break;
            }
    while (list) {
        struct item *next = list->next;
        list->next = reversed;
        reversed = list;
        list = next;
    }
    return checksum(sum, (uint32_t)reversed->key);
}

static uint16_t matrices(uint16_t sum) {
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            left[i][j] = (int16_t)((i * j + sum) & 0xff);
            right[i][j] = (int16_t)((i - j + sum) & 0xff);
        }
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            int32_t cell = 0;
            for (int k = 0; k < SIDE; k++)
                cell += left[i][k] * right[k][j];
            product[i][j] = cell;
        }
    for (int i = 0; i < SIDE; i++)
        sum = checksum(sum, (uint32_t)product[i][SIDE - 1 - i]);
    return sum;
}

enum state { START, SIGN, DIGITS, POINT, FRACTION, EXPONENT, POWER, BAD, STATES };

/* Say what kind of number each word of the text is. */
static uint16_t scan(uint16_t sum) {
    static const char text[] = "5012 +0.81 -7 1e9 12a4 -.5 +7.e-3 99.125 -0.000e+12 --3 1.2.3 874 .25e4 5- 0xff 3.14159 ";
    uint32_t seen[STATES] = {0};
    enum state state = START;
    for (const char *at = text; *at; at++) {
        char c = *at;
        int digit = c >= '0' && c <= '9';
        if (c == ' ') {
            seen[state]++;
            state = START;
            continue;
        }
        switch (state) {
        case START:
            state = digit ? DIGITS : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : BAD;
            break;
        case SIGN:
            state = digit ? DIGITS : c == '.' ? POINT : BAD;
            break;
        case DIGITS:
            state = digit ? DIGITS : c == '.' ? FRACTION : c == 'e' ? EXPONENT : BAD;
            break;
        case POINT:
            state = digit ? FRACTION : BAD;
            break;
        case FRACTION:
            state = digit ? FRACTION : c == 'e' ? EXPONENT : BAD;
            break;
        case EXPONENT:
            state = digit || c == '+' || c == '-' ? POWER : BAD;
            break;
        case POWER:
            state = digit ? POWER : BAD;
            break;
        case BAD:
        case STATES:
            break;
        }
    }
    for (int i = 0; i < STATES; i++)
        sum = checksum(sum, seen[i]);
    return sum;
}

static uint64_t run(long turns) {
    uint16_t sum = 0;
    while (turns--)
        sum = scan(matrices(lists(sum)));
    return sum;
}

const struct row core = {"core", 15000, NULL, run};
