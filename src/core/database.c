#include "assent/core/database.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assent/base/log.h"
#include "assent/core/database_vfs.h"
#include "assent/core/syncer.h"

/* Slots of the table of prepared statements: a power of two, well over the count of queries. */
#define STATEMENT_SLOTS 256
/* Pages kept in memory, in KiB; pages in the log that start a checkpoint: SQLite finds up to 4,062 of
 * them by one table, and looks through another for more; bytes that the log's file keeps after one, a
 * little more than that, so that it is seldom cut. Bytes of the database that are read where the kernel
 * has them, without a copy: ids come in no order, so looking one up seldom finds its page among those
 * that are kept. They are never written so. Where the disk can't read one the process dies of SIGBUS, as
 * it ends of any error. */
#define CACHE_KIB    6144
#define MAPPED_BYTES 1073741824
#ifndef CHECKPOINT_PAGES
#define CHECKPOINT_PAGES 3600
#endif
#define LOG_LIMIT 16777216

struct database_statement {
    struct database *database;
    const struct database_query *query;
    sqlite3_stmt *handle; /* NULL once the database has failed */
    int parameter;        /* bound so far */
    int column;           /* read so far */
    bool in_use;
    bool temporary; /* its slot was in use */
};

struct database {
    sqlite3 *connection;
    struct syncer *syncer; /* NULL: every commit waits for the disk */
    int error;
    const char *failure;              /* the error in words */
    int changes_before;               /* the open transaction */
    struct database_statement failed; /* what is given out after a failure */
    struct database_statement slots[STATEMENT_SLOTS];
};

static const struct database_query BEGIN = {"begin", "BEGIN IMMEDIATE"};
static const struct database_query COMMIT = {"commit", "COMMIT"};
static const struct database_query CHECKPOINT = {"checkpoint", "PRAGMA wal_checkpoint(TRUNCATE)"};

static sqlite3_file *log_of(sqlite3 *connection)
{
    sqlite3_file *file = NULL;
    (void)sqlite3_file_control(connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
    return file;
}

static sqlite3_file *file_of(sqlite3 *connection)
{
    sqlite3_file *file = NULL;
    (void)sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    return file;
}

static int last_error_of(sqlite3_file *file)
{
    int number = 0;
    if (file && file->pMethods) {
        (void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number);
    }
    return number;
}

/* What the system said, of which SQLite tells apart but ENOSPC; NULL where that is not known. */
static const char *reason_of(sqlite3 *connection)
{
    int kind = sqlite3_extended_errcode(connection) & 0xff;
    int number = 0;
    if (kind == SQLITE_CANTOPEN) {
        number = sqlite3_system_errno(connection);
    }
    if (kind == SQLITE_IOERR) {
        number = last_error_of(log_of(connection));
    }
    if (kind == SQLITE_IOERR && number == 0) {
        number = last_error_of(file_of(connection));
    }
    return number == 0 ? NULL : strerror(number);
}

/* What the held lines of the log tell may never come to be on disk: they are forgotten first. */
static void fail_because(struct database *database, const char *name, int code, const char *reason)
{
    if (database->error != 0) {
        return;
    }
    database->error = code == SQLITE_NOMEM ? -ENOMEM : -EIO;
    database->failure = !reason ? sqlite3_errstr(code) : reason;
    int known = sqlite3_extended_errcode(database->connection);
    log_discard();
    log_event(LOG_LEVEL_ERROR,
              "the store has failed; whether its last writes are on disk is unknown", "statement",
              name, "error",
              known == SQLITE_OK ? sqlite3_errstr(code) : sqlite3_errmsg(database->connection),
              "kind", sqlite3_errstr(known == SQLITE_OK ? code : known), "system", reason, NULL);
}

static void database_fail(struct database *database, const char *name, int code)
{
    fail_because(database, name, code, reason_of(database->connection));
}

/* Called after each commit with the length of the log. SQLite's own way would go on after a sync
 * that failed and try it again; a disk that is full only leaves the log as long as it is. */
static int on_log_length(void *userdata, sqlite3 *connection, const char *name, int pages)
{
    struct database *database = userdata;
    if (pages < CHECKPOINT_PAGES) {
        return SQLITE_OK;
    }
    int code = sqlite3_wal_checkpoint_v2(connection, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_FULL && (code & 0xff) != SQLITE_BUSY) {
        database_fail(database, "checkpoint of a long log", code & 0xff);
    }
    return SQLITE_OK;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* One thread, no shared caches, no counting of memory: nothing in SQLite takes a lock. Refused with
 * SQLITE_MISUSE where this process has used SQLite before, which is as good. */
static void configure_library(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* A file that someone prepared can't make this process run anything. */
static int harden(sqlite3 *connection)
{
    static const struct {
        int option;
        int value;
    } settings[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        int code = sqlite3_db_config(connection, settings[i].option, settings[i].value, NULL);
        if (code != SQLITE_OK) {
            return code;
        }
    }
    return SQLITE_OK;
}

/* Runs a pragma whose answer must be `expected`; NULL takes any. */
static int set_pragma(sqlite3 *connection, const char *sql, const char *expected)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, sql, -1, &statement, NULL);
    if (code != SQLITE_OK) {
        return code;
    }
    bool met = !expected;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        if (expected && text && strcmp(text, expected) == 0) {
            met = true;
        }
    }
    (void)sqlite3_finalize(statement);
    if (code != SQLITE_DONE) {
        return code;
    }
    return met ? SQLITE_OK : SQLITE_ERROR;
}

#define STRINGIFY(value) #value
#define NUMBER(value)    STRINGIFY(value)

/* Exclusive locking comes before the first access, so that there never is a shared memory file. */
static int set_pragmas(sqlite3 *connection, const char **ret_failed)
{
    static const struct {
        const char *sql;
        const char *expected;
    } pragmas[] = {
        {"PRAGMA locking_mode = EXCLUSIVE", "exclusive"},
        {"PRAGMA temp_store = MEMORY", NULL},
        {"PRAGMA cache_size = -" NUMBER(CACHE_KIB), NULL},
        {"PRAGMA mmap_size = " NUMBER(MAPPED_BYTES), NULL},
        {"PRAGMA journal_mode = WAL", "wal"},
        {"PRAGMA synchronous = FULL", NULL},
        {"PRAGMA journal_size_limit = " NUMBER(LOG_LIMIT), NUMBER(LOG_LIMIT)},
        {"PRAGMA synchronous", "2"},
        {"PRAGMA locking_mode", "exclusive"},
        {"PRAGMA journal_mode", "wal"},
    };
    for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas; i++) {
        int code = set_pragma(connection, pragmas[i].sql, pragmas[i].expected);
        if (code != SQLITE_OK) {
            *ret_failed = pragmas[i].sql;
            return code;
        }
    }
    return SQLITE_OK;
}

static int connect_to(struct database *database, const char *path, struct problem *ret_problem)
{
    const char *step = "opening it";
    int code = sqlite3_open_v2(path, &database->connection,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                   SQLITE_OPEN_EXRESCODE,
                               database_vfs_name());
    if (code == SQLITE_OK) {
        step = "restricting what it may hold";
        code = harden(database->connection);
    }
    if (code == SQLITE_OK) {
        code = set_pragmas(database->connection, &step);
    }
    const char *reason = reason_of(database->connection);
    switch (code & 0xff) {
    case SQLITE_OK:
        return 0;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        problem_set(ret_problem, "another process has the database open; end it first");
        return -EBUSY;
    case SQLITE_NOMEM:
        problem_set(ret_problem, "there is no memory to open the database");
        return -ENOMEM;
    default:
        problem_set(ret_problem, "the database can't be opened: %s (%s)%s%s", sqlite3_errstr(code),
                    step, !reason ? "" : ": ", !reason ? "" : reason);
        return -EIO;
    }
}

int database_open(const char *path, struct database **ret_database, struct problem *ret_problem)
{
    struct database *database = calloc(1, sizeof *database);
    if (!database) {
        problem_set(ret_problem, "there is no memory to open the database");
        return -ENOMEM;
    }
    database->failed.database = database;
    configure_library();
    mode_t mask = umask(077);
    int r = connect_to(database, path, ret_problem);
    (void)umask(mask);
    if (r != 0) {
        database->error = r;
        database_free(database);
        return r;
    }
    (void)sqlite3_wal_hook(database->connection, on_log_length, database);
    *ret_database = database;
    return 0;
}

void database_free(struct database *database)
{
    if (!database) {
        return;
    }
    (void)database_await_sync(database);
    syncer_free(database->syncer);
    for (size_t i = 0; i < STATEMENT_SLOTS; i++) {
        (void)sqlite3_finalize(database->slots[i].handle);
    }
    /* Closing would sync again what could not be synced. The next start looks what is there. */
    if (database->error != 0) {
        (void)sqlite3_db_config(database->connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    (void)sqlite3_close(database->connection);
    free(database);
}

int database_error(const struct database *database)
{
    return database->error;
}

const char *database_failure(const struct database *database)
{
    return database->failure;
}

/* --- transactions ----------------------------------------------------------------------------- */

int database_execute(struct database *database, const char *name, const char *sql)
{
    if (database->error != 0) {
        return database->error;
    }
    int code = sqlite3_exec(database->connection, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        database_fail(database, name, code);
    }
    return database->error;
}

int database_checkpoint(struct database *database)
{
    struct database_statement *statement = database_query(database, &CHECKPOINT);
    bool done = false;
    if (database_step(statement) == 1) {
        int64_t busy = database_integer(statement);
        int64_t frames = database_integer(statement);
        int64_t copied = database_integer(statement);
        done = busy == 0 && frames >= 0 && frames == copied;
    }
    database_end(statement);
    if (!done) {
        database_fail(database, CHECKPOINT.name, SQLITE_BUSY);
    }
    return database->error;
}

int database_settle(struct database *database)
{
    int frames = 0;
    int copied = 0;
    if (database_await_sync(database) != 0) {
        return database->error;
    }
    int code = sqlite3_wal_checkpoint_v2(database->connection, "main", SQLITE_CHECKPOINT_PASSIVE,
                                         &frames, &copied);
    if ((code & 0xff) == SQLITE_FULL) {
        return -ENOSPC;
    }
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY && (code & 0xff) != SQLITE_LOCKED) {
        database_fail(database, "checkpoint for a copy", code & 0xff);
    } else if (code != SQLITE_OK || frames < 0 || frames != copied) {
        return -EBUSY;
    }
    return database->error;
}

struct sqlite3_file *database_file(struct database *database)
{
    return file_of(database->connection);
}

int database_begin(struct database *database)
{
    database->changes_before = sqlite3_total_changes(database->connection);
    return database_run(database_query(database, &BEGIN));
}

int database_commit(struct database *database)
{
    int r = database_await_sync(database);
    if (r == 0) {
        r = database_run(database_query(database, &COMMIT));
    }
    return r != 0 ? r : database->error;
}

int database_sync_apart(struct database *database, int *ret_fd)
{
    const char *path = sqlite3_filename_wal(sqlite3_db_filename(database->connection, "main"));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int r = syncer_new(fd, &database->syncer);
    (void)close(fd);
    if (r == 0) {
        *ret_fd = syncer_fd(database->syncer);
    }
    return r;
}

int database_begin_commit(struct database *database)
{
    int r = database_await_sync(database);
    if (r == 0 && database->syncer) {
        database_vfs_leave_sync(log_of(database->connection));
    }
    if (r == 0) {
        r = database_run(database_query(database, &COMMIT));
    }
    if (r == 0 && database->syncer && database_vfs_take_owed_sync(log_of(database->connection)) &&
        syncer_begin(database->syncer) != 0) {
        database_fail(database, "sync of a commit", SQLITE_IOERR);
    }
    return r != 0 ? r : database->error;
}

bool database_is_syncing(const struct database *database)
{
    return database->syncer && syncer_is_busy(database->syncer);
}

bool database_has_synced(const struct database *database)
{
    return database->syncer && syncer_has_ended(database->syncer);
}

int database_await_sync(struct database *database)
{
    int r = database_is_syncing(database) ? syncer_await(database->syncer) : 0;
    if (r != 0) {
        fail_because(database, "sync of a commit", SQLITE_IOERR_FSYNC, strerror(-r));
    }
    return database->error;
}

bool database_in_transaction(const struct database *database)
{
    return sqlite3_get_autocommit(database->connection) == 0;
}

bool database_has_changed(const struct database *database)
{
    return sqlite3_total_changes(database->connection) != database->changes_before;
}

/* --- statements ------------------------------------------------------------------------------- */

/* The slot of this query, or the free one where it belongs. */
static struct database_statement *find_slot(struct database *database,
                                            const struct database_query *query)
{
    size_t slot = (size_t)(((uintptr_t)query >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    for (size_t i = 0; i < STATEMENT_SLOTS; i++, slot++) {
        struct database_statement *statement = &database->slots[slot % STATEMENT_SLOTS];
        if (statement->query == query || !statement->query) {
            return statement;
        }
    }
    assert(!"more queries than STATEMENT_SLOTS");
    return NULL;
}

/* A callback that is lent a row may well begin the same query again. */
static struct database_statement *second_use(struct database *database)
{
    struct database_statement *statement = calloc(1, sizeof *statement);
    if (!statement) {
        database_fail(database, "second use of a statement", SQLITE_NOMEM);
        return &database->failed;
    }
    statement->temporary = true;
    return statement;
}

struct database_statement *database_query(struct database *database,
                                          const struct database_query *query)
{
    if (database->error != 0) {
        return &database->failed;
    }
    struct database_statement *statement = find_slot(database, query);
    if (statement->in_use) {
        statement = second_use(database);
    }
    if (!statement->handle && database->error == 0) {
        statement->database = database;
        statement->query = query;
        int code = sqlite3_prepare_v3(database->connection, query->sql, -1,
                                      SQLITE_PREPARE_PERSISTENT, &statement->handle, NULL);
        if (code != SQLITE_OK) {
            database_fail(database, query->name, code);
        }
    }
    statement->in_use = true;
    statement->parameter = 0;
    return statement;
}

static void check_bind(struct database_statement *statement, int code)
{
    if (code != SQLITE_OK) {
        database_fail(statement->database, statement->query->name, code);
    }
}

void database_bind_integer(struct database_statement *statement, int64_t value)
{
    if (statement->handle) {
        check_bind(statement, sqlite3_bind_int64(statement->handle, ++statement->parameter, value));
    }
}

void database_bind_characters(struct database_statement *statement, const char *text, size_t length)
{
    if (!statement->handle) {
        return;
    }
    check_bind(statement, sqlite3_bind_text64(statement->handle, ++statement->parameter, text,
                                              length, SQLITE_STATIC, SQLITE_UTF8));
}

void database_bind_text(struct database_statement *statement, const char *text)
{
    database_bind_characters(statement, text, !text ? 0 : strlen(text));
}

void database_bind_blob(struct database_statement *statement, const void *bytes, size_t length)
{
    if (statement->handle) {
        check_bind(statement, sqlite3_bind_blob64(statement->handle, ++statement->parameter, bytes,
                                                  length, SQLITE_STATIC));
    }
}

int database_step(struct database_statement *statement)
{
    struct database *database = statement->database;
    if (database->error != 0) {
        return database->error;
    }
    assert(statement->parameter == sqlite3_bind_parameter_count(statement->handle));
    statement->column = 0;
    int code = sqlite3_step(statement->handle);
    if (code == SQLITE_ROW) {
        return 1;
    }
    if (code == SQLITE_DONE) {
        return 0;
    }
    database_fail(database, statement->query->name, code & 0xff);
    return database->error;
}

int64_t database_integer(struct database_statement *statement)
{
    return sqlite3_column_int64(statement->handle, statement->column++);
}

const char *database_text(struct database_statement *statement)
{
    return (const char *)sqlite3_column_text(statement->handle, statement->column++);
}

const void *database_blob(struct database_statement *statement, size_t *ret_length)
{
    const void *bytes = sqlite3_column_blob(statement->handle, statement->column);
    *ret_length = (size_t)sqlite3_column_bytes(statement->handle, statement->column++);
    return bytes;
}

void database_fixed_blob(struct database_statement *statement, void *ret_bytes, size_t length)
{
    size_t stored = 0;
    const void *bytes = database_blob(statement, &stored);
    if (stored == length) {
        memcpy(ret_bytes, bytes, length);
    } else {
        database_fail(statement->database, statement->query->name, SQLITE_CORRUPT);
    }
}

void database_end(struct database_statement *statement)
{
    if (statement == &statement->database->failed) {
        return;
    }
    if (statement->temporary) {
        (void)sqlite3_finalize(statement->handle);
        free(statement);
        return;
    }
    (void)sqlite3_reset(statement->handle);
    statement->in_use = false;
}

int database_run(struct database_statement *statement)
{
    int step = database_step(statement);
    assert(step <= 0);
    database_end(statement);
    return step;
}

static int copy_blob(sqlite3_blob *blob, char **ret_text)
{
    size_t length = (size_t)sqlite3_blob_bytes(blob);
    char *text = malloc(length + 1);
    if (!text) {
        return SQLITE_NOMEM;
    }
    int code = sqlite3_blob_read(blob, text, (int)length, 0);
    if (code != SQLITE_OK) {
        free(text);
        return code;
    }
    text[length] = '\0';
    *ret_text = text;
    return SQLITE_OK;
}

int database_copy_long_text(struct database *database, const char *table, const char *column,
                            int64_t row, char **ret_text)
{
    if (database->error != 0) {
        return database->error;
    }
    sqlite3_blob *blob = NULL;
    int code = sqlite3_blob_open(database->connection, "main", table, column, row, 0, &blob);
    if (code == SQLITE_OK) {
        code = copy_blob(blob, ret_text);
    }
    (void)sqlite3_blob_close(blob);
    if (code != SQLITE_OK) {
        database_fail(database, table, code & 0xff);
    }
    return database->error;
}

int database_changes(const struct database *database)
{
    return sqlite3_changes(database->connection);
}
