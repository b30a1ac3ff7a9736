/*
 * What the benchmark of hooks is measured against: programs started by posix_spawn, so many at a
 * time, and waited for. Nothing else.
 *
 *   bare_spawn COUNT PARALLEL PROGRAM
 *
 * Prints how many a second.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static _Noreturn void fail(const char *what, int error)
{
    (void)fprintf(stderr, "bare_spawn: %s: %s\n", what, strerror(error));
    exit(EXIT_FAILURE);
}

static double seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void spawn(char *program)
{
    char *words[] = {program, NULL};
    char *environment[] = {NULL};
    pid_t pid;
    int r = posix_spawn(&pid, program, NULL, NULL, words, environment);

    if (r != 0) {
        fail(program, r);
    }
}

static void await_one(void)
{
    int status;

    if (wait(&status) < 0) {
        fail("wait", errno);
    }
    if (status != 0) {
        fail("a program did not succeed", 0);
    }
}

int main(int argc, char **argv)
{
    long count = argc == 4 ? strtol(argv[1], NULL, 10) : 0;
    long parallel = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
    long started = 0;
    double begin = seconds();

    if (count < 1 || parallel < 1) {
        (void)fprintf(stderr, "usage: bare_spawn COUNT PARALLEL PROGRAM\n");
        return EXIT_FAILURE;
    }
    for (long ended = 0; ended < count; ended++) {
        while (started < count && started - ended < parallel) {
            spawn(argv[3]);
            started++;
        }
        await_one();
    }
    (void)printf("%.0f\n", (double)count / (seconds() - begin));
    return EXIT_SUCCESS;
}
