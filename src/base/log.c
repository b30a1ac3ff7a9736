#include "assent/base/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syslog.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "assent/base/buffer.h"
#include "assent/base/clock.h"
#include "assent/base/log_stream.h"
#include "assent/base/pack.h"
#include "assent/base/text.h"

#define FIELD_LIMIT 16

struct field {
    const char *name;
    const char *value;
};

struct line {
    enum log_level level;
    int64_t time;
    const char *message;
    size_t field_count;
    struct field fields[FIELD_LIMIT];
};

static const char *speaker = "assentd";
static _Atomic enum log_level highest_level = LOG_LEVEL_INFO;
static bool to_journal;
static bool holding;
static struct buffer held;  /* packed lines for the journal, else the text that will be written */
static size_t marked;       /* bytes at the front of `held` */
static _Atomic size_t lost; /* lines that standard error did not take, and nobody was told of */

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

static const int journal_priorities[] = {
    [LOG_LEVEL_ERROR] = LOG_ERR,
    [LOG_LEVEL_WARNING] = LOG_WARNING,
    [LOG_LEVEL_INFO] = LOG_INFO,
    [LOG_LEVEL_DEBUG] = LOG_DEBUG,
};

/* systemd.exec(5): $JOURNAL_STREAM names the device and inode of the stream that was connected; it
 * is ours only if standard error still is that stream. */
static bool standard_error_is_journal(void)
{
    const char *named = getenv("JOURNAL_STREAM");
    unsigned long long device;
    unsigned long long inode;
    struct stat status;

    return named && sscanf(named, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void log_set_level(enum log_level level)
{
    highest_level = level;
}

bool log_enabled(enum log_level level)
{
    return level <= highest_level;
}

int log_level_from_text(const char *text, enum log_level *ret_level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(level_names[i], text) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

static bool is_plain(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] == '"' || text[i] == '=' || text[i] == '\\' ||
            (unsigned char)text[i] > '~') {
            return false;
        }
    }
    return length > 0;
}

/* Characters that need it are escaped; a quotation mark is only here one of them. */
static void append_quoted(struct buffer *out, const char *value)
{
    (void)buffer_append(out, "\"", 1);
    for (;;) {
        size_t length = strcspn(value, "\"");

        (void)text_append_escaped(out, value, length);
        value += length;
        if (*value == '\0') {
            break;
        }
        (void)buffer_append(out, "\\\"", 2);
        value++;
    }
    (void)buffer_append(out, "\"", 1);
}

static void append_value(struct buffer *out, const char *value)
{
    size_t length = strlen(value);

    if (is_plain(value, length)) {
        (void)buffer_append(out, value, length);
    } else {
        append_quoted(out, value);
    }
}

static void append_fields(struct buffer *out, const struct line *line)
{
    for (size_t i = 0; i < line->field_count; i++) {
        (void)buffer_append(out, " ", 1);
        (void)buffer_append_text(out, line->fields[i].name);
        (void)buffer_append(out, "=", 1);
        append_value(out, line->fields[i].value);
    }
}

static void append_logfmt(struct buffer *out, const struct line *line)
{
    char time[TEXT_TIME_SIZE];

    text_from_time(line->time, time);
    (void)buffer_append_text(out, "time=");
    (void)buffer_append_text(out, time);
    (void)buffer_append_text(out, " level=");
    (void)buffer_append_text(out, level_names[line->level]);
    (void)buffer_append_text(out, " role=");
    append_value(out, speaker);
    (void)buffer_append_text(out, " msg=");
    append_value(out, line->message);
    append_fields(out, line);
    (void)buffer_append(out, "\n", 1);
}

/* Whoever reads on must know that something is missing, and where. */
static void tell_of_lost_lines(void)
{
    size_t count = atomic_exchange(&lost, 0);
    char lines[32];
    const struct line line = {
        .level = LOG_LEVEL_WARNING,
        .time = clock_now_ms(),
        .message = "lines of the log were lost here, since nothing took them",
        .field_count = 1,
        .fields = {{"lines", lines}},
    };
    struct buffer out = {0};

    if (count == 0) {
        return;
    }
    (void)snprintf(lines, sizeof lines, "%zu", count);
    append_logfmt(&out, &line);
    if (log_stream_write((const char *)out.data, out.length) > 0) {
        lost += count;
    }
    buffer_free(&out);
}

static void write_standard_error(const struct buffer *out, size_t length)
{
    if (length == 0) {
        return;
    }
    tell_of_lost_lines();
    lost += log_stream_write((const char *)out->data, length);
}

/* A field's name in the journal: ASSENT_REQUEST for `request`. */
static void append_journal_name(struct buffer *out, const char *name)
{
    (void)buffer_append_text(out, "ASSENT_");
    for (const char *c = name; *c; c++) {
        char upper = (char)toupper((unsigned char)*c);

        (void)buffer_append(out, &upper, 1);
    }
    (void)buffer_append(out, "=", 1);
}

/* The fields stand in the message too, since that is all that journalctl shows at first. */
static void write_journal(const struct line *line)
{
    struct buffer parts[FIELD_LIMIT + 4] = {0};
    struct iovec vectors[FIELD_LIMIT + 4];
    int count = 0;

    (void)buffer_append_text(&parts[count], "MESSAGE=");
    (void)text_append_escaped(&parts[count], line->message, strlen(line->message));
    append_fields(&parts[count++], line);
    (void)buffer_append_format(&parts[count++], "PRIORITY=%d", journal_priorities[line->level]);
    (void)buffer_append_format(&parts[count++], "ASSENT_ROLE=%s", speaker);
    (void)buffer_append_text(&parts[count++], "SYSLOG_IDENTIFIER=assentd");
    for (size_t i = 0; i < line->field_count; i++) {
        append_journal_name(&parts[count], line->fields[i].name);
        (void)text_append_escaped(&parts[count++], line->fields[i].value,
                                  strlen(line->fields[i].value));
    }
    for (int i = 0; i < count; i++) {
        vectors[i] = (struct iovec){.iov_base = parts[i].data, .iov_len = parts[i].length};
    }
    (void)sd_journal_sendv(vectors, count);
    for (int i = 0; i < count; i++) {
        buffer_free(&parts[i]);
    }
}

/* The library makes its socket for the first line, which a jail forbids later. */
static void begin_journal(void)
{
    const struct line line = {.level = LOG_LEVEL_DEBUG, .message = "the role begins"};

    write_journal(&line);
}

void log_open(const char *role)
{
    speaker = role;
    to_journal = standard_error_is_journal();
    if (to_journal) {
        begin_journal();
    } else {
        log_stream_open();
    }
}

static void pack_line(const struct line *line)
{
    struct packer packer = packer_to(&held);

    pack_u8(&packer, (uint8_t)line->level);
    pack_i64(&packer, line->time);
    pack_text(&packer, line->message);
    pack_u8(&packer, (uint8_t)line->field_count);
    for (size_t i = 0; i < line->field_count; i++) {
        pack_text(&packer, line->fields[i].name);
        pack_text(&packer, line->fields[i].value);
    }
}

static void hold(const struct line *line)
{
    if (to_journal) {
        pack_line(line);
    } else {
        append_logfmt(&held, line);
    }
}

static void emit(const struct line *line)
{
    struct buffer out = {0};

    if (to_journal) {
        write_journal(line);
        return;
    }
    append_logfmt(&out, line);
    write_standard_error(&out, out.length);
    buffer_free(&out);
}

void log_event(enum log_level level, const char *message, ...)
{
    struct line line = {.level = level, .time = clock_now_ms(), .message = message};
    va_list arguments;
    const char *name;

    if (level > highest_level) {
        return;
    }
    va_start(arguments, message);
    while ((name = va_arg(arguments, const char *)) && line.field_count < FIELD_LIMIT) {
        const char *value = va_arg(arguments, const char *);

        if (value) {
            line.fields[line.field_count++] = (struct field){name, value};
        }
    }
    va_end(arguments);
    if (holding) {
        hold(&line);
    } else {
        emit(&line);
    }
}

void log_hold(void)
{
    holding = true;
}

static void unpack_line(struct unpacker *unpacker, struct line *ret_line)
{
    ret_line->level = (enum log_level)unpack_u8(unpacker);
    ret_line->time = unpack_i64(unpacker);
    ret_line->message = unpack_required_text(unpacker);
    ret_line->field_count = unpack_u8(unpacker);
    for (size_t i = 0; i < ret_line->field_count; i++) {
        ret_line->fields[i].name = unpack_required_text(unpacker);
        ret_line->fields[i].value = unpack_required_text(unpacker);
    }
}

static void write_held_to_journal(size_t length)
{
    struct unpacker unpacker = unpacker_of(held.data, length);

    while (unpacker.left > 0) {
        struct line line = {0};

        unpack_line(&unpacker, &line);
        if (unpacker.error) {
            break;
        }
        write_journal(&line);
    }
}

void log_mark(void)
{
    marked = held.length;
}

void log_release_marked(void)
{
    if (to_journal) {
        write_held_to_journal(marked);
    } else {
        write_standard_error(&held, marked);
    }
    buffer_consume(&held, marked);
    marked = 0;
}

void log_release(void)
{
    log_mark();
    log_release_marked();
    holding = false;
}

void log_discard(void)
{
    holding = false;
    marked = 0;
    buffer_free(&held);
}
