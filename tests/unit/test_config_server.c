/*
 * [server]: limits, proxies and the files of TLS.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"
#include "support/tls_server.h"
#include "unit/config_scratch.h"

static struct tls_server first;
static struct tls_server second;

static void start(void)
{
    scratch_make();
    scratch_directory("tls");
    tls_server_certify(&first, scratch_path("tls"), "first", "DNS:first.example");
    tls_server_certify(&second, scratch_path("tls"), "second", "DNS:second.example");
}

START_TEST(limits_are_read)
{
    struct config *config = scratch_load(SERVER "max_connections = 10\n"
                                                "max_connections_per_address = 2\n"
                                                "request_timeout = 500ms\n"
                                                "request_rate = 600/min\n");
    struct config *part = scratch_role(config, ROLE_GATE_PUBLIC);
    ck_assert_uint_eq(part->max_connections, 10);
    ck_assert_uint_eq(part->max_connections_per_address, 2);
    ck_assert_int_eq(part->request_timeout_ms, 500);
    ck_assert_uint_eq(part->request_rate.count, 600);
    ck_assert_int_eq(part->request_rate.period_ms, 60 * 1000);
    config_free(part);
    config_free(config);
}
END_TEST

START_TEST(proxies_are_addresses_networks_and_unix_sockets)
{
    struct config *config = scratch_load(SERVER "trusted_proxy = 127.0.0.1\n"
                                                "trusted_proxy = 10.0.0.0/8\n"
                                                "trusted_proxy = fd00::/8\n"
                                                "trusted_proxy = unix\n");
    struct config *part = scratch_role(config, ROLE_GATE_PUBLIC);
    ck_assert_uint_eq(part->trusted_proxies.count, 3);
    ck_assert_uint_eq(part->trusted_proxies.networks[0].prefix, 128);
    ck_assert_uint_eq(part->trusted_proxies.networks[1].prefix, 104);
    ck_assert_uint_eq(part->trusted_proxies.networks[2].prefix, 8);
    ck_assert(part->trusted_proxies.unix_sockets);
    config_free(part);
    config_free(config);
}
END_TEST

START_TEST(wrong_limits_and_proxies_are_told)
{
    EXPECT_ERRORS(SERVER "max_connections = 0\n"
                         "max_connections_per_address = 65537\n"
                         "request_timeout = 99ms\n"
                         "request_rate = 10\n"
                         "trusted_proxy = localhost\n"
                         "trusted_proxy = 10.0.0.1/8\n"
                         "trusted_proxy = unix\n"
                         "trusted_proxy = unix\n"
                         "trusted_proxy = 10.0.0.1\n"
                         "trusted_proxy = 10.0.0.1/32\n",
                  "3: [server] max_connections: out of range; expected a number from 1 to 65536",
                  "4: [server] max_connections_per_address: out of range;",
                  "5: [server] request_timeout: out of range; expected a duration of 100ms to 1h",
                  "6: [server] request_rate: this is no rate; expected a rate such as 100/s",
                  "7: [server] trusted_proxy: this is no address or network;",
                  "8: [server] trusted_proxy: this is no address or network;",
                  "10: [server] trusted_proxy: the same is given twice;",
                  "12: [server] trusted_proxy: the same is given twice;");
}
END_TEST

START_TEST(so_many_addresses_are_listened_on_and_no_more)
{
    char text[1024] = "[server]\n";
    size_t length = strlen(text);
    for (int i = 0; i < CONFIG_LISTEN_LIMIT; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "listen = unix:/s%d\n", i);
    }
    config_free(scratch_load(text));
    (void)snprintf(text + length, sizeof text - length, "listen = unix:/other\n");
    EXPECT_ERRORS(text, "18: [server] listen: there are 16 already; expected host:port,");
}
END_TEST

START_TEST(only_the_public_gate_is_given_the_key)
{
    struct config *config = scratch_load(SERVER "tls_certificate = tls/first-cert.pem\n"
                                                "tls_key = tls/first-key.pem\n"
                                                "client_ca = tls/second-cert.pem\n");
    for (enum role role = 0; role < ROLE_COUNT; role++) {
        struct buffer bytes = scratch_pack(config, role);
        bool knows =
            memmem(bytes.data, bytes.length, config->tls_key.bytes, config->tls_key.length) != NULL;
        ck_assert_msg(knows == (role == ROLE_GATE_PUBLIC), "%s", role_name(role));
        buffer_wipe(&bytes);
    }
    char *dump = scratch_dump(config);
    ck_assert_ptr_null(strstr(dump, "PRIVATE"));
    free(dump);
    config_free(config);
}
END_TEST

START_TEST(a_certificate_needs_its_key_and_a_key_its_certificate)
{
    EXPECT_ERRORS(SERVER "tls_certificate = tls/first-cert.pem\n",
                  "3: [server] tls_certificate: tls_key is missing; expected it beside this one");
    EXPECT_ERRORS(SERVER "tls_key = tls/first-key.pem\n",
                  "3: [server] tls_key: tls_certificate is missing;");
    EXPECT_ERRORS(SERVER "client_ca = tls/first-cert.pem\n",
                  "3: [server] client_ca: tls_certificate is missing;");
    EXPECT_ERRORS(SERVER "tls_certificate = tls/first-cert.pem\n"
                         "tls_key = tls/second-key.pem\n",
                  "4: [server] tls_key: this is not the key of tls_certificate;");
}
END_TEST

START_TEST(files_that_hold_something_else_are_told)
{
    EXPECT_ERRORS(
        SERVER "tls_certificate = tls/first-key.pem\n"
               "tls_key = tls/first-cert.pem\n"
               "client_ca = assentd.conf\n",
        "3: [server] tls_certificate: there is no certificate in the file;",
        "4: [server] tls_key: ", "5: [server] client_ca: there is no certificate in the file;");
    EXPECT_ERRORS(SERVER "tls_certificate = tls/none.pem\n"
                         "tls_key = tls\n",
                  "3: [server] tls_certificate: ", "4: [server] tls_key: ");
}
END_TEST

START_TEST(an_encrypted_key_is_told_without_asking_for_its_password)
{
    scratch_text("encrypted.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                                  "MIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBA=\n"
                                  "-----END ENCRYPTED PRIVATE KEY-----\n");
    EXPECT_ERRORS(SERVER "tls_certificate = tls/first-cert.pem\n"
                         "tls_key = encrypted.pem\n",
                  "4: [server] tls_key: there is no key in the file, or an encrypted one;");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_server");
    TCase *server = tcase_create("server");
    tcase_add_checked_fixture(server, start, scratch_remove);
    tcase_set_timeout(server, 60);
    tcase_add_test(server, limits_are_read);
    tcase_add_test(server, proxies_are_addresses_networks_and_unix_sockets);
    tcase_add_test(server, wrong_limits_and_proxies_are_told);
    tcase_add_test(server, so_many_addresses_are_listened_on_and_no_more);
    tcase_add_test(server, only_the_public_gate_is_given_the_key);
    tcase_add_test(server, a_certificate_needs_its_key_and_a_key_its_certificate);
    tcase_add_test(server, files_that_hold_something_else_are_told);
    tcase_add_test(server, an_encrypted_key_is_told_without_asking_for_its_password);
    suite_add_tcase(suite, server);
    return suite_run(suite);
}
