#include "support/http_server.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "support/patience.h"

#define CONNECTION_LIMIT 1024
#define SCRIPT_LIMIT     64
#define REQUEST_LIMIT    8192
#define HEADER_LIMIT     65536
#define WAIT_MS          10000
#define FOREVER          (-1)

struct http_server {
    int listener;
    int port;
    pthread_t acceptor;
    pthread_mutex_t lock; /* everything below */
    pthread_cond_t changed;
    bool stopping;
    bool released;
    size_t connections;
    size_t open;
    int open_fds[CONNECTION_LIMIT];
    struct http_server_script scripts[SCRIPT_LIMIT]; /* of two for one path the later counts */
    size_t script_count;
    struct http_server_request *requests[REQUEST_LIMIT];
    size_t request_count;
};

struct connection {
    struct http_server *server;
    int fd;
    char header[HEADER_LIMIT];
    size_t length; /* of what is in header, which may be the beginning of the body too */
};

static struct timespec after_ms(int delay_ms)
{
    struct timespec when;

    (void)clock_gettime(CLOCK_MONOTONIC, &when);
    when.tv_sec += delay_ms / 1000;
    when.tv_nsec += (delay_ms % 1000) * 1000000L;
    if (when.tv_nsec >= 1000000000L) {
        when.tv_sec++;
        when.tv_nsec -= 1000000000L;
    }
    return when;
}

/* --- reading a request ------------------------------------------------------------------------ */

/* Reads up to the empty line. Returns where the body begins, or 0. */
static size_t read_header(struct connection *connection)
{
    for (;;) {
        const char *end = memmem(connection->header, connection->length, "\r\n\r\n", 4);
        ssize_t count;

        if (end) {
            return (size_t)(end - connection->header) + 4;
        }
        if (connection->length == sizeof connection->header) {
            return 0;
        }
        count = recv(connection->fd, connection->header + connection->length,
                     sizeof connection->header - connection->length, 0);
        if (count <= 0) {
            return 0;
        }
        connection->length += (size_t)count;
    }
}

static void request_free(struct http_server_request *request)
{
    if (request) {
        free(request->method);
        free(request->url);
        free(request->headers);
        free(request->body);
        free(request);
    }
}

static struct http_server_request *parse_header(const struct connection *connection, size_t length)
{
    struct http_server_request *request = calloc(1, sizeof *request);
    const char *line = connection->header;
    const char *end = memmem(line, length, "\r\n", 2);
    const char *space = memchr(line, ' ', (size_t)(end - line));
    const char *second = space ? memchr(space + 1, ' ', (size_t)(end - space - 1)) : NULL;

    if (!request || !second) {
        free(request);
        return NULL;
    }
    request->method = strndup(line, (size_t)(space - line));
    request->url = strndup(space + 1, (size_t)(second - space - 1));
    request->headers = strndup(end, length - 4 - (size_t)(end - line));
    return request;
}

static bool read_body(struct connection *connection, struct http_server_request *request,
                      size_t body_start)
{
    char value[32] = "0";
    size_t have = connection->length - body_start;

    (void)http_server_header(request, "Content-Length", value, sizeof value);
    request->body_length = strtoul(value, NULL, 10);
    request->body = calloc(1, request->body_length + 1);
    if (!request->body || have > request->body_length) {
        return false;
    }
    memcpy(request->body, connection->header + body_start, have);
    while (have < request->body_length) {
        ssize_t count = recv(connection->fd, request->body + have, request->body_length - have, 0);

        if (count <= 0) {
            return false;
        }
        have += (size_t)count;
    }
    return true;
}

static struct http_server_request *read_request(struct connection *connection)
{
    size_t body_start = read_header(connection);
    struct http_server_request *request =
        body_start > 0 ? parse_header(connection, body_start) : NULL;

    if (request && !read_body(connection, request, body_start)) {
        request_free(request);
        return NULL;
    }
    return request;
}

static void keep_request(struct http_server *server, struct http_server_request *request)
{
    (void)pthread_mutex_lock(&server->lock);
    if (server->request_count < REQUEST_LIMIT) {
        server->requests[server->request_count++] = request;
        request = NULL;
    }
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->lock);
    request_free(request);
}

/* --- answering -------------------------------------------------------------------------------- */

static struct http_server_script script_for(struct http_server *server, const char *url)
{
    struct http_server_script script = {.manner = HTTP_SERVER_ANSWERS};
    size_t length = strcspn(url, "?");

    (void)pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->script_count; i++) {
        const char *path = server->scripts[i].path;

        if (strlen(path) == length && strncmp(path, url, length) == 0) {
            script = server->scripts[i];
        }
    }
    (void)pthread_mutex_unlock(&server->lock);
    return script;
}

/* False if the server was stopped before the time was over. */
static bool wait_for(struct http_server *server, int delay_ms)
{
    struct timespec until = after_ms(delay_ms == FOREVER ? 3600000 : delay_ms);
    int r = 0;
    bool stopping;

    (void)pthread_mutex_lock(&server->lock);
    while (!server->stopping && r != ETIMEDOUT) {
        r = pthread_cond_timedwait(&server->changed, &server->lock, &until);
    }
    stopping = server->stopping;
    (void)pthread_mutex_unlock(&server->lock);
    return !stopping;
}

/* False if the server was stopped before. */
static bool wait_for_release(struct http_server *server)
{
    bool released;

    (void)pthread_mutex_lock(&server->lock);
    while (!server->stopping && !server->released) {
        (void)pthread_cond_wait(&server->changed, &server->lock);
    }
    released = server->released;
    (void)pthread_mutex_unlock(&server->lock);
    return released;
}

static bool send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static void send_body(int fd, const struct http_server_script *script, uint64_t repeat)
{
    size_t length = script->body ? strlen(script->body) : 0;

    if (script->manner == HTTP_SERVER_CUTS_BODY || script->manner == HTTP_SERVER_STALLS) {
        (void)send_all(fd, script->body, length / 2);
        return;
    }
    for (uint64_t i = 0; i < repeat && length > 0; i++) {
        if (!send_all(fd, script->body, length)) {
            return;
        }
    }
}

static void flood_header(int fd, uint64_t lines)
{
    bool taken = send_all(fd, "HTTP/1.1 200 OK\r\n", 17);

    for (uint64_t i = 0; taken && i < lines; i++) {
        taken = send_all(fd, "X-Again: and again\r\n", 20);
    }
    (void)send_all(fd, "\r\n", 2);
}

static void answer(int fd, const struct http_server_script *script, bool head)
{
    char header[4096];
    uint64_t repeat = script->repeat > 0 ? script->repeat : 1;
    size_t length = script->body ? strlen(script->body) : 0;
    int size;

    if (script->manner == HTTP_SERVER_BABBLES) {
        (void)send_all(fd, "SSH-2.0-OpenSSH_9\r\n", 19);
        return;
    }
    if (script->manner == HTTP_SERVER_FLOODS_HEADER) {
        flood_header(fd, repeat);
        return;
    }
    if (script->manner == HTTP_SERVER_CONTINUES) {
        (void)send_all(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
        return;
    }
    size = snprintf(header, sizeof header,
                    "HTTP/1.1 %d %s\r\nContent-Length: %llu\r\nConnection: %s\r\n%s\r\n",
                    script->status > 0 ? script->status : 200,
                    script->phrase ? script->phrase : "OK", (unsigned long long)length * repeat,
                    script->keeps ? "keep-alive" : "close", script->headers ? script->headers : "");
    if (script->manner == HTTP_SERVER_CUTS_HEADER) {
        (void)send_all(fd, header, (size_t)size / 2);
    } else if (send_all(fd, header, (size_t)size) && !head) {
        send_body(fd, script, repeat);
    }
}

/* Whether there may be another request on the connection. */
static bool serve_request(struct connection *connection)
{
    struct http_server *server = connection->server;
    struct http_server_script script;
    struct http_server_request *request;
    bool head;

    connection->length = 0;
    request = read_request(connection);
    if (!request) {
        return false;
    }
    script = script_for(server, request->url);
    head = strcmp(request->method, "HEAD") == 0;
    keep_request(server, request);
    if (script.manner == HTTP_SERVER_NEVER_ANSWERS) {
        (void)wait_for(server, FOREVER);
    } else if (script.manner != HTTP_SERVER_CUTS &&
               (script.manner != HTTP_SERVER_HOLDS || wait_for_release(server)) &&
               (script.delay_ms == 0 || wait_for(server, script.delay_ms))) {
        answer(connection->fd, &script, head);
        if (script.manner == HTTP_SERVER_STALLS) {
            (void)wait_for(server, FOREVER);
        }
        if (script.manner == HTTP_SERVER_SAYS_MORE && wait_for_release(server)) {
            answer(connection->fd, &script, head);
        }
    }
    return script.keeps &&
           (script.manner == HTTP_SERVER_ANSWERS || script.manner == HTTP_SERVER_SAYS_MORE);
}

static void serve(struct connection *connection)
{
    struct http_server *server = connection->server;
    struct http_server_script script = script_for(server, "");

    if (script.manner == HTTP_SERVER_HANGS_UP) {
        return;
    }
    if (script.manner == HTTP_SERVER_NEVER_READS) {
        (void)wait_for(server, FOREVER);
        return;
    }
    while (serve_request(connection)) {
    }
}

/* --- connections ------------------------------------------------------------------------------ */

static void forget_connection(struct connection *connection)
{
    struct http_server *server = connection->server;

    (void)pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->open; i++) {
        if (server->open_fds[i] == connection->fd) {
            server->open_fds[i] = server->open_fds[--server->open];
            break;
        }
    }
    (void)close(connection->fd);
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->lock);
    free(connection);
}

static void *run_connection(void *argument)
{
    serve(argument);
    forget_connection(argument);
    return NULL;
}

static bool remember_connection(struct http_server *server, int fd)
{
    bool taken = false;

    (void)pthread_mutex_lock(&server->lock);
    server->connections++;
    if (!server->stopping && server->open < CONNECTION_LIMIT) {
        server->open_fds[server->open++] = fd;
        taken = true;
    }
    (void)pthread_mutex_unlock(&server->lock);
    return taken;
}

static void take_connection(struct http_server *server, int fd)
{
    struct connection *connection = calloc(1, sizeof *connection);
    pthread_attr_t attributes;
    pthread_t thread;

    if (!connection || !remember_connection(server, fd)) {
        free(connection);
        (void)close(fd);
        return;
    }
    connection->server = server;
    connection->fd = fd;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, run_connection, connection) != 0) {
        forget_connection(connection);
    }
    (void)pthread_attr_destroy(&attributes);
}

static void *run_acceptor(void *argument)
{
    struct http_server *server = argument;
    int fd;

    while ((fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        take_connection(server, fd);
    }
    return NULL;
}

/* --- the server ------------------------------------------------------------------------------- */

static void listen_on_loopback(struct http_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(server->listener, 0);
    ck_assert_int_eq(bind(server->listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(server->listener, 128), 0);
    ck_assert_int_eq(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
}

struct http_server *http_server_start(void)
{
    struct http_server *server = calloc(1, sizeof *server);
    pthread_condattr_t attributes;

    ck_assert_ptr_nonnull(server);
    listen_on_loopback(server);
    (void)pthread_mutex_init(&server->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&server->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    ck_assert_int_eq(pthread_create(&server->acceptor, NULL, run_acceptor, server), 0);
    return server;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

static char *copy_text(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* Texts of a script that is replaced stay until the end: a connection may be using them. */
void http_server_script(struct http_server *server, const struct http_server_script *script)
{
    struct http_server_script copy = *script;

    copy.path = copy_text(script->path);
    copy.phrase = copy_text(script->phrase);
    copy.headers = copy_text(script->headers);
    copy.body = copy_text(script->body);
    (void)pthread_mutex_lock(&server->lock);
    ck_assert_uint_lt(server->script_count, SCRIPT_LIMIT);
    server->scripts[server->script_count++] = copy;
    (void)pthread_mutex_unlock(&server->lock);
}

size_t http_server_wait(struct http_server *server, size_t count)
{
    struct timespec until = after_ms((int)patience_ms(WAIT_MS));
    int r = 0;
    size_t seen;

    (void)pthread_mutex_lock(&server->lock);
    while (server->request_count < count && r != ETIMEDOUT) {
        r = pthread_cond_timedwait(&server->changed, &server->lock, &until);
    }
    seen = server->request_count;
    (void)pthread_mutex_unlock(&server->lock);
    return seen;
}

void http_server_release(struct http_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    server->released = true;
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->lock);
}

const struct http_server_request *http_server_request(struct http_server *server, size_t index)
{
    const struct http_server_request *request = NULL;

    (void)pthread_mutex_lock(&server->lock);
    if (index < server->request_count) {
        request = server->requests[index];
    }
    (void)pthread_mutex_unlock(&server->lock);
    ck_assert_msg(request != NULL, "there is no request %zu", index);
    return request;
}

size_t http_server_open(struct http_server *server)
{
    size_t count;

    (void)pthread_mutex_lock(&server->lock);
    count = server->open;
    (void)pthread_mutex_unlock(&server->lock);
    return count;
}

size_t http_server_wait_closed(struct http_server *server)
{
    struct timespec until = after_ms((int)patience_ms(WAIT_MS));
    int r = 0;
    size_t count;

    (void)pthread_mutex_lock(&server->lock);
    while (server->open > 0 && r != ETIMEDOUT) {
        r = pthread_cond_timedwait(&server->changed, &server->lock, &until);
    }
    count = server->open;
    (void)pthread_mutex_unlock(&server->lock);
    return count;
}

size_t http_server_connections(struct http_server *server)
{
    size_t count;

    (void)pthread_mutex_lock(&server->lock);
    count = server->connections;
    (void)pthread_mutex_unlock(&server->lock);
    return count;
}

size_t http_server_header(const struct http_server_request *request, const char *name,
                          char *ret_value, size_t size)
{
    size_t length = strlen(name);
    size_t found = 0;

    for (const char *line = request->headers; line; line = strstr(line, "\r\n")) {
        line += strspn(line, "\r\n");
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *value = line + length + 1 + strspn(line + length + 1, " ");

            (void)snprintf(ret_value, size, "%.*s", (int)strcspn(value, "\r"), value);
            found++;
        }
    }
    return found;
}

static void free_texts(struct http_server *server)
{
    for (size_t i = 0; i < server->script_count; i++) {
        free((char *)(uintptr_t)server->scripts[i].path);
        free((char *)(uintptr_t)server->scripts[i].phrase);
        free((char *)(uintptr_t)server->scripts[i].headers);
        free((char *)(uintptr_t)server->scripts[i].body);
    }
    for (size_t i = 0; i < server->request_count; i++) {
        request_free(server->requests[i]);
    }
}

void http_server_stop(struct http_server *server)
{
    if (!server) {
        return;
    }
    (void)shutdown(server->listener, SHUT_RDWR);
    (void)pthread_join(server->acceptor, NULL);
    (void)pthread_mutex_lock(&server->lock);
    server->stopping = true;
    (void)pthread_cond_broadcast(&server->changed);
    for (size_t i = 0; i < server->open; i++) {
        (void)shutdown(server->open_fds[i], SHUT_RDWR);
    }
    while (server->open > 0) {
        (void)pthread_cond_wait(&server->changed, &server->lock);
    }
    (void)pthread_mutex_unlock(&server->lock);
    (void)close(server->listener);
    (void)pthread_mutex_destroy(&server->lock);
    (void)pthread_cond_destroy(&server->changed);
    free_texts(server);
    free(server);
}
