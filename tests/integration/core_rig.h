/*
 * A real core in a process of its own, with the test as its supervisor and as every other role.
 *
 * The test holds the other end of each stream, so it says what it likes to core as any of them.
 * Every byte that core ever says to a role is kept, to be searched for what that role must not
 * learn. Whatever is awaited comes within CORE_RIG_PATIENCE_MS or the test fails.
 */
#ifndef TESTS_INTEGRATION_CORE_RIG_H
#define TESTS_INTEGRATION_CORE_RIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "assent/base/buffer.h"
#include "assent/base/protocol.h"
#include "assent/base/role.h"
#include "assent/config/config.h"
#include "support/patience.h"

#define CORE_RIG_PATIENCE_MS ((int)patience_ms(30000))

/* What is configured: two services and one, `asked`, that requests are submitted to; an action `pay` that
 * runs `pay-program` and `pay-call` once it is granted, and one, `slow`, whose `retry-program` is to be
 * started again after an interruption. */
#define CORE_RIG_PATH         "/webhook/approval"
#define CORE_RIG_SECRET       "whsec_the-secret-of-daimon"
#define CORE_RIG_OTHER_PATH   "/webhook/other"
#define CORE_RIG_OTHER_SECRET "whsec_the-secret-of-other"
/* What stands in the context of every request that core_rig_register makes. */
#define CORE_RIG_CONFIDENTIAL "nobody-else-may-read-this"

/* One role as core sees it. */
struct core_rig_end {
    int fd;              /* the other end of its stream; -1 if there is none */
    struct buffer heard; /* all that core ever said to it */
    size_t taken;        /* how much of that has been asked for */
};

struct core_rig {
    char directory[64];
    struct config *config;
    pid_t pid;
    int channel;
    struct core_rig_end ends[ROLE_COUNT];
    uint64_t last_id; /* of the control gate's requests */
};

/* Starts a core with a stream to each role, and waits until it is ready. */
void core_rig_open(struct core_rig *rig);
/* Core must be alive and have nothing more to say to its supervisor; stops it. Its whole log must be
 * lines of its own. */
void core_rig_close(struct core_rig *rig);

/* SIGKILL to core; another one has the same store and a stream to each role, and is told to begin by
 * core_rig_begin. */
void core_rig_kill_and_restart(struct core_rig *rig);
void core_rig_begin(struct core_rig *rig);

/* A reload, after which there are no actions and no hooks any more. */
void core_rig_reload_without_hooks(struct core_rig *rig);

/* A new process in that role's place: its old stream ends, and a new one begins. */
void core_rig_replace(struct core_rig *rig, enum role role);
/* The same, but the old stream stays open on its other end, which is returned. */
int core_rig_replace_only(struct core_rig *rig, enum role role);
/* Core must tell the supervisor that the role is to be ended, and end its stream. */
void core_rig_expect_broken(struct core_rig *rig, enum role role);
/* The same, and then gives the role a new stream. */
void core_rig_expect_broken_and_replace(struct core_rig *rig, enum role role);

/* Takes what core has told the supervisor so far, which may only be that this role is to be ended. */
void core_rig_forgive(struct core_rig *rig, enum role role);

/* KiB that core may grow by while somebody floods it. AddressSanitizer keeps what was freed. */
#if defined __SANITIZE_ADDRESS__
#define MEMORY_GROWTH (768 << 10)
#else
#define MEMORY_GROWTH (64 << 10)
#endif

/* Resident memory of core, in KiB. */
long core_rig_memory(const struct core_rig *rig);
/* Its log so far; free(). */
char *core_rig_log(const struct core_rig *rig);
int core_rig_log_count(const struct core_rig *rig, const char *text);

/* --- the other end of a stream ---------------------------------------------------------------- */

/* Writes all of it; returns false if core has ended the stream. */
bool core_rig_say_bytes(struct core_rig *rig, enum role role, const void *bytes, size_t length);
bool core_rig_say(struct core_rig *rig, enum role role, uint16_t type,
                  const struct buffer *payload);
/* Writes what core takes at once; returns how much that was, or -1 if core has ended the stream. */
ssize_t core_rig_say_at_once(struct core_rig *rig, enum role role, const void *bytes,
                             size_t length);
/* The next frame, waited for; a view that lives until the next call. False at the stream's end. */
bool core_rig_hear(struct core_rig *rig, enum role role, struct frame *ret_frame);
/* True if core says something to it, or ends its stream, within that time. */
bool core_rig_hears(struct core_rig *rig, enum role role, int within_ms);
/* Takes in all that is there, without waiting. */
void core_rig_listen(struct core_rig *rig, enum role role);
/* True if core ever said that text to the role. */
bool core_rig_was_told(const struct core_rig *rig, enum role role, const char *text);
/* Appends a whole frame. */
void core_rig_frame(struct buffer *out, uint16_t type, const struct buffer *payload);

/* --- gates ------------------------------------------------------------------------------------ */

/* Says the request as that gate, and returns the status of the answer. The answer's JSON, which may
 * be NULL, is to be freed unless `ret_json` is NULL. */
unsigned core_rig_ask(struct core_rig *rig, enum role gate, const struct protocol_request *request,
                      json_t **ret_json);
/* `result` of what the control gate is answered, which must be 200 or 201; json_decref. */
json_t *core_rig_control(struct core_rig *rig, const char *method, const char *path,
                         const char *query, const char *body);
/* Everything that was said as the public gate before has been handled when this returns. */
void core_rig_settle_gate(struct core_rig *rig);
/* Registers a request of `daimon` (or the service named) for that action. */
void core_rig_register(struct core_rig *rig, const char *service, const char *id,
                       const char *action);
/* The webhook as the service sends it, through the public gate; returns the status. */
unsigned core_rig_webhook(struct core_rig *rig, const char *path, const char *secret,
                          const char *body);
/* `sha256=...` of the body, as the service of that secret signs it. */
void core_rig_sign(const char *secret, const char *body, char ret_value[80]);
/* How many there are in the list (`requests`, `jobs`) under that query, as the control gate sees. */
size_t core_rig_count(struct core_rig *rig, const char *list, const char *query);

/* --- executors -------------------------------------------------------------------------------- */

/* HELLO of an executor that has the hooks as configured, holds nothing, and has an incarnation of
 * that byte. */
void core_rig_hello(struct core_rig *rig, enum role executor, unsigned char incarnation);
/* The next frame must be a START of that hook; a view that lives until the next call. */
struct protocol_start core_rig_started(struct core_rig *rig, enum role executor, const char *hook);
void core_rig_result(struct core_rig *rig, enum role executor,
                     const struct protocol_result *result);
/* The next frame must be an ACK of that attempt. */
void core_rig_expect_ack(struct core_rig *rig, enum role executor, const char *key);
/* Everything that was said as that executor before has been handled when this returns. It must have
 * nothing else to hear before. */
void core_rig_settle_executor(struct core_rig *rig, enum role executor);

#endif
