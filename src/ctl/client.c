#include "assent/ctl/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "assent/base/buffer.h"

#define CONNECT_TIMEOUT_MS 5000L
#define ANSWER_LIMIT       (256u << 20)

/* An exchange under way. */
struct exchange {
    CURL *curl;
    const struct client_request *request;
    struct buffer body;
    bool refused; /* by the sink */
};

static bool keep(struct exchange *exchange, const char *bytes, size_t length)
{
    return length <= ANSWER_LIMIT - exchange->body.length &&
           buffer_append(&exchange->body, bytes, length) == 0;
}

static bool hand_on(struct exchange *exchange, const char *bytes, size_t length)
{
    const struct client_sink *sink = exchange->request->sink;
    curl_off_t total = -1;

    (void)curl_easy_getinfo(exchange->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &total);
    exchange->refused = sink->take(sink->userdata, bytes, length, total) < 0;
    return !exchange->refused;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *userdata)
{
    struct exchange *exchange = userdata;
    size_t length = size * count;
    long status = 0;

    (void)curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
    return (exchange->request->sink && status == 200 ? hand_on : keep)(exchange, bytes, length)
               ? length
               : 0;
}

static int add_header(struct curl_slist **headers, const char *header)
{
    struct curl_slist *longer = curl_slist_append(*headers, header);

    if (!longer) {
        return -ENOMEM;
    }
    *headers = longer;
    return 0;
}

/* A large body would wait a second for a 100 that nobody sends: hence no Expect. */
static int build_headers(const struct client_request *request, struct curl_slist **headers)
{
    int r = request->post ? add_header(headers, "Expect:") : 0;

    if (r == 0 && request->post) {
        r = add_header(headers, "Content-Type: application/json");
    }
    for (size_t i = 0; i < CLIENT_HEADER_LIMIT && request->headers[i] && r == 0; i++) {
        r = add_header(headers, request->headers[i]);
    }
    return r;
}

static CURLcode set_post(CURL *curl, const struct client_request *request)
{
    CURLcode code = curl_easy_setopt(curl, CURLOPT_POST, 1L);

    if (code == CURLE_OK) {
        code =
            curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
    }
    return code == CURLE_OK
               ? curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body ? request->body : "")
               : code;
}

/* The options that take a number and can't fail for lack of memory. */
static void set_manners(CURL *curl, const struct client_request *request)
{
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    if (request->sink) {
        (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)(request->timeout_ms / 1000));
    } else {
        (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    }
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
}

static CURLcode set_all(struct exchange *exchange, struct curl_slist *headers)
{
    const struct client_request *request = exchange->request;
    CURL *curl = exchange->curl;
    CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, request->url);

    set_manners(curl, request);
    if (code == CURLE_OK) {
        code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    }
    if (code == CURLE_OK) {
        code = curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
    if (code == CURLE_OK && request->unix_socket) {
        code = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
    }
    if (code == CURLE_OK && request->post) {
        code = set_post(curl, request);
    }
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    return code;
}

/* What went wrong, in words, and whether anything can have been sent. */
static int explain(CURL *curl, CURLcode code, struct problem *ret_problem)
{
    long error = 0;

    (void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return -ENOMEM;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        problem_set(ret_problem, "%s; expected http:// or https://", curl_easy_strerror(code));
        return -EINVAL;
    case CURLE_COULDNT_CONNECT:
        /* Without an error there was somebody, who left before anything could be sent. */
        problem_set(ret_problem, "%s", error ? strerror((int)error) : "it hung up");
        return error ? -ENOTCONN : -EIO;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        problem_set(ret_problem, "%s", curl_easy_strerror(code));
        return -ENOTCONN;
    case CURLE_PARTIAL_FILE:
        problem_set(ret_problem, "its answer was cut off");
        return -EIO;
    default:
        problem_set(ret_problem, "no answer: %s", curl_easy_strerror(code));
        return -EIO;
    }
}

static int perform(struct exchange *exchange, struct curl_slist *headers,
                   struct client_answer *ret_answer, struct problem *ret_problem)
{
    CURLcode code = set_all(exchange, headers);
    long status = 0;

    if (code == CURLE_OK) {
        code = curl_easy_perform(exchange->curl);
    }
    if (code != CURLE_OK) {
        return exchange->refused ? -ECANCELED : explain(exchange->curl, code, ret_problem);
    }
    (void)curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
    *ret_answer = (struct client_answer){
        .status = (unsigned)status,
        .json = json_loadb((const char *)exchange->body.data, exchange->body.length,
                           JSON_DECODE_ANY, NULL),
    };
    return 0;
}

int client_exchange(const struct client_request *request, struct client_answer *ret_answer,
                    struct problem *ret_problem)
{
    struct curl_slist *headers = NULL;
    struct exchange exchange = {.curl = curl_easy_init(), .request = request};
    int r = exchange.curl ? build_headers(request, &headers) : -ENOMEM;

    if (r == 0) {
        r = perform(&exchange, headers, ret_answer, ret_problem);
    }
    if (r == -ENOMEM) {
        problem_set(ret_problem, "out of memory");
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(exchange.curl);
    buffer_free(&exchange.body);
    return r;
}
