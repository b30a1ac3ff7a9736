/*
 * Many who wait, for large requests: what that costs core and the gate.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "integration/core_rig.h"
#include "integration/harness.h"
#include "support/suite.h"
#include "support/tool.h"

#define MEBIBYTE ((size_t)1 << 20)
#define PEER     "uid:1000"

/* A registration with a context of that size; to be freed. */
static char *large_body(const char *id, size_t size)
{
    char *filling = malloc(size + 1);
    char *body = NULL;

    memset(filling, 'x', size);
    filling[size] = '\0';
    ck_assert_int_ge(asprintf(&body,
                              "{\"requestId\":\"%s\",\"service\":\"daimon\","
                              "\"action\":\"other\",\"context\":{\"a\":\"%s\"}}",
                              id, filling),
                     0);
    free(filling);
    return body;
}

/* --- core, and a gate that does not take its answers ------------------------------------------ */

#define LARGE  64 /* requests of a mebibyte */
#define SHARED 40 /* who wait for one of them */

static struct core_rig rig;
static uint64_t last_id;

static void set_up_rig(void)
{
    last_id = 0;
    core_rig_open(&rig);
}

static void tear_down_rig(void)
{
    core_rig_close(&rig);
}

static struct protocol_request request_for(const char *method, const char *path, const char *query,
                                           const char *body)
{
    return (struct protocol_request){
        .id = ++last_id,
        .method = method,
        .path = path,
        .query = query,
        .peer = PEER,
        .body = body,
        .body_length = strlen(body),
    };
}

static void register_large(int number)
{
    char id[32];

    (void)snprintf(id, sizeof id, "large_%d", number);
    char *body = large_body(id, MEBIBYTE);
    const struct protocol_request request = request_for("POST", "/v1/requests", "", body);

    ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_CONTROL, &request, NULL), 201);
    free(body);
}

static void wait_for(int number)
{
    char path[64];
    struct buffer payload = {0};

    (void)snprintf(path, sizeof path, "/v1/requests/large_%d", number);
    const struct protocol_request request = request_for("GET", path, "wait=55", "");

    ck_assert_int_eq(protocol_encode_request(&payload, &request), 0);
    ck_assert(core_rig_say(&rig, ROLE_GATE_CONTROL, FRAME_REQUEST, &payload));
    buffer_free(&payload);
}

/* Takes answers until `count` requests have theirs, each once; returns how many frames that took. */
static int hear_answers(uint64_t first_id, size_t count)
{
    bool *answered = calloc(count, sizeof *answered);
    int frames = 0;

    for (size_t left = count; left > 0; frames++) {
        struct frame frame;
        struct protocol_shared_response shared;

        ck_assert(core_rig_hear(&rig, ROLE_GATE_CONTROL, &frame));
        ck_assert_int_eq(frame.type, FRAME_SHARED_RESPONSE);
        ck_assert_int_eq(protocol_decode_shared_response(&frame, &shared), 0);
        ck_assert_uint_eq(shared.response.status, 200);
        ck_assert_uint_gt(shared.response.body_length, MEBIBYTE);
        for (size_t i = 0; i < shared.count; i++) {
            uint64_t index = protocol_shared_id(&shared, i) - first_id;

            ck_assert_uint_lt(index, count);
            ck_assert(!answered[index]);
            answered[index] = true;
            left--;
        }
    }
    free(answered);
    return frames;
}

/* Core has done what it was told before this by the control gate, and can, when it has answered this. */
static void settle(void)
{
    for (int i = 0; i < 20; i++) {
        ck_assert_uint_eq(core_rig_webhook(&rig, CORE_RIG_PATH, CORE_RIG_SECRET,
                                           "{\"event\":\"message.received\"}"),
                          200);
    }
}

START_TEST(who_waits_is_answered_as_the_gate_takes_the_answers)
{
    struct buffer nothing = {0};

    for (int i = 0; i < LARGE; i++) {
        register_large(i);
    }
    long before = core_rig_memory(&rig);
    uint64_t first_id = last_id + 1;

    for (int i = 0; i < LARGE; i++) {
        wait_for(i);
    }
    for (int i = 0; i < SHARED; i++) {
        wait_for(LARGE / 2);
    }
    ck_assert(core_rig_say(&rig, ROLE_GATE_CONTROL, FRAME_DRAIN, &nothing));
    ck_assert(core_rig_hears(&rig, ROLE_GATE_CONTROL, CORE_RIG_PATIENCE_MS));
    settle();
    long grown = core_rig_memory(&rig) - before;

    (void)printf("measured: core grew by %ld KiB while %d MiB of answers waited\n", grown, LARGE);
    ck_assert_int_lt(grown, MEMORY_GROWTH / 2);
    ck_assert_int_eq(hear_answers(first_id, LARGE + SHARED), LARGE);
}
END_TEST

START_TEST(who_waits_for_the_same_shares_the_answer)
{
    register_large(0);
    uint64_t first_id = last_id + 1;

    for (int i = 0; i < SHARED; i++) {
        wait_for(0);
    }
    ck_assert_uint_eq(core_rig_webhook(&rig, CORE_RIG_PATH, CORE_RIG_SECRET,
                                       "{\"requestId\":\"large_0\",\"status\":\"denied\"}"),
                      200);
    ck_assert_int_eq(hear_answers(first_id, SHARED), 1);
}
END_TEST

START_TEST(a_gate_that_leaves_takes_with_it_who_was_to_be_answered)
{
    struct buffer nothing = {0};

    for (int i = 0; i < 20; i++) {
        register_large(i);
    }
    for (int i = 0; i < 20; i++) {
        wait_for(i);
    }
    ck_assert(core_rig_say(&rig, ROLE_GATE_CONTROL, FRAME_DRAIN, &nothing));
    ck_assert(core_rig_hears(&rig, ROLE_GATE_CONTROL, CORE_RIG_PATIENCE_MS));
    core_rig_replace(&rig, ROLE_GATE_CONTROL);
    const struct protocol_request request = request_for("GET", "/healthz", "", "");

    ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_CONTROL, &request, NULL), 200);
}
END_TEST

/* --- all of it -------------------------------------------------------------------------------- */

#define WAITERS      64
#define MANY_WAITERS 5000
/* For 5,000 who wait, with all that belongs to it. */
#define MANY_LIMIT_KB (100 << 10)

static struct house *house;

static void set_up(void)
{
    house = house_new();
    house_configure(house, "");
    house_start(house);
}

static void tear_down(void)
{
    house_free(house);
}

/* Who is slow may take ten seconds for a piece of more, and is left. */
static size_t large_size(void)
{
    return memory_counts() ? 4 * MEBIBYTE : under_wrapper() ? MEBIBYTE / 8 : MEBIBYTE;
}

struct reader {
    pthread_t thread;
    struct exchange *exchange;
    struct answer answer;
};

static void *read_answer(void *userdata)
{
    struct reader *reader = userdata;

    reader->answer = exchange_end(reader->exchange);
    return NULL;
}

static void expect_large_answer(struct reader *reader)
{
    (void)pthread_join(reader->thread, NULL);
    ck_assert_int_eq(reader->answer.status, 200);
    ck_assert_str_eq(text_at(reader->answer.json, "/result/status"), "denied");
    ck_assert_uint_eq(strlen(text_at(reader->answer.json, "/result/context/a")), large_size());
    answer_clear(&reader->answer);
}

START_TEST(a_large_answer_to_many_is_kept_once)
{
    static struct reader readers[WAITERS];
    char *body = large_body("req_1", large_size());

    house_register(house, body);
    json_decref(house_show(house, "req_1"));
    long core = house_status(house, "assentd: core", "VmHWM:");
    long gate = house_status(house, "assentd: gate control", "VmHWM:");

    for (int i = 0; i < WAITERS; i++) {
        readers[i].exchange =
            house_begin_control(house, "GET", "/v1/approvals/req_1?wait=55", NULL);
    }
    ck_assert(!exchange_answered(readers[WAITERS - 1].exchange, 200));
    house_decide_as(house, "req_1", "denied", "matched");
    /* Nobody has read a byte of it yet. */
    for (int i = 0; i < WAITERS; i++) {
        ck_assert(exchange_answered(readers[i].exchange, HOUSE_PATIENCE_MS));
    }
    /* All read at once: who takes nothing for ten seconds is left. */
    for (int i = 0; i < WAITERS; i++) {
        ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, read_answer, &readers[i]), 0);
    }
    core = house_status(house, "assentd: core", "VmHWM:") - core;
    gate = house_status(house, "assentd: gate control", "VmHWM:") - gate;
    (void)printf("measured: %d wait for %zu KiB: core grew by %ld KiB, the gate by %ld KiB\n",
                 WAITERS, large_size() >> 10, core, gate);
    ck_assert_int_lt(core, MEMORY_GROWTH);
    ck_assert_int_lt(gate, MEMORY_GROWTH);
    for (int i = 0; i < WAITERS; i++) {
        expect_large_answer(&readers[i]);
    }
    free(body);
}
END_TEST

static bool have_descriptors(rlim_t count)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max >= count &&
           (limit.rlim_cur = limit.rlim_max, setrlimit(RLIMIT_NOFILE, &limit)) == 0;
}

START_TEST(thousands_may_wait)
{
    static struct exchange *waits[MANY_WAITERS];

    if (!have_descriptors(MANY_WAITERS + 200)) {
        (void)fprintf(stderr, "skipped: this needs %d descriptors\n", MANY_WAITERS + 200);
        return;
    }
    set_up();
    house_register_as(house, "req_1", "other");
    long core = house_status(house, "assentd: core", "VmRSS:");
    long gate = house_status(house, "assentd: gate control", "VmRSS:");

    for (int i = 0; i < MANY_WAITERS; i++) {
        waits[i] = house_begin_control(house, "GET", "/v1/approvals/req_1?wait=55", NULL);
    }
    ck_assert(!exchange_answered(waits[MANY_WAITERS - 1], 500));
    core = house_status(house, "assentd: core", "VmRSS:") - core;
    gate = house_status(house, "assentd: gate control", "VmRSS:") - gate;
    (void)printf("measured: %d wait: core grew by %ld KiB, the gate by %ld KiB\n", MANY_WAITERS,
                 core, gate);
    ck_assert(!memory_counts() || core + gate < MANY_LIMIT_KB);
    house_decide_as(house, "req_1", "denied", "matched");
    for (int i = 0; i < MANY_WAITERS; i++) {
        json_t *request = answer_take(exchange_end(waits[i]), 200);

        ck_assert_str_eq(text_at(request, "/status"), "denied");
        json_decref(request);
    }
    tear_down();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waiters");
    TCase *alone = house_scenarios(suite, "core alone", set_up_rig, tear_down_rig);
    TCase *whole = house_scenarios(suite, "all of it", set_up, tear_down);
    TCase *many = house_scenarios(suite, "many", NULL, NULL);

    tcase_add_test(alone, who_waits_is_answered_as_the_gate_takes_the_answers);
    tcase_add_test(alone, who_waits_for_the_same_shares_the_answer);
    tcase_add_test(alone, a_gate_that_leaves_takes_with_it_who_was_to_be_answered);
    tcase_add_test(whole, a_large_answer_to_many_is_kept_once);
    tcase_add_test(many, thousands_may_wait);
    return suite_run(suite);
}
