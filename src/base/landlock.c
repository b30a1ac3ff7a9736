#include "assent/base/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the headers of Debian 12 don't have yet. */
#define ACCESS_FILE_TRUNCATE  (1ull << 14)
#define ACCESS_DEVICE_IOCTL   (1ull << 15)
#define ACCESS_TCP_BIND       (1ull << 0)
#define ACCESS_TCP_CONNECT    (1ull << 1)
#define SCOPE_ABSTRACT_SOCKET (1ull << 0)
#define SCOPE_SIGNAL          (1ull << 1)

/* A kernel takes one that is longer than its own if what it doesn't know is 0. */
struct ruleset {
    uint64_t files;
    uint64_t network;
    uint64_t scoped;
};

#define ALL_OF_VERSION_1 (LANDLOCK_ACCESS_FS_REFER - 1)
#define OF_FILES                                                                                 \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
     ACCESS_FILE_TRUNCATE | ACCESS_DEVICE_IOCTL)

#define TO_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define TO_CHANGE                                                            \
    (TO_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REFER | ACCESS_FILE_TRUNCATE)

int landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    return version > 0 ? (int)version : 0;
}

static struct ruleset all_of(int version, bool connects)
{
    struct ruleset all = {.files = ALL_OF_VERSION_1};

    all.files |= version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0;
    all.files |= version >= 3 ? ACCESS_FILE_TRUNCATE : 0;
    all.files |= version >= 5 ? ACCESS_DEVICE_IOCTL : 0;
    if (version >= 4) {
        all.network = ACCESS_TCP_BIND | (connects ? 0 : ACCESS_TCP_CONNECT);
    }
    if (version >= 6) {
        all.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
    }
    return all;
}

static int make_ruleset(const struct ruleset *ruleset)
{
    long fd = syscall(SYS_landlock_create_ruleset, ruleset, sizeof *ruleset, 0);

    return fd < 0 ? -errno : (int)fd;
}

static int allow_beneath(int ruleset_fd, int parent, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = parent};
    struct stat status;

    if (fstat(parent, &status) < 0) {
        return -errno;
    }
    if (!S_ISDIR(status.st_mode)) {
        rule.allowed_access &= OF_FILES;
    }
    return syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
               ? -errno
               : 0;
}

/* What there is to be read may be missing; it may as well be unreadable then. */
static int allow_path(int ruleset_fd, const struct jail_path *path, uint64_t handled)
{
    uint64_t access = path->access == JAIL_CHANGE ? TO_CHANGE : TO_READ;
    int fd = open(path->path, O_PATH | O_CLOEXEC);
    int r;

    if (fd < 0) {
        return path->access == JAIL_READ ? 0 : -errno;
    }
    r = allow_beneath(ruleset_fd, fd, access & handled);
    (void)close(fd);
    return r;
}

static int put_on(int ruleset_fd)
{
    return syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0 ? -errno : 0;
}

int landlock_confine(const struct jail_path *paths, size_t count, bool connects,
                     struct problem *ret_problem)
{
    const struct ruleset all = all_of(landlock_version(), connects);
    int fd = make_ruleset(&all);
    int r = fd < 0 ? fd : 0;

    problem_set(ret_problem, "Landlock can't be put on: %s", strerror(-r));
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = allow_path(fd, &paths[i], all.files);
        problem_set(ret_problem, "%s can't be let into the jail: %s", paths[i].path, strerror(-r));
    }
    if (r == 0) {
        r = put_on(fd);
        problem_set(ret_problem, "Landlock can't be put on: %s", strerror(-r));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return r;
}

/* Any Landlock domain keeps its processes from tracing those outside. One that takes nothing else
 * away must speak of moving files between directories, which without that is always forbidden, and
 * in version 1 can't be allowed. */
int landlock_separate(struct problem *ret_problem)
{
    const struct ruleset least = {.files = LANDLOCK_ACCESS_FS_REFER};
    int ruleset_fd;
    int root;
    int r;

    if (landlock_version() < 2) {
        return 0;
    }
    ruleset_fd = make_ruleset(&least);
    root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    r = ruleset_fd < 0 ? ruleset_fd : root < 0 ? -errno : 0;
    if (r == 0) {
        r = allow_beneath(ruleset_fd, root, least.files);
    }
    if (r == 0) {
        r = put_on(ruleset_fd);
    }
    problem_set(ret_problem, "Landlock can't be put on: %s", strerror(-r));
    if (root >= 0) {
        (void)close(root);
    }
    if (ruleset_fd >= 0) {
        (void)close(ruleset_fd);
    }
    return r;
}
