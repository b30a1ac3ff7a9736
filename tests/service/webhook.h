/*
 * Webhooks as the service posts them: their bodies in every documented form, their signature, and
 * the call. The only file that knows libcurl.
 *
 * Whatever host a URL names, the connection goes to loopback.
 */
#ifndef TESTS_SERVICE_WEBHOOK_H
#define TESTS_SERVICE_WEBHOOK_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct decision {
    const char *id;
    const char *status; /* approved, denied, expired */
    const char *by;     /* NULL: not told */
    const char *reason; /* NULL: not told */
    const char *event_id;
    int64_t at; /* ms since 1970 */
};

/* `requestId` and so on, or `request_id` and so on, with what is known of the decision. */
json_t *webhook_fields(const struct decision *decision, bool snake_case);
/* In the form `javascript`, `python`, `flat` or `envelope`; to be freed. */
char *webhook_body(const struct decision *decision, const char *form);

/* `X-Daimon-Signature: ...` in the form `prefixed`, `bare` or `wrong`; to be freed. NULL for
 * `none`. */
char *webhook_signature(const char *form, const char *secret, const char *body);

/* Posts it once. Returns {"status", "answer"} with the answer's JSON (or its text), or
 * {"status": 0, "problem"} if there was none. Gives up once `stopping` is set. */
json_t *webhook_post(const char *url, const char *signature, const char *body,
                     const atomic_bool *stopping);

#endif
