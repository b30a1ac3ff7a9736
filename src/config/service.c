#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/config/setters.h"
#include "assent/config/source.h"
#include "assent/domain/standard_webhooks.h"
#include "assent/domain/url.h"

#define SPACES " \t\n"
#define TOKEN  "url-token"

/* One name of the list; NULL where it may be there, else what is wrong. */
static const char *take_scheme(const char *name, struct config_service *service, bool *signs)
{
    enum signature_scheme scheme = signature_scheme_from_name(name);

    if (strcmp(name, TOKEN) == 0 && !service->url_token) {
        service->url_token = true;
        return NULL;
    }
    if (scheme == SIGNATURE_SCHEME_COUNT || *signs) {
        return "there is no such scheme, or it is given twice";
    }
    service->scheme = scheme;
    *signs = true;
    return NULL;
}

/* `daimon`, `url-token`, `daimon, url-token`, `none`. */
int set_scheme(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_service *service = object;
    struct config_service given = {.scheme = SIGNATURE_NONE};
    bool signs = false;
    const char *fault = NULL;
    const char *at = entry->value;

    for (;; at++) {
        char name[32] = {0};
        size_t length;

        at += strspn(at, SPACES);
        length = strcspn(at, "," SPACES);
        memcpy(name, at, length < sizeof name ? length : 0);
        at += length + strspn(at + length, SPACES);
        fault = take_scheme(name, &given, &signs);
        if (fault || *at != ',') {
            break;
        }
    }
    if (!fault && *at != '\0') {
        fault = "there is no comma between two schemes";
    } else if (!fault && signs && given.url_token && given.scheme == SIGNATURE_NONE) {
        fault = "none and url-token exclude each other";
    }
    if (fault) {
        problem_set(ret_problem, "%s", fault);
        return -EINVAL;
    }
    service->scheme = given.scheme;
    service->url_token = given.url_token;
    return 0;
}

/* A URL that more can be put behind. */
static int parse_base(const char *text, struct url *ret_url, struct problem *ret_problem)
{
    int r = url_parse(text, ret_url, ret_problem);

    if (r == 0 && ret_url->query) {
        problem_set(ret_problem, "this URL has a query");
        r = -EINVAL;
    }
    return r;
}

/* The same, for what nobody on the way may read or change. */
static int parse_private(const char *text, struct url *ret_url, struct problem *ret_problem)
{
    int r = parse_base(text, ret_url, ret_problem);

    if (r == 0 && !ret_url->https && !url_is_local(ret_url)) {
        problem_set(ret_problem, "over http anybody on the way could read and change it; only what "
                                 "stays on this machine (127.0.0.1, [::1], localhost) may have it");
        r = -EINVAL;
    }
    return r;
}

int set_service_url(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    char **text = setter_field(entry, object);
    size_t length = strlen(entry->value);
    struct url url;
    int r = parse_private(entry->value, &url, ret_problem);

    if (r < 0) {
        return r;
    }
    length -= entry->value[length - 1] == '/';
    *text = strndup(entry->value, length);
    return *text ? 0 : -ENOMEM;
}

int set_callback_url(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct url url;
    int r = parse_base(entry->value, &url, ret_problem);

    return r < 0 ? r : set_text(entry, object, ret_problem);
}

static int set_token_text(const struct source_entry *entry, struct signature_secret *secret,
                          struct problem *ret_problem)
{
    for (size_t i = 0; i < entry->content.length; i++) {
        if (entry->content.data[i] <= ' ' || entry->content.data[i] >= 0x7f) {
            problem_set(ret_problem, "the file holds white space or other bytes that a header "
                                     "can't");
            return -EINVAL;
        }
    }
    return content_copy(entry, secret);
}

int set_api_key(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_service *service = object;

    return set_token_text(entry, &service->api_key, ret_problem);
}

int set_relay_allow(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_texts *allow = setter_field(entry, object);
    struct url url, other;
    int r = parse_private(entry->value, &url, ret_problem);

    for (size_t i = 0; r == 0 && i < allow->count; i++) {
        if (url_parse(allow->items[i], &other, NULL) == 0 && url_allows(&other, &url) &&
            url_allows(&url, &other)) {
            problem_set(ret_problem, "the same is given twice");
            r = -EINVAL;
        }
    }
    return r < 0 ? r : texts_append(allow, entry->value, strlen(entry->value));
}

int set_relay_secret(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config *config = object;
    const struct signature_secret secret = {entry->content.data, entry->content.length};

    if (!standard_webhooks_secret_valid(&secret)) {
        problem_set(ret_problem, "what is behind whsec_ is no base64");
        return -EINVAL;
    }
    return content_copy(entry, &config->relay_secret);
}

int set_service_ca(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_service *service = object;

    return set_certificates(entry, &service->tls_ca, ret_problem);
}
