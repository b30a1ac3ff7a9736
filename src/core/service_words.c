#include "assent/core/service_words.h"

#include "assent/core/record.h"

static const char *service_status(enum request_state state)
{
    return state == REQUEST_HELD || state == REQUEST_SUBMITTING
               ? request_state_name(REQUEST_PENDING)
               : request_state_name(state);
}

static void add_twice(json_t *record, const char *name, const char *name_in_snake_case,
                      json_t *value)
{
    (void)json_object_set(record, name, value);
    (void)json_object_set_new(record, name_in_snake_case, value);
}

void service_words_add(json_t *record, enum role reader, const struct store_request *request)
{
    json_t *decided_by = json_object_get(record, "decidedBy");

    if (reader != ROLE_GATE_AGENT) {
        return;
    }
    (void)json_object_set_new(record, "state", json_string(request_state_name(request->state)));
    (void)json_object_set_new(record, "status", json_string(service_status(request->state)));
    if (request->state == REQUEST_APPROVED) {
        add_twice(record, "approvedBy", "approved_by", json_incref(decided_by));
        add_twice(record, "approvedAt", "approved_at", record_time(request->decided_at));
    }
    if (request->state == REQUEST_DENIED) {
        add_twice(record, "deniedBy", "denied_by", json_incref(decided_by));
        add_twice(record, "deniedAt", "denied_at", record_time(request->decided_at));
        (void)json_object_set(record, "denial_reason", json_object_get(record, "denialReason"));
    }
}
