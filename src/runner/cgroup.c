#include "assent/runner/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Directories that a walk holds open at once. */
#define WALK_DESCRIPTORS 8
/* The kernel tells when a group is empty; this is for a change between reading and waiting. */
#define LOOK_AGAIN_MS 100
/* How long what was sent SIGKILL may take to go. */
#define END_LOOKS 300

/* --- where we are ----------------------------------------------------------------------------- */

/* Our own group in the second version's hierarchy: the line `0::PATH` of /proc/self/cgroup. */
static int find_own(char **ret_path)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char *line = NULL;
    size_t size = 0;
    int r = -ENOENT;

    if (!file) {
        return -errno;
    }
    while (r == -ENOENT && getline(&line, &size, file) > 0) {
        if (strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            *ret_path = strdup(line + 3);
            r = *ret_path ? 0 : -ENOMEM;
        }
    }
    free(line);
    (void)fclose(file);
    return r;
}

/* The mount point in a line of /proc/self/mountinfo (proc_pid_mountinfo(5)), if it shows all of the
 * hierarchy; NULL if not. */
static char *mount_point_of(char *line)
{
    const char *type = strstr(line, " - ");
    const char *root = NULL;
    char *point = NULL;
    char *save = NULL;
    char *word = strtok_r(line, " ", &save);

    for (int i = 0; word && i < 5; i++) {
        root = i == 3 ? word : root;
        point = i == 4 ? word : point;
        word = strtok_r(NULL, " ", &save);
    }
    return type && strncmp(type + 3, "cgroup2 ", 8) == 0 && root && strcmp(root, "/") == 0 ? point
                                                                                           : NULL;
}

static int find_mount(char **ret_path)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    int r = -ENOENT;

    if (!file) {
        return -errno;
    }
    while (r == -ENOENT && getline(&line, &size, file) > 0) {
        const char *point = mount_point_of(line);
        if (point) {
            *ret_path = strdup(point);
            r = *ret_path ? 0 : -ENOMEM;
        }
    }
    free(line);
    (void)fclose(file);
    return r;
}

static int find_place(const char *directory, char **ret_path)
{
    struct stat status;
    char *mount = NULL;
    char *own = NULL;
    char *path;
    int r = stat(directory, &status) < 0 ? -errno : find_mount(&mount);

    if (r == 0) {
        r = find_own(&own);
    }
    if (r == 0) {
        r = asprintf(&path, "%s%s/assentd-%llx-%llx", mount, strcmp(own, "/") == 0 ? "" : own,
                     (unsigned long long)status.st_dev, (unsigned long long)status.st_ino) < 0
                ? -ENOMEM
                : 0;
    }
    free(mount);
    free(own);
    if (r == 0) {
        *ret_path = path;
    }
    return r;
}

/* --- one group -------------------------------------------------------------------------------- */

int cgroup_make(const struct cgroup *all, unsigned number, struct cgroup *ret_group)
{
    struct cgroup group = {0};
    int r = 0;

    if (asprintf(&group.path, "%s/%u", all->path, number) < 0) {
        return -ENOMEM;
    }
    /* Whoever was the last to leave removed the one above. */
    if (mkdir(group.path, 0700) < 0 && errno != EEXIST) {
        r = errno == ENOENT && (mkdir(all->path, 0700) == 0 || errno == EEXIST) &&
                    mkdir(group.path, 0700) == 0
                ? 0
                : -errno;
    }
    if (r < 0) {
        free(group.path);
        return r;
    }
    *ret_group = group;
    return 0;
}

pid_t cgroup_fork(const struct cgroup *group)
{
    struct clone_args arguments = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};
    int directory;
    pid_t pid;

    if (!group->path) {
        return fork();
    }
    directory = open(group->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        return -1;
    }
    arguments.cgroup = (uint64_t)directory;
    pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    (void)close(directory);
    return pid;
}

static int write_to(const char *path, const char *name, const char *text)
{
    char *full;
    int fd;
    int r;

    if (asprintf(&full, "%s/%s", path, name) < 0) {
        return -ENOMEM;
    }
    fd = open(full, O_WRONLY | O_CLOEXEC);
    r = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    free(full);
    return r;
}

static int kill_all(const char *path)
{
    return write_to(path, "cgroup.kill", "1");
}

int cgroup_leave(const struct cgroup *group)
{
    return group->path ? write_to(group->path, "../../cgroup.procs", "0") : 0;
}

void cgroup_kill(const struct cgroup *group)
{
    if (group->path) {
        (void)kill_all(group->path);
    }
}

bool cgroup_is_branched(const struct cgroup *group)
{
    struct stat status;

    return group->path && stat(group->path, &status) == 0 && status.st_nlink > 2;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)walk;
    return type == FTW_DP && rmdir(path) < 0 && errno != ENOENT ? -1 : 0;
}

/* Programs may have made groups below theirs. */
static int remove_all(const char *path)
{
    return nftw(path, remove_one, WALK_DESCRIPTORS, FTW_DEPTH | FTW_PHYS) < 0 ? -errno : 0;
}

void cgroup_remove(const struct cgroup *group)
{
    char *above = group->path ? strdup(group->path) : NULL;

    if (above && (rmdir(group->path) == 0 || remove_all(group->path) == 0)) {
        (void)rmdir(dirname(above));
    }
    free(above);
}

void cgroup_clear(struct cgroup *group)
{
    free(group->path);
    group->path = NULL;
}

/* --- what an earlier runner left -------------------------------------------------------------- */

/* A keeper of the earlier runner removes the group when it is the last to leave it: what can't be read
 * any more is gone. */
static bool is_populated(int events)
{
    char text[256];
    ssize_t length = pread(events, text, sizeof text - 1, 0);

    text[length > 0 ? length : 0] = '\0';
    return length >= 0 && !strstr(text, "populated 0");
}

static int await_empty(const char *path)
{
    struct pollfd events = {.events = POLLPRI};
    char *name;
    bool populated = true;

    if (asprintf(&name, "%s/cgroup.events", path) < 0) {
        return -ENOMEM;
    }
    events.fd = open(name, O_RDONLY | O_CLOEXEC);
    free(name);
    if (events.fd < 0) {
        return -errno;
    }
    for (int i = 0; i < END_LOOKS && (populated = is_populated(events.fd)); i++) {
        (void)poll(&events, 1, LOOK_AGAIN_MS);
    }
    (void)close(events.fd);
    return populated ? -EIO : 0;
}

static int end_left_over(const char *path)
{
    int r = kill_all(path);

    if (r == 0) {
        r = await_empty(path);
    }
    if (r == 0) {
        r = remove_all(path);
    }
    return r == -ENOENT || r == -ENODEV ? 0 : r;
}

/* --- all of them ------------------------------------------------------------------------------ */

/* Whether a process can be born into one, live and leave is only known once one has. */
static int try_fork(const struct cgroup *all)
{
    struct cgroup group;
    int r = cgroup_make(all, 0, &group);
    int status;
    pid_t pid;

    if (r < 0) {
        return r;
    }
    pid = cgroup_fork(&group);
    if (pid == 0) {
        _exit(-cgroup_leave(&group));
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        r = -errno;
    } else if (WIFEXITED(status)) {
        r = WEXITSTATUS(status) == 0 ? kill_all(group.path) : -WEXITSTATUS(status);
    } else {
        r = -ECANCELED;
    }
    cgroup_remove(&group);
    cgroup_clear(&group);
    return r;
}

int cgroup_open_all(const char *directory, struct cgroup *ret_all, struct problem *ret_problem)
{
    struct cgroup all = {0};
    int r = find_place(directory, &all.path);

    if (r == 0 && mkdir(all.path, 0700) < 0) {
        r = errno == EEXIST ? end_left_over(all.path) : -errno;
        if (r == -EIO) {
            problem_set(ret_problem, "processes in %s do not end", all.path);
        }
    }
    if (r == 0) {
        r = try_fork(&all);
    }
    if (r < 0) {
        if (r != -EIO) {
            problem_set(ret_problem, "%s", strerror(-r));
        }
        cgroup_clear(&all);
        return r;
    }
    *ret_all = all;
    return 0;
}
