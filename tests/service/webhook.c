#include "webhook.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/buffer.h"
#include "assent/base/digest.h"
#include "assent/base/json.h"
#include "assent/base/text.h"

/* The service itself gives up after 5 s, which a busy machine under valgrind can miss. */
#define TIMEOUT_MS   30000L
#define ANSWER_LIMIT ((size_t)64 << 10)

/* --- bodies ----------------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *key, const char *value)
{
    if (value) {
        (void)json_object_set_new(object, key, json_string(value));
    }
}

json_t *webhook_fields(const struct decision *decision, bool snake_case)
{
    json_t *fields = json_object();
    char at[TEXT_TIME_SIZE];

    text_from_time(decision->at, at);
    set_text(fields, snake_case ? "request_id" : "requestId", decision->id);
    set_text(fields, "status", decision->status);
    if (strcmp(decision->status, "approved") == 0) {
        set_text(fields, snake_case ? "approved_at" : "approvedAt", at);
    } else if (strcmp(decision->status, "denied") == 0) {
        set_text(fields, snake_case ? "denied_at" : "deniedAt", at);
        set_text(fields, snake_case ? "denial_reason" : "denialReason", decision->reason);
    }
    set_text(fields, snake_case ? "approved_by" : "approvedBy", decision->by);
    return fields;
}

static const char *event_of(const char *status)
{
    if (strcmp(status, "approved") == 0) {
        return "approval.granted";
    }
    return strcmp(status, "denied") == 0 ? "approval.denied" : "approval.expired";
}

static json_t *flat(const struct decision *decision, const char *at)
{
    json_t *fields = webhook_fields(decision, false);
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", event_of(decision->status), "event_id",
                  decision->event_id, "timestamp", at, "account_id", "acc_1", "inbox_id", "inb_1");

    (void)json_object_update(body, fields);
    json_decref(fields);
    return body;
}

static json_t *envelope(const struct decision *decision, const char *at)
{
    return json_pack("{s:s, s:s, s:s, s:o}", "event", event_of(decision->status), "webhook_id",
                     "wh_1", "timestamp", at, "data", webhook_fields(decision, false));
}

char *webhook_body(const struct decision *decision, const char *form)
{
    char at[TEXT_TIME_SIZE];
    json_t *body;
    char *text;

    text_from_time(decision->at, at);
    if (strcmp(form, "flat") == 0) {
        body = flat(decision, at);
    } else if (strcmp(form, "envelope") == 0) {
        body = envelope(decision, at);
    } else {
        body = webhook_fields(decision, strcmp(form, "python") == 0);
    }
    text = json_text(body);
    json_decref(body);
    return text;
}

char *webhook_signature(const char *form, const char *secret, const char *body)
{
    unsigned char digest[DIGEST_SHA256_SIZE];
    char hex[2 * DIGEST_SHA256_SIZE + 1];
    struct buffer header = {0};

    if (strcmp(form, "none") == 0 ||
        digest_hmac_sha256(secret, strlen(secret), body, strlen(body), digest) < 0) {
        return NULL;
    }
    digest[0] = strcmp(form, "wrong") == 0 ? digest[0] ^ 1 : digest[0];
    text_to_hex(digest, sizeof digest, hex);
    (void)buffer_append_format(&header, "X-Daimon-Signature: %s%s",
                               strcmp(form, "bare") == 0 ? "" : "sha256=", hex);
    return buffer_take_text(&header);
}

/* --- posting ---------------------------------------------------------------------------------- */

static size_t take_answer(char *bytes, size_t size, size_t count, void *userdata)
{
    struct buffer *answer = userdata;

    if (size * count > ANSWER_LIMIT - answer->length) {
        return 0;
    }
    return buffer_append(answer, bytes, size * count) == 0 ? size * count : 0;
}

static int give_up(void *userdata, curl_off_t download, curl_off_t downloaded, curl_off_t upload,
                   curl_off_t uploaded)
{
    const atomic_bool *stopping = userdata;

    (void)download;
    (void)downloaded;
    (void)upload;
    (void)uploaded;
    return atomic_load(stopping);
}

static json_t *told(CURL *curl, CURLcode result, struct buffer *answer)
{
    json_t *json = json_loadb((const char *)answer->data, answer->length, JSON_DECODE_ANY, NULL);
    long status = 0;

    if (result != CURLE_OK) {
        json_decref(json);
        return json_pack("{s:i, s:s}", "status", 0, "problem", curl_easy_strerror(result));
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (!json) {
        json = json_stringn((const char *)answer->data, answer->length);
    }
    return json_pack("{s:i, s:o*}", "status", (int)status, "answer", json);
}

json_t *webhook_post(const char *url, const char *signature, const char *body,
                     const atomic_bool *stopping)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *loopback = curl_slist_append(NULL, "::127.0.0.1:");
    CURL *curl = curl_easy_init();
    struct buffer answer = {0};
    json_t *result;

    if (signature) {
        headers = curl_slist_append(headers, signature);
    }
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_CONNECT_TO, loopback);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, give_up);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stopping);
    result = told(curl, curl_easy_perform(curl), &answer);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    curl_slist_free_all(loopback);
    buffer_free(&answer);
    return result;
}
