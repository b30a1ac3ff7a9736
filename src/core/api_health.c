#include "assent/core/api.h"

#define RETRY_AFTER_SECONDS 5

void api_health(const struct api_call *call)
{
    if (store_has_room(call->core->store)) {
        answer_text(&call->asker, 200, "{\"result\":{\"status\":\"ok\"}}");
    } else {
        answer_unavailable(&call->asker, RETRY_AFTER_SECONDS, "the store can't be written");
    }
}

static json_t *request_counts(const int64_t counts[REQUEST_STATE_COUNT])
{
    json_t *object = json_object();

    for (int state = 0; state < REQUEST_STATE_COUNT; state++) {
        (void)json_object_set_new(object, request_state_name((enum request_state)state),
                                  json_integer(counts[state]));
    }
    return object;
}

static json_t *job_counts(const int64_t counts[JOB_STATE_COUNT])
{
    json_t *object = json_object();

    for (int state = 0; state < JOB_STATE_COUNT; state++) {
        (void)json_object_set_new(object, job_state_name((enum job_state)state),
                                  json_integer(counts[state]));
    }
    return object;
}

/* Agents are told no more than whether it is worth asking. */
static json_t *readiness_for_agents(bool ready)
{
    return json_pack("{s:b}", "ready", ready);
}

static json_t *readiness(struct core *core, bool ready)
{
    int64_t requests[REQUEST_STATE_COUNT];
    int64_t jobs[JOB_STATE_COUNT];

    core_must(store_count(core->store, requests, jobs), "count");
    return json_pack(
        "{s:b, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "ready", ready, "version", ASSENT_VERSION,
        "store", store_has_room(core->store) ? "writable" : "full", "runner",
        core_executor_ready(&core->links[ROLE_RUNNER]) ? "connected" : "away", "caller",
        core_executor_ready(&core->links[ROLE_CALLER]) ? "connected" : "away", "requests",
        request_counts(requests), "jobs", job_counts(jobs), "paused", api_paused(core));
}

void api_ready(const struct api_call *call)
{
    struct core *core = call->core;
    bool ready = store_has_room(core->store) && core_executor_ready(&core->links[ROLE_RUNNER]) &&
                 core_executor_ready(&core->links[ROLE_CALLER]) && !core->quiescing;
    const char *step = call->access.agent ? "Ask again later." : "Look into the log of assentd.";

    answer_result(&call->asker, ready ? 200 : 503,
                  call->access.agent ? readiness_for_agents(ready) : readiness(core, ready),
                  ready ? NULL : step);
}
