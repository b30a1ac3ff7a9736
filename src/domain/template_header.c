#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assent/base/text.h"
#include "assent/domain/template_parts.h"

#define TOKEN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"

/* What these say follows from the call itself. */
static const char *const own_headers[] = {"Connection", "Content-Length", "Expect",
                                          "Transfer-Encoding"};

/* C0, DEL, and C1 in UTF-8. */
static bool has_control_character(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at < ' ' || *at == 0x7f || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)) {
            return true;
        }
    }
    return false;
}

static int check_name(const char *name, size_t length, struct problem *ret_problem)
{
    for (size_t i = 0; i < sizeof own_headers / sizeof *own_headers; i++) {
        if (strlen(own_headers[i]) == length && strncasecmp(name, own_headers[i], length) == 0) {
            problem_set(ret_problem, "%s can't be set: it follows from the call itself",
                        own_headers[i]);
            return -EINVAL;
        }
    }
    return 0;
}

int template_header_check(const struct template_text *text, struct problem *ret_problem)
{
    const char *first = text->count > 0 ? text->parts[0].literal : NULL;
    size_t length = first ? strspn(first, TOKEN) : 0;

    if (length == 0 || first[length] != ':') {
        problem_set(ret_problem, "not a header of the form NAME: VALUE (a name is made of "
                                 "letters, digits and -, and holds no placeholder)");
        return -EINVAL;
    }
    for (size_t i = 0; i < text->count; i++) {
        const struct template_part *part = &text->parts[i];
        const char *plain = part->literal ? part->literal : part->fallback;

        if (plain && has_control_character(plain)) {
            problem_set(ret_problem, "a header can't hold control characters");
            return -EINVAL;
        }
    }
    if (text->count > 1 && length == 4 && strncasecmp(first, "Host", 4) == 0) {
        problem_set(ret_problem, "Host can't hold a placeholder, as the host of a URL can't");
        return -EINVAL;
    }
    return check_name(first, length, ret_problem);
}

static int append_value(const struct template_part *placeholder, const json_t *record,
                        struct buffer *out, struct problem *ret_problem)
{
    char *plain;
    int r = template_plain_value(placeholder, record, &plain, ret_problem);

    if (r < 0) {
        return r;
    }
    if (has_control_character(plain) || !text_is_utf8(plain, strlen(plain))) {
        problem_set(ret_problem, "{%.100s} holds control characters, which a header can't",
                    placeholder->name);
        r = -EINVAL;
    } else {
        r = buffer_append_text(out, plain);
    }
    free(plain);
    return r;
}

int template_header_render(const struct template_text *text, const json_t *record,
                           struct buffer *out, struct problem *ret_problem)
{
    for (size_t i = 0; i < text->count; i++) {
        const struct template_part *part = &text->parts[i];
        int r = part->literal ? buffer_append_text(out, part->literal)
                              : append_value(part, record, out, ret_problem);

        if (r < 0) {
            return r;
        }
    }
    return 0;
}
