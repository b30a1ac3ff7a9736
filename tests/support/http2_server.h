/*
 * An HTTP/2 server over TLS for tests: nghttpd, which says in its log what it sees.
 *
 * Owns: its process and its log. Runs in: the test's process. May call: fork and exec of nghttpd,
 * tls_server for the certificate.
 */
#ifndef TESTS_SUPPORT_HTTP2_SERVER_H
#define TESTS_SUPPORT_HTTP2_SERVER_H

#include <stddef.h>
#include <sys/types.h>

#include "support/tls_server.h"

struct http2_server {
    pid_t pid;
    int port;
    char log[160];
};

/* Serves the files of `directory` over TLS on that port of 127.0.0.1, whatever the method is; what
 * is posted to a file that is not there is answered with 404. Returns when it listens. */
void http2_server_start(struct http2_server *server, const struct tls_server *certified,
                        const char *directory, int port);
/* How often that text stands in the log. */
size_t http2_server_count(const struct http2_server *server, const char *text);
void http2_server_stop(struct http2_server *server);

/* What the log says of a connection over which it was agreed to speak HTTP/2. */
#define HTTP2_SERVER_CONNECTION "The negotiated protocol: h2"

#endif
