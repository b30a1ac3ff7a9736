#include "caller_rig.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/base/channel.h"
#include "assent/caller/caller.h"
#include "support/handover.h"
#include "support/jail_setting.h"
#include "support/patience.h"
#include "support/remove_tree.h"

#define PATIENCE_MS 15000

static const char base_config[] = "listen = 127.0.0.1:8787\n"
                                  "log_level = debug\n"
                                  "[service daimon]\n"
                                  "path = /webhook\n"
                                  "scheme = daimon\n"
                                  "secret_file = webhook-secret\n";

/* --- its life --------------------------------------------------------------------------------- */

static void be_impatient(int fd)
{
    struct timeval patience = {.tv_sec = (time_t)(patience_ms(PATIENCE_MS) / 1000)};

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
}

static void set_path(const char *variable, const char *directory, const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    (void)setenv(variable, path, 1);
}

/* None of this is heard. */
static void tempt(const char *directory)
{
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    (void)setenv("https_proxy", "http://127.0.0.1:1", 1);
    (void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    set_path("HOME", directory, ""); /* where .netrc would be */
    set_path("NETRC", directory, ".netrc");
    set_path("SSL_CERT_FILE", directory, "own-cert.pem");
    set_path("CURL_CA_BUNDLE", directory, "own-cert.pem");
    set_path("SSLKEYLOGFILE", directory, "keys");
}

static void run_child(const char *directory, int channel)
{
    char path[128];
    int log;

    (void)snprintf(path, sizeof path, "%s/log", directory);
    log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0 || dup2(log, STDERR_FILENO) < 0 || dup2(channel, CHANNEL_FD) < 0) {
        _exit(99);
    }
    closefrom(CHANNEL_FD + 1);
    tempt(directory);
    exit(caller_main());
}

void caller_rig_start(struct caller_rig *rig)
{
    int pair[2];

    *rig = (struct caller_rig){.core = -1};
    (void)snprintf(rig->directory, sizeof rig->directory, "/tmp/assent-caller-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(rig->directory));
    caller_rig_file(rig, "webhook-secret", "whsec_of_the_rig");
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    be_impatient(pair[0]);
    (void)fflush(NULL);
    rig->pid = fork();
    ck_assert_int_ge(rig->pid, 0);
    if (rig->pid == 0) {
        run_child(rig->directory, pair[1]);
    }
    rig->channel = pair[0];
    (void)close(pair[1]);
}

static void path_in(const struct caller_rig *rig, const char *name, char path[128])
{
    (void)snprintf(path, 128, "%s/%s", rig->directory, name);
}

void caller_rig_file(struct caller_rig *rig, const char *name, const char *content)
{
    char path[128];
    FILE *file;

    path_in(rig, name, path);
    file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fchmod(fileno(file), 0600), 0);
    ck_assert_int_ge(fputs(content, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void append_with_ports(const struct caller_rig *rig, struct buffer *out, const char *text)
{
    while (*text) {
        const char *port = strstr(text, "PORT");
        const char *other = strstr(text, "OTHER");
        const char *name = !port || (other && other < port) ? other : port;

        if (!name) {
            ck_assert_int_eq(buffer_append_text(out, text), 0);
            return;
        }
        ck_assert_int_eq(buffer_append(out, text, (size_t)(name - text)), 0);
        ck_assert_int_eq(
            buffer_append_format(out, "%d", name == port ? rig->port : rig->other_port), 0);
        text = name + (name == port ? strlen("PORT") : strlen("OTHER"));
    }
}

static void load_config(struct caller_rig *rig, const char *hooks)
{
    struct config_errors errors = {0};
    struct buffer text = {0};
    char path[128];

    ck_assert_int_eq(buffer_append_format(&text, "[server]\n%s", jail_setting()), 0);
    ck_assert_int_eq(buffer_append_text(&text, base_config), 0);
    append_with_ports(rig, &text, hooks);
    caller_rig_file(rig, "assentd.conf", buffer_text(&text));
    buffer_free(&text);
    path_in(rig, "assentd.conf", path);
    config_free(rig->config);
    rig->config = NULL;
    ck_assert_msg(config_load(path, &rig->config, &errors) == 0, "%s",
                  errors.count > 0 ? errors.lines[0] : "no error was told");
}

void caller_rig_configure(struct caller_rig *rig, const char *hooks)
{
    struct buffer packed = {0};

    load_config(rig, hooks);
    ck_assert_int_eq(config_pack(rig->config, ROLE_CALLER, &packed), 0);
    handover_config(rig->channel, packed.data, packed.length);
    buffer_wipe(&packed);
}

static uint32_t await_message(struct caller_rig *rig, enum channel_message message)
{
    struct channel_packet packet;

    ck_assert_int_eq(channel_receive(rig->channel, &packet), 1);
    ck_assert_int_eq(packet.message, message);
    return packet.argument;
}

static void hand_over_stream(struct caller_rig *rig)
{
    int core = handover_stream(rig->channel, ROLE_CORE);

    if (rig->core >= 0) {
        (void)close(rig->core);
    }
    rig->core = core;
    be_impatient(rig->core);
}

void caller_rig_begin(struct caller_rig *rig, const char *hooks)
{
    caller_rig_configure(rig, hooks);
    hand_over_stream(rig);
    ck_assert_int_eq(channel_send(rig->channel, CHANNEL_START, 0, -1), 0);
    (void)await_message(rig, CHANNEL_READY);
    ck_assert_uint_eq(caller_rig_receive(rig), FRAME_HELLO);
}

void caller_rig_new_core(struct caller_rig *rig)
{
    hand_over_stream(rig);
    ck_assert_uint_eq(caller_rig_receive(rig), FRAME_HELLO);
}

uint32_t caller_rig_reloaded(struct caller_rig *rig)
{
    return await_message(rig, CHANNEL_RELOADED);
}

void caller_rig_order_stop(struct caller_rig *rig)
{
    ck_assert_int_eq(channel_send(rig->channel, CHANNEL_STOP, 0, -1), 0);
}

void caller_rig_orphan(struct caller_rig *rig)
{
    (void)close(rig->channel);
    rig->channel = -1;
}

int caller_rig_wait(struct caller_rig *rig)
{
    int status;

    ck_assert_int_eq(waitpid(rig->pid, &status, 0), rig->pid);
    rig->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void caller_rig_free(struct caller_rig *rig)
{
    if (rig->channel >= 0) {
        (void)close(rig->channel);
    }
    if (rig->core >= 0) {
        (void)close(rig->core);
    }
    if (rig->pid > 0) {
        (void)waitpid(rig->pid, NULL, 0);
    }
    config_free(rig->config);
    buffer_free(&rig->payload);
    remove_tree(rig->directory);
}

char *caller_rig_log(const struct caller_rig *rig)
{
    char path[128];
    char *text = NULL;
    size_t size = 0;
    FILE *file;

    path_in(rig, "log", path);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    if (getdelim(&text, &size, '\0', file) < 0) {
        free(text);
        text = strdup("");
    }
    (void)fclose(file);
    return text;
}

/* --- as core ---------------------------------------------------------------------------------- */

static void send_frame(struct caller_rig *rig, uint16_t type, const struct buffer *payload)
{
    uint32_t length = (uint32_t)payload->length + 2;
    unsigned char header[6] = {(unsigned char)length,         (unsigned char)(length >> 8),
                               (unsigned char)(length >> 16), (unsigned char)(length >> 24),
                               (unsigned char)type,           (unsigned char)(type >> 8)};
    size_t sent = 0;

    ck_assert_int_eq(send(rig->core, header, sizeof header, MSG_NOSIGNAL), sizeof header);
    while (sent < payload->length) {
        ssize_t count = send(rig->core, payload->data + sent, payload->length - sent, MSG_NOSIGNAL);

        ck_assert_int_gt(count, 0);
        sent += (size_t)count;
    }
}

void caller_rig_send_start(struct caller_rig *rig, const char *hook, const char *key,
                           const char *record)
{
    const struct config_hook *config = config_hook(rig->config, hook);
    struct protocol_start start = {
        .attempt = {.key = key, .item = PROTOCOL_NO_ITEM, .n = rig->repeats + 1},
        .job = 17,
        .hook = hook,
        .record = record,
        .record_length = strlen(record),
    };
    struct buffer payload = {0};

    ck_assert_msg(config != NULL, "no hook %s", hook);
    memcpy(start.digest, config->digest, sizeof start.digest);
    ck_assert_int_eq(protocol_encode_start(&payload, &start), 0);
    send_frame(rig, FRAME_START, &payload);
    buffer_free(&payload);
}

static void receive_exactly(struct caller_rig *rig, void *bytes, size_t length)
{
    ssize_t count = length > 0 ? recv(rig->core, bytes, length, MSG_WAITALL) : 0;

    ck_assert_msg(count == (ssize_t)length, "the caller sent nothing more: %s", strerror(errno));
}

uint16_t caller_rig_receive(struct caller_rig *rig)
{
    unsigned char header[6];
    size_t length;

    receive_exactly(rig, header, sizeof header);
    length = ((size_t)header[0] | (size_t)header[1] << 8 | (size_t)header[2] << 16 |
              (size_t)header[3] << 24) -
             2;
    rig->payload.length = 0;
    ck_assert_int_eq(buffer_reserve(&rig->payload, length), 0);
    receive_exactly(rig, rig->payload.data, length);
    rig->payload.length = length;
    return (uint16_t)(header[4] | header[5] << 8);
}

void caller_rig_receive_result(struct caller_rig *rig, struct protocol_result *ret_result)
{
    struct frame frame = {.type = caller_rig_receive(rig)};

    ck_assert_uint_eq(frame.type, FRAME_RESULT);
    frame.payload = rig->payload.data;
    frame.length = rig->payload.length;
    ck_assert_int_eq(protocol_decode_result(&frame, ret_result), 0);
}

static void send_attempt(struct caller_rig *rig, uint16_t type, const char *key)
{
    struct protocol_attempt attempt = {.key = key, .item = PROTOCOL_NO_ITEM, .n = rig->repeats + 1};
    struct buffer payload = {0};

    ck_assert_int_eq(protocol_encode_attempt(&payload, &attempt), 0);
    send_frame(rig, type, &payload);
    buffer_free(&payload);
}

void caller_rig_ack(struct caller_rig *rig, const char *key)
{
    send_attempt(rig, FRAME_ACK, key);
}

void caller_rig_cancel(struct caller_rig *rig, const char *key)
{
    send_attempt(rig, FRAME_CANCEL, key);
}

void caller_rig_peek(struct caller_rig *rig, const char *key, struct protocol_peeked *ret_peeked)
{
    struct frame frame;

    send_attempt(rig, FRAME_PEEK, key);
    frame.type = caller_rig_receive(rig);
    ck_assert_uint_eq(frame.type, FRAME_PEEKED);
    frame.payload = rig->payload.data;
    frame.length = rig->payload.length;
    ck_assert_int_eq(protocol_decode_peeked(&frame, ret_peeked), 0);
    ck_assert_str_eq(ret_peeked->attempt.key, key);
}

void caller_rig_send_lookup(struct caller_rig *rig, uint64_t id, const char *hook,
                            const char *record)
{
    const struct config_hook *config = config_hook(rig->config, hook);
    struct protocol_lookup lookup = {
        .id = id, .hook = hook, .record = record, .record_length = strlen(record)};
    struct buffer payload = {0};

    ck_assert_msg(config != NULL, "no hook %s", hook);
    memcpy(lookup.digest, config->digest, sizeof lookup.digest);
    ck_assert_int_eq(protocol_encode_lookup(&payload, &lookup), 0);
    send_frame(rig, FRAME_LOOKUP, &payload);
    buffer_free(&payload);
}

void caller_rig_receive_looked_up(struct caller_rig *rig, struct protocol_looked_up *ret_looked_up)
{
    struct frame frame = {.type = caller_rig_receive(rig)};

    ck_assert_uint_eq(frame.type, FRAME_LOOKED_UP);
    frame.payload = rig->payload.data;
    frame.length = rig->payload.length;
    ck_assert_int_eq(protocol_decode_looked_up(&frame, ret_looked_up), 0);
}

void caller_rig_run(struct caller_rig *rig, const char *hook, const char *record,
                    struct protocol_result *ret_result)
{
    static unsigned runs;
    char key[32];

    (void)snprintf(key, sizeof key, "key-%u", ++runs);
    caller_rig_send_start(rig, hook, key, record);
    caller_rig_receive_result(rig, ret_result);
    ck_assert_str_eq(ret_result->attempt.key, key);
    caller_rig_ack(rig, key);
}
