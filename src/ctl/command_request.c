#include <stdlib.h>
#include <string.h>

#include "assent/ctl/ask.h"
#include "assent/ctl/decision_wait.h"
#include "assent/ctl/fields.h"
#include "assent/ctl/registration_body.h"

static const struct option_spec options[] = {
    {"action", 0, "NAME", "what shall be approved: [action NAME] of the configuration"},
    {"context", 0, "JSON", "an object that the hooks get"},
    {"context-file", 0, "FILE", "the same from a file, or from standard input for -"},
    {"reason", 0, "TEXT", "why it is asked for"},
    {"urgency", 0, "LEVEL", "low, medium (the default) or high"},
    {"expires-in", 0, "TIME", "how long it may take to decide: 30s, 10m, 1h..."},
    {"after", 0, "ID", "ask only once that request is approved and done; ID,ID for several"},
    {"client-id", 0, "ID", "an id of your own: the same one again is the same request"},
    {"callback-url", 0, "URL", "where the decision is passed on to, if [relay] allows it"},
    {"file", 0, "FILE", "the whole request as JSON, from a file, or standard input for -"},
    {"wait", 0, NULL, "wait for the decision: the exit status is as with 'wait'"},
    {"timeout", 0, "TIME", "with --wait: give up after 30s, 10m, 1h..."},
    {0},
};

/* The service's answer may have the id at the top or inside `result`. */
static char *id_in(const json_t *answer)
{
    const char *id = field_text(answer, "requestId");

    if (!id) {
        id = field_text_or_empty(json_object_get(answer, "result"), "requestId");
    }
    return strdup(id);
}

static int show(struct ctl *ctl, const struct reply *reply, const char *id)
{
    const char *status = field_text(json_object_get(reply->json, "result"), "status");

    if (ctl->json) {
        ctl_show_json(ctl, reply->json);
    } else {
        screen_text(&ctl->screen, id);
        screen_format(&ctl->screen, "  %s\n",
                      reply->status == 202 && !status ? "submitting"
                      : status                        ? status
                                                      : "asked for");
    }
    return CTL_OK;
}

static int post(struct ctl *ctl, const struct arguments *arguments, struct reply *ret_reply)
{
    struct buffer body = {0};
    struct question question = {.post = true, .path = "/v1/notify-operator"};
    struct problem problem;

    if (asking_body(arguments, &body, &problem) < 0) {
        buffer_free(&body);
        return ctl_refuse(ctl, "request: %s", problem.text);
    }
    question.body = body.data;
    question.body_length = body.length;
    ask_quietly(ctl, &question, ret_reply);
    buffer_free(&body);
    if (ret_reply->exit != CTL_OK) {
        reply_complain(ctl, ret_reply);
    }
    return ret_reply->exit;
}

static int run_request(struct ctl *ctl, const struct arguments *arguments)
{
    bool waits = arguments_has(arguments, "wait");
    int64_t timeout_ms = -1;
    struct reply reply = {0};
    struct problem problem;
    char *id = NULL;
    int status;

    if (arguments_duration(arguments, "timeout", &timeout_ms, &problem) < 0) {
        return ctl_refuse(ctl, "request: %s", problem.text);
    }
    if (timeout_ms >= 0 && !waits) {
        return ctl_refuse(ctl, "request: --timeout is for --wait");
    }
    status = post(ctl, arguments, &reply);
    if (status == CTL_OK) {
        id = id_in(reply.json);
        status = !id     ? CTL_NO_MEMORY
                 : waits ? decision_wait(ctl, id, NULL, timeout_ms)
                         : show(ctl, &reply, id);
    } else if (status == CTL_ERROR && waits) {
        status = CTL_WAIT_ERROR;
    }
    free(id);
    reply_free(&reply);
    return status;
}

const struct command command_request = {
    .name = "request",
    .summary = "ask for approval, through assentd",
    .description =
        "Asks the approval service for a decision about an action. What policy approves\n"
        "is approved at once, and nobody is asked.\n"
        "\n"
        "With --wait the exit status says how it was decided, so that a script can be\n"
        "written as: assentctl request --action NAME --wait && do-it\n",
    .options = options,
    .run = run_request,
};
