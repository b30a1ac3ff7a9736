#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "assent/core/store_internal.h"

#define WHO "restore"

static const struct database_query VERSION_GET = {"version_get", "PRAGMA user_version"};
#define STRINGIFY(value) #value
#define NUMBER(value)    STRINGIFY(value)
#define VERSION_SET      "PRAGMA user_version = " NUMBER(STORE_VERSION)

/* SQLite would play any log that lies there into the copy, and that of what it takes the place of lies
 * there where assentd was killed. */
static int refuse_other_log(const char *path, struct problem *ret_problem)
{
    const char *suffix = NULL;
    int found = store_find_log(path, &suffix, ret_problem);
    if (found == 1) {
        problem_set(ret_problem,
                    "this is a backup, and the log of another database lies beside it (its name "
                    "and %s), which would spoil it: move that away. Nothing was touched",
                    suffix);
    }
    return found == 1 ? -EINVAL : found;
}

/* From here on a log is its own. */
static int note_beginning(const char *path)
{
    unsigned char version[4];
    store_encode_version(STORE_VERSION | STORE_RESTORING, version);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int r = 0;
    if (pwrite(fd, version, sizeof version, STORE_VERSION_OFFSET) != sizeof version ||
        fsync(fd) != 0) {
        r = -EIO;
    }
    (void)close(fd);
    return r;
}

int store_restore_begin(const char *path, struct problem *ret_problem)
{
    int r = refuse_other_log(path, ret_problem);
    if (r != 0) {
        return r;
    }
    r = note_beginning(path);
    if (r != 0) {
        problem_set(ret_problem, "this backup can't be put into use: %s; it must belong to assentd",
                    strerror(-r));
    }
    return r == 0 ? 0 : -EIO;
}

static int note(struct store *store, int64_t now, const char *kind, const char *details)
{
    const struct store_event event = {.at = now, .kind = kind, .details = details};
    return store_event_add(store, &event);
}

/* What ran after the copy was made is not known here, and would run again. */
static int pause_all(struct store *store)
{
    const struct store_pause pause = {.hook = "", .since = clock_now_ms(), .who = WHO};
    int r = note(store, pause.since, "store.restored", NULL);
    if (r == 0) {
        r = store_pause_add(store, &pause);
    }
    if (r == 0) {
        r = note(store, pause.since, "queue.paused", "{\"by\":\"" WHO "\"}");
    }
    return r == -EEXIST ? 0 : r;
}

int store_restore_end(struct store *store)
{
    int64_t version = 0;
    int r = store_get_integer(database_query(store->database, &VERSION_GET), &version);
    if (r != 0 || (version & STORE_RESTORING) == 0) {
        return r;
    }
    r = store_begin(store);
    if (r == 0) {
        r = pause_all(store);
    }
    if (r == 0) {
        r = database_execute(store->database, "version_set", VERSION_SET);
    }
    if (r == 0) {
        r = store_commit(store);
    }
    store->is_restored = r == 0;
    return r;
}
