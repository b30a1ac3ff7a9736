#include "support/tracer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/harness.h"

#define OPTION_LIMIT 16

/* As root or not, in a container or not. */
bool tracer_possible(void)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        (void)execlp("strace", "strace", "-f", "-o", "/dev/null", "true", (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool is_traced(pid_t process)
{
    char *status = process_read(process, "status");
    bool traced = !strstr(status, "\nTracerPid:\t0\n");

    free(status);
    return traced;
}

void tracer_await(void *nothing)
{
    (void)nothing;
    (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    while (!is_traced(getpid())) {
        (void)poll(NULL, 0, 10);
    }
}

pid_t tracer_start(pid_t process, const char *const options[])
{
    const char *arguments[OPTION_LIMIT + 4] = {"strace"};
    char number[16];
    size_t count = 1;
    pid_t pid;

    for (; *options && count <= OPTION_LIMIT; options++) {
        arguments[count++] = *options;
    }
    (void)snprintf(number, sizeof number, "%d", (int)process);
    arguments[count++] = "-p";
    arguments[count] = number;
    pid = fork();
    if (pid == 0) {
        (void)execvp(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    return pid;
}
