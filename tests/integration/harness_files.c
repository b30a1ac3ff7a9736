#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assent/base/buffer.h"
#include "integration/harness.h"

char *house_file(const struct house *house, const char *name)
{
    char *path = NULL;

    ck_assert_int_ge(asprintf(&path, "%s/%s", house_directory(house), name), 0);
    return path;
}

char *house_read_path(const char *path)
{
    struct buffer bytes = {0};
    char piece[4096];
    FILE *file = fopen(path, "re");
    size_t length;

    while (file && (length = fread(piece, 1, sizeof piece, file)) > 0) {
        ck_assert_int_eq(buffer_append(&bytes, piece, length), 0);
    }
    if (file) {
        (void)fclose(file);
    }
    for (size_t i = 0; i < bytes.length; i++) {
        bytes.data[i] = bytes.data[i] ? bytes.data[i] : '\n';
    }
    return buffer_take_text(&bytes);
}

char *house_read(const struct house *house, const char *name)
{
    char *path = house_file(house, name);
    char *text = house_read_path(path);

    free(path);
    return text;
}

void house_write(const struct house *house, const char *name, const char *text)
{
    char *path = house_file(house, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    free(path);
}

int house_count_lines(const struct house *house, const char *name)
{
    char *text = house_read(house, name);
    int count = 0;

    for (const char *c = text; *c; c++) {
        count += *c == '\n';
    }
    free(text);
    return count;
}

void house_expect_file(const struct house *house, const char *name, const char *expected)
{
    char *text = house_read(house, name);

    ck_assert_str_eq(text, expected);
    free(text);
}

void house_await_lines(const struct house *house, const char *name, int lines)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    while (house_count_lines(house, name) < lines) {
        ck_assert_msg(house_now_ms() < deadline, "%s never had %d lines", name, lines);
        pause_a_little();
    }
}

char *house_log(const struct house *house)
{
    return house_read(house, "log");
}

void house_await_log(const struct house *house, const char *text)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    bool found = false;

    while (!found) {
        char *log = house_log(house);

        found = strstr(log, text) != NULL;
        ck_assert_msg(found || house_now_ms() < deadline, "never logged: %s\n%s", text, log);
        free(log);
        if (!found) {
            pause_a_little();
        }
    }
}

pid_t house_pid_in(const struct house *house, const char *name)
{
    char *text;
    pid_t pid;

    house_await_lines(house, name, 1);
    text = house_read(house, name);
    pid = (pid_t)strtol(text, NULL, 10);
    ck_assert_int_gt(pid, 1);
    free(text);
    return pid;
}
