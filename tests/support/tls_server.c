#include "support/tls_server.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs openssl in the directory with its streams, -1 being none; returns its process. */
static pid_t run_openssl(const char *const *arguments, int input, int output, const char *directory)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);

        (void)dup2(input >= 0 ? input : null, STDIN_FILENO);
        (void)dup2(null, STDERR_FILENO);
        (void)dup2(output >= 0 ? output : null, STDOUT_FILENO);
        closefrom(STDERR_FILENO + 1);
        if (chdir(directory) < 0) {
            _exit(127);
        }
        (void)execvp("openssl", (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    return pid;
}

void tls_server_certify(struct tls_server *server, const char *directory, const char *prefix,
                        const char *name)
{
    char subject[96];
    const char *const arguments[] = {
        "openssl", "req",       "-x509", "-newkey",           "rsa:2048", "-nodes",
        "-days",   "2",         "-subj", "/CN=assent-test",   "-addext",  subject,
        "-keyout", server->key, "-out",  server->certificate, NULL};
    int status;

    (void)snprintf(subject, sizeof subject, "subjectAltName=%s", name);
    (void)snprintf(server->key, sizeof server->key, "%s/%s-key.pem", directory, prefix);
    (void)snprintf(server->certificate, sizeof server->certificate, "%s/%s-cert.pem", directory,
                   prefix);
    ck_assert_int_gt(waitpid(run_openssl(arguments, -1, -1, "."), &status, 0), 0);
    ck_assert_msg(status == 0, "openssl req failed");
}

/* openssl prints `ACCEPT 127.0.0.1:PORT` when it listens. */
static int read_port(int output)
{
    char text[512];
    size_t length = 0;

    while (length < sizeof text - 1) {
        ssize_t count = read(output, text + length, sizeof text - 1 - length);
        char *accept;

        ck_assert_msg(count > 0, "openssl s_server did not start");
        length += (size_t)count;
        text[length] = '\0';
        accept = strstr(text, "ACCEPT ");
        if (accept && strchr(accept, '\n')) {
            return (int)strtol(strrchr(accept, ':') + 1, NULL, 10);
        }
    }
    ck_abort_msg("openssl s_server does not say where it listens");
    return -1;
}

static void start_openssl(struct tls_server *server, const char *const *arguments, int input,
                          const char *directory)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    server->pid = run_openssl(arguments, input, ends[1], directory);
    (void)close(ends[1]);
    server->output = ends[0];
    server->port = read_port(ends[0]);
}

static void start(struct tls_server *server, const char *manner, const char *directory)
{
    const char *const arguments[] = {
        "openssl",           "s_server", "-accept",   "127.0.0.1:0", "-cert",
        server->certificate, "-key",     server->key, manner,        NULL};

    server->input = -1;
    start_openssl(server, arguments, -1, directory);
}

void tls_server_start(struct tls_server *server)
{
    start(server, "-www", ".");
}

void tls_server_start_serving(struct tls_server *server, const char *directory)
{
    start(server, "-HTTP", directory);
}

void tls_server_start_http2(struct tls_server *server, const void *bytes, size_t length)
{
    const char *const arguments[] = {"openssl", "s_server",          "-accept", "127.0.0.1:0",
                                     "-cert",   server->certificate, "-key",    server->key,
                                     "-alpn",   "h2,http/1.1",       NULL};
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    start_openssl(server, arguments, ends[0], ".");
    (void)close(ends[0]);
    server->input = ends[1];
    ck_assert_int_eq(write(server->input, bytes, length), (ssize_t)length);
}

size_t tls_server_count(struct tls_server *server, const char *text)
{
    static char output[1u << 16];
    size_t length = strlen(text);
    size_t count = 0;
    ssize_t read_now;
    char *at = output;

    ck_assert_int_eq(fcntl(server->output, F_SETFL, O_NONBLOCK), 0);
    read_now = read(server->output, output, sizeof output);
    while (read_now > 0 && (at = memmem(at, (size_t)(output + read_now - at), text, length))) {
        at += length;
        count++;
    }
    return count;
}

void tls_server_stop(struct tls_server *server)
{
    (void)kill(server->pid, SIGKILL);
    (void)waitpid(server->pid, NULL, 0);
    (void)close(server->output);
    if (server->input >= 0) {
        (void)close(server->input);
    }
}
