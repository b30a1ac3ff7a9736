#include <errno.h>
#include <string.h>

#include "assent/core/store_internal.h"

static const struct database_query ADD = {
    "event_add", "INSERT INTO event (sequence, at, kind, request, job, details)"
                 " VALUES (?, ?, ?, ?, ?, ?)"};
static const struct database_query LIST = {
    "event_list", "SELECT sequence, at, kind, request, job, details FROM event"
                  " WHERE request = ? ORDER BY sequence LIMIT ?"};
static const struct database_query AFTER = {
    "event_after",
    "SELECT event.sequence, event.at, event.kind, event.request, event.job, event.details,"
    " request.id, coalesce(request.service, 0), request.owner"
    " FROM event LEFT JOIN request ON request.number = event.request"
    " WHERE event.sequence > ? ORDER BY event.sequence LIMIT ?"};

int store_event_add(struct store *store, const struct store_event *event)
{
    struct database_statement *statement = database_query(store->database, &ADD);
    database_bind_integer(statement, store->last_event + 1);
    database_bind_integer(statement, event->at);
    database_bind_text(statement, event->kind);
    database_bind_integer(statement, event->request);
    database_bind_integer(statement, event->job);
    database_bind_text(statement, event->details);
    int r = database_run(statement);
    if (r == 0) {
        store->last_event++;
    }
    return r;
}

static struct store_event read_event(struct database_statement *statement)
{
    struct store_event row = {.sequence = database_integer(statement)};
    row.at = database_integer(statement);
    row.kind = database_text(statement);
    row.request = database_integer(statement);
    row.job = database_integer(statement);
    row.details = database_text(statement);
    return row;
}

int store_event_list(struct store *store, int64_t request, int limit,
                     int (*each)(void *userdata, const struct store_event *event), void *userdata)
{
    struct database_statement *statement = database_query(store->database, &LIST);
    database_bind_integer(statement, request);
    database_bind_integer(statement, limit);
    int r = 0;
    while ((r = database_step(statement)) == 1) {
        struct store_event row = read_event(statement);
        r = each(userdata, &row);
        if (r < 0) {
            break;
        }
    }
    database_end(statement);
    return r;
}

/* Reads the rest of the row; false if it is about no request of that owner. */
static bool read_request(struct store *store, struct database_statement *statement,
                         const char *owner, struct store_event *row)
{
    row->request_id = database_text(statement);
    int64_t service = database_integer(statement);
    const char *whose = database_text(statement);
    if (row->request_id) {
        row->service = store_service_name(store, service);
    }
    return !owner || (whose && strcmp(whose, owner) == 0);
}

/* Who sees few of them would else have all of them looked through at once. */
int store_event_after(struct store *store, int64_t after, const char *owner, int limit,
                      int (*each)(void *userdata, const struct store_event *event), void *userdata,
                      int64_t *ret_reached)
{
    int looks = !owner ? limit : STORE_EVENT_LOOKS;
    int looked = 0;
    int told = 0;
    int64_t reached = after;
    int r = 0;
    struct database_statement *statement = database_query(store->database, &AFTER);
    database_bind_integer(statement, after);
    database_bind_integer(statement, looks);
    while (r == 0 && told < limit && (r = database_step(statement)) == 1) {
        struct store_event row = read_event(statement);
        r = 0;
        if (read_request(store, statement, owner, &row)) {
            r = each(userdata, &row);
            told++;
        }
        reached = row.sequence;
        looked++;
    }
    database_end(statement);
    if (r < 0) {
        return r;
    }
    *ret_reached = r == 0 && told < limit && looked < looks ? store->last_event : reached;
    return database_error(store->database);
}

int64_t store_event_newest(const struct store *store)
{
    return store->last_event;
}
