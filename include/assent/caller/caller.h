/*
 * The caller: makes outgoing HTTP calls. It is given a hook's name and a record, never a URL.
 *
 * Owns: the calls under way, the secrets that they use. Runs in: a process of its own; one thread
 * of ours (libcurl's resolver has its own). May call: libcurl, executor; no exec, no database.
 */
#ifndef ASSENT_CALLER_CALLER_H
#define ASSENT_CALLER_CALLER_H

/* The whole life of the caller process whose channel to the supervisor is CHANNEL_FD. Returns the
 * exit status. */
int caller_main(void);

#endif
