#include <stdlib.h>
#include <string.h>

#include "assent/ctl/ask.h"
#include "assent/ctl/decision_wait.h"
#include "assent/ctl/fields.h"
#include "assent/ctl/registration_body.h"
#include "assent/ctl/request_view.h"

static const struct option_spec options[] = {
    {"id", 0, "ID", "the id that the approval service gave the request"},
    {"action", 0, "NAME", "what shall be approved: [action NAME] of the configuration"},
    {"context", 0, "JSON", "an object that the hooks get"},
    {"context-file", 0, "FILE", "the same from a file, or from standard input for -"},
    {"reason", 0, "TEXT", "why it is asked for"},
    {"urgency", 0, "LEVEL", "low, medium (the default) or high"},
    {"expires-in", 0, "TIME", "how long it may take to decide: 30s, 10m, 1h..."},
    {"expires-at", 0, "TIME", "until when: 2026-03-16T10:30:45Z"},
    {"service", 0, "NAME", "the approval service, where several are configured"},
    {"client-id", 0, "ID", "an id of your own: the same one again is the same request"},
    {"file", 0, "FILE", "the whole request as JSON, from a file, or standard input for -"},
    {"wait", 0, NULL, "wait for the decision: the exit status is as with 'wait'"},
    {"timeout", 0, "TIME", "with --wait: give up after 30s, 10m, 1h..."},
    {0},
};

static int post(struct ctl *ctl, const struct arguments *arguments, json_t **ret_result)
{
    struct buffer body = {0};
    struct question question = {.post = true, .path = "/v1/requests"};
    struct problem problem;
    int status;

    if (registration_body(arguments, &body, &problem) < 0) {
        buffer_free(&body);
        return ctl_refuse(ctl, "register: %s", problem.text);
    }
    question.body = body.data;
    question.body_length = body.length;
    status = ask(ctl, &question, ret_result);
    buffer_free(&body);
    return status;
}

static int wait_for(struct ctl *ctl, const json_t *request, int64_t timeout_ms)
{
    return decision_wait(ctl, field_text_or_empty(request, "requestId"),
                         field_text(request, "service"), timeout_ms);
}

static int run_register(struct ctl *ctl, const struct arguments *arguments)
{
    bool waits = arguments_has(arguments, "wait");
    int64_t timeout_ms = -1;
    json_t *request = NULL;
    struct problem problem;
    int status;

    if (arguments_duration(arguments, "timeout", &timeout_ms, &problem) < 0) {
        return ctl_refuse(ctl, "register: %s", problem.text);
    }
    if (timeout_ms >= 0 && !waits) {
        return ctl_refuse(ctl, "register: --timeout is for --wait");
    }
    status = post(ctl, arguments, &request);
    if (status != CTL_OK) {
        return status == CTL_ERROR && waits ? CTL_WAIT_ERROR : status;
    }
    if (waits) {
        status = wait_for(ctl, request, timeout_ms);
    } else if (ctl->json) {
        ctl_show_json(ctl, request);
    } else {
        request_view_line(&ctl->screen, request);
    }
    json_decref(request);
    return status;
}

const struct command command_register = {
    .name = "register",
    .summary = "tell of a request that an approval service was asked for",
    .description =
        "Tells the daemon of a request that the approval service was asked for already,\n"
        "so that its decision is recognised and its hooks run. To register the same\n"
        "again changes nothing; another request under the same id is refused.\n",
    .options = options,
    .run = run_register,
};
