#include "assent/domain/hook_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/base/text.h"

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

/* A record is written for every run of a hook, and most of its members are texts: so they are not made
 * values first. */
static int append_text(struct buffer *out, const char *name, const char *value)
{
    int r = buffer_append_text(out, ",\"");

    if (r == 0) {
        r = buffer_append_text(out, name);
    }
    if (r == 0) {
        r = buffer_append_text(out, "\":");
    }
    if (r < 0) {
        return r;
    }
    return value ? json_append_string(out, value) : buffer_append_text(out, "null");
}

static int append_time(struct buffer *out, const char *name, int64_t time_ms)
{
    char text[TEXT_TIME_SIZE];

    if (time_ms != 0) {
        text_from_time(time_ms, text);
    }
    return append_text(out, name, time_ms != 0 ? text : NULL);
}

static int append_request(const struct hook_record *record, struct buffer *out)
{
    const struct {
        const char *name;
        const char *value;
    } texts[] = {
        {"request_id", record->request_id},
        {"service", record->service},
        {"action", record->action},
        {"status", request_state_name(record->status)},
        {"reason", record->reason},
        {"urgency", record->urgency},
        {"denial_reason", record->denial_reason},
        {"decided_by", record->decided_by},
    };
    const char *event = record->failed ? "job.failed" : hook_record_event(record->status);
    int r = buffer_append_text(out, "{\"event\":");

    if (r == 0) {
        r = json_append_string(out, event);
    }
    for (size_t i = 0; r == 0 && i < sizeof texts / sizeof texts[0]; i++) {
        r = append_text(out, texts[i].name, texts[i].value);
    }
    if (r == 0) {
        r = append_time(out, "decided_at", record->decided_at);
    }
    if (r == 0) {
        r = append_time(out, "created_at", record->created_at);
    }
    return r == 0 ? append_time(out, "expires_at", record->expires_at) : r;
}

static int append_failed(const struct hook_record *record, struct buffer *out)
{
    char *text;
    int r;

    if (!record->failed) {
        return 0;
    }
    text = json_text(record->failed);
    r = text ? buffer_append_format(out, ",\"failed\":%s", text) : -ENOMEM;
    free(text);
    return r;
}

static int append_job(const struct hook_record *record, struct buffer *out)
{
    int r = buffer_append_format(out, ",\"attempt\":%" PRIu32 ",\"job\":{\"id\":%" PRId64,
                                 record->attempt, record->job);

    if (r == 0) {
        r = append_text(out, "key", record->key);
    }
    if (r == 0) {
        r = append_text(out, "hook", record->hook);
    }
    if (r == 0) {
        r = buffer_append_text(out, "}");
    }
    return r == 0 ? append_failed(record, out) : r;
}

/* Context and item are put in as the texts that they are: they may have megabytes. */
static int append_values(const struct hook_record *record, struct buffer *out)
{
    const char *value = record->item ? record->item : record->relay;
    int r = buffer_append_text(out, ",\"context\":");

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
    int r = append_request(record, out);

    if (r == 0) {
        r = append_job(record, out);
    }
    return r == 0 ? append_values(record, out) : r;
}
