#include "assent/caller/call_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assent/base/digest.h"
#include "assent/base/json.h"

static int render_text(const struct template *template, const char *place, const json_t *record,
                       char **ret_text, struct problem *ret_problem)
{
    struct buffer out = {0};
    struct problem problem;
    int r = template_render(template, record, &out, &problem);
    char *text;

    if (r == -ENOENT || r == -EINVAL) {
        problem_set(ret_problem, "%s: %s", place, problem.text);
        r = -EINVAL;
    }
    if (r < 0) {
        buffer_free(&out);
        return r;
    }
    text = buffer_take_text(&out);
    if (!text) {
        buffer_free(&out);
        return -ENOMEM;
    }
    *ret_text = text;
    return 0;
}

/* Takes the text over, also on failure. */
static int add_header(struct call_plan *plan, char *header)
{
    char **grown =
        header ? reallocarray(plan->headers, plan->header_count + 1, sizeof *grown) : NULL;

    if (!grown) {
        free(header);
        return -ENOMEM;
    }
    plan->headers = grown;
    plan->headers[plan->header_count++] = header;
    return 0;
}

static bool has_header(const struct call_plan *plan, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < plan->header_count; i++) {
        if (strncasecmp(plan->headers[i], name, length) == 0 && plan->headers[i][length] == ':') {
            return true;
        }
    }
    return false;
}

static int add_headers(struct call_plan *plan, const struct config_hook *hook, const json_t *record,
                       struct problem *ret_problem)
{
    for (size_t i = 0; i < hook->headers.count; i++) {
        char *header;
        int r = render_text(hook->headers.items[i], "header", record, &header, ret_problem);

        if (r == 0) {
            r = add_header(plan, header);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int add_bearer(struct call_plan *plan, const struct signature_secret *bearer)
{
    struct buffer header = {0};
    char *text = NULL;

    if (bearer->length == 0) {
        return 0;
    }
    /* Room for all at once: growing would leave copies of the secret behind. */
    if (buffer_reserve(&header, sizeof "Authorization: Bearer " + bearer->length) == 0 &&
        buffer_append_text(&header, "Authorization: Bearer ") == 0 &&
        buffer_append(&header, bearer->bytes, bearer->length) == 0) {
        text = buffer_take_text(&header);
    }
    buffer_wipe(&header);
    return add_header(plan, text);
}

static int add_body(struct call_plan *plan, const struct config_hook *hook, const json_t *record,
                    struct problem *ret_problem)
{
    const char *type =
        hook->body ? "Content-Type: application/json" : "Content-Type: text/plain; charset=utf-8";
    struct problem problem;
    int r;

    if (!hook->body && !hook->body_verbatim) {
        return 0;
    }
    r = hook->body ? template_render(hook->body, record, &plan->body, &problem)
                   : buffer_append_text(&plan->body, hook->body_verbatim);
    if (r == -ENOENT || r == -EINVAL) {
        problem_set(ret_problem, "body: %s", problem.text);
        return -EINVAL;
    }
    if (r == 0 && !has_header(plan, "Content-Type")) {
        r = add_header(plan, strdup(type));
    }
    plan->request.body = plan->body.data ? (const char *)plan->body.data : "";
    plan->request.body_length = plan->body.length;
    return r;
}

static int copy_settings(struct call_plan *plan, const struct config_hook *hook)
{
    struct http_request *request = &plan->request;

    plan->method = strdup(hook->method);
    if (!plan->method ||
        buffer_append(&plan->tls_ca, hook->tls_ca.bytes, hook->tls_ca.length) < 0) {
        return -ENOMEM;
    }
    request->method = plan->method;
    request->tls_ca = hook->tls_ca.length > 0 ? plan->tls_ca.data : NULL;
    request->tls_ca_length = plan->tls_ca.length;
    request->redirects = hook->redirects;
    request->repeatable = hook->sends_key;
    request->timeout_ms = hook->timeout_ms;
    request->output_limit = hook->output_limit;
    return 0;
}

static int fill(struct call_plan *plan, const struct config_hook *hook, const json_t *record,
                struct problem *ret_problem)
{
    int r = copy_settings(plan, hook);

    if (r == 0) {
        r = render_text(hook->url, "url", record, &plan->url, ret_problem);
    }
    if (r == 0) {
        r = add_headers(plan, hook, record, ret_problem);
    }
    if (r == 0) {
        r = add_bearer(plan, &hook->bearer);
    }
    if (r == 0) {
        r = add_body(plan, hook, record, ret_problem);
    }
    plan->request.url = plan->url;
    plan->request.headers = (const char *const *)plan->headers;
    plan->request.header_count = plan->header_count;
    return r;
}

int call_plan_make(const struct config_hook *hook, const void *record, size_t record_length,
                   struct call_plan **ret_plan, struct problem *ret_problem)
{
    struct problem problem;
    struct call_plan *plan;
    json_t *json;
    int r = json_parse(record, record_length, &json, &problem);

    if (r == -EBADMSG) {
        problem_set(ret_problem, "the record is not JSON: %s", problem.text);
        return -EINVAL;
    }
    if (r < 0) {
        return r;
    }
    plan = calloc(1, sizeof *plan);
    r = plan ? fill(plan, hook, json, ret_problem) : -ENOMEM;
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
    for (size_t i = 0; i < plan->header_count; i++) {
        digest_wipe(plan->headers[i], strlen(plan->headers[i]));
        free(plan->headers[i]);
    }
    free(plan->headers);
    free(plan->method);
    free(plan->url);
    buffer_free(&plan->body);
    buffer_free(&plan->tls_ca);
    free(plan);
}
