/*
 * [control] and [agent]: where operators and agents come in, by which tokens, and with what.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"
#include "unit/config_scratch.h"

#define CONTROL "[control]\nlisten = 127.0.0.1:8788\n"
#define AGENT   "[agent]\nlisten = 127.0.0.1:8789\n"

static struct config *config;

static void start(void)
{
    scratch_make();
    scratch_text("secret", SECRET);
    scratch_text("ops", "token-of-operators\n");
    scratch_text("agent-a", "token-of-the-first-agent");
    scratch_text("agent-b", "token-of-the-second-agent");
    config = NULL;
}

static void finish(void)
{
    config_free(config);
    scratch_remove();
}

static void expect_token(const struct config_interface *interface, size_t index, const char *name,
                         const char *token)
{
    ck_assert_uint_lt(index, interface->token_count);
    ck_assert_str_eq(interface->tokens[index].name, name);
    ck_assert_uint_eq(interface->tokens[index].token.length, strlen(token));
    ck_assert_mem_eq(interface->tokens[index].token.bytes, token, strlen(token));
}

/* --- sections --------------------------------------------------------------------------------- */

START_TEST(without_the_section_there_is_nothing_for_agents)
{
    config = scratch_load(SERVER);
    char *dump = scratch_dump(config);
    ck_assert_ptr_null(config->agent.socket);
    ck_assert_ptr_null(strstr(dump, "[agent]"));
    free(dump);
}
END_TEST

START_TEST(an_empty_section_is_a_socket_at_the_usual_place)
{
    config = scratch_load(SERVER "[agent]\n");
    char *dump = scratch_dump(config);
    ck_assert_str_eq(config->agent.socket, "/run/assentd/agent.sock");
    ck_assert_uint_eq(config->agent.socket_mode, 0660);
    ck_assert_ptr_null(config->agent.socket_group);
    ck_assert_uint_eq(config->agent.listen.count + config->agent.token_count, 0);
    ck_assert_ptr_nonnull(strstr(dump, "[agent]\nsocket = /run/assentd/agent.sock\n"
                                       "socket_mode = 0660\n"));
    free(dump);
}
END_TEST

START_TEST(both_may_listen_at_several_places)
{
    config = scratch_load(SERVER CONTROL "listen = [::1]:8788\ntoken_file = ops\n" AGENT
                                         "token_file = agent-a\nsocket = /tmp/a.sock\n"
                                         "socket_mode = 0666\nsocket_group = root\n");
    ck_assert_uint_eq(config->control.listen.count, 2);
    ck_assert_str_eq(config->control.listen.items[1], "[::1]:8788");
    ck_assert_uint_eq(config->agent.listen.count, 1);
    ck_assert_str_eq(config->agent.socket, "/tmp/a.sock");
    ck_assert_uint_eq(config->agent.socket_mode, 0666);
    ck_assert_str_eq(config->agent.socket_group, "root");
    ck_assert_str_eq(config->listen.items[0], "127.0.0.1:8787");
    ck_assert_uint_eq(config->listen.count, 1);
}
END_TEST

START_TEST(what_does_not_fit_is_told)
{
    EXPECT_ERRORS(SERVER "[control]\nlisten = unix:/c\nlisten = 8788\n[agent]\nsocket = a\n"
                         "socket_mode = 9\nsocket_group = nobody-has-this\ntoken = x\n",
                  "4: [control] listen: the Unix socket is named by socket =; expected host:port",
                  "4: [control] listen: nobody could come in without a token",
                  "5: [control] listen: the port is missing; expected host:port or [v6]:port",
                  "7: [agent] socket: this is no absolute path",
                  "8: [agent] socket_mode: this is no octal number",
                  "9: [agent] socket_group: there is no such group",
                  "10: [agent] token: unknown key");
    EXPECT_ERRORS(SERVER "[agent]\nsocket = /run/assentd/control.sock\n",
                  "4: [agent] socket: this is the socket of [control]; expected another");
}
END_TEST

START_TEST(to_listen_on_tcp_takes_a_token)
{
    EXPECT_ERRORS(SERVER CONTROL AGENT,
                  "4: [control] listen: nobody could come in without a token; expected at least "
                  "one token_file",
                  "6: [agent] listen: nobody could come in without a token");
}
END_TEST

/* --- tokens ----------------------------------------------------------------------------------- */

START_TEST(a_token_has_the_name_of_its_file)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   SERVER "[control]\ntoken_file = ops\n"
                          "[agent]\ntoken_file = %s\ntoken_file = agent-b\n",
                   scratch_path("agent-a"));
    config = scratch_load(text);
    ck_assert_uint_eq(config->control.token_count, 1);
    expect_token(&config->control, 0, "ops", "token-of-operators");
    ck_assert_uint_eq(config->agent.token_count, 2);
    expect_token(&config->agent, 0, "agent-a", "token-of-the-first-agent");
    expect_token(&config->agent, 1, "agent-b", "token-of-the-second-agent");
}
END_TEST

START_TEST(two_files_of_one_name_are_two_tokens_of_one_agent)
{
    scratch_directory("next");
    scratch_text("next/agent-a", "what-comes-after-it");
    config = scratch_load(SERVER "[agent]\ntoken_file = agent-a\ntoken_file = next/agent-a\n");
    expect_token(&config->agent, 0, "agent-a", "token-of-the-first-agent");
    expect_token(&config->agent, 1, "agent-a", "what-comes-after-it");
}
END_TEST

START_TEST(a_token_has_16_to_512_printable_characters)
{
    char longest[514];
    memset(longest, '~', sizeof longest);
    longest[513] = '\0';
    scratch_text("t", "0123456789abcde");
    EXPECT_ERRORS(SERVER "[agent]\ntoken_file = t\n",
                  "4: [agent] token_file: the token has fewer than 16 characters or more than 512; "
                  "expected the name of a file");
    scratch_text("t", longest);
    EXPECT_ERRORS(SERVER "[agent]\ntoken_file = t\n",
                  "4: [agent] token_file: the token has fewer than 16 characters or more");
    scratch_text("t", "0123456789 abcdef");
    EXPECT_ERRORS(SERVER "[agent]\ntoken_file = t\n",
                  "4: [agent] token_file: the file holds white space");
    scratch_text("t", "0123456789\xc3\xa4"
                      "bcdef");
    EXPECT_ERRORS(SERVER "[agent]\ntoken_file = t\n",
                  "4: [agent] token_file: the file holds white space or other bytes");
    longest[512] = '\0';
    scratch_text("t", longest);
    scratch_text("u", "0123456789abcdef\n");
    config = scratch_load(SERVER "[agent]\ntoken_file = t\ntoken_file = u\n");
    expect_token(&config->agent, 0, "t", longest);
    expect_token(&config->agent, 1, "u", "0123456789abcdef");
}
END_TEST

START_TEST(a_token_is_a_secret)
{
    scratch_write("t", "0123456789abcdef", 16, 0644);
    EXPECT_ERRORS(SERVER "[agent]\ntoken_file = t\n[control]\ntoken_file = none\n",
                  "4: [agent] token_file: ", "6: [control] token_file: ");
    config = scratch_load(SERVER "[agent]\ntoken_file = agent-a\n");
    char *dump = scratch_dump(config);
    ck_assert_ptr_null(strstr(dump, "token-of-the-first-agent"));
    ck_assert_ptr_nonnull(strstr(dump, "# 24 bytes\ntoken_file = agent-a\n"));
    free(dump);
}
END_TEST

START_TEST(the_name_of_a_token_is_plain)
{
    scratch_text("agent a", "0123456789abcdef");
    EXPECT_ERRORS(SERVER "[agent]\ntoken_file = agent a\n",
                  "4: [agent] token_file: the token gets the file's name, and this can't be one");
}
END_TEST

START_TEST(no_two_may_have_the_same_token)
{
    scratch_text("agent-b", "token-of-the-first-agent\n");
    EXPECT_ERRORS(SERVER "[agent]\ntoken_file = agent-a\ntoken_file = agent-b\n",
                  "5: [agent] token_file: the same token is in agent-a of [agent] already");
    EXPECT_ERRORS(SERVER "[agent]\ntoken_file = agent-a\n[control]\ntoken_file = agent-b\n",
                  "4: [agent] token_file: the same token is in agent-b of [control] already");
}
END_TEST

START_TEST(core_alone_knows_tokens)
{
    config = scratch_load(SERVER CONTROL "token_file = ops\n" AGENT "token_file = agent-a\n");
    for (enum role role = 0; role < ROLE_COUNT; role++) {
        struct buffer bytes = scratch_pack(config, role);
        bool known = memmem(bytes.data, bytes.length, "token-of-", strlen("token-of-")) != NULL;
        ck_assert_msg(known == (role == ROLE_CORE), "%s", role_name(role));
        buffer_wipe(&bytes);
    }
    struct config *part = scratch_role(config, ROLE_CORE);
    expect_token(&part->control, 0, "ops", "token-of-operators");
    expect_token(&part->agent, 0, "agent-a", "token-of-the-first-agent");
    ck_assert_ptr_null(part->agent.socket);
    ck_assert_uint_eq(part->agent.listen.count, 0);
    config_free(part);
}
END_TEST

/* --- what agents may register ----------------------------------------------------------------- */

#define ASKED SERVICE "url = https://a.example\ncallback_url = https://b.example/webhook\n"

static unsigned ways(const char *action)
{
    return config_ways(config, action, config_service(config, "daimon"));
}

START_TEST(an_action_says_how_requests_may_come)
{
    config = scratch_load(SERVER ASKED "[action a]\naccept = ask\n"
                                       "[action b]\naccept = register\n"
                                       "[action c]\naccept = register , ask\n[action d]\n");
    ck_assert_uint_eq(ways("a"), WAY_ASK);
    ck_assert_uint_eq(ways("b"), WAY_REGISTER);
    ck_assert_uint_eq(ways("c"), WAY_ASK | WAY_REGISTER);
}
END_TEST

START_TEST(what_is_not_said_follows_from_the_service)
{
    config = scratch_load(SERVER SERVICE "[action a]\n");
    ck_assert_uint_eq(ways("a"), WAY_REGISTER);
    ck_assert_uint_eq(ways("unknown"), WAY_REGISTER);
    config_free(config);
    config = scratch_load(SERVER ASKED "[action a]\n");
    ck_assert_uint_eq(ways("a"), WAY_ASK);
    ck_assert_uint_eq(ways("unknown"), WAY_ASK);
}
END_TEST

START_TEST(it_may_be_said_for_all_other_actions)
{
    config = scratch_load(SERVER ASKED "[action *]\naccept = register\n[action a]\n");
    ck_assert_uint_eq(ways("unknown"), WAY_REGISTER);
    ck_assert_uint_eq(ways("a"), WAY_ASK);
    struct config *part = scratch_role(config, ROLE_CORE);
    ck_assert_uint_eq(config_action(part, "unknown")->accept, WAY_REGISTER);
    config_free(part);
}
END_TEST

START_TEST(other_ways_are_refused)
{
    EXPECT_ERRORS(SERVER "[action a]\naccept = everything\n[action b]\naccept = ask,\n"
                         "[action c]\naccept = ask, ask\n[action d]\naccept = Ask\n",
                  "4: [action a] accept: this is no way in which a request can come; expected ask, "
                  "register, or both with a comma between them",
                  "6: [action b] accept: this is no way", "8: [action c] accept: one of them is",
                  "10: [action d] accept: this is no way");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_interfaces");
    TCase *sections = tcase_create("sections");
    TCase *tokens = tcase_create("tokens");
    TCase *accept = tcase_create("accept");
    tcase_add_checked_fixture(sections, start, finish);
    tcase_add_test(sections, without_the_section_there_is_nothing_for_agents);
    tcase_add_test(sections, an_empty_section_is_a_socket_at_the_usual_place);
    tcase_add_test(sections, both_may_listen_at_several_places);
    tcase_add_test(sections, what_does_not_fit_is_told);
    tcase_add_test(sections, to_listen_on_tcp_takes_a_token);
    suite_add_tcase(suite, sections);
    tcase_add_checked_fixture(tokens, start, finish);
    tcase_add_test(tokens, a_token_has_the_name_of_its_file);
    tcase_add_test(tokens, two_files_of_one_name_are_two_tokens_of_one_agent);
    tcase_add_test(tokens, a_token_has_16_to_512_printable_characters);
    tcase_add_test(tokens, a_token_is_a_secret);
    tcase_add_test(tokens, the_name_of_a_token_is_plain);
    tcase_add_test(tokens, no_two_may_have_the_same_token);
    tcase_add_test(tokens, core_alone_knows_tokens);
    suite_add_tcase(suite, tokens);
    tcase_add_checked_fixture(accept, start, finish);
    tcase_add_test(accept, an_action_says_how_requests_may_come);
    tcase_add_test(accept, what_is_not_said_follows_from_the_service);
    tcase_add_test(accept, it_may_be_said_for_all_other_actions);
    tcase_add_test(accept, other_ways_are_refused);
    suite_add_tcase(suite, accept);
    return suite_run(suite);
}
