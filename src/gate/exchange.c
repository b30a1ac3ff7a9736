#include "assent/gate/exchange.h"

#include <errno.h>
#include <string.h>

#include "assent/gate/message.h"

/* A body that grew too large is read on for so long, to answer a client that writes first and
 * reads then. */
#define DISCARD_LIMIT ((size_t)1 << 20)

static void see(struct exchange *exchange, const struct head *head, struct rules_head *ret_seen)
{
    size_t index = 0;

    for (size_t i = 0; i < head->field_count; i++) {
        rules_see_header(ret_seen, head->fields[i].name, head->fields[i].value);
    }
    exchange->has_body = ret_seen->has_body;
    exchange->is_chunked = head_find(head, "Transfer-Encoding", &index) != NULL;
}

enum answer exchange_begin(struct exchange *exchange, const struct exchange_judges *judges,
                           const struct connection *connection, const char *peer,
                           const struct head *head, char *target, unsigned *ret_retry_after)
{
    struct rules_head seen = {.method = head->method, .head_size = strlen(target) + 1};

    *exchange = (struct exchange){.request.fd = connection->fd};
    memcpy(exchange->peer, peer, sizeof exchange->peer);
    see(exchange, head, &seen);
    *ret_retry_after = 0;
    enum answer objection = head_check(head, judges->role);

    if (objection != ANSWER_NONE) {
        /* Whether a body follows can't be known then. */
        exchange->has_body = true;
        return objection;
    }
    rules_split_target(target, &exchange->path, &exchange->query);
    seen.path = exchange->path;
    objection = connection->objection;
    if (objection == ANSWER_NONE) {
        objection = connections_admit(judges->connections, connection, head, exchange->peer,
                                      ret_retry_after);
    }
    if (objection == ANSWER_NONE) {
        objection = rules_admit(judges->rules, &seen, &exchange->body_limit);
    }
    return objection;
}

int exchange_take_body(struct exchange *exchange, const char *bytes, size_t length)
{
    if (!exchange->is_too_large && length > exchange->body_limit - exchange->body.length) {
        exchange->is_too_large = true;
        buffer_free(&exchange->body);
    }
    if (exchange->is_too_large) {
        exchange->discarded += length;
        return exchange->discarded <= DISCARD_LIMIT ? 0 : -EFBIG;
    }
    return buffer_append(&exchange->body, bytes, length);
}

int exchange_encode(struct exchange *exchange, enum role role, const struct head *head)
{
    struct message message;

    message_begin(&message, role);
    message.request.id = exchange->request.id;
    message.request.method = head->method;
    message.request.path = exchange->path;
    message.request.query = exchange->query;
    message.request.peer = exchange->peer;
    message.request.body = exchange->body.data;
    message.request.body_length = exchange->body.length;
    int r = message_add_head(&message, head);

    if (r == 0) {
        r = message_encode(&message, &exchange->request.frame);
    }
    if (r == 0) {
        buffer_free(&exchange->body);
    }
    return r;
}

void exchange_end(struct exchange *exchange)
{
    buffer_free(&exchange->body);
    buffer_free(&exchange->request.frame);
}
