#include "unit/config_scratch.h"

#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    return remove(path);
}

void scratch_make(void)
{
    (void)snprintf(directory, sizeof directory, "/tmp/assent-config-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    scratch_text("secret", SECRET "\n");
}

void scratch_remove(void)
{
    ck_assert_int_eq(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

const char *scratch_path(const char *name)
{
    static char paths[4][256];
    static size_t turn;
    char *path = paths[turn++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

void scratch_write(const char *name, const void *bytes, size_t length, mode_t mode)
{
    int fd = open(scratch_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
    ck_assert_int_eq(close(fd), 0);
}

void scratch_text(const char *name, const char *text)
{
    scratch_write(name, text, strlen(text), 0600);
}

void scratch_directory(const char *name)
{
    ck_assert_int_eq(mkdir(scratch_path(name), 0700), 0);
}

struct config *scratch_load_again(void)
{
    struct config *config = NULL;
    struct config_errors errors = {0};
    int r = config_load(scratch_path("assentd.conf"), &config, &errors);
    ck_assert_msg(r == 0, "%d: %s", r, errors.count > 0 ? errors.lines[0] : "no errors");
    return config;
}

struct config *scratch_load(const char *text)
{
    scratch_text("assentd.conf", text);
    return scratch_load_again();
}

/* The line without the directory and the name of the main file. */
static const char *shortened(const char *line)
{
    size_t length = strlen(directory);
    ck_assert_msg(strncmp(line, directory, length) == 0, "no file in: %s", line);
    line += length + 1;
    size_t name = strlen("assentd.conf:");
    return strncmp(line, "assentd.conf:", name) == 0 ? line + name : line;
}

void scratch_expect_errors(const char *text, const char *const *expected)
{
    struct config *config = NULL;
    struct config_errors errors = {0};
    scratch_text("assentd.conf", text);
    int r = config_load(scratch_path("assentd.conf"), &config, &errors);
    ck_assert_msg(r == -EINVAL, "%d for:\n%s", r, text);
    ck_assert_ptr_null(config);
    size_t count = 0;
    for (; expected[count]; count++) {
        ck_assert_msg(count < errors.count, "missing: %s", expected[count]);
        const char *line = shortened(errors.lines[count]);
        ck_assert_msg(strncmp(line, expected[count], strlen(expected[count])) == 0,
                      "expected: %s\ntold: %s", expected[count], line);
    }
    ck_assert_msg(count == errors.count, "also told: %s", errors.lines[count]);
    config_errors_free(&errors);
}

struct buffer scratch_pack(const struct config *config, enum role role)
{
    struct buffer bytes = {0};
    ck_assert_int_eq(config_pack(config, role, &bytes), 0);
    return bytes;
}

struct config *scratch_role(const struct config *config, enum role role)
{
    struct config *unpacked = NULL;
    struct buffer bytes = scratch_pack(config, role);
    ck_assert_int_eq(config_unpack(bytes.data, bytes.length, &unpacked), 0);
    buffer_wipe(&bytes);
    return unpacked;
}

char *scratch_dump(const struct config *config)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(config_dump(config, out), 0);
    ck_assert_int_eq(fclose(out), 0);
    return text;
}
