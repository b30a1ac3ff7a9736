/*
 * Webhook bodies: every form that is taken, and everything that could be read in two ways and is
 * therefore refused.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/digest.h"
#include "assent/base/text.h"
#include "assent/domain/event.h"
#include "support/suite.h"

static struct event taken_at(const struct event_pointers *pointers, const char *body)
{
    struct event event;
    struct problem problem = {"no problem was told"};

    ck_assert_msg(event_parse(body, strlen(body), pointers, &event, &problem) == 0, "%s: %s", body,
                  problem.text);
    return event;
}

static struct event taken(const char *body)
{
    return taken_at(NULL, body);
}

/* The pattern with `first` in place of its first @, and `second` in place of the second one. */
static char *filled_twice(const char *pattern, const char *first, const char *second)
{
    struct buffer text = {0};
    const char *values[] = {first, second};

    for (size_t i = 0; *pattern; i++) {
        size_t length = strcspn(pattern, "@");

        ck_assert_int_eq(buffer_append(&text, pattern, length), 0);
        pattern += length;
        if (*pattern == '@') {
            ck_assert_uint_lt(i, 2);
            ck_assert_int_eq(buffer_append_text(&text, values[i]), 0);
            pattern++;
        }
    }
    return buffer_take_text(&text);
}

static char *filled(const char *pattern, const char *value)
{
    return filled_twice(pattern, value, "");
}

static void assert_takes(const char *body, enum decision decision, const char *request_id)
{
    struct event event = taken(body);

    ck_assert_msg(!event.ignored, "%s is ignored", body);
    ck_assert_msg(event.decision == decision, "%s: %s", body, decision_name(event.decision));
    ck_assert_str_eq(event.request_id, request_id);
    event_free(&event);
}

static void assert_ignores(const char *body)
{
    struct event event = taken(body);

    ck_assert_msg(event.ignored, "%s is not ignored", body);
    ck_assert_str_eq(event.request_id, "");
    ck_assert_ptr_null(event.decided_by);
    ck_assert_ptr_null(event.reason);
    event_free(&event);
}

static void assert_refuses_at(const struct event_pointers *pointers, const char *body,
                              const char *why)
{
    struct event event = {.name = "untouched"};
    struct problem problem = {""};
    int r = event_parse(body, strlen(body), pointers, &event, &problem);

    ck_assert_msg(r == -EBADMSG, "%s: %d", body, r);
    ck_assert_str_eq(event.name, "untouched");
    ck_assert_msg(strstr(problem.text, why) != NULL, "%s: %s", body, problem.text);
}

static void assert_refuses(const char *body, const char *why)
{
    assert_refuses_at(NULL, body, why);
}

/* --- the documented bodies -------------------------------------------------------------------- */

START_TEST(the_javascript_form_is_taken)
{
    struct event event = taken("{\"requestId\":\"req_1\",\"status\":\"approved\",\"approvedAt\":"
                               "\"2026-03-16T10:30:45.123Z\",\"approvedBy\":\"ops@example.com\"}");

    ck_assert(!event.ignored);
    ck_assert_ptr_null(event.name);
    ck_assert_int_eq(event.decision, DECISION_GRANTED);
    ck_assert_str_eq(event.request_id, "req_1");
    ck_assert_str_eq(event.decided_by, "ops@example.com");
    ck_assert_int_eq(event.decided_at, 1773657045123);
    ck_assert_ptr_null(event.reason);
    event_free(&event);
}
END_TEST

START_TEST(the_python_form_is_taken)
{
    struct event event = taken("{\"request_id\":\"req_1\",\"status\":\"denied\",\"denied_at\":"
                               "\"2026-03-16T10:30:45Z\",\"approved_by\":\"ops@example.com\","
                               "\"denial_reason\":\"too many recipients\"}");

    ck_assert_int_eq(event.decision, DECISION_DENIED);
    ck_assert_str_eq(event.request_id, "req_1");
    ck_assert_str_eq(event.decided_by, "ops@example.com");
    ck_assert_int_eq(event.decided_at, 1773657045000);
    ck_assert_str_eq(event.reason, "too many recipients");
    event_free(&event);
}
END_TEST

START_TEST(the_flat_envelope_is_taken)
{
    struct event event =
        taken("{\"event\":\"approval.expired\",\"event_id\":\"evt_9\",\"timestamp\":"
              "\"2026-03-16T11:30:45.123Z\",\"requestId\":\"req_1\",\"status\":\"expired\"}");

    ck_assert_str_eq(event.name, "approval.expired");
    ck_assert_str_eq(event.delivery_id, "evt_9");
    ck_assert_int_eq(event.decision, DECISION_EXPIRED);
    ck_assert_int_eq(event.decided_at, 1773660645123);
    ck_assert_ptr_null(event.decided_by);
    event_free(&event);
}
END_TEST

START_TEST(the_envelope_with_data_is_taken)
{
    struct event event =
        taken("{\"event\":\"approval.granted\",\"webhook_id\":\"wh_xyz\",\"timestamp\":"
              "\"2026-03-16T10:30:45Z\",\"data\":{\"requestId\":\"req_1\",\"status\":\"approved\","
              "\"approvedBy\":\"ops@example.com\"}}");

    ck_assert_str_eq(event.name, "approval.granted");
    ck_assert_int_eq(event.decision, DECISION_GRANTED);
    ck_assert_str_eq(event.request_id, "req_1");
    ck_assert_str_eq(event.decided_by, "ops@example.com");
    ck_assert_int_eq(event.decided_at, 1773657045000);
    event_free(&event);
}
END_TEST

/* --- the request's id ------------------------------------------------------------------------- */

START_TEST(the_id_is_found_under_each_name_at_the_top_and_in_data)
{
    static const char *const names[] = {"requestId", "request_id", "approvalId", "approval_id"};

    for (size_t i = 0; i < 4; i++) {
        char *top = filled("{\"@\":\"r:1\",\"status\":\"approved\"}", names[i]);
        char *inner = filled("{\"status\":\"approved\",\"data\":{\"@\":\"r:1\"}}", names[i]);

        assert_takes(top, DECISION_GRANTED, "r:1");
        assert_takes(inner, DECISION_GRANTED, "r:1");
        free(top);
        free(inner);
    }
}
END_TEST

START_TEST(the_same_id_may_be_said_again)
{
    assert_takes("{\"requestId\":\"r\",\"approval_id\":\"r\",\"status\":\"denied\","
                 "\"data\":{\"request_id\":\"r\"}}",
                 DECISION_DENIED, "r");
    assert_takes("{\"requestId\":\"r\",\"request_id\":null,\"status\":\"denied\","
                 "\"data\":{\"request_id\":null}}",
                 DECISION_DENIED, "r");
}
END_TEST

START_TEST(two_ids_that_differ_are_refused)
{
    static const char *const bodies[] = {
        "{\"requestId\":\"a\",\"request_id\":\"b\",\"status\":\"approved\"}",
        "{\"requestId\":\"a\",\"approval_id\":\"b\",\"status\":\"approved\"}",
        "{\"requestId\":\"a\",\"requestid\":\"b\",\"status\":\"approved\"}",
        "{\"requestId\":\"a\",\"status\":\"approved\",\"data\":{\"requestId\":\"b\"}}",
        "{\"approvalId\":\"a\",\"status\":\"approved\",\"data\":{\"request_id\":\"b\"}}",
        "{\"status\":\"approved\",\"data\":{\"requestId\":\"a\",\"request_id\":\"A\"}}",
    };

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_refuses(bodies[i], "differs from");
    }
}
END_TEST

START_TEST(without_an_id_there_is_nothing_to_decide)
{
    assert_refuses("{\"status\":\"approved\"}", "no request id");
    assert_refuses("{\"event\":\"approval.granted\",\"id\":\"r\"}", "no request id");
    assert_refuses("{\"requestId\":null,\"status\":\"approved\"}", "no request id");
    assert_refuses("{\"status\":\"approved\",\"data\":{\"data\":{\"requestId\":\"r\"}}}",
                   "no request id");
    assert_refuses("{\"status\":\"approved\",\"approval\":{\"requestId\":\"r\"}}", "no request id");
}
END_TEST

START_TEST(an_id_is_a_string_of_the_right_characters)
{
    assert_refuses("{\"requestId\":17,\"status\":\"approved\"}", "\"requestId\" is not a string");
    assert_refuses("{\"request_id\":true,\"status\":\"approved\"}", "is not a string");
    assert_refuses("{\"requestId\":[\"r\"],\"status\":\"approved\"}", "is not a string");
    assert_refuses("{\"requestId\":{\"id\":\"r\"},\"status\":\"approved\"}", "is not a string");
    assert_refuses("{\"requestId\":\"\",\"status\":\"approved\"}", "is no request id");
    assert_refuses("{\"requestId\":\"a b\",\"status\":\"approved\"}", "is no request id");
    assert_refuses("{\"requestId\":\"../a\",\"status\":\"approved\"}", "is no request id");
    assert_refuses("{\"requestId\":\"r\\n\",\"status\":\"approved\"}", "is no request id");
    assert_refuses("{\"requestId\":\"r\xc3\xa9q\",\"status\":\"approved\"}", "is no request id");
    assert_refuses("{\"requestId\":\"r\",\"approvalId\":1,\"status\":\"approved\"}",
                   "\"approvalId\" is not a string");
}
END_TEST

START_TEST(the_longest_id_is_taken_and_a_longer_one_is_refused)
{
    char id[REQUEST_ID_LIMIT + 2] = {0};

    memset(id, 'a', REQUEST_ID_LIMIT);

    char *body = filled("{\"requestId\":\"@\",\"status\":\"approved\"}", id);

    assert_takes(body, DECISION_GRANTED, id);
    free(body);
    id[REQUEST_ID_LIMIT] = 'a';
    body = filled("{\"requestId\":\"@\",\"status\":\"approved\"}", id);
    assert_refuses(body, "is no request id");
    free(body);
}
END_TEST

/* --- the decision ----------------------------------------------------------------------------- */

static const struct {
    const char *word;
    enum decision decision;
} words[] = {
    {"approval.granted", DECISION_GRANTED},
    {"approval.approved", DECISION_GRANTED},
    {"approved", DECISION_GRANTED},
    {"granted", DECISION_GRANTED},
    {"approval.denied", DECISION_DENIED},
    {"approval.rejected", DECISION_DENIED},
    {"denied", DECISION_DENIED},
    {"rejected", DECISION_DENIED},
    {"approval.expired", DECISION_EXPIRED},
    {"expired", DECISION_EXPIRED},
};
#define WORD_COUNT (sizeof words / sizeof words[0])

START_TEST(every_word_decides_in_event_type_and_status_at_the_top_and_in_data)
{
    static const char *const formats[] = {
        "{\"event\":\"@\",\"requestId\":\"r\"}",
        "{\"type\":\"@\",\"requestId\":\"r\"}",
        "{\"status\":\"@\",\"requestId\":\"r\"}",
        "{\"event\":null,\"type\":null,\"status\":\"@\",\"requestId\":\"r\"}",
        "{\"requestId\":\"r\",\"data\":{\"event\":\"@\"}}",
        "{\"requestId\":\"r\",\"data\":{\"type\":\"@\"}}",
        "{\"requestId\":\"r\",\"data\":{\"status\":\"@\"}}",
    };

    for (size_t i = 0; i < WORD_COUNT; i++) {
        for (size_t j = 0; j < sizeof formats / sizeof formats[0]; j++) {
            char *body = filled(formats[j], words[i].word);

            assert_takes(body, words[i].decision, "r");
            free(body);
        }
    }
}
END_TEST

START_TEST(two_words_decide_where_they_mean_the_same_and_are_refused_where_not)
{
    static const char *const formats[] = {
        "{\"event\":\"@\",\"status\":\"@\",\"requestId\":\"r\"}",
        "{\"type\":\"@\",\"status\":\"@\",\"requestId\":\"r\"}",
        "{\"event\":\"@\",\"type\":\"@\",\"requestId\":\"r\"}",
        "{\"event\":\"@\",\"requestId\":\"r\",\"data\":{\"status\":\"@\"}}",
        "{\"event\":\"@\",\"requestId\":\"r\",\"data\":{\"event\":\"@\"}}",
        "{\"event\":\"@\",\"requestId\":\"r\",\"data\":{\"type\":\"@\"}}",
        "{\"status\":\"@\",\"requestId\":\"r\",\"data\":{\"status\":\"@\"}}",
        "{\"status\":\"@\",\"requestId\":\"r\",\"data\":{\"event\":\"@\"}}",
        "{\"status\":\"@\",\"requestId\":\"r\",\"data\":{\"type\":\"@\"}}",
        "{\"requestId\":\"r\",\"data\":{\"status\":\"@\",\"event\":\"@\"}}",
        "{\"requestId\":\"r\",\"data\":{\"type\":\"@\",\"event\":\"@\"}}",
    };

    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        for (size_t i = 0; i < WORD_COUNT; i++) {
            for (size_t j = 0; j < WORD_COUNT; j++) {
                char *body = filled_twice(formats[f], words[i].word, words[j].word);

                if (words[i].decision == words[j].decision) {
                    assert_takes(body, words[i].decision, "r");
                } else {
                    assert_refuses(body, "contradictory decision");
                }
                free(body);
            }
        }
    }
}
END_TEST

START_TEST(a_word_in_another_spelling_is_unknown)
{
    static const char *const unknown[] = {
        "Approved",
        "APPROVED",
        "approved ",
        " approved",
        "approve",
        "yes",
        "true",
        "pending",
        "",
        "Approval.Granted",
        "granted!",
        "ok",
        "approval.granted.",
        "approved,denied",
        "canceled",
        "timeout",
        "cancel",
        "approval",
        "approv\xc3\xa9",
    };

    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        char *body = filled("{\"requestId\":\"r\",\"status\":\"@\"}", unknown[i]);
        char *inner = filled("{\"requestId\":\"r\",\"event\":\"approval.granted\","
                             "\"data\":{\"status\":\"@\"}}",
                             unknown[i]);

        assert_refuses(body, "unknown decision");
        assert_refuses(inner, "unknown decision");
        free(body);
        free(inner);
    }
}
END_TEST

START_TEST(a_decision_that_is_no_string_is_refused)
{
    static const char *const values[] = {"true", "1", "[\"approved\"]", "{\"approved\":true}"};
    static const char *const formats[] = {
        "{\"requestId\":\"r\",\"status\":@}",
        "{\"requestId\":\"r\",\"event\":@,\"status\":\"approved\"}",
        "{\"requestId\":\"r\",\"type\":@,\"status\":\"approved\"}",
        "{\"requestId\":\"r\",\"status\":\"approved\",\"data\":{\"status\":@}}",
        "{\"requestId\":\"r\",\"status\":\"approved\",\"data\":{\"event\":@}}",
        "{\"requestId\":\"r\",\"event\":\"approved\",\"data\":{\"event\":@}}",
    };

    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            char *body = filled(formats[f], values[i]);

            assert_refuses(body, "is not a string");
            free(body);
        }
    }
}
END_TEST

START_TEST(without_a_decision_nothing_is_decided)
{
    assert_refuses("{\"requestId\":\"r\"}", "no decision");
    assert_refuses("{\"requestId\":\"r\",\"event\":null,\"status\":null}", "no decision");
    assert_refuses("{\"requestId\":\"r\",\"approvedBy\":\"ops\",\"approved\":true}", "no decision");
    assert_refuses("{\"requestId\":\"r\",\"data\":{\"data\":{\"status\":\"approved\"}}}",
                   "no decision");
    assert_refuses("{}", "no decision");
}
END_TEST

START_TEST(an_approval_event_may_say_what_its_data_is)
{
    assert_takes("{\"event\":\"approval.granted\",\"data\":{\"type\":\"approval_request\","
                 "\"requestId\":\"r\",\"status\":\"approved\"}}",
                 DECISION_GRANTED, "r");
}
END_TEST

/* --- what is no approval ---------------------------------------------------------------------- */

START_TEST(an_event_of_another_kind_is_ignored_whatever_else_it_says)
{
    static const char *const bodies[] = {
        "{\"event\":\"message.received\"}",
        "{\"event\":\"message.received\",\"event_id\":\"e\",\"data\":{\"subject\":\"hi\"}}",
        "{\"type\":\"account.upgraded\"}",
        "{\"event\":\"webhook.unhealthy\",\"requestId\":\"r\",\"status\":\"approved\"}",
        "{\"event\":\"message.received\",\"requestId\":\"a\",\"request_id\":\"b\"}",
        "{\"event\":\"message.received\",\"requestId\":17,\"status\":17}",
        "{\"event\":\"message.received\",\"data\":[1,2]}",
        "{\"event\":\"message.received\",\"data\":{\"event\":\"granted\",\"requestId\":\"r\"}}",
        "{\"event\":\"approval.requested\",\"requestId\":\"r\",\"status\":\"pending\"}",
        "{\"event\":\"Approval.Granted\",\"requestId\":\"r\",\"status\":\"approved\"}",
        "{\"event\":\"\",\"requestId\":\"r\",\"status\":\"approved\"}",
        "{\"event\":\"a.b\",\"type\":\"c.d\",\"requestId\":\"r\",\"status\":\"approved\"}",
        "{\"data\":{\"event\":\"message.received\",\"requestId\":\"r\",\"status\":\"approved\"}}",
        "{\"data\":{\"event\":\"message.received\"},\"requestId\":\"r\",\"status\":\"approved\"}",
    };

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_ignores(bodies[i]);
    }
}
END_TEST

START_TEST(an_ignored_event_keeps_its_name_and_id)
{
    struct event event = taken("{\"event\":\"message.received\",\"event_id\":\"evt_1\"}");

    ck_assert(event.ignored);
    ck_assert_str_eq(event.name, "message.received");
    ck_assert_str_eq(event.delivery_id, "evt_1");
    event_free(&event);
}
END_TEST

START_TEST(a_name_that_is_and_is_not_an_approval_is_refused)
{
    assert_refuses("{\"event\":\"approval.granted\",\"type\":\"message.received\","
                   "\"requestId\":\"r\"}",
                   "contradictory decision");
    assert_refuses("{\"event\":\"message.received\",\"type\":\"approval.granted\","
                   "\"requestId\":\"r\"}",
                   "contradictory decision");
    assert_refuses("{\"event\":\"approval.granted\",\"requestId\":\"r\","
                   "\"data\":{\"event\":\"message.received\"}}",
                   "unknown decision");
}
END_TEST

/* --- what could be read another way ----------------------------------------------------------- */

START_TEST(a_key_given_twice_is_refused)
{
    assert_refuses("{\"requestId\":\"r\",\"status\":\"denied\",\"status\":\"approved\"}",
                   "line 1, column 36: duplicate key \"status\"");
    assert_refuses("{\"requestId\":\"r\",\"status\":\"approved\","
                   "\"data\":{\"status\":\"approved\",\"st\\u0061tus\":\"denied\"}}",
                   "duplicate key");
}
END_TEST

START_TEST(a_key_in_another_letter_case_is_refused)
{
    assert_refuses("{\"requestId\":\"r\",\"status\":\"approved\",\"Status\":\"denied\"}",
                   "differs from \"status\" only in upper and lower case");
    assert_refuses("{\"requestId\":\"r\",\"status\":\"approved\",\"EVENT\":\"approval.denied\"}",
                   "differs from \"event\"");
    assert_refuses("{\"requestId\":\"r\",\"status\":\"approved\",\"Data\":{\"status\":\"denied\"}}",
                   "differs from \"data\"");
    assert_refuses("{\"status\":\"approved\",\"data\":{\"requestId\":\"r\",\"STATUS\":\"denied\"}}",
                   "differs from \"status\"");
    assert_refuses("{\"requestID\":\"r\",\"status\":\"approved\"}", "differs from \"requestId\"");
}
END_TEST

START_TEST(data_that_is_no_object_is_refused)
{
    static const char *const values[] = {"[{\"status\":\"denied\"}]", "\"denied\"", "1", "false"};

    for (size_t i = 0; i < 4; i++) {
        char *body = filled("{\"requestId\":\"r\",\"status\":\"approved\",\"data\":@}", values[i]);

        assert_refuses(body, "\"data\" is not an object");
        free(body);
    }
    assert_takes("{\"requestId\":\"r\",\"status\":\"approved\",\"data\":null}", DECISION_GRANTED,
                 "r");
}
END_TEST

START_TEST(an_approval_that_speaks_of_a_denial_is_refused)
{
    assert_refuses("{\"requestId\":\"r\",\"status\":\"approved\",\"denialReason\":\"too many\"}",
                   "contradictory decision: \"denialReason\"");
    assert_refuses("{\"requestId\":\"r\",\"status\":\"approved\",\"data\":{\"denied_by\":\"ops\"}}",
                   "contradictory decision: \"denied_by\"");
    assert_refuses("{\"requestId\":\"r\",\"status\":\"approved\",\"denied_at\":1773657045}",
                   "contradictory decision: \"denied_at\"");
    assert_takes("{\"requestId\":\"r\",\"status\":\"approved\",\"denialReason\":null,"
                 "\"denial_reason\":\"\",\"deniedBy\":\"\"}",
                 DECISION_GRANTED, "r");
}
END_TEST

START_TEST(a_body_that_is_no_object_is_refused)
{
    static const char *const bodies[] = {"[]",   "\"approved\"",
                                         "null", "true",
                                         "1",    "[{\"requestId\":\"r\",\"status\":\"approved\"}]"};

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_refuses(bodies[i], "the body is not a JSON object");
    }
}
END_TEST

START_TEST(a_body_that_is_no_json_is_refused_with_the_place)
{
    assert_refuses("", "line 1, column 1: ");
    assert_refuses("requestId=r&status=approved", "line 1, column ");
    assert_refuses("{\"requestId\":\"r\",\n\"status\":approved}",
                   "line 2, column 18: invalid token near 'approved'");
    assert_refuses("{\"requestId\":\"r\",\"status\":\"approved\"}{\"status\":\"denied\"}",
                   "something follows the JSON value");
    assert_refuses("{\"requestId\":\"r\\u0000x\",\"status\":\"approved\"}", "\\u0000");
}
END_TEST

/* --- who, when, why --------------------------------------------------------------------------- */

START_TEST(who_decided_is_found_under_each_name)
{
    static const char *const names[] = {"approvedBy", "approved_by", "decidedBy",
                                        "decided_by", "deniedBy",    "denied_by"};
    static const char *const formats[] = {
        "{\"requestId\":\"r\",\"status\":\"denied\",\"@\":\"ops\"}",
        "{\"requestId\":\"r\",\"status\":\"denied\",\"data\":{\"@\":\"ops\"}}",
    };

    for (size_t i = 0; i < 6; i++) {
        for (size_t f = 0; f < 2; f++) {
            char *body = filled(formats[f], names[i]);
            struct event event = taken(body);

            ck_assert_str_eq(event.decided_by, "ops");
            event_free(&event);
            free(body);
        }
    }
}
END_TEST

START_TEST(the_time_of_the_decision_goes_before_that_of_the_message)
{
    static const char *const names[] = {"approvedAt", "approved_at", "deniedAt",
                                        "denied_at",  "decidedAt",   "decided_at"};

    for (size_t i = 0; i < 6; i++) {
        char *body = filled("{\"requestId\":\"r\",\"status\":\"denied\",\"timestamp\":"
                            "\"2020-01-01T00:00:00Z\",\"data\":{\"@\":"
                            "\"2026-03-16T10:30:45Z\"}}",
                            names[i]);
        struct event event = taken(body);

        ck_assert_int_eq(event.decided_at, 1773657045000);
        event_free(&event);
        free(body);
    }
}
END_TEST

START_TEST(a_time_that_is_not_readable_is_none)
{
    static const char *const values[] = {"\"yesterday\"", "1773657045", "\"\"", "null", "{}"};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char *body = filled("{\"requestId\":\"r\",\"status\":\"approved\","
                            "\"approvedAt\":@}",
                            values[i]);
        struct event event = taken(body);

        ck_assert_int_eq(event.decided_at, 0);
        event_free(&event);
        free(body);
    }
}
END_TEST

START_TEST(the_reason_of_a_denial_is_found_under_each_name)
{
    static const char *const names[] = {"denialReason", "denial_reason", "reason"};

    for (size_t i = 0; i < 3; i++) {
        char *body = filled("{\"requestId\":\"r\",\"status\":\"denied\",\"@\":\"no\"}", names[i]);
        struct event event = taken(body);

        ck_assert_str_eq(event.reason, "no");
        event_free(&event);
        free(body);
    }
}
END_TEST

START_TEST(the_reason_of_a_request_is_not_that_of_a_denial)
{
    struct event event =
        taken("{\"requestId\":\"r\",\"status\":\"approved\",\"reason\":\"a campaign\"}");

    ck_assert_ptr_null(event.reason);
    event_free(&event);
}
END_TEST

START_TEST(the_top_goes_before_data_and_what_is_null_or_empty_says_nothing)
{
    struct event top = taken("{\"requestId\":\"r\",\"status\":\"denied\",\"decided_by\":\"top\","
                             "\"data\":{\"approvedBy\":\"inner\",\"reason\":\"inner\"}}");
    struct event none = taken("{\"requestId\":\"r\",\"status\":\"denied\",\"decided_by\":\"\","
                              "\"reason\":null}");

    ck_assert_str_eq(top.decided_by, "top");
    ck_assert_str_eq(top.reason, "inner");
    ck_assert_ptr_null(none.decided_by);
    ck_assert_ptr_null(none.reason);
    event_free(&top);
    event_free(&none);
}
END_TEST

START_TEST(texts_for_people_are_strings_of_bounded_length)
{
    char text[EVENT_TEXT_LIMIT + 2] = {0};

    memset(text, 'x', EVENT_TEXT_LIMIT);
    for (int more = 0; more < 2; more++) {
        text[EVENT_TEXT_LIMIT] = more ? 'x' : '\0';

        char *by = filled("{\"requestId\":\"r\",\"status\":\"approved\",\"approvedBy\":"
                          "\"@\"}",
                          text);
        char *why = filled("{\"requestId\":\"r\",\"status\":\"denied\",\"reason\":\"@\"}", text);

        if (more) {
            assert_refuses(by, "\"approvedBy\" is longer than 4096 bytes");
            assert_refuses(why, "\"reason\" is longer than 4096 bytes");
        } else {
            assert_takes(by, DECISION_GRANTED, "r");
            assert_takes(why, DECISION_DENIED, "r");
        }
        free(by);
        free(why);
    }
    assert_refuses("{\"requestId\":\"r\",\"status\":\"approved\",\"approvedBy\":{\"name\":\"x\"}}",
                   "\"approvedBy\" is not a string");
    assert_refuses("{\"requestId\":\"r\",\"status\":\"denied\",\"reason\":17}",
                   "\"reason\" is not a string");
}
END_TEST

/* --- the delivery's id ------------------------------------------------------------------------ */

static void assert_delivery_id_is_digest_of(const char *body)
{
    unsigned char digest[DIGEST_SHA256_SIZE];
    char hex[2 * DIGEST_SHA256_SIZE + 1];
    struct event event = taken(body);

    ck_assert_int_eq(digest_sha256(body, strlen(body), digest), 0);
    text_to_hex(digest, sizeof digest, hex);
    ck_assert_str_eq(event.delivery_id, hex);
    event_free(&event);
}

START_TEST(the_delivery_is_known_by_the_event_id)
{
    static const char *const bodies[] = {
        "{\"requestId\":\"r\",\"status\":\"approved\",\"event_id\":\"evt 1\"}",
        "{\"requestId\":\"r\",\"status\":\"approved\",\"eventId\":\"evt 1\"}",
        "{\"status\":\"approved\",\"data\":{\"requestId\":\"r\",\"event_id\":\"evt 1\"}}",
    };

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct event event = taken(bodies[i]);

        ck_assert_str_eq(event.delivery_id, "evt 1");
        event_free(&event);
    }
}
END_TEST

START_TEST(without_an_event_id_it_is_known_by_the_digest_of_the_body)
{
    assert_delivery_id_is_digest_of("{\"requestId\":\"r\",\"status\":\"approved\"}");
    assert_delivery_id_is_digest_of("{\"event\":\"message.received\"}");
    assert_delivery_id_is_digest_of(
        "{\"requestId\":\"r\",\"status\":\"approved\",\"webhook_id\":\"wh_xyz\"}");
}
END_TEST

START_TEST(an_event_id_that_cannot_be_used_gives_way_to_the_digest)
{
    static const char *const ids[] = {"\"\"", "null", "\"a\\nb\"", "\"a\\u007f\"",
                                      "\"\\u001b[2J\""};
    char id[EVENT_DELIVERY_ID_LIMIT + 2] = {0};

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char *body = filled("{\"requestId\":\"r\",\"status\":\"approved\",\"event_id\":@}", ids[i]);

        assert_delivery_id_is_digest_of(body);
        free(body);
    }
    memset(id, 'e', sizeof id - 1);

    char *body = filled("{\"requestId\":\"r\",\"status\":\"approved\",\"event_id\":\"@\"}", id);

    assert_delivery_id_is_digest_of(body);
    free(body);
}
END_TEST

START_TEST(the_longest_event_id_is_kept_whole)
{
    char id[EVENT_DELIVERY_ID_LIMIT + 1] = {0};

    memset(id, 'e', sizeof id - 1);

    char *body = filled("{\"requestId\":\"r\",\"status\":\"approved\",\"event_id\":\"@\"}", id);
    struct event event = taken(body);

    ck_assert_str_eq(event.delivery_id, id);
    event_free(&event);
    free(body);
}
END_TEST

START_TEST(an_event_id_that_is_no_string_is_refused_but_does_not_matter_where_all_is_ignored)
{
    assert_refuses("{\"requestId\":\"r\",\"status\":\"approved\",\"event_id\":17}",
                   "\"event_id\" is not a string");
    assert_delivery_id_is_digest_of("{\"event\":\"message.received\",\"event_id\":17}");
}
END_TEST

/* --- fields that a service places elsewhere --------------------------------------------------- */

START_TEST(pointers_say_where_the_fields_are)
{
    const struct event_pointers pointers = {
        .request_id = "/payload/approval/id",
        .decision = "/payload/approval/verdict",
        .decided_by = "/payload/people/0",
        .decided_at = "/payload/approval/at",
        .reason = "/payload/why",
        .event_id = "/meta~1id",
    };
    struct event event = taken_at(
        &pointers, "{\"meta/id\":\"m-1\",\"event\":\"workflow.done\",\"payload\":{\"why\":\"no\","
                   "\"people\":[\"ops\"],\"approval\":{\"id\":\"a-1\",\"verdict\":\"rejected\","
                   "\"at\":\"2026-03-16T10:30:45Z\"}}}");

    ck_assert(!event.ignored);
    ck_assert_str_eq(event.name, "rejected");
    ck_assert_str_eq(event.request_id, "a-1");
    ck_assert_int_eq(event.decision, DECISION_DENIED);
    ck_assert_str_eq(event.decided_by, "ops");
    ck_assert_int_eq(event.decided_at, 1773657045000);
    ck_assert_str_eq(event.reason, "no");
    ck_assert_str_eq(event.delivery_id, "m-1");
    event_free(&event);
}
END_TEST

START_TEST(a_field_with_a_pointer_is_looked_for_there_only)
{
    const struct event_pointers by_id = {.request_id = "/id"};
    const struct event_pointers by_decision = {.decision = "/verdict"};
    const struct event_pointers by_rest = {
        .decided_by = "/by", .decided_at = "/at", .reason = "/why", .event_id = "/event"};

    assert_refuses_at(&by_id, "{\"requestId\":\"r\",\"status\":\"approved\"}",
                      "no request id: expected \"/id\"");
    assert_refuses_at(&by_decision, "{\"requestId\":\"r\",\"status\":\"approved\"}",
                      "no decision: nothing at \"/verdict\"");
    assert_refuses_at(&by_decision, "{\"requestId\":\"r\",\"verdict\":null}",
                      "no decision: nothing at \"/verdict\"");

    const char *body = "{\"requestId\":\"r\",\"status\":\"denied\",\"event_id\":\"e\",\"reason\":"
                       "\"no\",\"approvedBy\":\"ops\",\"timestamp\":\"2026-03-16T10:30:45Z\"}";
    struct event event = taken_at(&by_rest, body);

    ck_assert_ptr_null(event.decided_by);
    ck_assert_ptr_null(event.reason);
    ck_assert_int_eq(event.decided_at, 0);
    ck_assert_uint_eq(strlen(event.delivery_id), 64);
    event_free(&event);
}
END_TEST

START_TEST(at_a_pointer_values_are_as_strict_as_anywhere)
{
    const struct event_pointers pointers = {.request_id = "/id", .decision = "/verdict"};

    assert_refuses_at(&pointers, "{\"id\":17,\"verdict\":\"approved\"}", "\"/id\" is not a string");
    assert_refuses_at(&pointers, "{\"id\":\"a b\",\"verdict\":\"approved\"}", "is no request id");
    assert_refuses_at(&pointers, "{\"id\":\"a\",\"verdict\":true}", "\"/verdict\" is not a string");
    assert_refuses_at(&pointers, "{\"id\":\"a\",\"verdict\":\"Approved\"}", "unknown decision");
}
END_TEST

START_TEST(an_event_that_was_freed_can_be_freed_again)
{
    struct event event = taken("{\"requestId\":\"r\",\"status\":\"approved\"}");

    event_free(&event);
    event_free(&event);
    event_free(NULL);
}
END_TEST

static void add_bodies_and_ids(TCase *tests)
{
    tcase_add_test(tests, the_javascript_form_is_taken);
    tcase_add_test(tests, the_python_form_is_taken);
    tcase_add_test(tests, the_flat_envelope_is_taken);
    tcase_add_test(tests, the_envelope_with_data_is_taken);
    tcase_add_test(tests, the_id_is_found_under_each_name_at_the_top_and_in_data);
    tcase_add_test(tests, the_same_id_may_be_said_again);
    tcase_add_test(tests, two_ids_that_differ_are_refused);
    tcase_add_test(tests, without_an_id_there_is_nothing_to_decide);
    tcase_add_test(tests, an_id_is_a_string_of_the_right_characters);
    tcase_add_test(tests, the_longest_id_is_taken_and_a_longer_one_is_refused);
}

static void add_decisions(TCase *tests)
{
    tcase_add_test(tests, every_word_decides_in_event_type_and_status_at_the_top_and_in_data);
    tcase_add_test(tests, two_words_decide_where_they_mean_the_same_and_are_refused_where_not);
    tcase_add_test(tests, a_word_in_another_spelling_is_unknown);
    tcase_add_test(tests, a_decision_that_is_no_string_is_refused);
    tcase_add_test(tests, without_a_decision_nothing_is_decided);
    tcase_add_test(tests, an_approval_event_may_say_what_its_data_is);
    tcase_add_test(tests, an_event_of_another_kind_is_ignored_whatever_else_it_says);
    tcase_add_test(tests, an_ignored_event_keeps_its_name_and_id);
    tcase_add_test(tests, a_name_that_is_and_is_not_an_approval_is_refused);
}

static void add_ambiguities(TCase *tests)
{
    tcase_add_test(tests, a_key_given_twice_is_refused);
    tcase_add_test(tests, a_key_in_another_letter_case_is_refused);
    tcase_add_test(tests, data_that_is_no_object_is_refused);
    tcase_add_test(tests, an_approval_that_speaks_of_a_denial_is_refused);
    tcase_add_test(tests, a_body_that_is_no_object_is_refused);
    tcase_add_test(tests, a_body_that_is_no_json_is_refused_with_the_place);
}

static void add_details(TCase *tests)
{
    tcase_add_test(tests, who_decided_is_found_under_each_name);
    tcase_add_test(tests, the_time_of_the_decision_goes_before_that_of_the_message);
    tcase_add_test(tests, a_time_that_is_not_readable_is_none);
    tcase_add_test(tests, the_reason_of_a_denial_is_found_under_each_name);
    tcase_add_test(tests, the_reason_of_a_request_is_not_that_of_a_denial);
    tcase_add_test(tests, the_top_goes_before_data_and_what_is_null_or_empty_says_nothing);
    tcase_add_test(tests, texts_for_people_are_strings_of_bounded_length);
    tcase_add_test(tests, the_delivery_is_known_by_the_event_id);
    tcase_add_test(tests, without_an_event_id_it_is_known_by_the_digest_of_the_body);
    tcase_add_test(tests, an_event_id_that_cannot_be_used_gives_way_to_the_digest);
    tcase_add_test(tests, the_longest_event_id_is_kept_whole);
    tcase_add_test(
        tests, an_event_id_that_is_no_string_is_refused_but_does_not_matter_where_all_is_ignored);
}

static void add_pointers(TCase *tests)
{
    tcase_add_test(tests, pointers_say_where_the_fields_are);
    tcase_add_test(tests, a_field_with_a_pointer_is_looked_for_there_only);
    tcase_add_test(tests, at_a_pointer_values_are_as_strict_as_anywhere);
    tcase_add_test(tests, an_event_that_was_freed_can_be_freed_again);
}

int main(void)
{
    Suite *suite = suite_create("event");
    TCase *tests = tcase_create("event");

    add_bodies_and_ids(tests);
    add_decisions(tests);
    add_ambiguities(tests);
    add_details(tests);
    add_pointers(tests);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
