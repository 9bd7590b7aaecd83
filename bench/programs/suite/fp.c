/* Floating point: sums, products, quotients and roots in both precisions, and planets that pull at each other. */

#include "bench.h"

#include <math.h>
#include <string.h>

#define FORMULA(type, root)                                                                                            \
    type x = (type)0.5, y = (type)1.25, z = 2;                                                                         \
    for (long i = 0; i < turns; i++) {                                                                                 \
        x = root(x * x + y) / z;                                                                                       \
        y = y * (type)0.75 + x;                                                                                        \
        z = root(z + x * y) + (type)0.5;                                                                               \
    }                                                                                                                  \
    type sum = x + y + z;                                                                                              \
    uint64_t bits = 0;                                                                                                 \
    memcpy(&bits, &sum, sizeof sum);                                                                                   \
    return bits;

static uint64_t run_fp64(long turns) { FORMULA(double, sqrt) }

static uint64_t run_fp32(long turns) { FORMULA(float, sqrtf) }

#define BODIES 5

struct body {
    double at[3], speed[3], mass;
};

/* Masses and places of no system in particular; the first is heavy and in the middle. */
static struct body bodies[BODIES];

static void prepare_nbody(void) {
    uint64_t state = 2463534242u;
    for (int i = 0; i < BODIES; i++) {
        for (int axis = 0; axis < 3; axis++) {
            bodies[i].at[axis] = i == 0 ? 0 : i * 4 + (double)(xorshift(&state) % 1000) / 1000;
            bodies[i].speed[axis] = i == 0 ? 0 : (double)(xorshift(&state) % 1000) / 1000 - 0.5;
        }
        bodies[i].mass = i == 0 ? 40 : 0.01 * i;
    }
}

static void advance(double step) {
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) {
            double delta[3], square = 0;
            for (int axis = 0; axis < 3; axis++) {
                delta[axis] = bodies[i].at[axis] - bodies[j].at[axis];
                square += delta[axis] * delta[axis];
            }
            double pull = step / (square * sqrt(square));
            for (int axis = 0; axis < 3; axis++) {
                bodies[i].speed[axis] -= delta[axis] * bodies[j].mass * pull;
                bodies[j].speed[axis] += delta[axis] * bodies[i].mass * pull;
            }
        }
    for (int i = 0; i < BODIES; i++)
        for (int axis = 0; axis < 3; axis++)
            bodies[i].at[axis] += step * bodies[i].speed[axis];
}

static uint64_t run_nbody(long turns) {
    while (turns--)
        advance(0.001);
    uint64_t bits;
    memcpy(&bits, &bodies[1].at[0], sizeof bits);
    return bits;
}

const struct row fp64 = {"fp64", 6000000, NULL, run_fp64};
const struct row fp32 = {"fp32", 6000000, NULL, run_fp32};
const struct row nbody = {"nbody", 500000, prepare_nbody, run_nbody};
