/* Names with several addresses, some of which do not answer. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "caller_rig.h"
#include "support/patience.h"
#include "support/suite.h"

#define RECORD   "{\"request_id\":\"req_1\",\"context\":{},\"job\":{\"id\":17,\"key\":\"k-1\"}}"
#define SILENT   "127.0.1.1"
#define ANSWERS  "127.0.1.2"
#define HOSTS    SILENT " two.test\n" ANSWERS " two.test\n"
#define ANSWER   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
#define TO_FILL  8
#define LONG_MS  15000
#define SHORT_MS 200

static struct caller_rig rig;

/* Seen by this process and its children only. False if that can't be had. */
static bool name_them(void)
{
    char path[] = "/tmp/assentd-hosts-XXXXXX";
    int fd = mkstemp(path);
    bool done;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, HOSTS, strlen(HOSTS)), (ssize_t)strlen(HOSTS));
    (void)close(fd);
    done = unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount(path, "/etc/hosts", NULL, MS_BIND, NULL) == 0;
    (void)unlink(path);
    return done;
}

static struct sockaddr_in address_of(const char *host, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    ck_assert_int_eq(inet_pton(AF_INET, host, &address.sin_addr), 1);
    return address;
}

/* At that port, or any if it is 0; `ret_port` may be NULL. */
static int listen_at(const char *host, int port, int backlog, int *ret_port)
{
    struct sockaddr_in address = address_of(host, port);
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    if (ret_port) {
        *ret_port = ntohs(address.sin_port);
    }
    return fd;
}

/* Whose queue is full, as nobody accepts: who connects hears nothing. */
static void fall_silent(int port)
{
    struct sockaddr_in address = address_of(SILENT, port);
    bool silent = false;

    (void)listen_at(SILENT, port, 0, NULL);
    for (int i = 0; i < TO_FILL && !silent; i++) {
        struct pollfd connects = {.events = POLLOUT};

        connects.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_ge(connects.fd, 0);
        (void)connect(connects.fd, (struct sockaddr *)&address, sizeof address);
        silent = poll(&connects, 1, SHORT_MS) == 0;
    }
    ck_assert(silent);
}

static void answer_one(int listener)
{
    struct pollfd called = {.fd = listener, .events = POLLIN};
    char request[4096];
    int fd;

    ck_assert_msg(poll(&called, 1, (int)patience_ms(LONG_MS)) == 1, "nobody called");
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(read(fd, request, sizeof request), 0);
    ck_assert_int_eq(write(fd, ANSWER, strlen(ANSWER)), (ssize_t)strlen(ANSWER));
    (void)close(fd);
}

/* Half of the time is the first one's. */
START_TEST(an_address_that_does_not_answer_leaves_some_time_to_the_next)
{
    struct protocol_result result;
    int listener;

    if (!name_them()) {
        (void)printf("no name can be given to addresses: skipped\n");
        return;
    }
    caller_rig_start(&rig);
    listener = listen_at(ANSWERS, 0, 1, &rig.port);
    fall_silent(rig.port);
    caller_rig_begin(&rig, "[hook two]\nhttp = POST http://two.test:PORT/\ntimeout = 8s\n");
    caller_rig_send_start(&rig, "two", "k-1", RECORD);
    answer_one(listener);
    caller_rig_receive_result(&rig, &result);
    ck_assert_msg(result.ending == ENDING_SUCCEEDED, "%s", result.error ? result.error : "-");
    caller_rig_free(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("caller_names");
    TCase *names = tcase_create("names");

    tcase_set_timeout(names, 60);
    tcase_add_test(names, an_address_that_does_not_answer_leaves_some_time_to_the_next);
    suite_add_tcase(suite, names);
    return suite_run(suite);
}
