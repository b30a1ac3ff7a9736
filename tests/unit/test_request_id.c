/*
 * Request ids: what may be one.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "assent/domain/request_id.h"
#include "support/suite.h"

START_TEST(ids_of_services_are_valid)
{
    ck_assert(request_id_valid("req_1"));
    ck_assert(request_id_valid("a"));
    ck_assert(request_id_valid("0"));
    ck_assert(request_id_valid("Req.2026:03-16_Z"));
}
END_TEST

START_TEST(an_id_begins_with_a_letter_or_digit)
{
    ck_assert(!request_id_valid(""));
    ck_assert(!request_id_valid("_a"));
    ck_assert(!request_id_valid("-a"));
    ck_assert(!request_id_valid(".a"));
    ck_assert(!request_id_valid(":a"));
}
END_TEST

START_TEST(every_other_character_is_refused)
{
    for (int c = 1; c < 256; c++) {
        char id[] = {'a', (char)c, '\0'};
        bool allowed = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                              "0123456789._:-",
                              c) != NULL;
        ck_assert_msg(request_id_valid(id) == allowed, "character %d", c);
    }
}
END_TEST

START_TEST(an_id_has_at_most_200_characters)
{
    char id[REQUEST_ID_LIMIT + 2];
    memset(id, 'x', sizeof id);
    id[REQUEST_ID_LIMIT] = '\0';
    ck_assert(request_id_valid(id));
    id[REQUEST_ID_LIMIT] = 'x';
    id[REQUEST_ID_LIMIT + 1] = '\0';
    ck_assert(!request_id_valid(id));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request_id");
    TCase *ids = tcase_create("ids");
    tcase_add_test(ids, ids_of_services_are_valid);
    tcase_add_test(ids, an_id_begins_with_a_letter_or_digit);
    tcase_add_test(ids, every_other_character_is_refused);
    tcase_add_test(ids, an_id_has_at_most_200_characters);
    suite_add_tcase(suite, ids);
    return suite_run(suite);
}
