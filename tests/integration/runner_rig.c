#include "integration/runner_rig.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "assent/runner/runner.h"
#include "support/cgroup_scratch.h"
#include "support/handover.h"
#include "support/jail_setting.h"
#include "support/remove_tree.h"

const char *runner_rig_path(const struct runner_rig *rig, const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", rig->directory, name);
    return path;
}

static void await_readable(int fd, const char *what)
{
    struct pollfd source = {.fd = fd, .events = POLLIN};

    ck_assert_msg(poll(&source, 1, RUNNER_RIG_PATIENCE_MS) == 1, "waited in vain for %s", what);
}

/* --- the configuration ------------------------------------------------------------------------ */

static void write_config(const struct runner_rig *rig, const char *hooks)
{
    FILE *file = fopen(runner_rig_path(rig, "assentd.conf"), "we");

    ck_assert_ptr_nonnull(file);
    (void)fprintf(file, "[server]\nlisten = 127.0.0.1:8787\n%s[store]\npath = %s/assentd.db\n",
                  jail_setting(), rig->directory);
    for (; *hooks; hooks++) {
        if (*hooks == '@') {
            (void)fputs(rig->directory, file);
        } else {
            (void)fputc(*hooks, file);
        }
    }
    ck_assert_int_eq(fclose(file), 0);
}

static void load_config(struct runner_rig *rig, const char *hooks)
{
    struct config_errors errors = {0};
    int r;

    write_config(rig, hooks);
    config_free(rig->config);
    rig->config = NULL;
    r = config_load(runner_rig_path(rig, "assentd.conf"), &rig->config, &errors);
    ck_assert_msg(r == 0, "%s", errors.count > 0 ? errors.lines[0] : strerror(-r));
    config_errors_free(&errors);
}

static void send_config(struct runner_rig *rig)
{
    struct buffer bytes = {0};

    ck_assert_int_eq(config_pack(rig->config, ROLE_RUNNER, &bytes), 0);
    handover_config(rig->channel, bytes.data, bytes.length);
    buffer_wipe(&bytes);
}

static uint32_t await_message(struct runner_rig *rig, enum channel_message message)
{
    struct channel_packet packet;

    await_readable(rig->channel, "the runner's message to the supervisor");
    ck_assert_int_eq(channel_receive(rig->channel, &packet), 1);
    ck_assert_int_eq(packet.message, message);
    return packet.argument;
}

uint32_t runner_rig_reload(struct runner_rig *rig, const char *hooks)
{
    load_config(rig, hooks);
    send_config(rig);
    return await_message(rig, CHANNEL_RELOADED);
}

uint32_t runner_rig_reload_bytes(struct runner_rig *rig, const void *bytes, size_t length)
{
    handover_config(rig->channel, bytes, length);
    return await_message(rig, CHANNEL_RELOADED);
}

/* --- the process ------------------------------------------------------------------------------ */

/* No assertion of Check may be made here: it would write to a descriptor that is another now. What
 * must not reach a program is put in its way. */
static _Noreturn void become_runner(const struct runner_rig *rig, int channel, int lock)
{
    if (rig->cgroup[0] && !cgroup_scratch_enter(rig->cgroup)) {
        abort();
    }
    channel = fcntl(channel, F_DUPFD, 10);
    lock = fcntl(lock, F_DUPFD, 10);
    if (dup2(channel, CHANNEL_FD) < 0 || dup2(lock, CHANNEL_LOCK_FD) < 0 ||
        close_range(CHANNEL_LOCK_FD + 1, ~0U, 0) < 0 || setenv("BASH_ENV", "/nowhere", 1) < 0 ||
        setenv("LANG", "de_DE.UTF-8", 1) < 0 || signal(SIGUSR1, SIG_IGN) == SIG_ERR) {
        abort();
    }
    exit(runner_main());
}

static int open_lock(const struct runner_rig *rig)
{
    int fd = open(runner_rig_path(rig, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    return fd;
}

static void fork_runner(struct runner_rig *rig)
{
    int channel[2];
    int lock = open_lock(rig);

    ck_assert_int_eq(flock(lock, LOCK_EX | LOCK_NB), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), 0);
    (void)fflush(NULL);
    rig->pid = fork();
    ck_assert_int_ge(rig->pid, 0);
    if (rig->pid == 0) {
        become_runner(rig, channel[1], lock);
    }
    (void)close(channel[1]);
    (void)close(lock);
    rig->channel = channel[0];
}

void runner_rig_open(struct runner_rig *rig)
{
    *rig = (struct runner_rig){.channel = -1, .alive = -1};
    (void)snprintf(rig->directory, sizeof rig->directory, "/tmp/assent-test-runner-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(rig->directory));
    ck_assert_int_eq(mkfifo(runner_rig_path(rig, "alive"), 0600), 0);
    rig->alive = open(runner_rig_path(rig, "alive"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(rig->alive, 0);
    ck_assert_int_ge(sd_event_new(&rig->loop), 0);
}

bool runner_rig_use_cgroup(struct runner_rig *rig, bool open)
{
    if (!cgroup_scratch_make(rig->cgroup, sizeof rig->cgroup)) {
        rig->cgroup[0] = '\0';
        return false;
    }
    if (!open) {
        cgroup_scratch_seal(rig->cgroup);
    }
    return true;
}

void runner_rig_start_again(struct runner_rig *rig)
{
    fork_runner(rig);
    send_config(rig);
    runner_rig_new_core(rig);
    ck_assert_int_eq(channel_send(rig->channel, CHANNEL_START, 0, -1), 0);
    (void)await_message(rig, CHANNEL_READY);
    ck_assert_uint_eq(runner_rig_next(rig)->type, FRAME_HELLO);
}

void runner_rig_start(struct runner_rig *rig, const char *hooks)
{
    load_config(rig, hooks);
    runner_rig_start_again(rig);
}

void runner_rig_clear(struct runner_rig *rig)
{
    if (rig->pid > 0) {
        (void)kill(rig->pid, SIGKILL);
        (void)waitpid(rig->pid, NULL, 0);
    }
    stream_free(rig->core);
    if (rig->channel >= 0) {
        (void)close(rig->channel);
    }
    if (rig->alive >= 0) {
        (void)close(rig->alive);
    }
    for (size_t i = 0; i < rig->count; i++) {
        buffer_free(&rig->payloads[i]);
    }
    if (rig->cgroup[0]) {
        cgroup_scratch_remove(rig->cgroup);
    }
    config_free(rig->config);
    (void)sd_event_unref(rig->loop);
    if (rig->directory[0]) {
        remove_tree(rig->directory);
    }
    *rig = (struct runner_rig){.channel = -1, .alive = -1};
}

int runner_rig_await_end(struct runner_rig *rig)
{
    int status;

    ck_assert_int_eq(waitpid(rig->pid, &status, 0), rig->pid);
    rig->pid = 0;
    return status;
}

/* --- core ------------------------------------------------------------------------------------- */

static int on_frame(struct stream *stream, const struct frame *frame, void *userdata)
{
    struct runner_rig *rig = userdata;
    struct buffer *payload = &rig->payloads[rig->count];

    (void)stream;
    ck_assert_uint_lt(rig->count, RUNNER_RIG_FRAMES);
    ck_assert_int_eq(buffer_append(payload, frame->payload, frame->length), 0);
    rig->frames[rig->count++] =
        (struct frame){.type = frame->type, .payload = payload->data, .length = payload->length};
    return 0;
}

static void on_end(struct stream *stream, int reason, void *userdata)
{
    struct runner_rig *rig = userdata;

    (void)reason;
    stream_free(stream);
    rig->core = NULL;
}

void runner_rig_new_core(struct runner_rig *rig)
{
    const struct stream_setup setup = {
        .frame_limit = PROTOCOL_RESULT_LIMIT,
        .on_frame = on_frame,
        .on_end = on_end,
        .userdata = rig,
    };

    stream_free(rig->core);
    ck_assert_int_eq(
        stream_open(rig->loop, handover_stream(rig->channel, ROLE_CORE), &setup, &rig->core), 0);
}

const struct frame *runner_rig_next(struct runner_rig *rig)
{
    int64_t deadline = clock_monotonic_ms() + RUNNER_RIG_PATIENCE_MS;

    while (rig->count == rig->taken) {
        ck_assert_msg(rig->core != NULL, "the runner closed its stream");
        ck_assert_msg(clock_monotonic_ms() < deadline, "waited in vain for a frame");
        ck_assert_int_ge(sd_event_run(rig->loop, 100 * 1000), 0);
    }
    return &rig->frames[rig->taken++];
}

static void send_frame(struct runner_rig *rig, enum protocol_frame type, struct buffer *payload)
{
    ck_assert_int_eq(stream_send(rig->core, type, payload->data, payload->length), 0);
    buffer_free(payload);
    while (rig->core && stream_queued(rig->core) > 0) {
        ck_assert_int_ge(sd_event_run(rig->loop, 100 * 1000), 0);
    }
}

void runner_rig_run_with(struct runner_rig *rig, const char *hook, const char *key,
                         const char *record, size_t length)
{
    const struct config_hook *known = config_hook(rig->config, hook);
    struct protocol_start start = {
        .attempt = {.key = key, .item = PROTOCOL_NO_ITEM, .n = 1},
        .job = 17,
        .hook = hook,
        .record = record,
        .record_length = length,
    };
    struct buffer payload = {0};

    if (known) {
        memcpy(start.digest, known->digest, sizeof start.digest);
    }
    ck_assert_int_eq(protocol_encode_start(&payload, &start), 0);
    send_frame(rig, FRAME_START, &payload);
}

void runner_rig_run(struct runner_rig *rig, const char *hook, const char *key)
{
    char record[1024];

    (void)snprintf(
        record, sizeof record,
        "{\"event\":\"approval.granted\",\"request_id\":\"req_1\",\"service\":\"daimon\","
        "\"action\":\"bulk_send\",\"status\":\"approved\",\"reason\":\"a campaign\","
        "\"urgency\":\"medium\",\"denial_reason\":null,\"decided_by\":\"ops@example.com\","
        "\"decided_at\":\"2026-03-16T10:30:45.123Z\",\"created_at\":\"2026-03-16T10:00:00.000Z\","
        "\"expires_at\":\"2026-03-16T11:00:00.000Z\",\"context\":{\"recipient_count\":500,"
        "\"subject\":\"it's; $(here)\"},\"job\":{\"id\":17,\"key\":\"%s\",\"hook\":\"%s\"},"
        "\"attempt\":1}",
        key, hook);
    runner_rig_run_with(rig, hook, key, record, strlen(record));
}

static void send_attempt(struct runner_rig *rig, enum protocol_frame type, const char *key)
{
    const struct protocol_attempt attempt = {.key = key, .item = PROTOCOL_NO_ITEM, .n = 1};
    struct buffer payload = {0};

    ck_assert_int_eq(protocol_encode_attempt(&payload, &attempt), 0);
    send_frame(rig, type, &payload);
}

void runner_rig_acknowledge(struct runner_rig *rig, const char *key)
{
    send_attempt(rig, FRAME_ACK, key);
}

void runner_rig_cancel(struct runner_rig *rig, const char *key)
{
    send_attempt(rig, FRAME_CANCEL, key);
}

void runner_rig_peek(struct runner_rig *rig, const char *key)
{
    send_attempt(rig, FRAME_PEEK, key);
}

struct protocol_result runner_rig_result(struct runner_rig *rig)
{
    const struct frame *frame = runner_rig_next(rig);
    struct protocol_result result;

    ck_assert_uint_eq(frame->type, FRAME_RESULT);
    ck_assert_int_eq(protocol_decode_result(frame, &result), 0);
    return result;
}

void runner_rig_settle(struct runner_rig *rig)
{
    runner_rig_run(rig, "no-such-hook", "settle");
    ck_assert_uint_eq(runner_rig_next(rig)->type, FRAME_REFUSED);
}

/* --- the programs ----------------------------------------------------------------------------- */

void runner_rig_await_birth(struct runner_rig *rig, char *ret_line, size_t size)
{
    size_t length = 0;

    for (;;) {
        await_readable(rig->alive, "a program's birth");
        ck_assert_uint_lt(length, size);
        if (read(rig->alive, ret_line + length, 1) == 1 && ret_line[length++] == '\n') {
            ret_line[length - 1] = '\0';
            return;
        }
    }
}

bool runner_rig_nothing_lives(struct runner_rig *rig, int patience_ms)
{
    int64_t deadline = clock_monotonic_ms() + patience_ms;
    struct pollfd source = {.fd = rig->alive, .events = POLLIN};
    char bytes[4096];

    for (;;) {
        int64_t left = deadline - clock_monotonic_ms();
        if (poll(&source, 1, left > 0 ? (int)left : 0) != 1) {
            return false;
        }
        if (!(source.revents & POLLIN)) {
            return (source.revents & POLLHUP) != 0;
        }
        (void)!read(rig->alive, bytes, sizeof bytes);
    }
}

void runner_rig_await_lock(struct runner_rig *rig)
{
    int fd = open_lock(rig);

    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    (void)close(fd);
}

/* --- what came of it -------------------------------------------------------------------------- */

void runner_rig_expect(const struct protocol_output *output, const char *expected)
{
    size_t length = output->head_length + output->tail_length;
    char *text = malloc(length + 1);

    ck_assert_ptr_nonnull(text);
    memcpy(text, output->head, output->head_length);
    memcpy(text + output->head_length, output->tail, output->tail_length);
    text[length] = '\0';
    ck_assert_str_eq(text, expected);
    free(text);
}

void runner_rig_expect_output(const struct protocol_result *result, const char *expected)
{
    runner_rig_expect(&result->standard_output, expected);
}

void runner_rig_expect_success(const struct protocol_result *result, const char *output)
{
    ck_assert_msg(result->ending == ENDING_SUCCEEDED, "%s", result->error);
    ck_assert_ptr_null(result->error);
    runner_rig_expect_output(result, output);
}

void runner_rig_expect_failure(const struct protocol_result *result, const char *error)
{
    ck_assert_int_eq(result->ending, ENDING_FAILED);
    ck_assert_str_eq(result->error, error);
}

void runner_rig_expect_interrupted(const struct protocol_result *result, const char *error)
{
    ck_assert_int_eq(result->ending, ENDING_INTERRUPTED);
    ck_assert_int_eq(result->again, AGAIN_NEVER);
    ck_assert_str_eq(result->error, error);
}
