/*
 * The service that a hook of the demo calls beside the approval service: a team's chat, over real HTTP.
 *
 *   chat DIRECTORY      prints its port, then serves until SIGTERM
 *
 *   POST /team          one line with the text in DIRECTORY/team
 *
 * One thread of libmicrohttpd serves, so nothing here needs a lock.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <jansson.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_LIMIT      (1u << 20)
#define CONNECTION_TIME 10

/* A request's body while it arrives. */
struct call {
    char body[BODY_LIMIT];
    size_t length;
};

struct reply {
    unsigned status;
    json_t *body;
};

static struct reply error_reply(unsigned status, const char *code)
{
    return (struct reply){status, json_pack("{s:s}", "error", code)};
}

static struct reply tell_team(FILE *team, const json_t *message)
{
    const char *text = json_string_value(json_object_get(message, "text"));

    if (!text) {
        return error_reply(MHD_HTTP_BAD_REQUEST, "invalid_request");
    }
    (void)fprintf(team, "%s\n", text);
    (void)fflush(team);
    return (struct reply){MHD_HTTP_OK, json_pack("{s:b}", "ok", 1)};
}

static struct reply serve(FILE *team, const char *method, const char *path, const struct call *call)
{
    json_t *message;
    struct reply reply;

    if (strcmp(method, MHD_HTTP_METHOD_POST) != 0 || strcmp(path, "/team") != 0) {
        return error_reply(MHD_HTTP_NOT_FOUND, "not_found");
    }
    message = json_loadb(call->body, call->length, JSON_REJECT_DUPLICATES, NULL);
    reply = tell_team(team, message);
    json_decref(message);
    return reply;
}

static enum MHD_Result answer(struct MHD_Connection *connection, struct reply reply)
{
    char *text = json_dumps(reply.body, JSON_COMPACT);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result result;

    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    result = MHD_queue_response(connection, reply.status, response);
    MHD_destroy_response(response);
    json_decref(reply.body);
    return result;
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_length, void **state)
{
    struct call *call = *state;

    (void)version;
    if (!call) {
        *state = calloc(1, sizeof *call);
        return *state ? MHD_YES : MHD_NO;
    }
    if (*upload_length > 0) {
        if (*upload_length > sizeof call->body - call->length) {
            return MHD_NO;
        }
        memcpy(call->body + call->length, upload, *upload_length);
        call->length += *upload_length;
        *upload_length = 0;
        return MHD_YES;
    }
    return answer(connection, serve(userdata, method, path, call));
}

static void on_completed(void *userdata, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how)
{
    (void)userdata;
    (void)connection;
    (void)how;
    free(*state);
    *state = NULL;
}

static FILE *open_record(int directory, const char *name)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    return fd < 0 ? NULL : fdopen(fd, "a");
}

static struct MHD_Daemon *start(FILE *team)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                            on_request, team, MHD_OPTION_SOCK_ADDR, &address,
                            MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIME,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
}

int main(int argc, char **argv)
{
    const union MHD_DaemonInfo *info;
    struct MHD_Daemon *daemon;
    sigset_t ends;
    int directory = argc == 2 ? open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    FILE *team = open_record(directory, "team");
    int received;

    if (!team) {
        (void)fputs("usage: chat DIRECTORY\n", stderr);
        return EXIT_FAILURE;
    }
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    daemon = start(team);
    info = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    if (!info || printf("%u\n", info->port) < 0 || fflush(stdout) != 0) {
        return EXIT_FAILURE;
    }
    (void)sigwait(&ends, &received);
    MHD_stop_daemon(daemon);
    return EXIT_SUCCESS;
}
