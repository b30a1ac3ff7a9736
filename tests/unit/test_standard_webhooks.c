/*
 * Signing as Standard Webhooks has it, against published values.
 */
#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/domain/standard_webhooks.h"
#include "support/suite.h"

static struct signature_secret secret_of(const char *text)
{
    return (struct signature_secret){(unsigned char *)text, strlen(text)};
}

static char *sign(const char *secret_text, const char *id, int64_t timestamp, const char *body)
{
    const struct signature_secret secret = secret_of(secret_text);
    struct buffer value = {0};
    char *text;

    ck_assert_int_eq(standard_webhooks_sign(&secret, id, timestamp, body, strlen(body), &value), 0);
    text = buffer_take_text(&value);
    ck_assert_ptr_nonnull(text);
    return text;
}

/* A header by either of the names that it goes by. */
static const char *header(const json_t *vector, const char *name)
{
    const json_t *headers = json_object_get(vector, "headers");
    char other[64];
    const char *value;

    (void)snprintf(other, sizeof other, "svix%s", strchr(name, '-'));
    value = json_string_value(json_object_get(headers, name));
    return value ? value : json_string_value(json_object_get(headers, other));
}

START_TEST(the_published_signatures_are_made)
{
    const char *source = getenv("ASSENT_SOURCE");
    char path[4096];
    size_t index;
    size_t made = 0;
    json_t *vector;
    json_t *vectors;

    (void)snprintf(path, sizeof path, "%s/tests/vectors/signatures.json", source ? source : ".");
    vectors = json_load_file(path, 0, NULL);
    ck_assert_ptr_nonnull(vectors);
    json_array_foreach(vectors, index, vector) {
        const char *secret = json_string_value(json_object_get(vector, "secret"));
        const char *expected = header(vector, "webhook-signature");
        const char *body = json_string_value(json_object_get(vector, "body"));
        char *value;

        if (strncmp(secret, "whsec_", 6) != 0 || !json_is_true(json_object_get(vector, "valid"))) {
            continue;
        }
        value = sign(secret, header(vector, "webhook-id"),
                     strtoll(header(vector, "webhook-timestamp"), NULL, 10), body);
        ck_assert_msg(strstr(expected, value) != NULL, "%s", value);
        free(value);
        made++;
    }
    json_decref(vectors);
    ck_assert_uint_eq(made, 3);
}
END_TEST

START_TEST(a_secret_without_the_prefix_is_the_key_as_it_stands)
{
    /* "MfKQ" is the base64 of the bytes 31 f2 90. */
    char *decoded = sign("whsec_MfKQ", "id", 1, "{}");
    char *as_it_stands = sign("\x31\xf2\x90", "id", 1, "{}");
    char *other = sign("MfKQ", "id", 1, "{}");

    ck_assert_str_eq(decoded, as_it_stands);
    ck_assert_str_ne(decoded, other);
    free(decoded);
    free(as_it_stands);
    free(other);
}
END_TEST

START_TEST(every_part_is_signed)
{
    char *value = sign("secret", "id", 1, "{}");
    char *others[] = {
        sign("secreT", "id", 1, "{}"),
        sign("secret", "iD", 1, "{}"),
        sign("secret", "id", 2, "{}"),
        sign("secret", "id", 1, "{ }"),
    };

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        ck_assert_str_ne(value, others[i]);
        free(others[i]);
    }
    free(value);
}
END_TEST

START_TEST(a_prefix_with_something_else_behind_it_is_told)
{
    static const char *const wrong[] = {"whsec_", "whsec_x", "whsec_of_the_rig", "whsec_MfKQ "};
    static const char *const right[] = {"whsec_MfKQ", "whsec", "whpk_x", "any text", "Whsec_x"};
    struct buffer value = {0};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct signature_secret secret = secret_of(wrong[i]);

        ck_assert_msg(!standard_webhooks_secret_valid(&secret), "%s", wrong[i]);
        ck_assert_int_eq(standard_webhooks_sign(&secret, "id", 1, "", 0, &value), -EINVAL);
        ck_assert_uint_eq(value.length, 0);
    }
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        const struct signature_secret secret = secret_of(right[i]);

        ck_assert_msg(standard_webhooks_secret_valid(&secret), "%s", right[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("standard_webhooks");
    TCase *tests = tcase_create("standard_webhooks");

    tcase_add_test(tests, the_published_signatures_are_made);
    tcase_add_test(tests, a_secret_without_the_prefix_is_the_key_as_it_stands);
    tcase_add_test(tests, every_part_is_signed);
    tcase_add_test(tests, a_prefix_with_something_else_behind_it_is_told);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
