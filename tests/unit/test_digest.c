/*
 * Digests, against the values of the standards that define them.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/digest.h"
#include "assent/base/text.h"
#include "support/suite.h"

static void assert_sha256(const char *bytes, size_t length, const char *expected)
{
    unsigned char digest[DIGEST_SHA256_SIZE];
    char hex[2 * DIGEST_SHA256_SIZE + 1];

    ck_assert_int_eq(digest_sha256(bytes, length, digest), 0);
    text_to_hex(digest, sizeof digest, hex);
    ck_assert_str_eq(hex, expected);
}

static void assert_hmac(const void *key, size_t key_length, const void *bytes, size_t length,
                        const char *expected)
{
    unsigned char digest[DIGEST_SHA256_SIZE];
    char hex[2 * DIGEST_SHA256_SIZE + 1];

    ck_assert_int_eq(digest_hmac_sha256(key, key_length, bytes, length, digest), 0);
    text_to_hex(digest, sizeof digest, hex);
    ck_assert_str_eq(hex, expected);
}

START_TEST(sha256_is_that_of_fips_180)
{
    assert_sha256("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_sha256("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}
END_TEST

START_TEST(hmac_is_that_of_rfc_4231)
{
    unsigned char key[131];

    memset(key, 0x0b, 20);
    assert_hmac(key, 20, "Hi There", 8,
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_hmac("Jefe", 4, "what do ya want for nothing?", 28,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    assert_hmac(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
END_TEST

START_TEST(an_empty_key_is_not_the_key_of_the_call_before)
{
    assert_hmac("Jefe", 4, "what do ya want for nothing?", 28,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_hmac(NULL, 0, "", 0, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    assert_hmac("", 0, "", 0, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}
END_TEST

static void *sign_often(void *key)
{
    for (int i = 0; i < 2000; i++) {
        unsigned char one[DIGEST_SHA256_SIZE];
        unsigned char other[DIGEST_SHA256_SIZE];

        if (digest_hmac_sha256(key, 8, "body", 4, one) < 0 ||
            digest_hmac_sha256(key, 8, "body", 4, other) < 0 ||
            !digest_equal(one, other, sizeof one)) {
            return key;
        }
    }
    return NULL;
}

START_TEST(threads_that_sign_with_keys_of_their_own_do_not_meet)
{
    char keys[4][9] = {"key of A", "key of B", "key of C", "key of D"};
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sign_often, keys[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *failed_key;

        ck_assert_int_eq(pthread_join(threads[i], &failed_key), 0);
        ck_assert_ptr_null(failed_key);
    }
}
END_TEST

START_TEST(equal_bytes_are_equal_and_one_bit_makes_a_difference)
{
    unsigned char left[32] = {0};
    unsigned char right[32] = {0};

    ck_assert(digest_equal(left, right, sizeof left));
    for (size_t byte = 0; byte < sizeof right; byte++) {
        for (int bit = 0; bit < 8; bit++) {
            right[byte] = (unsigned char)(1 << bit);
            ck_assert(!digest_equal(left, right, sizeof left));
        }
        right[byte] = 0;
    }
}
END_TEST

START_TEST(random_bytes_fill_all_of_the_memory_and_no_more)
{
    enum { SIZE = 1000 };
    static unsigned char first[SIZE + 1];
    static unsigned char second[SIZE + 1];
    size_t same = 0;

    ck_assert_int_eq(digest_random(first, SIZE), 0);
    ck_assert_int_eq(digest_random(second, SIZE), 0);
    for (size_t i = 0; i < SIZE; i++) {
        same += first[i] == second[i];
    }
    /* 4 are expected; 100 come once in the age of the universe, and a hole would show. */
    ck_assert_uint_lt(same, 100);
    ck_assert_uint_eq(first[SIZE], 0);
}
END_TEST

START_TEST(wiped_memory_is_zero)
{
    char secret[] = "whsec_abc";
    const char zeros[sizeof secret] = {0};

    digest_wipe(secret, sizeof secret);
    ck_assert_mem_eq(secret, zeros, sizeof secret);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("digest");
    TCase *tests = tcase_create("digest");

    tcase_add_test(tests, sha256_is_that_of_fips_180);
    tcase_add_test(tests, hmac_is_that_of_rfc_4231);
    tcase_add_test(tests, an_empty_key_is_not_the_key_of_the_call_before);
    tcase_add_test(tests, threads_that_sign_with_keys_of_their_own_do_not_meet);
    tcase_add_test(tests, equal_bytes_are_equal_and_one_bit_makes_a_difference);
    tcase_add_test(tests, random_bytes_fill_all_of_the_memory_and_no_more);
    tcase_add_test(tests, wiped_memory_is_zero);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
