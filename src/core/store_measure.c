#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "assent/core/store_internal.h"

/* Rows behind the last oldest one that are looked at, before the index of all is. */
#define OLDEST_LOOKS 1000

static const struct database_query OLDEST_NEAR = {
    "request_oldest_near",
    "SELECT number FROM (SELECT number, state FROM request NOT INDEXED"
    "  WHERE number >= ?1 ORDER BY number LIMIT ?2) WHERE state < 3 ORDER BY number LIMIT 1"};
static const struct database_query OLDEST = {
    "request_oldest", "SELECT min(number) FROM request INDEXED BY request_deadline WHERE state < 3"
                      " HAVING count(*) > 0"};
static const struct database_query CREATED_AT = {"request_created_at",
                                                 "SELECT created_at FROM request WHERE number = ?"};
static const struct database_query QUEUED = {
    "jobs_queued_count", "SELECT hook, count(*) FROM job INDEXED BY job_queued WHERE state = 0"
                         " GROUP BY hook"};
static const struct database_query ITEMS_LEFT = {
    "items_left_count",
    "SELECT job.hook, sum(fanout.total - fanout.succeeded - fanout.failed - fanout.interrupted)"
    " FROM job INDEXED BY job_fanning JOIN fanout ON fanout.job = job.number"
    " WHERE job.state = 1 AND job.items > 0 GROUP BY job.hook"};

/* Requests are never undecided again, so the oldest one's number only grows. */
static int find_oldest(struct store *store, int64_t *ret_number)
{
    struct database_statement *statement = database_query(store->database, &OLDEST_NEAR);
    database_bind_integer(statement, store->oldest_request);
    database_bind_integer(statement, OLDEST_LOOKS);
    int r = store_get_integer(statement, ret_number);
    if (r == -ENOENT) {
        r = store_get_integer(database_query(store->database, &OLDEST), ret_number);
    }
    return r;
}

int store_request_oldest(struct store *store, int64_t *ret_created_at)
{
    int64_t number;
    int r = find_oldest(store, &number);
    if (r != 0) {
        return r;
    }
    store->oldest_request = number;
    struct database_statement *statement = database_query(store->database, &CREATED_AT);
    database_bind_integer(statement, number);
    return store_get_integer(statement, ret_created_at);
}

static int count_by_hook(struct store *store, const struct database_query *query,
                         int (*each)(void *userdata, const char *hook, int64_t count),
                         void *userdata)
{
    struct database_statement *statement = database_query(store->database, query);
    int r = 0;
    while ((r = database_step(statement)) == 1) {
        const char *hook = database_text(statement);
        r = each(userdata, hook, database_integer(statement));
        if (r < 0) {
            break;
        }
    }
    database_end(statement);
    return r;
}

int store_job_count_queued(struct store *store,
                           int (*each)(void *userdata, const char *hook, int64_t count),
                           void *userdata)
{
    return count_by_hook(store, &QUEUED, each, userdata);
}

int store_item_count_left(struct store *store,
                          int (*each)(void *userdata, const char *hook, int64_t count),
                          void *userdata)
{
    return count_by_hook(store, &ITEMS_LEFT, each, userdata);
}

static int64_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (int64_t)status.st_size : 0;
}

void store_space(const struct store *store, int64_t *ret_used, int64_t *ret_free)
{
    char log[4096];
    struct statvfs status;
    int length = snprintf(log, sizeof log, "%s-wal", store->path);
    *ret_used =
        size_of(store->path) + (length > 0 && (size_t)length < sizeof log ? size_of(log) : 0);
    *ret_free = statvfs(store->path, &status) == 0
                    ? (int64_t)((uint64_t)status.f_bavail * status.f_frsize)
                    : 0;
}
