#include "assent/caller/http_call.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "assent/base/capture.h"
#include "assent/base/descriptors.h"
#include "assent/base/digest.h"
#include "assent/base/log.h"
#include "assent/caller/socket_set.h"

#define PROTOCOLS  "http,https"
#define USER_AGENT "assentd/" ASSENT_VERSION
/* Beyond these an answer is not read on: of a body, so much is read beyond what is kept. */
#define BODY_LIMIT    (1u << 20)
#define HEADER_LIMIT  (256u << 10)
#define REFUSAL_LIMIT (16u << 10)
#define PHRASE_SIZE   64
/* At once, kept ones included: as many as hooks may run at once. */
#define CONNECTION_LIMIT 1024L
/* How late a timer may be, in microseconds. */
#define TIMER_ACCURACY   1000
#define NEVER            UINT64_MAX
#define TIDYING_ACCURACY 100000

struct http_engine {
    sd_event *loop;
    sd_event_source *kick;  /* libcurl has something to do at once */
    sd_event_source *timer; /* wakes at `armed`, which is at or before `due` */
    uint64_t due;           /* when libcurl has something to do, on CLOCK_MONOTONIC, in us */
    uint64_t armed;
    struct socket_set
        *sockets; /* sd-event would look at all that are ready for each that it serves */
    sd_event_source *sockets_source;
    sd_event_source *tidying; /* off while no connection can be kept */
    CURLM *multi;
    bool global;
    unsigned kept_s;
    size_t calls;
    bool used;                 /* since it was last tidied up */
    struct http_call *unbound; /* a list of calls whose socket libcurl let go of */
};

struct http_call {
    struct http_engine *engine;
    struct http_call *next_unbound;
    bool unbound; /* it is in that list */
    CURL *easy;
    struct curl_slist *headers;
    struct capture *capture;
    struct buffer refusal;
    uint64_t body_length;
    uint64_t body_limit;
    size_t header_length;
    long answered_hop; /* redirects followed before the last whole header; -1: none came */
    long sent_hop;     /* the same of the last request that was about to be sent; -1: none was */
    bool repeatable;   /* the other end can tell a repeat */
    bool repeats;      /* libcurl wanted to make a call again that is not */
    bool safe;         /* the method is one that changes nothing */
    bool post;
    bool redirected; /* the last redirect, if it was followed, made it a GET */
    char phrase[PHRASE_SIZE];
    char cause[CURL_ERROR_SIZE];
    http_done done;
    void *userdata;
};

/* --- what comes in ---------------------------------------------------------------------------- */

static void take_phrase(struct http_call *call, const char *line, size_t length)
{
    const char *phrase = memchr(line, ' ', length);
    size_t left = phrase ? length - (size_t)(phrase - line) : 0;
    size_t kept = 0;

    for (size_t i = sizeof " 200 " - 1; i < left && kept < PHRASE_SIZE - 1; i++) {
        if (phrase[i] != '\r' && phrase[i] != '\n') {
            call->phrase[kept++] = phrase[i];
        }
    }
    call->phrase[kept] = '\0';
}

/* RFC 9110, section 15.4: what of the redirects turns into a GET, as browsers and libcurl do it. */
static void take_status(struct http_call *call, long status)
{
    if (!call->safe && (status == 303 || (call->post && (status == 301 || status == 302)))) {
        call->redirected = true;
    }
    if (status == 303) {
        /* "See other" is looked at with GET, whatever the method was. */
        (void)curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, NULL);
        (void)curl_easy_setopt(call->easy, CURLOPT_POSTREDIR, 0L);
    }
}

/* Called for each line of a header, the empty one too, of every answer and, behind the body, of a
 * trailer. */
static size_t on_header(char *line, size_t size, size_t count, void *userdata)
{
    struct http_call *call = userdata;
    size_t length = size * count;
    long hop = 0;
    long status = 0;

    call->header_length += length;
    if (call->header_length > HEADER_LIMIT) {
        return 0;
    }
    (void)curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_COUNT, &hop);
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (hop == call->answered_hop) {
        return length;
    }
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        take_phrase(call, line, length);
        take_status(call, status);
    } else if (line[0] == '\r' || line[0] == '\n') {
        call->answered_hop = status >= 200 ? hop : -1;
    }
    return length;
}

static void keep_refusal(struct http_call *call, const char *bytes, size_t length)
{
    size_t room = REFUSAL_LIMIT - call->refusal.length;
    long status = 0;

    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 400) {
        (void)buffer_append(&call->refusal, bytes, length < room ? length : room);
    }
}

static size_t on_body(char *bytes, size_t size, size_t count, void *userdata)
{
    struct http_call *call = userdata;
    size_t length = size * count;

    call->body_length += length;
    (void)capture_add(call->capture, bytes, length);
    keep_refusal(call, bytes, length);
    return call->body_length > call->body_limit ? 0 : length;
}

/* --- sockets ---------------------------------------------------------------------------------- */

static curl_socket_t open_socket(void *userdata, curlsocktype purpose,
                                 struct curl_sockaddr *address)
{
    struct http_engine *engine = userdata;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    int r = fd < 0 ? -errno : descriptors_is_spare(fd) ? -EMFILE : 0;

    (void)purpose;
    if (r == 0) {
        r = socket_set_opened(engine->sockets, fd);
    }
    if (r == 0) {
        return fd;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = -r;
    return CURL_SOCKET_BAD;
}

static int close_socket(void *userdata, curl_socket_t fd)
{
    struct http_engine *engine = userdata;

    socket_set_closed(engine->sockets, fd);
    return close(fd);
}

/* --- one call --------------------------------------------------------------------------------- */

/* On a connection of its own libcurl still repeats what the other end would not take over HTTP/2, and
 * behind a redirect the connection may be a kept one. */
static int before_sending(void *userdata, char *address, char *own_address, int port, int own_port)
{
    struct http_call *call = userdata;
    struct epoll_event ready[SOCKET_SET_READY];
    long hop = 0;

    (void)address;
    (void)own_address;
    (void)port;
    (void)own_port;
    (void)curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_COUNT, &hop);
    if (hop == call->sent_hop && !call->repeatable) {
        call->repeats = true;
        return CURL_PREREQFUNC_ABORT;
    }
    call->sent_hop = hop;
    /* If something has come on the kept connection that this is to go over, libcurl finds it shut down,
     * and opens another. */
    (void)socket_set_ready(call->engine->sockets, ready);
    return CURL_PREREQFUNC_OK;
}

static int append_line(struct http_call *call, const char *line)
{
    struct curl_slist *grown = curl_slist_append(call->headers, line);

    if (!grown) {
        return -ENOMEM;
    }
    call->headers = grown;
    return 0;
}

/* To libcurl a header with a semicolon in place of the colon is one to send without a value. */
static int append_header(struct http_call *call, const char *header)
{
    const char *colon = strchr(header, ':');
    char *empty;
    int r;

    if (!colon || colon[1 + strspn(colon + 1, " ")] != '\0') {
        return append_line(call, header);
    }
    empty = strndup(header, (size_t)(colon - header) + 1);
    if (!empty) {
        return -ENOMEM;
    }
    empty[colon - header] = ';';
    r = append_line(call, empty);
    free(empty);
    return r;
}

static int append_headers(struct http_call *call, const struct http_request *request)
{
    bool typed = false;
    int r = 0;

    for (size_t i = 0; r == 0 && i < request->header_count; i++) {
        typed = typed || strncasecmp(request->headers[i], "Content-Type:", 13) == 0;
        r = append_header(call, request->headers[i]);
    }
    /* Without a value: libcurl shall not add them by itself. */
    if (r == 0) {
        r = append_line(call, "Expect:");
    }
    return r == 0 && !typed ? append_line(call, "Content-Type:") : r;
}

static bool is_https(const char *url)
{
    return strncasecmp(url, "https:", 6) == 0;
}

/* Whether all went well is asked once, in the end. */
#define SET(option, value) (failed |= curl_easy_setopt(easy, option, value) != CURLE_OK)

static bool set_method(CURL *easy, const struct http_request *request)
{
    bool failed = false;
    bool get = strcmp(request->method, "GET") == 0;
    bool head = strcmp(request->method, "HEAD") == 0;
    bool post = strcmp(request->method, "POST") == 0;

    if (head) {
        SET(CURLOPT_NOBODY, 1L);
    } else if (request->body || post) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        SET(CURLOPT_POSTFIELDS, request->body ? (const char *)request->body : "");
    }
    if (!head && !post && (!get || request->body)) {
        SET(CURLOPT_CUSTOMREQUEST, request->method);
        SET(CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL);
    }
    return !failed;
}

/* On a connection that was used before, libcurl repeats a call whose answer does not come. */
static bool set_keeping(CURL *easy, const struct http_request *request, unsigned kept_s)
{
    bool failed = false;

    if (request->repeatable) {
        SET(CURLOPT_MAXAGE_CONN, (long)kept_s);
        /* libcurl goes on using one of HTTP/2 on which nothing is answered any more. */
        SET(CURLOPT_FRESH_CONNECT, (long)request->repeat);
        /* Rather wait for a connection that many can share than open one for each. */
        SET(CURLOPT_PIPEWAIT, (long)is_https(request->url));
    } else {
        SET(CURLOPT_FRESH_CONNECT, 1L);
        SET(CURLOPT_FORBID_REUSE, 1L);
    }
    return !failed;
}

static bool set_connection(CURL *easy, const struct http_request *request,
                           struct http_engine *engine)
{
    bool failed = false;
    long timeout = request->timeout_ms < LONG_MAX ? (long)request->timeout_ms : LONG_MAX;

    SET(CURLOPT_PROTOCOLS_STR, PROTOCOLS);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, timeout);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, engine);
    SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    SET(CURLOPT_CLOSESOCKETDATA, engine);
    /* Else the end of a call would wait for a name that is still being looked up. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    return !failed;
}

static bool set_trust(CURL *easy, const struct http_request *request)
{
    bool failed = false;

    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (request->tls_ca) {
        struct curl_blob blob = {.data = (void *)(uintptr_t)request->tls_ca,
                                 .len = request->tls_ca_length,
                                 .flags = CURL_BLOB_COPY};

        SET(CURLOPT_CAINFO_BLOB, &blob);
        SET(CURLOPT_CAPATH, NULL);
    }
    return !failed;
}

static bool set_request(CURL *easy, const struct http_request *request)
{
    bool failed = false;

    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(CURLOPT_USERAGENT, USER_AGENT);
    if (request->redirects > 0) {
        SET(CURLOPT_FOLLOWLOCATION, 1L);
        SET(CURLOPT_MAXREDIRS, (long)request->redirects);
        SET(CURLOPT_REDIR_PROTOCOLS_STR, is_https(request->url) ? "https" : PROTOCOLS);
        SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
        SET(CURLOPT_UNRESTRICTED_AUTH, 0L);
    }
    return !failed;
}

static bool set_callbacks(CURL *easy, struct http_call *call)
{
    bool failed = false;

    SET(CURLOPT_PRIVATE, call);
    SET(CURLOPT_ERRORBUFFER, call->cause);
    SET(CURLOPT_HTTPHEADER, call->headers);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_PREREQFUNCTION, before_sending);
    SET(CURLOPT_PREREQDATA, call);
    return !failed;
}

static void note_use(struct http_engine *engine, const struct http_request *request)
{
    if (request->repeatable && !engine->used) {
        engine->used = true;
        (void)sd_event_source_set_enabled(engine->tidying, SD_EVENT_ON);
    }
}

int http_call_begin(struct http_engine *engine, const struct http_request *request, http_done done,
                    void *userdata, struct http_call **ret_call)
{
    struct http_call *call = calloc(1, sizeof *call);

    if (!call) {
        return -ENOMEM;
    }
    *call = (struct http_call){
        .done = done,
        .userdata = userdata,
        .body_limit = (uint64_t)request->output_limit + BODY_LIMIT,
        .answered_hop = -1,
        .sent_hop = -1,
        .repeatable = request->repeatable,
        .safe = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0,
        .post = strcmp(request->method, "POST") == 0,
    };
    call->easy = curl_easy_init();
    if (!call->easy || capture_new(request->output_limit, &call->capture) < 0 ||
        append_headers(call, request) < 0 || !set_connection(call->easy, request, engine) ||
        !set_keeping(call->easy, request, engine->kept_s) || !set_trust(call->easy, request) ||
        !set_request(call->easy, request) || !set_method(call->easy, request) ||
        !set_callbacks(call->easy, call) ||
        curl_multi_add_handle(engine->multi, call->easy) != CURLM_OK) {
        http_call_free(call);
        return -ENOMEM;
    }
    call->engine = engine;
    engine->calls++;
    note_use(engine, request);
    *ret_call = call;
    return 0;
}

static void take_off_unbound(struct http_call *call)
{
    struct http_call **place = &call->engine->unbound;

    while (*place && *place != call) {
        place = &(*place)->next_unbound;
    }
    if (*place) {
        *place = call->next_unbound;
    }
    call->unbound = false;
}

/* From here on the body that is sent may go. */
static void leave_engine(struct http_call *call)
{
    struct http_engine *engine = call->engine;

    if (engine) {
        take_off_unbound(call);
        /* What libcurl lets go of from here on is not noted any more. */
        call->engine = NULL;
        (void)curl_multi_remove_handle(engine->multi, call->easy);
        engine->calls--;
    }
}

void http_call_free(struct http_call *call)
{
    if (!call) {
        return;
    }
    leave_engine(call);
    curl_easy_cleanup(call->easy);
    for (struct curl_slist *header = call->headers; header; header = header->next) {
        digest_wipe(header->data, strlen(header->data));
    }
    curl_slist_free_all(call->headers);
    capture_free(call->capture);
    buffer_free(&call->refusal);
    free(call);
}

/* A byte that the kernel took counts as sent. */
static enum http_outcome outcome_of(const struct http_call *call)
{
    long hop = 0;
    long sent = 0;

    (void)curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_COUNT, &hop);
    (void)curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent);
    if (call->answered_hop == hop) {
        return HTTP_ANSWERED;
    }
    return sent == 0 ? HTTP_NOT_SENT : HTTP_NO_ANSWER;
}

static const char *cause_of(const struct http_call *call, CURLcode result)
{
    if (call->header_length > HEADER_LIMIT) {
        return "the header of the answer is too large";
    }
    if (call->repeats) {
        return "the other end let go of it, and it is not sent twice";
    }
    /* To libcurl that is an answer like another. */
    if (result == CURLE_OK) {
        return "it changes to another protocol, for which it was not asked";
    }
    return call->cause[0] ? call->cause : curl_easy_strerror(result);
}

/* libcurl keeps what a redirect said, also where the answer that it led to says nothing. */
static int64_t retry_after_of(const struct http_call *call)
{
    struct curl_header *header = NULL;
    curl_off_t seconds = 0;

    if (curl_easy_header(call->easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK) {
        return 0;
    }
    (void)curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds <= 0) {
        return 0;
    }
    return seconds < INT64_MAX / 1000 ? (int64_t)seconds * 1000 : INT64_MAX;
}

static void look(struct http_call *call, CURLcode result, struct http_end *ret_end)
{
    long status = 0;

    *ret_end = (struct http_end){
        .outcome = outcome_of(call),
        .phrase = call->phrase,
        .timed_out = result == CURLE_OPERATION_TIMEDOUT,
        .cause = cause_of(call, result),
        .broken = result != CURLE_OK && call->body_length <= call->body_limit,
        .cut = call->body_length > call->body_limit,
        .redirected = call->redirected,
        .refusal = call->refusal.data,
        .refusal_length = call->refusal.length,
    };
    if (ret_end->outcome == HTTP_ANSWERED) {
        (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        ret_end->retry_after_ms = retry_after_of(call);
    }
    ret_end->status = (int)status;
    capture_view(call->capture, &ret_end->body);
}

void http_call_look(struct http_call *call, struct http_end *ret_end)
{
    look(call, CURLE_OK, ret_end);
}

/* Over HTTP/2 the other end may always say something of the connection itself, and libcurl tells it from
 * answers. */
static void note_speaking(const struct http_call *call)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    long version = 0;

    (void)curl_easy_getinfo(call->easy, CURLINFO_HTTP_VERSION, &version);
    if (version == CURL_HTTP_VERSION_2 &&
        curl_easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK) {
        socket_set_may_speak(call->engine->sockets, fd);
    }
}

static void end_call(struct http_call *call, CURLcode result)
{
    struct http_end end;

    note_speaking(call);
    look(call, result, &end);
    leave_engine(call);
    call->done(call->userdata, &end);
    http_call_free(call);
}

/* --- the loop --------------------------------------------------------------------------------- */

static void end_finished(struct http_engine *engine)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(engine->multi, &left))) {
        struct http_call *call = NULL;

        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call) == CURLE_OK) {
            end_call(call, message->data.result);
        }
    }
}

/* Where libcurl can't go on, the process ends: its attempts are then known as cut off. */
static int act(struct http_engine *engine, curl_socket_t fd, int events)
{
    int running;
    CURLMcode code = curl_multi_socket_action(engine->multi, fd, events, &running);

    if (code != CURLM_OK) {
        log_event(LOG_LEVEL_ERROR, "can't go on with calls", "error", curl_multi_strerror(code),
                  NULL);
        return sd_event_exit(engine->loop, EXIT_FAILURE);
    }
    return 0;
}

static bool is_sent(const struct http_call *call)
{
    long hop = 0;

    (void)curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_COUNT, &hop);
    return call->sent_hop == hop;
}

/* libcurl 7.88 gives up an address that does not answer, and tries the next of the name only when it is
 * called again: but it has no socket then, and asks for no time. To go on after a pause, it asks for one. */
static void rouse_unbound(struct http_engine *engine)
{
    while (engine->unbound) {
        struct http_call *call = engine->unbound;

        take_off_unbound(call);
        if (!is_sent(call)) {
            (void)curl_easy_pause(call->easy, CURLPAUSE_RECV);
            (void)curl_easy_pause(call->easy, CURLPAUSE_CONT);
        }
    }
}

static int serve(struct http_engine *engine, const struct epoll_event *ready)
{
    uint32_t events;
    int fd;

    if (!socket_set_take(engine->sockets, ready, &fd, &events)) {
        return 0;
    }
    return act(engine, fd,
               (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                   (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
}

static int on_sockets(sd_event_source *source, int epoll, uint32_t revents, void *userdata)
{
    struct http_engine *engine = userdata;
    struct epoll_event ready[SOCKET_SET_READY];
    int count = socket_set_ready(engine->sockets, ready);
    int r = 0;

    (void)source;
    (void)epoll;
    (void)revents;
    for (int i = 0; r >= 0 && i < count; i++) {
        r = serve(engine, &ready[i]);
    }
    end_finished(engine);
    rouse_unbound(engine);
    return r;
}

static int on_due(struct http_engine *engine)
{
    int r = act(engine, CURL_SOCKET_TIMEOUT, 0);

    end_finished(engine);
    rouse_unbound(engine);
    return r;
}

static int on_kick(sd_event_source *source, void *userdata)
{
    (void)source;
    return on_due(userdata);
}

static int arm(struct http_engine *engine, uint64_t time)
{
    int r = sd_event_source_set_time(engine->timer, time);

    engine->armed = time;
    return r < 0 ? r : sd_event_source_set_enabled(engine->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t now, void *userdata)
{
    struct http_engine *engine = userdata;
    uint64_t time = 0;

    (void)source;
    (void)now;
    engine->armed = NEVER;
    if (engine->due == NEVER) {
        return 0;
    }
    (void)sd_event_now(engine->loop, CLOCK_MONOTONIC, &time);
    if (engine->due > time) {
        return arm(engine, engine->due);
    }
    engine->due = NEVER;
    return on_due(engine);
}

static void note_unbound(struct http_engine *engine, CURL *easy)
{
    struct http_call *call = NULL;

    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call) == CURLE_OK && call && call->engine &&
        !call->unbound) {
        call->unbound = true;
        call->next_unbound = engine->unbound;
        engine->unbound = call;
    }
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *data)
{
    struct http_engine *engine = userdata;
    int r = what == CURL_POLL_REMOVE ? socket_set_rest(engine->sockets, fd)
                                     : socket_set_want(engine->sockets, fd,
                                                       (what & CURL_POLL_IN ? EPOLLIN : 0) |
                                                           (what & CURL_POLL_OUT ? EPOLLOUT : 0));

    (void)data;
    if (what == CURL_POLL_REMOVE) {
        note_unbound(engine, easy);
    }
    return r < 0 ? -1 : 0;
}

/* libcurl changes its mind with every call, most often to what is later: a timer that fires in vain
 * now and then costs less than one that is always set anew. */
static int set_timer(CURLM *multi, long delay_ms, void *userdata)
{
    struct http_engine *engine = userdata;
    uint64_t now = 0;

    (void)multi;
    engine->due = NEVER;
    if (delay_ms <= 0) {
        return sd_event_source_set_enabled(engine->kick,
                                           delay_ms == 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF) < 0
                   ? -1
                   : 0;
    }
    (void)sd_event_source_set_enabled(engine->kick, SD_EVENT_OFF);
    (void)sd_event_now(engine->loop, CLOCK_MONOTONIC, &now);
    engine->due = now + (uint64_t)delay_ms * 1000;
    return engine->due < engine->armed && arm(engine, engine->due) < 0 ? -1 : 0;
}

static int multi_new(struct http_engine *engine, CURLM **ret_multi)
{
    CURLM *multi = curl_multi_init();

    if (!multi || curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, engine) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_TIMERDATA, engine) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, CONNECTION_LIMIT) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTION_LIMIT) != CURLM_OK) {
        (void)curl_multi_cleanup(multi);
        return -ENOMEM;
    }
    *ret_multi = multi;
    return 0;
}

/* libcurl closes kept connections only when it looks for one: where there are no calls any more, a
 * new multi in place of the old one closes all. */
static int on_tidying(sd_event_source *source, uint64_t now, void *userdata)
{
    struct http_engine *engine = userdata;
    CURLM *multi;

    (void)now;
    if (!engine->used && engine->calls == 0 && multi_new(engine, &multi) == 0) {
        (void)curl_multi_cleanup(engine->multi);
        engine->multi = multi;
        return sd_event_source_set_enabled(source, SD_EVENT_OFF);
    }
    engine->used = engine->calls > 0;
    return sd_event_source_set_time_relative(source, engine->kept_s * UINT64_C(1000000));
}

static int add_sockets(struct http_engine *engine)
{
    int r = socket_set_new(&engine->sockets);

    return r < 0 ? r
                 : sd_event_add_io(engine->loop, &engine->sockets_source,
                                   socket_set_fd(engine->sockets), EPOLLIN, on_sockets, engine);
}

static int add_timers(struct http_engine *engine)
{
    int r = sd_event_add_time(engine->loop, &engine->timer, CLOCK_MONOTONIC, 0, TIMER_ACCURACY,
                              on_timer, engine);

    if (r >= 0) {
        r = sd_event_source_set_enabled(engine->timer, SD_EVENT_OFF);
    }
    if (r >= 0) {
        r = sd_event_add_defer(engine->loop, &engine->kick, on_kick, engine);
    }
    if (r >= 0) {
        r = sd_event_source_set_enabled(engine->kick, SD_EVENT_OFF);
    }
    if (r >= 0) {
        r = sd_event_add_time(engine->loop, &engine->tidying, CLOCK_MONOTONIC, 0, TIDYING_ACCURACY,
                              on_tidying, engine);
    }
    return r < 0 ? r : sd_event_source_set_enabled(engine->tidying, SD_EVENT_OFF);
}

int http_engine_new(sd_event *loop, unsigned kept_s, struct http_engine **ret_engine)
{
    struct http_engine *engine = calloc(1, sizeof *engine);
    int r;

    if (!engine) {
        return -ENOMEM;
    }
    engine->loop = loop;
    engine->kept_s = kept_s;
    engine->due = NEVER;
    engine->armed = NEVER;
    /* libcurl would write the keys of all TLS connections there. */
    (void)unsetenv("SSLKEYLOGFILE");
    engine->global = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    r = engine->global ? multi_new(engine, &engine->multi) : -ENOMEM;
    if (r == 0) {
        r = add_sockets(engine);
    }
    if (r >= 0) {
        r = add_timers(engine);
    }
    if (r < 0) {
        http_engine_free(engine);
        return r;
    }
    *ret_engine = engine;
    return 0;
}

void http_engine_free(struct http_engine *engine)
{
    if (!engine) {
        return;
    }
    if (engine->multi) {
        (void)curl_multi_cleanup(engine->multi);
    }
    if (engine->global) {
        curl_global_cleanup();
    }
    sd_event_source_disable_unref(engine->kick);
    sd_event_source_disable_unref(engine->timer);
    sd_event_source_disable_unref(engine->tidying);
    sd_event_source_disable_unref(engine->sockets_source);
    socket_set_free(engine->sockets);
    free(engine);
}
