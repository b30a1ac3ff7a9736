/*
 * A house whose action is `go`: what that runs is followed all the way from the webhook to the output
 * that the API shows.
 *
 *   start("[action go]\non_granted = show\n[hook show]\nexec = echo {request_id}\n");
 *   go("req_1");
 *   expect_output("req_1\n");
 */
#ifndef ASSENT_TESTS_RUN_RIG_H
#define ASSENT_TESTS_RUN_RIG_H

#include "integration/harness.h"
#include "support/http_server.h"

/* Of the test that runs. */
extern struct house *house;
extern struct http_server *server; /* NULL if there is none; the test may start it, too */

void set_up(void);
void tear_down(void);
/* Starts with these sections; `%HTTP%` is the address of a server that is started beside it. */
void start(const char *sections);

/* Registers `req_1` with these members beside, ",\"reason\":\"rent\"". */
void register_with(const char *members);
/* Approves `req_1`, and says who did it and when. */
void approve(void);
/* Registers and approves. */
void go(const char *id);

/* Waits for the end of the only run of `req_1`, which must have written that, all of it, and no error. */
void expect_output(const char *expected);
/* What the first job says of itself now. */
void expect_error(const char *id, const char *error);

#endif
