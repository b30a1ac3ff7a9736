#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assent/base/digest.h"
#include "assent/base/link_target.h"
#include "assent/base/text.h"
#include "assent/core/store_internal.h"

#define HEADER_SIZE 100
#define CANT_READ   "the database can't be read: %s"

static const struct database_query IDENTITY_ADD = {
    "identity_add", "INSERT INTO store (identity, last_request, last_job, last_event)"
                    " VALUES (?, 0, 0, 0)"};
static const struct database_query IDENTITY_GET = {
    "identity_get", "SELECT identity,"
                    " max(last_request, coalesce((SELECT max(number) FROM request), 0)),"
                    " max(last_job, coalesce((SELECT max(number) FROM job), 0)),"
                    " max(last_event, coalesce((SELECT max(sequence) FROM event), 0))"
                    " FROM store"};
static const struct database_query REQUEST_COUNTS = {
    "request_counts", "SELECT state, count(*) FROM request WHERE state <> 2 GROUP BY state"};
static const struct database_query UNDECIDED_COUNT = {
    "undecided_count", "SELECT count(*) FROM request INDEXED BY request_deadline WHERE state < 3"};
static const struct database_query JOB_COUNTS = {
    "job_counts", "SELECT state, count(*) FROM job WHERE state <> 2 GROUP BY state"};
static const struct database_query JOB_COUNT = {"job_count", "SELECT count(*) FROM job"};
static const struct database_query SERVICES = {
    "services", "SELECT number, name, (SELECT count(*) FROM early WHERE service = service.number)"
                " FROM service ORDER BY number"};

/* --- whose file it is ------------------------------------------------------------------------- */

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int judge_header(const unsigned char *header, ssize_t length, bool *ret_copied,
                        struct problem *ret_problem)
{
    if (length < HEADER_SIZE || memcmp(header, "SQLite format 3", 16) != 0) {
        problem_set(ret_problem, "this is no database; expected one that assentd made, or no file "
                                 "for it to make one. It was not touched");
        return -EINVAL;
    }
    uint32_t application = big_endian(header + STORE_APPLICATION_OFFSET);
    if (application != STORE_APPLICATION_ID) {
        problem_set(ret_problem,
                    "this is the database of another program (application id 0x%08x, expected "
                    "0x%08x). It was not touched",
                    application, STORE_APPLICATION_ID);
        return -EINVAL;
    }
    uint32_t version = big_endian(header + STORE_VERSION_OFFSET);
    *ret_copied = (version & STORE_COPIED) != 0;
    version &= ~(uint32_t)(STORE_COPIED | STORE_RESTORING);
    if (version != STORE_VERSION) {
        problem_set(ret_problem,
                    "this is a database of version %u, made by another version of assentd; this "
                    "one reads version %d. It was not touched",
                    version, STORE_VERSION);
        return -EINVAL;
    }
    return 0;
}

/* A disk that fails for a moment, or gives less than there is, says nothing about what is in the
 * file. */
static int inspect_header(int fd, off_t size, bool *ret_copied, struct problem *ret_problem)
{
    unsigned char header[HEADER_SIZE];
    ssize_t length = pread(fd, header, sizeof header, 0);
    if (length < HEADER_SIZE && length < size) {
        problem_set(ret_problem, CANT_READ, strerror(length < 0 ? errno : EIO));
        return -EIO;
    }
    return judge_header(header, length, ret_copied, ret_problem);
}

/* Looks with its own eyes before SQLite does, which would play back the journal of whatever it is.
 * Must not be called while this process has the database open: closing the file would drop its
 * locks. */
static int inspect(const char *path, bool *ret_exists, struct problem *ret_problem)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) {
        *ret_exists = false;
        return 0;
    }
    if (fd < 0 || fstat(fd, &status) != 0) {
        problem_set(ret_problem, CANT_READ, strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return -EIO;
    }
    int r = 0;
    bool copied = false;
    if (!S_ISREG(status.st_mode)) {
        problem_set(ret_problem, "this is no regular file; expected a database or no file");
        r = -EINVAL;
    } else if (status.st_size > 0) {
        r = inspect_header(fd, status.st_size, &copied, ret_problem);
    }
    (void)close(fd);
    if (r == 0 && copied) {
        r = store_restore_begin(path, ret_problem);
    }
    if (r == 0) {
        *ret_exists = status.st_size > 0;
    }
    return r;
}

/* An error that is the database's own says no more than that it has failed. */
static const char *reason_of(const struct database *database, int error)
{
    const char *failure = database_failure(database);
    return !failure ? strerror(-error) : failure;
}

/* --- making one ------------------------------------------------------------------------------- */

static void remove_with(const char *path, const char *suffix)
{
    char *name = store_path_with(path, suffix);
    if (name) {
        (void)unlink(name);
    }
    free(name);
}

/* A log without its database is all that is left of something: nobody but a person throws it
 * away. */
static int refuse_orphaned_log(const char *path, struct problem *ret_problem)
{
    const char *suffix = NULL;
    int found = store_find_log(path, &suffix, ret_problem);
    if (found == 1) {
        problem_set(ret_problem,
                    "there is no database, but the log of one beside it (its name and %s): put "
                    "the database back, or move the log away",
                    suffix);
    }
    return found == 1 ? -EINVAL : found;
}

static int open_directory_of(const char *path, int *ret_fd, struct problem *ret_problem)
{
    const char *slash = strrchr(path, '/');
    char *name = !slash          ? strdup(".")
                 : slash == path ? strdup("/")
                                 : strndup(path, (size_t)(slash - path));
    if (!name) {
        return -ENOMEM;
    }
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        problem_set(ret_problem,
                    "the directory %s can't be opened (%s); it must exist and belong to assentd",
                    name, strerror(errno));
    }
    free(name);
    if (fd < 0) {
        return -EIO;
    }
    *ret_fd = fd;
    return 0;
}

static int fill_new(struct database *database)
{
    unsigned char random[STORE_IDENTITY_SIZE / 2];
    char identity[STORE_IDENTITY_SIZE + 1];
    char pragmas[96];
    int r = digest_random(random, sizeof random);
    if (r != 0) {
        return r;
    }
    text_to_hex(random, sizeof random, identity);
    (void)snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   STORE_APPLICATION_ID, STORE_VERSION);
    (void)database_begin(database);
    (void)database_execute(database, "schema", STORE_SCHEMA);
    (void)database_execute(database, "versions", pragmas);
    struct database_statement *statement = database_query(database, &IDENTITY_ADD);
    database_bind_text(statement, identity);
    (void)database_run(statement);
    (void)database_commit(database);
    return database_checkpoint(database);
}

static int make_at(const char *path, struct problem *ret_problem)
{
    struct database *database = NULL;
    remove_with(path, "");
    remove_with(path, "-wal");
    int r = database_open(path, &database, ret_problem);
    if (r != 0) {
        return r;
    }
    r = fill_new(database);
    if (r != 0) {
        problem_set(ret_problem, "the database can't be made: %s", reason_of(database, r));
    }
    database_free(database);
    remove_with(path, "-wal");
    if (r != 0) {
        remove_with(path, "");
    }
    return r;
}

/* Makes it under another name, so that under its own there is either nothing or all of it. */
static int make(const char *path, struct problem *ret_problem)
{
    int directory = -1;
    char *temporary = store_path_with(path, ".new");
    int r = !temporary ? -ENOMEM : refuse_orphaned_log(path, ret_problem);
    if (r == 0) {
        r = open_directory_of(path, &directory, ret_problem);
    }
    if (r == 0) {
        r = make_at(temporary, ret_problem);
    }
    if (r == 0 && (rename(temporary, path) != 0 || fsync(directory) != 0)) {
        r = -EIO;
        problem_set(ret_problem, "the new database can't be put in its place: %s", strerror(errno));
    }
    if (directory >= 0) {
        (void)close(directory);
    }
    free(temporary);
    return r;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Writes what is in the log once more, as it is, and syncs it. If the process before this one left
 * after a sync that failed, the kernel believes these pages to be on disk, and they are not: a
 * checkpoint on top of them could not be repaired after a power cut. */
static int refresh_log(const char *path)
{
    static unsigned char piece[64 << 10];
    char *name = store_path_with(path, "-wal");
    if (!name) {
        return -ENOMEM;
    }
    int fd = open(name, O_RDWR | O_CLOEXEC);
    int r = fd >= 0 || errno == ENOENT ? 0 : -errno;
    free(name);
    if (fd < 0) {
        return r;
    }
    off_t offset = 0;
    ssize_t length = 0;
    while ((length = pread(fd, piece, sizeof piece, offset)) > 0) {
        if (pwrite(fd, piece, (size_t)length, offset) != length) {
            break;
        }
        offset += length;
    }
    if (length != 0 || fsync(fd) != 0) {
        r = -EIO;
    }
    (void)close(fd);
    return r;
}

/* So that the log is in its directory on disk before anything is in the log: SQLite asks for this
 * too, but does not look what became of it. */
static int sync_directory(const char *path, struct problem *ret_problem)
{
    int directory = -1;
    int r = open_directory_of(path, &directory, ret_problem);
    if (r != 0) {
        return r;
    }
    if (fsync(directory) != 0) {
        r = -EIO;
    }
    (void)close(directory);
    return r;
}

static int load_identity(struct store *store)
{
    struct database_statement *statement = database_query(store->database, &IDENTITY_GET);
    int step = database_step(statement);
    const char *identity = step == 1 ? database_text(statement) : NULL;
    bool valid = identity && strlen(identity) == STORE_IDENTITY_SIZE;
    if (valid) {
        memcpy(store->identity, identity, sizeof store->identity);
        store->last_request = database_integer(statement);
        store->last_job = database_integer(statement);
        store->last_event = database_integer(statement);
    }
    database_end(statement);
    return valid ? 0 : step < 0 ? step : -EIO;
}

static int load_counts(struct store *store, const struct database_query *query, int64_t *ret_counts,
                       int64_t count)
{
    struct database_statement *statement = database_query(store->database, query);
    int step = 0;
    while ((step = database_step(statement)) == 1) {
        int64_t state = database_integer(statement);
        if (state >= 0 && state < count) {
            ret_counts[state] = database_integer(statement);
        }
    }
    database_end(statement);
    return step;
}

/* What is in no index of states is what is left of all. */
static int load_all_counts(struct store *store)
{
    int64_t undecided = 0;
    int64_t jobs = 0;
    int r = load_counts(store, &REQUEST_COUNTS, store->request_counts, REQUEST_STATE_COUNT);
    if (r == 0) {
        r = load_counts(store, &JOB_COUNTS, store->job_counts, JOB_STATE_COUNT);
    }
    if (r == 0) {
        r = store_get_integer(database_query(store->database, &UNDECIDED_COUNT), &undecided);
    }
    if (r == 0) {
        r = store_get_integer(database_query(store->database, &JOB_COUNT), &jobs);
    }
    if (r != 0) {
        return r;
    }
    for (int state = 0; state < REQUEST_PENDING; state++) {
        undecided -= store->request_counts[state];
    }
    for (int state = 0; state < JOB_STATE_COUNT; state++) {
        jobs -= store->job_counts[state];
    }
    store->request_counts[REQUEST_PENDING] = undecided;
    store->job_counts[JOB_SUCCEEDED] = jobs;
    return 0;
}

static int load_services(struct store *store)
{
    struct database_statement *statement = database_query(store->database, &SERVICES);
    int step = 0;
    while ((step = database_step(statement)) == 1) {
        struct store_service service = {.number = database_integer(statement)};
        const char *name = database_text(statement);
        service.early = database_integer(statement);
        step = store_service_append(store, &service, name);
        if (step != 0) {
            break;
        }
    }
    database_end(statement);
    return step;
}

static int load(struct store *store)
{
    int r = load_identity(store);
    if (r == 0) {
        r = load_all_counts(store);
    }
    if (r == 0) {
        r = load_services(store);
    }
    return r;
}

static int open_existing(struct store *store, struct problem *ret_problem)
{
    int r = database_open(store->path, &store->database, ret_problem);
    if (r != 0) {
        return r;
    }
    r = refresh_log(store->path);
    if (r == 0) {
        r = database_checkpoint(store->database);
    }
    if (r == 0) {
        r = sync_directory(store->path, ret_problem);
    }
    if (r == 0) {
        r = load(store);
    }
    if (r == 0) {
        r = store_restore_end(store);
    }
    for (size_t i = 0; i < STORE_FILES && r == 0; i++) {
        store->places[i] = store_place_of(store, STORE_SUFFIXES[i]);
    }
    if (r != 0) {
        problem_set(ret_problem, "the database can't be read and brought up to date: %s",
                    reason_of(store->database, r));
    }
    return r;
}

static int open_at(char *path, struct store **ret_store, struct problem *ret_problem)
{
    bool exists = false;
    int r = inspect(path, &exists, ret_problem);
    if (r == 0 && !exists) {
        r = make(path, ret_problem);
    }
    struct store *store = r == 0 ? calloc(1, sizeof *store) : NULL;
    if (!store) {
        free(path);
        return r == 0 ? -ENOMEM : r;
    }
    store->path = path;
    store->is_new = !exists;
    r = open_existing(store, ret_problem);
    if (r != 0) {
        store_free(store);
        return r;
    }
    *ret_store = store;
    return 0;
}

int store_open(const char *path, struct store **ret_store, struct problem *ret_problem)
{
    char *own = link_target(path);
    problem_set(ret_problem, "there is no memory to open the database");
    return own ? open_at(own, ret_store, ret_problem) : -ENOMEM;
}

void store_free(struct store *store)
{
    if (!store) {
        return;
    }
    database_free(store->database);
    for (size_t i = 0; i < store->service_count; i++) {
        free(store->services[i].name);
    }
    free(store->services);
    free(store->path);
    free(store);
}
