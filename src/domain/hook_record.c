#include "assent/domain/hook_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/base/text.h"

static json_t *time_value(int64_t time_ms)
{
    char text[TEXT_TIME_SIZE];

    if (time_ms == 0) {
        return json_null();
    }
    text_from_time(time_ms, text);
    return json_string(text);
}

const char *hook_record_event(enum request_state state)
{
    switch (state) {
    case REQUEST_APPROVED:
        return "approval.granted";
    case REQUEST_DENIED:
        return "approval.denied";
    default:
        return "approval.expired";
    }
}

/* All but the context and the item. */
static json_t *members(const struct hook_record *record)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:o, s:o, s:o, s:i, "
                     "s:{s:I, s:s, s:s}, s:O*}",
                     "event", record->failed ? "job.failed" : hook_record_event(record->status),
                     "request_id", record->request_id, "service", record->service, "action",
                     record->action, "status", request_state_name(record->status), "reason",
                     record->reason, "urgency", record->urgency, "denial_reason",
                     record->denial_reason, "decided_by", record->decided_by, "decided_at",
                     time_value(record->decided_at), "created_at", time_value(record->created_at),
                     "expires_at", time_value(record->expires_at), "attempt", (int)record->attempt,
                     "job", "id", (json_int_t)record->job, "key", record->key, "hook", record->hook,
                     "failed", record->failed);
}

/* Context and item are put in as the texts that they are: they may have megabytes. */
static int append(const struct hook_record *record, const char *text, struct buffer *out)
{
    const char *value = record->item ? record->item : record->relay;
    int r = buffer_append(out, text, strlen(text) - 1);

    if (r == 0) {
        r = buffer_append_text(out, ",\"context\":");
    }
    if (r == 0) {
        r = buffer_append_text(out, record->context);
    }
    if (r == 0 && value) {
        r = buffer_append_format(out, ",\"index\":%" PRId64 ",\"%s\":", record->index,
                                 record->item ? "item" : "relay");
        if (r == 0) {
            r = buffer_append_text(out, value);
        }
    }
    return r == 0 ? buffer_append_text(out, "}") : r;
}

int hook_record_append(const struct hook_record *record, struct buffer *out)
{
    json_t *object = members(record);
    char *text = object ? json_text(object) : NULL;
    int r = text ? append(record, text, out) : -ENOMEM;

    free(text);
    json_decref(object);
    return r;
}
