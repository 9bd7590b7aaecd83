/* What a machine of the benchmark runs: commands that come on standard input, one a line, words between spaces.
 *
 * As process 1 it first makes the file systems that programs expect, and powers the machine off at the end; as an ordinary
 * process it just runs commands. It says `BENCH ready` when it waits for the first command, `BENCH done STATUS SECONDS` after
 * each, and ends at the command `end` or at the end of its input. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define WORDS 64

/* Missing file systems show in what the programs then say. */
static void mount_all(void) {
    static const char *const table[][3] = {
        {"devtmpfs", "/dev", ""},          {"proc", "/proc", ""},     {"sysfs", "/sys", ""},
        {"tmpfs", "/dev/shm", "mode=1777"}, {"tmpfs", "/tmp", "mode=1777"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        mkdir(table[i][1], 0755);
        mount(table[i][0], table[i][1], table[i][0], 0, table[i][2]);
    }
}

/* No echo: what comes back is what the commands print. */
static void quiet_terminal(void) {
    struct termios mode;
    if (tcgetattr(0, &mode) == 0) {
        mode.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
        mode.c_oflag &= ~(tcflag_t)OPOST;
        tcsetattr(0, TCSANOW, &mode);
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Run a command; return its exit status, or 128 and the number of the signal that ended it. */
static int run(char **words) {
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        execvp(words[0], words);
        printf("BENCH fail %s: %s\n", words[0], strerror(errno));
        exit(127);
    }
    for (pid_t ended = 0; child > 0 && ended != child;)
        ended = waitpid(-1, &status, 0);
    return child < 0 ? 126 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void) {
    static char line[4096];
    int first = getpid() == 1;
    if (first) {
        mount_all();
        setenv("PATH", "/bench:/usr/bin:/bin", 1);
    }
    setenv("HOME", "/tmp", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    quiet_terminal();
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("BENCH ready\n");
    while (fgets(line, sizeof line, stdin)) {
        char *words[WORDS] = {0}, *rest = line;
        int count = 0;
        while (count < WORDS - 1 && (words[count] = strsep(&rest, " \r\n")))
            count += *words[count] != '\0';
        words[count] = NULL;
        if (count == 0)
            continue;
        if (strcmp(words[0], "end") == 0)
            break;
        double began = now();
        int status = run(words);
        printf("\nBENCH done %d %.6f\n", status, now() - began);
    }
    if (first)
        reboot(RB_POWER_OFF);
    return 0;
}
