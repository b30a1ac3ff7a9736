/*
 * What the caller may do. It parses what servers answer and holds the secrets that calls use;
 * whoever owns it can make other calls with these, but not run a command, decide, or read what else
 * is on the machine.
 *
 *   may      connect over TCP and UDP; ask the kernel for its addresses (libc does, to sort those
 *            of a host); threads (libcurl looks names up in them); read the files by which names are
 *            looked up and the certificates that are trusted
 *   may not  use any other file; connect to local sockets, such as our own for operators: names are
 *            asked for over DNS; be connected to; start, signal or look into a process; become
 *            another user; have executable memory, so what looks names up is loaded before
 *
 * Files are let in as they are when the caller starts: of one that is replaced the new one stays
 * outside. caller_jail_sees says for which this matters.
 *
 * Owns: nothing. Runs in: the caller, in the main thread, before its first stream. May call: jail,
 * dlopen.
 */
#ifndef ASSENT_CALLER_JAIL_H
#define ASSENT_CALLER_JAIL_H

#include <stdbool.h>

/* 0, or negative errno, logged. */
int caller_jail_enter(void);

/* Whether a file of this name in /etc is one that is read in the jail: if it is replaced, only a
 * new caller can read it. */
bool caller_jail_sees(const char *name);

#endif
