#include "assent/domain/approval_status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"

static const char *const id_names[] = {"requestId", "request_id", "approvalId", "approval_id",
                                       NULL};

/* Where the fields are. */
static json_t *record_in(json_t *answer)
{
    static const char *const wrappers[] = {"result", "data", NULL};

    for (size_t i = 0; wrappers[i]; i++) {
        json_t *inner = json_object_get(answer, wrappers[i]);

        if (json_is_object(inner)) {
            return inner;
        }
    }
    return answer;
}

/* Null says nothing, as in a webhook. */
static bool has_id(const json_t *object)
{
    bool found = false;

    for (const char *const *name = id_names; *name; name++) {
        const json_t *id = json_object_get(object, *name);

        found = found || (id && !json_is_null(id));
    }
    return found;
}

/* The record's own ids, else those beside it, else the one that was asked for. */
static int set_id(json_t *record, const json_t *answer, const char *request_id)
{
    int r = 0;

    if (has_id(record)) {
        return 0;
    }
    if (!has_id(answer)) {
        return json_object_set_new(record, "requestId", json_string(request_id)) < 0 ? -ENOMEM : 0;
    }
    for (const char *const *name = id_names; r == 0 && *name; name++) {
        json_t *id = json_object_get(answer, *name);

        r = id && json_object_set(record, *name, id) < 0 ? -ENOMEM : 0;
    }
    return r;
}

/* The same words as a webhook says them. `type` tells there what happened, here what was asked for. */
static int parse_record(const json_t *record, const json_t *answer, const char *request_id,
                        struct event *ret_event, struct problem *ret_problem)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)record);
    char *text = NULL;
    int r = copy ? 0 : -ENOMEM;

    if (r == 0) {
        (void)json_object_del(copy, "type");
        (void)json_object_del(copy, "event");
        r = set_id(copy, answer, request_id);
    }
    if (r == 0) {
        text = json_text(copy);
        r = text ? event_parse(text, strlen(text), NULL, ret_event, ret_problem) : -ENOMEM;
    }
    free(text);
    json_decref(copy);
    return r;
}

/* Where it waits for a person, that place has another word, or null. */
static int parse_at_pointers(const json_t *answer, const void *body, size_t length,
                             const struct event_pointers *pointers, struct event *ret_event,
                             struct problem *ret_problem)
{
    const json_t *status = json_at_pointer(answer, pointers->decision);
    const char *word = json_string_value(status);

    if (json_is_null(status) || (word && !event_word_decides(word))) {
        return 1;
    }
    return event_parse(body, length, pointers, ret_event, ret_problem);
}

static int parse(json_t *answer, const void *body, size_t length, const char *request_id,
                 const struct event_pointers *pointers, struct event *ret_event,
                 struct problem *ret_problem)
{
    const json_t *record = record_in(answer);
    const char *status;

    if (pointers && pointers->decision) {
        return parse_at_pointers(answer, body, length, pointers, ret_event, ret_problem);
    }
    status = json_string_value(json_object_get(record, "status"));
    if (!status) {
        problem_set(ret_problem, "status: expected a text");
        return -EBADMSG;
    }
    return event_word_decides(status)
               ? parse_record(record, answer, request_id, ret_event, ret_problem)
               : 1;
}

int approval_status_parse(const void *body, size_t length, const char *request_id,
                          const struct event_pointers *pointers, struct event *ret_event,
                          struct problem *ret_problem)
{
    struct event event;
    json_t *answer = NULL;
    int r = json_parse(body, length, &answer, ret_problem);

    if (r < 0) {
        return r;
    }
    r = parse(answer, body, length, request_id, pointers, &event, ret_problem);
    json_decref(answer);
    if (r != 0) {
        return r == 1 ? 0 : r;
    }
    if (event.ignored || strcmp(event.request_id, request_id) != 0) {
        problem_set(ret_problem, "the answer is about another request");
        event_free(&event);
        return -EBADMSG;
    }
    *ret_event = event;
    return 1;
}
