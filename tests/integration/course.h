/*
 * The course of one request: what happens to it in which order, what each was answered, and what ought
 * to have been.
 *
 * course_predict() says that by the rules that users may rely on (assentd(8)), and knows nothing of how
 * assentd keeps them; course_observe() says the same of what assentd did. The two are texts, which are
 * equal where all is right, down to the events that were recorded and what the hooks wrote.
 *
 * Owns: nothing. Runs in: the test's process. Pure, but for memory.
 */
#ifndef TESTS_INTEGRATION_COURSE_H
#define TESTS_INTEGRATION_COURSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "assent/base/text.h"

enum course_event {
    COURSE_CLOCK, /* the moment of expires_at; it is over from then on */
    COURSE_APPROVED,
    COURSE_DENIED,
    COURSE_EXPIRED, /* the service says so */
    COURSE_CANCEL,
    COURSE_REGISTER,
    /* Byte for byte what was sent before it: the last webhook, or if there was none the last call. */
    COURSE_REPEAT,
    COURSE_EVENTS,
};

#define COURSE_LIMIT       8
#define COURSE_ANSWER_SIZE 32

struct course {
    char id[32];
    const char *action; /* `program` or `call`, as course_marks.h has them */
    char expires_at[TEXT_TIME_SIZE];
    size_t count;
    enum course_event events[COURSE_LIMIT];
    /* "matched", "201 pending", "404 not_found"; of the clock: what the request was then, or as soon as
     * it was registered; "" of a repeat before which nothing was sent. */
    char answers[COURSE_LIMIT][COURSE_ANSWER_SIZE];
};

/* What is sent at that place: no repeat, unless there is nothing to send; the clock sends nothing. */
enum course_event course_message(const struct course *course, size_t place);

struct course_call {
    bool webhook; /* to be signed, and for the public listener; else for the control socket */
    char path[64];
    char body[256]; /* "": none */
};
/* False if nothing is sent at that place. */
bool course_compose(const struct course *course, size_t place, struct course_call *ret_call);

/* Keeps what that call was answered. `json` may be NULL. */
void course_note_answer(struct course *course, size_t place, int status, const json_t *json);

/* Exchanges two events with their answers. */
void course_swap(struct course *course, size_t left, size_t right);

/* Both to be freed. `record` is what GET /v1/approvals/ID shows, `marks` what its hooks left. */
char *course_predict(const struct course *course);
char *course_observe(const struct course *course, const json_t *record, const char *marks);

#endif
