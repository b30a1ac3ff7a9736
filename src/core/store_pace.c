#include <errno.h>

#include "assent/core/store_internal.h"

static const struct database_query PACE_GET = {"pace_get",
                                               "SELECT bucket FROM pace WHERE hook = ?"};
static const struct database_query PACE_SET = {
    "pace_set", "INSERT INTO pace (hook, bucket) VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET bucket = excluded.bucket"};
static const struct database_query PAUSE_ADD = {
    "pause_add", "INSERT INTO pause (hook, since, who) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"};
static const struct database_query PAUSE_REMOVE = {"pause_remove",
                                                   "DELETE FROM pause WHERE hook = ?"};
static const struct database_query PAUSE_LIST = {
    "pause_list", "SELECT hook, since, who FROM pause ORDER BY hook"};

int store_pace_get(struct store *store, const char *hook, int64_t *ret_bucket)
{
    struct database_statement *statement = database_query(store->database, &PACE_GET);
    database_bind_text(statement, hook);
    int r = store_get_integer(statement, ret_bucket);
    if (r == -ENOENT) {
        *ret_bucket = 0;
    }
    return r == -ENOENT ? 0 : r;
}

int store_pace_set(struct store *store, const char *hook, int64_t bucket)
{
    struct database_statement *statement = database_query(store->database, &PACE_SET);
    database_bind_text(statement, hook);
    database_bind_integer(statement, bucket);
    return database_run(statement);
}

int store_pause_add(struct store *store, const struct store_pause *pause)
{
    struct database_statement *statement = database_query(store->database, &PAUSE_ADD);
    database_bind_text(statement, pause->hook);
    database_bind_integer(statement, pause->since);
    database_bind_text(statement, pause->who);
    return store_run_one(store, statement, -EEXIST);
}

int store_pause_remove(struct store *store, const char *hook)
{
    struct database_statement *statement = database_query(store->database, &PAUSE_REMOVE);
    database_bind_text(statement, hook);
    return store_run_one(store, statement, -ENOENT);
}

int store_pause_list(struct store *store,
                     int (*each)(void *userdata, const struct store_pause *pause), void *userdata)
{
    struct database_statement *statement = database_query(store->database, &PAUSE_LIST);
    int r = 0;
    while ((r = database_step(statement)) == 1) {
        struct store_pause pause;
        pause.hook = database_text(statement);
        pause.since = database_integer(statement);
        pause.who = database_text(statement);
        r = each(userdata, &pause);
        if (r < 0) {
            break;
        }
    }
    database_end(statement);
    return r;
}
