#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/core/store_internal.h"

#define COLUMNS                                                                                    \
    "number, service, id, state, urgency, created_at, expires_at, deadline, final_at, decided_at," \
    " decided_by, denial_reason, client_id, owner, action, reason, body_digest, kind"

static const struct database_query ADD = {
    "request_add", "INSERT INTO request (" COLUMNS ")"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                   " ON CONFLICT DO NOTHING"};
static const struct database_query CONTEXT_ADD = {
    "context_add", "INSERT INTO context (request, json) VALUES (?, ?)"};
static const struct database_query CONTEXT_GET = {"context_get",
                                                  "SELECT json FROM context WHERE request = ?"};
static const struct database_query FIND = {
    "request_find", "SELECT " COLUMNS " FROM request WHERE id = ? AND service = ?"};
static const struct database_query FIND_BY_CLIENT_ID = {
    "request_find_by_client_id",
    "SELECT " COLUMNS " FROM request WHERE client_id = ? AND owner = ?"};
static const struct database_query GET = {"request_get",
                                          "SELECT " COLUMNS " FROM request WHERE number = ?"};
static const struct database_query COUNT_ID = {
    "request_count_id", "SELECT count(*), coalesce(min(number), 0) FROM request"
                        " WHERE (number IN (SELECT number FROM request WHERE id = ?1)"
                        "  OR number IN (SELECT request FROM alias WHERE id = ?1))"
                        " AND (?2 IS NULL OR +owner = ?2)"};
static const struct database_query FIND_ALIAS = {
    "request_find_alias", "SELECT " COLUMNS " FROM request WHERE number ="
                          " (SELECT request FROM alias WHERE alias.id = ? AND alias.service = ?)"};
static const struct database_query STATE = {"request_state",
                                            "SELECT state FROM request WHERE number = ?"};
static const struct database_query DECIDE = {
    "request_decide", "UPDATE request SET state = ?, final_at = ?, decided_at = ?, decided_by = ?,"
                      " denial_reason = ? WHERE number = ? AND state = ?"};
static const struct database_query DUE = {"request_due",
                                          "SELECT number FROM request INDEXED BY request_deadline"
                                          " WHERE state < 3 AND deadline > 0 AND deadline <= ?"
                                          " ORDER BY deadline, number LIMIT ?"};
static const struct database_query NEXT_DEADLINE = {
    "request_next_deadline", "SELECT deadline FROM request INDEXED BY request_deadline"
                             " WHERE state < 3 AND deadline > 0 ORDER BY deadline LIMIT 1"};
static const struct database_query TOMBSTONE_FIND = {
    "tombstone_find", "SELECT state FROM tombstone WHERE id = ? AND service = ?"};

/* Each filter has a statement of its own, so that each goes along what is short: the index of its
 * state where that is rare, the index of its action where the state is common, that of its owner
 * where only one's own are wanted, or all requests, newest first. A plus keeps a term from using an
 * index. */
#define LIST(from, terms)                                              \
    "SELECT " COLUMNS " FROM request " from " WHERE number < ?1" terms \
    " ORDER BY number DESC LIMIT ?2"
#define ANY_ACTION " AND (?4 IS NULL OR +action = ?4)"
static const struct database_query LIST_ALL = {"request_list", LIST("NOT INDEXED", "")};
static const struct database_query LIST_ACTION = {
    "request_list_action", LIST("INDEXED BY request_action", " AND action = ?4")};
static const struct database_query LIST_ACTION_STATE = {
    "request_list_action_state",
    LIST("INDEXED BY request_action", " AND +state = ?3 AND action = ?4")};
static const struct database_query LIST_STATE = {
    "request_list_state",
    LIST("INDEXED BY request_state", " AND state = ?3 AND state <> 2" ANY_ACTION)};
static const struct database_query LIST_PENDING = {
    "request_list_pending",
    LIST("INDEXED BY request_deadline", " AND state = ?3 AND state < 3" ANY_ACTION)};
static const struct database_query LIST_OWNER = {
    "request_list_owner",
    LIST("INDEXED BY request_owner", " AND (?3 < 0 OR +state = ?3)" ANY_ACTION " AND owner = ?5")};
static const struct database_query LIST_ALL_STATE = {"request_list_all_state",
                                                     LIST("NOT INDEXED", " AND state = ?3")};

/* Requests in a state up to which looking at each of them costs little. */
#define RARE 2000

/* --- rows ------------------------------------------------------------------------------------- */

/* The texts are borrowed from the row. */
static void read_row(const struct store *store, struct database_statement *statement,
                     struct store_request *row)
{
    row->number = database_integer(statement);
    row->service = (char *)store_service_name(store, database_integer(statement));
    row->id = (char *)database_text(statement);
    row->state = (enum request_state)database_integer(statement);
    row->urgency = (enum urgency)database_integer(statement);
    row->created_at = database_integer(statement);
    row->expires_at = database_integer(statement);
    row->deadline = database_integer(statement);
    row->final_at = database_integer(statement);
    row->decided_at = database_integer(statement);
    row->decided_by = (char *)database_text(statement);
    row->denial_reason = (char *)database_text(statement);
    row->client_id = (char *)database_text(statement);
    row->owner = (char *)database_text(statement);
    row->action = (char *)database_text(statement);
    row->reason = (char *)database_text(statement);
    database_fixed_blob(statement, row->body_digest, sizeof row->body_digest);
    row->kind = (enum request_kind)database_integer(statement);
}

static int own_row(struct store_request *row)
{
    char **const texts[] = {&row->service,   &row->id,    &row->decided_by, &row->denial_reason,
                            &row->client_id, &row->owner, &row->action,     &row->reason};
    return store_own_texts(texts, sizeof texts / sizeof *texts);
}

void store_request_free(struct store_request *request)
{
    if (!request) {
        return;
    }
    free(request->service);
    free(request->id);
    free(request->client_id);
    free(request->owner);
    free(request->action);
    free(request->reason);
    free(request->decided_by);
    free(request->denial_reason);
    *request = (struct store_request){0};
}

/* Ends the statement. */
static int get_row(struct store *store, struct database_statement *statement,
                   struct store_request *ret_request)
{
    struct store_request row;
    int r = database_step(statement);
    if (r == 0) {
        r = -ENOENT;
    }
    if (r == 1) {
        read_row(store, statement, &row);
        r = database_error(store->database);
        if (r == 0) {
            r = own_row(&row);
        }
        if (r == 0) {
            *ret_request = row;
        }
    }
    database_end(statement);
    return r;
}

/* --- adding and finding ----------------------------------------------------------------------- */

static int add_row(struct store *store, const struct store_request *request, int64_t service,
                   int64_t number)
{
    struct database_statement *statement = database_query(store->database, &ADD);
    database_bind_integer(statement, number);
    database_bind_integer(statement, service);
    database_bind_text(statement, request->id);
    database_bind_integer(statement, request->state);
    database_bind_integer(statement, request->urgency);
    database_bind_integer(statement, request->created_at);
    database_bind_integer(statement, request->expires_at);
    database_bind_integer(statement, request->deadline);
    database_bind_integer(statement, request->final_at);
    database_bind_integer(statement, request->decided_at);
    database_bind_text(statement, request->decided_by);
    database_bind_text(statement, request->denial_reason);
    database_bind_text(statement, request->client_id);
    database_bind_text(statement, request->owner);
    database_bind_text(statement, request->action);
    database_bind_text(statement, request->reason);
    database_bind_blob(statement, request->body_digest, sizeof request->body_digest);
    database_bind_integer(statement, request->kind);
    return store_run_one(store, statement, -EEXIST);
}

int store_request_add(struct store *store, const struct store_request *request, const char *context,
                      int64_t *ret_number)
{
    struct store_service *service = NULL;
    int64_t number = store->last_request + 1;
    int r = store_service_add(store, request->service, &service);
    if (r == 0) {
        r = add_row(store, request, service->number, number);
    }
    if (r != 0) {
        return r;
    }
    store->last_request = number;
    store->request_counts[request->state]++;

    struct database_statement *statement = database_query(store->database, &CONTEXT_ADD);
    database_bind_integer(statement, number);
    database_bind_text(statement, context);
    r = database_run(statement);
    if (r == 0) {
        r = store_delivery_adopt(store, service, request->id, number);
    }
    if (r == 0) {
        *ret_number = number;
    }
    return r;
}

int store_request_find(struct store *store, const char *service, const char *id,
                       struct store_request *ret_request)
{
    const struct store_service *known = store_service_find(store, service);
    if (!known) {
        return -ENOENT;
    }
    struct database_statement *statement = database_query(store->database, &FIND);
    database_bind_text(statement, id);
    database_bind_integer(statement, known->number);
    int r = get_row(store, statement, ret_request);
    if (r != -ENOENT) {
        return r;
    }
    statement = database_query(store->database, &FIND_ALIAS);
    database_bind_text(statement, id);
    database_bind_integer(statement, known->number);
    return get_row(store, statement, ret_request);
}

int store_request_find_by_client_id(struct store *store, const char *owner, const char *client_id,
                                    struct store_request *ret_request)
{
    struct database_statement *statement = database_query(store->database, &FIND_BY_CLIENT_ID);
    database_bind_text(statement, client_id);
    database_bind_text(statement, owner);
    return get_row(store, statement, ret_request);
}

int store_request_get(struct store *store, int64_t number, struct store_request *ret_request)
{
    struct database_statement *statement = database_query(store->database, &GET);
    database_bind_integer(statement, number);
    return get_row(store, statement, ret_request);
}

int store_request_count_id(struct store *store, const char *id, const char *owner, int *ret_count,
                           int64_t *ret_number)
{
    struct database_statement *statement = database_query(store->database, &COUNT_ID);
    database_bind_text(statement, id);
    database_bind_text(statement, owner);
    int step = database_step(statement);
    if (step == 1) {
        *ret_count = (int)database_integer(statement);
        *ret_number = database_integer(statement);
    }
    database_end(statement);
    return step == 1 ? 0 : step;
}

int store_request_context(struct store *store, int64_t number, char **ret_context)
{
    struct database_statement *statement = database_query(store->database, &CONTEXT_GET);
    database_bind_integer(statement, number);
    int r = database_step(statement);
    if (r == 0) {
        r = -ENOENT;
    }
    if (r == 1) {
        const char *json = database_text(statement);
        char *context = json ? strdup(json) : NULL;
        r = !context ? -ENOMEM : 0;
        if (context) {
            *ret_context = context;
        }
    }
    database_end(statement);
    return r;
}

int store_request_long_context(struct store *store, int64_t number, char **ret_context)
{
    return database_copy_long_text(store->database, "context", "json", number, ret_context);
}

/* --- deciding --------------------------------------------------------------------------------- */

/* Decides it if it is in the state `before`. Returns 1, or 0 if it is not, or negative errno. */
static int decide_from(struct store *store, const struct store_request *request, int64_t before)
{
    struct database_statement *statement = database_query(store->database, &DECIDE);
    database_bind_integer(statement, request->state);
    database_bind_integer(statement, request->final_at);
    database_bind_integer(statement, request->decided_at);
    database_bind_text(statement, request->decided_by);
    database_bind_text(statement, request->denial_reason);
    database_bind_integer(statement, request->number);
    database_bind_integer(statement, before);
    int r = database_run(statement);
    if (r != 0 || database_changes(store->database) == 0) {
        return r;
    }
    store->request_counts[before]--;
    store->request_counts[request->state]++;
    return 1;
}

/* Nearly all are pending, so the others are looked at only then. */
int store_request_decide(struct store *store, const struct store_request *request)
{
    int64_t before = 0;
    int decided = decide_from(store, request, REQUEST_PENDING);
    if (decided != 0) {
        return decided < 0 ? decided : 0;
    }

    struct database_statement *statement = database_query(store->database, &STATE);
    database_bind_integer(statement, request->number);
    int r = store_get_integer(statement, &before);
    if (r == 0 && before >= REQUEST_APPROVED) {
        r = -EEXIST;
    }
    if (r == 0) {
        decided = decide_from(store, request, before);
        r = decided < 0 ? decided : 0;
    }
    return r;
}

int store_tombstone_find(struct store *store, const char *service, const char *id,
                         enum request_state *ret_state)
{
    const struct store_service *known = store_service_find(store, service);
    if (!known) {
        return -ENOENT;
    }
    int64_t state = 0;
    struct database_statement *statement = database_query(store->database, &TOMBSTONE_FIND);
    database_bind_text(statement, id);
    database_bind_integer(statement, known->number);
    int r = store_get_integer(statement, &state);
    if (r == 0) {
        *ret_state = (enum request_state)state;
    }
    return r;
}

/* --- lists ------------------------------------------------------------------------------------ */

static const struct database_query *list_query(const struct store *store,
                                               const struct store_request_filter *filter)
{
    if (filter->owner) {
        return &LIST_OWNER;
    }
    if (filter->state == REQUEST_STATE_COUNT) {
        return !filter->action ? &LIST_ALL : &LIST_ACTION;
    }
    bool rare = store->request_counts[filter->state] <= RARE;
    if (filter->action && !rare) {
        return &LIST_ACTION_STATE;
    }
    if (filter->state != REQUEST_PENDING) {
        return &LIST_STATE;
    }
    return rare ? &LIST_PENDING : &LIST_ALL_STATE;
}

static struct database_statement *list_statement(struct store *store,
                                                 const struct store_request_filter *filter,
                                                 int limit)
{
    const struct database_query *query = list_query(store, filter);
    struct database_statement *statement = database_query(store->database, query);
    database_bind_integer(statement, filter->before > 0 ? filter->before : INT64_MAX);
    database_bind_integer(statement, limit);
    if (query == &LIST_ALL) {
        return statement;
    }
    bool any_state = filter->state == REQUEST_STATE_COUNT;
    database_bind_integer(statement, any_state ? -1 : (int64_t)filter->state);
    if (query != &LIST_ALL_STATE) {
        database_bind_text(statement, filter->action);
    }
    if (query == &LIST_OWNER) {
        database_bind_text(statement, filter->owner);
    }
    return statement;
}

int store_request_list(struct store *store, const struct store_request_filter *filter, int limit,
                       int (*each)(void *userdata, const struct store_request *request),
                       void *userdata)
{
    struct database_statement *statement = list_statement(store, filter, limit);
    int r = 0;
    while ((r = database_step(statement)) == 1) {
        struct store_request row;
        read_row(store, statement, &row);
        r = database_error(store->database);
        if (r == 0) {
            r = each(userdata, &row);
        }
        if (r < 0) {
            break;
        }
    }
    database_end(statement);
    return r;
}

int store_request_due(struct store *store, int64_t now, int64_t *ret_numbers, int limit,
                      int *ret_count)
{
    int count = 0;
    struct database_statement *statement = database_query(store->database, &DUE);
    database_bind_integer(statement, now);
    database_bind_integer(statement, limit);
    int step = 0;
    while ((step = database_step(statement)) == 1) {
        assert(count < limit);
        ret_numbers[count++] = database_integer(statement);
    }
    database_end(statement);
    if (step == 0) {
        *ret_count = count;
    }
    return step;
}

int store_request_next_deadline(struct store *store, int64_t *ret_deadline)
{
    return store_get_integer(database_query(store->database, &NEXT_DEADLINE), ret_deadline);
}
