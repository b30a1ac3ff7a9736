#include "support/listener.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "integration/harness.h"

void listener_connect(struct listener *listener, const char *socket_path)
{
    const struct timeval patience = {.tv_sec = HOUSE_PATIENCE_MS / 1000};
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    *listener = (struct listener){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    (void)setsockopt(listener->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ck_assert_msg(connect(listener->fd, (struct sockaddr *)&address, sizeof address) == 0,
                  "connect: %s", strerror(errno));
}

static void say(struct listener *listener, const char *request)
{
    size_t length = strlen(request);

    listener->ended = send(listener->fd, request, length, MSG_NOSIGNAL) != (ssize_t)length;
}

/* HTTP/1.0, so that the body is not in chunks. */
void listener_ask(struct listener *listener, const char *path, const char *header)
{
    char request[256];

    (void)snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: localhost\r\n%s\r\n", path,
                   header);
    say(listener, request);
}

void listener_open(struct listener *listener, const char *socket_path, int64_t last)
{
    char header[64] = "";

    if (last != LISTENER_FROM_NOW) {
        (void)snprintf(header, sizeof header, "Last-Event-ID: %lld\r\n", (long long)last);
    }
    listener_connect(listener, socket_path);
    listener_ask(listener, "/v1/stream", header);
}

void listener_close(struct listener *listener)
{
    (void)close(listener->fd);
    buffer_free(&listener->in);
    *listener = (struct listener){.fd = -1, .ended = true};
}

static void read_more(struct listener *listener)
{
    char piece[16384];
    ssize_t length = recv(listener->fd, piece, sizeof piece, 0);

    ck_assert_msg(length >= 0 || errno == ECONNRESET, "nothing came: %s", strerror(errno));
    listener->ended = length <= 0;
    if (length > 0) {
        ck_assert_int_eq(buffer_append(&listener->in, piece, (size_t)length), 0);
    }
}

/* Takes what ends with `end`; false if the stream ended before. */
static bool take(struct listener *listener, const char *end, char *ret_text, size_t size)
{
    const char *found = NULL;

    while (!(found = listener->in.length > 0
                         ? memmem(listener->in.data, listener->in.length, end, strlen(end))
                         : NULL)) {
        if (listener->ended) {
            return false;
        }
        read_more(listener);
    }
    size_t length = (size_t)(found - (const char *)listener->in.data) + strlen(end);

    (void)snprintf(ret_text, size, "%.*s", (int)length, (const char *)listener->in.data);
    buffer_consume(&listener->in, length);
    return true;
}

bool listener_warm(struct listener *listener)
{
    char answer[1024];

    say(listener, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ck_assert(take(listener, "\"ok\"}}", answer, sizeof answer));
    return !strstr(answer, "Connection: close\r\n");
}

int listener_status(struct listener *listener)
{
    char head[1024];
    int status = 0;

    if (!take(listener, "\r\n\r\n", head, sizeof head)) {
        return 0;
    }
    ck_assert_int_eq(sscanf(head, "HTTP/1.%*d %d", &status), 1);
    if (status == 200) {
        ck_assert_ptr_nonnull(strstr(head, "Content-Type: text/event-stream\r\n"));
    }
    return status;
}

int64_t listener_next(struct listener *listener, char *ret_event, size_t size)
{
    long long id = 0;

    do {
        if (!take(listener, "\n\n", ret_event, size)) {
            return 0;
        }
    } while (ret_event[0] == ':');
    ck_assert_msg(sscanf(ret_event, "id: %lld\n", &id) == 1, "no event: %.200s", ret_event);
    return id;
}

bool listener_beats(struct listener *listener)
{
    char text[1024];

    return take(listener, "\n\n", text, sizeof text) && text[0] == ':';
}
