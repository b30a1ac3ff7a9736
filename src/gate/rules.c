#include "assent/gate/rules.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assent/base/text.h"
#include "assent/domain/url_token.h"

/* Sorted. */
struct paths {
    char **items;
    size_t count;
};

struct rules {
    enum role role;
    pthread_rwlock_t lock;    /* of what follows */
    struct paths paths;       /* of all services */
    struct paths token_paths; /* below which tokens stand */
    uint64_t body_limit;
};

int rules_new(enum role role, struct rules **ret_rules)
{
    struct rules *rules = calloc(1, sizeof(*rules));
    if (!rules) {
        return -ENOMEM;
    }
    rules->role = role;
    if (pthread_rwlock_init(&rules->lock, NULL)) {
        free(rules);
        return -ENOMEM;
    }
    *ret_rules = rules;
    return 0;
}

static void paths_free(struct paths *paths)
{
    for (size_t i = 0; i < paths->count; i++) {
        free(paths->items[i]);
    }
    free(paths->items);
    *paths = (struct paths){0};
}

static int compare_paths(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Those of all services, or of those that are told URLs with a token only. */
static int paths_of(const struct config *config, bool with_token, struct paths *ret_paths)
{
    struct paths paths = {.items = calloc(config->service_count + 1, sizeof(*paths.items))};

    if (!paths.items) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < config->service_count; i++) {
        const struct config_service *service = &config->services[i];

        if (with_token && !service->url_token) {
            continue;
        }
        paths.items[paths.count] = strdup(service->path);
        if (!paths.items[paths.count]) {
            paths_free(&paths);
            return -ENOMEM;
        }
        paths.count++;
    }
    qsort(paths.items, paths.count, sizeof(*paths.items), compare_paths);
    *ret_paths = paths;
    return 0;
}

int rules_configure(struct rules *rules, const struct config *config)
{
    struct paths paths = {0};
    struct paths token_paths = {0};
    int r = paths_of(config, false, &paths);
    if (!r) {
        r = paths_of(config, true, &token_paths);
    }
    if (r) {
        paths_free(&paths);
        return r;
    }
    pthread_rwlock_wrlock(&rules->lock);
    struct paths old_paths = rules->paths;
    struct paths old_token_paths = rules->token_paths;
    rules->paths = paths;
    rules->token_paths = token_paths;
    rules->body_limit =
        rules->role == ROLE_GATE_PUBLIC ? config->max_body : PROTOCOL_CONTROL_BODY_LIMIT;
    pthread_rwlock_unlock(&rules->lock);
    paths_free(&old_paths);
    paths_free(&old_token_paths);
    return 0;
}

/* The path itself of a service with tokens is let through too: core answers it as it does a wrong
 * token. */
static bool is_webhook_path(const struct rules *rules, const char *path)
{
    if (rules->paths.count && bsearch(&path, rules->paths.items, rules->paths.count,
                                      sizeof(*rules->paths.items), compare_paths)) {
        return true;
    }
    for (size_t i = 0; i < rules->token_paths.count; i++) {
        if (url_token_below(rules->token_paths.items[i], path)) {
            return true;
        }
    }
    return false;
}

static enum answer check_public_path(const struct rules *rules, const struct rules_head *head)
{
    if (is_webhook_path(rules, head->path)) {
        return strcmp(head->method, "POST") ? ANSWER_ONLY_POST : ANSWER_NONE;
    }
    if (strcmp(head->path, "/healthz")) {
        return ANSWER_NOT_FOUND;
    }
    return strcmp(head->method, "GET") && strcmp(head->method, "HEAD") ? ANSWER_ONLY_GET
                                                                       : ANSWER_NONE;
}

/* A webhook without a body is one without JSON too; calls on the control socket may have none. */
static bool needs_json(const struct rules *rules, const struct rules_head *head)
{
    return head->has_body || (rules->role == ROLE_GATE_PUBLIC && !strcmp(head->method, "POST"));
}

static enum answer check(const struct rules *rules, const struct rules_head *head)
{
    if (rules->role == ROLE_GATE_PUBLIC) {
        enum answer objection = check_public_path(rules, head);
        if (objection != ANSWER_NONE) {
            return objection;
        }
    }
    if (head->content_length > rules->body_limit) {
        return ANSWER_BODY_TOO_LARGE;
    }
    if (needs_json(rules, head) && !rules_is_json(head->content_type)) {
        return ANSWER_UNSUPPORTED_MEDIA_TYPE;
    }
    if (head->head_size > RULES_HEAD_LIMIT || head->header_count > PROTOCOL_HEADER_COUNT) {
        return ANSWER_HEADERS_TOO_LARGE;
    }
    return ANSWER_NONE;
}

enum answer rules_admit(struct rules *rules, const struct rules_head *head,
                        uint64_t *ret_body_limit)
{
    pthread_rwlock_rdlock(&rules->lock);
    enum answer objection = check(rules, head);
    uint64_t body_limit = rules->body_limit;
    pthread_rwlock_unlock(&rules->lock);
    if (objection == ANSWER_NONE) {
        *ret_body_limit = body_limit;
    }
    return objection;
}

void rules_free(struct rules *rules)
{
    if (!rules) {
        return;
    }
    paths_free(&rules->paths);
    paths_free(&rules->token_paths);
    pthread_rwlock_destroy(&rules->lock);
    free(rules);
}

static void see_content_length(struct rules_head *head, const char *value)
{
    int64_t length = 0;

    /* What is no number at all the library has refused before. */
    if (text_to_number(value, &length) == -ERANGE) {
        length = INT64_MAX;
    }
    head->content_length = (uint64_t)length;
    head->has_body = head->has_body || length > 0;
}

void rules_see_header(struct rules_head *head, const char *name, const char *value)
{
    head->header_count++;
    head->head_size += strlen(name) + strlen(value) + strlen(": \r\n");
    if (strcasecmp(name, "Content-Type") == 0) {
        head->content_type = head->content_type ? head->content_type : value;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        see_content_length(head, value);
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        head->has_body = true;
    }
}

bool rules_is_json(const char *content_type)
{
    static const char prefix[] = "application/";
    static const char suffix[] = "+json";
    if (!content_type) {
        return false;
    }
    content_type += strspn(content_type, " \t");
    size_t length = strcspn(content_type, "; \t");
    const char *rest = content_type + length + strspn(content_type + length, " \t");
    if (*rest != '\0' && *rest != ';') {
        return false;
    }
    size_t prefix_length = sizeof(prefix) - 1;
    size_t suffix_length = sizeof(suffix) - 1;
    if (length <= prefix_length || strncasecmp(content_type, prefix, prefix_length)) {
        return false;
    }
    const char *name = content_type + prefix_length;
    size_t name_length = length - prefix_length;
    if (name_length == 4 && !strncasecmp(name, "json", 4)) {
        return true;
    }
    return name_length > suffix_length &&
           !strncasecmp(name + name_length - suffix_length, suffix, suffix_length);
}

static char *skip_authority(char *target)
{
    size_t scheme = !strncasecmp(target, "http://", 7)    ? 7
                    : !strncasecmp(target, "https://", 8) ? 8
                                                          : 0;
    return scheme ? target + scheme + strcspn(target + scheme, "/?") : target;
}

void rules_split_target(char *target, const char **ret_path, const char **ret_query)
{
    char *path = skip_authority(target);
    char *mark = strchr(path, '?');
    *ret_query = mark ? mark + 1 : "";
    if (mark) {
        *mark = '\0';
    }
    *ret_path = path != target && *path == '\0' ? "/" : path;
}
