/*
 * What to compare with: libmicrohttpd with the gate's flags, and a handler that answers 200 to
 * everything unseen.
 *
 *   bare_http PORT      runs until standard input ends
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char body[] = "{\"result\":{\"outcome\":\"matched\"}}";

static enum MHD_Result answer(void *userdata, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **context)
{
    static int seen;

    (void)userdata;
    (void)url;
    (void)method;
    (void)version;
    (void)upload;
    if (!*context) {
        *context = &seen;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(
        sizeof body - 1, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);

    if (!response) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, "Content-Type", "application/json");
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    enum MHD_Result queued = MHD_queue_response(connection, MHD_HTTP_OK, response);

    MHD_destroy_response(response);
    return queued;
}

int main(int argc, char **argv)
{
    long port = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    struct sockaddr_in address = {.sin_family = AF_INET};
    char ignored[256];

    if (port < 1 || port > 65535) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return EXIT_FAILURE;
    }
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                         answer, NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_THREAD_POOL_SIZE,
                         2U, MHD_OPTION_CONNECTION_LIMIT, 1024U, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                         (size_t)24 << 10, MHD_OPTION_CONNECTION_TIMEOUT, 10U, MHD_OPTION_END);

    if (!daemon) {
        fprintf(stderr, "%s: can't listen on port %ld\n", argv[0], port);
        return EXIT_FAILURE;
    }
    while (read(STDIN_FILENO, ignored, sizeof ignored) > 0) {
    }
    MHD_stop_daemon(daemon);
    return EXIT_SUCCESS;
}
