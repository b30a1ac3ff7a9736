/*
 * A real gate in a process of its own, with the test as its supervisor, as its core, and as its
 * clients.
 *
 * Whatever is awaited comes within RIG_PATIENCE_MS or the test fails.
 */
#ifndef TESTS_INTEGRATION_GATE_RIG_H
#define TESTS_INTEGRATION_GATE_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "assent/base/buffer.h"
#include "assent/base/channel.h"
#include "assent/base/protocol.h"
#include "assent/base/role.h"
#include "support/patience.h"

#define RIG_PATIENCE_MS ((int)patience_ms(10000))
#define RIG_MAX_BODY    4096
#define RIG_DESCRIPTORS 64 /* the soft limit that the gate finds */

/* Parts of requests. */
#define HOOK      "/webhook/approval"
#define HEAD      " HTTP/1.1\r\nHost: x\r\n"
#define JSON_TYPE "Content-Type: application/json\r\n"
#define EMPTY     "Content-Length: 0\r\n\r\n"

struct rig {
    pid_t pid;
    enum role role;
    int channel;
    int core;     /* core's end of the stream */
    int listener; /* as the supervisor keeps it */
    uint16_t port;
    char directory[64];
    char socket_path[108]; /* of a second listener on a Unix socket, in the directory */
    int unix_listener;
    const char *settings; /* lines of [server], or NULL */
};

/* Starts a gate that serves the paths of `services` (NULL-terminated) and is ready. */
void rig_start(struct rig *rig, enum role role, const char *const *services);
/* The same with lines of [server] that stand in its configuration, also after a reload. */
void rig_start_with(struct rig *rig, enum role role, const char *const *services,
                    const char *settings);
/* Gives it another configuration; returns what the gate says to it. */
int rig_reload(struct rig *rig, const char *const *services);
int rig_reload_bytes(struct rig *rig, const void *bytes, size_t length);
/* Gives it a new stream to core. */
void rig_new_core(struct rig *rig);
/* Closes core's end, as if core had died. */
void rig_end_core(struct rig *rig);
void rig_order_stop(struct rig *rig);
/* Waits for the end of the process; returns its exit status, or -1 if a signal ended it. */
int rig_wait(struct rig *rig);
/* Stops it with nothing in flight; it must end well. */
void rig_stop(struct rig *rig);

/* --- as core ---------------------------------------------------------------------------------- */

struct core_frame {
    uint16_t type;
    struct buffer payload;
    struct protocol_request request; /* if type is FRAME_REQUEST: views into the payload */
    uint64_t gone;                   /* if type is FRAME_GONE or FRAME_TAKEN */
};

void core_receive(struct rig *rig, struct core_frame *ret_frame);
/* The next frame must be a REQUEST; returns its id and forgets the rest. */
uint64_t core_receive_id(struct rig *rig);
void core_say(struct rig *rig, enum protocol_frame type, const struct buffer *payload);
void core_answer(struct rig *rig, const struct protocol_response *response);
void core_answer_text(struct rig *rig, uint64_t id, uint32_t status, const char *body);
void core_frame_free(struct core_frame *frame);

/* --- as a client ------------------------------------------------------------------------------ */

struct client {
    int fd;
    struct buffer in; /* received and not used yet */
};

struct reply {
    int status;
    char head[2048]; /* status line and header lines, each ending in CRLF */
    char *body;
    size_t body_length;
};

void client_open(struct rig *rig, struct client *client);
void client_open_unix(struct rig *rig, struct client *client);
void client_send(struct client *client, const char *text);
void client_send_bytes(struct client *client, const void *bytes, size_t length);
/* A POST of JSON with a Content-Length. */
void client_post(struct client *client, const char *path, const char *body);
/* Reads one whole answer (`with_body` false: to a HEAD); reply_free. */
void client_receive(struct client *client, struct reply *ret_reply);
void client_receive_head(struct client *client, struct reply *ret_reply);
/* Reads one answer and returns its status only. */
int client_status(struct client *client);
/* The next thing that comes must be that text. */
void client_expect_text(struct client *client, const char *text);
/* The other end must have closed, with nothing left to read. */
void client_expect_end(struct client *client);
void client_close(struct client *client);

/* Sends the text on a new connection and expects this error in JSON, then the connection's end. */
void client_expect_error(struct rig *rig, const char *text, int status, const char *code,
                         const char *allow);
/* Posts an empty object, answers it as core, and expects the answer. */
void client_expect_service(struct rig *rig, struct client *client, const char *path);

/* So many letters; free(). */
char *filled(size_t length);

/* The value of a header of the reply, in a static buffer; NULL if it has none. */
const char *reply_header(const struct reply *reply, const char *name);
void reply_free(struct reply *reply);

#endif
