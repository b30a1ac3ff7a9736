#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assent/base/text.h"
#include "assent/config/setters.h"
#include "assent/config/source.h"

#define URL_LIMIT 2048
#define SPACES    " \t\n"
#define TOKEN     "url-token"

/* `daimon`, `url-token`, `daimon, url-token`, `none`. */
int set_scheme(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_service *service = object;
    bool signs = false;

    service->scheme = SIGNATURE_NONE;
    for (const char *at = entry->value;; at++) {
        char name[32] = {0};
        size_t length;
        enum signature_scheme scheme;

        at += strspn(at, SPACES);
        length = strcspn(at, "," SPACES);
        memcpy(name, at, length < sizeof name ? length : 0);
        at += length + strspn(at + length, SPACES);
        scheme = signature_scheme_from_name(name);
        if (strcmp(name, TOKEN) == 0 && !service->url_token) {
            service->url_token = true;
        } else if (scheme != SIGNATURE_SCHEME_COUNT && !signs) {
            service->scheme = scheme;
            signs = true;
        } else {
            problem_set(ret_problem, "there is no such scheme, or it is given twice");
            return -EINVAL;
        }
        if (*at != ',') {
            break;
        }
    }
    if (signs && service->url_token && service->scheme == SIGNATURE_NONE) {
        problem_set(ret_problem, "none and url-token exclude each other");
        return -EINVAL;
    }
    return 0;
}

/* A URL without userinfo, query and fragment, in printable characters. */
static int check_url(const char *url, struct problem *ret_problem)
{
    size_t scheme = strncasecmp(url, "https://", 8) == 0  ? 8
                    : strncasecmp(url, "http://", 7) == 0 ? 7
                                                          : 0;
    size_t host = scheme > 0 ? strcspn(url + scheme, "/?#@\\") : 0;

    if (host == 0 || url[scheme + host] == '@' || url[scheme + host] == '\\') {
        problem_set(ret_problem, "this is no URL with a host");
        return -EINVAL;
    }
    if (strlen(url) > URL_LIMIT || strpbrk(url, "?#\\ \t\n\"<>{}") != NULL) {
        problem_set(ret_problem, "this URL has a query, a fragment, spaces, or is too long");
        return -EINVAL;
    }
    return 0;
}

int set_service_url(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    char **url = setter_field(entry, object);
    size_t length = strlen(entry->value);
    int error = check_url(entry->value, ret_problem);

    if (error < 0) {
        return error;
    }
    length -= entry->value[length - 1] == '/';
    *url = strndup(entry->value, length);
    return *url != NULL ? 0 : -ENOMEM;
}

int set_callback_url(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    char **url = setter_field(entry, object);
    int error = check_url(entry->value, ret_problem);

    if (error < 0) {
        return error;
    }
    *url = strdup(entry->value);
    return *url != NULL ? 0 : -ENOMEM;
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
    int error = check_url(entry->value, ret_problem);

    return error < 0 ? error : texts_append(allow, entry->value, strlen(entry->value));
}

int set_relay_secret(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config *config = object;

    (void)ret_problem;
    return content_copy(entry, &config->relay_secret);
}
