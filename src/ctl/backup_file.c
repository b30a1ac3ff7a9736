#include "assent/ctl/backup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SUFFIX ".partial"
/* What is left free, as the daemon leaves it: the disk may be the one of its store. */
#define RESERVE ((uint64_t)16 << 20)

static int fail(const struct backup_file *file, int error, struct problem *ret_problem)
{
    problem_set(ret_problem, "%.200s can't be written: %s", file->path, strerror(error));
    return -error;
}

static int refuse_existing(const struct backup_file *file, struct problem *ret_problem)
{
    problem_set(ret_problem, "%.200s is there already; --force replaces it", file->path);
    return -EEXIST;
}

int backup_file_check(const struct backup_file *file, struct problem *ret_problem)
{
    struct stat status;

    if (lstat(file->path, &status) < 0) {
        return errno == ENOENT ? 0 : fail(file, errno, ret_problem);
    }
    if (!S_ISREG(status.st_mode)) {
        problem_set(ret_problem, "%.200s is no regular file; expected one, or a new name",
                    file->path);
        return -EINVAL;
    }
    return file->replaces ? 0 : refuse_existing(file, ret_problem);
}

/* --- signals ---------------------------------------------------------------------------------- */

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};
static const char *volatile partial_to_remove;

static void on_ending_signal(int number)
{
    const char *partial = partial_to_remove;

    if (partial) {
        (void)unlink(partial);
    }
    (void)raise(number);
}

/* The handler is gone when it is called, so that the signal it raises ends the process. */
static void remove_on_signals(const char *partial)
{
    struct sigaction action = {.sa_handler = on_ending_signal, .sa_flags = (int)SA_RESETHAND};

    partial_to_remove = partial;
    for (size_t i = 0; i < sizeof ending_signals / sizeof *ending_signals; i++) {
        struct sigaction old;

        (void)sigaction(ending_signals[i], NULL, &old);
        if (old.sa_handler != SIG_IGN) {
            (void)sigaction(ending_signals[i], &action, NULL);
        }
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

static int check_room(const struct backup_file *file, int64_t length, struct problem *ret_problem)
{
    struct statvfs status;

    if (fstatvfs(file->fd, &status) < 0) {
        return fail(file, errno, ret_problem);
    }

    uint64_t all = (uint64_t)status.f_blocks * status.f_frsize;
    uint64_t there = (uint64_t)status.f_bavail * status.f_frsize;
    uint64_t needed = (uint64_t)length + (all / 8 < RESERVE ? all / 8 : RESERVE);

    if (there < needed) {
        problem_set(ret_problem, "%.200s: its disk has %llu KiB free; expected at least %llu KiB",
                    file->path, (unsigned long long)there >> 10,
                    (unsigned long long)(needed + 1023) >> 10);
        return -ENOSPC;
    }
    return 0;
}

int backup_file_begin(struct backup_file *file, int64_t length, struct problem *ret_problem)
{
    char *partial = NULL;

    if (asprintf(&partial, "%s.XXXXXX" SUFFIX, file->path) < 0) {
        return fail(file, ENOMEM, ret_problem);
    }
    file->fd = mkostemps(partial, (int)strlen(SUFFIX), O_CLOEXEC);
    if (file->fd < 0) {
        free(partial);
        return fail(file, errno, ret_problem);
    }
    file->partial = partial;
    remove_on_signals(partial);
    return check_room(file, length, ret_problem);
}

int backup_file_append(struct backup_file *file, const void *bytes, size_t length,
                       struct problem *ret_problem)
{
    const unsigned char *at = bytes;

    while (length > 0) {
        ssize_t written = write(file->fd, at, length);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return fail(file, written < 0 ? errno : EIO, ret_problem);
        }
        at += written;
        length -= (size_t)written;
    }
    return 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Not all file systems can do both at once. */
static int give_name(const struct backup_file *file, struct problem *ret_problem)
{
    unsigned flags = file->replaces ? 0 : RENAME_NOREPLACE;

    if (renameat2(AT_FDCWD, file->partial, AT_FDCWD, file->path, flags) == 0) {
        return 0;
    }
    if (errno == EEXIST) {
        return refuse_existing(file, ret_problem);
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return fail(file, errno, ret_problem);
    }
    int r = backup_file_check(file, ret_problem);

    if (r == 0 && rename(file->partial, file->path) < 0) {
        r = fail(file, errno, ret_problem);
    }
    return r;
}

static int sync_directory(const struct backup_file *file, struct problem *ret_problem)
{
    char *path = strdup(file->path);
    int fd = path ? open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int r = fd < 0 || fsync(fd) < 0 ? fail(file, errno, ret_problem) : 0;

    if (fd >= 0) {
        (void)close(fd);
    }
    free(path);
    return r;
}

int backup_file_finish(struct backup_file *file, struct problem *ret_problem)
{
    int fd = file->fd;
    int r = fsync(fd) < 0 ? fail(file, errno, ret_problem) : 0;

    file->fd = -1;
    if (close(fd) < 0 && r == 0) {
        r = fail(file, errno, ret_problem);
    }
    if (r == 0) {
        r = give_name(file, ret_problem);
    }
    if (r < 0) {
        return r;
    }
    partial_to_remove = NULL;
    free(file->partial);
    file->partial = NULL;
    return sync_directory(file, ret_problem);
}

void backup_file_abandon(struct backup_file *file)
{
    if (file->fd >= 0) {
        (void)close(file->fd);
        file->fd = -1;
    }
    if (file->partial) {
        (void)unlink(file->partial);
        partial_to_remove = NULL;
        free(file->partial);
        file->partial = NULL;
    }
}
