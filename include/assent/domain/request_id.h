/*
 * The identifier of a request, as the approval service gives it.
 *
 * Owns: nothing. Runs in: every role. Pure.
 */
#ifndef ASSENT_DOMAIN_REQUEST_ID_H
#define ASSENT_DOMAIN_REQUEST_ID_H

#include <stdbool.h>

#define REQUEST_ID_LIMIT 200

/* True for 1 to 200 of A-Z a-z 0-9 . _ : - that begin with a letter or digit. */
bool request_id_valid(const char *text);

#endif
