#include "integration/gate_rig.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/config/config.h"
#include "assent/gate/gate.h"
#include "support/handover.h"
#include "support/jail_setting.h"

static void await_readable(int fd, const char *what)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    ck_assert_msg(poll(&poll_fd, 1, RIG_PATIENCE_MS) == 1, "waited in vain for %s", what);
}

/* Returns false at the end of the stream. */
static bool read_exactly(int fd, void *bytes, size_t length, const char *what)
{
    size_t done = 0;

    while (done < length) {
        await_readable(fd, what);
        ssize_t count = recv(fd, (char *)bytes + done, length - done, 0);

        ck_assert_msg(count >= 0, "%s: %s", what, strerror(errno));
        if (count == 0) {
            return false;
        }
        done += (size_t)count;
    }
    return true;
}

static void write_all(int fd, const void *bytes, size_t length)
{
    size_t done = 0;

    while (done < length) {
        ssize_t count = send(fd, (const char *)bytes + done, length - done, MSG_NOSIGNAL);

        ck_assert_msg(count > 0, "send: %s", strerror(errno));
        done += (size_t)count;
    }
}

/* --- the process ------------------------------------------------------------------------------ */

static int listen_on_loopback(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    ck_assert(listen(fd, 512) == 0);
    ck_assert(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static int listen_on_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path) + 1);
    ck_assert(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    ck_assert(listen(fd, 512) == 0);
    return fd;
}

static void send_with_fd(struct rig *rig, enum channel_message message, uint32_t argument, int fd)
{
    ck_assert_int_eq(channel_send(rig->channel, message, argument, fd), 0);
}

static uint32_t await_message(struct rig *rig, enum channel_message message)
{
    struct channel_packet packet;

    await_readable(rig->channel, "the gate's message to the supervisor");
    ck_assert_int_eq(channel_receive(rig->channel, &packet), 1);
    ck_assert_int_eq(packet.message, message);
    return packet.argument;
}

static void write_config(struct rig *rig, const char *const *services, char *ret_path, size_t size)
{
    (void)snprintf(ret_path, size, "%s/assentd.conf", rig->directory);
    FILE *file = fopen(ret_path, "we");

    ck_assert_ptr_nonnull(file);
    fprintf(file, "[server]\nlisten = 127.0.0.1:8787\nmax_body = %d\n%s", RIG_MAX_BODY,
            jail_setting());
    fprintf(file, "%s", rig->settings ? rig->settings : "");
    for (size_t i = 0; services[i]; i++) {
        fprintf(file, "[service s%zu]\npath = %s\nscheme = none\nallow_unsigned = yes\n", i,
                services[i]);
    }
    ck_assert_int_eq(fclose(file), 0);
}

static void pack_services(struct rig *rig, const char *const *services, struct buffer *out)
{
    char path[128];
    struct config *config = NULL;
    struct config_errors errors = {0};

    write_config(rig, services, path, sizeof path);
    int r = config_load(path, &config, &errors);

    ck_assert_msg(r == 0, "%s", errors.count ? errors.lines[0] : strerror(-r));
    ck_assert_int_eq(config_pack(config, rig->role, out), 0);
    config_free(config);
    (void)unlink(path);
}

/* No assertion of Check may be made here: it would write to a descriptor that is another now. */
static void run_gate(struct rig *rig, int channel)
{
    int nothing = fcntl(open("/dev/null", O_RDWR), F_DUPFD, 10);
    struct rlimit limit;

    channel = fcntl(channel, F_DUPFD, 10);
    if (dup2(channel, CHANNEL_FD) != CHANNEL_FD || dup2(nothing, CHANNEL_LOCK_FD) < 0 ||
        close_range(CHANNEL_LOCK_FD + 1, ~0U, 0) < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        abort();
    }
    limit.rlim_cur = RIG_DESCRIPTORS;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    exit(gate_main(rig->role));
}

static void fork_gate(struct rig *rig)
{
    int pair[2];

    ck_assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    fflush(NULL);
    rig->pid = fork();
    ck_assert(rig->pid >= 0);
    if (rig->pid == 0) {
        run_gate(rig, pair[1]);
    }
    close(pair[1]);
    rig->channel = pair[0];
}

void rig_new_core(struct rig *rig)
{
    rig->core = handover_stream(rig->channel, ROLE_CORE);
}

void rig_start(struct rig *rig, enum role role, const char *const *services)
{
    rig_start_with(rig, role, services, NULL);
}

void rig_start_with(struct rig *rig, enum role role, const char *const *services,
                    const char *settings)
{
    struct buffer bytes = {0};

    *rig = (struct rig){.role = role, .settings = settings};
    rig->listener = listen_on_loopback(&rig->port);
    (void)snprintf(rig->directory, sizeof rig->directory, "/tmp/assent-test-gate-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(rig->directory));
    (void)snprintf(rig->socket_path, sizeof rig->socket_path, "%s/gate.sock", rig->directory);
    rig->unix_listener = listen_on_path(rig->socket_path);
    fork_gate(rig);
    pack_services(rig, services, &bytes);
    handover_config(rig->channel, bytes.data, bytes.length);
    buffer_free(&bytes);
    send_with_fd(rig, CHANNEL_LISTEN, 0, rig->listener);
    send_with_fd(rig, CHANNEL_LISTEN, 0, rig->unix_listener);
    rig_new_core(rig);
    send_with_fd(rig, CHANNEL_START, 0, -1);
    (void)await_message(rig, CHANNEL_READY);
}

int rig_reload_bytes(struct rig *rig, const void *bytes, size_t length)
{
    handover_config(rig->channel, bytes, length);
    return -(int)await_message(rig, CHANNEL_RELOADED);
}

int rig_reload(struct rig *rig, const char *const *services)
{
    struct buffer bytes = {0};

    pack_services(rig, services, &bytes);
    int r = rig_reload_bytes(rig, bytes.data, bytes.length);

    buffer_free(&bytes);
    return r;
}

void rig_end_core(struct rig *rig)
{
    close(rig->core);
    rig->core = -1;
}

void rig_order_stop(struct rig *rig)
{
    send_with_fd(rig, CHANNEL_STOP, 0, -1);
}

int rig_wait(struct rig *rig)
{
    struct channel_packet packet;
    int status = 0;

    /* Its end closes the channel. */
    do {
        await_readable(rig->channel, "the end of the gate");
    } while (channel_receive(rig->channel, &packet) == 1);
    ck_assert(waitpid(rig->pid, &status, 0) == rig->pid);
    close(rig->channel);
    close(rig->listener);
    close(rig->unix_listener);
    if (rig->core >= 0) {
        close(rig->core);
    }
    (void)unlink(rig->socket_path);
    (void)rmdir(rig->directory);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void rig_stop(struct rig *rig)
{
    rig_order_stop(rig);
    ck_assert_int_eq(rig_wait(rig), 0);
}

/* --- as core ---------------------------------------------------------------------------------- */

void core_receive(struct rig *rig, struct core_frame *ret_frame)
{
    unsigned char header[6];

    *ret_frame = (struct core_frame){0};
    ck_assert(read_exactly(rig->core, header, sizeof header, "a frame from the gate"));
    size_t length = ((size_t)header[0] | (size_t)header[1] << 8 | (size_t)header[2] << 16 |
                     (size_t)header[3] << 24) -
                    2;

    ret_frame->type = (uint16_t)(header[4] | header[5] << 8);
    ck_assert_int_eq(buffer_reserve(&ret_frame->payload, length + 1), 0);
    ck_assert(read_exactly(rig->core, ret_frame->payload.data, length, "the rest of a frame"));
    ret_frame->payload.length = length;

    struct frame frame = {ret_frame->type, ret_frame->payload.data, length};

    if (frame.type == FRAME_REQUEST) {
        ck_assert_int_eq(protocol_decode_request(&frame, &ret_frame->request), 0);
    } else if (frame.type == FRAME_GONE || frame.type == FRAME_TAKEN) {
        ck_assert_int_eq(protocol_decode_gone(&frame, &ret_frame->gone), 0);
    }
}

uint64_t core_receive_id(struct rig *rig)
{
    struct core_frame frame;

    core_receive(rig, &frame);
    ck_assert_int_eq(frame.type, FRAME_REQUEST);
    uint64_t id = frame.request.id;

    core_frame_free(&frame);
    return id;
}

void core_say(struct rig *rig, enum protocol_frame type, const struct buffer *payload)
{
    size_t length = payload->length + 2;
    unsigned char header[6] = {(unsigned char)length,         (unsigned char)(length >> 8),
                               (unsigned char)(length >> 16), (unsigned char)(length >> 24),
                               (unsigned char)type,           0};

    write_all(rig->core, header, sizeof header);
    write_all(rig->core, payload->data, payload->length);
}

void core_answer(struct rig *rig, const struct protocol_response *response)
{
    struct buffer payload = {0};

    ck_assert_int_eq(protocol_encode_response(&payload, response), 0);
    core_say(rig, FRAME_RESPONSE, &payload);
    buffer_free(&payload);
}

void core_answer_text(struct rig *rig, uint64_t id, uint32_t status, const char *body)
{
    struct protocol_response response = {
        .id = id, .status = status, .body = body, .body_length = strlen(body)};

    core_answer(rig, &response);
}

void core_frame_free(struct core_frame *frame)
{
    buffer_free(&frame->payload);
}

/* --- as a client ------------------------------------------------------------------------------ */

void client_open(struct rig *rig, struct client *client)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(rig->port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *client = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ck_assert(connect(client->fd, (struct sockaddr *)&address, sizeof address) == 0);
}

void client_open_unix(struct rig *rig, struct client *client)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, rig->socket_path, sizeof rig->socket_path);
    *client = (struct client){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ck_assert(connect(client->fd, (struct sockaddr *)&address, sizeof address) == 0);
}

void client_send_bytes(struct client *client, const void *bytes, size_t length)
{
    write_all(client->fd, bytes, length);
}

void client_send(struct client *client, const char *text)
{
    write_all(client->fd, text, strlen(text));
}

void client_post(struct client *client, const char *path, const char *body)
{
    struct buffer request = {0};

    ck_assert_int_eq(buffer_append_format(&request,
                                          "POST %s HTTP/1.1\r\nHost: test\r\n"
                                          "Content-Type: application/json\r\n"
                                          "Content-Length: %zu\r\n\r\n%s",
                                          path, strlen(body), body),
                     0);
    write_all(client->fd, request.data, request.length);
    buffer_free(&request);
}

/* Returns false at the end. */
static bool receive_more(struct client *client)
{
    ck_assert_int_eq(buffer_reserve(&client->in, 65536), 0);
    await_readable(client->fd, "an answer of the gate");
    ssize_t count = recv(client->fd, client->in.data + client->in.length, 65536, 0);

    ck_assert_msg(count >= 0, "recv: %s", strerror(errno));
    client->in.length += (size_t)count;
    return count > 0;
}

void client_receive_head(struct client *client, struct reply *ret_reply)
{
    char *end;

    *ret_reply = (struct reply){0};
    while (!client->in.length ||
           !(end = memmem(client->in.data, client->in.length, "\r\n\r\n", 4))) {
        ck_assert_msg(receive_more(client), "the connection ended before an answer");
    }
    size_t length = (size_t)(end - (char *)client->in.data) + 2;

    ck_assert_uint_lt(length, sizeof ret_reply->head);
    memcpy(ret_reply->head, client->in.data, length);
    buffer_consume(&client->in, length + 2);
    ck_assert_int_eq(sscanf(ret_reply->head, "HTTP/1.%*d %d", &ret_reply->status), 1);
}

void client_receive(struct client *client, struct reply *ret_reply)
{
    client_receive_head(client, ret_reply);
    const char *length = reply_header(ret_reply, "Content-Length");

    ck_assert_ptr_nonnull(length);
    ret_reply->body_length = strtoul(length, NULL, 10);
    while (client->in.length < ret_reply->body_length) {
        ck_assert_msg(receive_more(client), "the connection ended inside of an answer");
    }
    ret_reply->body =
        strndup(client->in.length ? (char *)client->in.data : "", ret_reply->body_length);
    buffer_consume(&client->in, ret_reply->body_length);
}

int client_status(struct client *client)
{
    struct reply reply;

    client_receive(client, &reply);
    reply_free(&reply);
    return reply.status;
}

void client_expect_text(struct client *client, const char *text)
{
    size_t length = strlen(text);

    while (client->in.length < length) {
        ck_assert_msg(receive_more(client), "the connection ended before %s", text);
    }
    ck_assert_mem_eq(client->in.data, text, length);
    buffer_consume(&client->in, length);
}

void client_expect_end(struct client *client)
{
    ck_assert_uint_eq(client->in.length, 0);
    ck_assert_msg(!receive_more(client), "the connection is still open");
}

void client_close(struct client *client)
{
    close(client->fd);
    buffer_free(&client->in);
}

const char *reply_header(const struct reply *reply, const char *name)
{
    static char value[256];
    size_t length = strlen(name);

    for (const char *line = strstr(reply->head, "\r\n"); line && line[2];
         line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
            const char *text = line + 2 + length + 1;

            text += strspn(text, " ");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(text, "\r"), text);
            return value;
        }
    }
    return NULL;
}

void reply_free(struct reply *reply)
{
    free(reply->body);
    reply->body = NULL;
}

void client_expect_error(struct rig *rig, const char *text, int status, const char *code,
                         const char *allow)
{
    struct client client;
    struct reply reply;
    char start[64];

    client_open(rig, &client);
    client_send(&client, text);
    client_receive(&client, &reply);
    ck_assert_msg(reply.status == status, "%d in place of %d for %s", reply.status, status, text);
    snprintf(start, sizeof start, "{\"error\":\"%s\",\"message\":\"", code);
    ck_assert_msg(strncmp(reply.body, start, strlen(start)) == 0, "body %s", reply.body);
    ck_assert_ptr_nonnull(strstr(reply.body, "\"next_steps\":[\""));
    ck_assert_str_eq(reply_header(&reply, "Content-Type"), "application/json");
    ck_assert_str_eq(reply_header(&reply, "Cache-Control"), "no-store");
    ck_assert_str_eq(reply_header(&reply, "Connection"), "close");
    if (allow) {
        ck_assert_str_eq(reply_header(&reply, "Allow"), allow);
    } else {
        ck_assert_ptr_null(reply_header(&reply, "Allow"));
    }
    client_expect_end(&client);
    reply_free(&reply);
    client_close(&client);
}

void client_expect_service(struct rig *rig, struct client *client, const char *path)
{
    client_post(client, path, "{}");
    core_answer_text(rig, core_receive_id(rig), 200, "{}");
    ck_assert_int_eq(client_status(client), 200);
}

char *filled(size_t length)
{
    char *text = malloc(length + 1);

    ck_assert_ptr_nonnull(text);
    memset(text, 'x', length);
    text[length] = '\0';
    return text;
}
