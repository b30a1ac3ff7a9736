#include "assent/ctl/request_view.h"

#include <stdio.h>
#include <string.h>

#include "assent/base/text.h"
#include "assent/ctl/ctl.h"
#include "assent/ctl/fields.h"
#include "assent/ctl/job_view.h"

#define CONTEXT_LINES 40
#define EVENT_INDENT  24
#define LINE_INDENT   2

/* --- states ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum colour colour;
    int exit;
} states[] = {
    {"approved", COLOUR_GOOD, CTL_APPROVED}, {"denied", COLOUR_BAD, CTL_DENIED},
    {"expired", COLOUR_BAD, CTL_EXPIRED},    {"canceled", COLOUR_FAINT, CTL_ENDED},
    {"failed", COLOUR_BAD, CTL_ENDED},       {"delivered", COLOUR_GOOD, CTL_ENDED},
};

#define STATE_COUNT (sizeof states / sizeof states[0])

static enum colour request_colour(const char *state)
{
    for (size_t i = 0; i < STATE_COUNT; i++) {
        if (strcmp(states[i].name, state) == 0) {
            return states[i].colour;
        }
    }
    return COLOUR_OPEN;
}

int request_exit(const json_t *request)
{
    const char *state = field_text_or_empty(request, "status");

    for (size_t i = 0; i < STATE_COUNT; i++) {
        if (strcmp(states[i].name, state) == 0) {
            return states[i].exit;
        }
    }
    return CTL_UNDECIDED;
}

#define SPAN_SIZE (TEXT_SPAN_SIZE + 16)

/* ` after 4m12s` or `, 55m left`: how long it took, or how long it has. */
static void describe_span(const json_t *request, int64_t now, char ret_text[SPAN_SIZE])
{
    int64_t final_at = field_time(request, "finalAt");
    int64_t expires_at = field_time(request, "expiresAt");
    char span[TEXT_SPAN_SIZE];

    ret_text[0] = '\0';
    if (final_at) {
        text_from_span(final_at - field_time(request, "createdAt"), span);
        (void)snprintf(ret_text, SPAN_SIZE, " after %s", span);
    } else if (expires_at > now) {
        text_from_span(expires_at - now, span);
        (void)snprintf(ret_text, SPAN_SIZE, ", %s left", span);
    } else if (expires_at) {
        (void)snprintf(ret_text, SPAN_SIZE, ", about to expire");
    }
}

void request_append(struct buffer *out, const json_t *request, int64_t now)
{
    const char *by = field_text(request, "decidedBy");
    char span[SPAN_SIZE];

    describe_span(request, now, span);
    screen_must(buffer_append_format(out, "%s %s%s%s%s", field_text_or_empty(request, "requestId"),
                                     field_text_or_empty(request, "status"), span, by ? " by " : "",
                                     by ? by : ""));
}

void request_view_line(struct screen *screen, const json_t *request)
{
    const char *state = field_text_or_empty(request, "status");
    const char *by = field_text(request, "decidedBy");
    char span[SPAN_SIZE];
    const struct screen_part parts[] = {
        {COLOUR_STRONG, field_text_or_empty(request, "requestId")},
        {COLOUR_PLAIN, " "},
        {request_colour(state), state},
        {COLOUR_PLAIN, span},
        {COLOUR_PLAIN, by ? " by " : ""},
        {COLOUR_PLAIN, by ? by : ""},
    };

    describe_span(request, screen->now, span);
    screen_line(screen, LINE_INDENT, parts, sizeof parts / sizeof parts[0]);
}

/* --- one request ------------------------------------------------------------------------------ */

static void show_state(struct screen *screen, const json_t *request)
{
    const char *state = field_text_or_empty(request, "status");
    char span[SPAN_SIZE];

    describe_span(request, screen->now, span);
    screen_label(screen, "State");
    screen_outside(screen, request_colour(state), state);
    screen_format(screen, "%s\n", span);
}

/* `2026-03-16 10:30:45Z, 4m12s ago` */
static void show_time(struct screen *screen, const char *label, int64_t time)
{
    char span[TEXT_SPAN_SIZE];

    if (!time) {
        return;
    }
    screen_label(screen, label);
    screen_time(screen, time);
    text_from_span(time > screen->now ? time - screen->now : screen->now - time, span);
    screen_format(screen, time > screen->now ? ", in %s\n" : ", %s ago\n", span);
}

static void show_who_and_when(struct screen *screen, const json_t *request)
{
    screen_field(screen, "Decided by", field_text(request, "decidedBy"));
    show_time(screen, "Decided", field_time(request, "decidedAt"));
    screen_field(screen, "Because", field_text(request, "denialReason"));
    screen_field(screen, "Registered by", field_text(request, "registeredBy"));
    show_time(screen, "Registered", field_time(request, "createdAt"));
    show_time(screen, "Expires", field_time(request, "expiresAt"));
    screen_field(screen, "Client id", field_text(request, "clientId"));
}

static void show_context(struct screen *screen, const json_t *context)
{
    struct screen json = {0};
    const char *line;
    size_t shown = 0;
    size_t left = 0;

    if (json_object_size(context) == 0) {
        return;
    }
    screen_json(&json, context, true);
    line = buffer_text(&json.text);
    screen_must(line ? 0 : -1);
    screen_label(screen, "Context");
    for (; *line; line += line[0] == '\n') {
        size_t length = strcspn(line, "\n");

        if (shown++ < CONTEXT_LINES) {
            screen_format(screen, "%*s", shown > 1 ? SCREEN_LABEL_WIDTH : 0, "");
            screen_broken(screen, SCREEN_LABEL_WIDTH, line, length);
        } else {
            left++;
        }
        line += length;
    }
    if (left > 0) {
        screen_format(screen, "%*s(%zu lines more: --json shows all)\n", SCREEN_LABEL_WIDTH, "",
                      left);
    }
    screen_free(&json);
}

static void show_jobs(struct screen *screen, const json_t *jobs)
{
    size_t i;
    json_t *job;

    if (json_array_size(jobs) == 0) {
        return;
    }
    screen_text(screen, "\nJobs\n");
    json_array_foreach(jobs, i, job) {
        job_view_line(screen, job);
    }
}

/* `request.denied: denied by ops@example.com: too many recipients` */
static void append_event(struct buffer *line, const json_t *event)
{
    const json_t *details = json_object_get(event, "details");
    int64_t job = field_number(event, "job", 0);
    static const struct {
        const char *name, *before;
    } known[] = {{"decision", ": "}, {"decidedBy", " by "}, {"reason", ": "},
                 {"hook", " "},      {"by", " by "},        {"error", ": "}};

    screen_must(buffer_append_text(line, field_text_or_empty(event, "kind")));
    if (job) {
        screen_must(buffer_append_format(line, ": job %lld", (long long)job));
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const char *value = field_text(details, known[i].name);

        if (value) {
            screen_must(buffer_append_text(line, known[i].before));
            screen_must(buffer_append_text(line, value));
        }
    }
    if (field_number(details, "attempt", 0) > 1) {
        screen_must(buffer_append_format(line, " (attempt %lld)",
                                         (long long)field_number(details, "attempt", 0)));
    }
}

static void show_events(struct screen *screen, const json_t *events)
{
    struct buffer line = {0};
    size_t i;
    json_t *event;

    if (json_array_size(events) == 0) {
        return;
    }
    screen_text(screen, "\nEvents\n");
    json_array_foreach(events, i, event) {
        line.length = 0;
        append_event(&line, event);
        screen_must(buffer_text(&line) ? 0 : -1);
        screen_text(screen, "  ");
        screen_time(screen, field_time(event, "at"));
        screen_text(screen, "  ");
        screen_wrapped(screen, EVENT_INDENT, (const char *)line.data);
    }
    buffer_free(&line);
}

void request_view(struct screen *screen, const json_t *request)
{
    screen_field(screen, "Request", field_text(request, "requestId"));
    screen_field(screen, "Service", field_text(request, "service"));
    screen_field(screen, "Action", field_text(request, "action"));
    screen_field(screen, "Urgency", field_text(request, "urgency"));
    screen_field(screen, "Reason", field_text(request, "reason"));
    show_state(screen, request);
    show_who_and_when(screen, request);
    show_context(screen, json_object_get(request, "context"));
    show_jobs(screen, json_object_get(request, "jobs"));
    show_events(screen, json_object_get(request, "events"));
}

/* --- a list ----------------------------------------------------------------------------------- */

struct table *request_table_new(void)
{
    static const struct table_column columns[] = {
        {.heading = "REQUEST", .least = 20, .dear = true},
        {.heading = "ACTION", .least = 8},
        {.heading = "STATE", .least = 9},
        {.heading = "AGE", .right = true},
        {.heading = "LEFT", .right = true},
        {.heading = "BY", .least = 6},
    };

    return table_new(columns, sizeof columns / sizeof columns[0]);
}

void request_table_row(struct table *table, const json_t *request, int64_t now)
{
    const char *state = field_text_or_empty(request, "status");
    int64_t expires_at = field_time(request, "expiresAt");

    table_cell(table, COLOUR_STRONG, field_text(request, "requestId"));
    table_cell(table, COLOUR_PLAIN, field_text(request, "action"));
    table_cell(table, request_colour(state), state);
    table_cell_span(table, now - field_time(request, "createdAt"));
    if (request_exit(request) == CTL_UNDECIDED && expires_at) {
        table_cell_span(table, expires_at - now);
    } else {
        table_cell(table, COLOUR_PLAIN, NULL);
    }
    table_cell(table, COLOUR_PLAIN, field_text(request, "decidedBy"));
}
