#include "integration/course_marks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/buffer.h"

#define TEXT_SIZE 96

struct course_marks {
    size_t count;
    char (*texts)[TEXT_SIZE];
};

static void add_hooks(struct buffer *sections, const char *event, int port)
{
    ck_assert_int_eq(
        buffer_append_format(
            sections,
            "[hook program-%s]\n"
            "shell = echo \"$ASSENT_REQUEST_ID program-%s $ASSENT_STATUS\""
            " >>%%DIR%%/marks\n"
            "[hook call-%s]\n"
            "http = POST http://127.0.0.1:%d/mark\n"
            "body = {\"mark\": \"{request_id} call-%s {status}\", \"key\": \"{job.key}\"}\n",
            event, event, event, port, event),
        0);
}

/* Calls that send their key come on connections that are kept. */
char *course_marks_sections(struct http_server *server)
{
    struct buffer sections = {0};
    int port = http_server_port(server);

    http_server_script(server, &(struct http_server_script){.path = "/mark", .keeps = true});
    ck_assert_int_eq(buffer_append_text(&sections, "[requests]\nexpiry_grace = 0s\n"
                                                   "[action program]\n"
                                                   "on_granted = program-granted\n"
                                                   "on_denied = program-denied\n"
                                                   "on_expired = program-expired\n"
                                                   "[action call]\n"
                                                   "on_granted = call-granted\n"
                                                   "on_denied = call-denied\n"
                                                   "on_expired = call-expired\n"),
                     0);
    add_hooks(&sections, "granted", port);
    add_hooks(&sections, "denied", port);
    add_hooks(&sections, "expired", port);
    return buffer_take_text(&sections);
}

static void take_mark(struct course_marks *marks, const char *mark)
{
    const char *what = strchr(mark, ' ');
    size_t index = what ? strtoul(mark + 1, NULL, 10) : marks->count;

    ck_assert_msg(index < marks->count, "a hook left: %s", mark);
    char *text = marks->texts[index];
    size_t length = strlen(text);

    (void)snprintf(text + length, TEXT_SIZE - length, "%s%s", length ? ", " : "", what + 1);
}

struct course_marks *course_marks_read(const struct house *house, struct http_server *server,
                                       size_t count)
{
    struct course_marks *marks = calloc(1, sizeof *marks);
    char *lines = house_read(house, "marks");
    char *rest = lines;
    char *line;

    ck_assert_ptr_nonnull(marks);
    marks->count = count;
    marks->texts = calloc(count, sizeof *marks->texts);
    ck_assert_ptr_nonnull(marks->texts);
    while ((line = strtok_r(rest, "\n", &rest))) {
        take_mark(marks, line);
    }
    free(lines);
    size_t calls = http_server_wait(server, 0);

    for (size_t i = 0; i < calls; i++) {
        json_t *body = json_loads(http_server_request(server, i)->body, 0, NULL);

        take_mark(marks, text_at(body, "/mark"));
        json_decref(body);
    }
    return marks;
}

const char *course_marks_of(const struct course_marks *marks, size_t index)
{
    return marks->texts[index];
}

void course_marks_free(struct course_marks *marks)
{
    if (marks) {
        free(marks->texts);
        free(marks);
    }
}
