#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assent/base/array.h"
#include "assent/base/json.h"
#include "assent/base/text.h"
#include "assent/config/setters.h"
#include "assent/config/source.h"

#define METHOD_LIMIT 20
#define SPACES       " \t\n"

static bool method_valid(const char *method, size_t length)
{
    static const char *const refused[] = {"CONNECT", "TRACE"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (strlen(refused[i]) == length && memcmp(method, refused[i], length) == 0) {
            return false;
        }
    }
    return length >= 1 && length <= METHOD_LIMIT &&
           strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == length;
}

int set_call(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_hook *hook = object;
    size_t length = strcspn(entry->value, SPACES);
    const char *url = entry->value + length + strspn(entry->value + length, SPACES);
    if (!method_valid(entry->value, length)) {
        problem_set(ret_problem, "there is no method, or none that can be used");
        return -EINVAL;
    }
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) {
        problem_set(ret_problem, "the URL is missing, or begins with neither http:// nor https://");
        return -EINVAL;
    }
    hook->method = strndup(entry->value, length);
    if (!hook->method) {
        return -ENOMEM;
    }
    return template_compile(TEMPLATE_URL, url, &hook->url, ret_problem);
}

int set_header(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    static const char *const refused[] = {"Host", "Content-Length", "Transfer-Encoding",
                                          "Connection"};
    struct config_hook *hook = object;
    size_t length = strcspn(entry->value, ":");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (strlen(refused[i]) == length && strncasecmp(entry->value, refused[i], length) == 0) {
            problem_set(ret_problem, "%s follows from the call itself", refused[i]);
            return -EINVAL;
        }
    }
    return templates_append(&hook->headers, TEMPLATE_HEADER, entry->value, ret_problem);
}

/* True if {name} or {name| stands in the text. */
static bool looks_like_template(const char *text)
{
    for (const char *at = strchr(text, '{'); at; at = strchr(at + 1, '{')) {
        size_t length = strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789_.-");
        if (length > 0 && (at[1 + length] == '}' || at[1 + length] == '|')) {
            return true;
        }
    }
    return false;
}

/* What is no JSON is sent as it stands, unless someone hopes for placeholders in it. */
static int set_verbatim(struct config_hook *hook, const char *text, const struct problem *not_json,
                        struct problem *ret_problem)
{
    if (looks_like_template(text)) {
        problem_set(ret_problem, "only JSON can hold placeholders, and this is none: %.400s",
                    not_json->text);
        return -EINVAL;
    }
    hook->body_verbatim = strdup(text);
    return hook->body_verbatim ? 0 : -ENOMEM;
}

static int set_body_text(struct config_hook *hook, const char *text, struct problem *ret_problem)
{
    struct problem not_json = {.text = ""};
    json_t *json;
    int r = json_parse(text, strlen(text), &json, &not_json);
    if (r == -EBADMSG) {
        return set_verbatim(hook, text, &not_json, ret_problem);
    }
    if (r < 0) {
        return r;
    }
    json_decref(json);
    return template_compile(TEMPLATE_JSON, text, &hook->body, ret_problem);
}

int set_body(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_hook *hook = object;
    if (hook->body || hook->body_verbatim) {
        problem_set(ret_problem, "the hook has a body already; body and body_file exclude each "
                                 "other");
        return -EINVAL;
    }
    if (!entry->loaded) {
        return set_body_text(hook, entry->value, ret_problem);
    }
    if (!text_is_utf8(entry->content.data, entry->content.length) ||
        memchr(entry->content.data, '\0', entry->content.length)) {
        problem_set(ret_problem, "the file is no UTF-8 text");
        return -EINVAL;
    }
    struct signature_secret text;
    int r = content_copy(entry, &text);
    if (r == 0) {
        r = set_body_text(hook, (const char *)text.bytes, ret_problem);
        free(text.bytes);
    }
    return r;
}

int set_bearer(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_hook *hook = object;
    for (size_t i = 0; i < entry->content.length; i++) {
        if (entry->content.data[i] <= ' ' || entry->content.data[i] >= 0x7f) {
            problem_set(ret_problem, "the file holds white space or other bytes that a header "
                                     "can't");
            return -EINVAL;
        }
    }
    return content_copy(entry, &hook->bearer);
}

int set_certificates(const struct source_entry *entry, struct signature_secret *ret_certificates,
                     struct problem *ret_problem)
{
    static const char mark[] = "-----BEGIN CERTIFICATE-----";
    if (!memmem(entry->content.data, entry->content.length, mark, sizeof mark - 1)) {
        problem_set(ret_problem, "the file holds no certificate");
        return -EINVAL;
    }
    return content_copy(entry, ret_certificates);
}

int set_tls_ca(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_hook *hook = object;
    return set_certificates(entry, &hook->tls_ca, ret_problem);
}

/* Reads three digits. */
static bool read_status(const char **at, unsigned *ret_status)
{
    unsigned status = 0;
    size_t length = strspn(*at, "0123456789");
    for (size_t i = 0; i < length && i < 4; i++) {
        status = status * 10 + (unsigned)((*at)[i] - '0');
    }
    *at += length;
    *ret_status = status;
    return length == 3 && status >= 200 && status <= 599;
}

/* Reads `200` or `200-299`, and the white space around it. */
static bool read_range(const char **at, struct config_status_range *ret_range)
{
    *at += strspn(*at, SPACES);
    if (!read_status(at, &ret_range->first)) {
        return false;
    }
    ret_range->last = ret_range->first;
    if (**at == '-') {
        ++*at;
        if (!read_status(at, &ret_range->last)) {
            return false;
        }
    }
    *at += strspn(*at, SPACES);
    return ret_range->first <= ret_range->last && (**at == ',' || **at == '\0');
}

int set_expect(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_hook *hook = object;
    for (const char *at = entry->value;; at++) {
        struct config_status_range range;
        if (!read_range(&at, &range)) {
            problem_set(ret_problem, "this is no list of statuses");
            return -EINVAL;
        }
        struct config_status_range *expect =
            array_grow(hook->expect, hook->expect_count, sizeof *expect);
        if (!expect) {
            return -ENOMEM;
        }
        hook->expect = expect;
        expect[hook->expect_count++] = range;
        if (*at == '\0') {
            return 0;
        }
    }
}
