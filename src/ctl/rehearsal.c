#include "assent/ctl/rehearsal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/base/text.h"
#include "assent/ctl/screen.h"
#include "assent/domain/hook_record.h"
#include "assent/domain/items.h"

/* What is made up. */
#define MADE_UP_ID  "req_example"
#define MADE_UP_KEY "key-of-a-job-that-there-is-not"

/* --- the request ------------------------------------------------------------------------------ */

static const json_t *member(const json_t *request, const char *name, const char *other)
{
    const char *const names[] = {name, other, NULL};

    return json_first_of(request, names);
}

static const char *text(const json_t *request, const char *name, const char *other)
{
    return json_string_value(member(request, name, other));
}

/* 0 if it is none. */
static int64_t time_of(const json_t *request, const char *name, const char *other)
{
    const char *value = text(request, name, other);
    int64_t time = 0;

    return value && text_to_time(value, &time) == 0 ? time : 0;
}

/* --- what starts the hook --------------------------------------------------------------------- */

static bool has(const struct config_texts *names, const struct config_hook *hook)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], hook->name) == 0) {
            return true;
        }
    }
    return false;
}

static enum request_state state_from_name(const char *name)
{
    static const enum request_state states[] = {REQUEST_APPROVED, REQUEST_DENIED, REQUEST_EXPIRED};

    for (size_t i = 0; name && i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(request_state_name(states[i]), name) == 0) {
            return states[i];
        }
    }
    return REQUEST_PENDING;
}

/* As what the request is decided: as is said, as it was, or as the hook is there for. */
static void choose_status(const struct rehearsal_setup *setup, struct rehearsal *rehearsal)
{
    const struct config_action *action = config_action(setup->config, rehearsal->action);
    const struct config_hook *hook = setup->hook;
    bool granted = action && has(&action->on_granted, hook);
    bool denied = action && has(&action->on_denied, hook);
    bool expired = action && has(&action->on_expired, hook);
    bool failed = action && has(&action->on_failed, hook);

    rehearsal->status =
        state_from_name(setup->status ? setup->status : text(setup->request, "status", NULL));
    if (rehearsal->status == REQUEST_PENDING) {
        rehearsal->status = denied && !granted    ? REQUEST_DENIED
                            : expired && !granted ? REQUEST_EXPIRED
                                                  : REQUEST_APPROVED;
    }
    rehearsal->started = (rehearsal->status == REQUEST_APPROVED && granted) ||
                         (rehearsal->status == REQUEST_DENIED && denied) ||
                         (rehearsal->status == REQUEST_EXPIRED && expired);
    rehearsal->failed = failed && !rehearsal->started;
    rehearsal->started = rehearsal->started || failed;
}

/* --- the item --------------------------------------------------------------------------------- */

/* Takes the item's text out of the context, and the array, too. */
static int take_item(const struct rehearsal_setup *setup, const char *context,
                     struct rehearsal *rehearsal, struct buffer *item, struct buffer *rest,
                     struct problem *problem)
{
    struct items items;
    struct items walk;
    const char *element;
    size_t length;
    int r = items_find(context, setup->hook->for_each, &items, problem);

    if (r < 0) {
        return r;
    }
    walk = items;
    while (items_next(&walk, &element, &length)) {
        if (rehearsal->items++ == setup->item) {
            screen_must(buffer_append(item, element, length));
        }
    }
    if (item->length == 0) {
        problem_set(problem,
                    "context.%.200s has no item %" PRId64 ": it has %" PRId64
                    ", and the first is 0",
                    setup->hook->for_each, setup->item, rehearsal->items);
        return -EINVAL;
    }
    screen_must(items_append_rest(context, &items, rest));
    screen_must(buffer_text(item) && buffer_text(rest) ? 0 : -1);
    return 0;
}

/* --- the record ------------------------------------------------------------------------------- */

static json_t *failed_run(void)
{
    json_t *failed = json_pack("{s:i, s:s, s:i, s:s}", "job", 1, "hook", "another-hook", "attempt",
                               1, "error", "exit status 1");

    screen_must(failed ? 0 : -1);
    return failed;
}

/* A time that the request does not say, but for the life of it, is now. */
static int64_t expires_at(const struct rehearsal_setup *setup, int64_t created_at)
{
    const struct config_action *action =
        config_action(setup->config, text(setup->request, "action", NULL));
    int64_t said = time_of(setup->request, "expiresAt", "expires_at");
    const json_t *seconds = member(setup->request, "expiresIn", "expires_in");
    int64_t life =
        action && action->expires_in_ms ? action->expires_in_ms : setup->config->expires_in_ms;

    if (json_is_integer(seconds) && json_integer_value(seconds) > 0 &&
        json_integer_value(seconds) < INT32_MAX) {
        life = json_integer_value(seconds) * 1000;
    }
    return said ? said : created_at + life;
}

static struct hook_record describe(const struct rehearsal_setup *setup,
                                   const struct rehearsal *rehearsal)
{
    const json_t *request = setup->request;
    const char *service = text(request, "service", NULL);
    const char *urgency = text(request, "urgency", NULL);
    const char *by = text(request, "decidedBy", "decided_by");
    const char *reason = text(request, "denialReason", "denial_reason");
    int64_t created_at = time_of(request, "createdAt", "created_at");
    int64_t decided_at = time_of(request, "decidedAt", "decided_at");

    if (!service && setup->config->service_count > 0) {
        service = setup->config->services[0].name;
    }
    created_at = created_at ? created_at : setup->now;
    return (struct hook_record){
        .request_id = rehearsal->request_id,
        .service = service ? service : "",
        .action = rehearsal->action,
        .status = rehearsal->status,
        .reason = text(request, "reason", NULL),
        .urgency = urgency ? urgency : "medium",
        .denial_reason = setup->reason ? setup->reason : reason,
        .decided_by = setup->by ? setup->by : by,
        .decided_at = decided_at || rehearsal->status == REQUEST_EXPIRED ? decided_at : setup->now,
        .created_at = created_at,
        .expires_at = expires_at(setup, created_at),
        .job = 1,
        .key = MADE_UP_KEY,
        .hook = setup->hook->name,
        .attempt = 1,
    };
}

static int build(const struct rehearsal_setup *setup, const char *context,
                 struct rehearsal *rehearsal, struct problem *problem)
{
    struct hook_record record = describe(setup, rehearsal);
    struct buffer item = {0};
    struct buffer rest = {0};
    struct buffer key = {0};
    json_t *failed = rehearsal->failed ? failed_run() : NULL;
    int r = 0;

    record.failed = failed;
    record.context = context;
    if (setup->hook->for_each) {
        r = take_item(setup, context, rehearsal, &item, &rest, problem);
        screen_must(buffer_append_format(&key, "%s-%" PRId64, MADE_UP_KEY, setup->item));
        record.context = (const char *)rest.data;
        record.index = setup->item;
        record.item = (const char *)item.data;
        record.key = buffer_text(&key);
    }
    if (r == 0) {
        screen_must(hook_record_append(&record, &rehearsal->text));
        r = json_parse(rehearsal->text.data, rehearsal->text.length, &rehearsal->record, problem);
        r = r < 0 ? -EINVAL : 0;
    }
    buffer_free(&item);
    buffer_free(&rest);
    buffer_free(&key);
    json_decref(failed);
    return r;
}

int rehearsal_make(const struct rehearsal_setup *setup, struct rehearsal *rehearsal,
                   struct problem *ret_problem)
{
    static const char *const ids[] = {"requestId", "request_id", "approvalId", "approval_id", NULL};
    const json_t *context = json_object_get(setup->request, "context");
    const char *id = json_string_value(json_first_of(setup->request, ids));
    char *context_text;
    int r;

    rehearsal->request_id = id ? id : MADE_UP_ID;
    rehearsal->action = text(setup->request, "action", NULL);
    if (!rehearsal->action) {
        problem_set(ret_problem, "the request has no action: expected a JSON object with the text "
                                 "\"action\"");
        return -EINVAL;
    }
    if (context && !json_is_object(context) && !json_is_null(context)) {
        problem_set(ret_problem, "the request's context is no JSON object");
        return -EINVAL;
    }
    choose_status(setup, rehearsal);
    context_text = json_is_object(context) ? json_text(context) : strdup("{}");
    screen_must(context_text ? 0 : -1);
    r = build(setup, context_text, rehearsal, ret_problem);
    free(context_text);
    return r;
}

void rehearsal_clear(struct rehearsal *rehearsal)
{
    buffer_free(&rehearsal->text);
    json_decref(rehearsal->record);
    *rehearsal = (struct rehearsal){0};
}
