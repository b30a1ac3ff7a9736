#include "assent/caller/call_plan.h"

#include <errno.h>
#include <stdlib.h>

#include "assent/base/json.h"
#include "assent/caller/relay_request.h"

static int copy_settings(struct call_plan *plan, const struct config_hook *hook)
{
    struct http_request *request = &plan->request;

    if (buffer_append(&plan->tls_ca, hook->tls_ca.bytes, hook->tls_ca.length) < 0) {
        return -ENOMEM;
    }
    request->tls_ca = hook->tls_ca.length > 0 ? plan->tls_ca.data : NULL;
    request->tls_ca_length = plan->tls_ca.length;
    request->redirects = hook->redirects;
    request->repeatable = hook->sends_key;
    request->timeout_ms = hook->timeout_ms;
    request->output_limit = hook->output_limit;
    return 0;
}

static int fill(struct call_plan *plan, const struct config *config, const struct config_hook *hook,
                const json_t *record, struct problem *ret_problem)
{
    struct hook_request *made = &plan->made;
    int r = copy_settings(plan, hook);

    if (r == 0) {
        r = hook->purpose == PURPOSE_RELAY
                ? relay_request_make(config, hook, record, made, ret_problem)
                : hook_request_make(hook, record, made, ret_problem);
    }
    plan->request.method = made->method;
    plan->request.url = made->url;
    plan->request.headers = (const char *const *)made->headers;
    plan->request.header_count = made->header_count;
    if (made->has_body) {
        plan->request.body = made->body.data ? (const char *)made->body.data : "";
        plan->request.body_length = made->body.length;
    }
    return r;
}

static enum json_interest interest(const void *hook, const char *path, size_t length)
{
    return hook_request_interest(hook, path, length);
}

/* What is passed on is all of it; a hook names what it needs. */
static int parse(const struct config_hook *hook, const void *record, size_t length,
                 json_t **ret_json, struct problem *ret_problem)
{
    return hook->purpose == PURPOSE_RELAY
               ? json_parse(record, length, ret_json, ret_problem)
               : json_parse_members(record, length, interest, hook, ret_json, ret_problem);
}

int call_plan_make(const struct config *config, const struct config_hook *hook, const void *record,
                   size_t record_length, struct call_plan **ret_plan, struct problem *ret_problem)
{
    struct problem problem;
    struct call_plan *plan;
    json_t *json;
    int r = parse(hook, record, record_length, &json, &problem);

    if (r == -EBADMSG) {
        problem_set(ret_problem, "the record is not JSON: %s", problem.text);
        return -EINVAL;
    }
    if (r < 0) {
        return r;
    }
    plan = calloc(1, sizeof *plan);
    r = plan ? fill(plan, config, hook, json, ret_problem) : -ENOMEM;
    json_decref(json);
    if (r < 0) {
        call_plan_free(plan);
        return r;
    }
    *ret_plan = plan;
    return 0;
}

void call_plan_free(struct call_plan *plan)
{
    if (!plan) {
        return;
    }
    hook_request_clear(&plan->made);
    buffer_free(&plan->tls_ca);
    free(plan);
}
