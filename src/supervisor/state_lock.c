#include "assent/supervisor/state_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assent/base/buffer.h"
#include "assent/base/link_target.h"
#include "assent/base/log.h"

static int make_directory_of(const char *path)
{
    char *copy = strdup(path);
    int r = 0;

    if (!copy) {
        return -ENOMEM;
    }
    if (mkdir(dirname(copy), 0700) < 0 && errno != EEXIST) {
        r = -errno;
    }
    free(copy);
    return r;
}

static int open_lock_file(const char *store_path, int *ret_fd)
{
    char *store = link_target(store_path);
    struct buffer path = {0};
    int fd = -1;
    int r = store ? buffer_append_format(&path, "%s.lock", store) : -ENOMEM;

    free(store);
    if (r == 0 && !buffer_text(&path)) {
        r = -ENOMEM;
    }
    if (r == 0) {
        fd = open((const char *)path.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        r = fd < 0 ? -errno : 0;
    }
    buffer_free(&path);
    if (r == 0) {
        *ret_fd = fd;
    }
    return r;
}

static int take(int fd, const char *store_path)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return 0;
    }
    if (errno != EWOULDBLOCK) {
        return -errno;
    }
    log_event(LOG_LEVEL_WARNING, "waiting for another assentd on the same store to end", "store",
              store_path, NULL);
    while (flock(fd, LOCK_EX) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int state_lock_take(const char *store_path, int *ret_fd,
                    char ret_identity[STATE_LOCK_IDENTITY_LIMIT + 1], struct problem *ret_problem)
{
    ssize_t length = 0;
    int fd = -1;
    int r = make_directory_of(store_path);

    if (r == 0) {
        r = open_lock_file(store_path, &fd);
    }
    if (r == 0) {
        r = take(fd, store_path);
    }
    if (r == 0) {
        length = pread(fd, ret_identity, STATE_LOCK_IDENTITY_LIMIT, 0);
        r = length < 0 ? -errno : 0;
    }
    if (r < 0) {
        problem_set(ret_problem, "can't lock %s.lock: %s", store_path, strerror(-r));
        if (fd >= 0) {
            (void)close(fd);
        }
        return r;
    }
    ret_identity[length] = '\0';
    *ret_fd = fd;
    return 0;
}
