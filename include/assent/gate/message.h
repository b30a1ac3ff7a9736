/*
 * A complete HTTP request as core gets it, put together from its parts.
 *
 * Owns: the lower-case names; all else is borrowed until message_encode. Runs in: gate, any thread.
 * Pure. May call: protocol.
 */
#ifndef ASSENT_GATE_MESSAGE_H
#define ASSENT_GATE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "assent/base/buffer.h"
#include "assent/base/protocol.h"
#include "assent/base/role.h"
#include "assent/gate/head.h"
#include "assent/gate/rules.h"

/* About 18 KiB: for the stack. */
struct message {
    struct protocol_request request; /* all but the headers is the caller's to fill in */
    enum role role;
    size_t used;
    char names[RULES_HEAD_LIMIT]; /* rules_admit has seen that they fit */
};

void message_begin(struct message *message, enum role role);

/* Adds a header, unless it is one that core is not told. 0, or -ENOBUFS where rules_admit would
 * have objected. */
int message_add_header(struct message *message, const char *name, const char *value);
/* Adds all of them. */
int message_add_head(struct message *message, const struct head *head);

/* Appends the payload of a REQUEST. 0 or -ENOMEM. */
int message_encode(struct message *message, struct buffer *out);

#endif
