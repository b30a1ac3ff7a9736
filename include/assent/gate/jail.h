/*
 * What a gate may do: whoever owns it can answer its clients wrongly and send frames to core, which
 * trusts none of them. Nothing else.
 *
 *   may      accept, read, write and close connections; threads; wait; memory
 *   may not  open a file or have a directory listed: its rules and keys come through the channel
 *            make a socket or connect one: its listeners and its stream come through the channel
 *            start, signal or look into a process; become another user; have executable memory
 *
 * To open a file for reading is refused without being the end, since libc may want to know
 * something by itself (malloc looks at a setting of the kernel when it gives much back).
 *
 * Owns: nothing. Runs in: the gate, in the main thread, before its listeners are served.
 * May call: jail.
 */
#ifndef ASSENT_GATE_JAIL_H
#define ASSENT_GATE_JAIL_H

/* 0, or negative errno, logged. */
int gate_jail_enter(void);

#endif
