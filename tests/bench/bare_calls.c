/*
 * What to compare with: a curl_multi loop that posts the same body again and again over kept
 * connections, and looks at nothing but the status.
 *
 *   bare_calls URL COUNT PARALLEL BODY     prints the calls a second
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "assent/base/clock.h"

#define PARALLEL_LIMIT 1024
#define WAIT_MS        1000

static size_t drop(char *bytes, size_t size, size_t count, void *userdata)
{
    (void)bytes;
    (void)userdata;
    return size * count;
}

static void must(bool fine, const char *what)
{
    if (!fine) {
        (void)fprintf(stderr, "bare_calls: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

static CURL *make_handle(const char *url, const char *body, struct curl_slist *headers)
{
    CURL *easy = curl_easy_init();

    must(easy && curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop) == CURLE_OK,
         "no memory");
    return easy;
}

/* Ends those that are done, and begins as many again while some are left to be made. */
static long turn_over(CURLM *multi, long left)
{
    CURLMsg *message;
    long ended = 0;
    int queued;

    while ((message = curl_multi_info_read(multi, &queued))) {
        CURL *easy = message->easy_handle;
        long status = 0;

        must(message->data.result == CURLE_OK, curl_easy_strerror(message->data.result));
        must(curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status == 200,
             "an answer is not 200");
        must(curl_multi_remove_handle(multi, easy) == CURLM_OK, "a call does not end");
        ended++;
        if (left-- > 0) {
            must(curl_multi_add_handle(multi, easy) == CURLM_OK, "a call does not begin");
        } else {
            curl_easy_cleanup(easy);
        }
    }
    return ended;
}

static void make_calls(CURLM *multi, long count, long parallel)
{
    long ended = 0;
    int running;

    for (;;) {
        long left = count - ended - parallel;

        must(curl_multi_perform(multi, &running) == CURLM_OK, "can't go on");
        ended += turn_over(multi, left > 0 ? left : 0);
        if (ended == count) {
            return;
        }
        must(curl_multi_poll(multi, NULL, 0, WAIT_MS, NULL) == CURLM_OK, "can't wait");
    }
}

int main(int argc, char **argv)
{
    long count = argc == 5 ? strtol(argv[2], NULL, 10) : 0;
    long parallel = argc == 5 ? strtol(argv[3], NULL, 10) : 0;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURLM *multi = curl_multi_init();
    int64_t began;

    if (parallel < 1 || parallel > PARALLEL_LIMIT || count < parallel) {
        (void)fprintf(stderr, "usage: bare_calls URL COUNT PARALLEL BODY\n");
        return EXIT_FAILURE;
    }
    must(headers && multi, "no memory");
    for (long i = 0; i < parallel; i++) {
        CURL *easy = make_handle(argv[1], argv[4], headers);

        must(curl_multi_add_handle(multi, easy) == CURLM_OK, "no memory");
    }
    began = clock_monotonic_ms();
    make_calls(multi, count, parallel);
    (void)printf("%lld\n", (long long)count * 1000 / (long long)(clock_monotonic_ms() - began + 1));
    (void)curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    return EXIT_SUCCESS;
}
