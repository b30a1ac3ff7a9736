/*
 * The connections of a gate: how many there may be, how long they may take, and for whom they come.
 *
 * A client may not take longer than request_timeout for one request, however slowly it sends it. Who
 * comes when all places are taken gets the place of whoever has been slowest to send a request.
 *
 *   open ─▶ awaited ─▶ (request complete) rest ─▶ (answered) awaited ─▶ ... ─▶ close
 *              └─ reap, or room is needed: shutdown, and the library sees its end
 *
 * Owns: the order of the connections; each belongs to its caller, the descriptor to the library,
 * which closes it after connections_close only. Runs in: gate; any thread. May call: shutdown.
 */
#ifndef ASSENT_GATE_CONNECTIONS_H
#define ASSENT_GATE_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "assent/base/role.h"
#include "assent/config/config.h"
#include "assent/gate/answer.h"
#include "assent/gate/head.h"
#include "assent/gate/peer.h"

struct connections;

struct connections_queue;

/* Of one connection; its caller looks at `objection` only. */
struct connection {
    enum answer objection; /* to all its requests; ANSWER_NONE usually */
    int fd;
    bool has_address; /* no Unix socket */
    bool is_trusted;
    bool is_entered; /* counts for its address */
    bool is_counted; /* counts for all */
    struct address address;
    struct connections_queue *queue; /* in which it is awaited, or NULL */
    struct connection *older;
    struct connection *newer;
    int64_t since;
};

/* Limits as for the control gate until they are configured. 0 or -ENOMEM. */
int connections_new(enum role role, struct connections **ret_connections);
/* 0, or -ENOMEM with the old limits in force. */
int connections_configure(struct connections *connections, const struct config *config);

/* Counts one in, whose first request is awaited from now on; or says in `objection` why not. */
void connections_open(struct connections *connections, struct connection *connection, int fd,
                      const struct sockaddr *address);
void connections_close(struct connections *connections, struct connection *connection);

/* How many there are, but those that were refused. */
unsigned connections_count(struct connections *connections);

/* From now on a request must be complete in time. */
void connections_await(struct connections *connections, struct connection *connection);
/* Nothing is awaited. */
void connections_rest(struct connections *connections, struct connection *connection);
/* Ends those whose time is over, and returns the milliseconds after which to look again. */
int64_t connections_reap(struct connections *connections);

/* For whom a request comes: as `peer` where a trusted proxy says so, else it stays as it is. Returns
 * ANSWER_NONE, or ANSWER_TOO_MANY_REQUESTS and the seconds to wait. */
enum answer connections_admit(struct connections *connections, const struct connection *connection,
                              const struct head *head, char peer[PEER_TEXT_SIZE],
                              unsigned *ret_retry_after);

/* Takes NULL. No connection may be open any more. */
void connections_free(struct connections *connections);

#endif
