#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "assent/core/store_internal.h"

static const struct database_query NUMBERS_KEEP = {
    "numbers_keep", "UPDATE store SET last_request = ?, last_job = ?, last_event = ?"};
/* Jobs that are queued, running or interrupted keep their request. */
static const struct database_query OLD_REQUESTS = {
    "old_requests", "SELECT number, state FROM request INDEXED BY request_final_at"
                    " WHERE final_at > 0 AND final_at < ? AND NOT EXISTS"
                    " (SELECT 1 FROM job WHERE job.request = request.number"
                    "  AND job.state IN (0, 1, 4))"
                    " ORDER BY final_at LIMIT ?"};
static const struct database_query TOMBSTONE_ADD = {
    "tombstone_add", "INSERT INTO tombstone (service, id, state)"
                     " SELECT service, id, state FROM request WHERE number = ? AND true"
                     " ON CONFLICT DO UPDATE SET state = excluded.state"};
static const struct database_query JOBS_DROP = {
    "jobs_drop", "DELETE FROM job WHERE request = ? RETURNING state"};

/* In the order in which each still finds what it hangs on. */
static const struct database_query DROPS[] = {
    {"output_drop",
     "DELETE FROM output WHERE job IN (SELECT number FROM job WHERE job.request = ?)"},
    {"items_drop", "DELETE FROM item WHERE job IN (SELECT number FROM job WHERE job.request = ?)"},
    {"fanouts_drop",
     "DELETE FROM fanout WHERE job IN (SELECT number FROM job WHERE job.request = ?)"},
    {"fanout_contexts_drop",
     "DELETE FROM fanout_context WHERE job IN (SELECT number FROM job WHERE job.request = ?)"},
    {"attempts_drop",
     "DELETE FROM attempt WHERE job IN (SELECT number FROM job WHERE job.request = ?)"},
    {"deliveries_drop", "DELETE FROM delivery WHERE request = ?"},
    {"events_drop", "DELETE FROM event WHERE request = ?"},
    {"ask_drop", "DELETE FROM ask WHERE request = ?"},
    {"alias_tombstones_add",
     "INSERT INTO tombstone (service, id, state)"
     " SELECT alias.service, alias.id, request.state FROM alias JOIN request"
     "  ON request.number = alias.request WHERE alias.request = ? AND true"
     " ON CONFLICT DO UPDATE SET state = excluded.state"},
    {"aliases_drop", "DELETE FROM alias WHERE request = ?"},
    {"steps_drop", "DELETE FROM step WHERE request = ?"},
    {"predecessors_drop", "DELETE FROM step WHERE predecessor = ?"},
    {"poll_drop", "DELETE FROM poll WHERE request = ?"},
    {"context_drop", "DELETE FROM context WHERE request = ?"},
    {"request_drop", "DELETE FROM request WHERE number = ?"},
};

static const struct database_query STRAYS_EXPIRE = {
    "stray_deliveries_expire",
    "DELETE FROM stray_delivery WHERE (request_id, service, delivery_id, decision) IN"
    " (SELECT request_id, service, delivery_id, decision FROM stray_delivery"
    "  WHERE received_at < ? ORDER BY received_at LIMIT ?)"};
static const struct database_query EVENTS_EXPIRE = {
    "events_expire", "DELETE FROM event WHERE sequence IN"
                     " (SELECT sequence FROM event WHERE request = 0 ORDER BY sequence LIMIT ?)"
                     " AND at < ?"};

struct old_request {
    int64_t number;
    int64_t state;
};

static int find_old(struct store *store, int64_t before, int limit, struct old_request *ret_old,
                    int *ret_count)
{
    int count = 0;
    struct database_statement *statement = database_query(store->database, &OLD_REQUESTS);
    database_bind_integer(statement, before);
    database_bind_integer(statement, limit);
    int step = 0;
    while ((step = database_step(statement)) == 1) {
        assert(count < limit);
        ret_old[count].number = database_integer(statement);
        ret_old[count++].state = database_integer(statement);
    }
    database_end(statement);
    if (step == 0) {
        *ret_count = count;
    }
    return step;
}

static int drop_jobs(struct store *store, int64_t request)
{
    struct database_statement *statement = database_query(store->database, &JOBS_DROP);
    database_bind_integer(statement, request);
    int step = 0;
    while ((step = database_step(statement)) == 1) {
        store->job_counts[database_integer(statement)]--;
    }
    database_end(statement);
    return step;
}

/* Errors are sticky: the last step tells of all. */
static int bury(struct store *store, const struct old_request *old)
{
    (void)store_run_for(store, &TOMBSTONE_ADD, old->number);
    for (size_t i = 0; i < sizeof DROPS / sizeof *DROPS; i++) {
        (void)store_run_for(store, &DROPS[i], old->number);
    }
    int r = drop_jobs(store, old->number);
    if (r == 0) {
        store->request_counts[old->state]--;
    }
    return r;
}

static int expire_requests(struct store *store, int64_t before, int limit, int *ret_count)
{
    int count = 0;
    struct old_request *old = calloc((size_t)limit, sizeof *old);
    if (!old) {
        return -ENOMEM;
    }
    int r = find_old(store, before, limit, old, &count);
    for (int i = 0; i < count && r == 0; i++) {
        r = bury(store, &old[i]);
    }
    free(old);
    if (r == 0) {
        *ret_count = count;
    }
    return r;
}

static int expire_strays(struct store *store, int64_t before, int limit, int *ret_count)
{
    struct database_statement *statement = database_query(store->database, &STRAYS_EXPIRE);
    database_bind_integer(statement, before);
    database_bind_integer(statement, limit);
    int r = database_run(statement);
    if (r == 0) {
        *ret_count = database_changes(store->database);
    }
    return r;
}

static int expire_events(struct store *store, int64_t before, int limit, int *ret_count)
{
    struct database_statement *statement = database_query(store->database, &EVENTS_EXPIRE);
    database_bind_integer(statement, limit);
    database_bind_integer(statement, before);
    int r = database_run(statement);
    if (r == 0) {
        *ret_count = database_changes(store->database);
    }
    return r;
}

/* Numbers of rows that are gone are not given again. */
static int keep_numbers(struct store *store)
{
    struct database_statement *statement = database_query(store->database, &NUMBERS_KEEP);
    database_bind_integer(statement, store->last_request);
    database_bind_integer(statement, store->last_job);
    database_bind_integer(statement, store->last_event);
    return database_run(statement);
}

int store_expire(struct store *store, int64_t before, int limit, int *ret_removed)
{
    int requests = 0;
    int strays = 0;
    int events = 0;
    int r = expire_requests(store, before, limit, &requests);
    if (r == 0) {
        r = expire_strays(store, before, limit, &strays);
    }
    if (r == 0) {
        r = expire_events(store, before, limit, &events);
    }
    int removed = requests > strays ? requests : strays;
    removed = removed > events ? removed : events;
    if (r == 0 && removed > 0) {
        r = keep_numbers(store);
    }
    if (r == 0) {
        *ret_removed = removed;
    }
    return r;
}
