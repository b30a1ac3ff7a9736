#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/digest.h"
#include "assent/base/text.h"
#include "assent/core/store_internal.h"

#define COLUMNS                                                                                 \
    "number, request, hook, key, cause, state, attempt, tries, retries, not_before, canceling," \
    " origin, items, created_at, started_at, ended_at, error"

static const struct database_query ADD = {
    "job_add",
    "INSERT INTO job (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"};
static const struct database_query GET = {"job_get",
                                          "SELECT " COLUMNS " FROM job WHERE number = ?"};
static const struct database_query FIND = {"job_find", "SELECT " COLUMNS " FROM job WHERE key = ?"};
static const struct database_query STATE = {"job_state", "SELECT state FROM job WHERE number = ?"};
static const struct database_query UPDATE = {
    "job_update", "UPDATE job SET state = ?, attempt = ?, tries = ?, retries = ?, not_before = ?,"
                  " canceling = ?, items = ?, started_at = ?, ended_at = ?, error = ?"
                  " WHERE number = ?"};
static const struct database_query NEXT_DUE = {
    "job_next_due", "SELECT " COLUMNS " FROM job INDEXED BY job_queued"
                    " WHERE state = 0 AND hook = ?1 AND not_before > 0 AND not_before <= ?2"
                    " ORDER BY not_before, number LIMIT 1"};
static const struct database_query NEXT_NEW = {
    "job_next_new", "SELECT " COLUMNS " FROM job INDEXED BY job_queued"
                    " WHERE state = 0 AND hook = ? AND not_before = 0 ORDER BY number LIMIT 1"};
static const struct database_query NEXT_FANOUT = {
    "job_next_fanout", "SELECT " COLUMNS " FROM job INDEXED BY job_fanning"
                       " WHERE state = 1 AND items > 0 AND hook = ? AND number > ?"
                       " ORDER BY number LIMIT 1"};
static const struct database_query NEXT_START = {
    "job_next_start", "SELECT not_before FROM job INDEXED BY job_later"
                      " WHERE state = 0 AND not_before > 0 AND not_before > ?"
                      " ORDER BY not_before LIMIT 1"};
static const struct database_query NEXT_HOOK = {
    "job_next_hook",
    "SELECT min(hook) FROM ("
    " SELECT min(hook) AS hook FROM job INDEXED BY job_queued WHERE state = 0 AND hook > ?1"
    " UNION ALL SELECT min(hook) FROM job INDEXED BY job_fanning"
    "  WHERE state = 1 AND items > 0 AND hook > ?1) HAVING min(hook) IS NOT NULL"};

/* As in store_request.c; the filters of a hook and of a state go along the hook's index, so that a
 * list of one request, which has few jobs, goes along that. */
#define LIST(terms) \
    "SELECT " COLUMNS " FROM job WHERE number < ?1" terms " ORDER BY number DESC LIMIT ?2"
static const struct database_query LIST_ALL = {"job_list", LIST("")};
static const struct database_query LIST_STATE = {"job_list_state", LIST(" AND state = ?3")};
static const struct database_query LIST_OPEN_STATE = {"job_list_open_state",
                                                      LIST(" AND state = ?3 AND state <> 2")};
static const struct database_query LIST_HOOK = {"job_list_hook",
                                                LIST(" AND hook = ?4 AND (?3 < 0 OR +state = ?3)")};
static const struct database_query LIST_REQUEST = {
    "job_list_request",
    LIST(" AND request = ?5 AND (?3 < 0 OR +state = ?3) AND (?4 IS NULL OR +hook = ?4)")};

static const struct database_query LIST_OWNER = {
    "job_list_owner", "SELECT " COLUMNS " FROM job INDEXED BY job_request WHERE request IN"
                      " (SELECT number FROM request INDEXED BY request_owner WHERE owner = ?5)"
                      " AND number < ?1 AND (?3 < 0 OR +state = ?3) AND (?4 IS NULL OR +hook = ?4)"
                      " ORDER BY number DESC LIMIT ?2"};

/* --- rows ------------------------------------------------------------------------------------- */

/* The texts are borrowed from the row. */
static void read_row(struct database_statement *statement, struct store_job *row)
{
    row->number = database_integer(statement);
    row->request = database_integer(statement);
    row->hook = (char *)database_text(statement);
    row->key = (char *)database_text(statement);
    row->cause = (enum decision)database_integer(statement);
    row->state = (enum job_state)database_integer(statement);
    row->attempt = (uint32_t)database_integer(statement);
    row->tries = (uint32_t)database_integer(statement);
    row->retries = (uint32_t)database_integer(statement);
    row->not_before = database_integer(statement);
    row->canceling = database_integer(statement) != 0;
    row->origin = database_integer(statement);
    row->items = database_integer(statement);
    row->created_at = database_integer(statement);
    row->started_at = database_integer(statement);
    row->ended_at = database_integer(statement);
    row->error = (char *)database_text(statement);
}

static int own_row(struct store_job *row)
{
    char **const texts[] = {&row->hook, &row->key, &row->error};
    return store_own_texts(texts, sizeof texts / sizeof *texts);
}

void store_job_free(struct store_job *job)
{
    if (!job) {
        return;
    }
    free(job->hook);
    free(job->key);
    free(job->error);
    *job = (struct store_job){0};
}

/* Ends the statement. */
static int get_row(struct database_statement *statement, struct store_job *ret_job)
{
    struct store_job row;
    int r = database_step(statement);
    if (r == 0) {
        r = -ENOENT;
    }
    if (r == 1) {
        read_row(statement, &row);
        r = own_row(&row);
        if (r == 0) {
            *ret_job = row;
        }
    }
    database_end(statement);
    return r;
}

/* --- adding, finding, changing ---------------------------------------------------------------- */

/* The store's identity, a number that grows, and what nobody can guess. */
static int draw_key(const struct store *store, int64_t number, char ret_key[PROTOCOL_KEY_LIMIT + 1])
{
    unsigned char random[16];
    char digits[2 * sizeof random + 1];
    int r = digest_random(random, sizeof random);
    if (r != 0) {
        return r;
    }
    text_to_hex(random, sizeof random, digits);
    (void)snprintf(ret_key, PROTOCOL_KEY_LIMIT + 1, "%s-%010" PRIx64 "-%s", store->identity,
                   (uint64_t)number, digits);
    return 0;
}

static int add_row(struct store *store, const struct store_job *job, const char *key,
                   int64_t number)
{
    struct database_statement *statement = database_query(store->database, &ADD);
    database_bind_integer(statement, number);
    database_bind_integer(statement, job->request);
    database_bind_text(statement, job->hook);
    database_bind_text(statement, key);
    database_bind_integer(statement, job->cause);
    database_bind_integer(statement, job->state);
    database_bind_integer(statement, job->attempt);
    database_bind_integer(statement, job->tries);
    database_bind_integer(statement, job->retries);
    database_bind_integer(statement, job->not_before);
    database_bind_integer(statement, job->canceling);
    database_bind_integer(statement, job->origin);
    database_bind_integer(statement, job->items);
    database_bind_integer(statement, job->created_at);
    database_bind_integer(statement, job->started_at);
    database_bind_integer(statement, job->ended_at);
    database_bind_text(statement, job->error);
    return store_run_one(store, statement, -EEXIST);
}

int store_job_add(struct store *store, const struct store_job *job, int64_t *ret_number)
{
    char drawn[PROTOCOL_KEY_LIMIT + 1];
    int64_t number = store->last_job + 1;
    int r = !job->key ? draw_key(store, number, drawn) : 0;
    if (r == 0) {
        r = add_row(store, job, !job->key ? drawn : job->key, number);
    }
    if (r != 0) {
        return r;
    }
    store->last_job = number;
    store->job_counts[job->state]++;
    *ret_number = number;
    return 0;
}

int store_job_get(struct store *store, int64_t number, struct store_job *ret_job)
{
    struct database_statement *statement = database_query(store->database, &GET);
    database_bind_integer(statement, number);
    return get_row(statement, ret_job);
}

int store_job_find(struct store *store, const char *key, struct store_job *ret_job)
{
    struct database_statement *statement = database_query(store->database, &FIND);
    database_bind_text(statement, key);
    return get_row(statement, ret_job);
}

int store_job_update(struct store *store, const struct store_job *job)
{
    int64_t before = 0;
    struct database_statement *statement = database_query(store->database, &STATE);
    database_bind_integer(statement, job->number);
    int r = store_get_integer(statement, &before);
    if (r != 0) {
        return r;
    }

    statement = database_query(store->database, &UPDATE);
    database_bind_integer(statement, job->state);
    database_bind_integer(statement, job->attempt);
    database_bind_integer(statement, job->tries);
    database_bind_integer(statement, job->retries);
    database_bind_integer(statement, job->not_before);
    database_bind_integer(statement, job->canceling);
    database_bind_integer(statement, job->items);
    database_bind_integer(statement, job->started_at);
    database_bind_integer(statement, job->ended_at);
    database_bind_text(statement, job->error);
    database_bind_integer(statement, job->number);
    r = database_run(statement);
    if (r == 0) {
        store->job_counts[before]--;
        store->job_counts[job->state]++;
    }
    return r;
}

/* --- lists ------------------------------------------------------------------------------------ */

static struct database_statement *list_statement(struct store *store,
                                                 const struct store_job_filter *filter, int limit)
{
    bool any_state = filter->state == JOB_STATE_COUNT;
    assert(filter->request == 0 || !filter->owner);
    const struct database_query *query = filter->request != 0             ? &LIST_REQUEST
                                         : filter->owner                  ? &LIST_OWNER
                                         : filter->hook                   ? &LIST_HOOK
                                         : any_state                      ? &LIST_ALL
                                         : filter->state == JOB_SUCCEEDED ? &LIST_STATE
                                                                          : &LIST_OPEN_STATE;
    struct database_statement *statement = database_query(store->database, query);
    database_bind_integer(statement, filter->before > 0 ? filter->before : INT64_MAX);
    database_bind_integer(statement, limit);
    if (query == &LIST_ALL) {
        return statement;
    }
    database_bind_integer(statement, any_state ? -1 : (int64_t)filter->state);
    if (query == &LIST_HOOK || query == &LIST_REQUEST || query == &LIST_OWNER) {
        database_bind_text(statement, filter->hook);
    }
    if (query == &LIST_OWNER) {
        database_bind_text(statement, filter->owner);
    }
    if (query == &LIST_REQUEST) {
        database_bind_integer(statement, filter->request);
    }
    return statement;
}

int store_job_list(struct store *store, const struct store_job_filter *filter, int limit,
                   int (*each)(void *userdata, const struct store_job *job), void *userdata)
{
    struct database_statement *statement = list_statement(store, filter, limit);
    int r = 0;
    while ((r = database_step(statement)) == 1) {
        struct store_job row;
        read_row(statement, &row);
        r = each(userdata, &row);
        if (r < 0) {
            break;
        }
    }
    database_end(statement);
    return r;
}

int store_job_next(struct store *store, const char *hook, int64_t now, struct store_job *ret_job)
{
    struct database_statement *statement = database_query(store->database, &NEXT_DUE);
    database_bind_text(statement, hook);
    database_bind_integer(statement, now);
    int r = get_row(statement, ret_job);
    if (r != -ENOENT) {
        return r;
    }
    statement = database_query(store->database, &NEXT_NEW);
    database_bind_text(statement, hook);
    return get_row(statement, ret_job);
}

int store_job_next_fanout(struct store *store, const char *hook, int64_t after,
                          struct store_job *ret_job)
{
    struct database_statement *statement = database_query(store->database, &NEXT_FANOUT);
    database_bind_text(statement, hook);
    database_bind_integer(statement, after);
    return get_row(statement, ret_job);
}

int store_job_next_start(struct store *store, int64_t now, int64_t *ret_time)
{
    int64_t of_item = 0;
    struct database_statement *statement = database_query(store->database, &NEXT_START);
    database_bind_integer(statement, now);
    int r = store_get_integer(statement, ret_time);
    int item_error = store_item_next_start(store, now, &of_item);
    if (item_error == 0 && (r == -ENOENT || of_item < *ret_time)) {
        *ret_time = of_item;
        return 0;
    }
    return item_error == -EIO ? item_error : r;
}

/* The first hook with queued jobs or running fan-outs behind `after` in the alphabet. 1, 0 if there is
 * none, or an error. */
static int next_hook(struct store *store, const char *after, char **ret_hook)
{
    struct database_statement *statement = database_query(store->database, &NEXT_HOOK);
    database_bind_text(statement, after);
    int step = database_step(statement);
    if (step == 1) {
        char *hook = strdup(database_text(statement));
        if (!hook) {
            step = -ENOMEM;
        } else {
            *ret_hook = hook;
        }
    }
    database_end(statement);
    return step;
}

int store_job_waiting_hooks(struct store *store, int (*each)(void *userdata, const char *hook),
                            void *userdata)
{
    char *last = NULL;
    char *hook = NULL;
    int r = 0;
    while ((r = next_hook(store, !last ? "" : last, &hook)) == 1) {
        free(last);
        last = hook;
        r = each(userdata, hook);
        if (r < 0) {
            break;
        }
    }
    free(last);
    return r;
}
