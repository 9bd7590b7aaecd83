/* `suite ROW SCALE REPEATS`: run one row; print the time of each repetition as `BENCH time SECONDS TURNS FULL CHECK`.
 *
 * FULL are the turns at scale 1, CHECK is what the row computed. No repetition begins after BUDGET seconds.
 * `suite -` does nothing: it is what the row `exec` executes. */

#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define BUDGET 4.0

#define ROWS(each)                                                                                                     \
    each(alu) each(branch) each(sieve) each(chase) each(touch) each(copy) each(fp64) each(fp32) each(nbody) each(fib)  \
    each(call) each(pointer) each(dispatch) each(atomic) each(cas) each(core) each(getppid_) each(signal_) each(ring)  \
    each(pipe_) each(futex) each(fork_) each(exec) each(map) each(file) each(parallel_1) each(parallel_4)
#define DECLARE(name) extern const struct row name;
#define ADDRESS(name) &name,

ROWS(DECLARE)
static const struct row *const rows[] = {ROWS(ADDRESS)};

void die(const char *what) {
    printf("BENCH fail %s: %s\n", what, strerror(errno));
    exit(1);
}

/* By malloc, as programs have it: areas a power of two apart would fall upon each other in caches that a program
 * seldom meets that way. */
void *memory(size_t bytes) {
    void *at = malloc(bytes);
    if (!at)
        die("malloc");
    memset(at, 1, bytes); /* a page of zeros is not there before it is written to */
    memset(at, 0, bytes);
    return at;
}

void reap(int pid) {
    int status;
    if (waitpid(pid, &status, 0) != pid)
        die("waitpid");
    if (status != 0) {
        errno = ECHILD;
        die("a child failed");
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **words) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count == 2 && strcmp(words[1], "-") == 0)
        return 0;
    if (count != 4 || atof(words[2]) <= 0 || atoi(words[3]) <= 0) {
        fprintf(stderr, "usage: suite ROW SCALE REPEATS\nrows:");
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            fprintf(stderr, " %s", rows[i]->name);
        fprintf(stderr, "\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = rows[i];
        if (strcmp(row->name, words[1]) != 0)
            continue;
        long turns = (long)((double)row->turns * atof(words[2]));
        turns = turns < 1 ? 1 : turns;
        double first = now();
        for (int repeat = atoi(words[3]); repeat > 0 && now() - first < BUDGET; repeat--) {
            if (row->prepare)
                row->prepare();
            double began = now();
            uint64_t check = row->run(turns);
            printf("BENCH time %.9f %ld %ld %016llx\n", now() - began, turns, row->turns, (unsigned long long)check);
        }
        return 0;
    }
    printf("BENCH fail no row %s\n", words[1]);
    return 2;
}
