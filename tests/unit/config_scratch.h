/*
 * Configurations in a directory of their own, for the tests that load them.
 *
 * Owns: the directory, from scratch_make to scratch_remove. Runs in: unit tests.
 */
#ifndef TESTS_UNIT_CONFIG_SCRATCH_H
#define TESTS_UNIT_CONFIG_SCRATCH_H

#include <stddef.h>
#include <sys/types.h>

#include "assent/config/config.h"

/* Beginnings that are right; SERVER has 2 lines, SERVICE 4. scratch_make writes their secret. */
#define SERVER  "[server]\nlisten = 127.0.0.1:8787\n"
#define SERVICE "[service daimon]\npath = /webhook\nscheme = daimon\nsecret_file = secret\n"
#define SECRET  "whsec_scratch"

/* Fixtures of a test: $CREDENTIALS_DIRECTORY is unset. */
void scratch_make(void);
void scratch_remove(void);

/* The absolute path of a name in the directory; one of four buffers that take turns. */
const char *scratch_path(const char *name);
void scratch_write(const char *name, const void *bytes, size_t length, mode_t mode);
/* As scratch_write, with mode 0600. */
void scratch_text(const char *name, const char *text);
void scratch_directory(const char *name);

/* Writes assentd.conf and loads it; fails the test where that is refused. */
struct config *scratch_load(const char *text);
/* Loads what is there already. */
struct config *scratch_load_again(void);

/* Writes assentd.conf and fails the test unless loading it tells exactly these errors, ended by
 * NULL: each is the beginning of a line, without the directory, and without `assentd.conf:`. */
void scratch_expect_errors(const char *text, const char *const *expected);
#define EXPECT_ERRORS(text, ...) \
    scratch_expect_errors((text), (const char *const[]){__VA_ARGS__, NULL})

/* The bytes that the role is given; buffer_wipe. */
struct buffer scratch_pack(const struct config *config, enum role role);
/* The struct that the role makes of them. */
struct config *scratch_role(const struct config *config, enum role role);

/* config_dump as text; free(). */
char *scratch_dump(const struct config *config);

#endif
