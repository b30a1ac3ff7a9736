/*
 * strace on a daemon of a test, from its first moment.
 *
 *   house_prepare(house, tracer_await, NULL);
 *   house_begin_start(house);
 *   strace = tracer_start(house_pid(house), options);
 *   ck_assert(house_await_start(house));
 *
 * It ends with what it traces. Where it may not be used tests have nothing to see: they skip what they
 * would.
 */
#ifndef ASSENT_TESTS_TRACER_H
#define ASSENT_TESTS_TRACER_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether strace is here and may trace. */
bool tracer_possible(void);

/* Called in the process that is about to become assentd: waits for the tracer. Who is not root may
 * trace it now, but not once it is in its jail. */
void tracer_await(void *nothing);

/* `options` of strace, ended by NULL; at most 16. To be waited for. */
pid_t tracer_start(pid_t process, const char *const options[]);

#endif
