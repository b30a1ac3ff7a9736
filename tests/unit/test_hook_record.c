/*
 * The record of a run, as hooks get it.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "assent/domain/hook_record.h"
#include "support/suite.h"

#define DECIDED_AT INT64_C(1773657045123) /* 2026-03-16T10:30:45.123Z */

static struct hook_record record;
static struct buffer text;

static void begin(void)
{
    text = (struct buffer){0};
    record = (struct hook_record){
        .request_id = "req_1",
        .service = "daimon",
        .action = "bulk_send",
        .status = REQUEST_APPROVED,
        .urgency = "medium",
        .decided_by = "ops@example.com",
        .decided_at = DECIDED_AT,
        .job = 17,
        .key = "k.1",
        .hook = "tell-team",
        .attempt = 2,
        .context = "{\"n\":1.10}",
    };
}

static void end(void)
{
    buffer_free(&text);
}

static const char *written(void)
{
    ck_assert_int_eq(hook_record_append(&record, &text), 0);
    return buffer_text(&text);
}

START_TEST(a_record_has_all_members_and_null_for_what_has_no_value)
{
    ck_assert_str_eq(
        written(),
        "{\"event\":\"approval.granted\",\"request_id\":\"req_1\",\"service\":\"daimon\","
        "\"action\":\"bulk_send\",\"status\":\"approved\",\"reason\":null,\"urgency\":\"medium\","
        "\"denial_reason\":null,\"decided_by\":\"ops@example.com\","
        "\"decided_at\":\"2026-03-16T10:30:45.123Z\",\"created_at\":null,\"expires_at\":null,"
        "\"attempt\":2,\"job\":{\"id\":17,\"key\":\"k.1\",\"hook\":\"tell-team\"},"
        "\"context\":{\"n\":1.10}}");
}
END_TEST

START_TEST(a_record_of_an_item_has_it_behind_the_context)
{
    record.item = "\"a@example.com\"";
    record.index = 3;
    ck_assert_ptr_nonnull(
        strstr(written(), ",\"context\":{\"n\":1.10},\"index\":3,\"item\":\"a@example.com\"}"));
}
END_TEST

START_TEST(the_event_follows_from_the_state_or_the_run_that_failed)
{
    json_t *failed = json_pack("{s:i}", "job", 16);

    record.status = REQUEST_DENIED;
    ck_assert_ptr_nonnull(strstr(written(), "{\"event\":\"approval.denied\","));
    text.length = 0;
    record.status = REQUEST_EXPIRED;
    ck_assert_ptr_nonnull(strstr(written(), "{\"event\":\"approval.expired\","));
    text.length = 0;
    record.failed = failed;
    ck_assert_ptr_nonnull(strstr(written(), "{\"event\":\"job.failed\","));
    ck_assert_ptr_nonnull(strstr(buffer_text(&text), "\"failed\":{\"job\":16}"));
    json_decref(failed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hook record");
    TCase *tests = tcase_create("hook record");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, a_record_has_all_members_and_null_for_what_has_no_value);
    tcase_add_test(tests, a_record_of_an_item_has_it_behind_the_context);
    tcase_add_test(tests, the_event_follows_from_the_state_or_the_run_that_failed);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
