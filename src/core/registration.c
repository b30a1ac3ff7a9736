#include "assent/core/registration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/digest.h"
#include "assent/base/json.h"
#include "assent/base/text.h"
#include "assent/domain/request_id.h"

#define ACTION_LIMIT    200
#define TEXT_LIMIT      16384
#define CLIENT_ID_LIMIT 200
/* Ten years: beyond it a number of seconds is a mistake. */
#define EXPIRES_IN_LIMIT ((json_int_t)10 * 366 * 86400)

/* `type` and the callback are what an agent sent to the service; they say nothing here. */
static const char *const known_fields[] = {
    "requestId", "request_id", "approvalId", "approval_id", "action",      "context",
    "reason",    "urgency",    "expiresIn",  "expires_in",  "expiresAt",   "expires_at",
    "service",   "clientId",   "client_id",  "type",        "callbackUrl", "callback_url",
};

static int check_known(const json_t *body, struct problem *problem)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)body, key, value) {
        bool known = false;

        for (size_t i = 0; i < sizeof known_fields / sizeof known_fields[0] && !known; i++) {
            known = strcmp(known_fields[i], key) == 0;
        }
        if (!known) {
            problem_set(problem,
                        "%.100s: unknown field; expected requestId, action, context, "
                        "reason, urgency, expiresIn or expiresAt, service, clientId",
                        key);
            return -EBADMSG;
        }
    }
    return 0;
}

static bool is_present(const json_t *value)
{
    return value && !json_is_null(value);
}

/* The one value under the names; two names with different values are refused. */
static int one_of(const json_t *body, const char *const *names, json_t **ret_value,
                  struct problem *problem)
{
    json_t *found = NULL;

    for (size_t i = 0; names[i]; i++) {
        json_t *value = json_object_get(body, names[i]);

        if (!is_present(value)) {
            continue;
        }
        if (found && !json_equal(found, value)) {
            problem_set(problem, "%s: it is given twice, with different values", names[i]);
            return -EBADMSG;
        }
        found = value;
    }
    *ret_value = found;
    return 0;
}

/* A text under one of the names, copied; NULL if there is none. */
static int take_text(const json_t *body, const char *const *names, size_t limit, char **ret_text,
                     struct problem *problem)
{
    json_t *value;
    int r = one_of(body, names, &value, problem);

    if (r < 0 || !value) {
        return r;
    }
    if (!json_is_string(value) || json_string_length(value) > limit) {
        problem_set(problem, "%s: expected a text of at most %zu bytes", names[0], limit);
        return -EBADMSG;
    }
    *ret_text = strdup(json_string_value(value));
    return *ret_text ? 0 : -ENOMEM;
}

static int take_id(const json_t *body, struct store_request *request, struct problem *problem)
{
    static const char *const names[] = {"requestId", "request_id", "approvalId", "approval_id",
                                        NULL};
    int r = take_text(body, names, REQUEST_ID_LIMIT, &request->id, problem);

    if (r == 0 && (!request->id || !request_id_valid(request->id))) {
        problem_set(problem,
                    "requestId: expected 1 to %d of A-Z a-z 0-9 . _ : - that begin with a "
                    "letter or digit",
                    REQUEST_ID_LIMIT);
        return -EBADMSG;
    }
    return r;
}

static int take_action(const json_t *body, struct store_request *request, struct problem *problem)
{
    static const char *const names[] = {"action", NULL};
    int r = take_text(body, names, ACTION_LIMIT, &request->action, problem);

    if (r == 0 && (!request->action || !request->action[0])) {
        problem_set(problem, "action: expected the name of an action");
        return -EBADMSG;
    }
    return r;
}

static int take_service(const struct config *config, const json_t *body,
                        struct store_request *request, struct problem *problem)
{
    static const char *const names[] = {"service", NULL};
    int r = take_text(body, names, TEXT_LIMIT, &request->service, problem);

    if (r < 0) {
        return r;
    }
    if (!request->service && config->service_count == 1) {
        request->service = strdup(config->services[0].name);
        return request->service ? 0 : -ENOMEM;
    }
    if (!request->service) {
        problem_set(problem,
                    config->service_count == 0
                        ? "service: none is configured; expected a [service NAME]"
                        : "service: expected the name of one, since several are configured");
        return -EBADMSG;
    }
    if (!config_service(config, request->service)) {
        problem_set(problem, "service: %.100s is not configured", request->service);
        return -EBADMSG;
    }
    return 0;
}

static int take_urgency(const json_t *body, struct store_request *request, struct problem *problem)
{
    static const char *const levels[] = {"low", "medium", "high"};
    const json_t *value = json_object_get(body, "urgency");

    request->urgency = URGENCY_MEDIUM;
    if (!is_present(value)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof levels / sizeof levels[0] && json_is_string(value); i++) {
        if (strcmp(json_string_value(value), levels[i]) == 0) {
            request->urgency = (enum urgency)i;
            return 0;
        }
    }
    problem_set(problem, "urgency: expected low, medium or high");
    return -EBADMSG;
}

static int64_t default_expires_in(const struct config *config, const char *action)
{
    const struct config_action *section = config_action(config, action);

    return section && section->expires_in_ms ? section->expires_in_ms : config->expires_in_ms;
}

static int take_expires_at(const json_t *at, struct store_request *request, struct problem *problem)
{
    if (!json_is_string(at) || text_to_time(json_string_value(at), &request->expires_at) < 0) {
        problem_set(problem, "expiresAt: expected a time such as 2026-03-16T10:30:45Z");
        return -EBADMSG;
    }
    /* To the store 0 is no time, and there would never be an end. */
    request->expires_at = request->expires_at < 1 ? 1 : request->expires_at;
    return 0;
}

static int take_expiry(const struct config *config, const json_t *body,
                       struct store_request *request, struct problem *problem)
{
    static const char *const in_names[] = {"expiresIn", "expires_in", NULL};
    static const char *const at_names[] = {"expiresAt", "expires_at", NULL};
    json_t *in = NULL;
    json_t *at = NULL;
    int r = one_of(body, in_names, &in, problem);

    if (r == 0) {
        r = one_of(body, at_names, &at, problem);
    }
    if (r < 0) {
        return r;
    }
    if (in && at) {
        problem_set(problem, "expiresAt: expected either expiresIn or expiresAt, not both");
        return -EBADMSG;
    }
    if (in && (!json_is_integer(in) || json_integer_value(in) < 1 ||
               json_integer_value(in) > EXPIRES_IN_LIMIT)) {
        problem_set(problem, "expiresIn: expected a whole number of seconds, at least 1");
        return -EBADMSG;
    }
    request->expires_at = request->created_at + default_expires_in(config, request->action);
    if (in) {
        request->expires_at = request->created_at + json_integer_value(in) * 1000;
    }
    r = at ? take_expires_at(at, request, problem) : 0;
    request->deadline = request->expires_at + config->expiry_grace_ms;
    return r;
}

static int take_context(const json_t *body, char **ret_context, struct problem *problem)
{
    json_t *context = json_object_get(body, "context");

    if (!is_present(context)) {
        *ret_context = strdup("{}");
        return *ret_context ? 0 : -ENOMEM;
    }
    if (!json_is_object(context)) {
        problem_set(problem, "context: expected an object");
        return -EBADMSG;
    }
    *ret_context = json_text(context);
    if (!*ret_context) {
        return -ENOMEM;
    }
    if (strlen(*ret_context) > REGISTRATION_CONTEXT_LIMIT) {
        problem_set(problem, "context: expected at most 16 MiB");
        return -EMSGSIZE;
    }
    return 0;
}

/* What tells a repeat from another request: the body's meaning, whatever its order and spacing. */
static int take_digest(const json_t *body, struct store_request *request)
{
    char *text = json_canonical_text(body);
    int r = text ? digest_sha256(text, strlen(text), request->body_digest) : -ENOMEM;

    free(text);
    return r;
}

static int take_fields(const struct config *config, const json_t *body,
                       struct registration *registration, struct problem *problem)
{
    static const char *const reason_names[] = {"reason", NULL};
    static const char *const client_names[] = {"clientId", "client_id", NULL};
    struct store_request *request = &registration->request;
    int r = check_known(body, problem);

    if (r == 0) {
        r = take_id(body, request, problem);
    }
    if (r == 0) {
        r = take_action(body, request, problem);
    }
    if (r == 0) {
        r = take_service(config, body, request, problem);
    }
    if (r == 0) {
        r = take_text(body, reason_names, TEXT_LIMIT, &request->reason, problem);
    }
    if (r == 0) {
        r = take_text(body, client_names, CLIENT_ID_LIMIT, &request->client_id, problem);
    }
    if (r == 0) {
        r = take_urgency(body, request, problem);
    }
    if (r == 0) {
        r = take_expiry(config, body, request, problem);
    }
    if (r == 0) {
        r = take_context(body, &registration->context, problem);
    }
    return r == 0 ? take_digest(body, request) : r;
}

/* --- what is asked for ------------------------------------------------------------------------- */

#define ISSUE_LIMIT    1000 /* characters */
#define CALLBACK_LIMIT 2048

/* Those that say something here; what else there is goes to the service as it is. */
static const char *const asked_fields[] = {
    "type",      "action",     "context",  "reason",    "urgency",     "expiresIn",    "expires_in",
    "expiresAt", "expires_at", "clientId", "client_id", "callbackUrl", "callback_url", "after",
};

static bool is_notice(const json_t *body)
{
    return is_present(json_object_get(body, "issue"));
}

static int check_type(const json_t *body, struct problem *problem)
{
    const json_t *type = json_object_get(body, "type");

    if (is_notice(body) || !is_present(type) ||
        (json_is_string(type) && strcmp(json_string_value(type), "approval_request") == 0)) {
        return 0;
    }
    problem_set(problem, "type: expected approval_request");
    return -EBADMSG;
}

static int check_issue(const json_t *body, struct problem *problem)
{
    const json_t *issue = json_object_get(body, "issue");
    size_t length = json_is_string(issue) ? text_characters(json_string_value(issue)) : 0;

    if (length < 1 || length > ISSUE_LIMIT) {
        problem_set(problem, "issue: expected a text of 1 to %d characters", ISSUE_LIMIT);
        return -EBADMSG;
    }
    return 0;
}

static int check_no_id(const json_t *body, struct problem *problem)
{
    static const char *const names[] = {"requestId", "request_id", "approvalId", "approval_id",
                                        NULL};

    for (size_t i = 0; names[i]; i++) {
        if (json_object_get(body, names[i])) {
            problem_set(problem,
                        "%s: expected none, since the service gives it; POST /v1/requests takes "
                        "requests that it knows already",
                        names[i]);
            return -EBADMSG;
        }
    }
    return 0;
}

/* The service that the action names, or the only one that can be asked. */
static int find_asked_service(const struct config *config, struct store_request *request,
                              struct problem *problem)
{
    const struct config_action *action = config_action(config, request->action);
    const char *name = action ? action->service : NULL;
    size_t count = 0;

    for (size_t i = 0; !name && i < config->service_count; i++) {
        count += config->services[i].url != NULL;
    }
    for (size_t i = 0; !name && count == 1 && i < config->service_count; i++) {
        name = config->services[i].url ? config->services[i].name : NULL;
    }
    if (!name) {
        problem_set(problem,
                    count == 0
                        ? "no service has a url, so none can be asked; POST /v1/requests "
                          "takes requests that the agent has asked for itself"
                        : "action: several services can be asked, and the action names none");
        return -EBADMSG;
    }
    request->service = strdup(name);
    return request->service ? 0 : -ENOMEM;
}

static int take_extra(const json_t *body, char **ret_extra)
{
    json_t *extra = json_object();
    const char *key;
    json_t *value;
    int r = extra ? 0 : -ENOMEM;

    json_object_foreach((json_t *)(uintptr_t)body, key, value) {
        bool known = false;

        for (size_t i = 0; i < sizeof asked_fields / sizeof asked_fields[0] && !known; i++) {
            known = strcmp(asked_fields[i], key) == 0;
        }
        if (r == 0 && !known) {
            r = json_object_set(extra, key, value) < 0 ? -ENOMEM : 0;
        }
    }
    if (r == 0 && json_object_size(extra) > 0) {
        *ret_extra = json_text(extra);
        r = *ret_extra ? 0 : -ENOMEM;
    }
    json_decref(extra);
    return r;
}

static int take_one_after(const json_t *value, struct registration *registration,
                          struct problem *problem)
{
    if (!json_is_string(value) || !request_id_valid(json_string_value(value))) {
        problem_set(problem, "after: expected the id of a request, or a list of ids");
        return -EBADMSG;
    }
    if (registration->after_count == REGISTRATION_AFTER_LIMIT) {
        problem_set(problem, "after: expected at most %d ids", REGISTRATION_AFTER_LIMIT);
        return -EBADMSG;
    }
    registration->after[registration->after_count] = strdup(json_string_value(value));
    if (!registration->after[registration->after_count]) {
        return -ENOMEM;
    }
    registration->after_count++;
    return 0;
}

static int take_after(const json_t *body, struct registration *registration,
                      struct problem *problem)
{
    const json_t *after = json_object_get(body, "after");
    size_t index;
    json_t *value;
    int r = 0;

    if (!is_present(after)) {
        return 0;
    }
    if (!json_is_array(after)) {
        return take_one_after(after, registration, problem);
    }
    json_array_foreach(after, index, value) {
        r = r == 0 ? take_one_after(value, registration, problem) : r;
    }
    return r;
}

/* A notice is of no action: what it says is its reason. */
static int take_notice(const json_t *body, struct store_request *request, struct problem *problem)
{
    static const char *const issue_names[] = {"issue", NULL};
    int r = check_issue(body, problem);

    request->kind = KIND_NOTICE;
    if (r == 0) {
        r = take_text(body, issue_names, TEXT_LIMIT, &request->reason, problem);
    }
    if (r == 0) {
        request->action = strdup("notice");
        r = request->action ? 0 : -ENOMEM;
    }
    return r;
}

static int take_approval(const json_t *body, struct store_request *request, struct problem *problem)
{
    static const char *const reason_names[] = {"reason", NULL};
    int r = take_action(body, request, problem);

    request->kind = KIND_ASKED;
    return r == 0 ? take_text(body, reason_names, TEXT_LIMIT, &request->reason, problem) : r;
}

static int take_asked_fields(const struct config *config, const json_t *body,
                             struct registration *registration, struct problem *problem)
{
    static const char *const client_names[] = {"clientId", "client_id", NULL};
    static const char *const callback_names[] = {"callbackUrl", "callback_url", NULL};
    struct store_request *request = &registration->request;
    int r = check_type(body, problem);

    if (r == 0) {
        r = check_no_id(body, problem);
    }
    if (r == 0) {
        r = is_notice(body) ? take_notice(body, request, problem)
                            : take_approval(body, request, problem);
    }
    if (r == 0) {
        r = find_asked_service(config, request, problem);
    }
    if (r == 0) {
        r = take_text(body, client_names, CLIENT_ID_LIMIT, &request->client_id, problem);
    }
    if (r == 0) {
        r = take_text(body, callback_names, CALLBACK_LIMIT, &registration->callback, problem);
    }
    if (r == 0) {
        r = take_urgency(body, request, problem);
    }
    if (r == 0) {
        r = take_expiry(config, body, request, problem);
    }
    if (r == 0) {
        r = take_context(body, &registration->context, problem);
    }
    if (r == 0) {
        r = take_after(body, registration, problem);
    }
    if (r == 0) {
        r = take_extra(body, &registration->extra);
    }
    registration->expires_in_ms = request->expires_at - request->created_at;
    return r == 0 ? take_digest(body, request) : r;
}

/* --- both ------------------------------------------------------------------------------------- */

typedef int (*field_taker)(const struct config *config, const json_t *body,
                           struct registration *registration, struct problem *problem);

static int parse(const struct config *config, const void *body, size_t length, const char *owner,
                 struct registration *registration, field_taker take, struct problem *ret_problem)
{
    json_t *json = NULL;
    int r = json_parse(body, length, &json, ret_problem);

    if (r == 0 && !json_is_object(json)) {
        problem_set(ret_problem, "expected a JSON object");
        r = -EBADMSG;
    }
    if (r == 0) {
        registration->request.owner = strdup(owner);
        r = registration->request.owner ? 0 : -ENOMEM;
    }
    if (r == 0) {
        r = take(config, json, registration, ret_problem);
    }
    json_decref(json);
    if (r == -ENOMEM) {
        problem_set(ret_problem, "no memory");
    }
    if (r < 0) {
        registration_free(registration);
    }
    return r;
}

int registration_parse(const struct config *config, const void *body, size_t length,
                       const char *owner, int64_t now, struct registration *ret_registration,
                       struct problem *ret_problem)
{
    struct registration registration = {
        .request = {.state = REQUEST_PENDING, .created_at = now},
    };
    int r = parse(config, body, length, owner, &registration, take_fields, ret_problem);

    if (r == 0) {
        *ret_registration = registration;
    }
    return r;
}

int registration_parse_ask(const struct config *config, const void *body, size_t length,
                           const char *owner, int64_t now, struct registration *ret_registration,
                           struct problem *ret_problem)
{
    struct registration registration = {
        .request = {.state = REQUEST_SUBMITTING, .created_at = now},
    };
    int r = parse(config, body, length, owner, &registration, take_asked_fields, ret_problem);

    if (r == 0) {
        *ret_registration = registration;
    }
    return r;
}

void registration_free(struct registration *registration)
{
    if (!registration) {
        return;
    }
    store_request_free(&registration->request);
    free(registration->context);
    free(registration->extra);
    free(registration->callback);
    for (size_t i = 0; i < registration->after_count; i++) {
        free(registration->after[i]);
    }
    *registration = (struct registration){0};
}
