#include "assent/core/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/text.h"

#define SUBJECT       "{}"
#define SEGMENT_LIMIT 5

struct route {
    const char *method;
    const char *segments[SEGMENT_LIMIT]; /* SUBJECT stands for any one */
    void (*handle)(const struct api_call *call);
    bool operators; /* agents may not */
};

static const struct route routes[] = {
    {"POST", {"v1", "notify-operator"}, api_ask, false},
    {"POST", {"v1", "explain"}, api_explain, false},
    {"POST", {"v1", "requests"}, api_register, false},
    {"GET", {"v1", "requests"}, api_list_requests, false},
    {"GET", {"v1", "requests", SUBJECT}, api_show_request, false},
    {"GET", {"v1", "approvals", SUBJECT}, api_show_request, false},
    {"POST", {"v1", "requests", SUBJECT, "cancel"}, api_cancel_request, false},
    {"GET", {"v1", "jobs"}, api_list_jobs, false},
    {"GET", {"v1", "jobs", SUBJECT}, api_show_job, false},
    {"GET", {"v1", "jobs", SUBJECT, "output"}, api_show_output, false},
    {"GET", {"v1", "jobs", SUBJECT, "items"}, api_list_items, false},
    {"POST", {"v1", "jobs", SUBJECT, "retry"}, api_retry_job, true},
    {"POST", {"v1", "jobs", SUBJECT, "cancel"}, api_cancel_job, true},
    {"POST", {"v1", "jobs", "retry"}, api_retry_jobs, true},
    {"POST", {"v1", "jobs", "cancel"}, api_cancel_jobs, true},
    {"GET", {"v1", "events"}, api_list_events, false},
    {"GET", {"v1", "stream"}, api_follow_events, false},
    {"POST", {"v1", "pause"}, api_pause, true},
    {"POST", {"v1", "resume"}, api_resume, true},
    {"GET", {"v1", "backup"}, api_backup, true},
    {"GET", {"healthz"}, api_health, false},
    {"GET", {"readyz"}, api_ready, false},
    {"GET", {"metrics"}, api_metrics, true},
};

#define ROUTE_COUNT (sizeof routes / sizeof routes[0])

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes percent-encoding; NULL if it is malformed, holds a NUL or is no UTF-8. To be freed. */
static char *decode(const char *text, size_t length)
{
    char *decoded = malloc(length + 1);
    size_t out = 0;

    if (!decoded) {
        core_abandon("decode");
    }
    for (size_t i = 0; i < length; i++) {
        int high = text[i] == '%' && length - i > 2 ? hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text[i + 2]) : -1;

        if (text[i] != '%') {
            decoded[out++] = text[i];
            continue;
        }
        if (low < 0 || (high == 0 && low == 0)) {
            free(decoded);
            return NULL;
        }
        decoded[out++] = (char)(high * 16 + low);
        i += 2;
    }
    decoded[out] = '\0';
    if (!text_is_utf8(decoded, out)) {
        free(decoded);
        return NULL;
    }
    return decoded;
}

char *api_query(const struct api_call *call, const char *name)
{
    const char *at = call->request->query;
    size_t name_length = strlen(name);

    while (*at) {
        size_t length = strcspn(at, "&");

        if (length > name_length && strncmp(at, name, name_length) == 0 && at[name_length] == '=') {
            return decode(at + name_length + 1, length - name_length - 1);
        }
        at += length + (at[length] == '&');
    }
    return NULL;
}

/* The length of the path's next segment; moves to its beginning. */
static size_t next_segment(const char **at)
{
    if (**at == '/') {
        (*at)++;
    }
    return strcspn(*at, "/");
}

/* True if the path fits; the subject is a view of the path then. */
static bool route_fits(const struct route *route, const char *path, const char **ret_subject,
                       size_t *ret_length)
{
    *ret_subject = NULL;
    for (int i = 0; i < SEGMENT_LIMIT && route->segments[i]; i++) {
        size_t length = next_segment(&path);

        if (length == 0) {
            return false;
        }
        if (strcmp(route->segments[i], SUBJECT) == 0) {
            *ret_subject = path;
            *ret_length = length;
        } else if (strlen(route->segments[i]) != length ||
                   strncmp(path, route->segments[i], length) != 0) {
            return false;
        }
        path += length;
    }
    return *path == '\0';
}

static void answer_malformed(const struct api_call *call, const char *part)
{
    answer_error(&call->asker, 400, "invalid_request", NULL,
                 "the %s is malformed: expected %%XX to be the bytes of text in UTF-8", part);
}

/* The query is decoded as a whole here, so that each of its values can be later. */
static void call_route(struct api_call *call, const struct route *route, const char *subject,
                       size_t length)
{
    if (route->operators && call->access.agent) {
        answer_error(&call->asker, 403, "forbidden", "Ask an operator.",
                     "agents may not %s %s: only operators may", call->request->method,
                     call->request->path);
        return;
    }
    char *query = decode(call->request->query, strlen(call->request->query));

    if (!query) {
        answer_malformed(call, "query");
        return;
    }
    free(query);
    if (subject) {
        call->subject = decode(subject, length);
        if (!call->subject) {
            answer_malformed(call, "path");
            return;
        }
    }
    route->handle(call);
    free(call->subject);
}

void api_request(struct link *link, const struct protocol_request *request)
{
    struct api_call call = {
        .core = link->core,
        .asker = {.link = link, .id = request->id},
        .request = request,
    };
    const char *allowed = NULL;

    if (access_find(link, request, &call.access) < 0) {
        answer_unknown_token(&call.asker);
        return;
    }
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const char *subject;
        size_t length = 0;

        if (!route_fits(&routes[i], request->path, &subject, &length)) {
            continue;
        }
        if (strcmp(routes[i].method, request->method) == 0) {
            call_route(&call, &routes[i], subject, length);
            return;
        }
        allowed = allowed ? "GET, POST" : routes[i].method;
    }
    if (allowed) {
        answer_wrong_method(&call.asker, allowed);
    } else {
        answer_error(&call.asker, 404, "not_found", "See assentctl --help for what there is.",
                     "there is nothing at %s", request->path);
    }
}

static bool read_page(const struct api_call *call, int64_t least_cursor, struct api_page *ret_page)
{
    char *limit = api_query(call, "limit");
    char *cursor = api_query(call, "cursor");
    struct api_page page = {.limit = API_PAGE_DEFAULT};
    int64_t number = API_PAGE_DEFAULT;
    bool valid = true;

    if (limit && (text_to_number(limit, &number) < 0 || number < 1 || number > API_PAGE_LARGEST)) {
        answer_error(&call->asker, 400, "invalid_request", NULL,
                     "limit: expected a number from 1 to %d", API_PAGE_LARGEST);
        valid = false;
    } else if (cursor && (text_to_number(cursor, &page.cursor) < 0 || page.cursor < least_cursor)) {
        answer_error(&call->asker, 400, "invalid_request", NULL,
                     "cursor: expected the cursor of an earlier answer");
        valid = false;
    }
    free(limit);
    free(cursor);
    if (valid) {
        page.limit = (int)number;
        *ret_page = page;
    }
    return valid;
}

bool api_page(const struct api_call *call, struct api_page *ret_page)
{
    return read_page(call, 1, ret_page);
}

bool api_page_onward(const struct api_call *call, struct api_page *ret_page)
{
    return read_page(call, 0, ret_page);
}

static bool find_in_service(const struct api_call *call, const char *service,
                            struct store_request *ret_request)
{
    struct store_request request;
    int r = store_request_find(call->core->store, service, call->subject, &request);

    if (r == 0 && !access_may_see(&call->access, &request)) {
        store_request_free(&request);
        r = -ENOENT;
    }
    if (r == -ENOENT) {
        answer_error(&call->asker, 404, "not_found", NULL, "service %s has no request %s", service,
                     call->subject);
        return false;
    }
    core_must(r, "request");
    *ret_request = request;
    return true;
}

bool api_find_request(const struct api_call *call, struct store_request *ret_request)
{
    char *service = api_query(call, "service");
    int64_t number;
    bool found;
    int count;

    if (service) {
        found = find_in_service(call, service, ret_request);
        free(service);
        return found;
    }
    core_must(store_request_count_id(call->core->store, call->subject, access_owner(&call->access),
                                     &count, &number),
              "request");
    if (count == 0) {
        answer_error(&call->asker, 404, "not_found", "Register it with POST /v1/requests.",
                     "there is no request %s", call->subject);
        return false;
    }
    if (count > 1) {
        answer_error(&call->asker, 409, "ambiguous", "Add ?service=NAME.",
                     "several services have a request %s", call->subject);
        return false;
    }
    core_must(store_request_get(call->core->store, number, ret_request), "request");
    return true;
}
