/*
 * What the benchmark sends, made beforehand.
 *
 *   make_webhooks STORE COUNT SECRET FILE
 *
 * Puts COUNT pending requests into a store that no daemon has open, and writes for each the whole
 * HTTP request that approves it to FILE, signed, all of one length, which is printed.
 *
 *   make_webhooks STORE
 *
 * Prints how many requests of the store are approved.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/digest.h"
#include "assent/base/text.h"
#include "assent/core/store.h"
#include "support/bench_store.h"

#define BODY_LIMIT 512

/* Ids as services make them: in no order. */
static void id_of(int64_t number, char ret_id[32])
{
    uint64_t mixed = (uint64_t)number * UINT64_C(0x9e3779b97f4a7c15);

    (void)snprintf(ret_id, 32, "req_%016" PRIx64, mixed ^ mixed >> 29);
}

static void add_request(struct store *store, int64_t number, void *userdata)
{
    char id[32];
    struct store_request request = bench_request(id);

    id_of(number, id);
    bench_must(store_request_add(store, &request, bench_context, &number), "request");
}

static int write_webhook(FILE *file, int64_t number, const char *secret)
{
    unsigned char digest[DIGEST_SHA256_SIZE];
    char signature[2 * DIGEST_SHA256_SIZE + 1];
    char body[BODY_LIMIT];
    char id[32];
    int length;

    id_of(number, id);
    length = snprintf(body, sizeof body,
                      "{\"event\":\"approval.granted\",\"event_id\":\"evt_%012" PRId64 "\","
                      "\"timestamp\":\"2026-03-16T10:30:45.123Z\",\"requestId\":\"%s\","
                      "\"status\":\"approved\",\"approvedAt\":\"2026-03-16T10:30:45.123Z\","
                      "\"approvedBy\":\"ops@example.com\"}",
                      number, id);
    bench_must(digest_hmac_sha256(secret, strlen(secret), body, (size_t)length, digest), "sign");
    text_to_hex(digest, sizeof digest, signature);
    return fprintf(file,
                   "POST /webhook/approval HTTP/1.1\r\nHost: agent.example.com\r\n"
                   "Content-Type: application/json\r\nX-Daimon-Signature: sha256=%s\r\n"
                   "Content-Length: %d\r\n\r\n%s",
                   signature, length, body);
}

static int write_webhooks(const char *path, int64_t count, const char *secret)
{
    FILE *file = fopen(path, "we");
    int length = 0;

    if (!file) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    for (int64_t number = 0; number < count; number++) {
        length = write_webhook(file, number, secret);
    }
    if (ferror(file) || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    return length;
}

static int64_t count_approved(const char *path)
{
    struct store *store = bench_store_open(path);
    int64_t requests[REQUEST_STATE_COUNT];
    int64_t jobs[JOB_STATE_COUNT];

    bench_must(store_begin(store), "begin");
    bench_must(store_count(store, requests, jobs), "count");
    store_free(store);
    return requests[REQUEST_APPROVED];
}

int main(int argc, char **argv)
{
    int64_t count = argc == 5 ? strtoll(argv[2], NULL, 10) : 0;

    if (argc == 2) {
        (void)printf("%" PRId64 "\n", count_approved(argv[1]));
    } else if (count > 0) {
        bench_store_fill(argv[1], count, add_request, NULL);
        (void)printf("%d\n", write_webhooks(argv[4], count, argv[3]));
    } else {
        (void)fprintf(stderr, "usage: make_webhooks STORE [COUNT SECRET FILE]\n");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
