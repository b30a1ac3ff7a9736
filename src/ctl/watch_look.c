#include "assent/ctl/watch.h"

#include "assent/ctl/ask.h"

/* So that neither a key nor the end of the daemon is noticed late. */
#define TIMEOUT_MS 5000

/* The member of the answer. One that is not ready answers all the same. */
static void ask_part(struct ctl *ctl, struct look *look, const char *path, const char *member,
                     json_t **ret_part)
{
    const struct question question = {.path = path, .timeout_ms = TIMEOUT_MS};
    json_t *result;
    struct reply reply;

    if (look->exit != CTL_OK) {
        return;
    }
    ask_quietly(ctl, &question, &reply);
    result = reply_result(&reply);
    if (result) {
        *ret_part = json_incref(member ? json_object_get(result, member) : result);
    } else {
        look->exit = reply.exit;
        look->problem = reply.problem;
    }
    reply_free(&reply);
}

void look_take(struct ctl *ctl, bool newest, struct look *ret_look)
{
    struct look look = {.exit = CTL_OK};

    ask_part(ctl, &look, "/readyz", NULL, &look.health);
    ask_part(ctl, &look, "/v1/requests?state=pending&limit=200", "requests", &look.pending);
    ask_part(ctl, &look, "/v1/jobs?state=running&limit=200", "jobs", &look.running);
    ask_part(ctl, &look, "/v1/jobs?state=queued&limit=200", "jobs", &look.queued);
    if (newest) {
        ask_part(ctl, &look, "/v1/requests?limit=200", "requests", &look.requests);
        ask_part(ctl, &look, "/v1/jobs?limit=200", "jobs", &look.jobs);
    }
    if (look.exit != CTL_OK) {
        const struct look nothing = {.exit = look.exit, .problem = look.problem};

        look_free(&look);
        look = nothing;
    }
    *ret_look = look;
}

void look_free(struct look *look)
{
    json_decref(look->health);
    json_decref(look->pending);
    json_decref(look->running);
    json_decref(look->queued);
    json_decref(look->requests);
    json_decref(look->jobs);
}
