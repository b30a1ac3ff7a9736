/*
 * URLs: what is one, what only looks like one, and what an entry of [relay] allow covers.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/domain/url.h"
#include "assent/domain/url_token.h"
#include "support/suite.h"

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static struct url parse(const char *text)
{
    struct url url;
    struct problem problem = {""};

    ck_assert_msg(url_parse(text, &url, &problem) == 0, "%s: %s", text, problem.text);
    return url;
}

static void expect_refused(const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct url url = {.port = 7};
        struct problem problem = {""};

        ck_assert_msg(url_parse(texts[i], &url, &problem) == -EINVAL, "%s", texts[i]);
        ck_assert_msg(problem.text[0] != '\0', "%s", texts[i]);
        ck_assert_uint_eq(url.port, 7);
    }
}

/* --- parts ------------------------------------------------------------------------------------ */

START_TEST(a_url_is_taken_apart)
{
    struct url url = parse("HTTPS://Agent.Example.COM:8443/hooks/A%20b;v=1?x=%2e%2F&y=/?");

    ck_assert(url.https);
    ck_assert_str_eq(url.host, "agent.example.com");
    ck_assert_uint_eq(url.port, 8443);
    ck_assert_uint_eq(url.path_length, strlen("/hooks/A%20b;v=1"));
    ck_assert_mem_eq(url.path, "/hooks/A%20b;v=1", url.path_length);
    ck_assert_str_eq(url.query, "x=%2e%2F&y=/?");
}
END_TEST

START_TEST(what_is_left_out_has_the_usual_value)
{
    struct url url = parse("https://a.example");

    ck_assert_uint_eq(url.port, 443);
    ck_assert_uint_eq(url.path_length, 1);
    ck_assert_mem_eq(url.path, "/", 1);
    ck_assert_ptr_null(url.query);
    url = parse("http://a.example?x");
    ck_assert(!url.https);
    ck_assert_uint_eq(url.port, 80);
    ck_assert_uint_eq(url.path_length, 1);
    ck_assert_str_eq(url.query, "x");
}
END_TEST

START_TEST(an_address_has_one_form)
{
    ck_assert_str_eq(parse("http://[0:0:0::1]:80/").host, "::1");
    ck_assert_str_eq(parse("https://[2001:DB8::A]/").host, "2001:db8::a");
    ck_assert_str_eq(parse("https://192.0.2.1/").host, "192.0.2.1");
}
END_TEST

START_TEST(this_machine_is_known)
{
    static const char *const local[] = {"http://localhost", "http://LOCALHOST:1/",
                                        "http://127.0.0.1", "http://127.255.0.9/x",
                                        "http://[::1]:8080/"};
    static const char *const other[] = {
        "http://localhost.example", "http://127.example",     "http://128.0.0.1", "http://[::2]",
        "http://0.0.0.0",           "http://my-localhost",    "http://[::]",      "http://10.0.0.1",
        "http://[fe80::7f00:1]",    "http://[2001::7f00:1]/", "http://local",
    };

    for (size_t i = 0; i < COUNT(local); i++) {
        struct url url = parse(local[i]);
        ck_assert_msg(url_is_local(&url), "%s", local[i]);
    }
    for (size_t i = 0; i < COUNT(other); i++) {
        struct url url = parse(other[i]);
        ck_assert_msg(!url_is_local(&url), "%s", other[i]);
    }
}
END_TEST

/* --- what is none ----------------------------------------------------------------------------- */

START_TEST(other_schemes_are_refused)
{
    static const char *const texts[] = {
        "",       "a.example",    "//a.example/", "ftp://a.example", "https:/a.example",
        "https:", "https//a",     "file:///etc",  " https://a",      "javascript://a.example/",
        "http",   "httpss://a.b", "http:://a.b",
    };

    expect_refused(texts, COUNT(texts));
}
END_TEST

START_TEST(hosts_that_could_be_read_in_two_ways_are_refused)
{
    static const char *const texts[] = {
        "https://",
        "https:///path",
        "https://?q",
        "https://user@a.example/",
        "https://user:pass@a.example/",
        "https://good.example@evil.example/",
        "https://good.example%40evil.example/",
        "https://good.example\\@evil.example/",
        "https://good.example\\.evil.example/",
        "https://good.example#@evil.example/",
        "https://a.example./",
        "https://.a.example/",
        "https://a..example/",
        "https://a%2eexample/",
        "https://a example/",
        "https://a.ex\xc3\xa4mple/",
        ("https://a\xe3\x80\x82"
         "example/"),
        "https://a,b/",
        "https://2130706433/",
        "https://127.1/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.01/",
        "https://127.0.0.1.1/",
        "https://1.2.3.256/",
        "https://a.0x7f/",
        "https://[::1/",
        "https://::1/",
        "https://[127.0.0.1]/",
        "https://[]/",
        "https://[::1%25lo]/",
        "https://[fe80::1%eth0]/",
        "https://[::1].example/",
        "https://[v1.x]/",
    };

    expect_refused(texts, COUNT(texts));
}
END_TEST

START_TEST(ports_are_numbers)
{
    static const char *const texts[] = {
        "https://a.example:/",      "https://a.example:0/",    "https://a.example:65536/",
        "https://a.example:0443/",  "https://a.example:+443/", "https://a.example:443443/",
        "https://a.example:44 3/",  "https://a.example:x/",    "https://a.example:80:443/",
        "https://a.example:443@b/", "https://[::1]:/",         "https://[::1]:x/",
    };

    expect_refused(texts, COUNT(texts));
    ck_assert_uint_eq(parse("https://a.example:65535").port, 65535);
    ck_assert_uint_eq(parse("https://a.example:1").port, 1);
}
END_TEST

START_TEST(paths_that_lead_elsewhere_are_refused)
{
    static const char *const texts[] = {
        "https://a.example/.",          "https://a.example/..",
        "https://a.example/hooks/../x", "https://a.example/hooks/./x",
        "https://a.example/hooks/..",   "https://a.example/hooks/%2e%2e/x",
        "https://a.example/%2E",        "https://a.example/hooks/.%2e/x",
        "https://a.example/hooks%2fx",  "https://a.example/hooks%2F..%2Fx",
        "https://a.example/hooks\\x",   "https://a.example/hooks/..\\x",
        "https://a.example/hooks%5cx",  "https://a.example/hooks/%252e%252e/x",
        "https://a.example/hooks/..;/", "https://a.example/hooks/..;a=b/x",
        "https://a.example/.;",         "https://a.example/a%00b",
        "https://a.example/a%0d%0ab",   "https://a.example/a%7f",
        "https://a.example/a%",         "https://a.example/a%4",
        "https://a.example/a%4g",       "https://a.example/a%g4",
    };

    expect_refused(texts, COUNT(texts));
    (void)parse("https://a.example/.../.well-known/a..b/..c");
}
END_TEST

START_TEST(characters_that_no_url_has_are_refused)
{
    static const char *const texts[] = {
        "https://a.example/a b",      "https://a.example/a\tb",    "https://a.example/a\nb",
        "https://a.example/a\r\nX:y", "https://a.example/a\x01",   "https://a.example/\x7f",
        "https://a.example/\xc3\xa4", "https://a.example/\"x\"",   "https://a.example/<x>",
        "https://a.example/{x}",      "https://a.example/a|b",     "https://a.example/a^b",
        "https://a.example/a`b",      "https://a.example/[x]",     "https://a.example/x#frag",
        "https://a.example#frag",     "https://a.example/?q#frag", "https://a.example/?q q",
        "https://a.example/?q\\",     "https://a.example/?q=%",    "https://a.example/?q=%4",
        "https://a.example/?\xff",    "https://a.example/ ",
    };

    expect_refused(texts, COUNT(texts));
}
END_TEST

START_TEST(lengths_have_an_end)
{
    char text[URL_LIMIT + 2] = "https://a.example/";
    char host[300] = "https://";
    struct url url;

    memset(text + strlen(text), 'a', sizeof text - 1 - strlen(text));
    ck_assert_int_eq(url_parse(text, &url, NULL), -EINVAL);
    text[URL_LIMIT] = '\0';
    ck_assert_int_eq(url_parse(text, &url, NULL), 0);
    memset(host + 8, 'a', 64);
    ck_assert_int_eq(url_parse(host, &url, NULL), -EINVAL);
    host[8 + 63] = '\0';
    ck_assert_int_eq(url_parse(host, &url, NULL), 0);
    for (size_t i = 0; i < 290 - 8; i++) {
        host[8 + i] = i % 50 == 49 ? '.' : 'a';
    }
    ck_assert_int_eq(url_parse(host, &url, NULL), -EINVAL);
}
END_TEST

/* --- what allows what ------------------------------------------------------------------------- */

static bool allows(const char *allow, const char *url)
{
    char copy[256];
    char *entry = copy;

    ck_assert_uint_lt(strlen(allow), sizeof copy);
    memcpy(copy, allow, strlen(allow) + 1);
    return url_is_allowed(&entry, 1, url);
}

START_TEST(a_url_allows_itself_however_it_is_spelt)
{
    ck_assert(allows("https://good.example/hook", "https://good.example/hook"));
    ck_assert(allows("https://good.example/hook", "HTTPS://GOOD.example:443/hook"));
    ck_assert(allows("https://good.example:443/hook", "https://good.example/hook?id=7&x=/../"));
    ck_assert(allows("http://localhost:80/hook", "http://localhost/hook"));
    ck_assert(allows("http://[::1]:8080/hook", "http://[0::1]:8080/hook"));
}
END_TEST

START_TEST(nothing_else_is_allowed_by_it)
{
    static const char *const urls[] = {
        "http://good.example/hook",
        "https://good.example:8443/hook",
        "https://good.example.evil/hook",
        "https://good.example.evil.example/hook",
        "https://evil.good.example/hook",
        "https://evilgood.example/hook",
        "https://good.example@evil.example/hook",
        "https://good.example:443@evil.example/hook",
        "https://good.example\\@evil.example/hook",
        "https://evil.example/https://good.example/hook",
        "https://evil.example/?https://good.example/hook",
        "https://evil.example#https://good.example/hook",
        "https://good.example./hook",
        "https://good.example",
        "https://good.example/",
        "https://good.example/Hook",
        "https://good.example/hook/",
        "https://good.example/hook/x",
        "https://good.example/hooks",
        "https://good.example/hoo",
        "https://good.example//hook",
        "https://good.example/x/../hook",
        "https://good.example/hook/.",
        "https://good.example/%68ook",
        "https://good.example/hook#x",
        "https://good.example/hook%00",
        "https://good.example/hook%3f",
        "https://good.example/hook;x",
    };

    for (size_t i = 0; i < COUNT(urls); i++) {
        ck_assert_msg(!allows("https://good.example/hook", urls[i]), "%s", urls[i]);
    }
}
END_TEST

START_TEST(a_slash_at_its_end_allows_what_is_below)
{
    ck_assert(allows("https://good.example/hooks/", "https://good.example/hooks/"));
    ck_assert(allows("https://good.example/hooks/", "https://good.example/hooks/a/b?c"));
    ck_assert(allows("https://good.example/", "https://good.example/a"));
    ck_assert(allows("https://good.example", "https://good.example/a/b"));
    ck_assert(allows("https://good.example", "https://good.example?x"));
    ck_assert(!allows("https://good.example/hooks/", "https://good.example/hooks"));
    ck_assert(!allows("https://good.example/hooks/", "https://good.example/hooksx/a"));
    ck_assert(!allows("https://good.example/hooks/", "https://good.example/"));
    ck_assert(!allows("https://good.example/hooks/", "https://good.example/hooks/../admin"));
    ck_assert(!allows("https://good.example/hooks/", "https://good.example/hooks/%2e%2e/admin"));
    ck_assert(!allows("https://good.example/hooks/", "https://good.example/hooks/..;/admin"));
    ck_assert(!allows("https://good.example/hooks/", "https://good.example/hooks%2f"));
    ck_assert(!allows("https://good.example/hooks/", "https://evil.example/hooks/"));
    ck_assert(!allows("https://good.example", "https://good.example.evil/"));
}
END_TEST

START_TEST(a_list_allows_what_one_of_it_allows)
{
    char first[] = "https://a.example/x";
    char broken[] = "https://user@b.example/";
    char last[] = "https://c.example/";
    char *list[] = {first, broken, last};

    ck_assert(url_is_allowed(list, 3, "https://a.example/x"));
    ck_assert(url_is_allowed(list, 3, "https://c.example/y"));
    ck_assert(!url_is_allowed(list, 3, "https://b.example/"));
    ck_assert(!url_is_allowed(list, 3, "https://user@b.example/"));
    ck_assert(!url_is_allowed(list, 0, "https://a.example/x"));
    ck_assert(!url_is_allowed(list, 3, ""));
}
END_TEST

/* --- tokens ----------------------------------------------------------------------------------- */

#define TOKEN "0123456789abcdefghijklmnopqrstuvwxyzABCD-_E"

START_TEST(a_token_has_43_characters_of_base64url)
{
    ck_assert(url_token_formed(TOKEN));
    ck_assert(!url_token_formed(""));
    ck_assert(!url_token_formed(TOKEN "F"));
    ck_assert(!url_token_formed(TOKEN "="));
    ck_assert(!url_token_formed(TOKEN "/"));
    ck_assert(!url_token_formed(&TOKEN[1]));
    ck_assert(!url_token_formed("0123456789abcdefghijklmnopqrstuvwxyzABCD+/E"));
    ck_assert(!url_token_formed("0123456789abcdefghijklmnopqrstuvwxyzABCD-_\n"));
}
END_TEST

START_TEST(a_token_stands_right_below_the_path)
{
    ck_assert_str_eq(url_token_below("/hook", "/hook/" TOKEN), TOKEN);
    ck_assert_str_eq(url_token_below("/a/b", "/a/b/" TOKEN), TOKEN);
    ck_assert_ptr_null(url_token_below("/hook", "/hook"));
    ck_assert_ptr_null(url_token_below("/hook", "/hook/"));
    ck_assert_ptr_null(url_token_below("/hook", "/hook" TOKEN));
    ck_assert_ptr_null(url_token_below("/hook", "/hook//" TOKEN));
    ck_assert_ptr_null(url_token_below("/hook", "/hook/x/" TOKEN));
    ck_assert_ptr_null(url_token_below("/hook", "/hook/" TOKEN "/"));
    ck_assert_ptr_null(url_token_below("/hook", "/other/" TOKEN));
    ck_assert_ptr_null(url_token_below("/hook", "/" TOKEN));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("url");
    TCase *urls = tcase_create("urls");
    TCase *tokens = tcase_create("tokens");

    tcase_add_test(urls, a_url_is_taken_apart);
    tcase_add_test(urls, what_is_left_out_has_the_usual_value);
    tcase_add_test(urls, an_address_has_one_form);
    tcase_add_test(urls, this_machine_is_known);
    tcase_add_test(urls, other_schemes_are_refused);
    tcase_add_test(urls, hosts_that_could_be_read_in_two_ways_are_refused);
    tcase_add_test(urls, ports_are_numbers);
    tcase_add_test(urls, paths_that_lead_elsewhere_are_refused);
    tcase_add_test(urls, characters_that_no_url_has_are_refused);
    tcase_add_test(urls, lengths_have_an_end);
    tcase_add_test(urls, a_url_allows_itself_however_it_is_spelt);
    tcase_add_test(urls, nothing_else_is_allowed_by_it);
    tcase_add_test(urls, a_slash_at_its_end_allows_what_is_below);
    tcase_add_test(urls, a_list_allows_what_one_of_it_allows);
    suite_add_tcase(suite, urls);
    tcase_add_test(tokens, a_token_has_43_characters_of_base64url);
    tcase_add_test(tokens, a_token_stands_right_below_the_path);
    suite_add_tcase(suite, tokens);
    return suite_run(suite);
}
