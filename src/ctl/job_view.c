#include "assent/ctl/job_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/base/text.h"
#include "assent/ctl/fields.h"
#include "assent/ctl/progress.h"

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

void job_note_append(struct buffer *note, const json_t *run, int64_t now)
{
    size_t before = note->length;
    const char *error = field_text(run, "error");
    int64_t not_before = field_time(run, "notBefore");
    struct progress progress;

    if (json_is_true(json_object_get(run, "canceling"))) {
        screen_must(buffer_append_text(note, "being canceled; "));
    }
    if (not_before) {
        char span[TEXT_SPAN_SIZE];

        text_from_span(not_before - now, span);
        screen_must(buffer_append_format(note, "next try in %s; ", span));
    }
    if (progress_read(run, &progress) && !field_time(run, "endedAt")) {
        char text[PROGRESS_TEXT_SIZE];

        progress_text(&progress, now, text);
        screen_must(buffer_append_format(note, "%s; ", text));
    }
    if (error) {
        screen_must(buffer_append_text(note, error));
    } else if (note->length > before) {
        note->length -= strlen("; ");
    }
    screen_must(buffer_text(note) ? 0 : -1);
}

void job_view_line(struct screen *screen, const json_t *job)
{
    const char *state = field_text_or_empty(job, "state");
    int64_t attempt = field_number(job, "attempt", 0);
    char span[TEXT_SPAN_SIZE] = "";
    char number[32];
    char tries[32] = "";
    struct buffer note = {0};
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
    job_note_append(&note, job, screen->now);
    show_indented(screen, DETAIL_INDENT, (const char *)note.data);
    buffer_free(&note);
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

/* `2026-03-16 10:40:45Z, in 4m`, for what is still to come. */
static void show_time(struct screen *screen, const char *label, int64_t time)
{
    char span[TEXT_SPAN_SIZE];

    if (!time) {
        return;
    }
    screen_label(screen, label);
    screen_time(screen, time);
    if (time > screen->now) {
        text_from_span(time - screen->now, span);
        screen_format(screen, ", in %s", span);
    }
    screen_text(screen, "\n");
}

static void show_number(struct screen *screen, const char *label, int64_t number)
{
    if (number > 0) {
        screen_label(screen, label);
        screen_format(screen, "%lld\n", (long long)number);
    }
}

static void show_state(struct screen *screen, const json_t *job)
{
    const char *state = field_text_or_empty(job, "state");

    screen_label(screen, "State");
    screen_outside(screen, job_colour(state), state);
    if (json_is_true(json_object_get(job, "canceling"))) {
        screen_text(screen, ", being canceled");
    }
    screen_text(screen, "\n");
}

static void show_progress(struct screen *screen, const json_t *job)
{
    struct progress progress;

    if (!progress_read(job, &progress)) {
        return;
    }
    screen_label(screen, "Items");
    progress_bar(screen, &progress, SCREEN_WIDTH - SCREEN_LABEL_WIDTH);
    screen_format(screen, "\n%*s%lld: %lld succeeded, %lld failed, %lld running, %lld to come\n",
                  SCREEN_LABEL_WIDTH, "", (long long)progress.total, (long long)progress.succeeded,
                  (long long)progress.failed, (long long)progress.running,
                  (long long)progress.queued);
    show_number(screen, "Interrupted", progress.interrupted);
    show_number(screen, "Canceled", progress.canceled);
    show_time(screen, "Likely end", progress.estimated_end);
}

void job_view(struct screen *screen, const json_t *job)
{
    const json_t *attempts = json_object_get(job, "attempts");
    size_t i;
    json_t *attempt;

    screen_label(screen, "Job");
    screen_format(screen, "%lld\n", (long long)field_number(job, "job", 0));
    screen_field(screen, "Hook", field_text(job, "hook"));
    screen_field(screen, "Request", field_text(job, "requestId"));
    screen_field(screen, "Service", field_text(job, "service"));
    screen_field(screen, "Action", field_text(job, "action"));
    show_number(screen, "Failed job", field_number(job, "failedJob", 0));
    show_state(screen, job);
    screen_field(screen, "Error", field_text(job, "error"));
    screen_field(screen, "Key", field_text(job, "key"));
    show_time(screen, "Queued", field_time(job, "createdAt"));
    show_time(screen, "Next try", field_time(job, "notBefore"));
    show_number(screen, "Retries", field_number(job, "retries", 0));
    show_progress(screen, job);
    screen_text(screen, json_array_size(attempts) > 0 ? "\nAttempts\n" : "");
    json_array_foreach(attempts, i, attempt) {
        show_attempt(screen, attempt);
    }
}

/* --- lists ------------------------------------------------------------------------------------ */

struct table *job_table_new(void)
{
    static const struct table_column columns[] = {
        {.heading = "JOB", .right = true},  {.heading = "REQUEST", .least = 16, .dear = true},
        {.heading = "HOOK", .least = 10},   {.heading = "STATE", .least = 11},
        {.heading = "TRY", .right = true},  {.heading = "AGE", .right = true},
        {.heading = "TOOK", .right = true}, {.heading = "NOTE", .least = 4},
    };

    return table_new(columns, sizeof columns / sizeof columns[0]);
}

/* State, number of the attempt. */
static void state_cells(struct table *table, const json_t *run)
{
    const char *state = field_text_or_empty(run, "state");
    int64_t attempt = field_number(run, "attempt", 0);

    table_cell(table, job_colour(state), state);
    if (attempt > 0) {
        table_cell_format(table, "%lld", (long long)attempt);
    } else {
        table_cell(table, COLOUR_PLAIN, NULL);
    }
}

static void note_cell(struct table *table, const json_t *run, int64_t now)
{
    struct buffer note = {0};

    job_note_append(&note, run, now);
    table_cell(table, COLOUR_PLAIN, (const char *)note.data);
    buffer_free(&note);
}

void job_table_row(struct table *table, const json_t *job, int64_t now)
{
    char span[TEXT_SPAN_SIZE];

    table_cell_format(table, "%lld", (long long)field_number(job, "job", 0));
    table_cell(table, COLOUR_STRONG, field_text(job, "requestId"));
    table_cell(table, COLOUR_PLAIN, field_text(job, "hook"));
    state_cells(table, job);
    text_from_span(now - field_time(job, "createdAt"), span);
    table_cell(table, COLOUR_PLAIN, span);
    table_cell(table, COLOUR_PLAIN, run_time(job, now, span) ? span : NULL);
    note_cell(table, job, now);
}

struct table *item_table_new(void)
{
    static const struct table_column columns[] = {
        {.heading = "ITEM", .right = true}, {.heading = "VALUE", .least = 16, .dear = true},
        {.heading = "STATE", .least = 11},  {.heading = "TRY", .right = true},
        {.heading = "TOOK", .right = true}, {.heading = "NOTE", .least = 4},
    };

    return table_new(columns, sizeof columns / sizeof columns[0]);
}

void item_table_row(struct table *table, const json_t *item, int64_t now)
{
    const json_t *value = json_object_get(item, "item");
    char *text = value ? json_plain_text(value) : NULL;
    char span[TEXT_SPAN_SIZE];

    table_cell_format(table, "%lld", (long long)field_number(item, "index", 0));
    table_cell(table, COLOUR_STRONG, text);
    state_cells(table, item);
    table_cell(table, COLOUR_PLAIN, run_time(item, now, span) ? span : NULL);
    note_cell(table, item, now);
    free(text);
}
