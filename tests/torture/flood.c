/*
 * Floods the public gate while honest webhooks arrive: 1,000 clients that drip, 10,000 bodies that
 * are too large, and unsigned requests as fast as they go. Prints how long the honest ones waited,
 * and the memory of gate and core before and after.
 *
 * SECONDS_EACH=10: how long it lasts at least.
 */
#include <arpa/inet.h>
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/suite.h"

#define DRIPPERS       1000
#define LARGE_BODIES   10000
#define LARGE_LENGTH   300000
#define HONEST_EACH_MS 10
#define HONEST_LIMIT   100000
#define GOAL_US        100000
/* What may be left of the flood in a process when it is over. */
#define GROWTH_LIMIT_KB (32 << 10)

static struct house *house;
static atomic_bool over;
static atomic_uint refused_bodies;
static atomic_uint unsigned_requests;
static atomic_uint accepted; /* of what is not honest: must stay 0 */
static int64_t waits_us[HONEST_LIMIT];

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A connection from 127.0.HIGH.LOW; -1 if it was refused. */
static int open_from(unsigned high, unsigned low)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)house_port(house))};
    struct timeval patience = {.tv_sec = 30};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (high << 8) + low);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = send(fd, bytes, length, MSG_NOSIGNAL);

        if (count <= 0) {
            return false;
        }
        bytes += count;
        length -= (size_t)count;
    }
    return true;
}

/* 0 if none came. */
static int read_status(int fd)
{
    char answer[1024] = "";
    ssize_t count = recv(fd, answer, sizeof answer - 1, 0);
    int status = 0;

    return count > 0 && sscanf(answer, "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

/* --- attackers -------------------------------------------------------------------------------- */

/* 50 from each of 20 addresses; whoever is cut off comes again. */
static void *drip(void *userdata)
{
    static int fds[DRIPPERS];

    (void)userdata;
    memset(fds, -1, sizeof fds);
    while (!atomic_load(&over)) {
        for (unsigned i = 0; i < DRIPPERS && !atomic_load(&over); i++) {
            if (fds[i] >= 0 && send(fds[i], "x", 1, MSG_NOSIGNAL) == 1) {
                continue;
            }
            if (fds[i] >= 0) {
                close(fds[i]);
            }
            fds[i] = open_from(1, 1 + i / 50);
            (void)send(fds[i], "POST /webhook/approval HTTP/1.1\r\nX: ", 36, MSG_NOSIGNAL);
        }
        (void)usleep(200000);
    }
    for (unsigned i = 0; i < DRIPPERS; i++) {
        close(fds[i]);
    }
    return NULL;
}

static void *send_large_bodies(void *userdata)
{
    static char body[LARGE_LENGTH];
    char head[256];

    (void)userdata;
    memset(body, 'x', sizeof body);
    (void)snprintf(
        head, sizeof head,
        "POST /webhook/approval HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Content-Length: %d\r\n\r\n",
        LARGE_LENGTH);
    for (int i = 0; i < LARGE_BODIES; i++) {
        int fd = open_from(2, 1);

        if (fd < 0) {
            continue;
        }
        bool sent = send_all(fd, head, strlen(head)) && send_all(fd, body, sizeof body);
        int status = read_status(fd);

        atomic_fetch_add(&refused_bodies, sent && status == 413);
        atomic_fetch_add(&accepted, status >= 200 && status < 300);
        close(fd);
    }
    return NULL;
}

static void *send_unsigned(void *userdata)
{
    static const char request[] =
        "POST /webhook/approval HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Content-Length: 43\r\n\r\n{\"requestId\":\"req_1\",\"status\":\"approved\"}   ";

    (void)userdata;
    while (!atomic_load(&over)) {
        int fd = open_from(3, 1);

        if (fd < 0) {
            continue;
        }
        int status = send_all(fd, request, strlen(request)) ? read_status(fd) : 0;

        atomic_fetch_add(&unsigned_requests, 1);
        atomic_fetch_add(&accepted, status >= 200 && status < 300);
        close(fd);
    }
    return NULL;
}

/* --- the honest one --------------------------------------------------------------------------- */

static int64_t send_honest(unsigned number)
{
    char body[128];
    char signature[128];
    char request[512];
    int64_t begin = now_us();

    (void)snprintf(body, sizeof body, "{\"requestId\":\"req_%u\",\"status\":\"approved\"}", number);
    house_sign(body, strlen(body), signature);
    (void)snprintf(
        request, sizeof request,
        "POST /webhook/approval HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "%s\r\nContent-Length: %zu\r\n\r\n%s",
        signature, strlen(body), body);
    int fd = open_from(0, 1);

    ck_assert_int_ge(fd, 0);
    ck_assert(send_all(fd, request, strlen(request)));
    ck_assert_int_eq(read_status(fd), 200);
    close(fd);
    return now_us() - begin;
}

static int compare_waits(const void *left, const void *right)
{
    int64_t difference = *(const int64_t *)left - *(const int64_t *)right;

    return (difference > 0) - (difference < 0);
}

static long memory_kb(const char *title)
{
    char *status = process_read(house_role(house, title), "status");
    const char *line = strstr(status, "VmRSS:");
    long memory = line ? strtol(line + strlen("VmRSS:"), NULL, 10) : 0;

    free(status);
    ck_assert_int_gt(memory, 0);
    return memory;
}

static void expect_flat(const char *title, long before)
{
    long after = memory_kb(title);

    printf("%s: %ld KiB before, %ld KiB after\n", title, before, after);
    ck_assert_int_lt(after - before, GROWTH_LIMIT_KB);
}

static unsigned send_while(int64_t until_us, const pthread_t *bodies)
{
    unsigned count = 0;

    while (count < HONEST_LIMIT &&
           (now_us() < until_us || pthread_tryjoin_np(*bodies, NULL) != 0)) {
        waits_us[count] = send_honest(count);
        count++;
        (void)usleep(HONEST_EACH_MS * 1000);
    }
    return count;
}

START_TEST(honest_webhooks_are_answered_in_a_flood)
{
    const char *seconds = getenv("SECONDS_EACH");
    int64_t duration_us = (seconds ? strtol(seconds, NULL, 10) : 10) * INT64_C(1000000);
    pthread_t threads[3];

    house = house_new();
    house_configure(house, "");
    house_start(house);
    (void)send_honest(999999);
    long gate = memory_kb("assentd: gate public");
    long core = memory_kb("assentd: core");

    ck_assert_int_eq(pthread_create(&threads[0], NULL, drip, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, send_unsigned, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[2], NULL, send_large_bodies, NULL), 0);
    unsigned count = send_while(now_us() + duration_us, &threads[2]);

    atomic_store(&over, true);
    (void)pthread_join(threads[0], NULL);
    (void)pthread_join(threads[1], NULL);
    qsort(waits_us, count, sizeof waits_us[0], compare_waits);
    printf(
        "honest: %u answered; waited %.1f ms (50th percentile), %.1f ms (99th), %.1f ms (longest); "
        "goal 100 ms (99th)%s\n",
        count, (double)waits_us[count / 2] / 1000, (double)waits_us[count * 99 / 100] / 1000,
        (double)waits_us[count - 1] / 1000,
        waits_us[count * 99 / 100] <= GOAL_US ? "" : ": missed");
    printf("meanwhile: %u of %u large bodies refused and told so, %u unsigned requests\n",
           atomic_load(&refused_bodies), LARGE_BODIES, atomic_load(&unsigned_requests));
    ck_assert_uint_eq(atomic_load(&accepted), 0);
    ck_assert_uint_ge(atomic_load(&refused_bodies), LARGE_BODIES / 100 * 95);
    expect_flat("assentd: gate public", gate);
    expect_flat("assentd: core", core);
    house_free(house);
}
END_TEST

int main(void)
{
    struct rlimit limit;
    Suite *suite = suite_create("flood");
    TCase *tests = tcase_create("flood");

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, honest_webhooks_are_answered_in_a_flood);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
