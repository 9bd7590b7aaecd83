/* Files in memory (tmpfs): 32 MB are written, read back and removed. */

#include "bench.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PATH "/dev/shm/vkd-bench"
#define SIZE (32u << 20)
#define PIECE (64u << 10)

static char piece[PIECE];

static uint64_t run(long turns) {
    uint64_t sum = 0;
    while (turns--) {
        int file = open(PATH, O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (file < 0)
            die(PATH);
        unlink(PATH);
        for (unsigned at = 0; at < SIZE; at += PIECE) {
            piece[0] = (char)(at / PIECE);
            if (write(file, piece, PIECE) != PIECE)
                die("write to " PATH);
        }
        lseek(file, 0, SEEK_SET);
        for (unsigned at = 0; at < SIZE; at += PIECE) {
            if (read(file, piece, PIECE) != PIECE)
                die("read from " PATH);
            sum += (unsigned char)piece[0];
        }
        close(file);
    }
    return sum;
}

const struct row file = {"file", 8, NULL, run};
