/*
 * Requests by the hundred: registered, and then decided by webhooks from 64 connections at once,
 * each sent again until it is answered, as the approval service does.
 *
 * Of every 22 members 20 are approved. One is denied, and one gets an approval that is signed with
 * another secret; neither may ever run. The approved ones take turns with four actions: a program or
 * a call, either held or started again when it is cut off (one in ten).
 *
 * Owns: its members, its threads. Runs in: the test's process, on threads of its own. May call:
 * Check's assertions in the caller's thread.
 */
#ifndef TESTS_SUPPORT_CROWD_H
#define TESTS_SUPPORT_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "integration/harness.h"

#define CROWD_CONNECTIONS 64
/* The members that 500 approvals take. */
#define CROWD_OF_500 550

enum crowd_fate { CROWD_APPROVED, CROWD_DENIED, CROWD_FORGED };

struct crowd_member {
    char id[32];
    const char *action; /* program-hold, call-hold, program-retry or call-retry */
    enum crowd_fate fate;
    bool answered; /* as its fate says: 200, or 401 */
};

struct crowd;

/* `limit`: how many members there will be at most. `patience_ms`: the time that a phase has. */
struct crowd *crowd_new(const struct house *house, size_t limit, int64_t patience_ms);

/* Phases, each on threads of its own: registers `count` more members; decides all that are
 * registered and not decided. */
void crowd_register(struct crowd *crowd, size_t count);
void crowd_decide(struct crowd *crowd);
/* True while the phase goes on. */
bool crowd_busy(const struct crowd *crowd);
/* Waits for the end of the phase; fails the test if something was answered that may not be, or if
 * the patience was over. */
void crowd_join(struct crowd *crowd);

/* One webhook of a member, sent once on a connection of its own. Its status; 0: no answer. */
int crowd_send_once(struct crowd *crowd, size_t index);

size_t crowd_count(const struct crowd *crowd);
/* How often something had to be sent again. */
size_t crowd_repeats(const struct crowd *crowd);
const struct crowd_member *crowd_member(const struct crowd *crowd, size_t index);
/* The index of the member with that id; -1 if there is none. */
int crowd_find(const struct crowd *crowd, const char *id);

/* Takes NULL. */
void crowd_free(struct crowd *crowd);

#endif
