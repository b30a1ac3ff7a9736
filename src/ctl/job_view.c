#include "assent/ctl/job_view.h"

#include <stdio.h>
#include <string.h>

#include "assent/base/text.h"
#include "assent/ctl/fields.h"

#define DETAIL_INDENT 4

enum colour job_colour(const char *state)
{
    if (strcmp(state, "succeeded") == 0) {
        return COLOUR_GOOD;
    }
    if (strcmp(state, "failed") == 0 || strcmp(state, "interrupted") == 0) {
        return COLOUR_BAD;
    }
    return strcmp(state, "canceled") == 0 ? COLOUR_FAINT : COLOUR_OPEN;
}

/* How long it ran or has been running; false if it was never started. */
static bool run_time(const json_t *run, int64_t now, char ret_text[TEXT_SPAN_SIZE])
{
    int64_t started_at = field_time(run, "startedAt");
    int64_t ended_at = field_time(run, "endedAt");

    if (!started_at) {
        return false;
    }
    text_from_span((ended_at ? ended_at : now) - started_at, ret_text);
    return true;
}

static void show_indented(struct screen *screen, size_t indent, const char *text)
{
    if (text && text[0]) {
        screen_format(screen, "%*s", (int)indent, "");
        screen_wrapped(screen, indent, text);
    }
}

void job_view_line(struct screen *screen, const json_t *job)
{
    const char *state = field_text_or_empty(job, "state");
    int64_t attempt = field_number(job, "attempt", 0);
    char span[TEXT_SPAN_SIZE] = "";
    char number[32];
    char tries[32] = "";
    const struct screen_part parts[] = {
        {COLOUR_PLAIN, number},
        {COLOUR_STRONG, field_text_or_empty(job, "hook")},
        {COLOUR_PLAIN, "  "},
        {job_colour(state), state},
        {COLOUR_PLAIN, !field_time(job, "startedAt") ? ""
                       : field_time(job, "endedAt")  ? " after "
                                                     : " for "},
        {COLOUR_PLAIN, span},
        {COLOUR_PLAIN, tries},
    };

    (void)snprintf(number, sizeof number, "  %lld  ", (long long)field_number(job, "job", 0));
    (void)run_time(job, screen->now, span);
    if (attempt > 1) {
        (void)snprintf(tries, sizeof tries, ", attempt %lld", (long long)attempt);
    }
    screen_line(screen, DETAIL_INDENT, parts, sizeof parts / sizeof parts[0]);
    show_indented(screen, DETAIL_INDENT, field_text(job, "error"));
}

/* --- one job ---------------------------------------------------------------------------------- */

/* `, exit status 0`, whichever of them it has: where there is an error, that tells it. */
static void append_ending(struct screen *screen, const json_t *attempt)
{
    int64_t exit_code = field_number(attempt, "exitCode", -1);
    int64_t signal = field_number(attempt, "signal", 0);
    int64_t http_status = field_number(attempt, "httpStatus", 0);

    if (exit_code >= 0) {
        screen_format(screen, ", exit status %lld", (long long)exit_code);
    }
    if (signal > 0) {
        screen_format(screen, ", signal %lld", (long long)signal);
    }
    if (http_status > 0) {
        screen_format(screen, ", HTTP status %lld", (long long)http_status);
    }
}

static void show_attempt(struct screen *screen, const json_t *attempt)
{
    const char *state = field_text_or_empty(attempt, "state");
    const char *error = field_text(attempt, "error");
    int64_t started_at = field_time(attempt, "startedAt");
    char span[TEXT_SPAN_SIZE];

    screen_format(screen, "  %lld  ", (long long)field_number(attempt, "attempt", 0));
    if (started_at) {
        screen_time(screen, started_at);
        screen_text(screen, "  ");
    }
    screen_outside(screen, job_colour(state), state);
    if (run_time(attempt, screen->now, span)) {
        screen_format(screen, field_time(attempt, "endedAt") ? " after %s" : " for %s", span);
    }
    if (!error) {
        append_ending(screen, attempt);
    }
    screen_text(screen, "\n");
    show_indented(screen, DETAIL_INDENT, error);
}

static void show_time(struct screen *screen, const char *label, int64_t time)
{
    if (time) {
        screen_label(screen, label);
        screen_time(screen, time);
        screen_text(screen, "\n");
    }
}

void job_view(struct screen *screen, const json_t *job)
{
    const json_t *attempts = json_object_get(job, "attempts");
    const char *state = field_text_or_empty(job, "state");
    size_t i;
    json_t *attempt;

    screen_label(screen, "Job");
    screen_format(screen, "%lld\n", (long long)field_number(job, "job", 0));
    screen_field(screen, "Hook", field_text(job, "hook"));
    screen_field(screen, "Request", field_text(job, "requestId"));
    screen_field(screen, "Service", field_text(job, "service"));
    screen_field(screen, "Action", field_text(job, "action"));
    screen_label(screen, "State");
    screen_outside(screen, job_colour(state), state);
    screen_text(screen, "\n");
    screen_field(screen, "Error", field_text(job, "error"));
    screen_field(screen, "Key", field_text(job, "key"));
    show_time(screen, "Queued", field_time(job, "createdAt"));
    screen_text(screen, json_array_size(attempts) > 0 ? "\nAttempts\n" : "");
    json_array_foreach(attempts, i, attempt) {
        show_attempt(screen, attempt);
    }
}

/* --- a list ----------------------------------------------------------------------------------- */

struct table *job_table_new(void)
{
    static const struct table_column columns[] = {
        {.heading = "JOB", .right = true}, {.heading = "REQUEST", .least = 16, .dear = true},
        {.heading = "HOOK", .least = 10},  {.heading = "STATE", .least = 11},
        {.heading = "AGE", .right = true}, {.heading = "TOOK", .right = true},
        {.heading = "ERROR", .least = 5},
    };

    return table_new(columns, sizeof columns / sizeof columns[0]);
}

void job_table_row(struct table *table, const json_t *job, int64_t now)
{
    const char *state = field_text_or_empty(job, "state");
    char span[TEXT_SPAN_SIZE];

    table_cell_format(table, "%lld", (long long)field_number(job, "job", 0));
    table_cell(table, COLOUR_STRONG, field_text(job, "requestId"));
    table_cell(table, COLOUR_PLAIN, field_text(job, "hook"));
    table_cell(table, job_colour(state), state);
    text_from_span(now - field_time(job, "createdAt"), span);
    table_cell(table, COLOUR_PLAIN, span);
    table_cell(table, COLOUR_PLAIN, run_time(job, now, span) ? span : NULL);
    table_cell(table, COLOUR_PLAIN, field_text(job, "error"));
}
