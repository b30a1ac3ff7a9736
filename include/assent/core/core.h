/*
 * Core: remembers and decides. One event loop, one connection to the store, both in one thread; a
 * second one only syncs the store's log (syncer.h).
 *
 * It takes the frames that have come, opens one transaction, verifies, parses, decides, stores,
 * commits once, and lets nothing out before that is on disk: its streams are corked, so no answer,
 * START or ACK can leave before what it rests on. Meanwhile the next transaction begins. A commit or
 * sync that failed leaves the process without a word.
 *
 * Owns: the state directory, the streams to gates and executors. Runs in: a process of its own.
 * May call: store, domain; no network, no exec.
 */
#ifndef ASSENT_CORE_CORE_H
#define ASSENT_CORE_CORE_H

/* The whole life of the core process whose channel to the supervisor is CHANNEL_FD. Returns the
 * exit status. */
int core_main(void);

#endif
