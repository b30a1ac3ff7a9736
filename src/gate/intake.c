#include "assent/gate/intake.h"

#include <errno.h>
#include <string.h>

#include "assent/gate/message.h"

/* A body that grew too large is read on for so long, to answer a client that writes first and
 * reads then. */
#define DISCARD_LIMIT ((size_t)1 << 20)

static void see(struct intake *intake, const struct head *head, struct rules_head *ret_seen)
{
    size_t index = 0;

    for (size_t i = 0; i < head->field_count; i++) {
        rules_see_header(ret_seen, head->fields[i].name, head->fields[i].value);
    }
    intake->has_body = ret_seen->has_body;
    intake->is_chunked = head_find(head, "Transfer-Encoding", &index) != NULL;
}

enum answer intake_begin(struct intake *intake, const struct judges *judges,
                         const struct connection *connection, const char *peer,
                         const struct head *head, char *target, unsigned *ret_retry_after)
{
    struct rules_head seen = {.method = head->method, .head_size = strlen(target) + 1};

    *intake = (struct intake){.request.fd = connection->fd};
    memcpy(intake->peer, peer, sizeof intake->peer);
    see(intake, head, &seen);
    *ret_retry_after = 0;
    enum answer objection = head_check(head, judges->role);

    if (objection != ANSWER_NONE) {
        /* Whether a body follows can't be known then. */
        intake->has_body = true;
        return objection;
    }
    rules_split_target(target, &intake->path, &intake->query);
    seen.path = intake->path;
    objection = connection->objection;
    if (objection == ANSWER_NONE) {
        objection =
            connections_admit(judges->connections, connection, head, intake->peer, ret_retry_after);
    }
    if (objection == ANSWER_NONE) {
        objection = rules_admit(judges->rules, &seen, &intake->body_limit);
    }
    return objection;
}

int intake_take_body(struct intake *intake, const char *bytes, size_t length)
{
    if (!intake->is_too_large && length > intake->body_limit - intake->body.length) {
        intake->is_too_large = true;
        buffer_free(&intake->body);
    }
    if (intake->is_too_large) {
        intake->discarded += length;
        return intake->discarded <= DISCARD_LIMIT ? 0 : -EFBIG;
    }
    return buffer_append(&intake->body, bytes, length);
}

int intake_encode(struct intake *intake, enum role role, const struct head *head)
{
    struct message message;

    message_begin(&message, role);
    message.request.id = intake->request.id;
    message.request.method = head->method;
    message.request.path = intake->path;
    message.request.query = intake->query;
    message.request.peer = intake->peer;
    message.request.body = intake->body.data;
    message.request.body_length = intake->body.length;
    int r = message_add_head(&message, head);

    if (r == 0) {
        r = message_encode(&message, &intake->request.frame);
    }
    if (r == 0) {
        buffer_free(&intake->body);
    }
    return r;
}

void intake_end(struct intake *intake)
{
    buffer_free(&intake->body);
    buffer_free(&intake->request.frame);
}
