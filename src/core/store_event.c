#include <errno.h>

#include "assent/core/store_internal.h"

static const struct database_query ADD = {
    "event_add", "INSERT INTO event (sequence, at, kind, request, job, details)"
                 " VALUES (?, ?, ?, ?, ?, ?)"};
static const struct database_query LIST = {
    "event_list", "SELECT sequence, at, kind, request, job, details FROM event"
                  " WHERE request = ? ORDER BY sequence LIMIT ?"};

int store_event_add(struct store *store, const struct store_event *event)
{
    struct database_statement *statement = database_query(store->database, &ADD);
    database_bind_integer(statement, store->last_event + 1);
    database_bind_integer(statement, event->at);
    database_bind_text(statement, event->kind);
    database_bind_integer(statement, event->request);
    database_bind_integer(statement, event->job);
    database_bind_text(statement, event->details);
    int error = database_run(statement);
    if (error == 0)
        store->last_event++;
    return error;
}

int store_event_list(struct store *store, int64_t request, int limit,
                     int (*each)(void *userdata, const struct store_event *event), void *userdata)
{
    struct database_statement *statement = database_query(store->database, &LIST);
    database_bind_integer(statement, request);
    database_bind_integer(statement, limit);
    int error = 0;
    while ((error = database_step(statement)) == 1) {
        struct store_event row;
        row.sequence = database_integer(statement);
        row.at = database_integer(statement);
        row.kind = database_text(statement);
        row.request = database_integer(statement);
        row.job = database_integer(statement);
        row.details = database_text(statement);
        error = each(userdata, &row);
        if (error < 0)
            break;
    }
    database_end(statement);
    return error;
}
