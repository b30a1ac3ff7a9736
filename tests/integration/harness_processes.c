#include "integration/harness.h"

#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCEPTED 3 /* in /proc/net/unix; not accepted yet is 2 */

/* --- one process ------------------------------------------------------------------------------ */

#define PROCESS_TEXT_LIMIT (256u << 10)

char *process_read(pid_t pid, const char *name)
{
    char path[64];
    char *text = calloc(1, PROCESS_TEXT_LIMIT + 1);
    FILE *file;
    size_t length = 0;

    ck_assert_ptr_nonnull(text);
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    file = fopen(path, "re");
    if (file) {
        length = fread(text, 1, PROCESS_TEXT_LIMIT, file);
        (void)fclose(file);
    }
    for (size_t i = 0; i < length; i++) {
        text[i] = text[i] ? text[i] : '\n';
    }
    return text;
}

struct state {
    char letter; /* 0: there is no such process */
    pid_t parent;
    unsigned long long started;
};

static struct state state_of(pid_t pid)
{
    struct state state = {0};
    char *text = process_read(pid, "stat");
    const char *end = strrchr(text, ')');
    int parent = 0;

    if (end && sscanf(end + 1,
                      " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
                      "%llu",
                      &state.letter, &parent, &state.started) != 3) {
        state.letter = 0;
    }
    state.parent = parent;
    free(text);
    return state;
}

/* A zombie has ended; whoever shall reap it may take its time. */
static bool same_lives(const struct process *process)
{
    struct state state = state_of(process->pid);

    return state.letter && state.letter != 'Z' && state.letter != 'X' &&
           state.started == process->started;
}

bool process_lives(pid_t pid)
{
    struct state state = state_of(pid);

    return state.letter && state.letter != 'Z' && state.letter != 'X';
}

void process_await_end(pid_t pid)
{
    const struct process process = {.pid = pid, .started = state_of(pid).started};
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    while (same_lives(&process)) {
        ck_assert_msg(house_now_ms() < deadline, "process %d does not end", (int)pid);
        pause_a_little();
    }
}

size_t process_descriptors(pid_t pid)
{
    char path[64];
    DIR *directory;
    const struct dirent *entry;
    size_t count = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    directory = opendir(path);
    ck_assert_msg(directory != NULL, "%s can't be opened", path);
    while ((entry = readdir(directory))) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(directory);
    return count;
}

/* --- all processes of a daemon ---------------------------------------------------------------- */

static bool is_parent(const struct process_tree *all, const bool *marked, pid_t pid)
{
    for (size_t i = 0; i < all->count; i++) {
        if (all->items[i].pid == pid) {
            return marked[i];
        }
    }
    return false;
}

static bool mark_more(const struct process_tree *all, pid_t daemon, bool *marked)
{
    bool changed = false;

    for (size_t i = 0; i < all->count; i++) {
        const struct process *process = &all->items[i];

        if (!marked[i] && (process->pid == daemon || is_parent(all, marked, process->parent))) {
            marked[i] = true;
            changed = true;
        }
    }
    return changed;
}

struct process_tree house_processes(const struct house *house)
{
    struct process_tree all;
    struct process_tree own = {0};
    bool *marked;

    ck_assert_int_eq(process_tree_read(NULL, 0, &all), 0);
    marked = calloc(all.count + 1, sizeof *marked);
    own.items = calloc(all.count + 1, sizeof *own.items);
    ck_assert(marked && own.items);
    while (mark_more(&all, house_pid(house), marked)) {
    }
    for (size_t i = 0; i < all.count; i++) {
        if (marked[i]) {
            own.items[own.count++] = all.items[i];
        }
    }
    free(marked);
    process_tree_free(&all);
    return own;
}

void processes_await_end(const struct process_tree *processes, int within_ms)
{
    int64_t deadline = house_now_ms() + within_ms;

    for (size_t i = 0; i < processes->count; i++) {
        while (same_lives(&processes->items[i])) {
            ck_assert_msg(house_now_ms() < deadline, "process %d outlives its daemon",
                          (int)processes->items[i].pid);
            pause_a_little();
        }
    }
}

/* --- roles ------------------------------------------------------------------------------------ */

static bool has_text(pid_t pid, const char *file, const char *searched)
{
    char *text = process_read(pid, file);
    bool has = strstr(text, searched) != NULL;

    free(text);
    return has;
}

/* Under valgrind the title is not in the command line, but in the environment. */
static bool has_title(pid_t pid, const char *title)
{
    char *variable = NULL;
    bool has = has_text(pid, "cmdline", title);

    if (!has && asprintf(&variable, "ASSENT_ROLE=%s", title) >= 0) {
        has = has_text(pid, "environ", variable);
        free(variable);
    }
    return has;
}

/* A zombie has no command line. */
static pid_t find_role(const struct house *house, const char *title)
{
    struct process_tree tree = house_processes(house);
    pid_t found = 0;

    for (size_t i = 0; i < tree.count && !found; i++) {
        if (tree.items[i].parent == house_pid(house) && has_title(tree.items[i].pid, title)) {
            found = tree.items[i].pid;
        }
    }
    process_tree_free(&tree);
    return found;
}

pid_t house_role(const struct house *house, const char *title)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    pid_t pid;

    while (!(pid = find_role(house, title))) {
        ck_assert_msg(house_now_ms() < deadline, "there is no %s", title);
        pause_a_little();
    }
    return pid;
}

bool house_has_role(const struct house *house, const char *title)
{
    return find_role(house, title) != 0;
}

pid_t house_next_role(const struct house *house, const char *title, pid_t old)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    pid_t pid;

    while ((pid = find_role(house, title)) == 0 || pid == old) {
        ck_assert_msg(house_now_ms() < deadline, "there is no new %s", title);
        pause_a_little();
    }
    return pid;
}

long house_status(const struct house *house, const char *title, const char *what)
{
    char *status = process_read(house_role(house, title), "status");
    const char *line = strstr(status, what);

    ck_assert_ptr_nonnull(line);
    long size = strtol(line + strlen(what), NULL, 10);

    free(status);
    return size;
}

long house_processor_ticks(const struct house *house, const char *title)
{
    char *stat = process_read(house_role(house, title), "stat");
    const char *rest = strrchr(stat, ')');
    long user;
    long system;

    ck_assert_ptr_nonnull(rest);
    /* proc_pid_stat(5): utime and stime are the fields 14 and 15, the name is the second. */
    ck_assert_int_eq(
        sscanf(rest + 1, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %ld %ld", &user, &system), 2);
    free(stat);
    return user + system;
}

pid_t house_kill_role(const struct house *house, const char *title)
{
    pid_t pid = house_role(house, title);

    (void)kill(pid, SIGKILL);
    process_await_end(pid);
    return pid;
}

void house_await_ready(const struct house *house)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    bool ready = false;

    while (!ready) {
        struct answer answer = house_control(house, "GET", "/readyz", NULL);

        ready = answer.status == 200;
        ck_assert_msg(ready || house_now_ms() < deadline, "never ready: %s", answer.body);
        answer_clear(&answer);
        if (!ready) {
            pause_a_little();
        }
    }
}

void house_await_health(const struct house *house, int status)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    int now = -1;

    while (now != status) {
        struct answer answer = house_public(house, "GET", "/healthz", NULL, NULL);

        now = answer.status;
        answer_clear(&answer);
        ck_assert_msg(now == status || house_now_ms() < deadline, "/healthz stays %d", now);
        if (now != status) {
            pause_a_little();
        }
    }
}

/* --- connections ------------------------------------------------------------------------------ */

static int count_connections(const char *path)
{
    FILE *file = fopen("/proc/net/unix", "re");
    char line[512];
    int count = 0;

    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file)) {
        unsigned state = 0;
        char name[256] = "";

        (void)sscanf(line, "%*s %*s %*s %*s %*s %x %*s %255s", &state, name);
        count += state == ACCEPTED && strcmp(name, path) == 0;
    }
    (void)fclose(file);
    return count;
}

void house_await_connections(const struct house *house, int count)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    while (count_connections(house_socket(house)) != count) {
        ck_assert_msg(house_now_ms() < deadline, "there never were %d connections", count);
        pause_a_little();
    }
}
