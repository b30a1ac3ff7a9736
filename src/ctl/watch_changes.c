#include <stdlib.h>
#include <string.h>

#include "assent/base/text.h"
#include "assent/ctl/ask.h"
#include "assent/ctl/fields.h"
#include "assent/ctl/job_view.h"
#include "assent/ctl/pause_view.h"
#include "assent/ctl/progress.h"
#include "assent/ctl/request_view.h"
#include "assent/ctl/watch.h"
#include "assent/domain/job.h"

/* Rows that are looked up one by one in one look, since no list has them any more. */
#define LOOKUPS 20

/* A kind of row: requests, or jobs. */
struct kind {
    const char *name;
    const char *path;
    void (*append_key)(struct buffer *key, const json_t *row);
    void (*append_state)(struct buffer *out, const json_t *row);
    bool (*is_open)(const json_t *row);
    void (*append_line)(struct buffer *line, const json_t *row, int64_t now);
};

struct watch_changes {
    bool begun;
    char *health;    /* `ready`, `not ready` or why there is no answer; NULL at first */
    json_t *paused;  /* without how long; NULL at first */
    json_t *seen[2]; /* for each kind: {key: state} of what was seen */
    json_t *open[2]; /* of those the open ones: {key: true} */
};

/* --- requests --------------------------------------------------------------------------------- */

static void append_request_key(struct buffer *key, const json_t *row)
{
    path_append(key, "%s?service=%s", field_text_or_empty(row, "requestId"),
                field_text_or_empty(row, "service"));
}

static void append_request_state(struct buffer *out, const json_t *row)
{
    screen_must(buffer_append_text(out, field_text_or_empty(row, "status")));
}

static bool request_is_open(const json_t *row)
{
    return request_exit(row) == CTL_UNDECIDED;
}

static void append_request(struct buffer *line, const json_t *row, int64_t now)
{
    screen_must(buffer_append_text(line, "request "));
    request_append(line, row, now);
    screen_must(buffer_append_format(line, " (%s)", field_text_or_empty(row, "action")));
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void append_job_key(struct buffer *key, const json_t *row)
{
    screen_must(buffer_append_format(key, "%lld", (long long)field_number(row, "job", 0)));
}

static void append_job_state(struct buffer *out, const json_t *row)
{
    struct progress progress = {0};

    (void)progress_read(row, &progress);
    screen_must(buffer_append_format(
        out, "%s %lld %s %d %lld %lld %lld", field_text_or_empty(row, "state"),
        (long long)field_number(row, "attempt", 0), field_text_or_empty(row, "notBefore"),
        json_is_true(json_object_get(row, "canceling")), (long long)progress.succeeded,
        (long long)progress.failed, (long long)progress.interrupted));
}

static bool job_is_open(const json_t *row)
{
    enum job_state state = job_state_from_name(field_text_or_empty(row, "state"));

    return state == JOB_QUEUED || state == JOB_RUNNING;
}

static void append_job(struct buffer *line, const json_t *row, int64_t now)
{
    int64_t attempt = field_number(row, "attempt", 0);
    size_t before;

    screen_must(buffer_append_format(
        line, "job %lld, %s for %s: %s", (long long)field_number(row, "job", 0),
        field_text_or_empty(row, "hook"), field_text_or_empty(row, "requestId"),
        field_text_or_empty(row, "state")));
    if (attempt > 1) {
        screen_must(buffer_append_format(line, ", attempt %lld", (long long)attempt));
    }
    screen_must(buffer_append_text(line, "; "));
    before = line->length;
    job_note_append(line, row, now);
    line->length -= line->length == before ? strlen("; ") : 0;
}

static const struct kind kinds[] = {
    {"request", "/v1/requests/", append_request_key, append_request_state, request_is_open,
     append_request},
    {"job", "/v1/jobs/", append_job_key, append_job_state, job_is_open, append_job},
};

/* --- lines ------------------------------------------------------------------------------------ */

/* `2026-03-16 10:30:45Z  TEXT`, or with --json `{"at": ..., NAME: VALUE}`. */
static void show(struct ctl *ctl, struct buffer *text, const char *name, const json_t *value)
{
    char at[TEXT_TIME_SIZE];

    if (ctl->json) {
        json_t *line;

        text_from_time(ctl->screen.now, at);
        line = json_pack("{s:s, s:O}", "at", at, name, value);
        screen_must(line ? 0 : -1);
        screen_json(&ctl->screen, line, false);
        json_decref(line);
    } else {
        screen_must(buffer_text(text) ? 0 : -1);
        screen_time(&ctl->screen, ctl->screen.now);
        screen_text(&ctl->screen, "  ");
        screen_outside(&ctl->screen, COLOUR_PLAIN, (const char *)text->data);
    }
    screen_text(&ctl->screen, "\n");
}

static void show_row(struct ctl *ctl, const struct kind *kind, const json_t *row)
{
    struct buffer text = {0};

    kind->append_line(&text, row, ctl->screen.now);
    show(ctl, &text, kind->name, row);
    buffer_free(&text);
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Notes the row, and shows it if it has changed; at first only what is open. */
static void see(struct watch_changes *changes, struct ctl *ctl, size_t k, const json_t *row)
{
    const struct kind *kind = &kinds[k];
    struct buffer key = {0};
    struct buffer state = {0};
    const char *before;
    bool changed;

    kind->append_key(&key, row);
    kind->append_state(&state, row);
    screen_must(buffer_text(&key) && buffer_text(&state) ? 0 : -1);
    before = field_text(changes->seen[k], (const char *)key.data);
    changed = !before || strcmp(before, (const char *)state.data) != 0;
    if (changed && (changes->begun || kind->is_open(row))) {
        show_row(ctl, kind, row);
    }
    if (changed) {
        screen_must(json_object_set_new(changes->seen[k], (const char *)key.data,
                                        json_string((const char *)state.data)));
    }
    if (kind->is_open(row)) {
        screen_must(json_object_set_new(changes->open[k], (const char *)key.data, json_true()));
    } else {
        (void)json_object_del(changes->open[k], (const char *)key.data);
    }
    buffer_free(&key);
    buffer_free(&state);
}

/* What happened first comes first. */
static void see_list(struct watch_changes *changes, struct ctl *ctl, size_t k, const json_t *rows,
                     json_t *listed)
{
    for (size_t i = json_array_size(rows); i > 0; i--) {
        const json_t *row = json_array_get(rows, i - 1);
        struct buffer key = {0};

        kinds[k].append_key(&key, row);
        screen_must(buffer_text(&key) ? 0 : -1);
        if (!json_object_get(listed, (const char *)key.data)) {
            screen_must(json_object_set_new(listed, (const char *)key.data, json_true()));
            see(changes, ctl, k, row);
        }
        buffer_free(&key);
    }
}

/* What was open and is in none of the lists: it has ended, or others are newer. */
static void look_up(struct watch_changes *changes, struct ctl *ctl, size_t k, const json_t *listed)
{
    json_t *open = json_copy(changes->open[k]);
    const char *key;
    json_t *ignored;
    int left = LOOKUPS;

    screen_must(open ? 0 : -1);
    json_object_foreach(open, key, ignored) {
        struct buffer path = {0};
        struct question question = {0};
        struct reply reply;

        if (json_object_get(listed, key) || left-- <= 0) {
            continue;
        }
        screen_must(buffer_append_text(&path, kinds[k].path));
        screen_must(buffer_append_text(&path, key));
        question.path = path_text(&path);
        ask_quietly(ctl, &question, &reply);
        if (reply.exit == CTL_OK) {
            see(changes, ctl, k, reply_result(&reply));
        } else if (reply.status == 404) {
            (void)json_object_del(changes->open[k], key);
        }
        reply_free(&reply);
        buffer_free(&path);
    }
    json_decref(open);
}

/* What is neither open nor listed any more will not be seen again. */
static void forget_rest(struct watch_changes *changes, size_t k, const json_t *listed)
{
    const char *key;
    json_t *ignored;
    void *next;

    json_object_foreach_safe(changes->seen[k], next, key, ignored) {
        if (!json_object_get(listed, key) && !json_object_get(changes->open[k], key)) {
            (void)json_object_del(changes->seen[k], key);
        }
    }
}

/* --- the daemon ------------------------------------------------------------------------------- */

static void see_health(struct watch_changes *changes, struct ctl *ctl, const char *text)
{
    struct buffer line = {0};
    json_t *value;

    if (changes->health && strcmp(changes->health, text) == 0) {
        return;
    }
    free(changes->health);
    changes->health = strdup(text);
    value = json_string(text);
    screen_must(changes->health && value ? 0 : -1);
    screen_must(buffer_append_format(&line, "daemon %s", text));
    show(ctl, &line, "daemon", value);
    json_decref(value);
    buffer_free(&line);
}

static void see_pauses(struct watch_changes *changes, struct ctl *ctl, json_t *paused)
{
    struct buffer line = {0};
    bool nothing = json_array_size(paused) == 0;
    size_t i;
    json_t *pause;

    if (!paused || (!changes->paused && nothing) ||
        (changes->paused && json_equal(changes->paused, paused))) {
        return;
    }
    json_decref(changes->paused);
    changes->paused = json_incref(paused);
    screen_must(buffer_append_text(&line, nothing ? "nothing is paused" : "PAUSED "));
    json_array_foreach(paused, i, pause) {
        screen_must(buffer_append_text(&line, i > 0 ? "; " : ""));
        pause_append(&line, pause, ctl->screen.now);
    }
    show(ctl, &line, "paused", paused);
    buffer_free(&line);
}

void watch_changes_show(struct watch_changes *changes, struct ctl *ctl, const struct look *look)
{
    json_t *const *const lists[][2] = {{&look->pending, &look->requests},
                                       {&look->queued, &look->running}};

    if (look->exit != CTL_OK) {
        struct buffer away = {0};

        screen_must(buffer_append_format(&away, "away, trying again: %s", look->problem.text));
        screen_must(buffer_text(&away) ? 0 : -1);
        see_health(changes, ctl, (const char *)away.data);
        buffer_free(&away);
        return;
    }
    see_health(changes, ctl,
               json_is_true(json_object_get(look->health, "ready")) ? "ready" : "not ready");
    see_pauses(changes, ctl, json_object_get(look->health, "paused"));
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        json_t *listed = json_object();

        screen_must(listed ? 0 : -1);
        see_list(changes, ctl, k, *lists[k][0], listed);
        see_list(changes, ctl, k, *lists[k][1], listed);
        if (k == 1) {
            see_list(changes, ctl, k, look->jobs, listed);
        }
        look_up(changes, ctl, k, listed);
        forget_rest(changes, k, listed);
        json_decref(listed);
    }
    changes->begun = true;
}

void watch_changes_new(struct watch_changes **ret_changes)
{
    struct watch_changes *changes = calloc(1, sizeof *changes);

    screen_must(changes ? 0 : -1);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        changes->seen[k] = json_object();
        changes->open[k] = json_object();
        screen_must(changes->seen[k] && changes->open[k] ? 0 : -1);
    }
    *ret_changes = changes;
}

void watch_changes_free(struct watch_changes *changes)
{
    if (!changes) {
        return;
    }
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        json_decref(changes->seen[k]);
        json_decref(changes->open[k]);
    }
    json_decref(changes->paused);
    free(changes->health);
    free(changes);
}
