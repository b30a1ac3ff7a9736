/*
 * A real runner in a process of its own, with the test as its supervisor and as its core, and real
 * programs.
 *
 * Whatever is awaited comes within RUNNER_RIG_PATIENCE_MS or the test fails. A program that does
 * `exec 9>@/alive` can be followed to its end, with all that it starts: runner_rig_await_birth
 * and runner_rig_nothing_lives.
 */
#ifndef TESTS_INTEGRATION_RUNNER_RIG_H
#define TESTS_INTEGRATION_RUNNER_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "assent/base/buffer.h"
#include "assent/base/channel.h"
#include "assent/base/protocol.h"
#include "assent/config/config.h"
#include "support/patience.h"

#define RUNNER_RIG_PATIENCE_MS ((int)patience_ms(20000))
#define RUNNER_RIG_FRAMES      64

struct runner_rig {
    char directory[64];
    char cgroup[128]; /* that the runner starts in; empty: the test's own */
    struct config *config;
    pid_t pid;   /* of the runner; 0 once it has been reaped */
    int channel; /* -1 once it is closed */
    int alive;   /* the reading end of @/alive */
    sd_event *loop;
    struct stream *core; /* NULL once it has ended */
    size_t taken;        /* frames that were asked for */
    size_t count;
    struct frame frames[RUNNER_RIG_FRAMES];
    struct buffer payloads[RUNNER_RIG_FRAMES];
};

/* Makes the test's own directory, with @/alive in it. */
void runner_rig_open(struct runner_rig *rig);
/* From now on runners start in a cgroup of the test's, where they may make some of their own, or may
 * not. False, and nothing is changed, where the test can't make one. */
bool runner_rig_use_cgroup(struct runner_rig *rig, bool open);
/* The path of something in it, valid until the next call. */
const char *runner_rig_path(const struct runner_rig *rig, const char *name);
/* Starts a runner with these sections of hooks, in which every @ is the test's own directory, and
 * takes its HELLO. */
void runner_rig_start(struct runner_rig *rig, const char *hooks);
/* Starts another in the place of one that has ended, with the same hooks. */
void runner_rig_start_again(struct runner_rig *rig);
/* Gives it other hooks; returns what it says to that. */
uint32_t runner_rig_reload(struct runner_rig *rig, const char *hooks);
uint32_t runner_rig_reload_bytes(struct runner_rig *rig, const void *bytes, size_t length);
/* Ends everything, whatever state it is in. */
void runner_rig_clear(struct runner_rig *rig);

/* A new stream to a new core; the old one ends first. */
void runner_rig_new_core(struct runner_rig *rig);
/* Sends START for attempt 1 of `key`, with a record of everyday or with this one. */
void runner_rig_run(struct runner_rig *rig, const char *hook, const char *key);
void runner_rig_run_with(struct runner_rig *rig, const char *hook, const char *key,
                         const char *record, size_t length);
void runner_rig_acknowledge(struct runner_rig *rig, const char *key);
void runner_rig_cancel(struct runner_rig *rig, const char *key);
void runner_rig_peek(struct runner_rig *rig, const char *key);
/* The next frame that was not asked for yet, valid until the rig is cleared. */
const struct frame *runner_rig_next(struct runner_rig *rig);
/* It has to be a RESULT. Results come in the order in which runs end. */
struct protocol_result runner_rig_result(struct runner_rig *rig);
/* When this returns, everything that was sent before has been handled. */
void runner_rig_settle(struct runner_rig *rig);

/* The next line that a program wrote to @/alive. */
void runner_rig_await_birth(struct runner_rig *rig, char *ret_line, size_t size);
/* True if no process has @/alive open; waits for it at most so long. */
bool runner_rig_nothing_lives(struct runner_rig *rig, int patience_ms);
/* Waits until nobody holds the lock that the runner was given. */
void runner_rig_await_lock(struct runner_rig *rig);
/* Waits for the runner's end, as long as the test may take, and returns its status. */
int runner_rig_await_end(struct runner_rig *rig);

void runner_rig_expect(const struct protocol_output *output, const char *expected);
/* The same of standard output alone, and of it together with how the run ended. */
void runner_rig_expect_output(const struct protocol_result *result, const char *expected);
void runner_rig_expect_success(const struct protocol_result *result, const char *output);
void runner_rig_expect_failure(const struct protocol_result *result, const char *error);
void runner_rig_expect_interrupted(const struct protocol_result *result, const char *error);

#endif
