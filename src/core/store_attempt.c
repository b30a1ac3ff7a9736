#include <errno.h>
#include <stdlib.h>

#include "assent/core/store_internal.h"

#define COLUMNS                                                                             \
    "job, item, n, executor, incarnation, started_at, ended_at, ending, exit_code, signal," \
    " http_status, error"

static const struct database_query START = {
    "attempt_start", "INSERT INTO attempt (" COLUMNS ")"
                     " VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, NULL) ON CONFLICT DO NOTHING"};
static const struct database_query FORGET = {
    "attempt_forget", "DELETE FROM attempt WHERE job = ? AND item = ? AND n = ?"};
static const struct database_query GET = {
    "attempt_get", "SELECT " COLUMNS " FROM attempt WHERE job = ? AND item = ? AND n = ?"};
static const struct database_query END = {
    "attempt_end", "UPDATE attempt SET started_at = ?, ended_at = ?, ending = ?, exit_code = ?,"
                   " signal = ?, http_status = ?, error = ?"
                   " WHERE job = ? AND item = ? AND n = ?"};
static const struct database_query RUNNING = {
    "attempt_running", "SELECT " COLUMNS " FROM attempt INDEXED BY attempt_running"
                       " WHERE ended_at = 0 AND executor = ? ORDER BY started_at, job, item, n"};
static const struct database_query LIST = {
    "attempt_list", "SELECT " COLUMNS " FROM attempt WHERE job = ? AND item = ? ORDER BY n"};
static const struct database_query OUTPUT_SET = {
    "output_set", "INSERT OR REPLACE INTO output (job, item, n, out_head, out_tail, out_dropped,"
                  " err_head, err_tail, err_dropped) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"};
static const struct database_query OUTPUT_GET = {
    "output_get", "SELECT out_head, out_tail, out_dropped, err_head, err_tail, err_dropped"
                  " FROM output WHERE job = ? AND item = ? AND n = ?"};

/* --- rows ------------------------------------------------------------------------------------- */

/* The text is borrowed from the row. */
static void read_row(struct database_statement *statement, struct store_attempt *row)
{
    row->job = database_integer(statement);
    row->item = database_integer(statement);
    row->n = (uint32_t)database_integer(statement);
    row->executor = (enum store_executor)database_integer(statement);
    database_fixed_blob(statement, row->incarnation, sizeof row->incarnation);
    row->started_at = database_integer(statement);
    row->ended_at = database_integer(statement);
    row->ending = (enum protocol_ending)database_integer(statement);
    row->exit_code = (int32_t)database_integer(statement);
    row->signal = (int32_t)database_integer(statement);
    row->http_status = (int32_t)database_integer(statement);
    row->error = (char *)database_text(statement);
}

static int own_row(struct store_attempt *row)
{
    char **const texts[] = {&row->error};
    return store_own_texts(texts, sizeof texts / sizeof *texts);
}

void store_attempt_free(struct store_attempt *attempt)
{
    if (!attempt) {
        return;
    }
    free(attempt->error);
    attempt->error = NULL;
}

static void bind_key(struct database_statement *statement, int64_t job, int64_t item, uint32_t n)
{
    database_bind_integer(statement, job);
    database_bind_integer(statement, item);
    database_bind_integer(statement, n);
}

/* --- one attempt ------------------------------------------------------------------------------ */

int store_attempt_start(struct store *store, const struct store_attempt *attempt)
{
    struct database_statement *statement = database_query(store->database, &START);
    bind_key(statement, attempt->job, attempt->item, attempt->n);
    database_bind_integer(statement, attempt->executor);
    database_bind_blob(statement, attempt->incarnation, sizeof attempt->incarnation);
    database_bind_integer(statement, attempt->started_at);
    return store_run_one(store, statement, -EEXIST);
}

int store_attempt_forget(struct store *store, int64_t job, int64_t item, uint32_t n)
{
    struct database_statement *statement = database_query(store->database, &FORGET);
    bind_key(statement, job, item, n);
    return store_run_one(store, statement, -ENOENT);
}

int store_attempt_get(struct store *store, int64_t job, int64_t item, uint32_t n,
                      struct store_attempt *ret_attempt)
{
    struct store_attempt row;
    struct database_statement *statement = database_query(store->database, &GET);
    bind_key(statement, job, item, n);
    int r = database_step(statement);
    if (r == 0) {
        r = -ENOENT;
    }
    if (r == 1) {
        read_row(statement, &row);
        r = database_error(store->database);
        if (r == 0) {
            r = own_row(&row);
        }
        if (r == 0) {
            *ret_attempt = row;
        }
    }
    database_end(statement);
    return r;
}

static void bind_output(struct database_statement *statement, const struct protocol_output *output)
{
    static const struct protocol_output nothing = {.head = NULL};
    const struct protocol_output *bound = !output ? &nothing : output;
    database_bind_blob(statement, bound->head, bound->head_length);
    database_bind_blob(statement, bound->tail, bound->tail_length);
    database_bind_integer(statement, (int64_t)bound->dropped);
}

int store_attempt_end(struct store *store, const struct store_attempt *attempt,
                      const struct protocol_output *standard_output,
                      const struct protocol_output *standard_error)
{
    struct database_statement *statement = database_query(store->database, &END);
    database_bind_integer(statement, attempt->started_at);
    database_bind_integer(statement, attempt->ended_at);
    database_bind_integer(statement, attempt->ending);
    database_bind_integer(statement, attempt->exit_code);
    database_bind_integer(statement, attempt->signal);
    database_bind_integer(statement, attempt->http_status);
    database_bind_text(statement, attempt->error);
    bind_key(statement, attempt->job, attempt->item, attempt->n);
    int r = store_run_one(store, statement, -ENOENT);
    if (r != 0 || (!standard_output && !standard_error)) {
        return r;
    }

    statement = database_query(store->database, &OUTPUT_SET);
    bind_key(statement, attempt->job, attempt->item, attempt->n);
    bind_output(statement, standard_output);
    bind_output(statement, standard_error);
    return database_run(statement);
}

static void read_output(struct database_statement *statement, struct protocol_output *output)
{
    output->head = database_blob(statement, &output->head_length);
    output->tail = database_blob(statement, &output->tail_length);
    output->dropped = (uint64_t)database_integer(statement);
}

int store_output_get(struct store *store, int64_t job, int64_t item, uint32_t n,
                     int (*each)(void *userdata, const struct protocol_output *standard_output,
                                 const struct protocol_output *standard_error),
                     void *userdata)
{
    struct database_statement *statement = database_query(store->database, &OUTPUT_GET);
    bind_key(statement, job, item, n);
    int r = database_step(statement);
    if (r == 0) {
        r = -ENOENT;
    }
    if (r == 1) {
        struct protocol_output standard_output;
        struct protocol_output standard_error;
        read_output(statement, &standard_output);
        read_output(statement, &standard_error);
        r = each(userdata, &standard_output, &standard_error);
    }
    database_end(statement);
    return r;
}

/* --- many attempts ---------------------------------------------------------------------------- */

struct attempts {
    struct store_attempt *items;
    size_t count;
    size_t capacity;
};

static int keep_row(struct attempts *attempts, struct store_attempt *row)
{
    if (attempts->count == attempts->capacity) {
        size_t capacity = attempts->capacity == 0 ? 16 : 2 * attempts->capacity;
        struct store_attempt *items = reallocarray(attempts->items, capacity, sizeof *items);
        if (!items) {
            return -ENOMEM;
        }
        attempts->items = items;
        attempts->capacity = capacity;
    }
    int r = own_row(row);
    if (r == 0) {
        attempts->items[attempts->count++] = *row;
    }
    return r;
}

/* Ends the statement. Copies all rows first, so that `each` may change what they were read from. */
static int tell_rows(struct store *store, struct database_statement *statement,
                     int (*each)(void *userdata, const struct store_attempt *attempt),
                     void *userdata)
{
    struct attempts attempts = {0};
    int r = 0;
    while ((r = database_step(statement)) == 1) {
        struct store_attempt row;
        read_row(statement, &row);
        r = database_error(store->database);
        if (r == 0) {
            r = keep_row(&attempts, &row);
        }
        if (r != 0) {
            break;
        }
    }
    database_end(statement);
    for (size_t i = 0; i < attempts.count && r >= 0; i++) {
        r = each(userdata, &attempts.items[i]);
    }
    for (size_t i = 0; i < attempts.count; i++) {
        store_attempt_free(&attempts.items[i]);
    }
    free(attempts.items);
    return r < 0 ? r : 0;
}

int store_attempt_running(struct store *store, enum store_executor executor,
                          int (*each)(void *userdata, const struct store_attempt *attempt),
                          void *userdata)
{
    struct database_statement *statement = database_query(store->database, &RUNNING);
    database_bind_integer(statement, executor);
    return tell_rows(store, statement, each, userdata);
}

int store_attempt_list(struct store *store, int64_t job, int64_t item,
                       int (*each)(void *userdata, const struct store_attempt *attempt),
                       void *userdata)
{
    struct database_statement *statement = database_query(store->database, &LIST);
    database_bind_integer(statement, job);
    database_bind_integer(statement, item);
    return tell_rows(store, statement, each, userdata);
}
