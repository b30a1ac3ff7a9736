/*
 * What assentd remembers: requests, deliveries, decisions, jobs, attempts, output, the order of all
 * events, and the ids that were ever decided.
 *
 * This header is the whole interface: what is behind it may be replaced. Everything is read and
 * written inside a transaction, which core opens when the first frame of a batch needs it and
 * commits once for all of them.
 *
 * A failure of a commit or its sync, or of any write, is final: what is on disk is unknown, so the caller
 * answers nothing, starts nothing, and leaves the process; the next one reads again. Every later
 * call fails too. Functions return 0, -ENOENT where they look for one thing and there is none,
 * -EEXIST where they add one and it is there already, or -EIO (the store failed; logged by the
 * store, which first discards held lines of the log: what they tell may not be so) or -ENOMEM.
 *
 * Rows that are lent to a callback live until it returns. A callback may read from the store; it may
 * write only where that is said.
 *
 * Rows are returned as structs that own their texts: NAME_free, which take NULL.
 *
 * Owns: the database file, its log, the one connection. Runs in: core, in its main thread.
 * May call: SQLite (by database.h), statvfs, log.
 */
#ifndef ASSENT_CORE_STORE_H
#define ASSENT_CORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/buffer.h"
#include "assent/base/problem.h"
#include "assent/base/protocol.h"
#include "assent/domain/decision.h"
#include "assent/domain/job.h"

struct store;

/* Opens or makes the database at `path`, refuses one that is not ours or of another version, sets
 * and reads back what durability rests on, and checkpoints the log. The directory must exist.
 * Returns 0, or with a problem: -EINVAL (a file that is not ours, which is left as it is), -EBUSY
 * (another process has it open), -EIO or -ENOMEM. */
int store_open(const char *path, struct store **ret_store, struct problem *ret_problem);
/* Rolls back an open transaction. Takes NULL. */
void store_free(struct store *store);

int store_begin(struct store *store);
/* Returns once all of the transaction is on disk. */
int store_commit(struct store *store);

/* How core commits: it goes on while the disk works, and lets nothing of a transaction be seen before it
 * is on disk. After store_sync_apart, which is called once, `ret_fd` (borrowed) becomes readable when a
 * sync has ended. store_begin_commit waits for the sync of the commit before, if it is still under way;
 * what it commits itself, the next transaction sees at once, and it is on disk when store_is_syncing is
 * false or store_await_sync, which waits for that, has returned 0. A store that has nothing to wait for is
 * never syncing. */
int store_sync_apart(struct store *store, int *ret_fd);
int store_begin_commit(struct store *store);
bool store_is_syncing(const struct store *store);
bool store_has_synced(const struct store *store); /* it is, and store_await_sync would not wait */
int store_await_sync(struct store *store);

bool store_in_transaction(const struct store *store);
/* True if the open transaction has changed something, so that its commit waits for the disk. */
bool store_has_changed(const struct store *store);

/* What new work leaves free on the file system, so that there is room for the results of what is
 * under way; where the whole file system is smaller than STORE_SMALL_DISK, an eighth of it. */
#define STORE_RESERVE    (16u << 20)
#define STORE_SMALL_DISK (64u << 20)

/* True if new work may be taken: the file system has the reserve free, and the store's files lie where
 * they lay when they were opened. Asks the file system at most every 100 ms. */
bool store_has_room(struct store *store);
/* If it was found then that one of them does not, since somebody moved, removed or replaced it, what its
 * name ends in; else NULL. What is written goes on to be written to what was opened, where the next
 * start would not look for it. */
const char *store_misplaced(const struct store *store);
/* It asks again in any case: much has been written since. */
void store_ask_room_anew(struct store *store);

/* Random, drawn when the store was made; 16 hexadecimal digits. Keys of jobs begin with it. */
const char *store_identity(const struct store *store);

/* True if there was none, and an empty one was made. */
bool store_is_new(const struct store *store);

/* True if this was a copy until it was opened, and is used for the first time now: whatever ran since
 * it was made is not known here, so everything is paused until a person has looked. */
bool store_is_restored(const struct store *store);

/* --- requests --------------------------------------------------------------------------------- */

enum urgency { URGENCY_LOW, URGENCY_MEDIUM, URGENCY_HIGH };

/* How it came: stored, never renumber. */
enum request_kind {
    KIND_REGISTERED, /* its id was the service's from the first */
    KIND_ASKED,      /* we submit it */
    KIND_NOTICE,     /* we submit it, and nobody decides it */
};

/* All times are ms since 1970, 0 where there is none. All texts may be NULL but service, id,
 * action. */
struct store_request {
    int64_t number; /* 1 and up, in the order of creation */
    char *service;
    char *id;
    char *client_id;
    char *owner; /* who registered it: `uid:1000`, `agent token:NAME` */
    char *action;
    char *reason;
    enum urgency urgency;
    enum request_kind kind;
    unsigned char body_digest[PROTOCOL_DIGEST_SIZE]; /* of what was registered, to tell repeats */
    enum request_state state;
    int64_t created_at;
    int64_t expires_at;
    int64_t deadline; /* when our own clock ends it */
    int64_t final_at; /* when its final state was reached */
    char *decided_by;
    int64_t decided_at;  /* as the service says, else when it came */
    char *denial_reason; /* also why it was canceled */
};

/* Adds a request, with its context (a JSON text), and gives its number. -EEXIST: (service, id) or
 * (owner, client_id) is there already. It is found by its id or by an alias of it. */
int store_request_add(struct store *store, const struct store_request *request, const char *context,
                      int64_t *ret_number);
int store_request_find(struct store *store, const char *service, const char *id,
                       struct store_request *ret_request);
int store_request_find_by_client_id(struct store *store, const char *owner, const char *client_id,
                                    struct store_request *ret_request);
int store_request_get(struct store *store, int64_t number, struct store_request *ret_request);
/* How many services know this id, and the number of the first such request; with an owner, among
 * the requests of that owner. `owner` may be NULL. */
int store_request_count_id(struct store *store, const char *id, const char *owner, int *ret_count,
                           int64_t *ret_number);
/* The context as it was stored; freed with free(). */
int store_request_context(struct store *store, int64_t number, char **ret_context);
/* The same of a request that is there, for a context that is likely to be long: it is in memory once
 * at most, but looking up a short one takes longer. */
int store_request_long_context(struct store *store, int64_t number, char **ret_context);
/* Writes state, final_at, decided_by, decided_at and denial_reason. -EEXIST, and nothing is written,
 * if the request has reached a final state before. */
int store_request_decide(struct store *store, const struct store_request *request);

/* Writes state, id, expires_at and deadline of one that is not final, and keeps its old id as an
 * alias if it has another now. -EEXIST if another request has that id, or had it until it was
 * removed. */
int store_request_advance(struct store *store, const struct store_request *request);
/* Calls `each` for every further id of the request. Lent. */
int store_alias_list(struct store *store, int64_t request,
                     int (*each)(void *userdata, const char *id), void *userdata);
/* One more id by which the request is found. -EEXIST if a request has it. */
int store_alias_add(struct store *store, const char *service, const char *id, int64_t request);

/* What a request that is asked for has beside. */
struct store_ask {
    int64_t request;
    char *token; /* at the end of the URL on which its decision comes */
    int64_t expires_in_ms;
    char *extra;    /* further fields for the service, a JSON object; NULL: none */
    char *callback; /* where the agent wants the decision; NULL: nowhere */
    char *answer;   /* the service's, once it has taken the submission */
};
int store_ask_add(struct store *store, const struct store_ask *ask);
int store_ask_get(struct store *store, int64_t request, struct store_ask *ret_ask);
int store_ask_set_answer(struct store *store, int64_t request, const char *answer);
/* The number of the request of that token; -ENOENT if there is none. Takes the same time whatever part
 * of a token is right. */
int store_ask_find(struct store *store, const char *token, int64_t *ret_request);
void store_ask_free(struct store_ask *ask); /* its texts, not the struct */

/* The request is held until the other one is through. */
int store_step_add(struct store *store, int64_t request, int64_t predecessor);
/* The requests that a held one waits for, or the held ones that wait for one. `each` may call the
 * store. */
int store_step_predecessors(struct store *store, int64_t request,
                            int (*each)(void *userdata, int64_t request), void *userdata);
int store_step_followers(struct store *store, int64_t request,
                         int (*each)(void *userdata, int64_t request), void *userdata);

/* When a request is looked up at its service. */
struct store_poll {
    int64_t request;
    int64_t next_at;
    int64_t failures; /* in a row */
    int64_t last;     /* looks that were begun since its time is over */
};
/* Adds it or writes it anew. */
int store_poll_set(struct store *store, const struct store_poll *poll);
int store_poll_get(struct store *store, int64_t request, struct store_poll *ret_poll);
int store_poll_remove(struct store *store, int64_t request);
/* One for each pending request of the service that has none, or one that is due later, but for the
 * last: due at some time within `span` ms after `from`. */
int store_poll_plan(struct store *store, const char *service, int64_t from, int64_t span);
/* The one that is due first, whenever that is; -ENOENT if there is none. */
int store_poll_next(struct store *store, struct store_poll *ret_poll);

/* Remembers that policy approved a request, and counts those of an action since then. */
int store_policy_approval_add(struct store *store, const char *action, int64_t at, int64_t request);
int store_policy_approval_count(struct store *store, const char *action, int64_t since,
                                int64_t *ret_count);
int store_policy_approval_expire(struct store *store, int64_t before);

struct store_request_filter {
    enum request_state state; /* REQUEST_STATE_COUNT: any */
    const char *action;       /* NULL: any */
    const char *owner;        /* NULL: any */
    int64_t before;           /* only numbers below; 0: from the newest */
};
/* Calls `each` for at most `limit` requests, newest first, without context. A negative return of
 * `each` ends it and is returned. The request is only lent. */
int store_request_list(struct store *store, const struct store_request_filter *filter, int limit,
                       int (*each)(void *userdata, const struct store_request *request),
                       void *userdata);

/* The requests that are not final and whose deadline is at or before `now`, at most `limit`, the one
 * that was due first before the others. */
int store_request_due(struct store *store, int64_t now, int64_t *ret_numbers, int limit,
                      int *ret_count);
/* The next deadline of a request that is not final; -ENOENT if there is none. */
int store_request_next_deadline(struct store *store, int64_t *ret_deadline);

void store_request_free(struct store_request *request); /* its texts, not the struct */

/* The final state of an id whose request is gone by retention; -ENOENT if there is no such. A
 * request that is still there has no tombstone. */
int store_tombstone_find(struct store *store, const char *service, const char *id,
                         enum request_state *ret_state);

/* --- deliveries and early events -------------------------------------------------------------- */

struct store_delivery {
    const char *service;
    const char *delivery_id;
    const char *request_id; /* "" for an ignored event */
    int64_t request;        /* its number, where the request is known; else 0 */
    int decision;           /* enum decision; -1 for an ignored event */
    enum outcome outcome;
    int64_t received_at;
};

/* Remembers a delivery. -EEXIST if the same service, delivery id, request and decision is known. */
int store_delivery_add(struct store *store, const struct store_delivery *delivery);

/* A decision that came before its request. Views; the last two may be NULL. */
struct store_early {
    const char *service;
    const char *request_id;
    enum decision decision;
    int64_t received_at;
    int64_t decided_at;
    const char *decided_by;
    const char *reason;
};

/* True if the service has `limit` of them already. */
bool store_early_full(struct store *store, const char *service, int limit);
/* Keeps it. -ENOSPC if the service has `limit` of them already. */
int store_early_add(struct store *store, const struct store_early *early, int limit);
/* Drops the early events of one request and calls `each` for them in the order they came. `each`
 * may call the store. */
int store_early_take(struct store *store, const char *service, const char *request_id,
                     int (*each)(void *userdata, const struct store_early *early), void *userdata);
/* Drops those received before `before`, at most `limit` of them. */
int store_early_expire(struct store *store, int64_t before, int limit, int *ret_dropped);

/* --- jobs and attempts ------------------------------------------------------------------------ */

struct store_job {
    int64_t number;
    int64_t request;
    char *hook;
    char *key;           /* random; the same for every attempt */
    enum decision cause; /* which list of the action it came from; DECISION_CANCEL, which starts
                            none, for built-in hooks */
    enum job_state state;
    uint32_t attempt; /* the newest attempt's n; 0 before the first, and in a fan-out */
    uint32_t tries;   /* that were begun by themselves, since a person last said so */
    uint32_t retries; /* those of them that count against the hook's */
    int64_t not_before;
    bool canceling; /* a person wants it to end; final once nothing of it runs */
    int64_t origin; /* the job that has given up, for which on_failed started this one; or 0 */
    int64_t items;  /* of a fan-out; 0: it is none, or has not begun */
    int64_t created_at;
    int64_t started_at; /* of the newest attempt, or of a fan-out */
    int64_t ended_at;
    char *error; /* of the newest attempt, for people */
};

/* Adds a job and gives its number. -EEXIST if the key is there already. */
int store_job_add(struct store *store, const struct store_job *job, int64_t *ret_number);
int store_job_get(struct store *store, int64_t number, struct store_job *ret_job);
int store_job_find(struct store *store, const char *key, struct store_job *ret_job);
/* Writes state, attempt, tries, retries, not_before, canceling, items, started_at, ended_at and
 * error. */
int store_job_update(struct store *store, const struct store_job *job);

struct store_job_filter {
    enum job_state state; /* JOB_STATE_COUNT: any */
    const char *hook;     /* NULL: any */
    int64_t request;      /* 0: any */
    const char *owner;    /* of the job's request; NULL: any; not beside `request` */
    int64_t before;       /* only numbers below; 0: from the newest */
};
int store_job_list(struct store *store, const struct store_job_filter *filter, int limit,
                   int (*each)(void *userdata, const struct store_job *job), void *userdata);
/* The queued job of that hook whose turn it is: of those that waited for their time, the one whose
 * time came first; else the oldest of those that have none. -ENOENT if there is none by now. */
int store_job_next(struct store *store, const char *hook, int64_t now, struct store_job *ret_job);
/* The oldest running fan-out of that hook with a number above `after`; -ENOENT if there is none. */
int store_job_next_fanout(struct store *store, const char *hook, int64_t after,
                          struct store_job *ret_job);
/* The earliest not_before after `now` of a queued job or item; -ENOENT if there is none. */
int store_job_next_start(struct store *store, int64_t now, int64_t *ret_time);
/* Calls `each` for every hook that has queued jobs or running fan-outs. `each` may call the
 * store. */
int store_job_waiting_hooks(struct store *store, int (*each)(void *userdata, const char *hook),
                            void *userdata);
void store_job_free(struct store_job *job); /* its texts, not the struct */

/* How far a job with items has come. Queued are those that are in none of these states. */
struct store_fanout {
    int64_t job;
    int64_t total;
    int64_t added; /* the first so many items are rows by now; `total` if the rest is to be none */
    int64_t running;
    int64_t succeeded;
    int64_t failed;
    int64_t interrupted;
};

/* Begins a fan-out: no items yet, and the context without their array. */
int store_fanout_begin(struct store *store, int64_t job, int64_t total, const char *context);
int store_fanout_get(struct store *store, int64_t job, struct store_fanout *ret_fanout);
/* Freed with free(). */
int store_fanout_context(struct store *store, int64_t job, char **ret_context);
/* Says that so many items have been added by store_item_add. */
int store_fanout_grow(struct store *store, int64_t job, int64_t count);

/* One element of a fan-out. */
struct store_item {
    int64_t job;
    int64_t number; /* its index */
    enum job_state state;
    uint32_t attempt;
    uint32_t tries;
    uint32_t retries;
    int64_t not_before;
    int64_t started_at;
    int64_t ended_at;
    char *error;
    char *value; /* JSON */
};

/* Adds a queued item; the value is not terminated. */
int store_item_add(struct store *store, int64_t job, int64_t number, const char *value,
                   size_t length);
int store_item_get(struct store *store, int64_t job, int64_t number, struct store_item *ret_item);
/* Writes all but the value, and counts it in its fan-out. */
int store_item_update(struct store *store, const struct store_item *item);
/* The queued item whose turn it is, as store_job_next. */
int store_item_next(struct store *store, int64_t job, int64_t now, struct store_item *ret_item);
/* Calls `each` for at most `limit` items behind number `after` (-1: from the first) in order, of one
 * state or, with JOB_STATE_COUNT, of any. Lent. */
int store_item_list(struct store *store, int64_t job, enum job_state state, int64_t after,
                    int limit, int (*each)(void *userdata, const struct store_item *item),
                    void *userdata);
/* Queues again all that failed or were interrupted. */
int store_item_retry(struct store *store, int64_t job);
/* Fails all that are queued, and those that are not rows yet, which are not to be added then. */
int store_item_fail_queued(struct store *store, int64_t job, const char *error);
void store_item_free(struct store_item *item); /* its texts, not the struct */

/* What the rate of a hook has left, as domain/schedule.h keeps it; 0 if none is stored. */
int store_pace_get(struct store *store, const char *hook, int64_t *ret_bucket);
int store_pace_set(struct store *store, const char *hook, int64_t bucket);

/* A hook of which nothing is started; the hook "" stands for all. */
struct store_pause {
    const char *hook;
    int64_t since;
    const char *who;
};
/* -EEXIST if it is paused already. */
int store_pause_add(struct store *store, const struct store_pause *pause);
/* -ENOENT if it is not paused. */
int store_pause_remove(struct store *store, const char *hook);
/* Lent. */
int store_pause_list(struct store *store,
                     int (*each)(void *userdata, const struct store_pause *pause), void *userdata);

/* Which executor an attempt was given to: stored, never renumber. */
enum store_executor { STORE_EXECUTOR_RUNNER, STORE_EXECUTOR_CALLER, STORE_EXECUTOR_COUNT };

struct store_attempt {
    int64_t job;
    int64_t item; /* PROTOCOL_NO_ITEM */
    uint32_t n;
    enum store_executor executor;
    unsigned char incarnation[PROTOCOL_INCARNATION_SIZE];
    int64_t started_at;
    int64_t ended_at;            /* 0 while it runs */
    enum protocol_ending ending; /* valid if ended_at is not 0 */
    int32_t exit_code;
    int32_t signal;
    int32_t http_status;
    char *error;
};

/* Adds an attempt as started. -EEXIST if (job, item, n) is there. */
int store_attempt_start(struct store *store, const struct store_attempt *attempt);
/* It was never started: forgets it. */
int store_attempt_forget(struct store *store, int64_t job, int64_t item, uint32_t n);
int store_attempt_get(struct store *store, int64_t job, int64_t item, uint32_t n,
                      struct store_attempt *ret_attempt);
/* Writes the end of an attempt and its output (NULL: none, as when it was lost). */
int store_attempt_end(struct store *store, const struct store_attempt *attempt,
                      const struct protocol_output *standard_output,
                      const struct protocol_output *standard_error);
/* Calls `each` for every attempt that this executor has not ended yet, oldest first. `each` may
 * call the store. */
int store_attempt_running(struct store *store, enum store_executor executor,
                          int (*each)(void *userdata, const struct store_attempt *attempt),
                          void *userdata);
/* Calls `each` for all attempts of a job, or of one of its items, in order. */
int store_attempt_list(struct store *store, int64_t job, int64_t item,
                       int (*each)(void *userdata, const struct store_attempt *attempt),
                       void *userdata);
void store_attempt_free(struct store_attempt *attempt); /* its texts, not the struct */

/* The kept output of one attempt, lent for the call. -ENOENT if it has none (yet). */
int store_output_get(struct store *store, int64_t job, int64_t item, uint32_t n,
                     int (*each)(void *userdata, const struct protocol_output *standard_output,
                                 const struct protocol_output *standard_error),
                     void *userdata);

/* --- the order of all events ------------------------------------------------------------------ */

struct store_event {
    int64_t sequence;
    int64_t at;
    const char *kind;    /* `request.approved`, `job.started`, ... */
    int64_t request;     /* 0: about none */
    int64_t job;         /* 0: about none */
    const char *details; /* a JSON object, or NULL */
    /* Of the request, by store_event_after only; NULL where it is about none. */
    const char *request_id;
    const char *service;
};

int store_event_add(struct store *store, const struct store_event *event);
/* Calls `each` for at most `limit` events of one request, oldest first. Lent. */
int store_event_list(struct store *store, int64_t request, int limit,
                     int (*each)(void *userdata, const struct store_event *event), void *userdata);

/* Rows that one store_event_after looks at, at most. */
#define STORE_EVENT_LOOKS 4096
/* Calls `each` for at most `limit` events behind the sequence `after`, oldest first: those of requests
 * of that owner, or with NULL of all. `each` returns 0, 1 to have no more, or a negative error. Lent.
 * `ret_reached` is up to which sequence everything was told: where to go on. It is behind `after`
 * unless nothing is there, and less than the newest if there may be more; an `after` that was never
 * given is taken for the newest. */
int store_event_after(struct store *store, int64_t after, const char *owner, int limit,
                      int (*each)(void *userdata, const struct store_event *event), void *userdata,
                      int64_t *ret_reached);
/* The highest sequence that was ever given; 0 before the first. */
int64_t store_event_newest(const struct store *store);

/* --- retention -------------------------------------------------------------------------------- */

/* Removes at most `limit` requests whose final state was reached before `before` and none of whose
 * jobs is queued, running or interrupted, with all that belongs to them, and at most `limit`
 * deliveries and events that belong to none. What stays of a request is its tombstone.
 * `ret_removed` is the highest of the three counts: there may be more to remove if it is `limit`. */
int store_expire(struct store *store, int64_t before, int limit, int *ret_removed);

/* --- a copy ----------------------------------------------------------------------------------- */

/* All of the store as it is on disk at one moment, read in pieces while the store goes on changing. It
 * is a whole database, which store_open puts into use, paused. What changes before it is read is
 * kept in a file beside the database that has no name, but never out of the reserve. */
struct store_copy;

/* Outside of a transaction, and one at a time. 0; -ENOSPC where the disk is too full, -EBUSY where it
 * could not be done just now, -ENOMEM, or -EIO: where the store itself has not failed, it is none the
 * worse for it. */
int store_copy_begin(struct store *store, struct store_copy **ret_copy);
/* Bytes of all of it. */
int64_t store_copy_size(const struct store_copy *copy);
/* Appends what comes next, at most `blocks` times 4 KiB and at least one; nothing once all is read. 0, or
 * as above: the copy is of no use then. */
int store_copy_read(struct store_copy *copy, size_t blocks, struct buffer *out);
bool store_copy_is_read(const struct store_copy *copy);
/* Takes NULL. Before store_free. */
void store_copy_end(struct store_copy *copy);

/* --- counts ----------------------------------------------------------------------------------- */

/* Counts for status: requests by state, jobs by state. */
int store_count(struct store *store, int64_t ret_requests[REQUEST_STATE_COUNT],
                int64_t ret_jobs[JOB_STATE_COUNT]);

/* When the oldest request that is not decided was made; -ENOENT if there is none. */
int store_request_oldest(struct store *store, int64_t *ret_created_at);
/* Call `each` for every hook that has any: how many of its jobs are queued; how many items of its
 * fan-outs have not ended. The hook is lent. */
int store_job_count_queued(struct store *store,
                           int (*each)(void *userdata, const char *hook, int64_t count),
                           void *userdata);
int store_item_count_left(struct store *store,
                          int (*each)(void *userdata, const char *hook, int64_t count),
                          void *userdata);
/* Bytes of the database and its log, and what the file system has free for us; 0 where it can't be
 * told. */
void store_space(const struct store *store, int64_t *ret_used, int64_t *ret_free);

#endif
