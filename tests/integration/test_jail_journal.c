/*
 * Roles in their jails write to the journal, which takes a socket that they could not make there.
 */
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/jail_setting.h"
#include "support/suite.h"

#define LINE_LIMIT 65536

static struct house *house;
static int journal;
static int error_stream[2];

static void open_journal(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = HOUSE_PATIENCE_MS / 1000};
    char *directory = house_file(house, "journal");

    ck_assert_int_eq(mkdir(directory, 0755), 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.90s/socket", directory);
    journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(journal, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(setsockopt(journal, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, error_stream), 0);
    free(directory);
}

/* In the process that is about to become assentd: as under systemd, with this journal. */
static void have_journal(void *userdata)
{
    struct stat status;
    char stream[64];

    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", "/run", "tmpfs", 0, NULL) < 0 || mkdir("/run/systemd", 0755) < 0 ||
        mkdir("/run/systemd/journal", 0755) < 0 ||
        mount(userdata, "/run/systemd/journal", "none", MS_BIND, NULL) < 0 ||
        fstat(error_stream[1], &status) < 0 || dup2(error_stream[1], STDERR_FILENO) < 0) {
        _exit(127);
    }
    (void)snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)status.st_dev,
                   (unsigned long long)status.st_ino);
    (void)setenv("JOURNAL_STREAM", stream, 1);
}

/* Reads on until a line has both. The socket holds few lines, so whoever writes waits for us. */
static void await_line(const char *role, const char *message)
{
    char line[LINE_LIMIT + 1];
    bool found = false;

    while (!found) {
        ssize_t length = recv(journal, line, LINE_LIMIT, 0);

        ck_assert_msg(length > 0, "never in the journal: %s: %s", role, message);
        line[length] = '\0';
        found = strstr(line, role) && strstr(line, message);
    }
}

START_TEST(roles_write_to_the_journal_from_their_jails)
{
    char *directory;

    if (!jail_possible() || geteuid() != 0) {
        (void)fprintf(stderr, "skipped: this needs root and a daemon that can be jailed\n");
        return;
    }
    house = house_new();
    house_configure(house, "[action note]\non_granted = note\n[hook note]\nshell = true\n");
    open_journal();
    directory = house_file(house, "journal");
    house_prepare(house, have_journal, directory);
    house_begin_start(house);
    await_line("ASSENT_ROLE=supervisor\n", "MESSAGE=ready");
    house_await_ready(house);
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"note\"}");
    await_line("ASSENT_ROLE=core\n", "MESSAGE=registered");
    house_decide(house, "{\"requestId\":\"req_1\",\"status\":\"approved\"}", "matched");
    await_line("ASSENT_ROLE=core\n", "MESSAGE=hook succeeded");
    ck_assert_int_eq(house_stop(house), 0);
    await_line("ASSENT_ROLE=supervisor\n", "MESSAGE=stopped");
    (void)close(journal);
    (void)close(error_stream[0]);
    (void)close(error_stream[1]);
    free(directory);
    house_free(house);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jail_journal");
    TCase *lines = tcase_create("lines");

    tcase_set_timeout(lines, 120);
    tcase_add_test(lines, roles_write_to_the_journal_from_their_jails);
    suite_add_tcase(suite, lines);
    return suite_run(suite);
}
