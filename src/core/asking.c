/* Those who have asked and wait for the service's answer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "assent/base/json.h"
#include "assent/core/record.h"
#include "assent/core/service_words.h"
#include "assent/core/submission.h"

/* How long somebody waits for the service before our own answer does. */
#define PATIENCE_US UINT64_C(10000000)
#define ACCURACY_US UINT64_C(50000)

struct asking {
    struct asking *next;
    struct core *core;
    struct asker asker;
    int64_t request;
    sd_event_source *timer;
};

/* --- answers ---------------------------------------------------------------------------------- */

static void set_ids(json_t *object, const char *id)
{
    (void)json_object_set_new(object, "requestId", json_string(id));
    (void)json_object_set_new(object, "request_id", json_string(id));
}

static void drop_callback(json_t *object)
{
    (void)json_object_del(object, "callbackUrl");
    (void)json_object_del(object, "callback_url");
}

/* The service's answer for the agent, or NULL. It may hold the URL with the token, by which whoever
 * knows it could decide: that is not the agent's to see. */
static char *service_answer(const struct store_request *request, const struct store_ask *ask)
{
    json_t *answer = ask->answer ? json_loads(ask->answer, 0, NULL) : NULL;
    json_t *result = json_object_get(answer, "result");
    char *text = NULL;

    if (!answer) {
        return NULL;
    }
    drop_callback(answer);
    if (request->state != REQUEST_FAILED) {
        set_ids(answer, request->id);
    }
    if (json_is_object(result)) {
        drop_callback(result);
        set_ids(result, request->id);
    }
    text = json_text(answer);
    json_decref(answer);
    if (text && strstr(text, ask->token)) {
        free(text);
        text = NULL;
    }
    return text;
}

static const char *next_step(const struct store_request *request)
{
    return request_state_final(request->state)
               ? NULL
               : "Wait for the decision: GET /v1/approvals/ID?wait=55";
}

/* In the service's form, with our own words. */
static void answer_ourselves(const struct asker *asker, const struct store_request *request,
                             unsigned status)
{
    json_t *result = record_request_row(request);
    json_t *steps = next_step(request) ? json_pack("[s]", next_step(request)) : json_array();
    json_t *answer;
    char *text;

    service_words_add(result, asker->link->role, request);
    answer = json_pack("{s:o, s:o}", "result", result, "next_steps", steps);
    core_must(answer ? 0 : -ENOMEM, "answer");
    set_ids(answer, request->id);
    text = json_text(answer);
    core_must(text ? 0 : -ENOMEM, "answer");
    answer_text(asker, status, text);
    free(text);
    json_decref(answer);
}

static void answer_failed(const struct asker *asker, const struct store_request *request,
                          unsigned status, const char *text)
{
    if (text && status >= 400 && status < 500) {
        answer_text(asker, status, text);
    } else {
        answer_error(asker, 502, "submission_failed", "See what the service says.",
                     "the service did not take request %s: %s", request->id,
                     request->denial_reason ? request->denial_reason : "it is not known why");
    }
}

/* The status of the service's last answer. */
static unsigned status_of(struct core *core, const struct store_request *request);

void submission_answer(struct core *core, const struct asker *asker,
                       const struct store_request *request)
{
    struct store_ask ask;
    char *text;

    core_must(store_ask_get(core->store, request->number, &ask), "answer");
    text = service_answer(request, &ask);
    if (request->state == REQUEST_FAILED) {
        answer_failed(asker, request, status_of(core, request), text);
    } else if (text) {
        answer_text(asker, 200, text);
    } else {
        answer_ourselves(
            asker, request,
            request->state == REQUEST_HELD || request->state == REQUEST_SUBMITTING ? 202 : 200);
    }
    free(text);
    store_ask_free(&ask);
}

struct last_status {
    struct core *core;
    unsigned status;
};

static int take_attempt(void *userdata, const struct store_attempt *attempt)
{
    struct last_status *last = userdata;

    last->status = (unsigned)attempt->http_status;
    return 0;
}

static int take_job(void *userdata, const struct store_job *job)
{
    struct last_status *last = userdata;

    return submission_is(job->hook) ? store_attempt_list(last->core->store, job->number,
                                                         PROTOCOL_NO_ITEM, take_attempt, last)
                                    : 0;
}

static unsigned status_of(struct core *core, const struct store_request *request)
{
    const struct store_job_filter filter = {.state = JOB_STATE_COUNT, .request = request->number};
    struct last_status last = {.core = core};

    core_must(store_job_list(core->store, &filter, 100, take_job, &last), "answer");
    return last.status;
}

/* --- the list --------------------------------------------------------------------------------- */

static void asking_free(struct asking *asking)
{
    (void)sd_event_source_disable_unref(asking->timer);
    free(asking);
}

static void answer_as_it_is(struct asking *asking)
{
    struct store_request request;
    int r = store_request_get(asking->core->store, asking->request, &request);

    if (r == -ENOENT) {
        answer_error(&asking->asker, 404, "not_found", NULL, "the request is gone");
        return;
    }
    core_must(r, "request");
    submission_answer(asking->core, &asking->asker, &request);
    store_request_free(&request);
}

/* What is NULL or 0 does not count. */
struct choice {
    const struct asking *one;
    const struct asker *asker;
    const struct link *gate;
    int64_t request;
};

static bool fits(const struct asking *asking, const struct choice *choice)
{
    return (!choice->one || asking == choice->one) &&
           (!choice->asker ||
            (asking->asker.link == choice->asker->link && asking->asker.id == choice->asker->id)) &&
           (!choice->gate || asking->asker.link == choice->gate) &&
           (choice->request == 0 || asking->request == choice->request);
}

static void remove_where(struct core *core, const struct choice *choice, bool answered)
{
    struct asking **place = &core->askings;

    while (*place) {
        struct asking *asking = *place;

        if (!fits(asking, choice)) {
            place = &asking->next;
            continue;
        }
        *place = asking->next;
        if (answered) {
            answer_as_it_is(asking);
        }
        asking_free(asking);
    }
}

static int on_time(sd_event_source *source, uint64_t time, void *userdata)
{
    struct asking *asking = userdata;
    struct core *core = asking->core;

    (void)source;
    (void)time;
    core_begin(core);
    remove_where(core, &(struct choice){.one = asking}, true);
    return 0;
}

void submission_await(struct core *core, const struct asker *asker, int64_t request)
{
    struct asking *asking = malloc(sizeof *asking);

    core_must(asking ? 0 : -ENOMEM, "asking");
    *asking =
        (struct asking){.next = core->askings, .core = core, .asker = *asker, .request = request};
    core->askings = asking;
    (void)sd_event_add_time_relative(core->loop, &asking->timer, CLOCK_MONOTONIC, PATIENCE_US,
                                     ACCURACY_US, on_time, asking);
}

void submission_tell(struct core *core, const struct store_request *request)
{
    remove_where(core, &(struct choice){.request = request->number}, true);
}

void submission_forget(struct core *core, const struct asker *asker)
{
    remove_where(core, &(struct choice){.asker = asker}, false);
}

void submission_forget_all(struct core *core, const struct link *gate)
{
    remove_where(core, &(struct choice){.gate = gate}, false);
}

void submission_answer_all(struct core *core, const struct link *gate)
{
    remove_where(core, &(struct choice){.gate = gate}, true);
}

void submission_free(struct core *core)
{
    remove_where(core, &(struct choice){0}, false);
}
