#include "assent/base/descriptors.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

#define SPARE 8

static rlim_t found;
static int first_spare = INT_MAX;

void descriptors_keep_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

void descriptors_raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return;
    }
    found = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > SPARE &&
        limit.rlim_cur < INT_MAX) {
        first_spare = (int)limit.rlim_cur - SPARE;
    }
}

void descriptors_restore_limit(void)
{
    struct rlimit limit;

    if (found > 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = found;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

bool descriptors_is_spare(int fd)
{
    return fd >= first_spare;
}

bool descriptors_are_left(int fd)
{
    int next = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (next < 0) {
        return false;
    }
    (void)close(next);
    return !descriptors_is_spare(next);
}
