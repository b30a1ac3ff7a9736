#include "assent/base/process_tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "assent/base/buffer.h"

/* Of /proc/PID/stat, as far as the start time: 22 numbers and a name of 64 bytes at most. */
#define STAT_SIZE 768
/* Of a list of children, at once. */
#define LIST_SIZE 4096

/* Processes; where they are all there are, in the order of their pids. */
struct table {
    struct process *items;
    bool *below;
    size_t count;
    size_t room;
};

/* --- among all -------------------------------------------------------------------------------- */

static int read_stat(pid_t pid, char *text, size_t size)
{
    char path[32];
    ssize_t length;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    length = read(fd, text, size - 1);
    (void)close(fd);
    if (length < 0) {
        return -errno;
    }
    text[length] = '\0';
    return 0;
}

/* The name in parentheses may hold anything, also parentheses: what counts is behind the last. */
static int read_process(pid_t pid, struct process *ret_process)
{
    char text[STAT_SIZE];
    struct process process = {.pid = pid};
    const char *behind_name;
    int parent;
    int r = read_stat(pid, text, sizeof text);

    if (r < 0) {
        return r;
    }
    behind_name = strrchr(text, ')');
    if (!behind_name || sscanf(behind_name + 1,
                               " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
                               "%*d %*d %*d %llu",
                               &parent, &process.started) != 2) {
        return -EBADMSG;
    }
    process.parent = parent;
    *ret_process = process;
    return 0;
}

static int table_add(struct table *table, const struct process *process)
{
    if (table->count == table->room) {
        size_t room = table->room ? 2 * table->room : 256;
        struct process *items = reallocarray(table->items, room, sizeof *items);
        if (!items) {
            return -ENOMEM;
        }
        table->items = items;
        table->room = room;
    }
    table->items[table->count++] = *process;
    return 0;
}

static int by_pid(const void *left, const void *right)
{
    pid_t a = ((const struct process *)left)->pid;
    pid_t b = ((const struct process *)right)->pid;

    return (a > b) - (a < b);
}

static int table_read(struct table *table)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    struct process process;
    int r = 0;

    if (!proc) {
        return -errno;
    }
    while (r == 0 && (entry = readdir(proc))) {
        if (!isdigit((unsigned char)entry->d_name[0])) {
            continue;
        }
        /* One that can't be read is gone by now. */
        if (read_process((pid_t)strtol(entry->d_name, NULL, 10), &process) == 0) {
            r = table_add(table, &process);
        }
    }
    (void)closedir(proc);
    if (table->count > 0) {
        qsort(table->items, table->count, sizeof *table->items, by_pid);
    }
    return r;
}

static bool listed(pid_t pid, const pid_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == pid) {
            return true;
        }
    }
    return false;
}

static bool parent_is_below(const struct table *table, const struct process *process)
{
    const struct process wanted = {.pid = process->parent};
    const struct process *parent =
        bsearch(&wanted, table->items, table->count, sizeof *table->items, by_pid);

    return parent && table->below[parent - table->items];
}

/* Parents mostly have the lower pids, so this takes a second round only after pids have wrapped. */
static void mark_below(struct table *table, const pid_t *keep, size_t keep_count)
{
    pid_t self = getpid();
    bool changed = true;

    while (changed) {
        changed = false;
        for (size_t i = 0; i < table->count; i++) {
            const struct process *process = &table->items[i];
            if (table->below[i]) {
                continue;
            }
            table->below[i] = process->parent == self ? !listed(process->pid, keep, keep_count)
                                                      : parent_is_below(table, process);
            changed = changed || table->below[i];
        }
    }
}

int process_tree_read(const pid_t *keep, size_t keep_count, struct process_tree *ret_tree)
{
    struct table table = {0};
    size_t count = 0;
    int r = table_read(&table);

    if (r == 0) {
        table.below = calloc(table.count + 1, sizeof *table.below);
        r = table.below ? 0 : -ENOMEM;
    }
    if (r < 0) {
        free(table.items);
        return r;
    }
    mark_below(&table, keep, keep_count);
    for (size_t i = 0; i < table.count; i++) {
        if (table.below[i]) {
            table.items[count++] = table.items[i];
        }
    }
    free(table.below);
    *ret_tree = (struct process_tree){.items = table.items, .count = count};
    return 0;
}

/* --- by the lists of children ----------------------------------------------------------------- */

static int add_listed(struct table *table, char *pids)
{
    char *rest = pids;
    const char *word;
    int r = 0;

    while (r == 0 && (word = strsep(&rest, " "))) {
        struct process process;

        if (*word != '\0' && read_process((pid_t)strtol(word, NULL, 10), &process) == 0) {
            r = table_add(table, &process);
        }
    }
    return r;
}

/* Adds the children that one thread has. -ENOENT where it is gone, or the kernel has no such lists. */
static int add_children_of_thread(struct table *table, const char *path)
{
    struct buffer pids = {0};
    char *text;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : 0;
    ssize_t length = 1;

    while (r == 0 && length > 0) {
        r = buffer_reserve(&pids, LIST_SIZE);
        length = r < 0 ? 0 : read(fd, pids.data + pids.length, LIST_SIZE);
        pids.length += length > 0 ? (size_t)length : 0;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (r == 0) {
        text = buffer_take_text(&pids);
        r = text ? add_listed(table, text) : -ENOMEM;
        free(text);
    }
    buffer_free(&pids);
    return r;
}

static int add_children(struct table *table, pid_t pid)
{
    char path[64];
    const struct dirent *entry;
    DIR *threads;
    int r = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    threads = opendir(path);
    if (!threads) {
        return -errno;
    }
    while ((r == 0 || r == -ENOENT) && (entry = readdir(threads))) {
        if (isdigit((unsigned char)entry->d_name[0])) {
            (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid,
                           (int)strtol(entry->d_name, NULL, 10));
            r = add_children_of_thread(table, path);
        }
    }
    (void)closedir(threads);
    return r;
}

int process_tree_list(struct process_tree *ret_tree)
{
    struct table table = {0};
    int r = add_children(&table, getpid());

    /* One that is gone by now has no list. */
    for (size_t i = 0; r == 0 && i < table.count; i++) {
        r = add_children(&table, table.items[i].pid);
        r = r == -ENOENT || r == -ESRCH ? 0 : r;
    }
    if (r < 0) {
        free(table.items);
        return r;
    }
    *ret_tree = (struct process_tree){.items = table.items, .count = table.count};
    return 0;
}

/* --- signals ---------------------------------------------------------------------------------- */

int process_open(pid_t pid)
{
    int fd = pidfd_open(pid, 0);

    return fd < 0 ? -errno : fd;
}

int process_signal(pid_t pid, int fd, int signal)
{
    int r = fd >= 0 ? pidfd_send_signal(fd, signal, NULL, 0) : kill(pid, signal);

    return r < 0 ? -errno : 0;
}

/* A pid may have been given to another process meanwhile. A pidfd can't: once it is there, and the
 * process behind the pid is still the one that was listed, so is the one behind the pidfd. */
static void signal_one(const struct process *process, int signal)
{
    struct process now;
    int fd = process_open(process->pid);

    if ((fd >= 0 || fd == -ENOSYS) && read_process(process->pid, &now) == 0 &&
        now.started == process->started) {
        (void)process_signal(process->pid, fd, signal);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

void process_tree_signal(const struct process_tree *tree, int signal)
{
    for (size_t i = 0; i < tree->count; i++) {
        signal_one(&tree->items[i], signal);
    }
}

void process_tree_free(struct process_tree *tree)
{
    if (tree) {
        free(tree->items);
        *tree = (struct process_tree){0};
    }
}
