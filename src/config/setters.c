#include "assent/config/setters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/array.h"
#include "assent/base/json.h"
#include "assent/base/text.h"
#include "assent/config/source.h"
#include "assent/domain/quantity.h"

#define SOCKET_PATH_LIMIT  107 /* of sockaddr_un */
#define WEBHOOK_PATH_LIMIT 1024
#define LETTERS            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS             "0123456789"
#define SPACES             " \t\n"

void *setter_field(const struct source_entry *entry, void *object)
{
    return (char *)object + entry->key->offset;
}

int texts_append(struct config_texts *texts, const char *text, size_t length)
{
    char **items = array_grow(texts->items, texts->count, sizeof *items);
    if (!items) {
        return -ENOMEM;
    }
    texts->items = items;
    items[texts->count] = strndup(text, length);
    if (!items[texts->count]) {
        return -ENOMEM;
    }
    texts->count++;
    return 0;
}

int templates_append(struct config_templates *templates, enum template_kind kind, const char *text,
                     struct problem *ret_problem)
{
    struct template **items = array_grow(templates->items, templates->count, sizeof *items);
    if (!items) {
        return -ENOMEM;
    }
    templates->items = items;
    int r = template_compile(kind, text, &items[templates->count], ret_problem);
    if (r == 0) {
        templates->count++;
    }
    return r;
}

static int out_of_range(struct problem *ret_problem)
{
    problem_set(ret_problem, "out of range");
    return -EINVAL;
}

static bool within(const struct config_key *key, int64_t value)
{
    return (key->minimum == 0 && key->maximum == 0) ||
           (value >= key->minimum && value <= key->maximum);
}

int set_duration(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    int64_t value;
    int r = quantity_duration(entry->value, &value);
    if (r == -EINVAL) {
        problem_set(ret_problem, "this is no duration");
        return r;
    }
    if (r == -ERANGE) {
        problem_set(ret_problem, "over ten years");
        return -EINVAL;
    }
    if (!within(entry->key, value)) {
        return out_of_range(ret_problem);
    }
    *(int64_t *)setter_field(entry, object) = value;
    return 0;
}

int set_size(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    uint64_t value;
    int r = quantity_size(entry->value, &value);
    if (r == -EINVAL) {
        problem_set(ret_problem, "this is no size");
        return r;
    }
    if (r < 0 || value > INT64_MAX || !within(entry->key, (int64_t)value)) {
        return out_of_range(ret_problem);
    }
    *(uint64_t *)setter_field(entry, object) = value;
    return 0;
}

int set_number(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    int64_t value;
    int r = text_to_number(entry->value, &value);
    if (r == -EINVAL) {
        problem_set(ret_problem, "this is no number");
        return r;
    }
    if (r < 0 || value > UINT32_MAX || !within(entry->key, value)) {
        return out_of_range(ret_problem);
    }
    *(unsigned *)setter_field(entry, object) = (unsigned)value;
    return 0;
}

int set_rate(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    int r = quantity_rate(entry->value, setter_field(entry, object));
    if (r < 0) {
        problem_set(ret_problem, r == -ERANGE ? "out of range" : "this is no rate");
    }
    return r < 0 ? -EINVAL : 0;
}

int set_octal(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    size_t length = strspn(entry->value, "01234567");
    if (entry->value[length] != '\0' || length < 1 || length > 4) {
        problem_set(ret_problem, "this is no octal number of at most four digits");
        return -EINVAL;
    }
    unsigned long mode = strtoul(entry->value, NULL, 8);
    if (mode > 0777) {
        problem_set(ret_problem, "only the permission bits up to 0777 can be given");
        return -EINVAL;
    }
    *(mode_t *)setter_field(entry, object) = (mode_t)mode;
    return 0;
}

int set_yes_no(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    bool yes = strcmp(entry->value, "yes") == 0;
    if (!yes && strcmp(entry->value, "no") != 0) {
        problem_set(ret_problem, "this is neither yes nor no");
        return -EINVAL;
    }
    *(bool *)setter_field(entry, object) = yes;
    return 0;
}

int set_on_off(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    bool on = strcmp(entry->value, "on") == 0;
    if (!on && strcmp(entry->value, "off") != 0) {
        problem_set(ret_problem, "this is neither on nor off");
        return -EINVAL;
    }
    *(bool *)setter_field(entry, object) = on;
    return 0;
}

int set_log_level(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    enum log_level level;
    if (log_level_from_text(entry->value, &level) < 0) {
        problem_set(ret_problem, "there is no such level");
        return -EINVAL;
    }
    *(enum log_level *)setter_field(entry, object) = level;
    return 0;
}

int set_on_interrupt(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    bool retry = strcmp(entry->value, "retry") == 0;
    if (!retry && strcmp(entry->value, "hold") != 0) {
        problem_set(ret_problem, "this is neither hold nor retry");
        return -EINVAL;
    }
    *(enum on_interrupt *)setter_field(entry, object) =
        retry ? ON_INTERRUPT_RETRY : ON_INTERRUPT_HOLD;
    return 0;
}

int set_text(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    (void)ret_problem;
    char **field = setter_field(entry, object);
    char *copy = strdup(entry->value);
    if (!copy) {
        return -ENOMEM;
    }
    free(*field);
    *field = copy;
    return 0;
}

int set_absolute_path(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    if (entry->value[0] != '/' || strchr(entry->value, '\n')) {
        problem_set(ret_problem, "this is no absolute path");
        return -EINVAL;
    }
    return set_text(entry, object, ret_problem);
}

int set_socket_path(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    if (strlen(entry->value) > SOCKET_PATH_LIMIT) {
        problem_set(ret_problem, "the path is too long for a socket");
        return -EINVAL;
    }
    return set_absolute_path(entry, object, ret_problem);
}

int set_group(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    size_t length = strspn(entry->value, LETTERS DIGITS "_.-");
    if (entry->value[length] != '\0' || length > 32) {
        problem_set(ret_problem, "this can't be the name of a group");
        return -EINVAL;
    }
    return set_text(entry, object, ret_problem);
}

/* True if a segment is `.` or `..`: clients fold these away, so that no request would come. */
static bool has_dot_segment(const char *path)
{
    for (const char *at = strstr(path, "/."); at; at = strstr(at + 1, "/.")) {
        const char *behind = at + 2 + (at[2] == '.');
        if (*behind == '/' || *behind == '\0') {
            return true;
        }
    }
    return false;
}

int set_webhook_path(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    const char *path = entry->value;
    static const char allowed[] = LETTERS DIGITS "/-._~!$&'()*+,;=:@";
    if (path[0] != '/' || strlen(path) > WEBHOOK_PATH_LIMIT) {
        problem_set(ret_problem, "a path begins with / and has at most %d bytes",
                    WEBHOOK_PATH_LIMIT);
    } else if (path[strspn(path, allowed)] != '\0') {
        problem_set(ret_problem, "a path has letters, digits and -._~!$&'()*+,;=:@ only; the query "
                                 "of a request is not looked at");
    } else if (has_dot_segment(path)) {
        problem_set(ret_problem, "a segment can't be . or ..");
    } else if (strcmp(path, "/healthz") == 0) {
        problem_set(ret_problem, "/healthz is assentd's own");
    } else {
        return set_text(entry, object, ret_problem);
    }
    return -EINVAL;
}

int set_pointer(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    if (json_pointer_check(entry->value) < 0) {
        problem_set(ret_problem, "this is no JSON Pointer");
        return -EINVAL;
    }
    return set_text(entry, object, ret_problem);
}

/* The next of the names with commas between them, without the white space around it; `at` goes to
 * the comma or the end. False if there is none. */
static bool next_name(const char **at, const char **ret_name, size_t *ret_length)
{
    const char *name = *at + strspn(*at, SPACES);
    size_t item = strcspn(name, ",");
    size_t length = item;
    while (length > 0 && strchr(SPACES, name[length - 1])) {
        length--;
    }
    *at = name + item;
    *ret_name = name;
    *ret_length = length;
    return length > 0;
}

static bool texts_have(const struct config_texts *texts, const char *text, size_t length)
{
    for (size_t i = 0; i < texts->count; i++) {
        if (strlen(texts->items[i]) == length && memcmp(texts->items[i], text, length) == 0) {
            return true;
        }
    }
    return false;
}

int set_hook_names(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_texts *names = setter_field(entry, object);
    for (const char *at = entry->value;; at++) {
        const char *name;
        size_t length;
        if (!next_name(&at, &name, &length)) {
            problem_set(ret_problem, "a name is missing");
            return -EINVAL;
        }
        if (texts_have(names, name, length)) {
            problem_set(ret_problem, "%.*s is given twice", (int)(length < 64 ? length : 64), name);
            return -EINVAL;
        }
        int r = texts_append(names, name, length);
        if (r < 0 || *at == '\0') {
            return r;
        }
    }
}

static bool is_word(const char *word, const char *text, size_t length)
{
    return strlen(word) == length && memcmp(word, text, length) == 0;
}

int set_accept(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    unsigned ways = 0;
    for (const char *at = entry->value;; at++) {
        const char *name;
        size_t length;
        (void)next_name(&at, &name, &length);
        unsigned way = is_word("ask", name, length)        ? WAY_ASK
                       : is_word("register", name, length) ? WAY_REGISTER
                                                           : 0;
        if (way == 0 || (ways & way) != 0) {
            problem_set(ret_problem, way == 0 ? "this is no way in which a request can come"
                                              : "one of them is given twice");
            return -EINVAL;
        }
        ways |= way;
        if (*at == '\0') {
            break;
        }
    }
    *(unsigned *)setter_field(entry, object) = ways;
    return 0;
}

int set_policy(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct policy **field = setter_field(entry, object);
    struct policy *policy;
    int r = policy_compile(entry->value, &policy, ret_problem);
    if (r < 0) {
        return r;
    }
    policy_free(*field);
    *field = policy;
    return 0;
}

int set_env(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_hook *hook = object;
    const char *value = entry->value;
    size_t length = strspn(value, LETTERS DIGITS "_");
    if (length == 0 || value[length] != '=' || strchr(DIGITS, value[0])) {
        problem_set(ret_problem, "there is no name, or one that is not made of letters, digits and "
                                 "_, before the =");
        return -EINVAL;
    }
    if (strncmp(value, "ASSENT_", 7) == 0) {
        problem_set(ret_problem, "names that begin with ASSENT_ are assentd's own");
        return -EINVAL;
    }
    for (size_t i = 0; i < hook->env.count; i++) {
        if (strncmp(hook->env.items[i], value, length + 1) == 0) {
            problem_set(ret_problem, "%.*s is given twice", (int)(length < 64 ? length : 64),
                        value);
            return -EINVAL;
        }
    }
    return texts_append(&hook->env, value, strlen(value));
}

int content_copy(const struct source_entry *entry, struct signature_secret *ret_secret)
{
    unsigned char *bytes = malloc(entry->content.length + 1);
    if (!bytes) {
        return -ENOMEM;
    }
    if (entry->content.length > 0) {
        memcpy(bytes, entry->content.data, entry->content.length);
    }
    bytes[entry->content.length] = '\0';
    *ret_secret = (struct signature_secret){.bytes = bytes, .length = entry->content.length};
    return 0;
}

int set_content(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    (void)ret_problem;
    return content_copy(entry, setter_field(entry, object));
}

int set_secret(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_service *service = object;
    struct signature_secret *secrets =
        array_grow(service->secrets, service->secret_count, sizeof *secrets);
    (void)ret_problem;
    if (!secrets) {
        return -ENOMEM;
    }
    service->secrets = secrets;
    int r = content_copy(entry, &secrets[service->secret_count]);
    if (r == 0) {
        service->secret_count++;
    }
    return r;
}

/* `context.a.b` is kept as `a.b`. */
int set_for_each(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    static const char prefix[] = "context.";
    char **field = setter_field(entry, object);
    bool below = strncmp(entry->value, prefix, sizeof prefix - 1) == 0;
    const char *path = below ? entry->value + sizeof prefix - 1 : "";
    if (path[0] == '\0' || path[0] == '.' || path[strlen(path) - 1] == '.' || strstr(path, "..") ||
        strpbrk(path, "{}|\n")) {
        problem_set(ret_problem, "this is no path in the context");
        return -EINVAL;
    }
    *field = strdup(path);
    return *field ? 0 : -ENOMEM;
}
