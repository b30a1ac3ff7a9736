/*
 * Those who follow what happens, as server-sent events (html.spec.whatwg.org, "Server-sent events").
 *
 * Of each nothing is kept but how far it was told. What comes next is read from the store at the
 * commit that makes it so, once for all who are equally far and see the same, and leaves core after
 * it. There is never more than one piece under way to a client: the next one is made when the gate
 * says that it has taken that. So who reads slowly costs nothing, and falls behind without a gap.
 *
 *   add ─▶ (TAKEN) ready ─▶ (commit) told ─▶ (TAKEN) ready ─▶ ... ─▶ forget, or end
 *
 * Every FOLLOWERS_BEAT_US each that is ready is sent a comment, so that clients which are gone, and
 * gates which are, are noticed.
 *
 * Owns: the list of them. Runs in: core. May call: access, answer, links, record, store, sd-event.
 */
#ifndef ASSENT_CORE_FOLLOWERS_H
#define ASSENT_CORE_FOLLOWERS_H

#include <stdbool.h>

#include "assent/core/access.h"
#include "assent/core/answer.h"

#define FOLLOWERS_BEAT_US 15000000u
/* Twice of what a gate lets in: control and agent. */
#define FOLLOWERS_LIMIT 16384

/* Before all else. 0 or negative errno. */
int followers_open(struct core *core);

/* Answers `asker` with the events behind the sequence `after` as they come, those that he may see. */
void followers_add(struct core *core, const struct asker *asker, const struct access *access,
                   int64_t after);
/* It has taken what it was sent. */
void followers_taken(struct core *core, const struct asker *asker);
/* Its client has gone. */
void followers_forget(struct core *core, const struct asker *asker);
/* The gate has gone. */
void followers_forget_all(struct core *core, const struct link *link);
/* The gate stops: ends each as soon as it has taken what it was sent. */
void followers_end_all(struct core *core, const struct link *link);

/* Another configuration: ends those whose token is not in it any more, as if their gate stopped. */
void followers_review(struct core *core);
/* Sends what there is to those who are ready, as far as their gates have room, and not too many
 * different pieces at once. Inside a transaction, just before its commit. */
void followers_tell(struct core *core);
/* True if followers_tell would go on at once. */
bool followers_can_tell(const struct core *core);
/* A gate has room again. */
void followers_have_room(struct core *core);

size_t followers_count(const struct core *core);

void followers_free(struct core *core);

#endif
