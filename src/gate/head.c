#include "assent/gate/head.h"

#include <string.h>
#include <strings.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define TOKEN   LETTERS "0123456789!#$%&'*+-.^_`|~"
/* Every version that is taken has this length. */
#define VERSION_LENGTH strlen("HTTP/1.1")
#define LINE_END       strlen("\r\n")

void head_add(struct head *head, const struct head_field *field)
{
    if (head->field_count == PROTOCOL_HEADER_COUNT) {
        head->has_more_fields = true;
    } else {
        head->fields[head->field_count++] = *field;
    }
}

static bool is_named(const struct head_field *field, const char *name)
{
    return strlen(name) == field->name_length &&
           strncasecmp(field->name, name, field->name_length) == 0;
}

const struct head_field *head_find(const struct head *head, const char *name, size_t *index)
{
    while (*index < head->field_count) {
        const struct head_field *field = &head->fields[(*index)++];

        if (is_named(field, name)) {
            return field;
        }
    }
    return NULL;
}

static size_t count_of(const struct head *head, const char *name)
{
    size_t index = 0;
    size_t count = 0;

    while (head_find(head, name, &index)) {
        count++;
    }
    return count;
}

/* --- the places of its parts ------------------------------------------------------------------ */

static bool is_written(const char *from, const char *to, const char *allowed)
{
    for (; from < to; from++) {
        if (*from == '\0' || !strchr(allowed, *from)) {
            return false;
        }
    }
    return from == to;
}

static bool is_line_end(const char *place)
{
    return place[0] == '\0' && place[1] == '\0';
}

/* The place behind the field's line if it begins here, else NULL. */
static const char *pass_field(const char *place, const struct head_field *field)
{
    const char *behind_name = place + field->name_length + 1;

    if (field->name != place || field->value < behind_name ||
        !is_written(behind_name, field->value, " \t") ||
        !is_line_end(field->value + field->value_length)) {
        return NULL;
    }
    return field->value + field->value_length + LINE_END;
}

/* Request line, fields and empty line follow each other with nothing between them. */
static bool is_in_place(const struct head *head)
{
    const char *behind_target = head->target_place + strlen(head->target) + 1;
    const char *place = head->version + VERSION_LENGTH;

    if (head->method + strlen(head->method) + 1 != head->target_place ||
        head->version != behind_target || !is_line_end(place)) {
        return false;
    }
    place += LINE_END;
    for (size_t i = 0; place && i < head->field_count; i++) {
        place = pass_field(place, &head->fields[i]);
    }
    return place && (size_t)(place - head->method) + LINE_END == head->size;
}

/* --- what they say ---------------------------------------------------------------------------- */

static bool is_token(const char *text, size_t length)
{
    return length > 0 && strspn(text, TOKEN) == length;
}

static bool is_value(const struct head_field *field)
{
    for (size_t i = 0; i < field->value_length; i++) {
        unsigned char c = (unsigned char)field->value[i];

        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static enum answer check_fields(const struct head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct head_field *field = &head->fields[i];

        if (!is_token(field->name, field->name_length)) {
            return ANSWER_BAD_NAME;
        }
        if (!is_value(field)) {
            return ANSWER_BAD_VALUE;
        }
    }
    return ANSWER_NONE;
}

static enum answer check_target(const struct head *head, enum role role)
{
    size_t path_length = strcspn(head->target, "?");

    for (const char *at = head->target; *at; at++) {
        if (*at <= ' ' || *at >= 0x7f || *at == '#') {
            return ANSWER_BAD_TARGET;
        }
    }
    return role == ROLE_GATE_PUBLIC && memchr(head->target, '%', path_length) ? ANSWER_BAD_TARGET
                                                                              : ANSWER_NONE;
}

/* A body has one length, said in one way. HTTP/1.0 knows no chunks. */
static enum answer check_length(const struct head *head)
{
    size_t lengths = count_of(head, "Content-Length");
    size_t encodings = count_of(head, "Transfer-Encoding");
    size_t index = 0;
    const struct head_field *encoding = head_find(head, "Transfer-Encoding", &index);

    if (lengths + encodings > 1) {
        return ANSWER_BAD_LENGTH;
    }
    if (!encoding) {
        return ANSWER_NONE;
    }
    return strcasecmp(encoding->value, "chunked") == 0 && strcmp(head->version, "HTTP/1.1") == 0
               ? ANSWER_NONE
               : ANSWER_BAD_LENGTH;
}

/* Where two of them stand, one reader would take the first and another the last. */
static bool is_single(const struct head_field *field)
{
    static const char *const names[] = {"Host", "Content-Type", "Authorization", "Expect"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (is_named(field, names[i])) {
            return true;
        }
    }
    return strcasestr(field->name, "signature") || strncasecmp(field->name, "webhook-", 8) == 0 ||
           strncasecmp(field->name, "svix-", 5) == 0;
}

static enum answer check_single(const struct head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (is_single(&head->fields[i]) && count_of(head, head->fields[i].name) > 1) {
            return ANSWER_BAD_DUPLICATE;
        }
    }
    return count_of(head, "Host") == 0 && strcmp(head->version, "HTTP/1.1") == 0 ? ANSWER_BAD_HOST
                                                                                 : ANSWER_NONE;
}

enum answer head_check(const struct head *head, enum role role)
{
    if (strcmp(head->version, "HTTP/1.1") != 0 && strcmp(head->version, "HTTP/1.0") != 0) {
        return ANSWER_BAD_VERSION;
    }
    if (head->has_more_fields) {
        return ANSWER_HEADERS_TOO_LARGE;
    }
    enum answer objection = check_fields(head);

    if (objection == ANSWER_NONE && !is_in_place(head)) {
        objection = ANSWER_BAD_LINES;
    }
    if (objection == ANSWER_NONE) {
        objection = check_target(head, role);
    }
    if (objection == ANSWER_NONE) {
        objection = check_length(head);
    }
    return objection == ANSWER_NONE ? check_single(head) : objection;
}
