/*
 * What asking a service needs: its URLs and its key, which action asks which, where decisions are
 * passed on to.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"
#include "unit/config_scratch.h"

#define ASKED                                                                             \
    "[service asked]\npath = /asked\nscheme = daimon\nsecret_file = other\nurl = https:/" \
    "/api.example\ncallback_url = https://agent.example/asked\n"
#define RELAY "[relay]\nallow = https://agent.example/hooks/\nsecret_file = relay-secret\n"

static struct config *config;

static void start(void)
{
    scratch_make();
    scratch_text("other", "whsec_other");
    scratch_text("relay-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    scratch_text("api-key", "key-of-the-service");
    scratch_text("ca.pem", "-----BEGIN CERTIFICATE-----\nca of the service");
    config = NULL;
}

static void finish(void)
{
    config_free(config);
    scratch_remove();
}

/* --- services --------------------------------------------------------------------------------- */

START_TEST(a_service_that_is_asked_has_hooks_of_its_own)
{
    config = scratch_load(SERVER ASKED "api_key_file = api-key\ntls_ca = ca.pem\n"
                                       "poll_interval = 5m\n");
    struct config *caller = scratch_role(config, ROLE_CALLER);
    struct config *core = scratch_role(config, ROLE_CORE);
    const struct config_hook *submit = config_hook_of(caller, PURPOSE_SUBMIT, "asked");
    const struct config_hook *lookup = config_hook_of(caller, PURPOSE_LOOKUP, "asked");

    ck_assert_ptr_nonnull(submit);
    ck_assert_ptr_nonnull(lookup);
    ck_assert_str_eq((char *)submit->bearer.bytes, "key-of-the-service");
    ck_assert_str_eq((char *)lookup->bearer.bytes, "key-of-the-service");
    ck_assert_str_eq((char *)lookup->tls_ca.bytes,
                     "-----BEGIN CERTIFICATE-----\nca of the service");
    ck_assert_mem_eq(submit->digest, config_hook_of(core, PURPOSE_SUBMIT, "asked")->digest,
                     PROTOCOL_DIGEST_SIZE);
    ck_assert_uint_eq(core->services[0].api_key.length, 0);
    ck_assert_uint_eq(config_hook_of(core, PURPOSE_SUBMIT, "asked")->bearer.length, 0);
    ck_assert_int_eq(core->services[0].poll_interval_ms, 5 * 60 * 1000);
    ck_assert_str_eq(core->services[0].callback_url, "https://agent.example/asked");
    ck_assert_ptr_null(caller->services[0].callback_url);
    ck_assert_ptr_null(config_hook_of(core, PURPOSE_RELAY, "decision"));
    config_free(core);
    config_free(caller);
}
END_TEST

START_TEST(a_slash_at_the_end_of_a_url_does_not_count)
{
    config = scratch_load(SERVER "[service a]\npath = /a\nscheme = url-token\n"
                                 "url = http://127.0.0.1:9/base/\n"
                                 "callback_url = http://[::1]:1/a\n");
    ck_assert_str_eq(config->services[0].url, "http://127.0.0.1:9/base");
    ck_assert(config->services[0].url_token);
    ck_assert_int_eq(config->services[0].scheme, SIGNATURE_NONE);
}
END_TEST

START_TEST(schemes_can_be_combined_with_a_token)
{
    config = scratch_load(SERVER SERVICE ASKED);
    ck_assert(!config->services[1].url_token);
    config_free(config);
    config = scratch_load(SERVER "[service a]\npath = /a\nscheme = url-token , daimon\n"
                                 "secret_file = secret\nurl = https://a.example\n"
                                 "callback_url = https://b.example/a\n");
    ck_assert(config->services[0].url_token);
    ck_assert_int_eq(config->services[0].scheme, SIGNATURE_DAIMON);
    struct config *gate = scratch_role(config, ROLE_GATE_PUBLIC);
    ck_assert(gate->services[0].url_token);
    ck_assert_ptr_null(gate->services[0].url);
    config_free(gate);
}
END_TEST

START_TEST(schemes_that_make_no_sense_are_told)
{
    static const char *const schemes[] = {
        "daimon, daimon", "url-token,url-token", "none, url-token", "url-token, none", "daimon,",
        ",daimon",        "daimon url-token",    "url_token",       "daimon, none",    "Daimon",
    };
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       SERVER "[service a]\npath = /a\nscheme = %s\nsecret_file = secret\n"
                              "url = https://a.example\ncallback_url = https://b.example/a\n",
                       schemes[i]);
        EXPECT_ERRORS(text, "5: [service a] scheme: ");
    }
}
END_TEST

START_TEST(what_belongs_together_is_missed)
{
    EXPECT_ERRORS(SERVER SERVICE "url = https://a.example\n",
                  "7: [service daimon] url: callback_url is missing; expected it beside this one");
    EXPECT_ERRORS(SERVER SERVICE "callback_url = https://a.example/webhook\n"
                                 "api_key_file = api-key\ntls_ca = ca.pem\npoll_interval = 1m\n",
                  "7: [service daimon] callback_url: url is missing;",
                  "8: [service daimon] api_key_file: url is missing;",
                  "9: [service daimon] tls_ca: url is missing;",
                  "10: [service daimon] poll_interval: url is missing;");
    EXPECT_ERRORS(SERVER "[service a]\npath = /a\nscheme = url-token\n",
                  "5: [service a] scheme: only a service that is asked through assentd is told a "
                  "URL with a token; expected url and callback_url beside it");
    EXPECT_ERRORS(SERVER "[service a]\npath = /a\nscheme = daimon, url-token\n"
                         "url = https://a.example\ncallback_url = https://b.example/a\n",
                  "5: [service a] scheme: signatures can't be checked without a secret;");
    EXPECT_ERRORS(SERVER "[service a]\npath = /a\nscheme = url-token\nsecret_file = secret\n"
                         "url = https://a.example\ncallback_url = https://b.example/a\n",
                  "6: [service a] secret_file: with url-token alone no signature is checked; "
                  "expected scheme = daimon, url-token, or no secret_file");
}
END_TEST

START_TEST(nothing_goes_out_in_the_clear)
{
    EXPECT_ERRORS(
        SERVER SERVICE "url = http://api.example\n"
                       "callback_url = http://agent.example/webhook\n",
        "7: [service daimon] url: over http anybody on the way could read and change it;");
    EXPECT_ERRORS(
        SERVER "[service a]\npath = /a\nscheme = url-token\nurl = https://api.example\n"
               "callback_url = http://agent.example/a\n",
        "7: [service a] callback_url: over http anybody on the way could read the token,");
    EXPECT_ERRORS("[relay]\nallow = http://agent.example/\nsecret_file = relay-secret\n" SERVER,
                  "2: [relay] allow: over http anybody on the way could read and change it;");
    config = scratch_load(
        "[relay]\nallow = http://localhost:3000/\nsecret_file = relay-secret\n" SERVER SERVICE
        "url = http://127.0.0.1:8080\n"
        "callback_url = http://agent.example/webhook\n");
}
END_TEST

START_TEST(urls_that_are_none_are_told)
{
    EXPECT_ERRORS(SERVER SERVICE "url = api.example\ncallback_url = https://a.example/w?x=1\n",
                  "7: [service daimon] url: this is no URL that begins with http:// or https://; "
                  "expected an https URL such as https://api.daimon.email",
                  "8: [service daimon] callback_url: this URL has a query; expected");
    EXPECT_ERRORS(SERVER SERVICE "url = https://key@api.example\n"
                                 "callback_url = https://a.example/../w\n",
                  "7: [service daimon] url: a URL may not hold a user name or password;",
                  "8: [service daimon] callback_url: a path may not hold . and ..");
    EXPECT_ERRORS("[relay]\nallow = https://a.example/{x}\nallow = https://a.example/x?y\n"
                  "secret_file = relay-secret\n" SERVER,
                  "2: [relay] allow: a URL can't hold spaces,",
                  "3: [relay] allow: this URL has a query;");
}
END_TEST

START_TEST(files_of_a_service_hold_what_they_should)
{
    scratch_text("api-key", "two words");
    EXPECT_ERRORS(SERVER ASKED "api_key_file = api-key\ntls_ca = secret\n",
                  "9: [service asked] api_key_file: the file holds white space or other bytes that "
                  "a header can't;",
                  "10: [service asked] tls_ca: the file holds no certificate;");
}
END_TEST

START_TEST(a_callback_must_come_to_its_own_service)
{
    EXPECT_ERRORS(SERVER SERVICE "url = https://a.example\n"
                                 "callback_url = https://Agent.example:443/asked\n" ASKED,
                  "14: [service asked] callback_url: [service daimon] has this URL already; "
                  "expected another for each service");
    EXPECT_ERRORS(SERVER SERVICE "url = https://a.example\n"
                                 "callback_url = http://localhost:8787/other\n",
                  "8: [service daimon] callback_url: this leads straight to [server] listen, where "
                  "the path is another; expected it to end in /webhook");
    config = scratch_load(SERVER SERVICE "url = https://a.example\n"
                                         "callback_url = http://localhost:8787/webhook\n");
    config_free(config);
    /* A proxy may stand at another port, or on another machine, and change the path. */
    config = scratch_load(SERVER SERVICE "url = https://a.example\n"
                                         "callback_url = http://localhost:80/other\n" ASKED);
    config_free(config);
    config = scratch_load(SERVER SERVICE "url = https://a.example\n"
                                         "callback_url = https://b.example:8787/other\n");
}
END_TEST

START_TEST(no_path_looks_like_one_with_a_token)
{
    EXPECT_ERRORS(SERVER "[service a]\npath = /a\nscheme = url-token\nurl = https://a.example\n"
                         "callback_url = https://b.example/a\n"
                         "[service b]\n"
                         "path = /a/0123456789abcdefghijklmnopqrstuvwxyzABCD-_E\n"
                         "scheme = daimon\nsecret_file = secret\n",
                  "9: [service b] path: this could be a path with a token of [service a]; expected "
                  "another");
    config =
        scratch_load(SERVER "[service a]\npath = /a\nscheme = url-token\n"
                            "url = https://a.example\ncallback_url = https://b.example/a\n"
                            "[service b]\npath = /a/b\nscheme = daimon\nsecret_file = secret\n");
}
END_TEST

/* --- actions ---------------------------------------------------------------------------------- */

START_TEST(an_action_names_the_service_that_it_asks)
{
    config = scratch_load(SERVER SERVICE ASKED "[action a]\nservice = asked\n[action b]\n");
    ck_assert_str_eq(config_action(config, "a")->service, "asked");
    ck_assert_ptr_null(config_action(config, "b")->service);
    ck_assert_uint_eq(config_ways(config, "b", config_service(config, "asked")), WAY_ASK);
    ck_assert_uint_eq(config_ways(config, "b", config_service(config, "daimon")), WAY_REGISTER);
    ck_assert_uint_eq(config_ways(config, "b", NULL), WAY_REGISTER);
}
END_TEST

START_TEST(a_service_that_is_none_or_not_asked_is_told)
{
    EXPECT_ERRORS(SERVER SERVICE ASKED "[action a]\nservice = nobody\n[action b]\nservice = "
                                       "daimon\n",
                  "14: [action a] service: there is no service nobody; expected a section "
                  "[service nobody]",
                  "16: [action b] service: [service daimon] has no url, so it can't be asked; "
                  "expected the name of a service that has a url");
}
END_TEST

START_TEST(of_several_services_each_action_names_its_own)
{
    EXPECT_ERRORS(
        SERVER SERVICE "url = https://a.example\ncallback_url = https://b.example/w\n" ASKED
                       "[action a]\nservice = daimon\n"
                       "[action b]\n"
                       "[action c]\naccept = register\n"
                       "[action d]\naccept = register, ask\n"
                       "[action *]\n",
        "17: [action b]: service is missing, and 2 services have a url; expected the name "
        "of the one that is asked, or accept = register",
        "20: [action d]: service is missing,", "22: [action *]: service is missing,");
}
END_TEST

START_TEST(nobody_asks_where_no_service_can_be_asked)
{
    EXPECT_ERRORS(SERVER SERVICE "[action a]\naccept = ask\n[action b]\naccept = ask, register\n"
                                 "[action c]\naccept = register\n",
                  "8: [action a] accept: no service has a url, so none can be asked; expected "
                  "register, or a url in a [service NAME]",
                  "10: [action b] accept: no service has a url,");
}
END_TEST

/* --- relay ------------------------------------------------------------------------------------ */

START_TEST(decisions_are_passed_on_to_what_is_allowed)
{
    config = scratch_load(RELAY "allow = https://b.example\n" SERVER SERVICE);
    struct config *caller = scratch_role(config, ROLE_CALLER);
    struct config *core = scratch_role(config, ROLE_CORE);

    ck_assert_uint_eq(caller->relay_allow.count, 2);
    ck_assert_str_eq(caller->relay_allow.items[1], "https://b.example");
    ck_assert_str_eq((char *)caller->relay_secret.bytes, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    ck_assert_uint_eq(core->relay_allow.count, 2);
    ck_assert_uint_eq(core->relay_secret.length, 0);
    ck_assert_int_eq(config_hook(core, RELAY_HOOK)->purpose, PURPOSE_RELAY);
    ck_assert_mem_eq(config_hook(core, RELAY_HOOK)->digest, config_hook(caller, RELAY_HOOK)->digest,
                     PROTOCOL_DIGEST_SIZE);
    config_free(core);
    config_free(caller);
}
END_TEST

START_TEST(a_relay_is_whole_or_not_there)
{
    EXPECT_ERRORS("[relay]\nallow = https://a.example/\n" SERVER,
                  "2: [relay] allow: secret_file is missing; expected it beside this one");
    EXPECT_ERRORS("[relay]\nsecret_file = relay-secret\n" SERVER,
                  "2: [relay] secret_file: allow is missing;");
    EXPECT_ERRORS("[relay]\nallow = https://a.example/x\nallow = https://A.example:443/x\n"
                  "allow = https://a.example/x/\nsecret_file = relay-secret\n" SERVER,
                  "3: [relay] allow: the same is given twice;");
    EXPECT_ERRORS("[relay]\nallow = https://a.example/\nsecret_file = secret\n" SERVER,
                  "3: [relay] secret_file: what is behind whsec_ is no base64;");
    scratch_text("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    EXPECT_ERRORS("[relay]\nallow = https://a.example/\nsecret_file = secret\n" SERVER SERVICE,
                  "3: [relay] secret_file: [service daimon] has the same secret; expected another, "
                  "or whoever checks what is passed on could decide");
}
END_TEST

/* --- secrets ---------------------------------------------------------------------------------- */

START_TEST(only_the_caller_is_given_what_calls_are_made_with)
{
    static const char *const secrets[] = {
        "key-of-the-service", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "ca of the service"};
    config = scratch_load(RELAY SERVER ASKED "api_key_file = api-key\ntls_ca = ca.pem\n");
    for (enum role role = 0; role < ROLE_COUNT; role++) {
        struct buffer bytes = scratch_pack(config, role);
        for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
            bool known = memmem(bytes.data, bytes.length, secrets[i], strlen(secrets[i])) != NULL;
            ck_assert_msg(known == (role == ROLE_CALLER), "%s: %s", role_name(role), secrets[i]);
        }
        buffer_wipe(&bytes);
    }
}
END_TEST

START_TEST(a_dump_shows_all_but_the_secrets)
{
    config = scratch_load(RELAY SERVER ASKED "api_key_file = api-key\npoll_interval = 5m\n"
                                             "[action a]\nservice = asked\naccept = ask\n");
    char *dump = scratch_dump(config);

    ck_assert_ptr_nonnull(strstr(dump, "[relay]\nallow = https://agent.example/hooks/\n"
                                       "# 38 bytes\nsecret_file = relay-secret\n"));
    ck_assert_ptr_nonnull(strstr(dump, "url = https://api.example\n"
                                       "callback_url = https://agent.example/asked\n"
                                       "# 18 bytes\napi_key_file = api-key\n"
                                       "poll_interval = 5m\n"));
    ck_assert_ptr_nonnull(strstr(dump, "accept = ask\nservice = asked\n"));
    ck_assert_ptr_null(strstr(dump, "key-of-the-service"));
    ck_assert_ptr_null(strstr(dump, "whsec_"));
    free(dump);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_asking");
    TCase *asking = tcase_create("asking");
    tcase_add_checked_fixture(asking, start, finish);
    tcase_add_test(asking, a_service_that_is_asked_has_hooks_of_its_own);
    tcase_add_test(asking, a_slash_at_the_end_of_a_url_does_not_count);
    tcase_add_test(asking, schemes_can_be_combined_with_a_token);
    tcase_add_test(asking, schemes_that_make_no_sense_are_told);
    tcase_add_test(asking, what_belongs_together_is_missed);
    tcase_add_test(asking, nothing_goes_out_in_the_clear);
    tcase_add_test(asking, urls_that_are_none_are_told);
    tcase_add_test(asking, files_of_a_service_hold_what_they_should);
    tcase_add_test(asking, a_callback_must_come_to_its_own_service);
    tcase_add_test(asking, no_path_looks_like_one_with_a_token);
    tcase_add_test(asking, an_action_names_the_service_that_it_asks);
    tcase_add_test(asking, a_service_that_is_none_or_not_asked_is_told);
    tcase_add_test(asking, of_several_services_each_action_names_its_own);
    tcase_add_test(asking, nobody_asks_where_no_service_can_be_asked);
    tcase_add_test(asking, decisions_are_passed_on_to_what_is_allowed);
    tcase_add_test(asking, a_relay_is_whole_or_not_there);
    tcase_add_test(asking, only_the_caller_is_given_what_calls_are_made_with);
    tcase_add_test(asking, a_dump_shows_all_but_the_secrets);
    suite_add_tcase(suite, asking);
    return suite_run(suite);
}
