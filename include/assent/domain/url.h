/*
 * URLs of calls: read strictly, and compared as what they mean, never as text.
 *
 * What parsers are known to disagree about is refused, so that what is compared here is what libcurl
 * and the server behind it will see too: user names, fragments, backslashes, anything but printable
 * ASCII, hosts that end in a dot, addresses in unusual forms, dot segments and what could become
 * one (`..;x`, %2e, %2f, %5c, %25, encoded control characters).
 *
 * Owns: nothing. Runs in: supervisor, assentctl (configuration), core, caller. Pure. May call:
 * address, problem.
 */
#ifndef ASSENT_DOMAIN_URL_H
#define ASSENT_DOMAIN_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "assent/base/problem.h"

#define URL_LIMIT     2048 /* characters of a URL */
#define URL_HOST_SIZE 254

struct url {
    bool https;
    char
        host[URL_HOST_SIZE]; /* in lower case; an address in its one usual form, without brackets */
    unsigned port;           /* given or the scheme's own */
    const char *path;        /* a view; "/" where the text has none */
    size_t path_length;
    const char *query; /* a view of what is behind the '?', to the end; NULL: none */
};

/* Reads an http or https URL (RFC 3986). `ret_url` points into the text. 0, or -EINVAL with a
 * problem, which may be NULL. */
int url_parse(const char *text, struct url *ret_url, struct problem *ret_problem);

/* True if `allow` covers `url`: scheme, host, port and path are the same; or the path of `allow` ends
 * in a slash, and that of `url` is it or lies below it. The query of `url` is free. */
bool url_allows(const struct url *allow, const struct url *url);

/* The same for a list of texts; what is no URL allows nothing, and is not allowed. */
bool url_is_allowed(char *const *allow, size_t count, const char *text);

/* True if it leads to this machine: localhost, 127.0.0.0/8 or [::1]. */
bool url_is_local(const struct url *url);

#endif
