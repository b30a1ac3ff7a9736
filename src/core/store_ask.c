#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/digest.h"
#include "assent/core/store_internal.h"

static const struct database_query ADVANCE = {
    "request_advance", "UPDATE request SET state = ?, id = ?, expires_at = ?, deadline = ?"
                       " WHERE number = ? AND final_at = 0"};
static const struct database_query OLD = {
    "request_old", "SELECT state, id FROM request WHERE number = ? AND final_at = 0"};
static const struct database_query ALIAS_ADD = {
    "alias_add",
    "INSERT INTO alias (service, id, request) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"};
static const struct database_query ALIAS_LIST = {"alias_list",
                                                 "SELECT id FROM alias WHERE request = ?"};
static const struct database_query ASK_ADD = {
    "ask_add", "INSERT INTO ask (request, token, token_digest, expires_in, extra, callback, answer)"
               " VALUES (?, ?, ?, ?, ?, ?, NULL)"};
static const struct database_query ASK_GET = {
    "ask_get", "SELECT request, token, expires_in, extra, callback, answer FROM ask"
               " WHERE request = ?"};
static const struct database_query ASK_ANSWER = {"ask_answer",
                                                 "UPDATE ask SET answer = ? WHERE request = ?"};
static const struct database_query ASK_FIND = {"ask_find",
                                               "SELECT request FROM ask WHERE token_digest = ?"};
static const struct database_query STEP_ADD = {
    "step_add", "INSERT INTO step (request, predecessor) VALUES (?, ?) ON CONFLICT DO NOTHING"};
static const struct database_query PREDECESSORS = {
    "step_predecessors", "SELECT predecessor FROM step WHERE request = ? ORDER BY predecessor"};
static const struct database_query FOLLOWERS = {
    "step_followers",
    "SELECT request FROM step INDEXED BY step_predecessor WHERE predecessor = ? ORDER BY request"};
static const struct database_query APPROVAL_ADD = {
    "policy_approval_add", "INSERT INTO policy_approval (action, at, request) VALUES (?, ?, ?)"};
static const struct database_query APPROVAL_COUNT = {
    "policy_approval_count", "SELECT count(*) FROM policy_approval WHERE action = ? AND at > ?"};
static const struct database_query APPROVAL_EXPIRE = {"policy_approval_expire",
                                                      "DELETE FROM policy_approval WHERE at < ?"};

/* --- further ids ------------------------------------------------------------------------------ */

static bool is_taken(struct store *store, const char *service, const char *id)
{
    struct store_request request;
    int r = store_request_find(store, service, id, &request);
    if (r == 0) {
        store_request_free(&request);
    }
    return r != -ENOENT;
}

static bool is_buried(struct store *store, const char *service, const char *id)
{
    enum request_state state;
    return store_tombstone_find(store, service, id, &state) != -ENOENT;
}

static int add_alias(struct store *store, int64_t service, const char *id, int64_t request)
{
    struct database_statement *statement = database_query(store->database, &ALIAS_ADD);
    database_bind_integer(statement, service);
    database_bind_text(statement, id);
    database_bind_integer(statement, request);
    return store_run_one(store, statement, -EEXIST);
}

int store_alias_add(struct store *store, const char *service, const char *id, int64_t request)
{
    struct store_service *known = NULL;
    if (is_taken(store, service, id)) {
        return database_error(store->database) != 0 ? database_error(store->database) : -EEXIST;
    }
    int r = store_service_add(store, service, &known);
    if (r == 0) {
        r = add_alias(store, known->number, id, request);
    }
    return r == 0 ? store_delivery_adopt(store, known, id, request) : r;
}

int store_alias_list(struct store *store, int64_t request,
                     int (*each)(void *userdata, const char *id), void *userdata)
{
    struct database_statement *statement = database_query(store->database, &ALIAS_LIST);
    database_bind_integer(statement, request);
    int r = 0;
    while ((r = database_step(statement)) == 1) {
        r = each(userdata, database_text(statement));
        if (r < 0) {
            break;
        }
    }
    database_end(statement);
    return r;
}

struct old_row {
    int64_t state;
    char *id;
};

static int get_old(struct store *store, int64_t request, struct old_row *ret_old)
{
    struct database_statement *statement = database_query(store->database, &OLD);
    database_bind_integer(statement, request);
    int step = database_step(statement);
    if (step == 1) {
        ret_old->state = database_integer(statement);
        ret_old->id = strdup(database_text(statement));
        step = !ret_old->id ? -ENOMEM : step;
    }
    database_end(statement);
    return step == 1 ? 0 : step == 0 ? -ENOENT : step;
}

static int write_advance(struct store *store, const struct store_request *request)
{
    struct database_statement *statement = database_query(store->database, &ADVANCE);
    database_bind_integer(statement, request->state);
    database_bind_text(statement, request->id);
    database_bind_integer(statement, request->expires_at);
    database_bind_integer(statement, request->deadline);
    database_bind_integer(statement, request->number);
    return store_run_one(store, statement, -ENOENT);
}

int store_request_advance(struct store *store, const struct store_request *request)
{
    struct store_service *service = NULL;
    struct old_row old = {0};
    int r = get_old(store, request->number, &old);
    if (r != 0) {
        return r;
    }
    bool renamed = strcmp(old.id, request->id) != 0;
    if (renamed && (is_taken(store, request->service, request->id) ||
                    is_buried(store, request->service, request->id))) {
        r = -EEXIST;
    }
    if (r == 0) {
        r = store_service_add(store, request->service, &service);
    }
    if (r == 0) {
        r = write_advance(store, request);
    }
    if (r == 0 && renamed) {
        r = add_alias(store, service->number, old.id, request->number);
    }
    if (r == 0 && renamed) {
        r = store_delivery_adopt(store, service, request->id, request->number);
    }
    if (r == 0) {
        store->request_counts[old.state]--;
        store->request_counts[request->state]++;
    }
    free(old.id);
    return r;
}

/* --- what is asked ---------------------------------------------------------------------------- */

int store_ask_add(struct store *store, const struct store_ask *ask)
{
    unsigned char digest[PROTOCOL_DIGEST_SIZE];
    int r = digest_sha256(ask->token, strlen(ask->token), digest);
    if (r != 0) {
        return r;
    }
    struct database_statement *statement = database_query(store->database, &ASK_ADD);
    database_bind_integer(statement, ask->request);
    database_bind_text(statement, ask->token);
    database_bind_blob(statement, digest, sizeof digest);
    database_bind_integer(statement, ask->expires_in_ms);
    database_bind_text(statement, ask->extra);
    database_bind_text(statement, ask->callback);
    return database_run(statement);
}

int store_ask_get(struct store *store, int64_t request, struct store_ask *ret_ask)
{
    struct store_ask row = {0};
    struct database_statement *statement = database_query(store->database, &ASK_GET);
    database_bind_integer(statement, request);
    int r = database_step(statement);
    if (r == 0) {
        r = -ENOENT;
    }
    if (r == 1) {
        row.request = database_integer(statement);
        row.token = (char *)database_text(statement);
        row.expires_in_ms = database_integer(statement);
        row.extra = (char *)database_text(statement);
        row.callback = (char *)database_text(statement);
        row.answer = (char *)database_text(statement);
        char **const texts[] = {&row.token, &row.extra, &row.callback, &row.answer};
        r = store_own_texts(texts, sizeof texts / sizeof *texts);
        if (r == 0) {
            *ret_ask = row;
        }
    }
    database_end(statement);
    return r;
}

void store_ask_free(struct store_ask *ask)
{
    if (!ask) {
        return;
    }
    free(ask->token);
    free(ask->extra);
    free(ask->callback);
    free(ask->answer);
    *ask = (struct store_ask){0};
}

int store_ask_set_answer(struct store *store, int64_t request, const char *answer)
{
    struct database_statement *statement = database_query(store->database, &ASK_ANSWER);
    database_bind_text(statement, answer);
    database_bind_integer(statement, request);
    return store_run_one(store, statement, -ENOENT);
}

/* By its digest: how far a search for that goes says nothing about the token. */
int store_ask_find(struct store *store, const char *token, int64_t *ret_request)
{
    unsigned char digest[PROTOCOL_DIGEST_SIZE];
    int r = digest_sha256(token, strlen(token), digest);
    if (r != 0) {
        return r;
    }
    struct database_statement *statement = database_query(store->database, &ASK_FIND);
    database_bind_blob(statement, digest, sizeof digest);
    return store_get_integer(statement, ret_request);
}

/* --- steps ------------------------------------------------------------------------------------ */

int store_step_add(struct store *store, int64_t request, int64_t predecessor)
{
    struct database_statement *statement = database_query(store->database, &STEP_ADD);
    database_bind_integer(statement, request);
    database_bind_integer(statement, predecessor);
    return database_run(statement);
}

/* Takes all numbers first, so that `each` may change what they were read from. */
static int tell_numbers(struct store *store, const struct database_query *query, int64_t of,
                        int (*each)(void *userdata, int64_t request), void *userdata)
{
    int64_t *numbers = NULL;
    size_t count = 0;
    struct database_statement *statement = database_query(store->database, query);
    database_bind_integer(statement, of);
    int r = 0;
    while ((r = database_step(statement)) == 1) {
        int64_t *grown = reallocarray(numbers, count + 1, sizeof *numbers);
        if (!grown) {
            r = -ENOMEM;
            break;
        }
        numbers = grown;
        numbers[count++] = database_integer(statement);
    }
    database_end(statement);
    for (size_t i = 0; i < count && r >= 0; i++) {
        r = each(userdata, numbers[i]);
    }
    free(numbers);
    return r < 0 ? r : 0;
}

int store_step_predecessors(struct store *store, int64_t request,
                            int (*each)(void *userdata, int64_t request), void *userdata)
{
    return tell_numbers(store, &PREDECESSORS, request, each, userdata);
}

int store_step_followers(struct store *store, int64_t request,
                         int (*each)(void *userdata, int64_t request), void *userdata)
{
    return tell_numbers(store, &FOLLOWERS, request, each, userdata);
}

/* --- approvals by policy ---------------------------------------------------------------------- */

int store_policy_approval_add(struct store *store, const char *action, int64_t at, int64_t request)
{
    struct database_statement *statement = database_query(store->database, &APPROVAL_ADD);
    database_bind_text(statement, action);
    database_bind_integer(statement, at);
    database_bind_integer(statement, request);
    return database_run(statement);
}

int store_policy_approval_count(struct store *store, const char *action, int64_t since,
                                int64_t *ret_count)
{
    struct database_statement *statement = database_query(store->database, &APPROVAL_COUNT);
    database_bind_text(statement, action);
    database_bind_integer(statement, since);
    return store_get_integer(statement, ret_count);
}

int store_policy_approval_expire(struct store *store, int64_t before)
{
    struct database_statement *statement = database_query(store->database, &APPROVAL_EXPIRE);
    database_bind_integer(statement, before);
    return database_run(statement);
}
