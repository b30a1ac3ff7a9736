#include "support/crowd.h"

#include <check.h>
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/buffer.h"
#include "assent/base/digest.h"
#include "assent/base/text.h"

#define GROUP      22
#define WRONG      "whsec_of-somebody-else"
#define TIMEOUT_MS 5000L /* the service waits no longer */
#define PAUSE_MS   20
#define TEXT_LIMIT 512

/* Sends what a member needs in this phase once. Returns true if the member is done. */
typedef bool (*phase_step)(struct crowd *crowd, CURL *curl, struct crowd_member *member);

struct crowd {
    const struct house *house;
    int64_t patience_ms;
    struct crowd_member *members;
    size_t limit;
    size_t registered;
    size_t decided;

    /* the phase */
    phase_step step;
    atomic_size_t next;
    size_t end;
    int64_t deadline;
    pthread_t threads[CROWD_CONNECTIONS];
    size_t thread_count;
    atomic_size_t working;
    atomic_bool failed;
    atomic_size_t repeats;
    pthread_mutex_t lock;
    char failure[TEXT_LIMIT]; /* the first */
};

/* --- members ---------------------------------------------------------------------------------- */

static void make_member(struct crowd_member *member, size_t index)
{
    size_t place = index % GROUP;

    (void)snprintf(member->id, sizeof member->id, "req_%06zu", index);
    member->fate = place < GROUP - 2 ? CROWD_APPROVED : (enum crowd_fate)(place - (GROUP - 2) + 1);
    if (place < 2) {
        member->action = place == 0 ? "program-retry" : "call-retry";
    } else {
        member->action = place % 2 == 0 ? "program-hold" : "call-hold";
    }
}

struct crowd *crowd_new(const struct house *house, size_t limit, int64_t patience_ms)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);

    ck_assert_ptr_nonnull(crowd);
    ck_assert_int_eq(curl_global_init(CURL_GLOBAL_DEFAULT), CURLE_OK);
    crowd->house = house;
    crowd->limit = limit;
    crowd->patience_ms = patience_ms;
    crowd->members = calloc(limit, sizeof *crowd->members);
    ck_assert_ptr_nonnull(crowd->members);
    for (size_t i = 0; i < limit; i++) {
        make_member(&crowd->members[i], i);
    }
    (void)pthread_mutex_init(&crowd->lock, NULL);
    return crowd;
}

size_t crowd_count(const struct crowd *crowd)
{
    return crowd->registered;
}

size_t crowd_repeats(const struct crowd *crowd)
{
    return atomic_load(&crowd->repeats);
}

const struct crowd_member *crowd_member(const struct crowd *crowd, size_t index)
{
    return &crowd->members[index];
}

int crowd_find(const struct crowd *crowd, const char *id)
{
    size_t index = strncmp(id, "req_", 4) == 0 ? strtoul(id + 4, NULL, 10) : crowd->registered;

    return index < crowd->registered && strcmp(crowd->members[index].id, id) == 0 ? (int)index : -1;
}

/* --- HTTP ------------------------------------------------------------------------------------- */

static void note_failure(struct crowd *crowd, const struct crowd_member *member, int status,
                         const char *text)
{
    (void)pthread_mutex_lock(&crowd->lock);
    if (!atomic_load(&crowd->failed)) {
        (void)snprintf(crowd->failure, sizeof crowd->failure, "%s got %d %s", member->id, status,
                       text);
        atomic_store(&crowd->failed, true);
    }
    (void)pthread_mutex_unlock(&crowd->lock);
}

static size_t collect(char *bytes, size_t size, size_t count, void *userdata)
{
    return buffer_append(userdata, bytes, size * count) == 0 ? size * count : 0;
}

/* One POST. Returns the status, 0 if there was no whole answer. */
static int post(CURL *curl, const char *url, const char *socket, const char *signature,
                const char *body, char ret_text[TEXT_LIMIT])
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct buffer text = {0};
    long status = 0;

    if (signature) {
        headers = curl_slist_append(headers, signature);
    }
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
    if (curl_easy_perform(curl) == CURLE_OK) {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    (void)snprintf(ret_text, TEXT_LIMIT, "%.*s", (int)text.length,
                   text.data ? (const char *)text.data : "");
    buffer_free(&text);
    return (int)status;
}

static void sign(const char *secret, const char *body, char ret_header[128])
{
    unsigned char digest[DIGEST_SHA256_SIZE];
    char hex[2 * DIGEST_SHA256_SIZE + 1];

    (void)digest_hmac_sha256(secret, strlen(secret), body, strlen(body), digest);
    text_to_hex(digest, sizeof digest, hex);
    (void)snprintf(ret_header, 128, "X-Daimon-Signature: sha256=%s", hex);
}

static int post_webhook(const struct crowd *crowd, CURL *curl, const struct crowd_member *member,
                        char ret_text[TEXT_LIMIT])
{
    char url[64];
    char body[TEXT_LIMIT];
    char signature[128];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/webhook/approval",
                   house_port(crowd->house));
    (void)snprintf(body, sizeof body,
                   "{\"event_id\":\"evt_%s\",\"requestId\":\"%s\",\"status\":\"%s\","
                   "\"approvedBy\":\"ops@example.com\"}",
                   member->id, member->id, member->fate == CROWD_DENIED ? "denied" : "approved");
    sign(member->fate == CROWD_FORGED ? WRONG : HOUSE_SECRET, body, signature);
    return post(curl, url, NULL, signature, body, ret_text);
}

int crowd_send_once(struct crowd *crowd, size_t index)
{
    CURL *curl = curl_easy_init();
    char text[TEXT_LIMIT];
    int status = post_webhook(crowd, curl, &crowd->members[index], text);

    curl_easy_cleanup(curl);
    return status;
}

/* --- phases ----------------------------------------------------------------------------------- */

/* No answer at all, or one that says: later. */
static bool try_again(int status)
{
    return status == 0 || status == 429 || status == 503;
}

static bool step_register(struct crowd *crowd, CURL *curl, struct crowd_member *member)
{
    char body[TEXT_LIMIT];
    char text[TEXT_LIMIT];
    int status;

    (void)snprintf(body, sizeof body,
                   "{\"requestId\":\"%s\",\"action\":\"%s\",\"expiresIn\":3600,\"context\":{}}",
                   member->id, member->action);
    status =
        post(curl, "http://localhost/v1/requests", house_socket(crowd->house), NULL, body, text);
    if (status != 200 && status != 201 && !try_again(status)) {
        note_failure(crowd, member, status, text);
    }
    return status == 200 || status == 201;
}

/* A decision that was answered with 200 and comes again is the same delivery. */
static bool fits_outcome(const char *text)
{
    return strstr(text, "\"matched\"") || strstr(text, "\"duplicate\"");
}

static bool step_decide(struct crowd *crowd, CURL *curl, struct crowd_member *member)
{
    char text[TEXT_LIMIT];
    int status = post_webhook(crowd, curl, member, text);
    int expected = member->fate == CROWD_FORGED ? 401 : 200;

    if (!try_again(status) && (status != expected || (status == 200 && !fits_outcome(text)))) {
        note_failure(crowd, member, status, text);
    }
    member->answered = status == expected;
    return member->answered;
}

static void finish_member(struct crowd *crowd, CURL *curl, struct crowd_member *member)
{
    while (!atomic_load(&crowd->failed) && !crowd->step(crowd, curl, member)) {
        if (house_now_ms() > crowd->deadline) {
            note_failure(crowd, member, 0, "(nothing, until the patience was over)");
        }
        (void)atomic_fetch_add(&crowd->repeats, 1);
        (void)poll(NULL, 0, PAUSE_MS);
    }
}

/* One connection, which is made again when it breaks. */
static void *work(void *argument)
{
    struct crowd *crowd = argument;
    CURL *curl = curl_easy_init();
    size_t index;

    while ((index = atomic_fetch_add(&crowd->next, 1)) < crowd->end) {
        finish_member(crowd, curl, &crowd->members[index]);
    }
    curl_easy_cleanup(curl);
    (void)atomic_fetch_sub(&crowd->working, 1);
    return NULL;
}

static void begin_phase(struct crowd *crowd, phase_step step, size_t from, size_t to)
{
    ck_assert_uint_eq(crowd->thread_count, 0);
    ck_assert_uint_le(to, crowd->limit);
    crowd->step = step;
    crowd->end = to;
    crowd->deadline = house_now_ms() + crowd->patience_ms;
    atomic_store(&crowd->next, from);
    atomic_store(&crowd->working, CROWD_CONNECTIONS);
    while (crowd->thread_count < CROWD_CONNECTIONS) {
        ck_assert_int_eq(pthread_create(&crowd->threads[crowd->thread_count], NULL, work, crowd),
                         0);
        crowd->thread_count++;
    }
}

void crowd_register(struct crowd *crowd, size_t count)
{
    size_t from = crowd->registered;

    crowd->registered += count;
    begin_phase(crowd, step_register, from, crowd->registered);
}

void crowd_decide(struct crowd *crowd)
{
    size_t from = crowd->decided;

    crowd->decided = crowd->registered;
    begin_phase(crowd, step_decide, from, crowd->decided);
}

bool crowd_busy(const struct crowd *crowd)
{
    return atomic_load(&crowd->working) > 0;
}

static void end_threads(struct crowd *crowd)
{
    while (crowd->thread_count > 0) {
        (void)pthread_join(crowd->threads[--crowd->thread_count], NULL);
    }
}

void crowd_join(struct crowd *crowd)
{
    end_threads(crowd);
    ck_assert_msg(!atomic_load(&crowd->failed), "%s", crowd->failure);
}

void crowd_free(struct crowd *crowd)
{
    if (!crowd) {
        return;
    }
    atomic_store(&crowd->failed, true);
    end_threads(crowd);
    (void)pthread_mutex_destroy(&crowd->lock);
    free(crowd->members);
    free(crowd);
}
