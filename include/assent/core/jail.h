/*
 * What core may do. It parses what strangers signed or forged, and it holds the webhook secrets and
 * decides; whoever owns it can decide anything, but not send a secret away or run a command that is
 * no hook.
 *
 *   may      everything with the files in the state directory; its streams; the lock's file, which
 *            it has open; wait; memory; start a thread, which is in this jail too
 *   may not  use any other file; make a socket or connect one: its streams come through the channel
 *            start a process; signal or look into one, or a thread; become another user; have
 *            executable memory
 *
 * Owns: nothing. Runs in: core, when the store is open, before its first stream. May call: jail.
 */
#ifndef ASSENT_CORE_JAIL_H
#define ASSENT_CORE_JAIL_H

/* `store_path` is the database, which exists. 0, or negative errno, logged. */
int core_jail_enter(const char *store_path);

#endif
