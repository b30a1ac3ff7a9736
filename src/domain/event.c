#include "assent/domain/event.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "assent/base/digest.h"
#include "assent/base/json.h"
#include "assent/base/text.h"

static const char *const id_keys[] = {"requestId", "request_id", "approvalId", "approval_id", NULL};
static const char *const decision_keys[] = {"event", "type", "status", "data", NULL};
static const char *const decided_by_keys[] = {
    "approvedBy", "approved_by", "decidedBy", "decided_by", "deniedBy", "denied_by", NULL};
static const char *const decided_at_keys[] = {"approvedAt", "approved_at", "deniedAt", "denied_at",
                                              "decidedAt",  "decided_at",  NULL};
static const char *const sent_at_keys[] = {"timestamp", NULL};
static const char *const reason_keys[] = {"denialReason", "denial_reason", "reason", NULL};
static const char *const event_id_keys[] = {"event_id", "eventId", NULL};
/* What only a denial has. */
static const char *const denial_keys[] = {"denialReason", "denial_reason", "deniedBy", "denied_by",
                                          "deniedAt",     "denied_at",     NULL};

static const struct event_pointers no_pointers;

/* The top of the body and its `data`, which may be NULL: fields are looked for in this order. */
enum { TOP, DATA, LEVEL_COUNT };

struct reader {
    const json_t *levels[LEVEL_COUNT];
    const struct event_pointers *pointers;
    struct problem *problem;
};

/* --- fields ----------------------------------------------------------------------------------- */

/* The member of that name; NULL also for null, which says nothing. */
static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

/* The first of the fields that is there. */
static const json_t *find(const struct reader *reader, const char *const *keys,
                          const char **ret_key)
{
    for (int level = TOP; level < LEVEL_COUNT; level++) {
        for (const char *const *key = keys; *key; key++) {
            const json_t *value = member(reader->levels[level], *key);
            if (value) {
                *ret_key = *key;
                return value;
            }
        }
    }
    return NULL;
}

/* As find, or what is at `pointer` if the service has one for this field. */
static const json_t *find_or_at(const struct reader *reader, const char *pointer,
                                const char *const *keys, const char **ret_key)
{
    if (!pointer) {
        return find(reader, keys, ret_key);
    }
    const json_t *value = json_at_pointer(reader->levels[TOP], pointer);
    *ret_key = pointer;
    return json_is_null(value) ? NULL : value;
}

static int refuse_type(const struct reader *reader, const char *key)
{
    problem_set(reader->problem, "\"%s\" is not a string", key);
    return -EBADMSG;
}

/* An optional text for people; an empty one says nothing. */
static int read_text(const struct reader *reader, const char *pointer, const char *const *keys,
                     const char **ret_text)
{
    const char *key;
    const json_t *value = find_or_at(reader, pointer, keys, &key);
    if (!value) {
        return 0;
    }
    if (!json_is_string(value)) {
        return refuse_type(reader, key);
    }
    if (json_string_length(value) > EVENT_TEXT_LIMIT) {
        problem_set(reader->problem, "\"%s\" is longer than %d bytes", key, EVENT_TEXT_LIMIT);
        return -EBADMSG;
    }
    if (json_string_length(value) > 0) {
        *ret_text = json_string_value(value);
    }
    return 0;
}

/* A parser that minds no letter case may have read another field than we do. */
static int check_spelling(const struct reader *reader, const char *const *keys)
{
    for (int level = TOP; level < LEVEL_COUNT; level++) {
        const char *name;
        json_t *value;
        json_object_foreach((json_t *)reader->levels[level], name, value) {
            for (const char *const *key = keys; *key; key++) {
                /* Most names differ in their first letter, which is cheaper to see. */
                bool is_alike = ((name[0] ^ (*key)[0]) & ~0x20) == 0;
                if (is_alike && strcasecmp(name, *key) == 0 && strcmp(name, *key) != 0) {
                    problem_set(reader->problem,
                                "a key differs from \"%s\" only in upper and lower case", *key);
                    return -EBADMSG;
                }
            }
        }
    }
    return 0;
}

/* --- the decision ----------------------------------------------------------------------------- */

/* DECISION_COUNT for any other word. */
static enum decision decision_of(const char *word)
{
    static const struct {
        const char *word;
        enum decision decision;
    } words[] = {
        {"approval.granted", DECISION_GRANTED},
        {"approval.approved", DECISION_GRANTED},
        {"approved", DECISION_GRANTED},
        {"granted", DECISION_GRANTED},
        {"approval.denied", DECISION_DENIED},
        {"approval.rejected", DECISION_DENIED},
        {"denied", DECISION_DENIED},
        {"rejected", DECISION_DENIED},
        {"approval.expired", DECISION_EXPIRED},
        {"expired", DECISION_EXPIRED},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, word) == 0) {
            return words[i].decision;
        }
    }
    return DECISION_COUNT;
}

bool event_word_decides(const char *word)
{
    return decision_of(word) != DECISION_COUNT;
}

static int refuse_contradiction(const struct reader *reader, const char *key)
{
    problem_set(reader->problem, "contradictory decision: \"%s\" says something else than the rest",
                key);
    return -EBADMSG;
}

/* Takes what one field says about the decision; DECISION_COUNT until something was said. */
static int agree(const struct reader *reader, const char *key, const json_t *value,
                 enum decision *decision)
{
    if (!json_is_string(value)) {
        return refuse_type(reader, key);
    }
    enum decision said = decision_of(json_string_value(value));
    if (said == DECISION_COUNT) {
        problem_set(reader->problem,
                    "unknown decision in \"%s\": expected approved, denied or expired", key);
        return -EBADMSG;
    }
    if (*decision != DECISION_COUNT && *decision != said) {
        return refuse_contradiction(reader, key);
    }
    *decision = said;
    return 0;
}

/* Takes the name of the event from one level, `event` or `type` or both. A name that is none of an
 * approval leaves `ret_event` named without a decision. */
static int read_name(const struct reader *reader, int level, struct event *ret_event,
                     enum decision *decision)
{
    static const char *const keys[] = {"event", "type", NULL};
    for (const char *const *key = keys; *key; key++) {
        const json_t *value = member(reader->levels[level], *key);
        if (!value) {
            continue;
        }
        if (!json_is_string(value)) {
            return refuse_type(reader, *key);
        }
        enum decision said = decision_of(json_string_value(value));
        if (ret_event->name && said != *decision) {
            return refuse_contradiction(reader, *key);
        }
        if (!ret_event->name) {
            ret_event->name = json_string_value(value);
            *decision = said;
        }
    }
    return 0;
}

/* Below an approval event that the top names, `data` may repeat its name. A `type` there that is no
 * decision tells what the data is. */
static int check_inner_name(const struct reader *reader, enum decision decision)
{
    const json_t *event = member(reader->levels[DATA], "event");
    const json_t *type = member(reader->levels[DATA], "type");
    if (event) {
        int r = agree(reader, "event", event, &decision);
        if (r < 0) {
            return r;
        }
    }
    if (json_is_string(type) && decision_of(json_string_value(type)) != DECISION_COUNT) {
        return agree(reader, "type", type, &decision);
    }
    return 0;
}

/* Sets what `data` is. It may be anything in an event that is ignored. */
static int enter_data(struct reader *reader)
{
    const json_t *data = member(reader->levels[TOP], "data");
    if (data && !json_is_object(data)) {
        problem_set(reader->problem, "\"data\" is not an object");
        return -EBADMSG;
    }
    reader->levels[DATA] = data;
    return 0;
}

/* Takes the event's name, from the top if that has one, else from `data`. */
static int read_names(struct reader *reader, struct event *ret_event, enum decision *decision)
{
    int r = read_name(reader, TOP, ret_event, decision);
    if (r < 0) {
        return r;
    }
    bool named = ret_event->name != NULL;
    ret_event->ignored = named && *decision == DECISION_COUNT;
    if (ret_event->ignored) {
        return 0;
    }
    r = enter_data(reader);
    if (r < 0) {
        return r;
    }
    if (named) {
        return check_inner_name(reader, *decision);
    }
    r = read_name(reader, DATA, ret_event, decision);
    ret_event->ignored = ret_event->name && *decision == DECISION_COUNT;
    return r;
}

static int read_statuses(const struct reader *reader, enum decision *decision)
{
    for (int level = TOP; level < LEVEL_COUNT; level++) {
        const json_t *status = member(reader->levels[level], "status");
        int r = status ? agree(reader, "status", status, decision) : 0;
        if (r < 0) {
            return r;
        }
    }
    if (*decision == DECISION_COUNT) {
        problem_set(reader->problem, "no decision: expected \"event\" or \"status\"");
        return -EBADMSG;
    }
    return 0;
}

static int check_no_denial(const struct reader *reader)
{
    for (const char *const *key = denial_keys; *key; key++) {
        const char *const one[] = {*key, NULL};
        const char *found;
        const json_t *value = find(reader, one, &found);
        if (value && !(json_is_string(value) && json_string_length(value) == 0)) {
            return refuse_contradiction(reader, *key);
        }
    }
    return 0;
}

static int read_decision_at_pointer(struct reader *reader, struct event *ret_event)
{
    const char *pointer = reader->pointers->decision;
    const json_t *value = json_at_pointer(reader->levels[TOP], pointer);
    enum decision decision = DECISION_COUNT;
    /* Here `data` is only one of many places, and need not be what it is elsewhere. */
    const json_t *data = member(reader->levels[TOP], "data");
    reader->levels[DATA] = json_is_object(data) ? data : NULL;
    if (!value || json_is_null(value)) {
        problem_set(reader->problem, "no decision: nothing at \"%s\"", pointer);
        return -EBADMSG;
    }
    int r = agree(reader, pointer, value, &decision);
    if (r == 0) {
        ret_event->name = json_string_value(value);
        ret_event->decision = decision;
    }
    return r;
}

static int read_decision(struct reader *reader, struct event *ret_event)
{
    enum decision decision = DECISION_COUNT;
    if (reader->pointers->decision) {
        return read_decision_at_pointer(reader, ret_event);
    }
    int r = read_names(reader, ret_event, &decision);
    if (r < 0 || ret_event->ignored) {
        return r;
    }
    r = check_spelling(reader, decision_keys);
    if (r == 0) {
        r = read_statuses(reader, &decision);
    }
    if (r == 0 && decision == DECISION_GRANTED) {
        r = check_no_denial(reader);
    }
    ret_event->decision = decision;
    return r;
}

/* --- ids -------------------------------------------------------------------------------------- */

static int take_request_id(const struct reader *reader, const char *key, const json_t *value,
                           struct event *ret_event)
{
    if (!json_is_string(value)) {
        return refuse_type(reader, key);
    }
    const char *id = json_string_value(value);
    if (!request_id_valid(id)) {
        problem_set(reader->problem,
                    "\"%s\" is no request id: expected 1 to %d of A-Z a-z 0-9 . _ : -, beginning "
                    "with a letter or digit",
                    key, REQUEST_ID_LIMIT);
        return -EBADMSG;
    }
    if (ret_event->request_id[0] != '\0' && strcmp(ret_event->request_id, id) != 0) {
        problem_set(reader->problem, "\"%s\" differs from another request id in the same body",
                    key);
        return -EBADMSG;
    }
    memcpy(ret_event->request_id, id, strlen(id) + 1);
    return 0;
}

static int read_all_request_ids(const struct reader *reader, struct event *ret_event)
{
    int r = check_spelling(reader, id_keys);
    for (int level = TOP; level < LEVEL_COUNT && r == 0; level++) {
        for (const char *const *key = id_keys; *key != NULL && r == 0; key++) {
            const json_t *value = member(reader->levels[level], *key);
            r = value ? take_request_id(reader, *key, value, ret_event) : 0;
        }
    }
    return r;
}

static int read_request_id(const struct reader *reader, struct event *ret_event)
{
    const char *pointer = reader->pointers->request_id;
    int r;
    if (!pointer) {
        r = read_all_request_ids(reader, ret_event);
    } else {
        const char *key;
        const json_t *value = find_or_at(reader, pointer, id_keys, &key);
        r = value ? take_request_id(reader, key, value, ret_event) : 0;
    }
    if (r == 0 && ret_event->request_id[0] == '\0') {
        problem_set(reader->problem, "no request id: expected \"%s\"",
                    pointer ? pointer : id_keys[0]);
        return -EBADMSG;
    }
    return r;
}

static bool delivery_id_usable(const char *id, size_t length)
{
    if (length == 0 || length > EVENT_DELIVERY_ID_LIMIT) {
        return false;
    }
    for (; *id != '\0'; id++) {
        if ((unsigned char)*id < ' ' || *id == 0x7f) {
            return false;
        }
    }
    return true;
}

/* The sender's own id of the event, or the digest of the body. What is ignored is so whatever its
 * id is made of. */
static int read_delivery_id(const struct reader *reader, const void *body, size_t length,
                            struct event *ret_event)
{
    const char *key;
    const json_t *value = find_or_at(reader, reader->pointers->event_id, event_id_keys, &key);
    if (value && !json_is_string(value) && !ret_event->ignored) {
        return refuse_type(reader, key);
    }
    if (json_is_string(value) &&
        delivery_id_usable(json_string_value(value), json_string_length(value))) {
        memcpy(ret_event->delivery_id, json_string_value(value), json_string_length(value) + 1);
        return 0;
    }
    unsigned char digest[DIGEST_SHA256_SIZE];
    int r = digest_sha256(body, length, digest);
    if (r == 0) {
        text_to_hex(digest, sizeof digest, ret_event->delivery_id);
    }
    return r;
}

/* --- the rest --------------------------------------------------------------------------------- */

static int64_t read_decided_at(const struct reader *reader)
{
    const char *key;
    const json_t *value = find_or_at(reader, reader->pointers->decided_at, decided_at_keys, &key);
    if (!value && !reader->pointers->decided_at) {
        value = find(reader, sent_at_keys, &key);
    }
    int64_t time = 0;
    if (json_is_string(value)) {
        (void)text_to_time(json_string_value(value), &time);
    }
    return time;
}

static int read_approval(const struct reader *reader, struct event *ret_event)
{
    int r = read_request_id(reader, ret_event);
    if (r == 0) {
        r = read_text(reader, reader->pointers->decided_by, decided_by_keys,
                      &ret_event->decided_by);
    }
    if (r == 0 && ret_event->decision == DECISION_DENIED) {
        r = read_text(reader, reader->pointers->reason, reason_keys, &ret_event->reason);
    }
    ret_event->decided_at = read_decided_at(reader);
    return r;
}

static int read_event(struct reader *reader, const void *body, size_t length,
                      struct event *ret_event)
{
    if (!json_is_object(reader->levels[TOP])) {
        problem_set(reader->problem, "the body is not a JSON object");
        return -EBADMSG;
    }
    int r = read_decision(reader, ret_event);
    if (r == 0 && !ret_event->ignored) {
        r = read_approval(reader, ret_event);
    }
    if (r == 0) {
        r = read_delivery_id(reader, body, length, ret_event);
    }
    return r;
}

int event_parse(const void *body, size_t length, const struct event_pointers *pointers,
                struct event *ret_event, struct problem *ret_problem)
{
    json_t *json;
    int r = json_parse(body, length, &json, ret_problem);
    if (r < 0) {
        return r;
    }
    struct event event = {.json = json};
    struct reader reader = {
        .levels = {json, NULL},
        .pointers = pointers ? pointers : &no_pointers,
        .problem = ret_problem,
    };
    r = read_event(&reader, body, length, &event);
    if (r < 0) {
        event_free(&event);
        return r;
    }
    *ret_event = event;
    return 0;
}

void event_free(struct event *event)
{
    if (event) {
        json_decref(event->json);
        event->json = NULL;
    }
}
