/*
 * A real HTTP server on loopback for tests: it does what it is told to, also what no server should,
 * and keeps every request that arrived whole.
 *
 * It reads bytes itself, so that a connection can be cut at any point. Plain HTTP/1.1, a body with
 * Content-Length only; one request for each connection, but for scripts that keep it.
 *
 * Owns: its socket, a thread for each connection, the requests. Runs in: the test's process, on
 * threads of its own; start it after forking. May call: Check's assertions in the caller's thread.
 */
#ifndef TESTS_SUPPORT_HTTP_SERVER_H
#define TESTS_SUPPORT_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_server;

enum http_server_manner {
    HTTP_SERVER_ANSWERS,
    HTTP_SERVER_HANGS_UP,      /* as soon as somebody connected */
    HTTP_SERVER_NEVER_READS,   /* and never answers */
    HTTP_SERVER_NEVER_ANSWERS, /* but reads the request */
    HTTP_SERVER_HOLDS,         /* the request until http_server_release, then answers it */
    HTTP_SERVER_CUTS,          /* the connection, having read the request */
    HTTP_SERVER_CONTINUES,     /* says 100 Continue, then cuts */
    HTTP_SERVER_CUTS_HEADER,   /* in the middle of the answer's header */
    HTTP_SERVER_FLOODS_HEADER, /* a header of `repeat` lines */
    HTTP_SERVER_CUTS_BODY,     /* in the middle of the answer's body */
    HTTP_SERVER_STALLS,        /* there, without end */
    HTTP_SERVER_BABBLES,       /* something that is not HTTP */
    HTTP_SERVER_SAYS_MORE,     /* answers, and after http_server_release the same unasked */
};

/* What is done with requests for a path. All texts are copied. */
struct http_server_script {
    const char *path; /* without the query */
    enum http_server_manner manner;
    int status;          /* 0: 200 */
    const char *phrase;  /* NULL: OK */
    const char *headers; /* lines that end in CRLF; NULL: none */
    const char *body;    /* NULL: none */
    uint64_t repeat;     /* how often the body is sent in one answer; 0: once */
    int delay_ms;        /* before the answer */
    bool keeps;          /* the connection, for another request */
};

struct http_server_request {
    char *method;
    char *url;     /* as in the request line */
    char *headers; /* the lines as they came, each with a CRLF before it */
    char *body;    /* with a NUL behind it */
    size_t body_length;
};

/* Starts on an ephemeral port of 127.0.0.1. Requests for a path that has no script are answered
 * with 200; manners that do not read the request go by the script whose path is "". */
struct http_server *http_server_start(void);
int http_server_port(const struct http_server *server);
/* Adds a script, or replaces the one of that path. */
void http_server_script(struct http_server *server, const struct http_server_script *script);

/* Waits until `count` requests have come, up to 10 s (patience_ms), and says how many there are. */
size_t http_server_wait(struct http_server *server, size_t count);
/* Answers all that is held, and holds nothing any more. */
void http_server_release(struct http_server *server);
/* The request of that index, in the order in which they arrived. Valid until the server stops. */
const struct http_server_request *http_server_request(struct http_server *server, size_t index);
/* Connections so far, those without a request too. */
size_t http_server_connections(struct http_server *server);
/* Those that are open. */
size_t http_server_open(struct http_server *server);
/* Waits until none is, up to 10 s (patience_ms), and says how many there are. */
size_t http_server_wait_closed(struct http_server *server);
/* The value of a header in `ret_value`, cut at `size`; returns how often that header is there. */
size_t http_server_header(const struct http_server_request *request, const char *name,
                          char *ret_value, size_t size);

/* Cuts every connection, and forgets everything. Takes NULL. */
void http_server_stop(struct http_server *server);

#endif
