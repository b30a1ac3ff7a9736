/*
 * What the hooks of courses (course.h) leave behind: a program a line in the file `marks`, a call a
 * request at a server, and both say `ID HOOK STATUS` with it.
 *
 * Owns: the marks that were read. Runs in: the test's process. May call: Check's assertions.
 */
#ifndef TESTS_INTEGRATION_COURSE_MARKS_H
#define TESTS_INTEGRATION_COURSE_MARKS_H

#include <stddef.h>

#include "integration/harness.h"
#include "support/http_server.h"

/* The configuration's part with the actions `program` and `call`, each with three hooks of its own, and
 * with requests that are over at once when their time is; to be freed. Tells the server what to do. */
char *course_marks_sections(struct http_server *server);

struct course_marks;

/* Reads them all. The ids of the `count` requests must be a letter and their index; fails the test if
 * there is a mark of any other. */
struct course_marks *course_marks_read(const struct house *house, struct http_server *server,
                                       size_t count);
/* `HOOK STATUS` of each mark of that request, with commas between them; "" if there is none. */
const char *course_marks_of(const struct course_marks *marks, size_t index);
/* Takes NULL. */
void course_marks_free(struct course_marks *marks);

#endif
