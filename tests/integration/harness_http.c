#include <check.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "assent/base/buffer.h"
#include "assent/base/digest.h"
#include "assent/base/text.h"
#include "integration/harness.h"

/* --- one after another ------------------------------------------------------------------------ */

static size_t collect(char *bytes, size_t size, size_t count, void *userdata)
{
    return buffer_append(userdata, bytes, size * count) == 0 ? size * count : 0;
}

static struct curl_slist *header_list(const char *const *headers)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    for (size_t i = 0; headers && headers[i]; i++) {
        list = curl_slist_append(list, headers[i]);
    }
    return list;
}

struct answer house_call(const char *socket, const char *method, const char *url,
                         const char *const *headers, const char *body)
{
    struct answer answer = {0};
    struct buffer bytes = {0};
    struct buffer head = {0};
    struct curl_slist *list = header_list(headers);
    CURL *curl = curl_easy_init();
    long status = 0;

    ck_assert_ptr_nonnull(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)HOUSE_PATIENCE_MS);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &bytes);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &head);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    if (socket) {
        (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    }
    if (body) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    if (strcmp(method, "HEAD") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    }
    if (curl_easy_perform(curl) == CURLE_OK) {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(list);
    answer.status = (int)status;
    answer.json = json_loadb((const char *)bytes.data, bytes.length, 0, NULL);
    answer.body = buffer_take_text(&bytes);
    answer.headers = buffer_take_text(&head);
    return answer;
}

void answer_clear(struct answer *answer)
{
    json_decref(answer->json);
    free(answer->body);
    free(answer->headers);
    *answer = (struct answer){0};
}

struct answer house_public(const struct house *house, const char *method, const char *path,
                           const char *const *headers, const char *body)
{
    char *url = house_format(house, "http://127.0.0.1:%%PORT%%%s", path);
    struct answer answer = house_call(NULL, method, url, headers, body);

    free(url);
    return answer;
}

struct answer house_control(const struct house *house, const char *method, const char *path,
                            const char *body)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    char *url = NULL;
    struct answer answer;

    ck_assert_int_ge(asprintf(&url, "http://localhost%s", path), 0);
    answer = house_call(house_socket(house), method, url, headers, body);
    free(url);
    return answer;
}

static void sign(const char *secret, const char *body, size_t length, char ret_header[128])
{
    unsigned char digest[DIGEST_SHA256_SIZE];
    char hex[2 * DIGEST_SHA256_SIZE + 1];

    ck_assert_int_eq(digest_hmac_sha256(secret, strlen(secret), body, length, digest), 0);
    text_to_hex(digest, sizeof digest, hex);
    (void)snprintf(ret_header, 128, "X-Daimon-Signature: sha256=%s", hex);
}

void house_sign(const char *body, size_t length, char ret_header[128])
{
    sign(HOUSE_SECRET, body, length, ret_header);
}

struct answer house_webhook_to(const struct house *house, const char *path, const char *secret,
                               const char *body)
{
    char signature[128];
    const char *headers[] = {"Content-Type: application/json", signature, NULL};

    sign(secret, body, strlen(body), signature);
    return house_public(house, "POST", path, headers, body);
}

struct answer house_webhook(const struct house *house, const char *body)
{
    return house_webhook_to(house, "/webhook/approval", HOUSE_SECRET, body);
}

/* --- at the same time ------------------------------------------------------------------------- */

struct exchange {
    int fd;
};

static struct exchange *exchange_new(int family, const void *address, socklen_t length)
{
    const struct timeval patience = {.tv_sec = HOUSE_PATIENCE_MS / 1000};
    struct exchange *exchange = calloc(1, sizeof *exchange);

    ck_assert_ptr_nonnull(exchange);
    exchange->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(exchange->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ck_assert_msg(connect(exchange->fd, address, length) == 0, "connect: %s", strerror(errno));
    return exchange;
}

static void send_all(const struct exchange *exchange, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(exchange->fd, bytes, length, MSG_NOSIGNAL);

        ck_assert_msg(sent > 0, "send: %s", strerror(errno));
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void send_request(const struct exchange *exchange, const char *method, const char *path,
                         const char *header, const char *body)
{
    char *head = NULL;
    size_t length = body ? strlen(body) : 0;
    int head_length = asprintf(&head,
                               "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                               "Content-Type: application/json\r\nContent-Length: %zu\r\n%s%s\r\n",
                               method, path, length, header ? header : "", header ? "\r\n" : "");

    ck_assert_int_gt(head_length, 0);
    send_all(exchange, head, (size_t)head_length);
    send_all(exchange, body, length);
    free(head);
}

struct exchange *house_begin_at(const char *socket, const char *method, const char *path,
                                const char *body)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct exchange *exchange;

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", socket);
    exchange = exchange_new(AF_UNIX, &address, sizeof address);
    send_request(exchange, method, path, NULL, body);
    return exchange;
}

struct exchange *house_begin_control(const struct house *house, const char *method,
                                     const char *path, const char *body)
{
    return house_begin_at(house_socket(house), method, path, body);
}

struct exchange *house_begin_webhook(const struct house *house, const char *body)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)house_port(house)),
    };
    struct exchange *exchange = exchange_new(AF_INET, &address, sizeof address);
    char signature[128];

    house_sign(body, strlen(body), signature);
    send_request(exchange, "POST", "/webhook/approval", signature, body);
    return exchange;
}

bool exchange_answered(const struct exchange *exchange, int within_ms)
{
    struct pollfd readable = {.fd = exchange->fd, .events = POLLIN};

    return poll(&readable, 1, within_ms) > 0;
}

void exchange_leave(struct exchange *exchange)
{
    (void)close(exchange->fd);
    free(exchange);
}

struct answer exchange_end(struct exchange *exchange)
{
    struct answer answer = {0};
    struct buffer all = {0};
    char piece[16384];
    ssize_t length;
    char *end;

    while ((length = recv(exchange->fd, piece, sizeof piece, 0)) > 0) {
        ck_assert_int_eq(buffer_append(&all, piece, (size_t)length), 0);
    }
    exchange_leave(exchange);
    answer.headers = buffer_take_text(&all);
    end = strstr(answer.headers, "\r\n\r\n");
    if (!end || sscanf(answer.headers, "HTTP/1.%*d %d", &answer.status) != 1) {
        answer.body = strdup("");
        return answer;
    }
    answer.body = strdup(end + 4);
    end[2] = '\0';
    answer.json = json_loads(answer.body, 0, NULL);
    return answer;
}
