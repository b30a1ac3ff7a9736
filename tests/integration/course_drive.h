/*
 * Drives many courses (course.h) through a real assentd: each its own events in their order, many beside
 * each other, from connections that are kept open.
 *
 * The clock is the one event that cannot be sent. So one moment is the end of all courses that are driven
 * together: what comes before the clock in a course is sent before that moment, the rest after it.
 *
 * Owns: nothing between calls. Runs in: the test's process, on threads of its own. May call: Check's
 * assertions in the caller's thread.
 */
#ifndef TESTS_INTEGRATION_COURSE_DRIVE_H
#define TESTS_INTEGRATION_COURSE_DRIVE_H

#include "integration/course.h"
#include "integration/harness.h"

/* Sends what comes before the clock. */
void courses_go_to_clock(const struct house *house, struct course *courses, size_t count);

/* Sends the rest, when the moment of `expires_at` is over. A request that is there by then, or is
 * registered later, is first waited for until it is final: that is the clock's answer. */
void courses_go_on(const struct house *house, struct course *courses, size_t count);

/* GET /v1/approvals/ID of each, to ret_records, which has `count` places; NULL where there was no
 * answer. json_decref. */
void courses_show(const struct house *house, struct course *courses, size_t count,
                  json_t **ret_records);

#endif
