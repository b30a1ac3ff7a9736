/*
 * A role's life as the supervisor leads it: what every role process does alike.
 *
 *   exec ─▶ CONFIG, STREAM..., LISTEN..., START ─▶ READY ─▶ work ─▶ (CONFIG, STREAM)... ─▶ STOP ─▶ exit
 *
 * The role's handlers are called from its event loop. When the channel closes, the supervisor is
 * gone and the role ends too. Signals that a terminal or service manager sends to the whole group
 * (SIGINT, SIGTERM, SIGHUP) are ignored: the supervisor orders the end.
 *
 * Owns: the event loop and the channel. Runs in: every role but the supervisor, in the main thread.
 * May call: channel, log, sd-event.
 */
#ifndef ASSENT_BASE_MEMBER_H
#define ASSENT_BASE_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "assent/base/role.h"

/* Handlers may be NULL where a role has no use for them. Those that return int return 0 or a
 * negative errno; at start a failure ends the process, later it is logged. Descriptors are taken
 * over. */
struct member_handlers {
    /* The configuration's bytes, at start (before anything else) and at each reload; wiped after
     * the call. On failure of a reload the old one must still be in force. */
    int (*on_config)(void *userdata, const void *bytes, size_t length);
    int (*on_listen)(void *userdata, int fd);
    int (*on_stream)(void *userdata, int fd, enum role other);
    int (*on_start)(void *userdata);     /* everything is there: begin; READY is sent after it */
    void (*on_quiesce)(void *userdata);  /* start nothing new */
    void (*on_stop)(void *userdata);     /* finish, then call sd_event_exit(loop, 0) */
    void (*on_orphaned)(void *userdata); /* the supervisor is gone: end everything at once, then
                                            sd_event_exit(loop, 0); NULL: exits at once */
};

/* The role can't use its stream to core any more, though core is there: it gets another, after a
 * while, and keeps what it has until then. */
void member_ask_for_stream(void);

/* Runs the process of `role` to its end: opens the log, makes the event loop, stores it in
 * `*loop` for the handlers before any of them is called, and dispatches. Returns the exit status. */
int member_run(enum role role, const struct member_handlers *handlers, void *userdata,
               sd_event **loop);

#endif
