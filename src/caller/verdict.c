#include "assent/caller/verdict.h"

#include "assent/base/json.h"
#include "assent/base/text.h"

/* What the end of a call says about the action that it was made for. */
enum done {
    DONE_AS_ASKED,
    DONE_NOTHING, /* nothing was */
    DONE_REFUSED, /* whatever was done, a person has to look at it */
    DONE_UNKNOWN,
};

bool verdict_succeeds(const struct verdict_rules *rules, const struct http_end *end)
{
    unsigned status = (unsigned)end->status;

    if (rules->needs_answer && end->broken) {
        return false;
    }
    for (size_t i = 0; end->outcome == HTTP_ANSWERED && i < rules->expect_count; i++) {
        if (status >= rules->expect[i].first && status <= rules->expect[i].last) {
            return true;
        }
    }
    return false;
}

/* RFC 8470, section 5.2; RFC 6585, section 4; RFC 9110, section 15.6.4. */
static bool says_not_now(int status)
{
    return status == 425 || status == 429 || status == 503;
}

/* It was accepted, and what came of it is not known. */
static bool lacks_answer(const struct verdict_rules *rules, const struct http_end *end)
{
    return rules->needs_answer && end->outcome == HTTP_ANSWERED && end->broken && end->status < 300;
}

static enum done what_was_done(const struct verdict_rules *rules, const struct http_end *end)
{
    if (end->outcome == HTTP_NOT_SENT) {
        return DONE_NOTHING;
    }
    if (end->outcome == HTTP_NO_ANSWER || lacks_answer(rules, end)) {
        return DONE_UNKNOWN;
    }
    if (verdict_succeeds(rules, end)) {
        return DONE_AS_ASKED;
    }
    if (says_not_now(end->status) && !end->redirected) {
        return DONE_NOTHING;
    }
    return says_not_now(end->status) || end->status >= 500 ? DONE_UNKNOWN : DONE_REFUSED;
}

/* --- when to try again ------------------------------------------------------------------------ */

static int64_t pause_in(const json_t *object)
{
    double pause = json_number_value(json_object_get(object, "retry_after")) * 1000;

    if (!(pause > 0)) {
        return 0;
    }
    /* Rounded up: a little too late is right, too early is not. */
    return pause < (double)VERDICT_PAUSE_LIMIT_MS
               ? (int64_t)pause + ((double)(int64_t)pause < pause)
               : VERDICT_PAUSE_LIMIT_MS;
}

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t pause_of_body(const struct http_end *end)
{
    struct problem problem;
    json_t *body;
    int64_t pause;

    if (end->refusal_length == 0 ||
        json_parse(end->refusal, end->refusal_length, &body, &problem) < 0) {
        return 0;
    }
    pause = longer(pause_in(body), longer(pause_in(json_object_get(body, "error")),
                                          pause_in(json_object_get(body, "result"))));
    json_decref(body);
    return pause;
}

static int64_t pause_of(const struct http_end *end)
{
    int64_t pause =
        end->outcome == HTTP_ANSWERED ? longer(end->retry_after_ms, pause_of_body(end)) : 0;

    return pause < VERDICT_PAUSE_LIMIT_MS ? pause : VERDICT_PAUSE_LIMIT_MS;
}

/* --- for people ------------------------------------------------------------------------------- */

/* `200-299, 404` */
static int append_expected(struct buffer *out, const struct verdict_rules *rules)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < rules->expect_count; i++) {
        const struct config_status_range *range = &rules->expect[i];

        r = buffer_append_format(out, "%s%u", i > 0 ? ", " : "", range->first);
        if (r == 0 && range->last != range->first) {
            r = buffer_append_format(out, "-%u", range->last);
        }
    }
    return r;
}

static int say_status(struct buffer *out, const struct verdict_rules *rules,
                      const struct http_end *end)
{
    int r = buffer_append_format(out, "HTTP %d%s%s, expected ", end->status,
                                 end->phrase[0] ? " " : "", end->phrase);

    return r < 0 ? r : append_expected(out, rules);
}

static int say_what_was(struct buffer *out, const struct verdict_rules *rules,
                        const struct http_end *end)
{
    char timeout[TEXT_SPAN_SIZE];

    text_from_span(rules->timeout_ms, timeout);
    switch (end->outcome) {
    case HTTP_ANSWERED:
        return lacks_answer(rules, end)
                   ? buffer_append_format(out, "half an answer: %s", end->cause)
                   : say_status(out, rules, end);
    case HTTP_NOT_SENT:
        return end->timed_out
                   ? buffer_append_format(out, "not sent: no connection within %s", timeout)
                   : buffer_append_format(out, "not sent: %s", end->cause);
    default:
        return end->timed_out ? buffer_append_format(out, "no answer within %s", timeout)
                              : buffer_append_format(out, "no answer: %s", end->cause);
    }
}

static int say_what_was_done(struct buffer *out, const struct http_end *end, enum done done,
                             const struct verdict *verdict)
{
    char pause[TEXT_SPAN_SIZE];
    int r = 0;

    if (done == DONE_UNKNOWN) {
        r = buffer_append_text(out, "; it may have been done");
    } else if (done == DONE_NOTHING && end->outcome == HTTP_ANSWERED) {
        r = buffer_append_text(out, "; nothing was done");
    }
    if (r == 0 && done == DONE_UNKNOWN && verdict->again == AGAIN_COUNTED) {
        r = buffer_append_text(out, ", and {job.key} makes a repeat harmless");
    }
    if (r == 0 && verdict->again_after_ms > 0) {
        text_from_span(verdict->again_after_ms, pause);
        r = buffer_append_format(out, ", to be tried again after %s", pause);
    }
    return r;
}

/* --- the verdict ------------------------------------------------------------------------------ */

static struct verdict judge(const struct verdict_rules *rules, const struct http_end *end,
                            enum done done)
{
    bool again = done == DONE_NOTHING || (done == DONE_UNKNOWN && end->outcome == HTTP_ANSWERED &&
                                          rules->sends_key && !lacks_answer(rules, end));

    if (done == DONE_AS_ASKED) {
        return (struct verdict){.ending = ENDING_SUCCEEDED};
    }
    if (done == DONE_UNKNOWN && !again) {
        return (struct verdict){.ending = ENDING_INTERRUPTED};
    }
    return (struct verdict){.ending = ENDING_FAILED,
                            .again = again ? AGAIN_COUNTED : AGAIN_NEVER,
                            .again_after_ms = again ? pause_of(end) : 0};
}

int verdict_reach(const struct verdict_rules *rules, const struct http_end *end,
                  struct verdict *ret_verdict, struct buffer *why)
{
    enum done done = what_was_done(rules, end);
    int r = 0;

    *ret_verdict = judge(rules, end, done);
    if (done != DONE_AS_ASKED) {
        r = say_what_was(why, rules, end);
        r = r < 0 ? r : say_what_was_done(why, end, done, ret_verdict);
    }
    return r;
}
