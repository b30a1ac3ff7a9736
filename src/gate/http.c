#include "assent/gate/http.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assent/base/log.h"
#include "assent/gate/answer.h"
#include "assent/gate/message.h"
#include "assent/gate/peer.h"

#define POOL_SIZE                2
#define PUBLIC_CONNECTION_LIMIT  1024
#define CONTROL_CONNECTION_LIMIT 8192
#define CONNECTION_TIMEOUT       10 /* seconds without a byte; not for suspended ones */
/* A head of RULES_HEAD_LIMIT, what the library notes about each of its headers, and the head of the
 * answer. Every connection that was used for more than one request holds all of it. */
#define CONNECTION_MEMORY ((size_t)24 << 10)
/* A body that grew too large is read on for so long, to answer a client that writes first and
 * reads then. */
#define DISCARD_LIMIT ((size_t)1 << 20)

struct listener {
    struct MHD_Daemon *daemon;
    int fd;
    bool quiesced;
};

struct http {
    enum role role;
    struct rules *rules;
    struct outbox *outbox;
    struct listener *listeners;
    size_t listener_count;
    struct MHD_Response *answers[ANSWER_COUNT];
    atomic_bool available;
    atomic_bool closing;
    atomic_size_t busy;
    atomic_ullong last_id;
};

/* One request. It is used by one thread at a time: the connection's pool thread, or while the
 * connection is suspended the main thread. */
struct call {
    struct request request; /* first: http_answer gets from it to the call */
    struct http *http;
    struct MHD_Connection *connection;
    struct buffer body;
    uint64_t body_limit;
    size_t discarded;
    bool too_large;
    bool answered; /* with `response`, or with `answer` if that is NULL */
    bool abandoned;
    struct MHD_Response *response;
    unsigned status;
    enum answer answer;
};

/* One connection, and the one request that it has at a time. */
struct client {
    struct call call;
    char peer[PEER_TEXT_SIZE];
    int fd;
    struct buffer target; /* as sent, with a NUL; then cut into these two */
    const char *path;
    const char *query;
};

/* --- answers ---------------------------------------------------------------------------------- */

static bool add_headers(struct MHD_Response *made, const struct protocol_response *response,
                        bool close_after)
{
    char seconds[16];

    (void)snprintf(seconds, sizeof seconds, "%u", response->retry_after);
    return MHD_add_response_header(made, "Content-Type", "application/json") == MHD_YES &&
           MHD_add_response_header(made, "Cache-Control", "no-store") == MHD_YES &&
           (!response->retry_after ||
            MHD_add_response_header(made, "Retry-After", seconds) == MHD_YES) &&
           (!response->allow ||
            MHD_add_response_header(made, "Allow", response->allow) == MHD_YES) &&
           (!response->authenticate ||
            MHD_add_response_header(made, "WWW-Authenticate", response->authenticate) == MHD_YES) &&
           (!close_after || MHD_add_response_header(made, "Connection", "close") == MHD_YES);
}

/* NULL without memory. Whoever was refused something has lost nothing by a new connection. */
static struct MHD_Response *make_response(const struct protocol_response *response, bool closing)
{
    struct MHD_Response *made = MHD_create_response_from_buffer(
        response->body_length, (void *)(uintptr_t)response->body, MHD_RESPMEM_MUST_COPY);

    if (made && !add_headers(made, response, closing || response->status >= 400)) {
        MHD_destroy_response(made);
        made = NULL;
    }
    return made;
}

static enum MHD_Result queue_answer(struct http *http, struct MHD_Connection *connection,
                                    enum answer answer)
{
    return MHD_queue_response(connection, answer_response(answer)->status, http->answers[answer]);
}

static enum MHD_Result queue_call(struct call *call)
{
    if (call->response) {
        return MHD_queue_response(call->connection, call->status, call->response);
    }
    return queue_answer(call->http, call->connection, call->answer);
}

void http_answer(struct request *request, const struct protocol_response *response)
{
    struct call *call = (struct call *)request;

    call->response = make_response(response, atomic_load(&call->http->closing));
    call->status = response->status;
    call->answer = ANSWER_UNAVAILABLE;
    call->answered = true;
    MHD_resume_connection(call->connection);
}

void http_abandon(struct request *request)
{
    struct call *call = (struct call *)request;

    call->abandoned = true;
    MHD_resume_connection(call->connection);
}

/* --- the head --------------------------------------------------------------------------------- */

static enum MHD_Result see_header(void *userdata, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    (void)kind;
    rules_see_header(userdata, name, value ? value : "");
    return MHD_YES;
}

static enum answer admit(struct client *client, const char *method)
{
    struct call *call = &client->call;
    struct rules_head head = {.method = method, .head_size = client->target.length};

    rules_split_target((char *)client->target.data, &client->path, &client->query);
    head.path = client->path;
    (void)MHD_get_connection_values(call->connection, MHD_HEADER_KIND, see_header, &head);

    enum answer objection = rules_admit(call->http->rules, &head, &call->body_limit);

    if (objection == ANSWER_NONE && !atomic_load(&call->http->available)) {
        objection = ANSWER_UNAVAILABLE;
    }
    return objection;
}

static enum MHD_Result begin_call(struct http *http, struct client *client,
                                  struct MHD_Connection *connection, const char *method)
{
    struct call *call = &client->call;

    *call = (struct call){.http = http, .connection = connection};
    call->request.fd = client->fd;
    atomic_fetch_add(&http->busy, 1);

    enum answer objection = admit(client, method);

    return objection == ANSWER_NONE ? MHD_YES : queue_answer(http, connection, objection);
}

/* --- the body --------------------------------------------------------------------------------- */

/* In the middle of a body nothing can be answered, so what is too much is dropped up to its end. */
static enum MHD_Result take_body(struct call *call, const char *bytes, size_t length)
{
    if (!call->too_large && length > call->body_limit - call->body.length) {
        call->too_large = true;
        buffer_free(&call->body);
    }
    if (call->too_large) {
        call->discarded += length;
        return call->discarded <= DISCARD_LIMIT ? MHD_YES : MHD_NO;
    }
    return buffer_append(&call->body, bytes, length) == 0 ? MHD_YES : MHD_NO;
}

/* --- to core ---------------------------------------------------------------------------------- */

static enum MHD_Result add_header(void *userdata, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    (void)kind;
    return message_add_header(userdata, name, value ? value : "") == 0 ? MHD_YES : MHD_NO;
}

static int encode_call(struct client *client, const char *method)
{
    struct call *call = &client->call;
    struct message message;

    message_begin(&message, call->http->role);
    message.request.id = call->request.id;
    message.request.method = method;
    message.request.path = client->path;
    message.request.query = client->query;
    message.request.peer = client->peer;
    message.request.body = call->body.data;
    message.request.body_length = call->body.length;
    (void)MHD_get_connection_values(call->connection, MHD_HEADER_KIND, add_header, &message);
    return message_encode(&message, &call->request.frame);
}

static enum MHD_Result forward(struct client *client, const char *method)
{
    struct call *call = &client->call;
    struct http *http = call->http;

    if (call->too_large) {
        return queue_answer(http, call->connection, ANSWER_BODY_TOO_LARGE);
    }
    call->request.id = atomic_fetch_add(&http->last_id, 1) + 1;
    if (!atomic_load(&http->available) || encode_call(client, method) < 0) {
        return queue_answer(http, call->connection, ANSWER_UNAVAILABLE);
    }
    buffer_free(&call->body);
    /* The answer may come before this returns, so the connection sleeps before anyone knows it. */
    MHD_suspend_connection(call->connection);
    if (outbox_push(http->outbox, &call->request) < 0) {
        call->answer = ANSWER_UNAVAILABLE;
        call->answered = true;
        MHD_resume_connection(call->connection);
    }
    return MHD_YES;
}

/* --- what the library calls ------------------------------------------------------------------- */

static struct client *client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection,
                                  const char *url, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **context)
{
    struct client *client = client_of(connection);

    (void)url;
    (void)version;
    if (!client || !client->target.length) {
        return MHD_NO;
    }
    if (!*context) {
        *context = client;
        return begin_call(userdata, client, connection, method);
    }

    struct call *call = &client->call;

    if (call->abandoned) {
        return MHD_NO;
    }
    if (call->answered) {
        return queue_call(call);
    }
    if (*upload_size > 0) {
        size_t length = *upload_size;

        *upload_size = 0;
        return take_body(call, upload, length);
    }
    return forward(client, method);
}

static void on_completed(void *userdata, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct http *http = userdata;
    struct client *client = *context;

    (void)connection;
    (void)code;
    if (!client) {
        return;
    }
    *context = NULL;
    buffer_free(&client->call.body);
    buffer_free(&client->call.request.frame);
    if (client->call.response) {
        MHD_destroy_response(client->call.response);
        client->call.response = NULL;
    }
    if (atomic_fetch_sub(&http->busy, 1) == 1 && atomic_load(&http->closing)) {
        outbox_wake(http->outbox);
    }
}

/* The library hands out the path decoded only; this is the target as it was sent. */
static void *on_target(void *userdata, const char *target, struct MHD_Connection *connection)
{
    struct client *client = client_of(connection);

    (void)userdata;
    if (client) {
        client->target.length = 0;
        if (buffer_append(&client->target, target, strlen(target) + 1) < 0) {
            client->target.length = 0;
        }
    }
    return NULL;
}

static void open_client(struct MHD_Connection *connection, void **socket_context)
{
    struct client *client = calloc(1, sizeof *client);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (client && info) {
        client->fd = info->connect_fd;
        info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        peer_text(info ? info->client_addr : NULL, client->fd, client->peer);
    }
    *socket_context = client;
}

static void on_connection(void *userdata, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct client *client = *socket_context;

    (void)userdata;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        open_client(connection, socket_context);
    } else if (client) {
        buffer_free(&client->target);
        free(client);
        *socket_context = NULL;
    }
}

__attribute__((format(printf, 2, 0))) static void on_library_log(void *userdata, const char *format,
                                                                 va_list arguments)
{
    char line[256];

    (void)userdata;
    (void)vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    log_event(LOG_LEVEL_DEBUG, "the HTTP library says", "text", line, NULL);
}

/* Query arguments and paths go to core as they were sent. */
static size_t keep_escapes(void *userdata, struct MHD_Connection *connection, char *text)
{
    (void)userdata;
    (void)connection;
    return strlen(text);
}

/* --- life ------------------------------------------------------------------------------------- */

static int make_answers(struct http *http)
{
    for (size_t i = 0; i < ANSWER_COUNT; i++) {
        http->answers[i] = make_response(answer_response((enum answer)i), true);
        if (!http->answers[i]) {
            return -ENOMEM;
        }
    }
    return 0;
}

int http_new(enum role role, struct rules *rules, struct outbox *outbox, struct http **ret_http)
{
    struct http *http = calloc(1, sizeof *http);

    if (!http) {
        return -ENOMEM;
    }
    http->role = role;
    http->rules = rules;
    http->outbox = outbox;
    if (make_answers(http) < 0) {
        http_free(http);
        return -ENOMEM;
    }
    *ret_http = http;
    return 0;
}

static struct MHD_Daemon *start_daemon(struct http *http, int fd)
{
    unsigned limit =
        http->role == ROLE_GATE_PUBLIC ? PUBLIC_CONNECTION_LIMIT : CONTROL_CONNECTION_LIMIT;

    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)POOL_SIZE,
        MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)CONNECTION_TIMEOUT, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_target,
        NULL, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_END);
}

int http_listen(struct http *http, int fd)
{
    struct listener *listeners =
        reallocarray(http->listeners, http->listener_count + 1, sizeof *listeners);
    int r = listeners ? 0 : -ENOMEM;

    if (r == 0) {
        http->listeners = listeners;
        /* Several threads accept; the one that comes too late must not block. */
        r = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ? -errno : 0;
    }
    if (r == 0) {
        struct listener listener = {.daemon = start_daemon(http, fd), .fd = fd};

        if (listener.daemon) {
            http->listeners[http->listener_count++] = listener;
            return 0;
        }
        r = -EIO;
    }
    (void)close(fd);
    return r;
}

void http_set_available(struct http *http, bool available)
{
    atomic_store(&http->available, available);
}

size_t http_busy(const struct http *http)
{
    return atomic_load(&http->busy);
}

/* Without it the library would shut the listening socket down, which is not ours alone. */
static void quiesce_listeners(struct http *http)
{
    for (size_t i = 0; i < http->listener_count; i++) {
        if (!http->listeners[i].quiesced) {
            (void)MHD_quiesce_daemon(http->listeners[i].daemon);
            http->listeners[i].quiesced = true;
        }
    }
}

void http_quiesce(struct http *http)
{
    atomic_store(&http->closing, true);
    quiesce_listeners(http);
}

void http_free(struct http *http)
{
    if (!http) {
        return;
    }
    quiesce_listeners(http);
    for (size_t i = 0; i < http->listener_count; i++) {
        MHD_stop_daemon(http->listeners[i].daemon);
        (void)close(http->listeners[i].fd);
    }
    for (size_t i = 0; i < ANSWER_COUNT; i++) {
        if (http->answers[i]) {
            MHD_destroy_response(http->answers[i]);
        }
    }
    free(http->listeners);
    free(http);
}
