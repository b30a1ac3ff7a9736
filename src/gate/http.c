#include "assent/gate/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assent/gate/acceptor.h"
#include "assent/gate/answer.h"
#include "assent/gate/intake.h"
#include "assent/gate/library.h"
#include "assent/gate/peer.h"
#include "assent/gate/tls.h"

#define POOL_SIZE          2
#define CONNECTION_LIMIT   262144 /* never reached: connections counts and refuses */
#define CONNECTION_TIMEOUT 10     /* seconds without a byte; not for suspended ones */
/* A head of RULES_HEAD_LIMIT, what the library notes about each of its headers, and the head of the
 * answer. Every connection that was used for more than one request holds all of it. */
#define CONNECTION_MEMORY ((size_t)24 << 10)
/* So the gates of operators and agents, where thousands may wait, let so many be used again. */
#define KEPT_LIMIT 1024
/* What the library allocates for an answer that streams. One whose length is known goes through it, and
 * may have to wait for a person behind a pipe. */
#define STREAM_BLOCK         1024
#define STREAM_BLOCK_KNOWN   ((size_t)64 << 10)
#define STREAM_TIMEOUT_KNOWN 120
/* Bodies of answers over LARGE_BODY are counted until their clients have taken them. */
#define LARGE_BODY         ((size_t)64 << 10)
#define LARGE_BODIES_LIMIT ((size_t)256 << 20)

/* A listening socket and those who serve its connections. */
struct entrance {
    struct MHD_Daemon *daemon;
    struct acceptor *acceptor;
};

struct http {
    struct judges judges;
    struct outbox *outbox;
    struct farewell *farewell;
    struct tls *tls;
    struct entrance *entrances;
    size_t entrance_count;
    struct MHD_Response *answers[ANSWER_COUNT];
    struct request *answered; /* not resumed yet; main thread only */
    atomic_bool available;
    atomic_bool closing;
    atomic_size_t busy;
    atomic_size_t large_bodies; /* bytes */
    atomic_ullong last_id;
};

struct http_shared {
    struct http *http;
    atomic_uint holders; /* who made it, and each response */
    struct protocol_response response;
    char body[];
};

/* One request. It is used by one thread at a time: the connection's pool thread, or while the
 * connection is suspended the main thread. */
struct call {
    struct intake intake; /* first: http_answer gets from its request to the call */
    struct http *http;
    struct MHD_Connection *connection;
    bool answered; /* with `response`, or with `answer` if that is NULL */
    bool abandoned;
    struct MHD_Response *response;
    unsigned status;
    enum answer answer;

    /* of an answer that streams */
    bool length_known;
    struct http_shared *piece; /* being written */
    size_t piece_written;
    bool stream_ended;
    struct request *departure; /* tells that it is over */
};

/* One connection, and the one request that it has at a time. */
struct client {
    struct call call;
    struct connection connection;
    struct tls_identity *identity; /* NULL without TLS */
    char peer[PEER_TEXT_SIZE];
    bool has_had_requests;
    bool says_farewell;       /* not all that it sends was read when it was answered */
    const char *target_place; /* in the library's memory */
    struct buffer target;     /* as sent, with a NUL; then cut in path and query */
};

/* --- answers ---------------------------------------------------------------------------------- */

static bool add_headers(struct MHD_Response *made, const struct protocol_response *response,
                        bool close_after)
{
    char seconds[16];

    (void)snprintf(seconds, sizeof seconds, "%u", response->retry_after);
    return MHD_add_response_header(made, "Content-Type",
                                   response->type ? response->type : "application/json") ==
               MHD_YES &&
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
static struct MHD_Response *finish_response(struct MHD_Response *made,
                                            const struct protocol_response *response, bool closing)
{
    if (made && !add_headers(made, response, closing || response->status >= 400)) {
        MHD_destroy_response(made);
        made = NULL;
    }
    return made;
}

static struct MHD_Response *make_response(const struct protocol_response *response, bool closing)
{
    struct MHD_Response *made = MHD_create_response_from_buffer(
        response->body_length, (void *)(uintptr_t)response->body, MHD_RESPMEM_MUST_COPY);

    return finish_response(made, response, closing);
}

/* Of the texts of the response only the body is copied. */
struct http_shared *http_share(struct http *http, const struct protocol_response *response)
{
    size_t length = response->body_length;
    struct http_shared *shared = malloc(sizeof *shared + length);

    if (!shared) {
        return NULL;
    }
    if (atomic_fetch_add(&http->large_bodies, length) + length > LARGE_BODIES_LIMIT &&
        length > LARGE_BODY) {
        atomic_fetch_sub(&http->large_bodies, length);
        free(shared);
        return NULL;
    }
    shared->http = http;
    shared->response = *response;
    shared->response.body = memcpy(shared->body, response->body, length);
    atomic_init(&shared->holders, 1);
    return shared;
}

void http_shared_release(struct http_shared *shared)
{
    if (shared && atomic_fetch_sub(&shared->holders, 1) == 1) {
        atomic_fetch_sub(&shared->http->large_bodies, shared->response.body_length);
        free(shared);
    }
}

/* Any thread. */
static void release(void *shared)
{
    http_shared_release(shared);
}

static struct MHD_Response *make_shared_response(struct http_shared *shared, bool closing)
{
    if (!shared) {
        return NULL;
    }
    atomic_fetch_add(&shared->holders, 1);

    struct MHD_Response *made = MHD_create_response_from_buffer_with_free_callback_cls(
        shared->response.body_length, shared->body, release, shared);

    if (!made) {
        http_shared_release(shared);
    }
    return finish_response(made, &shared->response, closing);
}

static enum MHD_Result queue_answer(struct http *http, struct MHD_Connection *connection,
                                    enum answer answer)
{
    return MHD_queue_response(connection, answer_response(answer)->status, http->answers[answer]);
}

static enum MHD_Result queue_call(struct call *call)
{
    if (call->length_known) {
        (void)MHD_set_connection_option(call->connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                        STREAM_TIMEOUT_KNOWN);
    }
    if (call->response) {
        return MHD_queue_response(call->connection, call->status, call->response);
    }
    return queue_answer(call->http, call->connection, call->answer);
}

static void answer_call(struct call *call, struct MHD_Response *response, unsigned status)
{
    call->response = response;
    call->status = status;
    call->answer = ANSWER_UNAVAILABLE;
    call->answered = true;
    call->intake.request.next = call->http->answered;
    call->http->answered = &call->intake.request;
}

/* The first one wakes its pool thread, which then finds as many as are resumed by then. */
void http_resume(struct http *http)
{
    struct request *request = http->answered;

    http->answered = NULL;
    while (request) {
        /* Once it is resumed it is its pool thread's again. */
        struct request *next = request->next;

        MHD_resume_connection(((struct call *)request)->connection);
        request = next;
    }
}

static bool are_many(const struct http *http)
{
    return http->judges.role != ROLE_GATE_PUBLIC &&
           connections_count(http->judges.connections) > KEPT_LIMIT;
}

/* What stands behind chunks might be read in two ways. */
static bool is_last(const struct call *call)
{
    return atomic_load(&call->http->closing) || call->intake.is_chunked || are_many(call->http);
}

void http_answer_shared(struct request *request, struct http_shared *shared)
{
    struct call *call = (struct call *)request;

    answer_call(call, make_shared_response(shared, is_last(call)),
                shared ? shared->response.status : 0);
}

void http_answer(struct request *request, const struct protocol_response *response)
{
    struct call *call = (struct call *)request;

    if (response->body_length > LARGE_BODY) {
        struct http_shared *shared = http_share(call->http, response);

        http_answer_shared(request, shared);
        http_shared_release(shared);
    } else {
        answer_call(call, make_response(response, is_last(call)), response->status);
    }
}

/* --- answers that stream ---------------------------------------------------------------------- */

static ssize_t write_piece(struct call *call, char *place, size_t size)
{
    const struct http_shared *piece = call->piece;
    size_t length = piece->response.body_length - call->piece_written;

    length = length < size ? length : size;
    memcpy(place, piece->body + call->piece_written, length);
    call->piece_written += length;
    if (call->piece_written == piece->response.body_length) {
        http_shared_release(call->piece);
        call->piece = NULL;
    }
    return (ssize_t)length;
}

/* As with a request, the connection sleeps before anyone knows it. */
static void ask_for_more(struct call *call)
{
    call->intake.request.stage = REQUEST_TAKEN;
    MHD_suspend_connection(call->connection);
    if (outbox_push(call->http->outbox, &call->intake.request) < 0) {
        call->stream_ended = true;
        MHD_resume_connection(call->connection);
    }
}

/* The library comes for more when what it got is written. A client that does not take it is closed by
 * the library's timeout, which does not count while the connection is suspended. */
static ssize_t read_stream(void *userdata, uint64_t position, char *place, size_t size)
{
    struct call *call = userdata;

    (void)position;
    if (call->abandoned) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (call->piece) {
        return write_piece(call, place, size);
    }
    if (call->stream_ended) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    ask_for_more(call);
    return 0;
}

static void set_piece(struct call *call, struct http_shared *piece)
{
    atomic_fetch_add(&piece->holders, 1);
    call->piece = piece;
    call->piece_written = 0;
}

static bool begin_stream(struct call *call, const struct protocol_response *response)
{
    uint64_t length = response->stream_length;
    struct MHD_Response *made = finish_response(
        MHD_create_response_from_callback(length > 0 ? length : MHD_SIZE_UNKNOWN,
                                          length > 0 ? STREAM_BLOCK_KNOWN : STREAM_BLOCK,
                                          read_stream, call, NULL),
        response, true);
    struct request *departure = calloc(1, sizeof *departure);

    if (!made || !departure) {
        if (made) {
            MHD_destroy_response(made);
        }
        free(departure);
        return false;
    }
    departure->id = call->intake.request.id;
    departure->stage = REQUEST_GONE;
    call->departure = departure;
    call->intake.request.streams = true;
    call->length_known = length > 0;
    answer_call(call, made, response->status);
    return true;
}

bool http_stream(struct request *request, const struct protocol_response *response)
{
    struct call *call = (struct call *)request;
    struct http_shared *first = NULL;
    bool begun;

    if (response->body_length > 0) {
        first = http_share(call->http, response);
    }
    begun = (first || response->body_length == 0) && begin_stream(call, response);
    if (!begun) {
        answer_call(call, NULL, 0);
    } else if (first) {
        set_piece(call, first);
    }
    http_shared_release(first);
    return begun;
}

static void go_on(struct call *call)
{
    call->intake.request.next = call->http->answered;
    call->http->answered = &call->intake.request;
}

void http_stream_piece(struct request *request, struct http_shared *piece)
{
    struct call *call = (struct call *)request;

    if (piece) {
        set_piece(call, piece);
    } else {
        call->abandoned = true;
    }
    go_on(call);
}

void http_stream_end(struct request *request)
{
    struct call *call = (struct call *)request;

    call->stream_ended = true;
    go_on(call);
}

static void end_stream(struct call *call)
{
    http_shared_release(call->piece);
    call->piece = NULL;
    if (call->departure && outbox_push(call->http->outbox, call->departure) < 0) {
        free(call->departure);
    }
    call->departure = NULL;
}

void http_abandon(struct request *request)
{
    struct call *call = (struct call *)request;

    free(call->departure);
    call->departure = NULL;
    call->abandoned = true;
    MHD_resume_connection(call->connection);
}

/* --- the head --------------------------------------------------------------------------------- */

static enum MHD_Result see_field(void *userdata, enum MHD_ValueKind kind, const char *name,
                                 size_t name_length, const char *value, size_t value_length)
{
    const struct head_field field = {.name = name,
                                     .name_length = name_length,
                                     .value = value ? value : "",
                                     .value_length = value_length};

    (void)kind;
    head_add(userdata, &field);
    return MHD_YES;
}

static void see_fields(struct MHD_Connection *connection, struct head *head)
{
    head->field_count = 0;
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, see_field, head);
}

static void see_head(const struct client *client, const char *method, const char *version,
                     struct head *head)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(client->call.connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    head->method = method;
    head->version = version;
    head->target = (const char *)client->target.data;
    head->target_place = client->target_place;
    head->size = info ? info->header_size : 0;
    head->has_more_fields = false;
    see_fields(client->call.connection, head);
}

static enum MHD_Result object(struct client *client, enum answer objection, unsigned retry_after)
{
    struct call *call = &client->call;
    struct protocol_response response = *answer_response(objection);

    client->says_farewell = call->intake.has_body;
    if (retry_after > 0) {
        response.retry_after = retry_after;
        call->response = make_response(&response, true);
    }
    call->status = response.status;
    call->answer = objection;
    return queue_call(call);
}

static enum MHD_Result begin_call(struct http *http, struct client *client,
                                  struct MHD_Connection *connection, const char *method,
                                  const char *version)
{
    struct call *call = &client->call;
    struct head head;
    unsigned retry_after;

    *call = (struct call){.http = http, .connection = connection};
    atomic_fetch_add(&http->busy, 1);
    see_head(client, method, version, &head);

    enum answer objection =
        intake_begin(&call->intake, &http->judges, &client->connection, client->peer, &head,
                     (char *)client->target.data, &retry_after);

    if (objection == ANSWER_NONE && !atomic_load(&http->available)) {
        objection = ANSWER_UNAVAILABLE;
    }
    return objection == ANSWER_NONE ? MHD_YES : object(client, objection, retry_after);
}

/* --- to core ---------------------------------------------------------------------------------- */

static int encode_call(struct call *call, const char *method)
{
    struct head head = {.method = method};

    see_fields(call->connection, &head);
    return intake_encode(&call->intake, call->http->judges.role, &head);
}

static enum MHD_Result forward(struct client *client, const char *method)
{
    struct call *call = &client->call;
    struct http *http = call->http;

    if (call->intake.is_too_large) {
        return queue_answer(http, call->connection, ANSWER_BODY_TOO_LARGE);
    }
    call->intake.request.id = atomic_fetch_add(&http->last_id, 1) + 1;
    if (!atomic_load(&http->available) || encode_call(call, method) < 0) {
        return queue_answer(http, call->connection, ANSWER_UNAVAILABLE);
    }
    connections_rest(http->judges.connections, &client->connection);
    /* The answer may come before this returns, so the connection sleeps before anyone knows it. */
    MHD_suspend_connection(call->connection);
    if (outbox_push(http->outbox, &call->intake.request) < 0) {
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
    if (!client || !client->target.length) {
        return MHD_NO;
    }
    if (!*context) {
        *context = client;
        return begin_call(userdata, client, connection, method, version);
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
        return intake_take_body(&call->intake, upload, length) == 0 ? MHD_YES : MHD_NO;
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
    end_stream(&client->call);
    intake_end(&client->call.intake);
    if (client->call.response) {
        MHD_destroy_response(client->call.response);
        client->call.response = NULL;
    }
    client->has_had_requests = true;
    connections_await(http->judges.connections, &client->connection);
    if (atomic_fetch_sub(&http->busy, 1) == 1 && atomic_load(&http->closing)) {
        outbox_wake(http->outbox);
    }
}

/* The library hands out the path decoded only; this is the target as it was sent. */
static void *on_target(void *userdata, const char *target, struct MHD_Connection *connection)
{
    struct client *client = client_of(connection);
    struct http *http = userdata;

    if (client) {
        if (client->has_had_requests) {
            connections_await(http->judges.connections, &client->connection);
        }
        client->target_place = target;
        client->target.length = 0;
        if (buffer_append(&client->target, target, strlen(target) + 1) < 0) {
            client->target.length = 0;
        }
    }
    return NULL;
}

static struct client *open_client(struct http *http, struct MHD_Connection *connection)
{
    struct client *client = calloc(1, sizeof *client);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (client && info) {
        int fd = info->connect_fd;

        info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

        const struct sockaddr *address = info ? info->client_addr : NULL;

        peer_text(address, fd, client->peer);
        connections_open(http->judges.connections, &client->connection, fd, address);
        info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        client->identity = info ? tls_begin(http->tls, info->tls_session) : NULL;
    }
    return client;
}

static void close_client(struct http *http, struct client *client)
{
    if (client->says_farewell) {
        farewell_add(http->farewell, client->connection.fd);
    }
    connections_close(http->judges.connections, &client->connection);
    tls_end(http->tls, client->identity);
    buffer_free(&client->target);
    free(client);
}

static void on_connection(void *userdata, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = open_client(userdata, connection);
    } else if (*socket_context) {
        close_client(userdata, *socket_context);
        *socket_context = NULL;
    }
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

int http_new(const struct http_parts *parts, struct http **ret_http)
{
    struct http *http = calloc(1, sizeof *http);

    if (!http) {
        return -ENOMEM;
    }
    http->judges = parts->judges;
    http->outbox = parts->outbox;
    http->farewell = parts->farewell;
    http->tls = parts->tls;
    if (make_answers(http) < 0) {
        http_free(http);
        return -ENOMEM;
    }
    *ret_http = http;
    return 0;
}

static struct MHD_Daemon *start_daemon(struct http *http, bool tls)
{
    struct MHD_OptionItem with_tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, tls_no_certificate()},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };

    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC |
            MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0),
        0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, library_log, NULL,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)POOL_SIZE, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTION_LIMIT, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_TIMEOUT,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 0,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, http, MHD_OPTION_URI_LOG_CALLBACK, on_target, http,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_ARRAY,
        tls ? with_tls : with_tls + 2, MHD_OPTION_END);
}

/* The library closes what it can't take. */
static void take_connection(void *userdata, int fd, const struct sockaddr *address,
                            socklen_t length)
{
    (void)MHD_add_connection(userdata, fd, address, length);
}

int http_listen(struct http *http, sd_event *loop, int fd)
{
    struct entrance *entrances =
        reallocarray(http->entrances, http->entrance_count + 1, sizeof *entrances);
    struct entrance entrance = {0};
    int r = -ENOMEM;

    if (entrances) {
        http->entrances = entrances;
        entrance.daemon = start_daemon(http, tls_is_configured(http->tls) && !peer_is_unix(fd));
        r = entrance.daemon ? 0 : -EIO;
    }
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    r = acceptor_new(loop, fd, take_connection, entrance.daemon, &entrance.acceptor);
    if (r < 0) {
        MHD_stop_daemon(entrance.daemon);
        return r;
    }
    http->entrances[http->entrance_count++] = entrance;
    return 0;
}

void http_set_available(struct http *http, bool available)
{
    atomic_store(&http->available, available);
}

size_t http_busy(const struct http *http)
{
    return atomic_load(&http->busy);
}

void http_quiesce(struct http *http)
{
    atomic_store(&http->closing, true);
    for (size_t i = 0; i < http->entrance_count; i++) {
        acceptor_quiesce(http->entrances[i].acceptor);
    }
}

void http_free(struct http *http)
{
    if (!http) {
        return;
    }
    for (size_t i = 0; i < http->entrance_count; i++) {
        acceptor_free(http->entrances[i].acceptor);
        MHD_stop_daemon(http->entrances[i].daemon);
    }
    for (size_t i = 0; i < ANSWER_COUNT; i++) {
        if (http->answers[i]) {
            MHD_destroy_response(http->answers[i]);
        }
    }
    free(http->entrances);
    free(http);
}
