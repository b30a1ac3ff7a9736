#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assent/domain/template_parts.h"

#define DIGITS     "0123456789"
#define HEX_DIGITS DIGITS "abcdefABCDEF"
#define LETTERS    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define UNRESERVED LETTERS DIGITS "-._~"

/* Behind "http://" or "https://"; NULL if the text begins otherwise. */
static const char *behind_scheme(const char *literal)
{
    if (strncasecmp(literal, "https://", 8) == 0) {
        return literal + 8;
    }
    return strncasecmp(literal, "http://", 7) == 0 ? literal + 7 : NULL;
}

static size_t authority_end(const char *literal)
{
    const char *authority = behind_scheme(literal);

    return (size_t)(authority - literal) + strcspn(authority, "/?");
}

static bool is_port(const char *text, size_t length)
{
    unsigned long port = 0;

    if (length == 0 || length > 5 || strspn(text, DIGITS) < length) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

static bool is_authority(const char *text, size_t length)
{
    size_t host;

    if (text[0] == '[') {
        host = 1 + strspn(text + 1, HEX_DIGITS ":.");
        if (host < 3 || text[host++] != ']') {
            return false;
        }
    } else {
        host = strspn(text, LETTERS DIGITS "-._");
    }
    if (host == 0 || host > length) {
        return false;
    }
    return host == length || (text[host] == ':' && is_port(text + host + 1, length - host - 1));
}

static int check_authority(const struct template_text *text, struct problem *ret_problem)
{
    const char *first = text->count > 0 ? text->parts[0].literal : NULL;
    const char *authority = first ? behind_scheme(first) : NULL;
    size_t length;

    if (!authority) {
        problem_set(ret_problem, "not a URL that begins with http:// or https://");
        return -EINVAL;
    }
    length = strcspn(authority, "/?");
    if (authority[length] == '\0' && text->count > 1) {
        problem_set(ret_problem, "a placeholder in a URL may only stand behind its host, in the "
                                 "path or query");
        return -EINVAL;
    }
    if (memchr(authority, '@', length)) {
        problem_set(ret_problem, "a URL may not hold a user name or password; use bearer_file or "
                                 "header");
        return -EINVAL;
    }
    if (!is_authority(authority, length)) {
        problem_set(ret_problem, "\"%.*s\" is no HOST or HOST:PORT",
                    (int)(length > 100 ? 100 : length), authority);
        return -EINVAL;
    }
    return 0;
}

/* An escape is complete within its literal, so that no value can become a part of one. */
static int check_literal(const char *literal, struct problem *ret_problem)
{
    for (const char *at = literal; *at; at++) {
        if (*at <= ' ' || *at >= 0x7f || *at == '\\') {
            problem_set(ret_problem, "a URL can't hold spaces, control characters, backslashes or "
                                     "anything beyond ASCII; write them as %%XX");
            return -EINVAL;
        }
        if (*at == '#') {
            problem_set(ret_problem, "a URL's fragment (#...) is never sent; write %%23 for a # "
                                     "itself");
            return -EINVAL;
        }
        if (*at == '%' &&
            (!at[1] || !strchr(HEX_DIGITS, at[1]) || !at[2] || !strchr(HEX_DIGITS, at[2]))) {
            problem_set(ret_problem, "a %% in a URL needs two hexadecimal digits behind it; write "
                                     "%%25 for a %% itself");
            return -EINVAL;
        }
    }
    return 0;
}

int template_url_check(const struct template_text *text, struct problem *ret_problem)
{
    for (size_t i = 0; i < text->count; i++) {
        const char *literal = text->parts[i].literal;
        int r = literal ? check_literal(literal, ret_problem) : 0;

        if (r < 0) {
            return r;
        }
    }
    return check_authority(text, ret_problem);
}

/* --- rendering -------------------------------------------------------------------------------- */

struct url {
    const json_t *record;
    struct buffer *out;
    struct problem *problem;
    bool in_path;
    size_t segment;                     /* where the present segment begins in `out` */
    const struct template_part *filler; /* a placeholder in that segment; NULL if it has none */
};

/* The length of a dot at `bytes`, plain or percent-encoded; 0 if there is none. */
static size_t dot_length(const unsigned char *bytes, size_t length)
{
    if (length >= 1 && bytes[0] == '.') {
        return 1;
    }
    return length >= 3 && bytes[0] == '%' && bytes[1] == '2' && (bytes[2] | 0x20) == 'e' ? 3 : 0;
}

static bool is_dots_or_empty(const unsigned char *bytes, size_t length)
{
    size_t first = dot_length(bytes, length);

    if (first == length) {
        return true;
    }
    return first > 0 && dot_length(bytes + first, length - first) == length - first;
}

static int end_segment(struct url *url)
{
    struct buffer *out = url->out;

    if (url->in_path && url->filler &&
        is_dots_or_empty(out->data + url->segment, out->length - url->segment)) {
        problem_set(url->problem,
                    "{%.100s} would make a segment of the URL's path empty, \".\" or \"..\"",
                    url->filler->name);
        return -EINVAL;
    }
    url->filler = NULL;
    return 0;
}

static int append_literal(struct url *url, const char *literal)
{
    for (const char *at = literal; *at;) {
        size_t plain = url->in_path ? strcspn(at, "/?") : strlen(at);
        int r = buffer_append(url->out, at, plain);

        at += plain;
        if (r < 0 || *at == '\0') {
            return r;
        }
        r = end_segment(url);
        if (r < 0) {
            return r;
        }
        url->in_path = *at == '/';
        r = buffer_append(url->out, at++, 1);
        if (r < 0) {
            return r;
        }
        url->segment = url->out->length;
    }
    return 0;
}

static int append_encoded(struct buffer *out, const char *plain)
{
    static const char digits[] = "0123456789ABCDEF";

    while (*plain) {
        size_t unreserved = strspn(plain, UNRESERVED);
        unsigned char byte = (unsigned char)plain[unreserved];
        char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};
        int r = buffer_append(out, plain, unreserved);

        if (r == 0 && byte) {
            r = buffer_append(out, escape, sizeof escape);
        }
        if (r < 0) {
            return r;
        }
        plain += unreserved + (byte ? 1 : 0);
    }
    return 0;
}

static int append_value(struct url *url, const struct template_part *placeholder)
{
    char *plain;
    int r = template_plain_value(placeholder, url->record, &plain, url->problem);

    if (r < 0) {
        return r;
    }
    url->filler = placeholder;
    r = append_encoded(url->out, plain);
    free(plain);
    return r;
}

int template_url_render(const struct template_text *text, const json_t *record, struct buffer *out,
                        struct problem *ret_problem)
{
    size_t start = authority_end(text->parts[0].literal);
    struct url url = {.record = record, .out = out, .problem = ret_problem, .in_path = true};
    int r = buffer_append(out, text->parts[0].literal, start);

    url.segment = out->length;
    if (r == 0) {
        r = append_literal(&url, text->parts[0].literal + start);
    }
    for (size_t i = 1; r == 0 && i < text->count; i++) {
        const struct template_part *part = &text->parts[i];

        r = part->literal ? append_literal(&url, part->literal) : append_value(&url, part);
    }
    return r < 0 ? r : end_segment(&url);
}
