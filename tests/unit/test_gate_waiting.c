/*
 * Requests on their way through the gate: from many threads to one, waiting by id and by age, and
 * left by their clients.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assent/gate/outbox.h"
#include "assent/gate/pending.h"
#include "assent/gate/watch.h"
#include "support/suite.h"

/* --- the outbox ------------------------------------------------------------------------------- */

static struct outbox *new_outbox(void)
{
    struct outbox *outbox = NULL;

    ck_assert_int_eq(outbox_new(&outbox), 0);
    return outbox;
}

/* How often it was woken since the last time. */
static uint64_t wakes(struct outbox *outbox)
{
    eventfd_t count = 0;

    return eventfd_read(outbox_fd(outbox), &count) == 0 ? count : 0;
}

START_TEST(what_goes_in_comes_out_in_order_and_wakes_once)
{
    struct outbox *outbox = new_outbox();
    struct request requests[3] = {{.id = 1}, {.id = 2}, {.id = 3}};

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(outbox_push(outbox, &requests[i]), 0);
    }
    ck_assert_uint_eq(wakes(outbox), 1);
    struct request *first = outbox_take(outbox);

    ck_assert_ptr_eq(first, &requests[0]);
    ck_assert_ptr_eq(first->next, &requests[1]);
    ck_assert_ptr_eq(first->next->next, &requests[2]);
    ck_assert_ptr_null(first->next->next->next);
    ck_assert_ptr_null(outbox_take(outbox));
    ck_assert_int_eq(outbox_push(outbox, &requests[1]), 0);
    ck_assert_uint_eq(wakes(outbox), 1);
    outbox_free(outbox);
}
END_TEST

START_TEST(what_comes_right_behind_wakes_only_when_it_is_many)
{
    struct outbox *outbox = new_outbox();
    struct request first = {.id = 1};
    struct request held[OUTBOX_HELD + 1] = {0};

    ck_assert_int_eq(outbox_push(outbox, &first), 0);
    ck_assert_uint_eq(wakes(outbox), 1);
    ck_assert_ptr_eq(outbox_take(outbox), &first);
    for (int i = 0; i < OUTBOX_HELD - 1; i++) {
        ck_assert_int_eq(outbox_push(outbox, &held[i]), 0);
    }
    ck_assert_uint_eq(wakes(outbox), 0);
    ck_assert_int_eq(outbox_push(outbox, &held[OUTBOX_HELD - 1]), 0);
    ck_assert_int_eq(outbox_push(outbox, &held[OUTBOX_HELD]), 0);
    ck_assert_uint_eq(wakes(outbox), 1);
    ck_assert_ptr_eq(outbox_take(outbox), &held[0]);
    outbox_free(outbox);
}
END_TEST

START_TEST(more_than_64_mib_for_core_are_refused)
{
    struct outbox *outbox = new_outbox();
    struct request half = {.frame = {.length = OUTBOX_LIMIT / 2}};
    struct request rest = {.frame = {.length = OUTBOX_LIMIT / 2}};
    struct request one = {.frame = {.length = 1}};

    ck_assert_int_eq(outbox_push(outbox, &half), 0);
    ck_assert_int_eq(outbox_push(outbox, &rest), 0);
    ck_assert_int_eq(outbox_push(outbox, &one), -ENOBUFS);
    ck_assert_ptr_eq(outbox_take(outbox), &half);
    ck_assert_int_eq(outbox_push(outbox, &one), -ENOBUFS);
    (void)wakes(outbox);
    ck_assert_int_eq(outbox_push(outbox, &one), -ENOBUFS);
    ck_assert_uint_eq(wakes(outbox), 1);
    outbox_set_backlog(outbox, OUTBOX_LIMIT / 2);
    ck_assert_int_eq(outbox_push(outbox, &half), 0);
    outbox_free(outbox);
}
END_TEST

START_TEST(a_closed_outbox_gives_up_what_it_had_and_takes_no_more)
{
    struct outbox *outbox = new_outbox();
    struct request first = {.id = 1};
    struct request second = {.id = 2};

    ck_assert_int_eq(outbox_push(outbox, &first), 0);
    ck_assert_ptr_eq(outbox_close(outbox), &first);
    ck_assert_int_eq(outbox_push(outbox, &second), -EPIPE);
    ck_assert_ptr_null(outbox_take(outbox));
    outbox_free(outbox);
}
END_TEST

enum { THREADS = 4, EACH = 5000 };

struct pusher {
    struct outbox *outbox;
    struct request requests[EACH];
};

static void *push_all(void *userdata)
{
    struct pusher *pusher = userdata;

    for (int i = 0; i < EACH; i++) {
        pusher->requests[i].id = (uint64_t)i;
        (void)outbox_push(pusher->outbox, &pusher->requests[i]);
    }
    return NULL;
}

/* Takes once. Returns how many there were. */
static size_t take_in_order(struct outbox *outbox, const struct pusher *pushers, uint64_t *next)
{
    size_t count = 0;

    for (struct request *request = outbox_take(outbox); request; request = request->next) {
        for (int i = 0; i < THREADS; i++) {
            if (request >= pushers[i].requests && request < pushers[i].requests + EACH) {
                ck_assert_uint_eq(request->id, next[i]++);
            }
        }
        count++;
    }
    return count;
}

START_TEST(nothing_is_lost_between_threads_and_each_thread_keeps_its_order)
{
    static struct pusher pushers[THREADS];
    struct outbox *outbox = new_outbox();
    pthread_t threads[THREADS];
    uint64_t next[THREADS] = {0};
    size_t count = 0;

    for (int i = 0; i < THREADS; i++) {
        pushers[i].outbox = outbox;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, push_all, &pushers[i]), 0);
    }
    while (count < (size_t)THREADS * EACH) {
        struct pollfd poll_fd = {.fd = outbox_fd(outbox), .events = POLLIN};

        ck_assert_int_eq(poll(&poll_fd, 1, 10000), 1);
        (void)wakes(outbox);
        for (size_t taken = 1; taken > 0; count += taken) {
            taken = take_in_order(outbox, pushers, next);
        }
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_uint_eq(next[i], EACH);
    }
    outbox_free(outbox);
}
END_TEST

/* --- the pending table ------------------------------------------------------------------------ */

static struct pending *new_pending(void)
{
    struct pending *pending = NULL;

    ck_assert_int_eq(pending_new(&pending), 0);
    return pending;
}

START_TEST(each_is_found_once_by_its_id)
{
    enum { COUNT = 3000 };
    static struct request requests[COUNT];
    struct pending *pending = new_pending();

    for (int i = 0; i < COUNT; i++) {
        requests[i].id = (uint64_t)i * 3 + 1;
        pending_add(pending, &requests[i]);
    }
    ck_assert_uint_eq(pending_count(pending), COUNT);
    for (int i = 0; i < COUNT; i++) {
        int which = (i * 7) % COUNT;

        ck_assert_ptr_eq(pending_take(pending, requests[which].id), &requests[which]);
        ck_assert_ptr_null(pending_take(pending, requests[which].id));
        ck_assert_ptr_null(pending_take(pending, (uint64_t)which * 3));
    }
    ck_assert_uint_eq(pending_count(pending), 0);
    ck_assert_ptr_null(pending_oldest(pending));
    pending_free(pending);
}
END_TEST

START_TEST(the_oldest_is_known_whatever_is_taken)
{
    struct pending *pending = new_pending();
    struct request requests[4] = {{.id = 1}, {.id = 2}, {.id = 3}, {.id = 4}};

    for (int i = 0; i < 4; i++) {
        pending_add(pending, &requests[i]);
    }
    ck_assert_ptr_eq(pending_oldest(pending), &requests[0]);
    (void)pending_take(pending, 2);
    (void)pending_take(pending, 1);
    ck_assert_ptr_eq(pending_oldest(pending), &requests[2]);
    (void)pending_take(pending, 4);
    pending_add(pending, &requests[1]);
    (void)pending_take(pending, 3);
    ck_assert_ptr_eq(pending_oldest(pending), &requests[1]);
    pending_free(pending);
}
END_TEST

START_TEST(each_is_watched_once_when_it_is_old_enough)
{
    struct pending *pending = new_pending();
    struct request requests[4] = {{.id = 1, .since = 10},
                                  {.id = 2, .since = 20},
                                  {.id = 3, .since = 20},
                                  {.id = 4, .since = 40}};

    for (int i = 0; i < 4; i++) {
        pending_add(pending, &requests[i]);
    }
    ck_assert_ptr_null(pending_watch_next(pending, 9));
    ck_assert_ptr_eq(pending_watch_next(pending, 20), &requests[0]);
    ck_assert(requests[0].watched);
    (void)pending_take(pending, 2);
    ck_assert_ptr_eq(pending_watch_next(pending, 20), &requests[2]);
    ck_assert_ptr_null(pending_watch_next(pending, 20));
    (void)pending_take(pending, 4);
    ck_assert_ptr_null(pending_watch_next(pending, 100));
    requests[1].since = 50;
    pending_add(pending, &requests[1]);
    ck_assert(!requests[1].watched);
    ck_assert_ptr_eq(pending_watch_next(pending, 50), &requests[1]);
    pending_free(pending);
}
END_TEST

/* --- the watch -------------------------------------------------------------------------------- */

START_TEST(a_client_that_left_is_seen_until_it_is_removed)
{
    struct watch *watch = NULL;
    struct request request = {.id = 77};
    uint64_t id = 0;
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    request.fd = pair[0];
    ck_assert_int_eq(watch_new(&watch), 0);
    ck_assert_int_eq(watch_add(watch, &request), 0);
    ck_assert_int_eq(write(pair[1], "more", 4), 4);
    ck_assert_int_eq(watch_next(watch, &id), 0);
    close(pair[1]);
    struct pollfd poll_fd = {.fd = watch_fd(watch), .events = POLLIN};

    ck_assert_int_eq(poll(&poll_fd, 1, 10000), 1);
    ck_assert_int_eq(watch_next(watch, &id), 1);
    ck_assert_uint_eq(id, 77);
    watch_remove(watch, &request);
    ck_assert_int_eq(watch_next(watch, &id), 0);
    watch_free(watch);
    close(pair[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate waiting");
    TCase *tests = tcase_create("waiting");

    tcase_add_test(tests, what_goes_in_comes_out_in_order_and_wakes_once);
    tcase_add_test(tests, what_comes_right_behind_wakes_only_when_it_is_many);
    tcase_add_test(tests, more_than_64_mib_for_core_are_refused);
    tcase_add_test(tests, a_closed_outbox_gives_up_what_it_had_and_takes_no_more);
    tcase_add_test(tests, nothing_is_lost_between_threads_and_each_thread_keeps_its_order);
    tcase_add_test(tests, each_is_found_once_by_its_id);
    tcase_add_test(tests, the_oldest_is_known_whatever_is_taken);
    tcase_add_test(tests, each_is_watched_once_when_it_is_old_enough);
    tcase_add_test(tests, a_client_that_left_is_seen_until_it_is_removed);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
