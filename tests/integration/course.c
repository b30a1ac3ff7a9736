#include "integration/course.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/buffer.h"
#include "integration/harness.h"

#define APPROVER "ops@example.com"
#define DENIER   "boss@example.com"

static const char *const event_names[COURSE_EVENTS] = {
    [COURSE_CLOCK] = "clock",     [COURSE_APPROVED] = "approved", [COURSE_DENIED] = "denied",
    [COURSE_EXPIRED] = "expired", [COURSE_CANCEL] = "cancel",     [COURSE_REGISTER] = "register",
    [COURSE_REPEAT] = "repeat",
};

static bool is_webhook(enum course_event event)
{
    return event == COURSE_APPROVED || event == COURSE_DENIED || event == COURSE_EXPIRED;
}

/* --- what is sent, and answered --------------------------------------------------------------- */

enum course_event course_message(const struct course *course, size_t place)
{
    enum course_event found = COURSE_REPEAT;

    if (course->events[place] != COURSE_REPEAT) {
        return course->events[place];
    }
    for (size_t i = 0; i < place; i++) {
        enum course_event event = course->events[i];

        if (is_webhook(event) || (!is_webhook(found) && event != COURSE_CLOCK)) {
            found = event;
        }
    }
    return found;
}

/* Each decision in another form of those that the service has. */
static int format_body(const struct course *course, enum course_event event, char *body,
                       size_t size)
{
    switch (event) {
    case COURSE_APPROVED:
        return snprintf(body, size,
                        "{\"requestId\":\"%s\",\"status\":\"approved\",\"approvedBy\":\"" APPROVER
                        "\"}",
                        course->id);
    case COURSE_DENIED:
        return snprintf(body, size,
                        "{\"request_id\":\"%s\",\"status\":\"denied\",\"approved_by\":\"" DENIER
                        "\",\"denial_reason\":\"too many\"}",
                        course->id);
    case COURSE_EXPIRED:
        return snprintf(body, size,
                        "{\"event\":\"approval.expired\",\"event_id\":\"evt_%s\","
                        "\"data\":{\"requestId\":\"%s\",\"status\":\"expired\"}}",
                        course->id, course->id);
    case COURSE_REGISTER:
        return snprintf(body, size, "{\"requestId\":\"%s\",\"action\":\"%s\",\"expiresAt\":\"%s\"}",
                        course->id, course->action, course->expires_at);
    default:
        return 0;
    }
}

bool course_compose(const struct course *course, size_t place, struct course_call *ret_call)
{
    enum course_event event = course_message(course, place);
    struct course_call call = {.webhook = is_webhook(event)};

    (void)format_body(course, event, call.body, sizeof call.body);
    if (event == COURSE_CANCEL) {
        (void)snprintf(call.path, sizeof call.path, "/v1/requests/%s/cancel", course->id);
    } else {
        (void)snprintf(call.path, sizeof call.path, "%s",
                       call.webhook ? "/webhook/approval" : "/v1/requests");
    }
    *ret_call = call;
    return event != COURSE_CLOCK && event != COURSE_REPEAT;
}

void course_note_answer(struct course *course, size_t place, int status, const json_t *json)
{
    char *answer = course->answers[place];
    const char *outcome = text_at(json, "/result/outcome");
    const char *state = text_at(json, "/result/status");

    if (course->events[place] == COURSE_CLOCK) {
        (void)snprintf(answer, COURSE_ANSWER_SIZE, "%s", state);
    } else if (status == 200 && outcome[0]) {
        (void)snprintf(answer, COURSE_ANSWER_SIZE, "%s", outcome);
    } else {
        (void)snprintf(answer, COURSE_ANSWER_SIZE, "%d %s", status,
                       state[0] ? state : text_at(json, "/error"));
    }
}

void course_swap(struct course *course, size_t left, size_t right)
{
    enum course_event event = course->events[left];
    char answer[COURSE_ANSWER_SIZE];

    course->events[left] = course->events[right];
    course->events[right] = event;
    memcpy(answer, course->answers[left], sizeof answer);
    memcpy(course->answers[left], course->answers[right], sizeof answer);
    memcpy(course->answers[right], answer, sizeof answer);
}

/* --- texts ------------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static void add(struct buffer *text, const char *format, ...)
{
    va_list arguments;
    char piece[160];

    va_start(arguments, format);
    (void)vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    /* An assertion writes to a pipe each time, also when it holds. */
    if (buffer_append_text(text, piece) < 0) {
        ck_abort_msg("no memory");
    }
}

static void add_answers(struct buffer *text, const struct course *course,
                        const char answers[][COURSE_ANSWER_SIZE])
{
    for (size_t i = 0; i < course->count; i++) {
        add(text, "%s%s: %s", i ? ", " : "", event_names[course->events[i]], answers[i]);
    }
}

/* --- what ought to be ------------------------------------------------------------------------- */

/* A decision that came before the request was registered. */
struct early {
    enum course_event event;
    bool over; /* the time of the request was over by then */
};

struct forecast {
    const char *state; /* NULL while it is not registered */
    const char *by;    /* who decided */
    bool over;
    bool came[COURSE_EVENTS]; /* the webhooks, for they may come again */
    struct early early[COURSE_LIMIT];
    size_t early_count;
    const char *hook; /* NULL: none */
    struct buffer history;
};

/* How records call it. */
static const char *decision_in_records(enum course_event event)
{
    static const char *const names[COURSE_EVENTS] = {
        [COURSE_CLOCK] = "timeout",   [COURSE_APPROVED] = "granted", [COURSE_DENIED] = "denied",
        [COURSE_EXPIRED] = "expired", [COURSE_CANCEL] = "cancel",
    };

    return names[event];
}

/* It is open, and ends by this. */
static void end_by(struct forecast *forecast, enum course_event event)
{
    static const struct {
        const char *state;
        const char *by;
        const char *hook;
    } ends[COURSE_EVENTS] = {
        [COURSE_CLOCK] = {"expired", "", "expired"},
        [COURSE_APPROVED] = {"approved", APPROVER, "granted"},
        [COURSE_DENIED] = {"denied", DENIER, "denied"},
        [COURSE_EXPIRED] = {"expired", "", "expired"},
        [COURSE_CANCEL] = {"canceled", "", NULL},
    };

    forecast->state = ends[event].state;
    forecast->by = ends[event].by;
    forecast->hook = ends[event].hook;
    add(&forecast->history, " request.%s(%s)%s", forecast->state, decision_in_records(event),
        forecast->hook ? " job.queued" : "");
}

/* Without a decision until its time was over: expired, if it is there to be so. */
static void look_at_clock(struct forecast *forecast)
{
    if (forecast->over && forecast->state && strcmp(forecast->state, "pending") == 0) {
        end_by(forecast, COURSE_CLOCK);
    }
}

/* What a decision does to a request that is there. */
static const char *decide(struct forecast *forecast, enum course_event event)
{
    bool decided =
        strcmp(forecast->state, "approved") == 0 || strcmp(forecast->state, "denied") == 0;
    const char *answer = "late";

    if (strcmp(forecast->state, "pending") == 0) {
        end_by(forecast, event);
        return "matched";
    }
    if (decided && strcmp(forecast->state, event_names[event]) != 0) {
        answer = "conflict";
    }
    add(&forecast->history, " decision.%s(%s)", answer, decision_in_records(event));
    return answer;
}

static const char *receive(struct forecast *forecast, enum course_event event)
{
    if (forecast->came[event]) {
        return "duplicate";
    }
    forecast->came[event] = true;
    if (forecast->state) {
        return decide(forecast, event);
    }
    forecast->early[forecast->early_count++] =
        (struct early){.event = event, .over = forecast->over};
    return "early";
}

/* What came early counts, in its order; but what came when all was over comes too late. */
static void enter(struct forecast *forecast)
{
    bool over = forecast->over;

    forecast->state = "pending";
    add(&forecast->history, "request.registered");
    for (size_t i = 0; i < forecast->early_count; i++) {
        forecast->over = forecast->early[i].over;
        look_at_clock(forecast);
        (void)decide(forecast, forecast->early[i].event);
    }
    forecast->over = over;
}

static void foretell(struct forecast *forecast, enum course_event event, char *answer)
{
    const char *outcome = is_webhook(event) ? receive(forecast, event) : "";
    int status = forecast->state ? 200 : 201;

    if (event == COURSE_REGISTER) {
        if (!forecast->state) {
            enter(forecast);
        }
        (void)snprintf(answer, COURSE_ANSWER_SIZE, "%d %s", status, forecast->state);
    } else if (event != COURSE_CANCEL) {
        (void)snprintf(answer, COURSE_ANSWER_SIZE, "%s", outcome);
    } else if (!forecast->state) {
        (void)snprintf(answer, COURSE_ANSWER_SIZE, "404 not_found");
    } else {
        if (strcmp(forecast->state, "pending") == 0) {
            end_by(forecast, event);
        }
        (void)snprintf(answer, COURSE_ANSWER_SIZE, "%s",
                       strcmp(forecast->state, "canceled") == 0 ? "200 canceled" : "409 conflict");
    }
    forecast->over = forecast->over || event == COURSE_CLOCK;
    look_at_clock(forecast);
}

char *course_predict(const struct course *course)
{
    struct forecast forecast = {.by = ""};
    char answers[COURSE_LIMIT][COURSE_ANSWER_SIZE] = {{0}};
    int clock = -1;
    struct buffer text = {0};

    for (size_t i = 0; i < course->count; i++) {
        foretell(&forecast, course_message(course, i), answers[i]);
        clock = course->events[i] == COURSE_CLOCK ? (int)i : clock;
        if (clock >= 0 && forecast.state && !answers[clock][0]) {
            (void)snprintf(answers[clock], COURSE_ANSWER_SIZE, "%s", forecast.state);
        }
    }
    add_answers(&text, course, answers);
    add(&text, "; %s by %s; ", forecast.state ? forecast.state : "unknown", forecast.by);
    add(&text, "%s; ", forecast.history.length ? buffer_text(&forecast.history) : "");
    if (forecast.hook) {
        add(&text, "%s-%s succeeded 1; job.started job.succeeded; ", course->action, forecast.hook);
        add(&text, "%s-%s %s", course->action, forecast.hook, forecast.state);
    } else {
        add(&text, "; ; ");
    }
    buffer_free(&forecast.history);
    return buffer_take_text(&text);
}

/* --- what is ---------------------------------------------------------------------------------- */

static bool is_of_run(const char *kind)
{
    return strncmp(kind, "job.", 4) == 0 && strcmp(kind, "job.queued") != 0;
}

/* Runs go on beside what happens to their request: their events are told apart. */
static void add_events(struct buffer *text, const json_t *record, bool of_runs)
{
    const json_t *events = json_object_get(record, "events");
    int64_t last = 0;
    bool first = true;

    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        const char *kind = text_at(event, "/kind");
        const char *decision = text_at(event, "/details/decision");
        bool in_order = number_at(event, "/sequence") > last;

        last = number_at(event, "/sequence");
        if (is_of_run(kind) == of_runs) {
            add(text, "%s%s%s%s%s%s", first ? "" : " ", in_order ? "" : "DISORDER ", kind,
                decision[0] ? "(" : "", decision, decision[0] ? ")" : "");
            first = false;
        }
    }
}

char *course_observe(const struct course *course, const json_t *record, const char *marks)
{
    const json_t *jobs = json_object_get(record, "jobs");
    const char *state = text_at(record, "/status");
    struct buffer text = {0};

    add_answers(&text, course, course->answers);
    add(&text, "; %s by %s; ", state,
        strcmp(state, "canceled") == 0 ? "" : text_at(record, "/decidedBy"));
    add_events(&text, record, false);
    add(&text, "; ");
    for (size_t i = 0; i < json_array_size(jobs); i++) {
        const json_t *job = json_array_get(jobs, i);

        add(&text, "%s%s %s %d", i ? ", " : "", text_at(job, "/hook"), text_at(job, "/state"),
            (int)number_at(job, "/attempt"));
    }
    add(&text, "; ");
    add_events(&text, record, true);
    add(&text, "; %s", marks);
    return buffer_take_text(&text);
}
