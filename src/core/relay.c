#include "assent/core/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/base/log.h"
#include "assent/core/record.h"
#include "assent/core/work.h"
#include "assent/domain/hook_record.h"
#include "assent/domain/url.h"

static bool is_decision(enum request_state state)
{
    return state == REQUEST_APPROVED || state == REQUEST_DENIED || state == REQUEST_EXPIRED;
}

void relay_add(struct core *core, const struct store_request *request)
{
    struct store_ask ask;

    if (!is_decision(request->state) || core->config->relay_allow.count == 0) {
        return;
    }
    core_must(store_ask_get(core->store, request->number, &ask), "relay");
    if (ask.callback && url_is_allowed(core->config->relay_allow.items,
                                       core->config->relay_allow.count, ask.callback)) {
        work_add(core, request, RELAY_HOOK, DECISION_CANCEL);
    } else if (ask.callback) {
        log_event(LOG_LEVEL_INFO, "decision is not passed on: [relay] does not allow that URL",
                  "request", request->id, "service", request->service, "url", ask.callback, NULL);
    }
    store_ask_free(&ask);
}

/* In the service's own form, under both of its spellings. */
static json_t *decision_body(const struct store_request *request, const char *event_id)
{
    bool approved = request->state == REQUEST_APPROVED;
    const char *at = approved                           ? "approvedAt"
                     : request->state == REQUEST_DENIED ? "deniedAt"
                                                        : "expiredAt";

    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:o, s:s*, s:s*, s:s*, s:s*}", "event",
                     hook_record_event(request->state), "event_id", event_id, "timestamp",
                     record_time(request->final_at), "requestId", request->id, "request_id",
                     request->id, "status", request_state_name(request->state), "action",
                     request->action, at, record_time(request->decided_at), "approvedBy",
                     request->decided_by, "approved_by", request->decided_by, "denialReason",
                     request->denial_reason, "denial_reason", request->denial_reason);
}

/* The job's key as the id of an event: Standard Webhooks puts dots between the parts that it signs. */
static char *event_id_of(const struct store_job *job)
{
    char *id = task_copy_text(job->key);

    for (char *at = strchr(id, '.'); at; at = strchr(at, '.')) {
        *at = '-';
    }
    return id;
}

char *relay_item(struct core *core, const struct store_request *request,
                 const struct store_job *job)
{
    struct store_ask ask;
    char *event_id = event_id_of(job);
    json_t *body = decision_body(request, event_id);
    char *body_text = body ? json_text(body) : NULL;
    json_t *item;
    char *text;

    core_must(store_ask_get(core->store, request->number, &ask), "relay");
    core_must(body_text ? 0 : -ENOMEM, "relay");
    item = json_pack("{s:s, s:s, s:s}", "url", ask.callback ? ask.callback : "", "event_id",
                     event_id, "body", body_text);
    text = item ? json_text(item) : NULL;
    core_must(text ? 0 : -ENOMEM, "relay");
    json_decref(item);
    json_decref(body);
    free(body_text);
    free(event_id);
    store_ask_free(&ask);
    return text;
}
