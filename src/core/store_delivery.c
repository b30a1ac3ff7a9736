#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/buffer.h"
#include "assent/base/pack.h"
#include "assent/core/store_internal.h"

static const struct database_query ADD = {
    "delivery_add", "INSERT INTO delivery (request, delivery_id, decision, outcome, received_at)"
                    " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"};
static const struct database_query STRAY_ADD = {
    "stray_delivery_add", "INSERT INTO stray_delivery"
                          " (service, request_id, delivery_id, decision, outcome, received_at)"
                          " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"};
/* One that the request has already, under another of its ids, stays as it is, and counts as a change. */
static const struct database_query STRAY_COPY = {
    "stray_delivery_copy",
    "INSERT INTO delivery (request, delivery_id, decision, outcome, received_at)"
    " SELECT ?, delivery_id, decision, outcome, received_at FROM stray_delivery"
    " WHERE request_id = ? AND service = ?"
    " ON CONFLICT DO UPDATE SET outcome = outcome"};
static const struct database_query STRAY_DROP = {
    "stray_delivery_drop", "DELETE FROM stray_delivery WHERE request_id = ? AND service = ?"};

static const struct database_query EARLY_ADD = {
    "early_add", "INSERT INTO early"
                 " (service, request_id, decision, received_at, decided_at, decided_by, reason)"
                 " VALUES (?, ?, ?, ?, ?, ?, ?)"};
static const struct database_query EARLY_GET = {
    "early_get", "SELECT decision, received_at, decided_at, decided_by, reason FROM early"
                 " WHERE request_id = ? AND service = ? ORDER BY sequence"};
static const struct database_query EARLY_DROP = {
    "early_drop", "DELETE FROM early WHERE request_id = ? AND service = ?"};
static const struct database_query EARLY_EXPIRE = {
    "early_expire",
    "DELETE FROM early WHERE sequence IN"
    " (SELECT sequence FROM early WHERE received_at < ? ORDER BY received_at LIMIT ?)"
    " RETURNING service"};

/* --- deliveries ------------------------------------------------------------------------------- */

static int add_stray(struct store *store, const struct store_delivery *delivery)
{
    struct store_service *service = NULL;
    int r = store_service_add(store, delivery->service, &service);
    if (r != 0) {
        return r;
    }
    struct database_statement *statement = database_query(store->database, &STRAY_ADD);
    database_bind_integer(statement, service->number);
    database_bind_text(statement, delivery->request_id);
    database_bind_text(statement, delivery->delivery_id);
    database_bind_integer(statement, delivery->decision);
    database_bind_integer(statement, delivery->outcome);
    database_bind_integer(statement, delivery->received_at);
    return store_run_one(store, statement, -EEXIST);
}

int store_delivery_add(struct store *store, const struct store_delivery *delivery)
{
    if (delivery->request == 0) {
        return add_stray(store, delivery);
    }
    struct database_statement *statement = database_query(store->database, &ADD);
    database_bind_integer(statement, delivery->request);
    database_bind_text(statement, delivery->delivery_id);
    database_bind_integer(statement, delivery->decision);
    database_bind_integer(statement, delivery->outcome);
    database_bind_integer(statement, delivery->received_at);
    return store_run_one(store, statement, -EEXIST);
}

int store_delivery_adopt(struct store *store, const struct store_service *service, const char *id,
                         int64_t number)
{
    struct database_statement *statement = database_query(store->database, &STRAY_COPY);
    database_bind_integer(statement, number);
    database_bind_text(statement, id);
    database_bind_integer(statement, service->number);
    int r = database_run(statement);
    if (r != 0 || database_changes(store->database) == 0) {
        return r;
    }
    statement = database_query(store->database, &STRAY_DROP);
    database_bind_text(statement, id);
    database_bind_integer(statement, service->number);
    return database_run(statement);
}

/* --- early events ----------------------------------------------------------------------------- */

bool store_early_full(struct store *store, const char *service, int limit)
{
    const struct store_service *known = store_service_find(store, service);

    return known && known->early >= limit;
}

int store_early_add(struct store *store, const struct store_early *early, int limit)
{
    struct store_service *service = NULL;
    int r = store_service_add(store, early->service, &service);
    if (r != 0) {
        return r;
    }
    if (service->early >= limit) {
        return -ENOSPC;
    }
    struct database_statement *statement = database_query(store->database, &EARLY_ADD);
    database_bind_integer(statement, service->number);
    database_bind_text(statement, early->request_id);
    database_bind_integer(statement, early->decision);
    database_bind_integer(statement, early->received_at);
    database_bind_integer(statement, early->decided_at);
    database_bind_text(statement, early->decided_by);
    database_bind_text(statement, early->reason);
    r = database_run(statement);
    if (r == 0) {
        service->early++;
    }
    return r;
}

/* Copies the early events of a request, so that they outlive the statement. */
static int collect_early(struct store *store, const struct store_service *service, const char *id,
                         struct buffer *out)
{
    struct packer packer = packer_to(out);
    struct database_statement *statement = database_query(store->database, &EARLY_GET);
    database_bind_text(statement, id);
    database_bind_integer(statement, service->number);
    int step = 0;
    while ((step = database_step(statement)) == 1) {
        pack_i64(&packer, database_integer(statement));
        pack_i64(&packer, database_integer(statement));
        pack_i64(&packer, database_integer(statement));
        pack_text(&packer, database_text(statement));
        pack_text(&packer, database_text(statement));
    }
    database_end(statement);
    return step != 0 ? step : packer.error;
}

static int drop_early(struct store *store, struct store_service *service, const char *id)
{
    struct database_statement *statement = database_query(store->database, &EARLY_DROP);
    database_bind_text(statement, id);
    database_bind_integer(statement, service->number);
    int r = database_run(statement);
    if (r == 0) {
        service->early -= database_changes(store->database);
    }
    return r;
}

static int tell_early(const struct buffer *collected, const char *service, const char *id,
                      int (*each)(void *userdata, const struct store_early *early), void *userdata)
{
    struct unpacker unpacker = unpacker_of(collected->data, collected->length);
    int r = 0;
    while (unpacker.left > 0 && unpacker.error == 0 && r >= 0) {
        struct store_early early = {.service = service, .request_id = id};
        early.decision = (enum decision)unpack_i64(&unpacker);
        early.received_at = unpack_i64(&unpacker);
        early.decided_at = unpack_i64(&unpacker);
        early.decided_by = unpack_text(&unpacker);
        early.reason = unpack_text(&unpacker);
        r = each(userdata, &early);
    }
    return r < 0 ? r : unpacker.error;
}

int store_early_take(struct store *store, const char *service, const char *request_id,
                     int (*each)(void *userdata, const struct store_early *early), void *userdata)
{
    struct store_service *known = store_service_find(store, service);
    if (!known || known->early == 0) {
        return database_error(store->database);
    }
    struct buffer collected = {0};
    int r = collect_early(store, known, request_id, &collected);
    if (r == 0 && collected.length > 0) {
        r = drop_early(store, known, request_id);
    }
    if (r == 0) {
        r = tell_early(&collected, service, request_id, each, userdata);
    }
    buffer_free(&collected);
    return r;
}

static void count_early_out(struct store *store, int64_t service)
{
    for (size_t i = 0; i < store->service_count; i++) {
        if (store->services[i].number == service) {
            store->services[i].early--;
        }
    }
}

int store_early_expire(struct store *store, int64_t before, int limit, int *ret_dropped)
{
    int dropped = 0;
    struct database_statement *statement = database_query(store->database, &EARLY_EXPIRE);
    database_bind_integer(statement, before);
    database_bind_integer(statement, limit);
    int step = 0;
    while ((step = database_step(statement)) == 1) {
        count_early_out(store, database_integer(statement));
        dropped++;
    }
    database_end(statement);
    if (step == 0) {
        *ret_dropped = dropped;
    }
    return step;
}
