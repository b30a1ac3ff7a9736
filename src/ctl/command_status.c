#include <string.h>

#include "assent/ctl/ask.h"
#include "assent/ctl/fields.h"
#include "assent/ctl/pause_view.h"

static void show_part(struct screen *screen, const char *label, const json_t *result,
                      const char *member, const char *good)
{
    const char *value = field_text_or_empty(result, member);

    screen_label(screen, label);
    screen_outside(screen, strcmp(value, good) == 0 ? COLOUR_GOOD : COLOUR_BAD, value);
    screen_text(screen, "\n");
}

/* `12 pending, 340 approved`: those that there are. */
static void show_counts(struct screen *screen, const char *label, const json_t *counts)
{
    struct buffer text = {0};
    const char *state;
    json_t *count;

    json_object_foreach((json_t *)(uintptr_t)counts, state, count) {
        if (json_integer_value(count) > 0) {
            screen_must(buffer_append_format(&text, "%s%lld %s", text.length > 0 ? ", " : "",
                                             (long long)json_integer_value(count), state));
        }
    }
    screen_must(buffer_text(&text) ? 0 : -1);
    screen_field(screen, label, text.length > 0 ? (const char *)text.data : "none");
    buffer_free(&text);
}

/* What operators alone are told. */
static void show_parts(struct screen *screen, const json_t *result)
{
    show_part(screen, "Store", result, "store", "writable");
    show_part(screen, "Runner", result, "runner", "connected");
    show_part(screen, "Caller", result, "caller", "connected");
    show_counts(screen, "Requests", json_object_get(result, "requests"));
    show_counts(screen, "Jobs", json_object_get(result, "jobs"));
}

static void show_status(struct ctl *ctl, const json_t *result)
{
    struct screen *screen = &ctl->screen;
    bool ready = json_is_true(json_object_get(result, "ready"));

    screen_label(screen, "Daemon");
    screen_outside(screen, ready ? COLOUR_GOOD : COLOUR_BAD, ready ? "ready" : "not ready");
    if (field_text(result, "version")) {
        screen_text(screen, ", assentd ");
        screen_outside(screen, COLOUR_PLAIN, field_text(result, "version"));
    }
    screen_text(screen, "\n");
    pause_view(screen, json_object_get(result, "paused"));
    screen_field(screen, ctl->reach.socket ? "Socket" : "URL", reach_name(&ctl->reach));
    if (field_text(result, "version")) {
        show_parts(screen, result);
    }
}

static int run_status(struct ctl *ctl, const struct arguments *arguments)
{
    const struct question question = {.path = "/readyz"};
    const json_t *result;
    struct reply reply;
    int status;

    (void)arguments;
    ask_quietly(ctl, &question, &reply);
    result = reply_result(&reply);
    status = reply.exit;
    if (!result) {
        reply_complain(ctl, &reply);
    } else if (ctl->json) {
        ctl_show_json(ctl, result);
    } else {
        show_status(ctl, result);
    }
    reply_free(&reply);
    return status;
}

const struct command command_status = {
    .name = "status",
    .summary = "say whether the daemon is ready, and how much it has to do",
    .description =
        "Says whether the daemon is ready: its store can be written, and the processes\n"
        "that run hooks are connected. Says what is paused, since when and by whom.\n"
        "Counts requests and jobs by state. Agents are told only whether it is ready.\n"
        "\n"
        "Exit status: 0 ready, 1 not ready, 5 no daemon, 64 the command line is wrong.\n",
    .run = run_status,
};
