/*
 * The token in the URL of one request, by which a service that does not sign shows that it was told
 * that URL: 43 random characters of the 64 that base64url has, which are 258 random bits.
 *
 * Owns: nothing. Runs in: supervisor, assentctl, gate, core. Pure.
 */
#ifndef ASSENT_DOMAIN_URL_TOKEN_H
#define ASSENT_DOMAIN_URL_TOKEN_H

#include <stdbool.h>

#define URL_TOKEN_LENGTH     43
#define URL_TOKEN_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/* True if the text has the form of a token, to its end. */
bool url_token_formed(const char *text);

/* The token's text in a path below that of a service, `SERVICE_PATH/TOKEN`; NULL if it is no such
 * path. A view. */
const char *url_token_below(const char *service_path, const char *path);

#endif
