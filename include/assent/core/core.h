/*
 * Core: remembers and decides. One thread, one event loop, one connection to the store.
 *
 * It takes all frames that have come, opens one transaction, verifies, parses, decides, stores,
 * commits once, and only then lets anything out: its streams are corked until the commit, so no
 * answer, START or ACK can leave before what it rests on is on disk. A commit that failed leaves
 * the process without a word.
 *
 * Owns: the state directory, the streams to gates and executors. Runs in: a process of its own.
 * May call: store, domain; no network, no exec, no thread.
 */
#ifndef ASSENT_CORE_CORE_H
#define ASSENT_CORE_CORE_H

/* The whole life of the core process whose channel to the supervisor is CHANNEL_FD. Returns the
 * exit status. */
int core_main(void);

#endif
