#include "integration/course_drive.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "assent/base/buffer.h"

#define CONNECTIONS 56

struct drive;

/* One thread of a drive, with its connections. */
struct driver {
    struct drive *drive;
    pthread_t thread;
    int webhooks; /* -1: not connected */
    int control;
};

struct drive {
    const struct house *house;
    int patience_ms;
    struct course *courses;
    json_t **records;
    size_t count;
    atomic_size_t next;
    void (*step)(struct driver *driver, size_t index);
};

/* --- HTTP ------------------------------------------------------------------------------------- */

/* As few system calls as can be, for there are tens of thousands of exchanges; and without assertions,
 * which are for the test's own thread. */

static int open_connection(const struct drive *drive, bool webhook)
{
    const struct timeval patience = {.tv_sec = drive->patience_ms / 1000};
    const struct sockaddr_in port = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)house_port(drive->house)),
    };
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    int fd = socket(webhook ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(path.sun_path, sizeof path.sun_path, "%s", house_socket(drive->house));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, webhook ? (const struct sockaddr *)&port : (const struct sockaddr *)&path,
                webhook ? sizeof port : sizeof path) < 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void close_connection(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

static void compose(const struct course_call *call, const char *method, struct buffer *request)
{
    char signature[128] = "X-Unsigned: yes";

    if (call->webhook) {
        house_sign(call->body, strlen(call->body), signature);
    }
    (void)buffer_append_format(request,
                               "%s %s HTTP/1.1\r\nHost: localhost\r\n"
                               "Content-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n\r\n"
                               "%s",
                               method, call->path, strlen(call->body), signature, call->body);
}

/* Where the body begins, once all of the answer is there; NULL before that. */
static const char *find_body(struct buffer *answer)
{
    const char *text = buffer_text(answer);
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "\r\nContent-Length:");

    if (!end || !length || length > end) {
        return NULL;
    }
    size_t head = (size_t)(end + 4 - text);

    return answer->length >= head + strtoul(length + 17, NULL, 10) ? text + head : NULL;
}

/* Returns the status, 0 for no answer. */
static int read_answer(int *fd, json_t **ret_json)
{
    struct buffer answer = {0};
    const char *body = NULL;
    char piece[8192];
    ssize_t length;
    int status = 0;

    while (!body && (length = recv(*fd, piece, sizeof piece, 0)) > 0) {
        (void)buffer_append(&answer, piece, (size_t)length);
        body = find_body(&answer);
    }
    if (body && sscanf(buffer_text(&answer), "HTTP/1.1 %d", &status) == 1) {
        *ret_json = json_loads(body, 0, NULL);
    }
    if (!body || strcasestr(buffer_text(&answer), "\r\nConnection: close")) {
        close_connection(fd);
    }
    buffer_free(&answer);
    return status;
}

static int exchange(struct driver *driver, const char *method, const struct course_call *call,
                    json_t **ret_json)
{
    int *fd = call->webhook ? &driver->webhooks : &driver->control;
    struct buffer request = {0};
    int status = 0;
    char byte;

    /* One that was kept may have been closed meanwhile. */
    if (*fd >= 0 && recv(*fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
        close_connection(fd);
    }
    if (*fd < 0) {
        *fd = open_connection(driver->drive, call->webhook);
    }
    compose(call, method, &request);
    if (*fd >= 0 &&
        send(*fd, request.data, request.length, MSG_NOSIGNAL) == (ssize_t)request.length) {
        status = read_answer(fd, ret_json);
    }
    buffer_free(&request);
    return status;
}

static int get(struct driver *driver, const struct course *course, const char *query,
               json_t **ret_json)
{
    struct course_call call = {.webhook = false};

    (void)snprintf(call.path, sizeof call.path, "/v1/approvals/%s%s", course->id, query);
    return exchange(driver, "GET", &call, ret_json);
}

static void send_event(struct driver *driver, struct course *course, size_t place)
{
    struct course_call call;
    json_t *json = NULL;

    if (course_compose(course, place, &call)) {
        int status = exchange(driver, "POST", &call, &json);

        course_note_answer(course, place, status, json);
        json_decref(json);
    }
}

/* --- one course ------------------------------------------------------------------------------- */

static size_t place_of(const struct course *course, enum course_event event)
{
    size_t place = 0;

    while (place < course->count && course->events[place] != event) {
        place++;
    }
    return place;
}

static void await_end(struct driver *driver, struct course *course, size_t clock)
{
    json_t *json = NULL;
    int status = get(driver, course, "?wait=55", &json);

    course_note_answer(course, clock, status, json);
    json_decref(json);
}

static void step_to_clock(struct driver *driver, size_t index)
{
    struct course *course = &driver->drive->courses[index];
    size_t clock = place_of(course, COURSE_CLOCK);

    for (size_t i = 0; i < clock; i++) {
        send_event(driver, course, i);
    }
}

static void step_on(struct driver *driver, size_t index)
{
    struct course *course = &driver->drive->courses[index];
    size_t clock = place_of(course, COURSE_CLOCK);
    size_t registered = place_of(course, COURSE_REGISTER);

    for (size_t i = clock; i < course->count; i++) {
        send_event(driver, course, i);
        if (i == (registered > clock ? registered : clock)) {
            await_end(driver, course, clock);
        }
    }
}

static void step_show(struct driver *driver, size_t index)
{
    struct drive *drive = driver->drive;
    json_t *json = NULL;

    (void)get(driver, &drive->courses[index], "", &json);
    drive->records[index] = json_incref(json_object_get(json, "result"));
    json_decref(json);
}

/* --- all -------------------------------------------------------------------------------------- */

static void *run(void *argument)
{
    struct driver *driver = argument;
    struct drive *drive = driver->drive;
    size_t index;

    while ((index = atomic_fetch_add(&drive->next, 1)) < drive->count) {
        drive->step(driver, index);
    }
    return NULL;
}

static void drive_all(struct drive *drive)
{
    struct driver drivers[CONNECTIONS];

    drive->patience_ms = HOUSE_PATIENCE_MS;
    for (size_t i = 0; i < CONNECTIONS; i++) {
        drivers[i] = (struct driver){.drive = drive, .webhooks = -1, .control = -1};
        ck_assert_int_eq(pthread_create(&drivers[i].thread, NULL, run, &drivers[i]), 0);
    }
    for (size_t i = 0; i < CONNECTIONS; i++) {
        ck_assert_int_eq(pthread_join(drivers[i].thread, NULL), 0);
        close_connection(&drivers[i].webhooks);
        close_connection(&drivers[i].control);
    }
}

void courses_go_to_clock(const struct house *house, struct course *courses, size_t count)
{
    drive_all(
        &(struct drive){.house = house, .courses = courses, .count = count, .step = step_to_clock});
}

void courses_go_on(const struct house *house, struct course *courses, size_t count)
{
    drive_all(&(struct drive){.house = house, .courses = courses, .count = count, .step = step_on});
}

void courses_show(const struct house *house, struct course *courses, size_t count,
                  json_t **ret_records)
{
    drive_all(&(struct drive){.house = house,
                              .courses = courses,
                              .records = ret_records,
                              .count = count,
                              .step = step_show});
}
