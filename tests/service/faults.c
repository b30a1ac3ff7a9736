#include "faults.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service.h"

#define BYTES_LIMIT   (64u << 20)
#define DELAY_LIMIT   600000
#define SEED          0x9e3779b97f4a7c15u
#define NONSENSE_TEXT "<html><body>It works!</body></html>\n"

static const char *const place_names[FAULT_PLACES] = {"notify", "approvals", "emails"};
static const char *const kind_names[FAULT_KINDS] = {NULL,   "close",    "take",  "cut", "silent",
                                                    "slow", "nonsense", "no_id", "huge"};

/* --- reading ---------------------------------------------------------------------------------- */

/* The name's index, or `count`. */
static size_t index_of(const char *const *names, size_t count, const char *name)
{
    size_t i = 0;

    while (i < count && !(name && names[i] && strcmp(names[i], name) == 0)) {
        i++;
    }
    return i;
}

static bool read_kind(const json_t *what, struct fault *fault)
{
    if (json_is_integer(what)) {
        json_int_t status = json_integer_value(what);

        fault->kind = FAULT_STATUS;
        fault->status = (unsigned)status;
        return status >= 400 && status <= 599;
    }
    fault->kind = (enum fault_kind)index_of(kind_names, FAULT_KINDS, json_string_value(what));
    return fault->kind < FAULT_KINDS;
}

static void set_defaults(struct fault *fault)
{
    fault->times = 1;
    fault->chance = 1;
    fault->done =
        fault->kind != FAULT_STATUS && fault->kind != FAULT_CLOSE && fault->kind != FAULT_SILENT;
    fault->header = fault->status == 503;
    fault->retry_after = fault->status == 429 || fault->status == 503 ? 1 : -1;
    fault->delay_ms = fault->kind == FAULT_SLOW ? 100 : 0;
    fault->bytes = fault->kind == FAULT_HUGE ? 1u << 20 : 0;
}

static int read_members(const json_t *json, struct fault *fault, uint64_t *dice)
{
    json_int_t seed = 0;
    json_int_t times = fault->times;
    json_int_t retry_after = fault->retry_after;
    json_int_t delay = fault->delay_ms;
    json_int_t bytes = (json_int_t)fault->bytes;
    const char *message = "The service was told to fail.";
    const char *on;
    json_t *what;
    int done = fault->done;
    int header = fault->header;

    if (json_unpack((json_t *)(uintptr_t)json,
                    "{s:s, s:o, s?I, s?F, s?b, s?b, s?I, s?I, s?I, s?s, s?I !}", "on", &on, "what",
                    &what, "times", &times, "chance", &fault->chance, "done", &done, "header",
                    &header, "retry_after", &retry_after, "ms", &delay, "bytes", &bytes, "message",
                    &message, "seed", &seed) < 0) {
        return -EINVAL;
    }
    if (times < 1 || delay < 0 || delay > DELAY_LIMIT || bytes < 0 || bytes > BYTES_LIMIT) {
        return -EINVAL;
    }
    fault->times = times;
    fault->done = done;
    fault->header = header;
    fault->retry_after = retry_after;
    fault->delay_ms = delay;
    fault->bytes = (size_t)bytes;
    (void)snprintf(fault->message, sizeof fault->message, "%s", message);
    *dice = seed > 0 ? (uint64_t)seed * SEED : *dice;
    return 0;
}

static void forget(struct faults *faults, enum fault_place place)
{
    size_t kept = 0;

    for (size_t i = 0; i < faults->count; i++) {
        if (faults->list[i].place != place) {
            faults->list[kept++] = faults->list[i];
        }
    }
    faults->count = kept;
}

int faults_add(struct faults *faults, const json_t *json, struct problem *ret_problem)
{
    struct fault fault = {0};
    const char *on = json_string_value(json_object_get(json, "on"));
    const json_t *what = json_object_get(json, "what");
    const char *name = json_string_value(what);

    fault.place = (enum fault_place)index_of(place_names, FAULT_PLACES, on);
    if (fault.place == FAULT_PLACES) {
        problem_set(ret_problem, "on: expected notify, approvals or emails");
        return -EINVAL;
    }
    if (name && strcmp(name, "none") == 0) {
        forget(faults, fault.place);
        return 0;
    }
    if (!read_kind(what, &fault)) {
        problem_set(ret_problem, "what: expected a status of 400 to 599, close, take, cut, silent, "
                                 "slow, nonsense, no_id, huge or none");
        return -EINVAL;
    }
    set_defaults(&fault);
    if (read_members(json, &fault, &faults->dice) < 0 || faults->count == FAULT_LIMIT) {
        problem_set(ret_problem,
                    "expected on, what, times, chance, seed, done, header, "
                    "retry_after, ms, bytes, message; and no more than %d at once",
                    FAULT_LIMIT);
        return -EINVAL;
    }
    faults->list[faults->count++] = fault;
    return 0;
}

/* --- using ------------------------------------------------------------------------------------ */

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003): 0 to just below 1. */
static double throw_dice(uint64_t *dice)
{
    *dice = *dice ? *dice : SEED;
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    return (double)(*dice >> 11) / (double)(UINT64_C(1) << 53);
}

bool faults_take(struct faults *faults, enum fault_place place, struct fault *ret_fault)
{
    for (size_t i = 0; i < faults->count; i++) {
        struct fault *fault = &faults->list[i];

        if (fault->place != place ||
            (fault->chance < 1 && throw_dice(&faults->dice) >= fault->chance)) {
            continue;
        }
        *ret_fault = *fault;
        if (--fault->times == 0) {
            memmove(fault, fault + 1, (--faults->count - i) * sizeof *fault);
        }
        return true;
    }
    return false;
}

static void drop_ids(json_t *object)
{
    static const char *const names[] = {"requestId", "request_id", "approval_id"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)json_object_del(object, names[i]);
    }
}

static void add_bytes(json_t *body, size_t count)
{
    char *bytes = malloc(count + 1);

    if (bytes) {
        memset(bytes, 'x', count);
        (void)json_object_set_new(body, "padding", json_stringn(bytes, count));
        free(bytes);
    }
}

struct web_reply fault_answer(const struct fault *fault, struct reply *reply)
{
    struct web_reply answer;

    if (fault->kind == FAULT_STATUS || !reply->body) {
        struct reply error = reply_error(fault->status ? fault->status : 500, fault->message, NULL);

        json_decref(reply->body);
        reply->status = error.status;
        reply->body = error.body;
    }
    if (fault->retry_after >= 0) {
        (void)json_object_set_new(reply->body, "retry_after", json_integer(fault->retry_after));
    }
    if (fault->kind == FAULT_NO_ID) {
        drop_ids(reply->body);
        drop_ids(json_object_get(reply->body, "result"));
    }
    if (fault->bytes > 0) {
        add_bytes(reply->body, fault->bytes);
    }
    answer = reply_whole(*reply);
    reply->body = NULL;
    if (fault->kind == FAULT_NONSENSE) {
        free(answer.text);
        answer.text = strdup(NONSENSE_TEXT);
        answer.status = 200;
    }
    answer.retry_after = fault->header ? fault->retry_after : -1;
    if (fault->kind == FAULT_CUT) {
        answer.manner = WEB_HALF;
    } else if (fault->kind == FAULT_CLOSE || fault->kind == FAULT_TAKE ||
               fault->kind == FAULT_SILENT) {
        answer.manner = WEB_NONE;
    }
    return answer;
}
