/*
 * A real caller in a process of its own, with the test as its supervisor and as core.
 *
 * Its environment names a proxy that does not exist, and files in the rig's directory: .netrc,
 * own-cert.pem to be trusted, `keys` for those of TLS. So every call shows that none is used.
 * Whatever is awaited comes within 15 s (patience_ms) or the test fails.
 */
#ifndef TESTS_INTEGRATION_CALLER_RIG_H
#define TESTS_INTEGRATION_CALLER_RIG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "assent/base/buffer.h"
#include "assent/base/protocol.h"
#include "assent/config/config.h"

struct caller_rig {
    pid_t pid;
    int channel;
    int core; /* core's end of the stream */
    char directory[64];
    int port;         /* what PORT stands for in sections of hooks */
    int other_port;   /* and OTHER */
    uint32_t repeats; /* how many attempts there were before those that are sent */
    struct config *config;
    struct buffer payload; /* of the last frame that came */
};

/* Forks the caller; do this before anything that starts threads. */
void caller_rig_start(struct caller_rig *rig);
/* A file in the rig's directory, which only its owner may read. */
void caller_rig_file(struct caller_rig *rig, const char *name, const char *content);
/* Hands over a configuration with these sections of hooks, in which PORT and OTHER are replaced. */
void caller_rig_configure(struct caller_rig *rig, const char *hooks);
/* The same, then a stream and the order to begin; returns when it works and has said HELLO. */
void caller_rig_begin(struct caller_rig *rig, const char *hooks);
/* Closes core's end and hands over a new stream; returns when HELLO has come on it. */
void caller_rig_new_core(struct caller_rig *rig);
/* Waits for the answer to a configuration that came while it worked. */
uint32_t caller_rig_reloaded(struct caller_rig *rig);
void caller_rig_order_stop(struct caller_rig *rig);
/* Closes the channel, as if the supervisor had died. */
void caller_rig_orphan(struct caller_rig *rig);
/* Waits for its end; the exit status, or -1 if a signal ended it. */
int caller_rig_wait(struct caller_rig *rig);
/* Ends it however it stands, and removes the directory. */
void caller_rig_free(struct caller_rig *rig);
/* What it logged; freed by the caller. */
char *caller_rig_log(const struct caller_rig *rig);

/* --- as core ---------------------------------------------------------------------------------- */

/* Sends START with the digest of the present configuration. */
void caller_rig_send_start(struct caller_rig *rig, const char *hook, const char *key,
                           const char *record);
/* The next frame must be a RESULT; views into it are valid until the next frame. */
void caller_rig_receive_result(struct caller_rig *rig, struct protocol_result *ret_result);
/* The type of the next frame. */
uint16_t caller_rig_receive(struct caller_rig *rig);
void caller_rig_ack(struct caller_rig *rig, const char *key);
void caller_rig_cancel(struct caller_rig *rig, const char *key);
/* Sends PEEK; the next frame must be PEEKED. Views as above. */
void caller_rig_peek(struct caller_rig *rig, const char *key, struct protocol_peeked *ret_peeked);
/* Sends LOOKUP with the digest of the present configuration. */
void caller_rig_send_lookup(struct caller_rig *rig, uint64_t id, const char *hook,
                            const char *record);
/* The next frame must be a LOOKED_UP. Views as above. */
void caller_rig_receive_looked_up(struct caller_rig *rig, struct protocol_looked_up *ret_looked_up);
/* START, RESULT, ACK. */
void caller_rig_run(struct caller_rig *rig, const char *hook, const char *record,
                    struct protocol_result *ret_result);

#endif
