/*
 * Who somebody is taken for, whatever a gate sends: rights come from the link, names from a uid or
 * a token.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/log.h"
#include "assent/core/access.h"
#include "support/suite.h"

#define TOKEN(name, text)                                        \
    {                                                            \
        (char *)(name),                                          \
        {                                                        \
            (unsigned char *)(uintptr_t)(text), sizeof(text) - 1 \
        }                                                        \
    }

static struct config_token operators[] = {TOKEN("ops", "token-of-operators")};
static struct config_token agents[] = {TOKEN("alice", "token-of-alice"),
                                       TOKEN("bob", "token-of-bob"),
                                       TOKEN("alice", "next-token-of-alice")};

static struct config config = {
    .control = {.tokens = operators, .token_count = 1},
    .agent = {.tokens = agents, .token_count = 3},
};
static struct core core = {.config = &config};
static struct link control = {.core = &core, .role = ROLE_GATE_CONTROL};
static struct link agent = {.core = &core, .role = ROLE_GATE_AGENT};
static struct access found;

/* What is found of a request from that peer, with that header if it is not NULL. */
static int find(struct link *link, const char *peer, const char *authorization)
{
    struct protocol_request request = {.method = "GET", .path = "/", .query = "", .peer = peer};

    if (authorization) {
        request.headers[request.header_count++] =
            (struct protocol_header){"authorization", authorization};
    }
    found = (struct access){.who = "nobody"};
    return access_find(link, &request, &found);
}

static void expect(struct link *link, const char *peer, const char *authorization, const char *who)
{
    ck_assert_int_eq(find(link, peer, authorization), 0);
    ck_assert_str_eq(found.who, who);
    ck_assert(found.agent == (link == &agent));
}

START_TEST(a_uid_is_a_name)
{
    expect(&control, "uid:0", NULL, "uid:0");
    expect(&control, "uid:4294967294", NULL, "uid:4294967294");
    expect(&agent, "uid:1000", NULL, "agent uid:1000");
}
END_TEST

START_TEST(a_token_is_a_name_where_there_is_no_uid)
{
    expect(&control, "127.0.0.1", "Bearer token-of-operators", "token:ops");
    expect(&agent, "2001:db8::1", "Bearer token-of-bob", "agent token:bob");
    expect(&agent, "unknown", "bearer next-token-of-alice", "agent token:alice");
    expect(&agent, "uid:1000", "Bearer token-of-bob", "agent uid:1000");
}
END_TEST

START_TEST(access_stands_as_long_as_its_token_has_its_name)
{
    struct config_token later[] = {TOKEN("bob", "token-of-alice"),
                                   TOKEN("alice", "next-token-of-alice")};
    struct config reloaded = {.agent = {.tokens = later, .token_count = 2}};

    expect(&agent, "127.0.0.1", "Bearer next-token-of-alice", "agent token:alice");
    ck_assert(access_stands(&agent, &found));
    core.config = &reloaded;
    ck_assert(access_stands(&agent, &found));
    core.config = &config;
    expect(&agent, "127.0.0.1", "Bearer token-of-bob", "agent token:bob");
    core.config = &reloaded;
    ck_assert(!access_stands(&agent, &found));
    core.config = &config;
    expect(&agent, "127.0.0.1", "Bearer token-of-alice", "agent token:alice");
    core.config = &reloaded;
    ck_assert(!access_stands(&agent, &found));
    expect(&agent, "uid:1000", NULL, "agent uid:1000");
    ck_assert(access_stands(&agent, &found));
    core.config = &config;
}
END_TEST

START_TEST(nothing_that_the_gate_of_agents_says_makes_an_operator)
{
    expect(&agent, "uid:0", "Bearer token-of-operators", "agent uid:0");
    ck_assert_int_eq(find(&agent, "127.0.0.1", "Bearer token-of-operators"), -EACCES);
    ck_assert_int_eq(find(&agent, "operator", NULL), -EACCES);
}
END_TEST

START_TEST(what_only_looks_like_a_uid_is_none)
{
    static const char *const peers[] = {
        "",
        "uid:",
        "uid:x",
        "uid:1 ",
        " uid:1",
        "uid:-1",
        "UID:0",
        "uid:0\n",
        "agent uid:0",
        "uid0",
        "uid:0000000000001",
        "uid:+1",
        "token:ops",
    };

    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
        ck_assert_msg(find(&control, peers[i], NULL) == -EACCES, "%s", peers[i]);
        ck_assert_msg(find(&agent, peers[i], NULL) == -EACCES, "%s", peers[i]);
        ck_assert_str_eq(found.who, "nobody");
    }
}
END_TEST

START_TEST(only_a_whole_token_is_one)
{
    static const char *const wrong[] = {
        "",
        "Bearer",
        "Bearer ",
        "token-of-bob",
        "Bearer token-of-bo",
        "Bearer token-of-bobb",
        "Bearer token-of-bob ",
        "Bearer token-of-bob,token-of-alice",
        "Basic token-of-bob",
        "Bearertoken-of-bob",
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(find(&agent, "127.0.0.1", wrong[i]) == -EACCES, "%s", wrong[i]);
    }
}
END_TEST

START_TEST(two_headers_are_no_token)
{
    struct protocol_request request = {
        .method = "GET",
        .path = "/",
        .query = "",
        .peer = "127.0.0.1",
        .header_count = 2,
        .headers = {{"authorization", "Bearer token-of-bob"},
                    {"authorization", "Bearer token-of-bob"}},
    };

    ck_assert_int_eq(access_find(&agent, &request, &found), -EACCES);
}
END_TEST

START_TEST(an_agent_sees_its_own_and_an_operator_all)
{
    struct store_request request = {.owner = (char *)(uintptr_t) "agent uid:1"};
    struct store_request other = {.owner = (char *)(uintptr_t) "uid:1"};
    struct store_request nobodys = {0};

    ck_assert_int_eq(find(&agent, "uid:1", NULL), 0);
    ck_assert(access_may_see(&found, &request));
    ck_assert(!access_may_see(&found, &other));
    ck_assert(!access_may_see(&found, &nobodys));
    ck_assert_str_eq(access_owner(&found), "agent uid:1");
    ck_assert_int_eq(find(&control, "uid:1", NULL), 0);
    ck_assert(access_may_see(&found, &request) && access_may_see(&found, &other));
    ck_assert(access_may_see(&found, &nobodys));
    ck_assert_ptr_null(access_owner(&found));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("access");
    TCase *tests = tcase_create("access");

    log_set_level(LOG_LEVEL_ERROR);
    tcase_add_test(tests, a_uid_is_a_name);
    tcase_add_test(tests, a_token_is_a_name_where_there_is_no_uid);
    tcase_add_test(tests, access_stands_as_long_as_its_token_has_its_name);
    tcase_add_test(tests, nothing_that_the_gate_of_agents_says_makes_an_operator);
    tcase_add_test(tests, what_only_looks_like_a_uid_is_none);
    tcase_add_test(tests, only_a_whole_token_is_one);
    tcase_add_test(tests, two_headers_are_no_token);
    tcase_add_test(tests, an_agent_sees_its_own_and_an_operator_all);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
