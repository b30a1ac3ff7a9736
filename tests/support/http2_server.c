#include "support/http2_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000
#define PAUSE_MS    10

static void run_nghttpd(const struct http2_server *server, const struct tls_server *certified,
                        const char *directory)
{
    int null = open("/dev/null", O_RDONLY);
    int log = open(server->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    char port[16];
    const char *const arguments[] = {"nghttpd",   "-v",           "-a",
                                     "127.0.0.1", "-d",           directory,
                                     port,        certified->key, certified->certificate,
                                     NULL};

    (void)snprintf(port, sizeof port, "%d", server->port);
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(log, STDOUT_FILENO);
    (void)dup2(log, STDERR_FILENO);
    closefrom(STDERR_FILENO + 1);
    (void)execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    /* Debian has it where the PATH of users does not lead. */
    (void)execv("/usr/sbin/nghttpd", (char *const *)(uintptr_t)arguments);
    _exit(127);
}

static bool listens(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

    (void)close(fd);
    return connected;
}

void http2_server_start(struct http2_server *server, const struct tls_server *certified,
                        const char *directory, int port)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    bool ready = false;

    server->port = port;
    (void)snprintf(server->log, sizeof server->log, "%s/http2-log", directory);
    server->pid = fork();
    ck_assert_int_ge(server->pid, 0);
    if (server->pid == 0) {
        run_nghttpd(server, certified, directory);
    }
    for (int waited = 0; !ready && waited < PATIENCE_MS; waited += PAUSE_MS) {
        ck_assert_msg(waitpid(server->pid, NULL, WNOHANG) == 0,
                      "nghttpd, of the package nghttp2-server, did not start");
        ready = listens(port);
        if (!ready) {
            (void)nanosleep(&pause, NULL);
        }
    }
    ck_assert_msg(ready, "nghttpd does not listen");
}

size_t http2_server_count(const struct http2_server *server, const char *text)
{
    FILE *file = fopen(server->log, "re");
    char *line = NULL;
    size_t size = 0;
    size_t count = 0;

    ck_assert_ptr_nonnull(file);
    while (getline(&line, &size, file) >= 0) {
        count += strstr(line, text) != NULL;
    }
    free(line);
    (void)fclose(file);
    return count;
}

void http2_server_stop(struct http2_server *server)
{
    (void)kill(server->pid, SIGKILL);
    (void)waitpid(server->pid, NULL, 0);
}
