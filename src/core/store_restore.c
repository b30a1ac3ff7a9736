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
    if (found == 1)
        problem_set(ret_problem,
                    "this is a backup, and the log of another database lies beside it (its name "
                    "and %s), which would spoil it: move that away. Nothing was touched",
                    suffix);
    return found == 1 ? -EINVAL : found;
}

/* From here on a log is its own. */
static int note_beginning(const char *path)
{
    unsigned char version[4];
    store_encode_version(STORE_VERSION | STORE_RESTORING, version);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = 0;
    if (pwrite(fd, version, sizeof version, STORE_VERSION_OFFSET) != sizeof version ||
        fsync(fd) != 0)
        error = -EIO;
    (void)close(fd);
    return error;
}

int store_restore_begin(const char *path, struct problem *ret_problem)
{
    int error = refuse_other_log(path, ret_problem);
    if (error != 0)
        return error;
    error = note_beginning(path);
    if (error != 0)
        problem_set(ret_problem, "this backup can't be put into use: %s; it must belong to assentd",
                    strerror(-error));
    return error == 0 ? 0 : -EIO;
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
    int error = note(store, pause.since, "store.restored", NULL);
    if (error == 0)
        error = store_pause_add(store, &pause);
    if (error == 0)
        error = note(store, pause.since, "queue.paused", "{\"by\":\"" WHO "\"}");
    return error == -EEXIST ? 0 : error;
}

int store_restore_end(struct store *store)
{
    int64_t version = 0;
    int error = store_get_integer(database_query(store->database, &VERSION_GET), &version);
    if (error != 0 || (version & STORE_RESTORING) == 0)
        return error;
    error = store_begin(store);
    if (error == 0)
        error = pause_all(store);
    if (error == 0)
        error = database_execute(store->database, "version_set", VERSION_SET);
    if (error == 0)
        error = store_commit(store);
    store->is_restored = error == 0;
    return error;
}
