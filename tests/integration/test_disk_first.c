/*
 * Nothing is told before it is on disk, seen by strace: from the moment at which core writes a commit
 * to the log until the sync of that has come to its end, no byte leaves core, neither to another role
 * nor to its log.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/crowd.h"
#include "support/jail_setting.h"
#include "support/suite.h"
#include "support/tracer.h"

#define PATIENCE_MS ((int)patience_ms(120000))

static const char sections[] = "[action *]\n"
                               "on_granted = note\n"
                               "[hook note]\n"
                               "shell = exit 0\n";

struct sight {
    long core;
    bool unsynced; /* a commit is in the log, and perhaps not on disk */
    bool covered;  /* by the sync that is under way */
    long syncer;   /* the thread that is syncing the log; 0: none */
    int syncs;
    int told; /* frames and lines */
    char first_wrong[256];
};

static bool starts(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

static bool is_of_log(const char *line)
{
    return strstr(line, "assentd.db-wal>") != NULL;
}

static void see_end_of_sync(struct sight *sight, const char *line)
{
    if (strstr(line, " = 0")) {
        sight->unsynced = sight->unsynced && !sight->covered;
        sight->syncs++;
    }
    sight->syncer = 0;
}

/* A call that others' calls come in between of has a line for its beginning and one for its end. */
static void see(struct sight *sight, const char *line)
{
    char *call;
    long thread = strtol(line, &call, 10);
    bool tells;

    call += strspn(call, " ");
    tells = thread == sight->core &&
            (starts(call, "sendto(") || starts(call, "sendmsg(") || starts(call, "write(2<"));
    if (starts(call, "pwrite64(") && is_of_log(call)) {
        sight->unsynced = true;
        sight->covered = false;
    } else if (starts(call, "fdatasync(") && is_of_log(call)) {
        sight->covered = true;
        sight->syncer = thread;
        if (!strstr(call, "<unfinished")) {
            see_end_of_sync(sight, call);
        }
    } else if (starts(call, "<... fdatasync resumed>") && thread == sight->syncer) {
        see_end_of_sync(sight, call);
    } else if (tells) {
        sight->told++;
        if (sight->unsynced && !*sight->first_wrong) {
            (void)snprintf(sight->first_wrong, sizeof sight->first_wrong, "%s", line);
        }
    }
}

static struct sight look(const struct house *house, pid_t core)
{
    struct sight sight = {.core = core};
    char *trace = house_read(house, "trace");
    char *rest = trace;
    char *line;

    while ((line = strsep(&rest, "\n"))) {
        see(&sight, line);
    }
    free(trace);
    return sight;
}

static pid_t start_traced(struct house *house)
{
    char *trace = house_file(house, "trace");
    const char *options[] = {
        "-f", "-q",  "-y", "-s", "0", "-e", "trace=pwrite64,fdatasync,sendto,sendmsg,write",
        "-o", trace, NULL};
    pid_t strace;

    house_prepare(house, tracer_await, NULL);
    house_begin_start(house);
    strace = tracer_start(house_pid(house), options);
    ck_assert(house_await_start(house));
    free(trace);
    return strace;
}

START_TEST(nothing_is_told_before_it_is_on_disk)
{
    struct house *house;
    struct crowd *crowd;
    struct sight sight;
    pid_t strace;
    pid_t core;

    /* Where it can't be in its jails, because of a sanitizer or a tool, it can't be traced either; and
     * only root sees which files a role has open. */
    if (geteuid() != 0 || !jail_possible() || !tracer_possible()) {
        (void)fprintf(stderr, "skipped: this needs root, strace and a daemon that can be jailed\n");
        return;
    }
    house = house_new();
    house_configure(house, sections);
    strace = start_traced(house);
    core = house_role(house, "assentd: core");
    crowd = crowd_new(house, CROWD_OF_500, PATIENCE_MS);
    crowd_register(crowd, CROWD_OF_500);
    crowd_join(crowd);
    crowd_decide(crowd);
    crowd_join(crowd);
    crowd_free(crowd);
    ck_assert_int_eq(house_stop(house), 0);
    ck_assert_int_eq(waitpid(strace, NULL, 0), strace);
    sight = look(house, core);
    ck_assert_str_eq(sight.first_wrong, "");
    ck_assert_int_gt(sight.syncs, 10);
    ck_assert_int_gt(sight.told, 10);
    house_free(house);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("disk_first");
    TCase *tests = house_scenarios(suite, "disk_first", NULL, NULL);

    tcase_add_test(tests, nothing_is_told_before_it_is_on_disk);
    return suite_run(suite);
}
