#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "assent/base/clock.h"
#include "assent/base/json.h"
#include "assent/base/text.h"
#include "assent/ctl/ask.h"
#include "assent/ctl/fields.h"

#define PAGE     "500"
#define PAUSE_NS 500000000

static const struct option_spec options[] = {
    {"cursor", 0, "N", "only what came behind the event of that number"},
    {"follow", 'f', NULL, "go on with what happens from now on, until it is ended"},
    {0},
};

static void show_details(struct screen *screen, const json_t *details)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)details, name, value) {
        char *text = json_plain_text(value);

        screen_text(screen, " ");
        screen_text(screen, name);
        screen_text(screen, "=");
        screen_text(screen, text ? text : "");
        free(text);
    }
}

static void show_event(struct ctl *ctl, const json_t *event)
{
    struct screen *screen = &ctl->screen;

    if (ctl->json) {
        ctl_show_json(ctl, event);
        return;
    }
    screen_text(screen, field_text_or_empty(event, "at"));
    screen_text(screen, " ");
    screen_text(screen, field_text_or_empty(event, "kind"));
    if (field_text(event, "requestId")) {
        screen_text(screen, " ");
        screen_text(screen, field_text(event, "requestId"));
    }
    if (field_number(event, "job", 0) > 0) {
        screen_format(screen, " job=%lld", (long long)field_number(event, "job", 0));
    }
    show_details(screen, json_object_get(event, "details"));
    screen_text(screen, "\n");
}

/* Shows one page and moves the cursor. Returns how many events it had, or -1 with the exit status. */
static int show_page(struct ctl *ctl, char **cursor, int *ret_status)
{
    struct buffer path = {0};
    json_t *result = NULL;
    json_t *event;
    json_t *events;
    size_t index;
    int count;

    path_append(&path, "/v1/events");
    path_option(&path, "limit", PAGE);
    path_option(&path, "cursor", *cursor);
    *ret_status = ask(ctl, &(struct question){.path = path_text(&path)}, &result);
    buffer_free(&path);
    if (*ret_status != CTL_OK) {
        return -1;
    }
    events = json_object_get(result, "events");
    json_array_foreach(events, index, event) {
        show_event(ctl, event);
    }
    count = (int)json_array_size(events);
    free(*cursor);
    *cursor = strdup(field_text_or_empty(result, "cursor"));
    json_decref(result);
    return count;
}

static int run_events(struct ctl *ctl, const struct arguments *arguments)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    bool follows = arguments_has(arguments, "follow");
    const char *from = arguments_value(arguments, "cursor");
    char *cursor = from ? strdup(from) : NULL;
    int status = CTL_OK;
    int count;

    while ((count = show_page(ctl, &cursor, &status)) > 0 || (count == 0 && follows)) {
        if (!ctl_flush(ctl)) {
            status = CTL_OUTPUT_FAILED;
            break;
        }
        if (count == 0) {
            (void)nanosleep(&pause, NULL);
        }
    }
    free(cursor);
    return status;
}

const struct command command_events = {
    .name = "events",
    .summary = "show all that happened, in order",
    .description =
        "Shows all that happened to requests, jobs and queues, oldest first, as far back\n"
        "as it is kept.\n",
    .options = options,
    .run = run_events,
};
