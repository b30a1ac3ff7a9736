#include "assent/domain/url.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "assent/base/address.h"
#include "assent/base/text.h"

#define LETTERS     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS      "0123456789"
#define HEX_DIGITS  DIGITS "abcdefABCDEF"
#define UNRESERVED  LETTERS DIGITS "-._~"
#define SUB_DELIMS  "!$&'()*+,;="
#define PATH_MEMBER UNRESERVED SUB_DELIMS ":@/%"
#define LABEL_LIMIT 63

static int refuse(struct problem *ret_problem, const char *what)
{
    problem_set(ret_problem, "%s", what);
    return -EINVAL;
}

/* --- the authority ---------------------------------------------------------------------------- */

/* Whether resolvers would take the last label for a number, and the host for an address in one of
 * the forms that inet_aton(3) knows. */
static bool is_numeric(const char *label)
{
    bool hexadecimal = label[0] == '0' && (label[1] == 'x' || label[1] == 'X');

    return hexadecimal ? label[2 + strspn(label + 2, HEX_DIGITS)] == '\0'
                       : label[strspn(label, DIGITS)] == '\0';
}

static bool is_name(const char *host)
{
    const char *label = host;
    size_t length;

    for (;; label += length + 1) {
        length = strspn(label, LETTERS DIGITS "-_");
        if (length == 0 || length > LABEL_LIMIT ||
            (label[length] != '.' && label[length] != '\0')) {
            return false;
        }
        if (label[length] == '\0') {
            return !is_numeric(label);
        }
    }
}

static void to_lower_case(char *text)
{
    for (; *text; text++) {
        *text = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
    }
}

static int take_host(const char *text, size_t length, struct url *url, struct problem *ret_problem)
{
    bool bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';
    struct address address;

    if (length == 0 || length >= sizeof url->host) {
        return refuse(ret_problem, "the host is missing or too long");
    }
    memcpy(url->host, text + bracketed, length - (bracketed ? 2 : 0));
    url->host[length - (bracketed ? 2 : 0)] = '\0';
    if (bracketed == (strchr(url->host, ':') != NULL)) {
        if (address_from_text(url->host, strlen(url->host), &address)) {
            address_to_text(&address, url->host);
            return 0;
        }
        if (!bracketed && is_name(url->host)) {
            to_lower_case(url->host);
            return 0;
        }
    }
    return refuse(ret_problem, "the host is neither a name nor an address in its usual form");
}

static int take_port(const char *text, size_t length, struct url *url, struct problem *ret_problem)
{
    unsigned port = 0;

    if (length == 0 || length > 5 || text[0] == '0' || strspn(text, DIGITS) < length) {
        return refuse(ret_problem, "the port is no number from 1 to 65535");
    }
    for (size_t i = 0; i < length; i++) {
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    if (port > 65535) {
        return refuse(ret_problem, "the port is no number from 1 to 65535");
    }
    url->port = port;
    return 0;
}

static int take_authority(const char *text, size_t length, struct url *url,
                          struct problem *ret_problem)
{
    size_t host = length;

    if (memchr(text, '@', length)) {
        return refuse(ret_problem, "a URL may not hold a user name or password");
    }
    for (size_t i = length; i > 0 && text[i - 1] != ']'; i--) {
        host = text[i - 1] == ':' ? i - 1 : host;
    }
    if (host < length) {
        int r = take_port(text + host + 1, length - host - 1, url, ret_problem);
        if (r < 0) {
            return r;
        }
    }
    return take_host(text, host, url, ret_problem);
}

/* --- path and query --------------------------------------------------------------------------- */

/* What a path may hold encoded. Once decoded, none of these could be told from what is not. */
static bool may_be_encoded(unsigned byte)
{
    return byte >= ' ' && byte != 0x7f && strchr("/.\\%", (int)byte) == NULL;
}

static int check_encodings(const char *text, size_t length, bool in_path,
                           struct problem *ret_problem)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = 0;

        if (text[i] != '%') {
            continue;
        }
        if (length - i < 3 || text_from_hex(text + i + 1, 2, &byte, 1) < 0) {
            return refuse(ret_problem, "a % needs two hexadecimal digits behind it");
        }
        if (in_path && !may_be_encoded(byte)) {
            return refuse(ret_problem, "a path may not hold encoded slashes, backslashes, dots, "
                                       "percent signs and control characters");
        }
    }
    return 0;
}

/* Some servers cut parameters (`..;x`) off before they look. */
static bool is_dot_segment(const char *segment, size_t length)
{
    const char *parameters = memchr(segment, ';', length);
    size_t bare = parameters ? (size_t)(parameters - segment) : length;

    return (bare == 1 || bare == 2) && strspn(segment, ".") >= bare;
}

static int take_path(const char *text, size_t length, struct url *url, struct problem *ret_problem)
{
    size_t start = 0;

    for (size_t i = 0; i <= length; i++) {
        if (i < length && text[i] != '/') {
            continue;
        }
        if (is_dot_segment(text + start, i - start)) {
            return refuse(ret_problem, "a path may not hold . and .. as segments");
        }
        start = i + 1;
    }
    url->path = length > 0 ? text : "/";
    url->path_length = length > 0 ? length : 1;
    return check_encodings(text, length, true, ret_problem);
}

static int take_rest(const char *text, struct url *url, struct problem *ret_problem)
{
    size_t length = strspn(text, PATH_MEMBER);
    int r = take_path(text, length, url, ret_problem);

    if (r < 0) {
        return r;
    }
    if (text[length] == '?') {
        url->query = text + length + 1;
        length += 1 + strspn(url->query, PATH_MEMBER "?");
        r = check_encodings(url->query, strlen(url->query), false, ret_problem);
    }
    if (text[length] == '#') {
        return refuse(ret_problem, "a URL's fragment is never sent");
    }
    if (text[length] != '\0') {
        return refuse(ret_problem,
                      "a URL can't hold spaces, backslashes, quotes, brackets, control "
                      "characters or anything beyond ASCII");
    }
    return r;
}

/* --- as a whole ------------------------------------------------------------------------------- */

int url_parse(const char *text, struct url *ret_url, struct problem *ret_problem)
{
    struct url url = {.https = strncasecmp(text, "https://", 8) == 0};
    size_t authority;
    int r;

    if (!url.https && strncasecmp(text, "http://", 7) != 0) {
        return refuse(ret_problem, "this is no URL that begins with http:// or https://");
    }
    if (strlen(text) > URL_LIMIT) {
        problem_set(ret_problem, "this URL is over %d characters", URL_LIMIT);
        return -EINVAL;
    }
    text += url.https ? 8 : 7;
    url.port = url.https ? 443 : 80;
    authority = strcspn(text, "/?#\\");
    r = take_authority(text, authority, &url, ret_problem);
    if (r == 0) {
        r = take_rest(text + authority, &url, ret_problem);
    }
    if (r == 0) {
        *ret_url = url;
    }
    return r;
}

bool url_allows(const struct url *allow, const struct url *url)
{
    bool below = allow->path[allow->path_length - 1] == '/';

    return allow->https == url->https && allow->port == url->port &&
           strcmp(allow->host, url->host) == 0 &&
           (below ? url->path_length >= allow->path_length
                  : url->path_length == allow->path_length) &&
           memcmp(allow->path, url->path, allow->path_length) == 0;
}

bool url_is_allowed(char *const *allow, size_t count, const char *text)
{
    struct url url, entry;

    if (url_parse(text, &url, NULL) < 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (url_parse(allow[i], &entry, NULL) == 0 && url_allows(&entry, &url)) {
            return true;
        }
    }
    return false;
}

bool url_is_local(const struct url *url)
{
    static const struct address v6_loopback = {.bytes = {[15] = 1}};
    struct address address;

    if (strcmp(url->host, "localhost") == 0) {
        return true;
    }
    /* The bytes of 127.x.y.z stand behind 12 bytes that say it is one of IPv4. */
    return address_from_text(url->host, strlen(url->host), &address) &&
           (address_equal(&address, &v6_loopback) ||
            (!strchr(url->host, ':') && address.bytes[12] == 127));
}
