#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/core/store_internal.h"

#define COLUMNS                                                                             \
    "job, number, state, attempt, tries, retries, not_before, started_at, ended_at, error," \
    " value"

static const struct database_query BEGIN = {
    "fanout_begin",
    "INSERT INTO fanout (job, total, added, running, succeeded, failed, interrupted)"
    " VALUES (?, ?, 0, 0, 0, 0, 0)"};
static const struct database_query CONTEXT_SET = {
    "fanout_context_set", "INSERT INTO fanout_context (job, json) VALUES (?, ?)"};
static const struct database_query CONTEXT_GET = {"fanout_context_get",
                                                  "SELECT json FROM fanout_context WHERE job = ?"};
static const struct database_query FANOUT = {
    "fanout_get", "SELECT job, total, added, running, succeeded, failed, interrupted FROM fanout"
                  " WHERE job = ?"};
static const struct database_query GROW = {"fanout_grow",
                                           "UPDATE fanout SET added = added + ? WHERE job = ?"};
/* Each of the counted states is added to and taken from by the comparison's 0 or 1. */
static const struct database_query COUNT = {
    "fanout_count", "UPDATE fanout SET running = running + (?2 = 1) - (?1 = 1),"
                    " succeeded = succeeded + (?2 = 2) - (?1 = 2),"
                    " failed = failed + (?2 = 3) - (?1 = 3),"
                    " interrupted = interrupted + (?2 = 4) - (?1 = 4) WHERE job = ?3"};
/* What is no row yet, and has failed with the rest, is not added any more: it would be counted twice. */
static const struct database_query FAIL_LEFT = {
    "fanout_fail_left", "UPDATE fanout SET failed = total - running - succeeded - interrupted,"
                        " added = total WHERE job = ?"};
/* But by a retry it is. */
static const struct database_query RETRY_COUNT = {
    "fanout_retry", "UPDATE fanout SET failed = 0, interrupted = 0,"
                    " added = (SELECT ifnull(max(number) + 1, 0) FROM item WHERE job = ?1)"
                    " WHERE job = ?1"};

static const struct database_query ADD = {
    "item_add", "INSERT INTO item (" COLUMNS ") VALUES (?, ?, 0, 0, 0, 0, 0, 0, 0, NULL, ?)"};
static const struct database_query GET = {"item_get", "SELECT " COLUMNS
                                                      " FROM item WHERE job = ? AND number = ?"};
static const struct database_query STATE = {"item_state",
                                            "SELECT state FROM item WHERE job = ? AND number = ?"};
static const struct database_query UPDATE = {
    "item_update", "UPDATE item SET state = ?, attempt = ?, tries = ?, retries = ?, not_before = ?,"
                   " started_at = ?, ended_at = ?, error = ? WHERE job = ? AND number = ?"};
static const struct database_query NEXT_DUE = {
    "item_next_due", "SELECT " COLUMNS " FROM item INDEXED BY item_queued"
                     " WHERE state = 0 AND job = ? AND not_before > 0 AND not_before <= ?"
                     " ORDER BY not_before, number LIMIT 1"};
static const struct database_query NEXT_NEW = {
    "item_next_new", "SELECT " COLUMNS " FROM item INDEXED BY item_queued"
                     " WHERE state = 0 AND job = ? AND not_before = 0 ORDER BY number LIMIT 1"};
static const struct database_query NEXT_START = {
    "item_next_start", "SELECT not_before FROM item INDEXED BY item_later"
                       " WHERE state = 0 AND not_before > 0 AND not_before > ?"
                       " ORDER BY not_before LIMIT 1"};
static const struct database_query LIST = {
    "item_list", "SELECT " COLUMNS " FROM item WHERE job = ?1 AND number > ?2"
                 " AND (?3 < 0 OR state = ?3) ORDER BY number LIMIT ?4"};
static const struct database_query LIST_STATE = {
    "item_list_state", "SELECT " COLUMNS " FROM item INDEXED BY item_state WHERE job = ?1"
                       " AND number > ?2 AND state = ?3 AND state <> 0 AND state <> 2"
                       " ORDER BY number LIMIT ?4"};
static const struct database_query RETRY = {
    "item_retry", "UPDATE item SET state = 0, tries = 0, retries = 0, not_before = 0"
                  " WHERE job = ? AND state IN (3, 4)"};
static const struct database_query FAIL_QUEUED = {
    "item_fail_queued", "UPDATE item SET state = 3, error = ?2 WHERE job = ?1 AND state = 0"};

_Static_assert(JOB_RUNNING == 1 && JOB_SUCCEEDED == 2 && JOB_FAILED == 3 && JOB_INTERRUPTED == 4,
               "what the statements know of states");

/* --- fan-outs --------------------------------------------------------------------------------- */

int store_fanout_begin(struct store *store, int64_t job, int64_t total, const char *context)
{
    struct database_statement *statement = database_query(store->database, &BEGIN);
    database_bind_integer(statement, job);
    database_bind_integer(statement, total);
    int r = database_run(statement);
    if (r != 0) {
        return r;
    }
    statement = database_query(store->database, &CONTEXT_SET);
    database_bind_integer(statement, job);
    database_bind_text(statement, context);
    return database_run(statement);
}

int store_fanout_get(struct store *store, int64_t job, struct store_fanout *ret_fanout)
{
    struct database_statement *statement = database_query(store->database, &FANOUT);
    database_bind_integer(statement, job);
    int step = database_step(statement);
    if (step == 1) {
        ret_fanout->job = database_integer(statement);
        ret_fanout->total = database_integer(statement);
        ret_fanout->added = database_integer(statement);
        ret_fanout->running = database_integer(statement);
        ret_fanout->succeeded = database_integer(statement);
        ret_fanout->failed = database_integer(statement);
        ret_fanout->interrupted = database_integer(statement);
    }
    database_end(statement);
    return step == 1 ? 0 : step == 0 ? -ENOENT : step;
}

int store_fanout_context(struct store *store, int64_t job, char **ret_context)
{
    struct database_statement *statement = database_query(store->database, &CONTEXT_GET);
    database_bind_integer(statement, job);
    int step = database_step(statement);
    if (step == 1) {
        char *context = strdup(database_text(statement));
        if (!context) {
            step = -ENOMEM;
        } else {
            *ret_context = context;
        }
    }
    database_end(statement);
    return step == 1 ? 0 : step == 0 ? -ENOENT : step;
}

int store_fanout_grow(struct store *store, int64_t job, int64_t count)
{
    struct database_statement *statement = database_query(store->database, &GROW);
    database_bind_integer(statement, count);
    database_bind_integer(statement, job);
    return store_run_one(store, statement, -ENOENT);
}

/* --- rows ------------------------------------------------------------------------------------- */

/* The texts are borrowed from the row. */
static void read_row(struct database_statement *statement, struct store_item *row)
{
    row->job = database_integer(statement);
    row->number = database_integer(statement);
    row->state = (enum job_state)database_integer(statement);
    row->attempt = (uint32_t)database_integer(statement);
    row->tries = (uint32_t)database_integer(statement);
    row->retries = (uint32_t)database_integer(statement);
    row->not_before = database_integer(statement);
    row->started_at = database_integer(statement);
    row->ended_at = database_integer(statement);
    row->error = (char *)database_text(statement);
    row->value = (char *)database_text(statement);
}

/* Ends the statement. */
static int get_row(struct database_statement *statement, struct store_item *ret_item)
{
    struct store_item row;
    int r = database_step(statement);
    if (r == 0) {
        r = -ENOENT;
    }
    if (r == 1) {
        read_row(statement, &row);
        char **const texts[] = {&row.error, &row.value};
        r = store_own_texts(texts, sizeof texts / sizeof *texts);
        if (r == 0) {
            *ret_item = row;
        }
    }
    database_end(statement);
    return r;
}

void store_item_free(struct store_item *item)
{
    if (!item) {
        return;
    }
    free(item->error);
    free(item->value);
    *item = (struct store_item){0};
}

/* --- items ------------------------------------------------------------------------------------ */

int store_item_add(struct store *store, int64_t job, int64_t number, const char *value,
                   size_t length)
{
    struct database_statement *statement = database_query(store->database, &ADD);
    database_bind_integer(statement, job);
    database_bind_integer(statement, number);
    database_bind_characters(statement, value, length);
    return database_run(statement);
}

int store_item_get(struct store *store, int64_t job, int64_t number, struct store_item *ret_item)
{
    struct database_statement *statement = database_query(store->database, &GET);
    database_bind_integer(statement, job);
    database_bind_integer(statement, number);
    return get_row(statement, ret_item);
}

int store_item_update(struct store *store, const struct store_item *item)
{
    int64_t before = 0;
    struct database_statement *statement = database_query(store->database, &STATE);
    database_bind_integer(statement, item->job);
    database_bind_integer(statement, item->number);
    int r = store_get_integer(statement, &before);
    if (r != 0) {
        return r;
    }
    statement = database_query(store->database, &UPDATE);
    database_bind_integer(statement, item->state);
    database_bind_integer(statement, item->attempt);
    database_bind_integer(statement, item->tries);
    database_bind_integer(statement, item->retries);
    database_bind_integer(statement, item->not_before);
    database_bind_integer(statement, item->started_at);
    database_bind_integer(statement, item->ended_at);
    database_bind_text(statement, item->error);
    database_bind_integer(statement, item->job);
    database_bind_integer(statement, item->number);
    r = database_run(statement);
    if (r != 0 || before == (int64_t)item->state) {
        return r;
    }
    statement = database_query(store->database, &COUNT);
    database_bind_integer(statement, before);
    database_bind_integer(statement, item->state);
    database_bind_integer(statement, item->job);
    return database_run(statement);
}

int store_item_next(struct store *store, int64_t job, int64_t now, struct store_item *ret_item)
{
    struct database_statement *statement = database_query(store->database, &NEXT_DUE);
    database_bind_integer(statement, job);
    database_bind_integer(statement, now);
    int r = get_row(statement, ret_item);
    if (r != -ENOENT) {
        return r;
    }
    statement = database_query(store->database, &NEXT_NEW);
    database_bind_integer(statement, job);
    return get_row(statement, ret_item);
}

int store_item_next_start(struct store *store, int64_t now, int64_t *ret_time)
{
    struct database_statement *statement = database_query(store->database, &NEXT_START);
    database_bind_integer(statement, now);
    return store_get_integer(statement, ret_time);
}

int store_item_list(struct store *store, int64_t job, enum job_state state, int64_t after,
                    int limit, int (*each)(void *userdata, const struct store_item *item),
                    void *userdata)
{
    bool any = state == JOB_STATE_COUNT;
    bool indexed = !any && state != JOB_QUEUED && state != JOB_SUCCEEDED;
    struct database_statement *statement =
        database_query(store->database, indexed ? &LIST_STATE : &LIST);
    database_bind_integer(statement, job);
    database_bind_integer(statement, after);
    database_bind_integer(statement, any ? -1 : (int64_t)state);
    database_bind_integer(statement, limit);
    int r = 0;
    while ((r = database_step(statement)) == 1) {
        struct store_item row;
        read_row(statement, &row);
        r = each(userdata, &row);
        if (r < 0) {
            break;
        }
    }
    database_end(statement);
    return r;
}

int store_item_retry(struct store *store, int64_t job)
{
    int r = store_run_for(store, &RETRY, job);
    return r == 0 ? store_run_for(store, &RETRY_COUNT, job) : r;
}

int store_item_fail_queued(struct store *store, int64_t job, const char *error_text)
{
    struct database_statement *statement = database_query(store->database, &FAIL_QUEUED);
    database_bind_integer(statement, job);
    database_bind_text(statement, error_text);
    int r = database_run(statement);
    return r == 0 ? store_run_for(store, &FAIL_LEFT, job) : r;
}
