#include "assent/supervisor/role_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assent/base/channel.h"
#include "assent/base/signals.h"

/* Above every descriptor that a role is given, so that moving one can't overwrite another. */
#define FIRST_SPARE_FD 16
#define EXIT_NO_EXEC   127

int role_process_program(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    int fd;

    if (length < 0) {
        return -errno;
    }
    path[length] = '\0';
    fd = open(path, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static _Noreturn void become(enum role role, int program_fd, int channel, int lock_fd)
{
    char *const arguments[] = {(char *)(uintptr_t)role_title(role), NULL};
    char path[64];
    int spare_channel = fcntl(channel, F_DUPFD_CLOEXEC, FIRST_SPARE_FD);
    int spare_lock = fcntl(lock_fd, F_DUPFD_CLOEXEC, FIRST_SPARE_FD);
    int spare_program = fcntl(program_fd, F_DUPFD_CLOEXEC, FIRST_SPARE_FD);

    if (spare_channel < 0 || spare_lock < 0 || spare_program < 0 ||
        dup2(spare_channel, CHANNEL_FD) < 0 || dup2(spare_lock, CHANNEL_LOCK_FD) < 0) {
        _exit(EXIT_NO_EXEC);
    }
    signals_reset();
    /* What belongs to the supervisor alone. */
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("CREDENTIALS_DIRECTORY");
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", spare_program);
    (void)execve(path, arguments, environ);
    _exit(EXIT_NO_EXEC);
}

int role_process_start(enum role role, int program_fd, int lock_fd, pid_t *ret_pid,
                       int *ret_channel)
{
    int channel[2];
    pid_t pid;
    int r = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0) {
        return -errno;
    }
    pid = fork();
    if (pid == 0) {
        become(role, program_fd, channel[1], lock_fd);
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
