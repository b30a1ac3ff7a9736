#include <errno.h>

#include "assent/core/store_internal.h"

#define COLUMNS "request, next_at, failures, last"

static const struct database_query SET = {
    "poll_set", "INSERT INTO poll (" COLUMNS ") VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " next_at = excluded.next_at, failures = excluded.failures, last = excluded.last"};
static const struct database_query GET = {"poll_get",
                                          "SELECT " COLUMNS " FROM poll WHERE request = ?"};
static const struct database_query REMOVE = {"poll_remove", "DELETE FROM poll WHERE request = ?"};
static const struct database_query NEXT = {
    "poll_next", "SELECT " COLUMNS " FROM poll INDEXED BY poll_next_at ORDER BY next_at LIMIT 1"};
/* One that is due later than any new one could be is of another plan. */
static const struct database_query PLAN = {"poll_plan",
                                           "INSERT INTO poll (" COLUMNS ")"
                                           " SELECT number, ?1 + abs(random() % ?2), 0, 0"
                                           " FROM request INDEXED BY request_deadline"
                                           " WHERE state = 2 AND state < 3 AND service = ?3"
                                           " ON CONFLICT DO UPDATE SET next_at = excluded.next_at"
                                           " WHERE last = 0 AND next_at >= ?1 + ?2"};

static int get_row(struct database_statement *statement, struct store_poll *ret_poll)
{
    int step = database_step(statement);
    if (step == 1) {
        ret_poll->request = database_integer(statement);
        ret_poll->next_at = database_integer(statement);
        ret_poll->failures = database_integer(statement);
        ret_poll->last = database_integer(statement);
    }
    database_end(statement);
    return step == 1 ? 0 : step == 0 ? -ENOENT : step;
}

int store_poll_set(struct store *store, const struct store_poll *poll)
{
    struct database_statement *statement = database_query(store->database, &SET);
    database_bind_integer(statement, poll->request);
    database_bind_integer(statement, poll->next_at);
    database_bind_integer(statement, poll->failures);
    database_bind_integer(statement, poll->last);
    return database_run(statement);
}

int store_poll_get(struct store *store, int64_t request, struct store_poll *ret_poll)
{
    struct database_statement *statement = database_query(store->database, &GET);
    database_bind_integer(statement, request);
    return get_row(statement, ret_poll);
}

int store_poll_remove(struct store *store, int64_t request)
{
    struct database_statement *statement = database_query(store->database, &REMOVE);
    database_bind_integer(statement, request);
    return database_run(statement);
}

int store_poll_plan(struct store *store, const char *service, int64_t from, int64_t span)
{
    const struct store_service *known = store_service_find(store, service);
    if (!known) {
        return database_error(store->database);
    }
    struct database_statement *statement = database_query(store->database, &PLAN);
    database_bind_integer(statement, from);
    database_bind_integer(statement, span + 1);
    database_bind_integer(statement, known->number);
    return database_run(statement);
}

int store_poll_next(struct store *store, struct store_poll *ret_poll)
{
    return get_row(database_query(store->database, &NEXT), ret_poll);
}
