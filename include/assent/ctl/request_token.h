/*
 * The token in the URL that a service with url-token was told for one request.
 *
 * Owns: nothing. Runs in: assentctl. May call: ask, fields, url_token.
 */
#ifndef ASSENT_CTL_REQUEST_TOKEN_H
#define ASSENT_CTL_REQUEST_TOKEN_H

#include "assent/ctl/ctl.h"

/* Asks the daemon, of which only operators are told, and appends the token. CTL_OK, or an exit status
 * after complaining. */
int request_token(struct ctl *ctl, const char *request, const char *service, struct buffer *out);

#endif
