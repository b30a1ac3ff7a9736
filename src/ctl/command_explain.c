#include "assent/ctl/ask.h"
#include "assent/ctl/fields.h"
#include "assent/ctl/registration_body.h"

static const struct option_spec options[] = {
    {"action", 0, "NAME", "what would be asked for: [action NAME] of the configuration"},
    {"context", 0, "JSON", "an object, as the request would have it"},
    {"context-file", 0, "FILE", "the same from a file, or from standard input for -"},
    {"reason", 0, "TEXT", "why it would be asked for"},
    {"urgency", 0, "LEVEL", "low, medium (the default) or high"},
    {"file", 0, "FILE", "the whole request as JSON, from a file, or standard input for -"},
    {0},
};

static void show(struct screen *screen, const json_t *result)
{
    screen_text(screen, field_text_or_empty(result, "verdict"));
    screen_text(screen, "\n  because ");
    screen_text(screen, field_text_or_empty(result, "reason"));
    screen_text(screen, "\n");
    if (field_text(result, "rule")) {
        screen_text(screen, "  rule    ");
        screen_text(screen, field_text(result, "rule"));
        screen_text(screen, "\n");
    }
}

static int run_explain(struct ctl *ctl, const struct arguments *arguments)
{
    struct buffer body = {0};
    struct question question = {.post = true, .path = "/v1/explain"};
    struct problem problem;
    json_t *result = NULL;
    int status;

    if (asking_body(arguments, &body, &problem) < 0) {
        buffer_free(&body);
        return ctl_refuse(ctl, "explain: %s", problem.text);
    }
    question.body = body.data;
    question.body_length = body.length;
    status = ask(ctl, &question, &result);
    buffer_free(&body);
    if (status != CTL_OK) {
        return status;
    }
    if (ctl->json) {
        ctl_show_json(ctl, result);
    } else {
        show(&ctl->screen, result);
    }
    json_decref(result);
    return CTL_OK;
}

const struct command command_explain = {
    .name = "explain",
    .summary = "say what policy would do with a request, and why",
    .description =
        "Says whether a request would be refused, approved by policy, or needs approval,\n"
        "and which rule decides that. Nothing is asked for and nothing is kept.\n",
    .options = options,
    .run = run_explain,
};
