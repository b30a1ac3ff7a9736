#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/text.h"
#include "assent/ctl/fields.h"
#include "assent/ctl/pause_view.h"
#include "assent/ctl/progress.h"
#include "assent/ctl/table.h"
#include "assent/ctl/watch.h"

#define PAUSES_SHOWN 3
#define BAR_INDENT   2
/* Hooks of the queue that are named. */
#define QUEUES 32

/* A part of the page: a heading, its rows, and a line that says how many are left out. */
struct section {
    const json_t **rows; /* borrowed, in the order of showing */
    size_t count;
    int64_t total;    /* as far as it is known: `count` at least */
    size_t row_lines; /* that each row takes */
    size_t shown;
    void (*show)(struct screen *screen, const struct section *section);
};

/* --- rows ------------------------------------------------------------------------------------- */

static void add_row(struct section *section, size_t room, const json_t *row)
{
    if (!section->rows) {
        section->rows = calloc(room, sizeof *section->rows);
        screen_must(section->rows ? 0 : -1);
    }
    section->rows[section->count++] = row;
}

static int by_expiry(const void *one, const void *other)
{
    int64_t a = field_time(*(const json_t *const *)one, "expiresAt");
    int64_t b = field_time(*(const json_t *const *)other, "expiresAt");

    return a < b ? -1 : a > b;
}

static void show_pending(struct screen *screen, const struct section *section)
{
    static const struct table_column columns[] = {
        {.heading = "PENDING", .least = 16, .dear = true},
        {.heading = "ACTION", .least = 8},
        {.heading = "URGENCY", .least = 6},
        {.heading = "AGE", .right = true},
        {.heading = "LEFT", .right = true},
    };
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0]);

    for (size_t i = 0; i < section->shown; i++) {
        const json_t *request = section->rows[i];
        const char *urgency = field_text_or_empty(request, "urgency");
        int64_t expires_at = field_time(request, "expiresAt");

        table_cell(table, COLOUR_STRONG, field_text(request, "requestId"));
        table_cell(table, COLOUR_PLAIN, field_text(request, "action"));
        table_cell(table, strcmp(urgency, "high") == 0 ? COLOUR_OPEN : COLOUR_PLAIN, urgency);
        table_cell_span(table, screen->now - field_time(request, "createdAt"));
        if (expires_at) {
            table_cell_span(table, expires_at - screen->now);
        } else {
            table_cell(table, COLOUR_PLAIN, NULL);
        }
    }
    table_show(table, screen);
    table_free(table);
}

static void show_running(struct screen *screen, const struct section *section)
{
    static const struct table_column columns[] = {
        {.heading = "RUNNING", .right = true},
        {.heading = "HOOK", .least = 10},
        {.heading = "REQUEST", .least = 16, .dear = true},
        {.heading = "TRY", .right = true},
        {.heading = "FOR", .right = true},
        {.heading = "", .least = 1},
    };
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0]);

    for (size_t i = 0; i < section->shown; i++) {
        const json_t *job = section->rows[i];

        table_cell_format(table, "%lld", (long long)field_number(job, "job", 0));
        table_cell(table, COLOUR_STRONG, field_text(job, "hook"));
        table_cell(table, COLOUR_PLAIN, field_text(job, "requestId"));
        table_cell_format(table, "%lld", (long long)field_number(job, "attempt", 0));
        table_cell_span(table, screen->now - field_time(job, "startedAt"));
        table_cell(table, COLOUR_BAD,
                   json_is_true(json_object_get(job, "canceling")) ? "being canceled" : NULL);
    }
    table_show(table, screen);
    table_free(table);
}

/* Two lines: what it is and how far it has come, and the bar. */
static void show_fan_out(struct screen *screen, const json_t *job)
{
    struct progress progress = {0};
    char text[PROGRESS_TEXT_SIZE];
    struct buffer left = {0};
    int64_t done;

    (void)progress_read(job, &progress);
    progress_text(&progress, screen->now, text);
    screen_must(buffer_append_format(
        &left, "%lld  %s for %s%s", (long long)field_number(job, "job", 0),
        field_text_or_empty(job, "hook"), field_text_or_empty(job, "requestId"),
        json_is_true(json_object_get(job, "canceling")) ? ", being canceled" : ""));
    screen_must(buffer_text(&left) ? 0 : -1);
    screen_cut(screen, COLOUR_STRONG, (const char *)left.data, text);
    buffer_free(&left);
    done = progress.succeeded + progress.failed + progress.interrupted;
    screen_format(screen, "%*s", BAR_INDENT, "");
    progress_bar(screen, &progress, screen_width(screen) - BAR_INDENT - strlen(" 100%"));
    screen_format(screen, " %3lld%%\n",
                  progress.total > 0 ? (long long)(done * 100 / progress.total) : 0);
}

static void show_fan_outs(struct screen *screen, const struct section *section)
{
    screen_cut(screen, COLOUR_FAINT, "ITEM BY ITEM", NULL);
    for (size_t i = 0; i < section->shown; i++) {
        show_fan_out(screen, section->rows[i]);
    }
}

/* --- sections --------------------------------------------------------------------------------- */

static size_t section_lines(const struct section *section)
{
    if (section->shown == 0) {
        return 0;
    }
    return 2 + section->shown * section->row_lines + ((int64_t)section->shown < section->total);
}

static size_t all_lines(const struct section *sections, size_t count)
{
    size_t lines = 0;

    for (size_t i = 0; i < count; i++) {
        lines += section_lines(&sections[i]);
    }
    return lines;
}

/* Each gets a row in turn, as long as there is room. */
static void share_room(struct section *sections, size_t count, size_t room)
{
    bool grown = true;

    while (grown) {
        grown = false;
        for (size_t i = 0; i < count; i++) {
            if (sections[i].shown == sections[i].count) {
                continue;
            }
            sections[i].shown++;
            if (all_lines(sections, count) <= room) {
                grown = true;
            } else {
                sections[i].shown--;
            }
        }
    }
}

static void show_section(struct screen *screen, const struct section *section)
{
    if (section->shown == 0) {
        return;
    }
    screen_text(screen, "\n");
    section->show(screen, section);
    if ((int64_t)section->shown < section->total) {
        char text[64];

        (void)snprintf(text, sizeof text, "and %lld more",
                       (long long)(section->total - (int64_t)section->shown));
        screen_cut(screen, COLOUR_FAINT, text, NULL);
    }
}

static int64_t count_of(const struct look *look, const char *what, const char *state)
{
    return field_number(json_object_get(look->health, what), state, 0);
}

static void show_sections(struct screen *screen, const struct look *look, size_t room)
{
    struct section sections[] = {
        {.row_lines = 2, .show = show_fan_outs},
        {.row_lines = 1, .show = show_pending},
        {.row_lines = 1, .show = show_running},
    };
    struct section *fan_outs = &sections[0], *pending = &sections[1], *running = &sections[2];
    size_t count = sizeof sections / sizeof sections[0];
    size_t jobs = json_array_size(look->running);
    size_t i;
    json_t *row;

    json_array_foreach(look->pending, i, row) {
        add_row(pending, json_array_size(look->pending), row);
    }
    json_array_foreach(look->running, i, row) {
        struct progress progress;

        add_row(progress_read(row, &progress) ? fan_outs : running, jobs, row);
    }
    if (pending->rows) {
        qsort(pending->rows, pending->count, sizeof *pending->rows, by_expiry);
    }
    fan_outs->total = (int64_t)fan_outs->count;
    pending->total = count_of(look, "requests", "pending");
    running->total = count_of(look, "jobs", "running") - fan_outs->total;
    for (i = 0; i < count; i++) {
        sections[i].total = sections[i].total > (int64_t)sections[i].count
                                ? sections[i].total
                                : (int64_t)sections[i].count;
    }
    share_room(sections, count, room);
    for (i = 0; i < count; i++) {
        show_section(screen, &sections[i]);
        free(sections[i].rows);
    }
    if (all_lines(sections, count) == 0 && room >= 2) {
        screen_text(screen, "\nNothing is pending or running.\n");
    }
}

/* --- the queue -------------------------------------------------------------------------------- */

struct queue {
    const char *hook;
    int64_t count;
    int64_t next_try; /* the soonest of those that wait for one; 0: none does */
};

static size_t count_queues(const json_t *jobs, struct queue queues[QUEUES])
{
    size_t count = 0;
    size_t i;
    json_t *job;

    json_array_foreach(jobs, i, job) {
        const char *hook = field_text_or_empty(job, "hook");
        int64_t next_try = field_time(job, "notBefore");
        size_t at = 0;

        while (at < count && strcmp(queues[at].hook, hook) != 0) {
            at++;
        }
        if (at == QUEUES) {
            continue;
        }
        if (at == count) {
            queues[count++] = (struct queue){.hook = hook};
        }
        queues[at].count++;
        if (next_try && (!queues[at].next_try || next_try < queues[at].next_try)) {
            queues[at].next_try = next_try;
        }
    }
    return count;
}

/* `Queue  812: 80 send-campaign, 3 tell-team (next try in 30s), ...` */
static void show_queue(struct screen *screen, const struct look *look)
{
    struct queue queues[QUEUES];
    size_t count = count_queues(look->queued, queues);
    int64_t listed = (int64_t)json_array_size(look->queued);
    int64_t total = count_of(look, "jobs", "queued");
    struct buffer line = {0};

    total = total > listed ? total : listed;
    screen_must(buffer_append_format(&line, "Queue  %lld", (long long)total));
    for (size_t i = 0; i < count; i++) {
        screen_must(buffer_append_format(&line, "%s%lld%s %s", i == 0 ? ": " : ", ",
                                         (long long)queues[i].count, total > listed ? "+" : "",
                                         queues[i].hook));
        if (queues[i].next_try) {
            char span[TEXT_SPAN_SIZE];

            text_from_span(queues[i].next_try - screen->now, span);
            screen_must(buffer_append_format(&line, " (next try in %s)", span));
        }
    }
    screen_must(buffer_text(&line) ? 0 : -1);
    screen_cut(screen, COLOUR_PLAIN, (const char *)line.data, NULL);
    buffer_free(&line);
}

/* --- the head --------------------------------------------------------------------------------- */

static void show_title(struct screen *screen, const struct watch_page *page)
{
    const json_t *health = page->look->health;
    bool ready = json_is_true(json_object_get(health, "ready"));
    const char *version = field_text(health, "version");
    struct buffer title = {0};
    char time[TEXT_TIME_SIZE];
    char clock[16];

    text_from_time(screen->now, time);
    (void)snprintf(clock, sizeof clock, "%.8sZ", time + 11);
    screen_must(buffer_append_format(&title, "assentd%s%s %s at %s", version ? " " : "",
                                     version ? version : "", ready ? "ready" : "NOT READY",
                                     page->where));
    screen_must(buffer_text(&title) ? 0 : -1);
    screen_cut(screen, ready ? COLOUR_STRONG : COLOUR_BAD, (const char *)title.data, clock);
    buffer_free(&title);
}

static void show_away(struct screen *screen, const struct watch_page *page)
{
    char span[TEXT_SPAN_SIZE];
    char line[128];

    if (!page->away) {
        return;
    }
    text_from_span(screen->now - page->away_since, span);
    (void)snprintf(line, sizeof line, "NO ANSWER for %s, trying again. Below is how it was then.",
                   span);
    screen_cut(screen, COLOUR_BAD, line, NULL);
    screen_cut(screen, COLOUR_BAD, page->away, NULL);
}

static void show_pauses(struct screen *screen, const json_t *paused)
{
    size_t i;
    json_t *pause;

    json_array_foreach(paused, i, pause) {
        struct buffer line = {0};

        if (i == PAUSES_SHOWN) {
            screen_cut(screen, COLOUR_BAD, "PAUSED  and more: assentctl status", NULL);
            break;
        }
        screen_must(buffer_append_text(&line, "PAUSED  "));
        pause_append(&line, pause, screen->now);
        screen_must(buffer_text(&line) ? 0 : -1);
        screen_cut(screen, COLOUR_BAD, (const char *)line.data, NULL);
        buffer_free(&line);
    }
}

/* What waits for a person. */
static void show_attention(struct screen *screen, const struct look *look)
{
    int64_t interrupted = count_of(look, "jobs", "interrupted");
    char line[128];

    if (interrupted > 0) {
        (void)snprintf(line, sizeof line,
                       "%lld interrupted: assentctl jobs --state interrupted, then retry",
                       (long long)interrupted);
        screen_cut(screen, COLOUR_BAD, line, NULL);
    }
}

static size_t count_lines(const struct screen *screen)
{
    size_t lines = 0;

    for (size_t i = 0; i < screen->text.length; i++) {
        lines += screen->text.data[i] == '\n';
    }
    return lines;
}

void watch_page(struct screen *screen, const struct watch_page *page)
{
    size_t lines;

    show_title(screen, page);
    show_away(screen, page);
    show_pauses(screen, json_object_get(page->look->health, "paused"));
    show_attention(screen, page->look);
    show_queue(screen, page->look);
    lines = count_lines(screen) + 1;
    show_sections(screen, page->look, page->rows > lines ? page->rows - lines : 0);
    for (lines = count_lines(screen); lines + 1 < page->rows; lines++) {
        screen_text(screen, "\n");
    }
    screen_cut(screen, COLOUR_FAINT, "q quits", NULL);
}
