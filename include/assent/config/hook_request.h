/*
 * What a hook of kind http sends, filled from a record: everything rendered, nothing sent.
 *
 * Owns: its texts; secrets are wiped when it is cleared. Runs in: the caller, assentctl (to show
 * it). Pure. May call: template, digest.
 */
#ifndef ASSENT_CONFIG_HOOK_REQUEST_H
#define ASSENT_CONFIG_HOOK_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "assent/base/buffer.h"
#include "assent/base/json.h"
#include "assent/base/problem.h"
#include "assent/config/config.h"

/* Empty is all zeros. */
struct hook_request {
    char *method;
    char *url;
    char **headers; /* `Name: value`, with that of the bearer token */
    size_t header_count;
    bool has_body;
    struct buffer body;
};

/* What hook_request_make looks at of the record's member at that path (json_parse_members). */
enum json_interest hook_request_interest(const struct config_hook *hook, const char *path,
                                         size_t length);

/* Fills the hook's templates; `request` is empty before. Keeps no pointer to either. 0
 * (hook_request_clear, also after a failure), -EINVAL with a problem where it can't be made of this
 * record, or -ENOMEM. */
int hook_request_make(const struct config_hook *hook, const json_t *record,
                      struct hook_request *request, struct problem *ret_problem);

/* Adds `Name: value` and takes it over, also on failure; NULL is taken for want of memory. 0 or
 * -ENOMEM. */
int hook_request_add_header(struct hook_request *request, char *header);

void hook_request_clear(struct hook_request *request);

#endif
