/*
 * Signatures, against the values of the schemes' own publications, and everything near them that is
 * none.
 */
#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assent/base/digest.h"
#include "assent/base/text.h"
#include "assent/domain/signature.h"
#include "support/suite.h"

#define BODY "Hello, World!"
#define HEX  "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

static unsigned char secret_bytes[] = "It's a Secret to Everybody";
static const struct signature_secret secret = {secret_bytes, sizeof secret_bytes - 1};

struct one_header {
    const char *name;
    const char *value;
};

static const char *find_one(const void *userdata, const char *name)
{
    const struct one_header *header = userdata;

    return header->value && strcmp(header->name, name) == 0 ? header->value : NULL;
}

static int verify_by(const struct signature_secret *secrets, size_t count, const char *value)
{
    const struct one_header header = {"x-daimon-signature", value};
    const struct signature_input input = {
        .scheme = SIGNATURE_DAIMON,
        .secrets = secrets,
        .secret_count = count,
        .header = find_one,
        .userdata = &header,
        .body = BODY,
        .body_length = strlen(BODY),
    };

    return signature_verify(&input);
}

static int verify(const char *value)
{
    return verify_by(&secret, 1, value);
}

/* --- the published values --------------------------------------------------------------------- */

static const char *find_in_object(const void *userdata, const char *name)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)userdata, key, value) {
        if (strcasecmp(key, name) == 0) {
            return json_string_value(value);
        }
    }
    return NULL;
}

static int verify_vector(const json_t *vector, enum signature_scheme scheme)
{
    const json_t *key = json_object_get(vector, "secret");
    const json_t *body = json_object_get(vector, "body");
    struct signature_secret of_vector = {(unsigned char *)json_string_value(key),
                                         json_string_length(key)};
    const struct signature_input input = {
        .scheme = scheme,
        .secrets = &of_vector,
        .secret_count = 1,
        .header = find_in_object,
        .userdata = json_object_get(vector, "headers"),
        .body = json_string_value(body),
        .body_length = json_string_length(body),
    };

    return signature_verify(&input);
}

START_TEST(the_published_values_of_every_scheme_we_know_are_told_right_from_wrong)
{
    const char *source = getenv("ASSENT_SOURCE");
    char path[4096];
    json_error_t error;
    size_t index;
    size_t tried = 0;
    json_t *vector;

    snprintf(path, sizeof path, "%s/tests/vectors/signatures.json", source ? source : ".");

    json_t *vectors = json_load_file(path, 0, &error);

    ck_assert_msg(vectors != NULL, "%s: %s", path, error.text);
    json_array_foreach(vectors, index, vector) {
        const char *name = json_string_value(json_object_get(vector, "scheme"));
        enum signature_scheme scheme = signature_scheme_from_name(name);
        bool valid = json_is_true(json_object_get(vector, "valid"));

        if (scheme != SIGNATURE_SCHEME_COUNT) {
            ck_assert_msg(verify_vector(vector, scheme) == (valid ? 0 : -EACCES), "%s",
                          json_string_value(json_object_get(vector, "name")));
            tried++;
        }
    }
    json_decref(vectors);
    ck_assert_uint_ge(tried, 2);
}
END_TEST

/* --- daimon ----------------------------------------------------------------------------------- */

START_TEST(the_signature_is_taken_with_and_without_its_prefix_in_either_case)
{
    char upper[] = HEX;

    for (char *c = upper; *c; c++) {
        *c = *c >= 'a' && *c <= 'f' ? (char)(*c - 'a' + 'A') : *c;
    }
    ck_assert_int_eq(verify(HEX), 0);
    ck_assert_int_eq(verify("sha256=" HEX), 0);
    ck_assert_int_eq(verify(upper), 0);
    ck_assert_int_eq(verify(" \t" HEX "\t "), 0);
}
END_TEST

START_TEST(a_header_that_is_missing_or_malformed_is_no_signature)
{
    static const char *const values[] = {
        NULL,
        "",
        " ",
        "sha256=",
        "sha256",
        "=" HEX,
        "sha512=" HEX,
        "SHA256=" HEX,
        "sha256= " HEX,
        "sha256=sha256=" HEX,
        "sha256=" HEX "0",
        HEX "," HEX,
        HEX " " HEX,
        HEX "\n",
        "0x" HEX,
        "v1=" HEX,
        "75 7107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "g57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "7571",
        "dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc=",
    };

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        ck_assert_msg(verify(values[i]) == -EACCES, "%s", values[i] ? values[i] : "no header");
    }
}
END_TEST

START_TEST(no_other_signature_than_the_right_one_passes)
{
    for (size_t i = 0; i < strlen(HEX); i++) {
        char value[] = HEX;

        value[i] = value[i] == '0' ? '1' : '0';
        ck_assert_msg(verify(value) == -EACCES, "%s", value);
    }
}
END_TEST

START_TEST(a_body_that_differs_in_one_bit_is_not_the_signed_one)
{
    for (size_t bit = 0; bit < strlen(BODY) * 8; bit++) {
        char body[] = BODY;
        const struct one_header header = {"x-daimon-signature", HEX};
        const struct signature_input input = {.scheme = SIGNATURE_DAIMON,
                                              .secrets = &secret,
                                              .secret_count = 1,
                                              .header = find_one,
                                              .userdata = &header,
                                              .body = body,
                                              .body_length = strlen(BODY)};

        body[bit / 8] = (char)(body[bit / 8] ^ 1 << bit % 8);
        ck_assert_int_eq(signature_verify(&input), -EACCES);
    }
}
END_TEST

START_TEST(while_a_secret_is_rotated_each_of_the_two_passes_in_either_order)
{
    unsigned char other_bytes[] = "whsec_the_next_one";
    const struct signature_secret other = {other_bytes, sizeof other_bytes - 1};
    const struct signature_secret old_first[] = {secret, other};
    const struct signature_secret new_first[] = {other, secret};
    const struct signature_secret both_gone[] = {other, other};

    ck_assert_int_eq(verify_by(old_first, 2, HEX), 0);
    ck_assert_int_eq(verify_by(new_first, 2, HEX), 0);
    ck_assert_int_eq(verify_by(both_gone, 2, HEX), -EACCES);
}
END_TEST

START_TEST(without_a_secret_nothing_passes)
{
    const struct signature_secret empty = {NULL, 0};
    /* What anyone can compute: the HMAC of the body with an empty key. */
    unsigned char digest[DIGEST_SHA256_SIZE];
    char hex[2 * DIGEST_SHA256_SIZE + 1];

    ck_assert_int_eq(digest_hmac_sha256("", 0, BODY, strlen(BODY), digest), 0);
    text_to_hex(digest, sizeof digest, hex);
    ck_assert_int_eq(verify_by(&empty, 1, hex), -EACCES);
    ck_assert_int_eq(verify_by(NULL, 0, HEX), -EACCES);
}
END_TEST

START_TEST(a_secret_and_a_body_may_hold_any_byte)
{
    unsigned char bytes[256];
    const struct signature_secret any = {bytes, sizeof bytes};
    struct buffer value = {0};
    const char *name;

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)i;
    }
    ck_assert_int_eq(signature_sign(SIGNATURE_DAIMON, &any, bytes, sizeof bytes, &name, &value), 0);

    const struct one_header header = {"x-daimon-signature", buffer_text(&value)};
    struct signature_input input = {.scheme = SIGNATURE_DAIMON,
                                    .secrets = &any,
                                    .secret_count = 1,
                                    .header = find_one,
                                    .userdata = &header,
                                    .body = bytes,
                                    .body_length = sizeof bytes};

    ck_assert_int_eq(signature_verify(&input), 0);
    input.body_length--;
    ck_assert_int_eq(signature_verify(&input), -EACCES);
    buffer_free(&value);
}
END_TEST

START_TEST(what_is_signed_is_what_the_service_would_send)
{
    struct buffer value = {0};
    const char *name = NULL;

    ck_assert_int_eq(signature_sign(SIGNATURE_DAIMON, &secret, BODY, strlen(BODY), &name, &value),
                     0);
    ck_assert_str_eq(name, "X-Daimon-Signature");
    ck_assert_str_eq(buffer_text(&value), "sha256=" HEX);
    buffer_free(&value);
}
END_TEST

/* --- the schemes ------------------------------------------------------------------------------ */

START_TEST(unsigned_is_a_scheme_of_its_own_that_signs_nothing)
{
    const struct signature_input input = {.scheme = SIGNATURE_NONE, .header = find_one};
    struct buffer value = {0};
    const char *name = NULL;

    ck_assert_int_eq(signature_verify(&input), 0);
    ck_assert_int_eq(signature_sign(SIGNATURE_NONE, &secret, BODY, 1, &name, &value), -ENOTSUP);
    ck_assert_ptr_null(name);
    ck_assert_uint_eq(value.length, 0);
}
END_TEST

START_TEST(a_scheme_that_is_none_lets_nothing_pass)
{
    const struct signature_input input = {.scheme = SIGNATURE_SCHEME_COUNT, .header = find_one};

    ck_assert_int_eq(signature_verify(&input), -EACCES);
}
END_TEST

START_TEST(every_scheme_is_found_by_its_name_and_no_other_name_is)
{
    ck_assert_int_eq(signature_scheme_from_name("none"), SIGNATURE_NONE);
    ck_assert_int_eq(signature_scheme_from_name("daimon"), SIGNATURE_DAIMON);
    ck_assert_int_eq(signature_scheme_from_name("Daimon"), SIGNATURE_SCHEME_COUNT);
    ck_assert_int_eq(signature_scheme_from_name(""), SIGNATURE_SCHEME_COUNT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("signature");
    TCase *tests = tcase_create("signature");

    tcase_add_test(tests, the_published_values_of_every_scheme_we_know_are_told_right_from_wrong);
    tcase_add_test(tests, the_signature_is_taken_with_and_without_its_prefix_in_either_case);
    tcase_add_test(tests, a_header_that_is_missing_or_malformed_is_no_signature);
    tcase_add_test(tests, no_other_signature_than_the_right_one_passes);
    tcase_add_test(tests, a_body_that_differs_in_one_bit_is_not_the_signed_one);
    tcase_add_test(tests, while_a_secret_is_rotated_each_of_the_two_passes_in_either_order);
    tcase_add_test(tests, without_a_secret_nothing_passes);
    tcase_add_test(tests, a_secret_and_a_body_may_hold_any_byte);
    tcase_add_test(tests, what_is_signed_is_what_the_service_would_send);
    tcase_add_test(tests, unsigned_is_a_scheme_of_its_own_that_signs_nothing);
    tcase_add_test(tests, a_scheme_that_is_none_lets_nothing_pass);
    tcase_add_test(tests, every_scheme_is_found_by_its_name_and_no_other_name_is);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
