#include "integration/core_rig.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/base/channel.h"
#include "assent/core/core.h"
#include "assent/domain/signature.h"
#include "support/handover.h"
#include "support/jail_setting.h"
#include "support/remove_tree.h"

static const char configuration[] = "[server]\n"
                                    "listen = 127.0.0.1:8787\n%s"
                                    "[store]\n"
                                    "path = %s/assentd.db\n"
                                    "[service daimon]\n"
                                    "path = " CORE_RIG_PATH "\n"
                                    "scheme = daimon\n"
                                    "secret_file = daimon-secret\n"
                                    "[service other]\n"
                                    "path = " CORE_RIG_OTHER_PATH "\n"
                                    "scheme = daimon\n"
                                    "secret_file = other-secret\n"
                                    "[service asked]\n"
                                    "path = /webhook/asked\n"
                                    "scheme = url-token\n"
                                    "url = http://127.0.0.1:9\n"
                                    "callback_url = http://127.0.0.1:8787/webhook/asked\n"
                                    "[action pay]\n"
                                    "on_granted = pay-program, pay-call\n"
                                    "[action slow]\n"
                                    "on_granted = retry-program\n"
                                    "[hook pay-program]\n"
                                    "exec = /bin/true\n"
                                    "[hook retry-program]\n"
                                    "exec = /bin/true\n"
                                    "on_interrupt = retry\n"
                                    "[hook pay-call]\n"
                                    "http = POST http://127.0.0.1:9/\n";

static void await_readable(int fd, const char *what)
{
    struct pollfd source = {.fd = fd, .events = POLLIN};

    ck_assert_msg(poll(&source, 1, CORE_RIG_PATIENCE_MS) == 1, "waited in vain for %s", what);
}

/* --- the process ------------------------------------------------------------------------------ */

static void write_file(const struct core_rig *rig, const char *name, const char *text)
{
    char path[128];
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s", rig->directory, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static void load_config(struct core_rig *rig, bool with_actions)
{
    struct config_errors errors = {0};
    char path[128];
    char text[2 * sizeof configuration];
    int r;

    (void)snprintf(text, sizeof text, configuration, jail_setting(), rig->directory);
    if (!with_actions) {
        *strstr(text, "[action ") = '\0';
    }
    write_file(rig, "assentd.conf", text);
    write_file(rig, "daimon-secret", CORE_RIG_SECRET);
    write_file(rig, "other-secret", CORE_RIG_OTHER_SECRET);
    (void)snprintf(path, sizeof path, "%s/assentd.conf", rig->directory);
    r = config_load(path, &rig->config, &errors);
    ck_assert_msg(r == 0, "%s", errors.count > 0 ? errors.lines[0] : strerror(-r));
    config_errors_free(&errors);
}

/* No assertion of Check may be made here: it would write to a descriptor that is another now. */
static _Noreturn void become_core(const struct core_rig *rig, int channel)
{
    char path[128];
    int lock;
    int log;

    (void)snprintf(path, sizeof path, "%s/assentd.db.lock", rig->directory);
    lock = fcntl(open(path, O_RDWR | O_CREAT, 0600), F_DUPFD, 10);
    (void)snprintf(path, sizeof path, "%s/log", rig->directory);
    log = fcntl(open(path, O_WRONLY | O_CREAT | O_APPEND, 0600), F_DUPFD, 10);
    channel = fcntl(channel, F_DUPFD, 10);
    if (dup2(log, STDERR_FILENO) < 0 || dup2(channel, CHANNEL_FD) < 0 ||
        dup2(lock, CHANNEL_LOCK_FD) < 0 || close_range(CHANNEL_LOCK_FD + 1, ~0U, 0) < 0) {
        abort();
    }
    exit(core_main());
}

static void fork_core(struct core_rig *rig)
{
    int channel[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), 0);
    (void)fflush(NULL);
    rig->pid = fork();
    ck_assert_int_ge(rig->pid, 0);
    if (rig->pid == 0) {
        become_core(rig, channel[1]);
    }
    (void)close(channel[1]);
    rig->channel = channel[0];
}

static void send_config(struct core_rig *rig)
{
    struct buffer bytes = {0};

    ck_assert_int_eq(config_pack(rig->config, ROLE_CORE, &bytes), 0);
    handover_config(rig->channel, bytes.data, bytes.length);
    buffer_wipe(&bytes);
}

static uint32_t await_message(struct core_rig *rig, enum channel_message message)
{
    struct channel_packet packet;
    int r;

    await_readable(rig->channel, "core's message to the supervisor");
    r = channel_receive(rig->channel, &packet);
    if (r != 1) {
        char *log = core_rig_log(rig);

        ck_abort_msg("core ended:\n%s", log);
    }
    ck_assert_int_eq(packet.message, message);
    return packet.argument;
}

static void connect_role(struct core_rig *rig, enum role role)
{
    rig->ends[role].fd = handover_stream(rig->channel, role);
    /* A frame of which the end was never said would hide the beginning of the next. */
    rig->ends[role].taken = rig->ends[role].heard.length;
}

static void start_core(struct core_rig *rig)
{
    fork_core(rig);
    send_config(rig);
    for (int role = 0; role < ROLE_COUNT; role++) {
        rig->ends[role].fd = -1;
        if (role != ROLE_CORE) {
            connect_role(rig, (enum role)role);
        }
    }
}

void core_rig_begin(struct core_rig *rig)
{
    ck_assert_int_eq(channel_send(rig->channel, CHANNEL_START, 0, -1), 0);
    (void)await_message(rig, CHANNEL_READY);
}

void core_rig_open(struct core_rig *rig)
{
    *rig = (struct core_rig){.pid = 0};
    (void)snprintf(rig->directory, sizeof rig->directory, "/tmp/assent-test-core-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(rig->directory));
    load_config(rig, true);
    start_core(rig);
    core_rig_begin(rig);
}

static void close_ends(struct core_rig *rig)
{
    (void)close(rig->channel);
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (rig->ends[role].fd >= 0) {
            (void)close(rig->ends[role].fd);
        }
    }
}

void core_rig_kill_and_restart(struct core_rig *rig)
{
    ck_assert_int_eq(kill(rig->pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(rig->pid, NULL, 0), rig->pid);
    close_ends(rig);
    start_core(rig);
}

void core_rig_reload_without_hooks(struct core_rig *rig)
{
    config_free(rig->config);
    load_config(rig, false);
    send_config(rig);
    ck_assert_uint_eq(await_message(rig, CHANNEL_RELOADED), 0);
}

/* Whatever was said, nobody can write a line of the log that is not core's own. */
static void expect_clean_log(const struct core_rig *rig)
{
    char *log = core_rig_log(rig);

    for (char *line = log; *line;) {
        size_t length = strcspn(line, "\n");

        ck_assert_msg(strncmp(line, "time=", 5) == 0 && strstr(line, " role=core "),
                      "not core's own line: %.*s", (int)length, line);
        for (size_t i = 0; i < length; i++) {
            ck_assert_msg(line[i] >= ' ' && line[i] <= '~', "byte %02x in the log",
                          (unsigned char)line[i]);
        }
        line += length + (line[length] == '\n');
    }
    ck_assert_ptr_null(strstr(log, CORE_RIG_SECRET));
    ck_assert_ptr_null(strstr(log, CORE_RIG_OTHER_SECRET));
    free(log);
}

static void stop(struct core_rig *rig)
{
    struct channel_packet packet;
    int status = 0;

    ck_assert_int_eq(channel_send(rig->channel, CHANNEL_STOP, 0, -1), 0);
    await_readable(rig->channel, "core's end");
    ck_assert_msg(channel_receive(rig->channel, &packet) == 0, "core had something to say");
    ck_assert_int_eq(waitpid(rig->pid, &status, 0), rig->pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "core ended with %x",
                  (unsigned)status);
}

void core_rig_close(struct core_rig *rig)
{
    stop(rig);
    expect_clean_log(rig);
    close_ends(rig);
    for (int role = 0; role < ROLE_COUNT; role++) {
        buffer_free(&rig->ends[role].heard);
    }
    config_free(rig->config);
    remove_tree(rig->directory);
}

int core_rig_replace_only(struct core_rig *rig, enum role role)
{
    int old = rig->ends[role].fd;

    connect_role(rig, role);
    return old;
}

void core_rig_replace(struct core_rig *rig, enum role role)
{
    if (rig->ends[role].fd >= 0) {
        (void)close(rig->ends[role].fd);
    }
    connect_role(rig, role);
}

void core_rig_expect_broken(struct core_rig *rig, enum role role)
{
    struct frame frame;

    while (core_rig_hear(rig, role, &frame)) {
    }
    ck_assert_uint_eq(await_message(rig, CHANNEL_BROKEN), role);
}

void core_rig_expect_broken_and_replace(struct core_rig *rig, enum role role)
{
    core_rig_expect_broken(rig, role);
    core_rig_replace(rig, role);
}

void core_rig_forgive(struct core_rig *rig, enum role role)
{
    struct pollfd source = {.fd = rig->channel, .events = POLLIN};

    while (poll(&source, 1, 0) == 1) {
        ck_assert_uint_eq(await_message(rig, CHANNEL_BROKEN), role);
    }
}

static char *read_all(const char *path)
{
    struct buffer bytes = {0};
    char piece[65536];
    FILE *file = fopen(path, "re");
    size_t length;

    while (file && (length = fread(piece, 1, sizeof piece, file)) > 0) {
        ck_assert_int_eq(buffer_append(&bytes, piece, length), 0);
    }
    if (file) {
        (void)fclose(file);
    }
    return buffer_take_text(&bytes);
}

long core_rig_memory(const struct core_rig *rig)
{
    char path[64];
    char *text;
    const char *line;
    long size = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)rig->pid);
    text = read_all(path);
    line = strstr(text, "VmRSS:");
    ck_assert_ptr_nonnull(line);
    size = strtol(line + strlen("VmRSS:"), NULL, 10);
    free(text);
    return size;
}

char *core_rig_log(const struct core_rig *rig)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/log", rig->directory);
    return read_all(path);
}

int core_rig_log_count(const struct core_rig *rig, const char *text)
{
    char *log = core_rig_log(rig);
    int count = 0;

    for (const char *at = log; (at = strstr(at, text)); at += strlen(text)) {
        count++;
    }
    free(log);
    return count;
}

/* --- the other end of a stream ---------------------------------------------------------------- */

#define HEADER_SIZE 6

void core_rig_frame(struct buffer *out, uint16_t type, const struct buffer *payload)
{
    size_t length = payload->length + 2;
    const unsigned char header[HEADER_SIZE] = {
        (unsigned char)length,         (unsigned char)(length >> 8), (unsigned char)(length >> 16),
        (unsigned char)(length >> 24), (unsigned char)type,          (unsigned char)(type >> 8)};

    ck_assert_int_eq(buffer_append(out, header, sizeof header), 0);
    ck_assert_int_eq(buffer_append(out, payload->data, payload->length), 0);
}

ssize_t core_rig_say_at_once(struct core_rig *rig, enum role role, const void *bytes, size_t length)
{
    ssize_t sent = send(rig->ends[role].fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && errno == EAGAIN) {
        return 0;
    }
    ck_assert_msg(sent >= 0 || errno == EPIPE || errno == ECONNRESET, "send: %s", strerror(errno));
    return sent;
}

/* Listens while core is not ready to: two that only talk would wait for each other. */
bool core_rig_say_bytes(struct core_rig *rig, enum role role, const void *bytes, size_t length)
{
    size_t done = 0;

    while (done < length) {
        ssize_t sent = core_rig_say_at_once(rig, role, (const char *)bytes + done, length - done);

        if (sent < 0) {
            return false;
        }
        done += (size_t)sent;
        if (sent == 0) {
            struct pollfd source = {.fd = rig->ends[role].fd, .events = POLLIN | POLLOUT};

            ck_assert_msg(poll(&source, 1, CORE_RIG_PATIENCE_MS) == 1, "core takes nothing");
            core_rig_listen(rig, role);
        }
    }
    return true;
}

bool core_rig_say(struct core_rig *rig, enum role role, uint16_t type, const struct buffer *payload)
{
    struct buffer bytes = {0};
    bool said;

    core_rig_frame(&bytes, type, payload);
    said = core_rig_say_bytes(rig, role, bytes.data, bytes.length);
    buffer_free(&bytes);
    return said;
}

/* Takes in what is there; returns 0 at the stream's end, -1 if there is nothing. */
static ssize_t take_in(struct core_rig_end *end)
{
    ssize_t count;

    ck_assert_int_eq(buffer_reserve(&end->heard, 65536), 0);
    count = recv(end->fd, end->heard.data + end->heard.length, 65536, MSG_DONTWAIT);
    if (count > 0) {
        end->heard.length += (size_t)count;
    }
    if (count < 0 && errno == ECONNRESET) {
        return 0;
    }
    ck_assert_msg(count >= 0 || errno == EAGAIN, "recv: %s", strerror(errno));
    return count;
}

void core_rig_listen(struct core_rig *rig, enum role role)
{
    while (take_in(&rig->ends[role]) > 0) {
    }
}

static bool next_frame(struct core_rig_end *end, struct frame *ret_frame)
{
    const unsigned char *at = end->heard.data + end->taken;
    size_t left = end->heard.length - end->taken;
    size_t length;

    if (left < HEADER_SIZE) {
        return false;
    }
    length = (size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
    if (left - 4 < length) {
        return false;
    }
    *ret_frame = (struct frame){
        .type = (uint16_t)(at[4] | at[5] << 8),
        .payload = at + HEADER_SIZE,
        .length = length - 2,
    };
    end->taken += 4 + length;
    return true;
}

bool core_rig_hear(struct core_rig *rig, enum role role, struct frame *ret_frame)
{
    struct core_rig_end *end = &rig->ends[role];

    while (!next_frame(end, ret_frame)) {
        await_readable(end->fd, "a frame of core");
        if (take_in(end) == 0) {
            return false;
        }
    }
    return true;
}

bool core_rig_hears(struct core_rig *rig, enum role role, int within_ms)
{
    struct pollfd source = {.fd = rig->ends[role].fd, .events = POLLIN};

    return rig->ends[role].taken < rig->ends[role].heard.length || poll(&source, 1, within_ms) == 1;
}

bool core_rig_was_told(const struct core_rig *rig, enum role role, const char *text)
{
    const struct buffer *heard = &rig->ends[role].heard;

    return heard->length > 0 && memmem(heard->data, heard->length, text, strlen(text));
}

/* --- gates ------------------------------------------------------------------------------------ */

static json_t *json_of(const struct protocol_response *response)
{
    return json_loadb(response->body, response->body_length, 0, NULL);
}

/* Answers to anything else that was said before are passed over. */
static void await_response(struct core_rig *rig, enum role gate, uint64_t id,
                           struct protocol_response *ret_response)
{
    struct frame frame;

    do {
        ck_assert_msg(core_rig_hear(rig, gate, &frame), "core ended the stream of the %s",
                      role_name(gate));
        ck_assert_uint_eq(frame.type, FRAME_RESPONSE);
        ck_assert_int_eq(protocol_decode_response(&frame, ret_response), 0);
    } while (ret_response->id != id);
}

unsigned core_rig_ask(struct core_rig *rig, enum role gate, const struct protocol_request *request,
                      json_t **ret_json)
{
    struct protocol_response response;
    struct buffer payload = {0};

    ck_assert_int_eq(protocol_encode_request(&payload, request), 0);
    ck_assert_msg(core_rig_say(rig, gate, FRAME_REQUEST, &payload), "core takes no request");
    buffer_free(&payload);
    await_response(rig, gate, request->id, &response);
    if (ret_json) {
        *ret_json = json_of(&response);
    }
    return response.status;
}

json_t *core_rig_control(struct core_rig *rig, const char *method, const char *path,
                         const char *query, const char *body)
{
    const struct protocol_request request = {
        .id = ++rig->last_id,
        .method = method,
        .path = path,
        .query = query,
        .peer = "uid:1000",
        .body = body,
        .body_length = strlen(body),
    };
    json_t *json = NULL;
    unsigned status = core_rig_ask(rig, ROLE_GATE_CONTROL, &request, &json);
    json_t *result = json_incref(json_object_get(json, "result"));

    ck_assert_msg(status == 200 || status == 201, "%s %s: %u %s", method, path, status,
                  json_string_value(json_object_get(json, "message")));
    json_decref(json);
    return result;
}

void core_rig_settle_gate(struct core_rig *rig)
{
    static uint64_t id = UINT64_MAX / 2;
    const struct protocol_request request = {
        .id = id++,
        .method = "GET",
        .path = "/healthz",
        .query = "",
        .peer = "127.0.0.1",
        .body = "",
    };

    ck_assert_uint_eq(core_rig_ask(rig, ROLE_GATE_PUBLIC, &request, NULL), 200);
}

void core_rig_register(struct core_rig *rig, const char *service, const char *id,
                       const char *action)
{
    char body[512];

    (void)snprintf(body, sizeof body,
                   "{\"service\":\"%s\",\"requestId\":\"%s\",\"action\":\"%s\","
                   "\"context\":{\"note\":\"" CORE_RIG_CONFIDENTIAL "\"}}",
                   service, id, action);
    json_decref(core_rig_control(rig, "POST", "/v1/requests", "", body));
}

void core_rig_sign(const char *secret, const char *body, char ret_value[80])
{
    const struct signature_secret signature_secret = {(unsigned char *)(uintptr_t)secret,
                                                      strlen(secret)};
    struct buffer value = {0};
    const char *header;

    ck_assert_int_eq(
        signature_sign(SIGNATURE_DAIMON, &signature_secret, body, strlen(body), &header, &value),
        0);
    (void)snprintf(ret_value, 80, "%s", buffer_text(&value));
    buffer_free(&value);
}

unsigned core_rig_webhook(struct core_rig *rig, const char *path, const char *secret,
                          const char *body)
{
    static uint64_t id = UINT64_MAX / 4;
    char signature[80];
    struct protocol_request request = {
        .id = id++,
        .method = "POST",
        .path = path,
        .query = "",
        .peer = "127.0.0.1",
        .body = body,
        .body_length = strlen(body),
        .header_count = 2,
        .headers = {{"content-type", "application/json"}, {"x-daimon-signature", signature}},
    };

    core_rig_sign(secret, body, signature);
    return core_rig_ask(rig, ROLE_GATE_PUBLIC, &request, NULL);
}

size_t core_rig_count(struct core_rig *rig, const char *list, const char *query)
{
    char path[64];
    json_t *result;
    size_t count;

    (void)snprintf(path, sizeof path, "/v1/%s", list);
    result = core_rig_control(rig, "GET", path, query, "");
    count = json_array_size(json_object_get(result, list));
    json_decref(result);
    return count;
}

/* --- executors -------------------------------------------------------------------------------- */

void core_rig_hello(struct core_rig *rig, enum role executor, unsigned char incarnation)
{
    struct protocol_hello hello = {.attempt_count = 0};
    struct buffer payload = {0};

    memset(hello.incarnation, incarnation, sizeof hello.incarnation);
    ck_assert_int_eq(config_digests(rig->config, executor, &hello.digests), 0);
    ck_assert_int_eq(protocol_encode_hello(&payload, &hello), 0);
    ck_assert(core_rig_say(rig, executor, FRAME_HELLO, &payload));
    buffer_free(&payload);
    protocol_digests_free(&hello.digests);
}

struct protocol_start core_rig_started(struct core_rig *rig, enum role executor, const char *hook)
{
    struct protocol_start start;
    struct frame frame;

    ck_assert(core_rig_hear(rig, executor, &frame));
    ck_assert_uint_eq(frame.type, FRAME_START);
    ck_assert_int_eq(protocol_decode_start(&frame, &start), 0);
    ck_assert_str_eq(start.hook, hook);
    return start;
}

void core_rig_result(struct core_rig *rig, enum role executor, const struct protocol_result *result)
{
    struct buffer payload = {0};

    ck_assert_int_eq(protocol_encode_result(&payload, result), 0);
    ck_assert(core_rig_say(rig, executor, FRAME_RESULT, &payload));
    buffer_free(&payload);
}

void core_rig_expect_ack(struct core_rig *rig, enum role executor, const char *key)
{
    struct protocol_attempt attempt;
    struct frame frame;

    ck_assert(core_rig_hear(rig, executor, &frame));
    ck_assert_uint_eq(frame.type, FRAME_ACK);
    ck_assert_int_eq(protocol_decode_attempt(&frame, &attempt), 0);
    ck_assert_str_eq(attempt.key, key);
}

void core_rig_settle_executor(struct core_rig *rig, enum role executor)
{
    static unsigned number;
    char key[32];
    struct protocol_result result = {
        .attempt = {.key = key, .item = PROTOCOL_NO_ITEM, .n = 1},
        .ending = ENDING_SUCCEEDED,
    };

    (void)snprintf(key, sizeof key, "settle-%u", number++);
    core_rig_result(rig, executor, &result);
    core_rig_expect_ack(rig, executor, key);
}
