#include "assent/ctl/registration_body.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/base/text.h"
#include "assent/ctl/input.h"

/* Options that become a text of that name. */
static const struct {
    const char *option, *field;
} texts[] = {
    {"id", "requestId"},         {"action", "action"},
    {"reason", "reason"},        {"urgency", "urgency"},
    {"service", "service"},      {"client-id", "clientId"},
    {"expires-at", "expiresAt"}, {"callback-url", "callbackUrl"},
};

static const char *const fields_only[] = {"id",      "action",       "reason",     "urgency",
                                          "service", "client-id",    "expires-at", "expires-in",
                                          "context", "context-file", "after",      "callback-url"};

static int check_together(const struct arguments *arguments, bool asks, struct problem *problem)
{
    for (size_t i = 0; i < sizeof fields_only / sizeof fields_only[0]; i++) {
        if (arguments_has(arguments, "file") && arguments_has(arguments, fields_only[i])) {
            problem_set(problem, "--file is the whole request: --%s can't stand beside it",
                        fields_only[i]);
            return -EINVAL;
        }
    }
    if (!arguments_has(arguments, "file") &&
        ((!asks && !arguments_has(arguments, "id")) || !arguments_has(arguments, "action"))) {
        problem_set(problem, asks ? "expected --action NAME, or --file FILE"
                                  : "expected --id ID and --action NAME, or --file FILE");
        return -EINVAL;
    }
    if (arguments_has(arguments, "context") && arguments_has(arguments, "context-file")) {
        problem_set(problem, "expected either --context or --context-file, not both");
        return -EINVAL;
    }
    if (arguments_has(arguments, "expires-in") && arguments_has(arguments, "expires-at")) {
        problem_set(problem, "expected either --expires-in or --expires-at, not both");
        return -EINVAL;
    }
    return arguments_choice(arguments, "urgency", "low|medium|high", problem);
}

/* --- the fields ------------------------------------------------------------------------------- */

static int set_texts(json_t *body, const struct arguments *arguments, struct problem *problem)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *value = arguments_value(arguments, texts[i].option);

        if (value && json_object_set_new(body, texts[i].field, json_string(value)) < 0) {
            problem_set(problem, "--%s: this is not valid UTF-8", texts[i].option);
            return -EINVAL;
        }
    }
    return 0;
}

static int set_expiry(json_t *body, const struct arguments *arguments, struct problem *problem)
{
    const char *at = arguments_value(arguments, "expires-at");
    int64_t ms = 0;

    if (at && text_to_time(at, &ms) < 0) {
        problem_set(problem,
                    "--expires-at: expected a time such as 2026-03-16T10:30:45Z, not "
                    "'%.100s'",
                    at);
        return -EINVAL;
    }
    if (!arguments_has(arguments, "expires-in")) {
        return 0;
    }
    if (arguments_duration(arguments, "expires-in", &ms, problem) < 0) {
        return -EINVAL;
    }
    if (ms < 1000 || ms % 1000 != 0) {
        problem_set(problem, "--expires-in: expected whole seconds, at least one");
        return -EINVAL;
    }
    return json_object_set_new(body, "expiresIn", json_integer(ms / 1000));
}

static int parse_context(const char *option, const void *bytes, size_t length, json_t *body,
                         struct problem *problem)
{
    struct problem cause;
    json_t *context;
    int r = json_parse(bytes, length, &context, &cause);

    if (r < 0) {
        problem_set(problem, "--%s: %s", option, r == -ENOMEM ? "out of memory" : cause.text);
        return -EINVAL;
    }
    if (!json_is_object(context)) {
        problem_set(problem, "--%s: expected a JSON object", option);
        json_decref(context);
        return -EINVAL;
    }
    return json_object_set_new(body, "context", context);
}

static int set_context(json_t *body, const struct arguments *arguments, struct problem *problem)
{
    const char *text = arguments_value(arguments, "context");
    const char *path = arguments_value(arguments, "context-file");
    struct buffer content = {0};
    int r;

    if (text) {
        return parse_context("context", text, strlen(text), body, problem);
    }
    if (!path) {
        return 0;
    }
    r = input_read(path, &content, problem);
    if (r == 0) {
        r = parse_context("context-file", content.data, content.length, body, problem);
    }
    buffer_free(&content);
    return r;
}

/* `ID` or `ID, ID`. */
static int set_after(json_t *body, const struct arguments *arguments, struct problem *problem)
{
    const char *at = arguments_value(arguments, "after");
    json_t *ids = at ? json_array() : NULL;

    while (at && *at) {
        size_t length = strcspn(at, ", ");

        if (length > 0 && json_array_append_new(ids, json_stringn(at, length)) < 0) {
            problem_set(problem, "--after: this is not valid UTF-8");
            json_decref(ids);
            return -EINVAL;
        }
        at += length + strspn(at + length, ", ");
    }
    return ids ? json_object_set_new(body, "after", ids) : 0;
}

static int build(json_t *body, const struct arguments *arguments, struct buffer *out,
                 struct problem *problem)
{
    char *text;
    int r = set_texts(body, arguments, problem);

    if (r == 0) {
        r = set_expiry(body, arguments, problem);
    }
    if (r == 0) {
        r = set_context(body, arguments, problem);
    }
    if (r == 0) {
        r = set_after(body, arguments, problem);
    }
    if (r < 0) {
        return r;
    }
    text = json_text(body);
    r = text ? buffer_append_text(out, text) : -ENOMEM;
    free(text);
    return r;
}

static int make_body(const struct arguments *arguments, bool asks, struct buffer *out,
                     struct problem *ret_problem)
{
    const char *file = arguments_value(arguments, "file");
    int r = check_together(arguments, asks, ret_problem);
    json_t *body;

    if (r < 0) {
        return r;
    }
    if (file) {
        return input_read(file, out, ret_problem) < 0 ? -EINVAL : 0;
    }
    body = json_object();
    if (!body) {
        problem_set(ret_problem, "out of memory");
        return -EINVAL;
    }
    r = build(body, arguments, out, ret_problem);
    json_decref(body);
    return r < 0 ? -EINVAL : 0;
}

int registration_body(const struct arguments *arguments, struct buffer *out,
                      struct problem *ret_problem)
{
    return make_body(arguments, false, out, ret_problem);
}

int asking_body(const struct arguments *arguments, struct buffer *out, struct problem *ret_problem)
{
    return make_body(arguments, true, out, ret_problem);
}
