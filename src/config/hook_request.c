#include "assent/config/hook_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assent/base/digest.h"

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

int hook_request_add_header(struct hook_request *request, char *header)
{
    char **grown =
        header ? reallocarray(request->headers, request->header_count + 1, sizeof *grown) : NULL;

    if (!grown) {
        free(header);
        return -ENOMEM;
    }
    request->headers = grown;
    request->headers[request->header_count++] = header;
    return 0;
}

static bool has_header(const struct hook_request *request, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < request->header_count; i++) {
        if (strncasecmp(request->headers[i], name, length) == 0 &&
            request->headers[i][length] == ':') {
            return true;
        }
    }
    return false;
}

static int add_headers(struct hook_request *request, const struct config_hook *hook,
                       const json_t *record, struct problem *ret_problem)
{
    for (size_t i = 0; i < hook->headers.count; i++) {
        char *header;
        int r = render_text(hook->headers.items[i], "header", record, &header, ret_problem);

        if (r == 0) {
            r = hook_request_add_header(request, header);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int add_bearer(struct hook_request *request, const struct signature_secret *bearer)
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
    return hook_request_add_header(request, text);
}

static int add_body(struct hook_request *request, const struct config_hook *hook,
                    const json_t *record, struct problem *ret_problem)
{
    const char *type =
        hook->body ? "Content-Type: application/json" : "Content-Type: text/plain; charset=utf-8";
    struct problem problem;
    int r;

    if (!hook->body && !hook->body_verbatim) {
        return 0;
    }
    request->has_body = true;
    r = hook->body ? template_render(hook->body, record, &request->body, &problem)
                   : buffer_append_text(&request->body, hook->body_verbatim);
    if (r == -ENOENT || r == -EINVAL) {
        problem_set(ret_problem, "body: %s", problem.text);
        return -EINVAL;
    }
    if (r == 0 && !has_header(request, "Content-Type")) {
        r = hook_request_add_header(request, strdup(type));
    }
    return r;
}

/* The most that a placeholder of the template wants of the record's member at that path. */
static enum json_interest interest_of(const struct template *template, const char *path,
                                      size_t length)
{
    enum json_interest most = JSON_PASS_OVER;
    const char *used;

    for (size_t i = 0; template && (used = template_name_at(template, i)); i++) {
        if (strlen(used) < length || memcmp(used, path, length) != 0) {
            continue;
        }
        if (used[length] == '\0') {
            return JSON_TAKE;
        }
        most = used[length] == '.' ? JSON_LOOK_INTO : most;
    }
    return most;
}

static enum json_interest more_of(enum json_interest one, enum json_interest other)
{
    return one > other ? one : other;
}

enum json_interest hook_request_interest(const struct config_hook *hook, const char *path,
                                         size_t length)
{
    enum json_interest most =
        more_of(interest_of(hook->url, path, length), interest_of(hook->body, path, length));

    for (size_t i = 0; i < hook->headers.count; i++) {
        most = more_of(most, interest_of(hook->headers.items[i], path, length));
    }
    return most;
}

int hook_request_make(const struct config_hook *hook, const json_t *record,
                      struct hook_request *request, struct problem *ret_problem)
{
    int r;

    request->method = strdup(hook->method);
    r = request->method ? 0 : -ENOMEM;
    if (r == 0) {
        r = render_text(hook->url, "url", record, &request->url, ret_problem);
    }
    if (r == 0) {
        r = add_headers(request, hook, record, ret_problem);
    }
    if (r == 0) {
        r = add_bearer(request, &hook->bearer);
    }
    return r == 0 ? add_body(request, hook, record, ret_problem) : r;
}

void hook_request_clear(struct hook_request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        digest_wipe(request->headers[i], strlen(request->headers[i]));
        free(request->headers[i]);
    }
    free(request->headers);
    free(request->method);
    free(request->url);
    buffer_free(&request->body);
    *request = (struct hook_request){0};
}
