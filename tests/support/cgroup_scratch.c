#include "support/cgroup_scratch.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <mntent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 256, WALK_DESCRIPTORS = 8, LOOKS = 200, LOOK_AGAIN_MS = 100 };

static bool find_mount(char *ret_path)
{
    FILE *file = setmntent("/proc/self/mounts", "re");
    const struct mntent *entry = NULL;
    bool found = false;

    while (file && !found && (entry = getmntent(file))) {
        found = strcmp(entry->mnt_type, "cgroup2") == 0;
    }
    if (found) {
        (void)snprintf(ret_path, PATH, "%s", entry->mnt_dir);
    }
    if (file) {
        (void)endmntent(file);
    }
    return found;
}

static bool find_own(char *ret_path)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[PATH];
    bool found = false;

    while (file && !found && fgets(line, sizeof line, file)) {
        found = strncmp(line, "0::", 3) == 0;
    }
    if (found) {
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(ret_path, PATH, "%s", strcmp(line, "0::/") == 0 ? "" : line + 3);
    }
    if (file) {
        (void)fclose(file);
    }
    return found;
}

bool cgroup_scratch_make(char *ret_path, size_t size)
{
    char mount[PATH];
    char own[PATH];
    char kill[PATH];

    if (!find_mount(mount) || !find_own(own)) {
        return false;
    }
    (void)snprintf(ret_path, size, "%s%s/assent-test-XXXXXX", mount, own);
    if (!mkdtemp(ret_path)) {
        return false;
    }
    (void)snprintf(kill, sizeof kill, "%s/cgroup.kill", ret_path);
    if (access(kill, W_OK) < 0) {
        cgroup_scratch_remove(ret_path);
        return false;
    }
    return true;
}

static bool write_to(const char *path, const char *name, const char *text)
{
    char full[PATH];
    int fd;
    bool written;

    (void)snprintf(full, sizeof full, "%s/%s", path, name);
    fd = open(full, O_WRONLY | O_CLOEXEC);
    written = fd >= 0 && write(fd, text, strlen(text)) > 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return written;
}

void cgroup_scratch_seal(const char *path)
{
    ck_assert(write_to(path, "cgroup.max.descendants", "0"));
}

bool cgroup_scratch_enter(const char *path)
{
    return write_to(path, "cgroup.procs", "0");
}

size_t cgroup_scratch_count(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    size_t count = 0;

    ck_assert_ptr_nonnull(directory);
    while ((entry = readdir(directory))) {
        count += entry->d_type == DT_DIR && entry->d_name[0] != '.';
    }
    (void)closedir(directory);
    return count;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)walk;
    return type == FTW_DP && rmdir(path) < 0 ? -1 : 0;
}

static bool is_populated(int events)
{
    char text[PATH];
    ssize_t length = pread(events, text, sizeof text - 1, 0);

    text[length > 0 ? length : 0] = '\0';
    return strstr(text, "populated 1") != NULL;
}

/* The kernel tells of a change; it could come between the look and the wait. */
static void await_empty(const char *path)
{
    struct pollfd events = {.events = POLLPRI};
    char full[PATH];

    (void)snprintf(full, sizeof full, "%s/cgroup.events", path);
    events.fd = open(full, O_RDONLY | O_CLOEXEC);
    for (int look = 0; look < LOOKS && is_populated(events.fd); look++) {
        (void)poll(&events, 1, LOOK_AGAIN_MS);
    }
    (void)close(events.fd);
}

void cgroup_scratch_remove(const char *path)
{
    await_empty(path);
    (void)nftw(path, remove_one, WALK_DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}
