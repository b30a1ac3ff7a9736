#include "assent/gate/rules.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assent/base/text.h"

struct rules {
    enum role role;
    pthread_rwlock_t lock; /* of what follows */
    char **paths;          /* sorted */
    size_t path_count;
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

static void paths_free(char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(paths[i]);
    }
    free(paths);
}

static int compare_paths(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static int paths_of(const struct config *config, char ***ret_paths)
{
    char **paths = calloc(config->service_count + 1, sizeof(*paths));
    if (!paths) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < config->service_count; i++) {
        paths[i] = strdup(config->services[i].path);
        if (!paths[i]) {
            paths_free(paths, i);
            return -ENOMEM;
        }
    }
    qsort(paths, config->service_count, sizeof(*paths), compare_paths);
    *ret_paths = paths;
    return 0;
}

int rules_configure(struct rules *rules, const struct config *config)
{
    char **paths = NULL;
    int error = paths_of(config, &paths);
    if (error) {
        return error;
    }
    pthread_rwlock_wrlock(&rules->lock);
    char **old_paths = rules->paths;
    size_t old_count = rules->path_count;
    rules->paths = paths;
    rules->path_count = config->service_count;
    rules->body_limit =
        rules->role == ROLE_GATE_PUBLIC ? config->max_body : RULES_CONTROL_BODY_LIMIT;
    pthread_rwlock_unlock(&rules->lock);
    paths_free(old_paths, old_count);
    return 0;
}

static enum answer check_public_path(const struct rules *rules, const struct rules_head *head)
{
    if (rules->path_count && bsearch(&head->path, rules->paths, rules->path_count,
                                     sizeof(*rules->paths), compare_paths)) {
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
    paths_free(rules->paths, rules->path_count);
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
