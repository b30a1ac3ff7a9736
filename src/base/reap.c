#include "assent/base/reap.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/base/buffer.h"
#include "assent/base/process_tree.h"

#define MARK "ASSENT_JOB_KEY="
/* More than the kernel takes for arguments and environment of one process. */
#define ENVIRONMENT_LIMIT (8u << 20)
#define READ_SIZE         (64u << 10)
/* What ended is seen at once; this is for what came to be ours without our being told. */
#define LOOK_AGAIN_MS 100

/* --- below this process ----------------------------------------------------------------------- */

/* Reaps the children in the list that have ended. Returns how many have not; one of these is put in
 * `ret_child`. */
static int reap_children(const struct process_tree *tree, pid_t *ret_child)
{
    pid_t self = getpid();
    int left = 0;

    for (size_t i = 0; i < tree->count; i++) {
        if (tree->items[i].parent == self && waitpid(tree->items[i].pid, NULL, WNOHANG) == 0) {
            *ret_child = tree->items[i].pid;
            left++;
        }
    }
    return left;
}

static bool has_children(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* What is below this process. Who keeps nothing reads only the lists of children, which cost as much as
 * is in them. They may lack some while others end; but who has no children has nothing below. */
static int look(const pid_t *keep, size_t keep_count, struct process_tree *ret_tree)
{
    if (keep_count == 0 && process_tree_list(ret_tree) == 0) {
        if (ret_tree->count > 0 || !has_children()) {
            return 0;
        }
        process_tree_free(ret_tree);
    }
    return process_tree_read(keep, keep_count, ret_tree);
}

static int kill_and_reap(const pid_t *keep, size_t keep_count, pid_t *ret_child)
{
    struct process_tree tree;
    bool any;
    int left;

    /* A child that is reaped may have left children of its own to us: then look again. */
    do {
        int r = look(keep, keep_count, &tree);
        if (r < 0) {
            return r;
        }
        process_tree_signal(&tree, SIGKILL);
        left = reap_children(&tree, ret_child);
        any = tree.count > 0;
        process_tree_free(&tree);
    } while (any && left == 0);
    return left;
}

int reap_once(const pid_t *keep, size_t keep_count)
{
    pid_t child;

    return kill_and_reap(keep, keep_count, &child);
}

/* A child's pid can't be given away before it is reaped. Without a pidfd this is a pause. */
static void await_end(pid_t child)
{
    struct pollfd ended = {.fd = process_open(child), .events = POLLIN};

    (void)poll(&ended, 1, LOOK_AGAIN_MS);
    if (ended.fd >= 0) {
        (void)close(ended.fd);
    }
}

int reap_orphans(const pid_t *keep, size_t keep_count)
{
    pid_t child = 0;
    int left;

    while ((left = kill_and_reap(keep, keep_count, &child)) > 0) {
        await_end(child);
    }
    return left;
}

/* --- anywhere --------------------------------------------------------------------------------- */

static bool has_mark(const struct buffer *environment, const char *prefix)
{
    const char *at = (const char *)environment->data;
    size_t left = environment->length;
    size_t prefix_length = strlen(prefix);

    while (left > 0) {
        size_t length = strnlen(at, left);
        if (length >= sizeof MARK - 1 + prefix_length && memcmp(at, MARK, sizeof MARK - 1) == 0 &&
            memcmp(at + sizeof MARK - 1, prefix, prefix_length) == 0) {
            return true;
        }
        length += length < left;
        at += length;
        left -= length;
    }
    return false;
}

/* Then nothing is known of the process that could not be looked at. */
static bool is_want(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/* One that can't be read is gone, or is no longer a process that hooks could have become. */
static int read_environment(pid_t pid, struct buffer *environment)
{
    char path[32];
    ssize_t count = 1;
    int r = 0;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return is_want(errno) ? -errno : 0;
    }
    while (r == 0 && count > 0 && environment->length < ENVIRONMENT_LIMIT) {
        r = buffer_reserve(environment, READ_SIZE);
        if (r == 0) {
            count = read(fd, environment->data + environment->length, READ_SIZE);
            environment->length += count > 0 ? (size_t)count : 0;
        }
    }
    (void)close(fd);
    return r;
}

/* The pidfd is opened first: if the pid goes to another process before the environment is read,
 * the signal goes nowhere. Returns 1 if it was marked, 0, or negative errno. */
static int end_if_marked(pid_t pid, const char *prefix)
{
    struct buffer environment = {0};
    struct pollfd ended = {.fd = process_open(pid), .events = POLLIN};
    int marked = 0;
    int r;

    if (ended.fd < 0 && ended.fd != -ENOSYS) {
        return is_want(-ended.fd) ? ended.fd : 0;
    }
    r = read_environment(pid, &environment);
    if (r == 0 && has_mark(&environment, prefix)) {
        marked = process_signal(pid, ended.fd, SIGKILL) == 0;
        (void)poll(&ended, marked ? 1 : 0, LOOK_AGAIN_MS);
    }
    buffer_free(&environment);
    if (ended.fd >= 0) {
        (void)close(ended.fd);
    }
    return r < 0 ? r : marked;
}

static bool is_own(int proc, const char *name)
{
    struct stat status;

    return isdigit((unsigned char)name[0]) && fstatat(proc, name, &status, 0) == 0 &&
           status.st_uid == geteuid();
}

/* Returns how many were found and sent SIGKILL, or negative errno. */
static int end_marked(const char *prefix)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    int found = 0;
    int r = 0;

    if (!proc) {
        return -errno;
    }
    while (r >= 0 && (entry = readdir(proc))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (is_own(dirfd(proc), entry->d_name) && pid != getpid()) {
            r = end_if_marked(pid, prefix);
            found += r > 0;
        }
    }
    (void)closedir(proc);
    return r < 0 ? r : found;
}

/* A process has no environment for a moment while it executes another program: so twice. */
int reap_marked(const char *prefix)
{
    int clean = 0;

    while (clean < 2) {
        int found = end_marked(prefix);
        if (found < 0) {
            return found;
        }
        clean = found == 0 ? clean + 1 : 0;
    }
    return 0;
}
