/*
 * TLS on the public listener, as curl and openssl see it.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/base/buffer.h"
#include "integration/harness.h"
#include "support/suite.h"

static struct house *house;

/* Runs a shell's text in the house's directory; `ret_status` gets its exit status, and what it wrote
 * is to be freed. */
static char *run(const char *text, int *ret_status)
{
    char *script = house_format(house, "%s", text);
    int status = 0;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int out = open("/dev/null", O_RDWR);

        if (chdir(house_directory(house)) < 0 || dup2(out, STDIN_FILENO) < 0) {
            _exit(127);
        }
        out = open("output", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        (void)dup2(out, STDOUT_FILENO);
        (void)dup2(out, STDERR_FILENO);
        (void)execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(127);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    free(script);
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return house_read(house, "output");
}

static void must_run(const char *text)
{
    int status;
    char *output = run(text, &status);

    ck_assert_msg(status == 0, "%s: %s", text, output);
    free(output);
}

static void expect_output(const char *text, const char *part)
{
    int status;
    char *output = run(text, &status);

    ck_assert_msg(strstr(output, part) != NULL, "%s: %s", text, output);
    free(output);
}

static void expect_failure(const char *text)
{
    int status;
    char *output = run(text, &status);

    ck_assert_msg(status != 0, "%s: %s", text, output);
    free(output);
}

/* Root, intermediate, two server certificates with their chain, and one for clients. */
#define CERTIFICATES                                                                              \
    "set -e; exec 2>/dev/null\n"                                                                  \
    "make() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout $1.key" \
    " -out $1.csr -subj /CN=$1; printf '%s\\n' \"$3\" >ext;"                                      \
    " openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days 2"              \
    " -extfile ext -out $1.pem; }\n"                                                              \
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"           \
    " -subj /CN=root -keyout root.key -out root.pem\n"                                            \
    "make middle root basicConstraints=critical,CA:true\n"                                        \
    "make first middle subjectAltName=IP:127.0.0.1\n"                                             \
    "make second middle subjectAltName=IP:127.0.0.1\n"                                            \
    "make client root extendedKeyUsage=clientAuth\n"                                              \
    "make server root extendedKeyUsage=serverAuth\n"                                              \
    "cat middle.pem >>first.pem; cat middle.pem >>second.pem\n"

#define TAKE(name) "cat " name ".pem >chain.pem; cat " name ".key >key.pem; chmod 600 key.pem"
#define CURL       "curl -sS --cacert root.pem https://127.0.0.1:%PORT%/healthz"
#define OPENSSL    "openssl s_client -connect 127.0.0.1:%PORT% -CAfile root.pem -verify_return_error"

static void configure(const char *settings)
{
    char *text = house_format(house,
                              "[server]\nlisten = 127.0.0.1:%%PORT%%\n%%JAIL%%"
                              "listen = unix:%%DIR%%/public.sock\n"
                              "tls_certificate = chain.pem\ntls_key = key.pem\n%s"
                              "[control]\nsocket = %%DIR%%/control.sock\n"
                              "[store]\npath = %%DIR%%/assentd.db\n",
                              settings);

    house_configure_all(house, text);
    free(text);
}

static void begin(void)
{
    house = house_new();
    must_run(CERTIFICATES);
    must_run(TAKE("first"));
}

static void start(void)
{
    begin();
    configure("");
    house_start(house);
}

static void stop(void)
{
    house_free(house);
}

START_TEST(https_is_answered_and_http_is_not)
{
    expect_output(CURL, "\"status\":\"ok\"");
    expect_failure("curl -sS http://127.0.0.1:%PORT%/healthz");
}
END_TEST

START_TEST(unix_sockets_go_without)
{
    expect_output("curl -sS --unix-socket public.sock http://localhost/healthz",
                  "\"status\":\"ok\"");
}
END_TEST

START_TEST(the_chain_is_served)
{
    expect_output(OPENSSL " -showcerts", "s:CN = middle");
    expect_output(OPENSSL, "Verify return code: 0 (ok)");
}
END_TEST

START_TEST(only_1_2_and_1_3_are_spoken)
{
    expect_output(OPENSSL " -tls1_3", "New, TLSv1.3");
    expect_output(OPENSSL " -tls1_2", "New, TLSv1.2");
    expect_failure(OPENSSL " -tls1_1 -cipher DEFAULT@SECLEVEL=0");
    expect_failure(OPENSSL " -tls1 -cipher DEFAULT@SECLEVEL=0");
}
END_TEST

/* Says R, which makes openssl renegotiate, or nothing before its request; prints what is answered. */
#define TALK(before)                                                                     \
    "trap '' PIPE; rm -f in err; mkfifo in; " OPENSSL " -tls1_2 -no_ign_eof <in 2>err &" \
    " exec 9>in; " before "; printf 'GET /healthz HTTP/1.1\\r\\nHost: x\\r\\n"           \
    "Connection: close\\r\\n\\r\\n' >&9; wait"
#define RENEGOTIATE \
    "echo R >&9; until grep -q RENEGOTIATING err; do kill -0 $! || exit 1; sleep 0.02; done"

START_TEST(clients_can_not_renegotiate)
{
    int status;
    char *output;

    expect_output(TALK("true"), "HTTP/1.1 200");
    output = run(TALK(RENEGOTIATE), &status);
    ck_assert_ptr_nonnull(strstr(output, "Verify return code: 0"));
    ck_assert_msg(!strstr(output, "HTTP/1.1"), "%s", output);
    free(output);
    expect_output("cat err", "RENEGOTIATING");
    expect_output(CURL, "\"status\":\"ok\"");
}
END_TEST

/* --- a connection that stays ------------------------------------------------------------------ */

struct kept {
    pid_t pid;
    int in;
    int out;
};

static struct kept keep(void)
{
    char *script = house_format(house, "%s", "exec " OPENSSL " -quiet -no_ign_eof 2>/dev/null");
    int in[2];
    int out[2];

    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    struct kept kept = {.pid = fork(), .in = in[1], .out = out[0]};

    if (kept.pid == 0) {
        (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(out[1], STDOUT_FILENO);
        if (chdir(house_directory(house)) == 0) {
            (void)execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        }
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    free(script);
    return kept;
}

/* One request on it, and its answer. */
static void ask(const struct kept *kept)
{
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    struct buffer answer = {0};
    struct pollfd readable = {.fd = kept->out, .events = POLLIN};

    ck_assert_int_eq(write(kept->in, request, strlen(request)), (ssize_t)strlen(request));
    do {
        ck_assert_int_eq(buffer_reserve(&answer, 4096), 0);
        ck_assert_int_eq(poll(&readable, 1, HOUSE_PATIENCE_MS), 1);
        ssize_t count = read(kept->out, answer.data + answer.length, 4096);

        ck_assert_msg(count > 0, "the connection ended");
        answer.length += (size_t)count;
    } while (!strstr(buffer_text(&answer), "\"status\":\"ok\""));
    buffer_free(&answer);
}

static void let_go(const struct kept *kept)
{
    close(kept->in);
    close(kept->out);
    (void)kill(kept->pid, SIGKILL);
    ck_assert_int_eq(waitpid(kept->pid, NULL, 0), kept->pid);
}

START_TEST(a_reload_takes_a_new_certificate_and_no_connection)
{
    struct kept kept = keep();

    ask(&kept);
    expect_output(OPENSSL, "0 s:CN = first");
    must_run(TAKE("second"));
    house_reload(house);
    house_await_log(house, "configuration reloaded");
    for (int i = 0; i < 5; i++) {
        ask(&kept);
    }
    expect_output(OPENSSL, "0 s:CN = second");
    ask(&kept);
    let_go(&kept);
}
END_TEST

START_TEST(a_certificate_without_its_key_changes_nothing_at_a_reload)
{
    must_run("cat second.pem >chain.pem");
    (void)kill(house_pid(house), SIGHUP);
    house_await_log(house, "this is not the key of tls_certificate");
    expect_output(OPENSSL, "0 s:CN = first");
    expect_output(CURL, "\"status\":\"ok\"");
}
END_TEST

START_TEST(with_client_ca_only_clients_with_its_certificates_are_heard)
{
    begin();
    configure("client_ca = root.pem\n");
    house_start(house);
    expect_output(CURL " --cert client.pem --key client.key", "\"status\":\"ok\"");
    expect_output(CURL " --tls-max 1.2 --cert client.pem --key client.key", "\"status\":\"ok\"");
    expect_failure(CURL);
    expect_failure(CURL " --tls-max 1.2");
    /* one for servers, and one that nobody signed */
    expect_failure(CURL " --cert server.pem --key server.key");
    must_run("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=client"
             " -keyout self.key -out self.pem 2>/dev/null");
    expect_failure(CURL " --cert self.pem --key self.key");
}
END_TEST

START_TEST(a_certificate_that_is_over_serves_with_a_warning)
{
    begin();
    must_run("exec 2>/dev/null; openssl x509 -req -in first.csr -signkey first.key -days -1"
             " -out chain.pem");
    configure("");
    house_start(house);
    house_await_log(house, "the TLS certificate has expired");
    expect_output("curl -skS https://127.0.0.1:%PORT%/healthz", "\"status\":\"ok\"");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls");
    TCase *tests = suite_case(suite, "served", start, stop);

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, https_is_answered_and_http_is_not);
    tcase_add_test(tests, unix_sockets_go_without);
    tcase_add_test(tests, the_chain_is_served);
    tcase_add_test(tests, only_1_2_and_1_3_are_spoken);
    tcase_add_test(tests, clients_can_not_renegotiate);
    tcase_add_test(tests, a_reload_takes_a_new_certificate_and_no_connection);
    tcase_add_test(tests, a_certificate_without_its_key_changes_nothing_at_a_reload);

    tests = suite_case(suite, "configured otherwise", NULL, stop);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, with_client_ca_only_clients_with_its_certificates_are_heard);
    tcase_add_test(tests, a_certificate_that_is_over_serves_with_a_warning);
    return suite_run(suite);
}
