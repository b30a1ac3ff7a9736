#include "assent/ctl/output_follow.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "assent/base/text.h"
#include "assent/ctl/ask.h"
#include "assent/ctl/fields.h"
#include "assent/ctl/kept_output.h"
#include "assent/domain/job.h"

#define PAUSE_MS 333

struct follow {
    struct ctl *ctl;
    const struct output_wanted *wanted;
    struct kept_place output;
    struct kept_place error;
    int64_t attempt; /* that is followed; 0: none has begun */
    bool waits;      /* and that was told */
    int64_t seen;    /* when the daemon was last there; 0: never */
    json_t *shown;   /* with --json: the answer that was shown last */
};

/* --- writing ---------------------------------------------------------------------------------- */

static int write_part(const json_t *result, const char *member, FILE *file,
                      struct kept_place *place, bool last)
{
    bool terminal = isatty(fileno(file));
    struct kept_output kept;
    struct buffer text = {0};
    bool written;

    screen_must(kept_output_read(json_object_get(result, member), &kept));
    screen_must(kept_output_append(&kept, place, terminal, last, &text));
    written = ctl_write(&text, file);
    buffer_free(&text);
    kept_output_free(&kept);
    if (!written) {
        ctl_complain("can't write the output");
    }
    return written ? CTL_OK : CTL_OUTPUT_FAILED;
}

static int write_json(struct follow *follow, json_t *result)
{
    bool written;

    if (follow->shown && json_equal(follow->shown, result)) {
        return CTL_OK;
    }
    json_decref(follow->shown);
    follow->shown = json_incref(result);
    ctl_show_json(follow->ctl, result);
    written = ctl_flush(follow->ctl);
    return written ? CTL_OK : CTL_OUTPUT_FAILED;
}

/* What is new since the last time. With `last`, nothing will come any more. */
static int write_new(struct follow *follow, json_t *result, bool last)
{
    const struct output_wanted *wanted = follow->wanted;
    int status = CTL_OK;

    if (follow->ctl->json) {
        return write_json(follow, result);
    }
    if (wanted->standard_output) {
        status = write_part(result, "stdout", stdout, &follow->output, last);
    }
    if (status == CTL_OK && wanted->standard_error) {
        status = write_part(result, "stderr", wanted->error_to_output ? stdout : stderr,
                            &follow->error, last);
    }
    return status;
}

/* --- asking ----------------------------------------------------------------------------------- */

/* Of that attempt, or with 0 of the one that is wanted. */
static void ask_output(const struct follow *follow, int64_t attempt, struct reply *ret_reply)
{
    const struct output_wanted *wanted = follow->wanted;
    struct buffer path = {0};
    struct question question = {0};
    char number[32];

    (void)snprintf(number, sizeof number, "%lld", (long long)attempt);
    path_append(&path, "/v1/jobs/%s/output", wanted->job);
    path_option(&path, "attempt", attempt > 0 ? number : wanted->attempt);
    path_option(&path, "item", wanted->item);
    question.path = path_text(&path);
    ask_quietly(follow->ctl, &question, ret_reply);
    buffer_free(&path);
}

/* The job, or a page with the item. */
static void ask_run(const struct follow *follow, struct reply *ret_reply)
{
    const char *item = follow->wanted->item;
    struct buffer path = {0};
    struct question question = {0};
    char cursor[32];
    int64_t index = 0;

    path_append(&path, item ? "/v1/jobs/%s/items?limit=1" : "/v1/jobs/%s", follow->wanted->job);
    /* A cursor is one more than the index of the item before. */
    if (item && text_to_number(item, &index) == 0 && index > 0) {
        (void)snprintf(cursor, sizeof cursor, "%lld", (long long)index);
        path_option(&path, "cursor", cursor);
    }
    question.path = path_text(&path);
    ask_quietly(follow->ctl, &question, ret_reply);
    buffer_free(&path);
}

/* The run in the answer, borrowed; NULL, told, if there is none that can be followed. */
static const json_t *find_run(const struct follow *follow, const json_t *result)
{
    const struct output_wanted *wanted = follow->wanted;
    const json_t *run = result;

    if (wanted->item) {
        char index[32];

        run = json_array_get(json_object_get(result, "items"), 0);
        (void)snprintf(index, sizeof index, "%lld", (long long)field_number(run, "index", -1));
        if (strcmp(index, wanted->item) != 0) {
            ctl_complain("job %s has no item %s", wanted->job, wanted->item);
            return NULL;
        }
    } else if (json_is_object(json_object_get(result, "items"))) {
        ctl_complain("job %s has items: name one with --item", wanted->job);
        return NULL;
    }
    return run;
}

/* --- following -------------------------------------------------------------------------------- */

enum step { STEP_PAUSE, STEP_AT_ONCE, STEP_END };

static enum step end(const struct follow *follow, const json_t *run)
{
    const struct output_wanted *wanted = follow->wanted;
    const char *error = field_text(run, "error");

    if (!follow->ctl->json) {
        ctl_complain("%s%s%sjob %s %s%s%s", wanted->item ? "item " : "",
                     wanted->item ? wanted->item : "", wanted->item ? " of " : "", wanted->job,
                     field_text_or_empty(run, "state"), error ? ": " : "", error ? error : "");
    }
    return STEP_END;
}

static enum step next_attempt(struct follow *follow, int64_t attempt)
{
    follow->attempt = attempt;
    follow->output = (struct kept_place){0};
    follow->error = (struct kept_place){0};
    if (!follow->ctl->json && attempt > 1) {
        ctl_complain("job %s, attempt %lld:", follow->wanted->job, (long long)attempt);
    }
    return STEP_AT_ONCE;
}

/* The attempt's output, asked for after the run has been. */
static enum step follow_attempt(struct follow *follow, const json_t *run, int *status)
{
    enum job_state state = job_state_from_name(field_text_or_empty(run, "state"));
    int64_t newest = field_number(run, "attempt", 0);
    bool over = newest > follow->attempt || state != JOB_RUNNING;
    struct reply reply;

    ask_output(follow, follow->attempt, &reply);
    if (reply.exit == CTL_OK) {
        *status = write_new(follow, reply_result(&reply), over);
    } else if (reply.status != 404 &&
               !reply_is_bearable(follow->ctl, &reply, &follow->seen, clock_monotonic_ms())) {
        reply_complain(follow->ctl, &reply);
        *status = reply.exit;
    }
    over = over && (reply.exit == CTL_OK || reply.status == 404);
    reply_free(&reply);
    if (*status != CTL_OK) {
        return STEP_END;
    }
    if (over && follow->wanted->attempt) {
        return STEP_END;
    }
    if (over && newest > follow->attempt) {
        return next_attempt(follow, follow->attempt + 1);
    }
    return over && state != JOB_QUEUED ? end(follow, run) : STEP_PAUSE;
}

/* A run that has not begun. */
static enum step await_attempt(struct follow *follow, const json_t *run)
{
    enum job_state state = job_state_from_name(field_text_or_empty(run, "state"));

    if (field_number(run, "attempt", 0) > 0) {
        follow->attempt = field_number(run, "attempt", 0);
        return STEP_AT_ONCE;
    }
    if (state != JOB_QUEUED && state != JOB_RUNNING) {
        return end(follow, run);
    }
    if (!follow->waits && !follow->ctl->json) {
        ctl_complain("job %s has not begun: waiting", follow->wanted->job);
    }
    follow->waits = true;
    return STEP_PAUSE;
}

static enum step step(struct follow *follow, int *status)
{
    enum step next = STEP_END;
    struct reply reply;

    ask_run(follow, &reply);
    if (reply.exit == CTL_OK) {
        const json_t *run = find_run(follow, reply_result(&reply));

        follow->seen = clock_monotonic_ms();
        *status = run ? CTL_OK : CTL_ERROR;
        if (run) {
            next = follow->attempt > 0 ? follow_attempt(follow, run, status)
                                       : await_attempt(follow, run);
        }
    } else if (reply_is_bearable(follow->ctl, &reply, &follow->seen, clock_monotonic_ms())) {
        next = STEP_PAUSE;
    } else {
        reply_complain(follow->ctl, &reply);
        *status = reply.exit;
    }
    reply_free(&reply);
    return next;
}

int output_follow(struct ctl *ctl, const struct output_wanted *wanted)
{
    struct follow follow = {.ctl = ctl, .wanted = wanted};
    int status = CTL_OK;
    enum step next;

    if (wanted->attempt) {
        (void)text_to_number(wanted->attempt, &follow.attempt);
    }
    while ((next = step(&follow, &status)) != STEP_END) {
        if (next == STEP_PAUSE) {
            (void)poll(NULL, 0, PAUSE_MS);
        }
    }
    json_decref(follow.shown);
    return status;
}

int output_show(struct ctl *ctl, const struct output_wanted *wanted)
{
    struct follow follow = {.ctl = ctl, .wanted = wanted};
    struct reply reply;
    int status;

    ask_output(&follow, 0, &reply);
    status = reply.exit;
    if (status == CTL_OK) {
        status = write_new(&follow, reply_result(&reply), true);
    } else {
        reply_complain(ctl, &reply);
    }
    reply_free(&reply);
    json_decref(follow.shown);
    return status;
}
