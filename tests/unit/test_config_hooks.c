/*
 * Hooks: what each kind takes, what may not come from a request, and what follows from a section.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/config/setters.h"
#include "support/suite.h"
#include "unit/config_scratch.h"

#define EXEC "[hook h]\nexec = /bin/true --id={request_id}\n"
#define CALL_ITEM                                                                         \
    "[hook j]\nhttp = PUT http://a.example/{item.id}/{index}\nheader = To: {item.mail}\n" \
    "for_each = context.to\nbody = {\"item\": \"{item}\", \"n\": \"{index}\"}\n"
#define CALL "[hook h]\nhttp = POST https://a.example/{request_id}\n"

static struct config *load_hook(const char *hook)
{
    char text[4096];
    (void)snprintf(text, sizeof text, SERVER "%s", hook);
    return scratch_load(text);
}

START_TEST(an_exec_hook_has_words)
{
    struct config *config = load_hook(EXEC);
    const struct config_hook *hook = &config->hooks[0];
    ck_assert_int_eq(hook->kind, HOOK_EXEC);
    ck_assert_uint_eq(hook->words.count, 2);
    ck_assert(!template_has_placeholders(hook->words.items[0]));
    ck_assert(template_uses(hook->words.items[1], "request_id"));
    ck_assert_int_eq(hook->timeout_ms, 5 * 60 * 1000);
    ck_assert_int_eq(hook->kill_after_ms, 10 * 1000);
    ck_assert_uint_eq(hook->output_limit, 64 << 10);
    ck_assert_uint_eq(hook->umask, 077);
    ck_assert_ptr_null(hook->workdir);
    ck_assert_uint_eq(hook->env.count, 0);
    config_free(config);
}
END_TEST

START_TEST(a_program_hook_takes_its_settings)
{
    struct config *config = load_hook("[hook h]\nshell =\n  one {action}\n  two\ntimeout = 1s\n"
                                      "kill_after = 0\noutput_limit = 0\nworkdir = /tmp\n"
                                      "umask = 022\nenv = A=b = c\nenv = _D2=\n");
    const struct config_hook *hook = &config->hooks[0];
    ck_assert_int_eq(hook->kind, HOOK_SHELL);
    ck_assert_str_eq(hook->shell, "one {action}\ntwo");
    ck_assert_int_eq(hook->timeout_ms, 1000);
    ck_assert_int_eq(hook->kill_after_ms, 0);
    ck_assert_uint_eq(hook->output_limit, 0);
    ck_assert_str_eq(hook->workdir, "/tmp");
    ck_assert_uint_eq(hook->umask, 022);
    ck_assert_uint_eq(hook->env.count, 2);
    ck_assert_str_eq(hook->env.items[0], "A=b = c");
    ck_assert_str_eq(hook->env.items[1], "_D2=");
    config_free(config);
}
END_TEST

START_TEST(a_call_has_its_defaults)
{
    struct config *config = load_hook(CALL);
    const struct config_hook *hook = &config->hooks[0];
    ck_assert_int_eq(hook->kind, HOOK_HTTP);
    ck_assert_str_eq(hook->method, "POST");
    ck_assert(template_uses(hook->url, "request_id"));
    ck_assert_int_eq(hook->timeout_ms, 30 * 1000);
    ck_assert_ptr_null(hook->body);
    ck_assert_ptr_null(hook->body_verbatim);
    ck_assert_uint_eq(hook->bearer.length, 0);
    ck_assert_uint_eq(hook->tls_ca.length, 0);
    ck_assert_uint_eq(hook->expect_count, 1);
    ck_assert_uint_eq(hook->expect[0].first, 200);
    ck_assert_uint_eq(hook->expect[0].last, 299);
    ck_assert_uint_eq(hook->redirects, 0);
    config_free(config);
}
END_TEST

START_TEST(a_call_takes_its_settings)
{
    scratch_text("token", "abc.def\n");
    scratch_text("ca.pem", "-----BEGIN CERTIFICATE-----\n");
    struct config *config = load_hook(CALL "header = X-A: {action}\nheader = X-B: b\n"
                                           "bearer_file = token\ntls_ca = ca.pem\nredirects = 10\n"
                                           "expect = 201 , 300-399,404\n");
    const struct config_hook *hook = &config->hooks[0];
    ck_assert_uint_eq(hook->headers.count, 2);
    ck_assert(template_uses(hook->headers.items[0], "action"));
    ck_assert_uint_eq(hook->bearer.length, 7);
    ck_assert_mem_eq(hook->bearer.bytes, "abc.def", 8);
    ck_assert_str_eq((char *)hook->tls_ca.bytes, "-----BEGIN CERTIFICATE-----\n");
    ck_assert_uint_eq(hook->redirects, 10);
    ck_assert_uint_eq(hook->expect_count, 3);
    ck_assert_uint_eq(hook->expect[0].last, 201);
    ck_assert_uint_eq(hook->expect[1].first, 300);
    ck_assert_uint_eq(hook->expect[2].first, 404);
    config_free(config);
}
END_TEST

START_TEST(a_json_body_is_a_template)
{
    struct config *config =
        load_hook(CALL "body = {\"text\": \"{action} by {decided_by|nobody}\"}\n");
    ck_assert(template_uses(config->hooks[0].body, "decided_by"));
    ck_assert_ptr_null(config->hooks[0].body_verbatim);
    config_free(config);
}
END_TEST

START_TEST(a_body_that_is_no_json_is_sent_as_it_stands)
{
    struct config *config = load_hook(CALL "body = a=1&b={ 2 }\n");
    ck_assert_ptr_null(config->hooks[0].body);
    ck_assert_str_eq(config->hooks[0].body_verbatim, "a=1&b={ 2 }");
    config_free(config);
}
END_TEST

START_TEST(a_body_file_is_a_body)
{
    scratch_text("json", "{\"id\": \"{request_id}\"}\n");
    scratch_text("text", "plain\ntext\n");
    struct config *config = load_hook(CALL "body_file = json\n"
                                           "[hook i]\nhttp = POST https://a.example/\n"
                                           "body_file = text\n");
    ck_assert(template_uses(config->hooks[0].body, "request_id"));
    ck_assert_str_eq(config->hooks[1].body_verbatim, "plain\ntext\n");
    config_free(config);
}
END_TEST

START_TEST(a_body_file_must_be_text)
{
    scratch_write("nul", "a\0b", 3, 0600);
    EXPECT_ERRORS(SERVER CALL "body_file = nul\n",
                  "5: [hook h] body_file: the file is no UTF-8 text; expected");
}
END_TEST

/* What is refused in a hook, all in its third line or, with `line`, elsewhere. */
static const struct {
    const char *hook;
    const char *told;
} refused[] = {
    {EXEC "shell = true\n", "5: [hook h] shell: the hook has exec already; expected exactly one"},
    {EXEC "http = GET http://a/\n", "5: [hook h] http: the hook has exec already"},
    {EXEC "header = A: b\n", "5: [hook h] header: a hook with exec does not have this; expected it "
                             "only beside http"},
    {EXEC "expect = 200\n", "5: [hook h] expect: a hook with exec"},
    {CALL "umask = 077\n", "5: [hook h] umask: a hook with http does not have this; expected it "
                           "only beside exec or shell"},
    {CALL "env = A=b\n", "5: [hook h] env: a hook with http"},
    {EXEC "timeout = 0\n", "5: [hook h] timeout: out of range; expected a duration over 0"},
    {EXEC "on_interrupt = retries\n", "5: [hook h] on_interrupt: this is neither hold nor retry"},
    {EXEC "output_limit = 3M\n", "5: [hook h] output_limit: out of range; expected a size of 0 to"},
    {EXEC "workdir = tmp\n", "5: [hook h] workdir: this is no absolute path"},
    {EXEC "workdir = /etc/passwd\n", "5: [hook h] workdir: there is no such directory"},
    {EXEC "umask = 8\n", "5: [hook h] umask: this is no octal number"},
    {EXEC "env = A\n", "5: [hook h] env: there is no name, or one"},
    {EXEC "env = =b\n", "5: [hook h] env: there is no name, or one"},
    {EXEC "env = 1A=b\n", "5: [hook h] env: there is no name, or one"},
    {EXEC "env = A B=c\n", "5: [hook h] env: there is no name, or one"},
    {EXEC "env = ASSENT_X=1\n", "5: [hook h] env: names that begin with ASSENT_ are assentd's own"},
    {EXEC "env = A=1\nenv = A=2\n", "6: [hook h] env: A is given twice"},
    {"[hook h]\nexec = /bin/false/no\n", "4: [hook h] exec: there is no program /bin/false/no"},
    {"[hook h]\nexec = /etc/passwd\n", "4: [hook h] exec: there is no program /etc/passwd"},
    {"[hook h]\nexec = bin/true\n", "4: [hook h] exec: the program is given by a relative path"},
    {"[hook h]\nexec = {action}\n", "4: [hook h] exec: the program itself can't come from a"},
    {"[hook h]\nexec = /bin/{action}\n", "4: [hook h] exec: the program itself can't come from a"},
    {"[hook h]\nexec = true {action}\n", "4: [hook h] exec: the word {action} begins with a"},
    {"[hook h]\nexec = true a {action}b --\n", "4: [hook h] exec: the word {action}b begins"},
    {"[hook h]\nexec = true {nothing}\n", "4: [hook h] exec: "},
    {"[hook h]\nexec = true 'a\n", "4: [hook h] exec: a quote (') is opened and never closed"},
    {"[hook h]\nexec = sh -c 'echo {action}'\n", "4: [hook h] exec: sh would take echo {action} as "
                                                 "part of its code, so that a request could run "
                                                 "anything; use shell = and $ASSENT_"},
    {"[hook h]\nhttp = https://a.example/\n", "4: [hook h] http: there is no method"},
    {"[hook h]\nhttp = post https://a.example/\n", "4: [hook h] http: there is no method"},
    {"[hook h]\nhttp = CONNECT https://a.example/\n", "4: [hook h] http: there is no method"},
    {"[hook h]\nhttp = POST\n", "4: [hook h] http: the URL is missing"},
    {"[hook h]\nhttp = POST ftp://a.example/\n", "4: [hook h] http: the URL is missing, or begins"},
    {"[hook h]\nhttp = POST file:///etc/passwd\n",
     "4: [hook h] http: the URL is missing, or begin"},
    {"[hook h]\nhttp = POST https://{action}/\n", "4: [hook h] http: "},
    {"[hook h]\nhttp = POST https://a:b@c.example/\n", "4: [hook h] http: "},
    {CALL "header = nothing\n", "5: [hook h] header: "},
    {CALL "header = Host: b.example\n", "5: [hook h] header: Host follows from the call itself"},
    {CALL "header = content-length: 1\n", "5: [hook h] header: Content-Length follows from"},
    {CALL "header = Transfer-Encoding: chunked\n", "5: [hook h] header: Transfer-Encoding follows"},
    {CALL "header = CONNECTION: close\n", "5: [hook h] header: Connection follows from the call"},
    {CALL "header = A: {item}\n", "5: [hook h] header: there is no {item} in a hook without "
                                  "for_each; expected for_each = context.PATH beside it"},
    {CALL "header = A: b\nheader = A: {index}\n", "6: [hook h] header: there is no {index} in a"},
    {CALL "body = {\"a\": [\"{action}\", {\"b\": \"x{item.to|nobody}\"}]}\n",
     "5: [hook h] body: there is no {item.to} in a hook without for_each"},
    {CALL "body_file = items.json\n", "5: [hook h] body_file: there is no {item} in a hook"},
    {"[hook h]\nhttp = PUT http://a/{action}/{item.id}\n",
     "4: [hook h] http: there is no {item.id}"},
    {"[hook h]\nexec = true --a={action} --n={index}\n",
     "4: [hook h] exec: there is no {index} in"},
    {"[hook h]\nexec = true --a={context.to}\nfor_each = context.to\n",
     "4: [hook h] exec: {context.to} is not there in a run for one item of it; expected {item} for "},
    {"[hook h]\nexec = true --a={context.a.to.0.name|x}\nfor_each = context.a.to\n",
     "4: [hook h] exec: {context.a.to.0.name} is not there in a run for one item of it"},
    {CALL "for_each = context.to\nheader = A: {context.to.1}\n",
     "6: [hook h] header: {context.to.1}"},
    {CALL "body = [\"{context.to}\"]\nfor_each = context.to\n",
     "5: [hook h] body: {context.to} is"},
    {EXEC "for_each = recipients\n",
     "5: [hook h] for_each: this is no path in the context; expected "
     "the path of an array in the context, such as context."},
    {EXEC "for_each = context\n", "5: [hook h] for_each: this is no path in the context"},
    {EXEC "for_each = context.\n", "5: [hook h] for_each: this is no path in the context"},
    {EXEC "for_each = context..a\n", "5: [hook h] for_each: this is no path in the context"},
    {EXEC "for_each = context.a.\n", "5: [hook h] for_each: this is no path in the context"},
    {EXEC "for_each = context.a..b\n", "5: [hook h] for_each: this is no path in the context"},
    {EXEC "for_each = {context.a}\n", "5: [hook h] for_each: this is no path in the context"},
    {EXEC "for_each = context.{a}\n", "5: [hook h] for_each: this is no path in the context"},
    {EXEC "for_each = context.a\nfor_each = context.b\n", "6: [hook h] for_each: "},
    {EXEC "retries = 1001\n",
     "5: [hook h] retries: out of range; expected a number from 0 to 1000"},
    {CALL "retries = -1\n", "5: [hook h] retries: "},
    {EXEC "backoff = 0\n", "5: [hook h] backoff: out of range; expected a duration over 0"},
    {EXEC "backoff_max = 0\n", "5: [hook h] backoff_max: out of range; expected a duration over 0"},
    {EXEC "backoff = 2s\nbackoff_max = 1999ms\n", "6: [hook h] backoff_max: this is shorter than "
                                                  "backoff; expected the longest pause, not"},
    {EXEC "backoff_max = 1s\n", "5: [hook h] backoff_max: this is shorter than backoff"},
    {CALL "backoff = 11m\n", "5: [hook h] backoff: this is longer than backoff_max, which is 10m "
                             "unless it is given; expected backoff_max beside it"},
    {EXEC "concurrency = 1025\n",
     "5: [hook h] concurrency: out of range; expected a number from 0"},
    {EXEC "rate = 10\n",
     "5: [hook h] rate: this is no rate; expected a rate such as 5/s, 10/min or"},
    {EXEC "rate = 0/s\n", "5: [hook h] rate: out of range"},
    {EXEC "rate = 5/d\n", "5: [hook h] rate: this is no rate"},
    {EXEC "delay = soon\n", "5: [hook h] delay: this is no duration"},
    {"[action a]\non_failed = h\n",
     "4: [action a] on_failed: there is no hook h; expected a section"},
    {"[action a]\non_failed = g, g\n[hook g]\nshell = x\n", "4: [action a] on_failed: g is given"},
    {"[runner]\nconcurrency = 0\n",
     "4: [runner] concurrency: out of range; expected a number from 1"},
    {"[runner]\nconcurrency = 1025\n", "4: [runner] concurrency: out of range"},
    {CALL "body = {\"a\": \"{action}\"\n", "5: [hook h] body: only JSON can hold placeholders, and "
                                           "this is none: line 1, column "},
    {CALL "body = id={request_id}\n", "5: [hook h] body: only JSON can hold placeholders, and"},
    {CALL "body = {\"{action}\": 1}\n", "5: [hook h] body: "},
    {CALL "body = 1\nbody_file = secret\n", "6: [hook h] body_file: the hook has a body already"},
    {CALL "expect = 199\n", "5: [hook h] expect: this is no list of statuses; expected statuses"},
    {CALL "expect = 600\n", "5: [hook h] expect: this is no list of statuses"},
    {CALL "expect = 299-200\n", "5: [hook h] expect: this is no list of statuses"},
    {CALL "expect = 200,\n", "5: [hook h] expect: this is no list of statuses"},
    {CALL "expect = 2xx\n", "5: [hook h] expect: this is no list of statuses"},
    {CALL "expect = 0200\n", "5: [hook h] expect: this is no list of statuses"},
    {CALL "redirects = 11\n",
     "5: [hook h] redirects: out of range; expected a number from 0 to 10"},
    {CALL "redirects = many\n", "5: [hook h] redirects: this is no number"},
    {CALL "tls_ca = secret\n", "5: [hook h] tls_ca: the file holds no certificate"},
    {CALL "bearer_file = secret\nheader = authorization: Basic x\n",
     "6: [hook h] header: bearer_file sets Authorization already; expected one of the two"},
    {"[hook h]\ntimeout = 1s\n", "3: [hook h]: the hook has nothing to run; expected exactly one"},
};

START_TEST(what_a_hook_can_not_have_is_told)
{
    char text[1024];
    (void)snprintf(text, sizeof text, SERVER "%s", refused[_i].hook);
    scratch_text("items.json", "{\"to\": \"{item}\"}\n");
    EXPECT_ERRORS(text, refused[_i].told);
}
END_TEST

START_TEST(a_bearer_token_is_one_word)
{
    scratch_text("token", "abc\r\nX-Evil: 1\n");
    EXPECT_ERRORS(SERVER CALL "bearer_file = token\n",
                  "5: [hook h] bearer_file: the file holds white space or other bytes");
}
END_TEST

START_TEST(a_hook_is_told_all_that_is_wrong_with_its_placeholders)
{
    EXPECT_ERRORS(SERVER "[hook h]\nhttp = PUT http://a/{item}/{index}\nheader = no header\n"
                         "header = A: {item.a}\nbody = [\"{index}\"]\n",
                  "4: [hook h] http: there is no {item} ", "5: [hook h] header: not a header",
                  "6: [hook h] header: there is no {item.a} ",
                  "7: [hook h] body: there is no {index} ");
    /* A for_each that is none is wrong enough. */
    EXPECT_ERRORS(SERVER "[hook h]\nexec = true --to={item}\nfor_each = to\n",
                  "5: [hook h] for_each: this is no path in the context");
}
END_TEST

START_TEST(a_hook_takes_what_its_work_is_spread_by)
{
    struct config *config =
        load_hook("[hook h]\nexec = true --to={item.mail} --n={index} --subject={context.subject}\n"
                  "for_each = context.list.to\nretries = 8\nbackoff = 500ms\nbackoff_max = 500ms\n"
                  "concurrency = 1000\nrate = 10/min\ndelay = 10m\n[hook i]\nshell = cat\n"
                  "for_each = context.a\nretries = 1000\n" CALL_ITEM "[runner]\nconcurrency = 2\n"
                  "[action a]\non_failed = i, h\n");
    const struct config_hook *hook = &config->hooks[0];
    ck_assert_str_eq(hook->for_each, "list.to");
    ck_assert_uint_eq(hook->retries, 8);
    ck_assert_int_eq(hook->backoff_ms, 500);
    ck_assert_int_eq(hook->backoff_max_ms, 500);
    ck_assert_uint_eq(hook->concurrency, 1000);
    ck_assert_uint_eq(hook->rate.count, 10);
    ck_assert_int_eq(hook->rate.period_ms, 60 * 1000);
    ck_assert_int_eq(hook->delay_ms, 10 * 60 * 1000);
    ck_assert_str_eq(config->hooks[1].for_each, "a");
    ck_assert_uint_eq(config->hooks[1].retries, 1000);
    ck_assert_str_eq(config->hooks[2].for_each, "to");
    ck_assert_uint_eq(config->concurrency, 2);
    ck_assert_uint_eq(config->actions[0].on_failed.count, 2);
    ck_assert_str_eq(config->actions[0].on_failed.items[0], "i");
    config_free(config);
}
END_TEST

#define ASKED                                                       \
    SERVICE "url = https://api.example.com\napi_key_file = token\n" \
            "callback_url = https://agent.example.com/webhook\n"

START_TEST(hooks_that_follow_from_a_service_are_no_ones_to_name)
{
    scratch_text("token", "key-0123456789abcdef");
    struct config *config = load_hook(ASKED EXEC "[action a]\non_granted = h\n");
    ck_assert_ptr_nonnull(config_hook(config, "submit daimon"));
    config_free(config);
    EXPECT_ERRORS(SERVER ASKED EXEC "[action a]\non_granted = h, submit daimon\n",
                  "13: [action a] on_granted: there is no hook submit daimon; expected a section");
}
END_TEST

START_TEST(core_alone_is_told_what_work_is_spread_by)
{
    struct config *config = load_hook(EXEC "for_each = context.to\nretries = 8\nrate = 5/s\n"
                                           "concurrency = 3\ndelay = 1s\nbackoff = 1s\n"
                                           "[runner]\nconcurrency = 2\n"
                                           "[action a]\non_failed = h\n");
    struct config *core = scratch_role(config, ROLE_CORE);
    struct config *runner = scratch_role(config, ROLE_RUNNER);
    ck_assert_str_eq(core->hooks[0].for_each, "to");
    ck_assert_uint_eq(core->hooks[0].retries, 8);
    ck_assert_uint_eq(core->hooks[0].rate.count, 5);
    ck_assert_uint_eq(core->hooks[0].concurrency, 3);
    ck_assert_int_eq(core->hooks[0].delay_ms, 1000);
    ck_assert_int_eq(core->hooks[0].backoff_ms, 1000);
    ck_assert_int_eq(core->hooks[0].backoff_max_ms, 10 * 60 * 1000);
    ck_assert_uint_eq(core->concurrency, 2);
    ck_assert_str_eq(core->actions[0].on_failed.items[0], "h");
    ck_assert_ptr_null(runner->hooks[0].for_each);
    ck_assert_uint_eq(runner->hooks[0].retries, 0);
    ck_assert_uint_eq(runner->concurrency, 0);
    ck_assert_mem_eq(runner->hooks[0].digest, core->hooks[0].digest, PROTOCOL_DIGEST_SIZE);
    config_free(core);
    config_free(runner);
    config_free(config);
}
END_TEST

static const struct {
    const char *hook;
    unsigned retries;
} unsaid[] = {{EXEC, 0}, {"[hook h]\nshell = x\n", 0}, {CALL, 5}};

START_TEST(what_work_is_spread_by_has_defaults)
{
    struct config *config = load_hook(unsaid[_i].hook);
    const struct config_hook *hook = &config->hooks[0];
    ck_assert_uint_eq(hook->retries, unsaid[_i].retries);
    ck_assert_int_eq(hook->backoff_ms, 2000);
    ck_assert_int_eq(hook->backoff_max_ms, 10 * 60 * 1000);
    ck_assert_uint_eq(hook->concurrency, 0);
    ck_assert_uint_eq(hook->rate.count, 0);
    ck_assert_int_eq(hook->delay_ms, 0);
    ck_assert_ptr_null(hook->for_each);
    ck_assert_uint_eq(config->concurrency, 16);
    config_free(config);
}
END_TEST

static const char *const accepted[] = {
    /* What is beside the array, around it, or only begins like it, is there. */
    CALL
    "for_each = context.a.to\nbody = [\"{context.a}\", \"{context.a.too}\", \"{context.to}\"]\n",
    "[hook h]\nexec = true --to={{item}}\n",
    CALL "body = [\"{{item}}\"]\n",
    "[hook h]\nexec = true -- {action} {request_id}\n",
    "[hook h]\nexec = true a{action} --x={request_id}\n",
    "[hook h]\nexec = sh -c 'echo {{action}}'\n",
    "[hook h]\nexec = sh /bin/true --id={action}\n",
    CALL "header = Authorization: Basic x\n",
    CALL "header = X-Host: b\nheader = X-Host: c\n",
    CALL "body = 17\n",
    CALL "body = {\"a\": 1\n",
    CALL "expect = 200-599\n",
    "[hook h]\nhttp = DELETE HTTP://a.example:8080\n",
};

START_TEST(what_is_safe_is_taken)
{
    config_free(load_hook(accepted[_i]));
}
END_TEST

/* Command lines whose word {X} would be code, and others whose would not. */
static const struct {
    const char *words[8];
    bool code;
} commands[] = {
    {{"sh", "-c", "{X}"}, true},
    {{"/bin/bash", "-ec", "{X}"}, true},
    {{"bash", "-l", "-c", "{X}"}, true},
    {{"bash", "-o", "pipefail", "-c", "{X}"}, true},
    {{"bash", "-euo", "pipefail", "-c", "{X}"}, true},
    {{"bash", "+x", "-c", "{X}"}, true},
    {{"bash", "--norc", "-c", "{X}"}, true},
    {{"bash", "--rcfile", "/x", "-c", "{X}"}, true},
    {{"dash", "-c", "echo $1", "sh", "{X}"}, true},
    {{"busybox", "sh", "-c", "{X}"}, true},
    {{"/usr/bin/env", "sh", "-c", "{X}"}, true},
    {{"env", "A=b", "sh", "-c", "{X}"}, true},
    {{"env", "-S", "{X}"}, true},
    {{"env", "--split-string={X}"}, true},
    {{"timeout", "5", "sh", "-c", "{X}"}, true},
    {{"nice", "-n", "5", "sh", "-c", "{X}"}, true},
    {{"xargs", "sh", "-c", "{X}"}, true},
    {{"su", "agent", "-c", "{X}"}, true},
    {{"flock", "/tmp/l", "-c", "{X}"}, true},
    {{"python3", "-c", "{X}"}, true},
    {{"python3.11", "-Ic", "{X}"}, true},
    {{"python3", "-W", "ignore", "-c", "{X}"}, true},
    {{"python3", "-cprint({X})"}, true},
    {{"perl", "-e", "{X}"}, true},
    {{"perl", "-MList::Util", "-ne", "{X}"}, true},
    {{"ruby", "-r", "json", "-e", "{X}"}, true},
    {{"node", "-e", "{X}"}, true},
    {{"node", "--eval={X}"}, true},
    {{"php", "-r", "{X}"}, true},
    {{"sh", "/opt/run", "-c", "{X}"}, false},
    {{"sh", "--", "-c", "{X}"}, false},
    {{"bash", "-o", "posix", "/opt/run", "-c", "{X}"}, false},
    {{"python3", "/opt/export.py", "-c", "{X}"}, false},
    {{"perl", "-MFile::Temp", "/opt/x.pl", "-e", "{X}"}, false},
    {{"/opt/export", "-c", "{X}"}, false},
    {{"/opt/bash-tool", "-c", "{X}"}, false},
    {{"env", "A=b", "/opt/export", "-S", "{X}"}, false},
    {{"git", "-c", "{X}"}, false},
};

START_TEST(code_on_a_command_line_is_recognised)
{
    const char *const *words = commands[_i].words;
    const char *interpreter = NULL;
    size_t count = 0;
    while (words[count]) {
        count++;
    }
    size_t first = words_first_code((char *const *)words, count, &interpreter);
    bool code = false;
    for (size_t i = first; i < count; i++) {
        code = code || strstr(words[i], "{X}");
    }
    ck_assert_msg(code == commands[_i].code, "%s %s %s: from %zu", words[0], words[1], words[2],
                  first);
    ck_assert((interpreter != NULL) == (first < count));
}
END_TEST

/* --- what follows ----------------------------------------------------------------------------- */

static const struct {
    const char *hook;
    enum on_interrupt on_interrupt;
    unsigned retries;
} interrupts[] = {
    {EXEC, ON_INTERRUPT_HOLD, 0},
    {EXEC "on_interrupt = hold\n", ON_INTERRUPT_HOLD, 0},
    {EXEC "on_interrupt = retry\n", ON_INTERRUPT_RETRY, 0},
    {"[hook h]\nshell = x\non_interrupt = retry\n", ON_INTERRUPT_RETRY, 0},
    {"[hook h]\nexec = true --key={job.key}\n", ON_INTERRUPT_HOLD, 0},
    {CALL, ON_INTERRUPT_HOLD, 5},
    {CALL "on_interrupt = retry\n", ON_INTERRUPT_RETRY, 5},
    {CALL "body = [\"{job.key}\"]\n", ON_INTERRUPT_RETRY, 5},
    {CALL "body = [\"{job.id}\"]\n", ON_INTERRUPT_HOLD, 5},
    {CALL "header = A: b\nheader = Key: {job.key}\n", ON_INTERRUPT_RETRY, 5},
    {CALL "header = Key: {job.key}\non_interrupt = hold\n", ON_INTERRUPT_HOLD, 5},
    {"[hook h]\nhttp = PUT http://a/{job.key}\n", ON_INTERRUPT_RETRY, 5},
};

START_TEST(calls_that_send_the_jobs_key_are_retried)
{
    struct config *config = load_hook(interrupts[_i].hook);
    ck_assert_int_eq(config->hooks[0].on_interrupt, interrupts[_i].on_interrupt);
    ck_assert_uint_eq(config->hooks[0].retries, interrupts[_i].retries);
    config_free(config);
}
END_TEST

static void digest_of(const char *hook, unsigned char ret_digest[PROTOCOL_DIGEST_SIZE])
{
    struct config *config = load_hook(hook);
    memcpy(ret_digest, config->hooks[0].digest, PROTOCOL_DIGEST_SIZE);
    config_free(config);
}

static bool same_digest(const char *left, const char *right)
{
    unsigned char left_digest[PROTOCOL_DIGEST_SIZE], right_digest[PROTOCOL_DIGEST_SIZE];
    digest_of(left, left_digest);
    digest_of(right, right_digest);
    return memcmp(left_digest, right_digest, PROTOCOL_DIGEST_SIZE) == 0;
}

START_TEST(a_digest_is_that_of_what_is_in_force)
{
    ck_assert(same_digest(EXEC, EXEC));
    ck_assert(same_digest(EXEC, EXEC "timeout = 5m\non_interrupt = hold\n# comment\n"));
    ck_assert(same_digest(EXEC "timeout = 1m\nkill_after = 1s\n",
                          EXEC "kill_after = 1s\ntimeout = 1m\n"));
    ck_assert(same_digest(CALL, CALL "expect = 200-299\n"));
}
END_TEST

START_TEST(a_digest_changes_with_any_setting)
{
    ck_assert(!same_digest(EXEC, "[hook h]\nexec = /bin/true --id={action}\n"));
    ck_assert(!same_digest(EXEC, EXEC "timeout = 6m\n"));
    ck_assert(!same_digest(EXEC, EXEC "on_interrupt = retry\n"));
    ck_assert(!same_digest(EXEC, EXEC "env = A=b\n"));
    ck_assert(!same_digest(EXEC, EXEC "retries = 1\n"));
    ck_assert(!same_digest(EXEC, EXEC "for_each = context.to\n"));
    ck_assert(!same_digest(EXEC "env = A=b\nenv = B=c\n", EXEC "env = B=c\nenv = A=b\n"));
    ck_assert(!same_digest("[hook h]\nshell = true\n", "[hook h]\nexec = true\n"));
}
END_TEST

START_TEST(a_digest_changes_with_files_but_not_with_secrets)
{
    unsigned char first[PROTOCOL_DIGEST_SIZE], second[PROTOCOL_DIGEST_SIZE];
    static const char hook[] = CALL "body_file = body\nbearer_file = token\n";
    scratch_text("body", "[1]");
    scratch_text("token", "one");
    digest_of(hook, first);
    scratch_text("token", "two");
    digest_of(hook, second);
    ck_assert_mem_eq(first, second, sizeof first);
    scratch_text("body", "[2]");
    digest_of(hook, second);
    ck_assert_mem_ne(first, second, sizeof first);
}
END_TEST

START_TEST(runner_and_caller_have_their_own_digests)
{
    struct config *config = load_hook("[hook a]\nshell = a\n[hook b]\nhttp = GET http://b/\n"
                                      "[hook c]\nexec = true\n");
    struct protocol_digests runner, caller, core;
    ck_assert_int_eq(config_digests(config, ROLE_RUNNER, &runner), 0);
    ck_assert_int_eq(config_digests(config, ROLE_CALLER, &caller), 0);
    ck_assert_int_eq(config_digests(config, ROLE_CORE, &core), 0);
    ck_assert_uint_eq(runner.count, 2);
    ck_assert_str_eq(runner.digests[0].hook, "a");
    ck_assert_str_eq(runner.digests[1].hook, "c");
    ck_assert_mem_eq(runner.digests[1].digest, config->hooks[2].digest, PROTOCOL_DIGEST_SIZE);
    ck_assert_uint_eq(caller.count, 1);
    ck_assert_str_eq(caller.digests[0].hook, "b");
    ck_assert_uint_eq(core.count, 0);
    protocol_digests_free(&runner);
    protocol_digests_free(&caller);
    protocol_digests_free(&core);
    config_free(config);
}
END_TEST

#define COUNT(array) (int)(sizeof array / sizeof array[0])

static TCase *settings(void)
{
    TCase *tests = tcase_create("settings");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, an_exec_hook_has_words);
    tcase_add_test(tests, a_program_hook_takes_its_settings);
    tcase_add_test(tests, a_call_has_its_defaults);
    tcase_add_test(tests, a_call_takes_its_settings);
    tcase_add_test(tests, a_json_body_is_a_template);
    tcase_add_test(tests, a_body_that_is_no_json_is_sent_as_it_stands);
    tcase_add_test(tests, a_body_file_is_a_body);
    tcase_add_test(tests, a_body_file_must_be_text);
    tcase_add_loop_test(tests, what_a_hook_can_not_have_is_told, 0, COUNT(refused));
    tcase_add_test(tests, a_hook_is_told_all_that_is_wrong_with_its_placeholders);
    tcase_add_test(tests, a_hook_takes_what_its_work_is_spread_by);
    tcase_add_test(tests, hooks_that_follow_from_a_service_are_no_ones_to_name);
    tcase_add_test(tests, core_alone_is_told_what_work_is_spread_by);
    tcase_add_loop_test(tests, what_work_is_spread_by_has_defaults, 0, COUNT(unsaid));
    tcase_add_test(tests, a_bearer_token_is_one_word);
    tcase_add_loop_test(tests, what_is_safe_is_taken, 0, COUNT(accepted));
    tcase_add_loop_test(tests, code_on_a_command_line_is_recognised, 0, COUNT(commands));
    return tests;
}

static TCase *consequences(void)
{
    TCase *tests = tcase_create("consequences");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, calls_that_send_the_jobs_key_are_retried, 0, COUNT(interrupts));
    tcase_add_test(tests, a_digest_is_that_of_what_is_in_force);
    tcase_add_test(tests, a_digest_changes_with_any_setting);
    tcase_add_test(tests, a_digest_changes_with_files_but_not_with_secrets);
    tcase_add_test(tests, runner_and_caller_have_their_own_digests);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("config_hooks");
    suite_add_tcase(suite, settings());
    suite_add_tcase(suite, consequences());
    return suite_run(suite);
}
