/*
 * Pages: whoever goes through all of them sees what was there at the beginning once each, whatever is
 * added meanwhile; and events go on where the last page ended, also after a restart.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "integration/harness.h"
#include "support/suite.h"

#define OLD_ROWS 12
#define PAGE     5

static struct house *house;

static void begin(void)
{
    house = house_new();
    house_configure(house, "[action pay]\naccept = register\non_granted = note, fan\n"
                           "[action *]\naccept = register\n"
                           "[hook note]\nshell = true\n"
                           "[hook fan]\nfor_each = context.all\nshell = true\n");
    house_start(house);
}

static void end(void)
{
    house_free(house);
}

static void add_request(int number)
{
    char id[32];

    (void)snprintf(id, sizeof id, "req_%d", number);
    house_register_as(house, id, "pay");
}

/* Adds a row, as number so many. */
typedef void (*adder)(int number);

static void add_job(int number)
{
    char id[32];
    char body[256];

    (void)snprintf(id, sizeof id, "req_%d", number);
    (void)snprintf(body, sizeof body,
                   "{\"requestId\":\"%s\",\"service\":\"daimon\",\"action\":\"pay\","
                   "\"context\":{\"all\":[]}}",
                   id);
    house_register(house, body);
    house_approve(house, id);
}

/* Goes through all pages, adds two rows behind each, and counts how often each number was seen. */
static void walk(const char *path, const char *rows, const char *key, adder add, int seen[],
                 int count)
{
    char *cursor = strdup("");
    int next = OLD_ROWS;

    while (cursor) {
        char at[128];

        (void)snprintf(at, sizeof at, "%s?limit=%d%s%s", path, PAGE, cursor[0] ? "&cursor=" : "",
                       cursor);
        json_t *page = house_get(house, at);
        size_t index;
        json_t *row;

        json_array_foreach(json_object_get(page, rows), index, row) {
            const json_t *value = json_object_get(row, key);
            int number = json_is_string(value) ? atoi(json_string_value(value) + strlen("req_"))
                                               : (int)json_integer_value(value);

            ck_assert_int_lt(number, count);
            seen[number]++;
        }
        free(cursor);
        cursor = json_is_string(json_object_get(page, "cursor")) ? strdup(text_at(page, "/cursor"))
                                                                 : NULL;
        json_decref(page);
        add(next++);
        add(next++);
    }
}

START_TEST(each_old_request_is_seen_once_while_requests_are_added)
{
    int seen[4 * OLD_ROWS] = {0};

    for (int i = 0; i < OLD_ROWS; i++) {
        add_request(i);
    }
    walk("/v1/requests", "requests", "requestId", add_request, seen, 4 * OLD_ROWS);
    for (int i = 0; i < 4 * OLD_ROWS; i++) {
        ck_assert_int_eq(seen[i], i < OLD_ROWS);
    }
}
END_TEST

START_TEST(each_old_job_is_seen_once_while_jobs_are_added)
{
    int seen[8 * OLD_ROWS] = {0};

    for (int i = 0; i < OLD_ROWS; i++) {
        add_job(i);
    }
    walk("/v1/jobs", "jobs", "job", add_job, seen, 8 * OLD_ROWS);
    for (int i = 1; i < 8 * OLD_ROWS; i++) {
        ck_assert_int_eq(seen[i], i <= 2 * OLD_ROWS);
    }
}
END_TEST

START_TEST(each_item_is_seen_once_while_items_end)
{
    int seen[OLD_ROWS] = {0};
    char path[64];
    json_t *jobs;

    house_register(house, "{\"requestId\":\"req_0\",\"service\":\"daimon\",\"action\":\"pay\","
                          "\"context\":{\"all\":[0,1,2,3,4,5,6,7,8,9,10,11]}}");
    house_approve(house, "req_0");
    jobs = house_get(house, "/v1/jobs?hook=fan");
    (void)snprintf(path, sizeof path, "/v1/jobs/%lld/items",
                   (long long)number_at(jobs, "/jobs/0/job"));
    json_decref(jobs);
    walk(path, "items", "index", add_request, seen, OLD_ROWS);
    for (int i = 0; i < OLD_ROWS; i++) {
        ck_assert_int_eq(seen[i], 1);
    }
}
END_TEST

/* Takes pages until one is empty. Returns how many events there were; their sequences go up. */
static int read_events(char cursor[32], int64_t *last)
{
    int count = 0;

    for (;;) {
        char path[128];
        size_t index;
        json_t *event;

        (void)snprintf(path, sizeof path, "/v1/events?limit=3&cursor=%s", cursor);
        json_t *page = house_get(house, path);

        json_array_foreach(json_object_get(page, "events"), index, event) {
            ck_assert_int_gt(number_at(event, "/sequence"), *last);
            *last = number_at(event, "/sequence");
            ck_assert_str_eq(text_at(event, "/service"), "daimon");
            ck_assert_int_eq(strncmp(text_at(event, "/requestId"), "req_", 4), 0);
            ck_assert_str_ne(text_at(event, "/kind"), "");
            ck_assert_str_ne(text_at(event, "/at"), "");
            count++;
        }
        (void)snprintf(cursor, 32, "%s", text_at(page, "/cursor"));
        json_decref(page);
        if (index == 0) {
            return count;
        }
    }
}

START_TEST(events_go_on_where_the_last_page_ended_over_restarts_and_kills)
{
    char cursor[32] = "0";
    int64_t last = 0;

    ck_assert_int_eq(read_events(cursor, &last), 0);
    ck_assert_str_eq(cursor, "0");
    for (int i = 0; i < 7; i++) {
        add_request(i);
    }
    ck_assert_int_eq(read_events(cursor, &last), 7);
    ck_assert_int_eq(read_events(cursor, &last), 0);
    add_request(7);
    (void)house_kill_role(house, "assentd: core");
    house_await_ready(house);
    add_request(8);
    ck_assert_int_eq(read_events(cursor, &last), 2);
    ck_assert_int_eq(house_stop(house), 0);
    house_start(house);
    house_await_ready(house);
    add_request(9);
    ck_assert_int_eq(read_events(cursor, &last), 1);
}
END_TEST

START_TEST(a_cursor_that_is_none_is_refused)
{
    answer_expect_error(house_control(house, "GET", "/v1/events?cursor=x", NULL), 400,
                        "invalid_request", "cursor");
    answer_expect_error(house_control(house, "GET", "/v1/events?limit=501", NULL), 400,
                        "invalid_request", "limit");
    answer_expect_error(house_control(house, "POST", "/v1/events", "{}"), 405, "method_not_allowed",
                        "GET");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pages");
    TCase *tests = house_scenarios(suite, "pages", begin, end);

    tcase_add_test(tests, each_old_request_is_seen_once_while_requests_are_added);
    tcase_add_test(tests, each_old_job_is_seen_once_while_jobs_are_added);
    tcase_add_test(tests, each_item_is_seen_once_while_items_end);
    tcase_add_test(tests, events_go_on_where_the_last_page_ended_over_restarts_and_kills);
    tcase_add_test(tests, a_cursor_that_is_none_is_refused);
    return suite_run(suite);
}
