#include "assent/supervisor/role_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assent/base/channel.h"
#include "assent/base/signals.h"

/* Above every descriptor that a role is given, so that moving one can't overwrite another. */
#define FIRST_SPARE_FD 16
#define EXIT_NO_EXEC   127

int role_program_open(struct role_program *ret_program)
{
    struct role_program program = {.fd = -1};
    ssize_t length = readlink("/proc/self/exe", program.path, sizeof program.path - 1);

    if (length < 0) {
        return -errno;
    }
    program.fd = open(program.path, O_PATH | O_CLOEXEC);
    if (program.fd < 0) {
        return -errno;
    }
    *ret_program = program;
    return 0;
}

/* By its path while that still names it, since tools that follow an exec look there; else by its
 * descriptor. Returns only if neither works. */
static void execute(const struct role_program *program, int fd, char *const *arguments)
{
    struct stat named;
    struct stat opened;
    char path[64];

    if (stat(program->path, &named) == 0 && fstat(fd, &opened) == 0 &&
        named.st_dev == opened.st_dev && named.st_ino == opened.st_ino) {
        (void)execve(program->path, arguments, environ);
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    (void)execve(path, arguments, environ);
}

static _Noreturn void become(enum role role, const struct role_program *program, int channel,
                             int lock_fd)
{
    char *const arguments[] = {(char *)(uintptr_t)role_title(role), NULL};
    int spare_channel = fcntl(channel, F_DUPFD_CLOEXEC, FIRST_SPARE_FD);
    int spare_lock = fcntl(lock_fd, F_DUPFD_CLOEXEC, FIRST_SPARE_FD);
    int spare_program = fcntl(program->fd, F_DUPFD_CLOEXEC, FIRST_SPARE_FD);

    if (spare_channel < 0 || spare_lock < 0 || spare_program < 0 ||
        dup2(spare_channel, CHANNEL_FD) < 0 || dup2(spare_lock, CHANNEL_LOCK_FD) < 0) {
        _exit(EXIT_NO_EXEC);
    }
    signals_reset();
    /* What belongs to the supervisor alone. */
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("CREDENTIALS_DIRECTORY");
    (void)setenv(ROLE_VARIABLE, role_title(role), 1);
    execute(program, spare_program, arguments);
    _exit(EXIT_NO_EXEC);
}

int role_process_start(enum role role, const struct role_program *program, int lock_fd,
                       pid_t *ret_pid, int *ret_channel)
{
    int channel[2];
    pid_t pid;
    int r = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0) {
        return -errno;
    }
    pid = fork();
    if (pid == 0) {
        become(role, program, channel[1], lock_fd);
    }
    if (pid < 0 || fcntl(channel[0], F_SETFL, O_NONBLOCK) < 0) {
        r = -errno;
    }
    (void)close(channel[1]);
    if (r < 0) {
        (void)close(channel[0]);
        return r;
    }
    *ret_pid = pid;
    *ret_channel = channel[0];
    return 0;
}
