#include "web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assent/base/buffer.h"
#include "assent/base/text.h"

#define CONNECTION_LIMIT   2048u
#define CONNECTION_SECONDS 60u
#define STACK_SIZE         ((size_t)1 << 20)
#define BACKLOG            1024

struct web {
    web_handler handler;
    void *userdata;
    int holder; /* bound, never listening: keeps the port while the server is closed */
    int ending; /* an event that wakes whoever pauses */
    unsigned port;
    struct MHD_Daemon *daemon; /* NULL while it is closed */
};

struct origin {
    struct web *web;
    struct MHD_Connection *connection;
};

/* --- what a call says ------------------------------------------------------------------------- */

const char *web_call_header(const struct web_call *call, const char *name)
{
    const struct origin *origin = call->origin;

    return MHD_lookup_connection_value(origin->connection, MHD_HEADER_KIND, name);
}

const char *web_call_query(const struct web_call *call, const char *name)
{
    const struct origin *origin = call->origin;

    return MHD_lookup_connection_value(origin->connection, MHD_GET_ARGUMENT_KIND, name);
}

int64_t web_call_number(const struct web_call *call, const char *name, int64_t otherwise)
{
    const char *text = web_call_query(call, name);
    int64_t number;

    return text && text_to_number(text, &number) == 0 ? number : otherwise;
}

bool web_pause(const struct web_call *call, int64_t ms)
{
    const struct origin *origin = call->origin;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(origin->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd ends[2] = {{.fd = info->connect_fd, .events = POLLRDHUP},
                             {.fd = origin->web->ending, .events = POLLIN}};
    int count;

    do {
        count = poll(ends, 2, ms < 0 || ms > INT32_MAX ? -1 : (int)ms);
    } while (count < 0 && errno == EINTR);
    return count == 0;
}

/* --- answering -------------------------------------------------------------------------------- */

struct half {
    char *text;
    size_t length;
};

static ssize_t read_half(void *userdata, uint64_t position, char *bytes, size_t size)
{
    const struct half *half = userdata;
    size_t left = half->length / 2 > position ? half->length / 2 - (size_t)position : 0;
    size_t count = left < size ? left : size;

    if (count == 0) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    memcpy(bytes, half->text + position, count);
    return (ssize_t)count;
}

static void free_half(void *userdata)
{
    struct half *half = userdata;

    free(half->text);
    free(half);
}

static struct MHD_Response *half_response(char *text)
{
    struct half *half = malloc(sizeof *half);

    if (!half) {
        free(text);
        return NULL;
    }
    *half = (struct half){.text = text, .length = strlen(text)};
    return MHD_create_response_from_callback(half->length, 4096, read_half, half, free_half);
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, struct web_reply reply)
{
    struct MHD_Response *response;
    enum MHD_Result result;

    if (reply.manner == WEB_NONE || !reply.text) {
        free(reply.text);
        return MHD_NO;
    }
    response = reply.manner == WEB_HALF
                   ? half_response(reply.text)
                   : MHD_create_response_from_buffer(strlen(reply.text), reply.text,
                                                     MHD_RESPMEM_MUST_FREE);
    if (!response) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    if (reply.retry_after >= 0) {
        struct buffer value = {0};

        (void)buffer_append_format(&value, "%lld", (long long)reply.retry_after);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, buffer_text(&value));
        buffer_free(&value);
    }
    result = MHD_queue_response(connection, reply.status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_length, void **state)
{
    struct web *web = userdata;
    struct buffer *body = *state;
    const struct origin origin = {.web = web, .connection = connection};
    struct web_call call = {.method = method, .path = path, .origin = &origin};

    (void)version;
    if (!body) {
        *state = calloc(1, sizeof *body);
        return *state ? MHD_YES : MHD_NO;
    }
    if (*upload_length > 0) {
        if (*upload_length > WEB_BODY_LIMIT - body->length ||
            buffer_append(body, upload, *upload_length) < 0) {
            return MHD_NO;
        }
        *upload_length = 0;
        return MHD_YES;
    }
    call.length = body->length;
    call.body = buffer_text(body);
    return call.body ? send_reply(connection, web->handler(web->userdata, &call)) : MHD_NO;
}

static void on_completed(void *userdata, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how)
{
    (void)userdata;
    (void)connection;
    (void)how;
    buffer_free(*state);
    free(*state);
    *state = NULL;
}

/* --- the server ------------------------------------------------------------------------------- */

/* A socket at that port, or at any if it is 0; -1 if that fails. */
static int bind_socket(unsigned port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
                    bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

struct web *web_new(web_handler handler, void *userdata)
{
    struct web *web = calloc(1, sizeof *web);
    struct sockaddr_in address;
    socklen_t size = sizeof address;

    if (!web) {
        return NULL;
    }
    web->handler = handler;
    web->userdata = userdata;
    web->holder = bind_socket(0);
    web->ending = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (web->holder < 0 || web->ending < 0 ||
        getsockname(web->holder, (struct sockaddr *)&address, &size) < 0) {
        web_free(web);
        return NULL;
    }
    web->port = ntohs(address.sin_port);
    return web;
}

unsigned web_port(const struct web *web)
{
    return web->port;
}

bool web_open(struct web *web)
{
    int fd = web->daemon ? -1 : bind_socket(web->port);
    eventfd_t ended;

    if (fd < 0 || listen(fd, BACKLOG) < 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return web->daemon != NULL;
    }
    (void)eventfd_read(web->ending, &ended);
    web->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL, 0, NULL,
        NULL, on_request, web, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        CONNECTION_LIMIT, MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_SECONDS,
        MHD_OPTION_THREAD_STACK_SIZE, STACK_SIZE, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_END);
    return web->daemon != NULL;
}

void web_close(struct web *web)
{
    if (web->daemon) {
        (void)eventfd_write(web->ending, 1);
        MHD_stop_daemon(web->daemon);
        web->daemon = NULL;
    }
}

bool web_is_open(const struct web *web)
{
    return web->daemon != NULL;
}

void web_free(struct web *web)
{
    if (!web) {
        return;
    }
    web_close(web);
    if (web->holder >= 0) {
        (void)close(web->holder);
    }
    if (web->ending >= 0) {
        (void)close(web->ending);
    }
    free(web);
}
