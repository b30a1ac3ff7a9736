#include "assent/ctl/ask.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "assent/ctl/client.h"
#include "assent/ctl/fields.h"

#define USUAL_TIMEOUT_MS 30000
/* For how long a daemon that has gone is waited for. */
#define ABSENCE_MS 60000
#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

/* --- paths ------------------------------------------------------------------------------------ */

static void append_encoded(struct buffer *path, const char *text)
{
    for (; *text; text++) {
        screen_must(strchr(UNRESERVED, *text)
                        ? buffer_append(path, text, 1)
                        : buffer_append_format(path, "%%%02X", (unsigned char)*text));
    }
}

void path_append(struct buffer *path, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    while (*format) {
        size_t length = strcspn(format, "%");

        screen_must(buffer_append(path, format, length));
        format += length;
        if (*format) {
            append_encoded(path, va_arg(arguments, const char *));
            format += strlen("%s");
        }
    }
    va_end(arguments);
}

void path_option(struct buffer *path, const char *name, const char *value)
{
    if (value) {
        char mark = memchr(path->data, '?', path->length) ? '&' : '?';

        screen_must(buffer_append_format(path, "%c%s=", mark, name));
        append_encoded(path, value);
    }
}

const char *path_text(struct buffer *path)
{
    const char *text = buffer_text(path);

    screen_must(text ? 0 : -1);
    return text;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void note_failure(const struct ctl *ctl, int r, struct reply *reply)
{
    struct problem cause = reply->problem;

    reply->exit = r == -ECANCELED ? CTL_OUTPUT_FAILED : CTL_NO_DAEMON;
    if (r == -ENOTCONN) {
        problem_set(&reply->problem,
                    "no daemon at %s: %.200s; is assentd running? --%s names another",
                    reach_name(&ctl->reach), cause.text, ctl->reach.socket ? "socket" : "url");
    } else {
        problem_set(&reply->problem, "the daemon at %s: %.200s", reach_name(&ctl->reach),
                    cause.text);
    }
}

static void note_error(struct reply *reply)
{
    const char *message = field_text(reply->json, "message");

    reply->exit = CTL_ERROR;
    if (!message) {
        problem_set(&reply->problem, "the daemon answered with HTTP status %u and no explanation",
                    reply->status);
        return;
    }
    if (strcmp(field_text_or_empty(reply->json, "error"), "ambiguous") == 0) {
        problem_set(&reply->problem, "%.400s: name one with --service", message);
        return;
    }
    problem_set(&reply->problem, "%.500s", message);
}

void ask_quietly(struct ctl *ctl, const struct question *question, struct reply *ret_reply)
{
    struct buffer url = {0};
    struct client_request request = {
        .unix_socket = ctl->reach.socket,
        .post = question->post,
        .body = question->body,
        .body_length = question->body_length,
        .headers = {reach_authorization(&ctl->reach)},
        .timeout_ms = question->timeout_ms ? question->timeout_ms : USUAL_TIMEOUT_MS,
        .sink = question->sink,
    };
    struct client_answer answer = {0};
    int r;

    *ret_reply = (struct reply){.exit = CTL_OK};
    screen_must(buffer_append_format(&url, "%s%s", ctl->reach.url, question->path));
    request.url = path_text(&url);
    r = client_exchange(&request, &answer, &ret_reply->problem);
    buffer_free(&url);
    ctl->reached |= r == 0 || r == -EIO;
    if (r < 0) {
        note_failure(ctl, r, ret_reply);
        return;
    }
    ret_reply->status = answer.status;
    ret_reply->json = answer.json;
    if (answer.status / 100 != 2 || (!question->sink && !reply_result(ret_reply))) {
        note_error(ret_reply);
    }
}

void reply_complain(const struct ctl *ctl, const struct reply *reply)
{
    struct screen errors = {0};

    if (!ctl->json || !field_text(reply->json, "error")) {
        ctl_complain("%s", reply->problem.text);
        return;
    }
    screen_json(&errors, reply->json, false);
    (void)fprintf(stderr, "%s\n", buffer_text(&errors.text));
    screen_free(&errors);
}

int ask(struct ctl *ctl, const struct question *question, json_t **ret_result)
{
    struct reply reply;
    int status;

    ask_quietly(ctl, question, &reply);
    status = reply.exit;
    if (status == CTL_OK) {
        *ret_result = json_incref(reply_result(&reply));
    } else {
        reply_complain(ctl, &reply);
    }
    reply_free(&reply);
    return status;
}

int ask_and_show(struct ctl *ctl, bool post, struct buffer *path,
                 void (*view)(struct screen *screen, const json_t *result))
{
    const struct question question = {.post = post, .path = path_text(path)};
    json_t *result = NULL;
    int status = ask(ctl, &question, &result);

    buffer_free(path);
    if (status != CTL_OK) {
        return status;
    }
    if (ctl->json) {
        ctl_show_json(ctl, result);
    } else {
        view(&ctl->screen, result);
    }
    json_decref(result);
    return CTL_OK;
}

bool reply_is_bearable(const struct ctl *ctl, const struct reply *reply, int64_t *seen, int64_t now)
{
    if (!*seen && ctl->reached) {
        *seen = now;
    }
    return (reply->exit == CTL_NO_DAEMON || reply->status == 503) && *seen &&
           now - *seen < ABSENCE_MS;
}

json_t *reply_result(const struct reply *reply)
{
    return json_object_get(reply->json, "result");
}

void reply_free(struct reply *reply)
{
    json_decref(reply->json);
    reply->json = NULL;
}
