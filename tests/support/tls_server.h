/*
 * A TLS server with a self-signed certificate, for tests: openssl's own.
 *
 * Owns: its process. Runs in: the test's process. May call: fork and exec of openssl.
 */
#ifndef TESTS_SUPPORT_TLS_SERVER_H
#define TESTS_SUPPORT_TLS_SERVER_H

#include <stddef.h>
#include <sys/types.h>

struct tls_server {
    pid_t pid;
    int port;
    int input; /* -1: none */
    int output;
    char certificate[160]; /* its file, in PEM */
    char key[160];
};

/* Makes a key and a certificate for `name` (`DNS:localhost`, `IP:127.0.0.1`) in the directory:
 * PREFIX-cert.pem and PREFIX-key.pem. Fills certificate and key. */
void tls_server_certify(struct tls_server *server, const char *directory, const char *prefix,
                        const char *name);
/* Listens on 127.0.0.1 and answers every GET with 200. */
void tls_server_start(struct tls_server *server);
/* Answers a GET with the file of that name in the directory, which is a whole answer, header
 * included. */
void tls_server_start_serving(struct tls_server *server, const char *directory);
/* Speaks HTTP/2 if it is asked to, or says so at least: the first that connects is sent these bytes,
 * whatever it says; those that come after it nothing. */
void tls_server_start_http2(struct tls_server *server, const void *bytes, size_t length);
/* How often that text came to it so far, if it speaks HTTP/2. To be asked once. */
size_t tls_server_count(struct tls_server *server, const char *text);
void tls_server_stop(struct tls_server *server);

#endif
