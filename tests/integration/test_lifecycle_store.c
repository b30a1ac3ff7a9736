/*
 * What assentd needs to itself: its store, its address, and room on the disk.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/suite.h"

static struct house *house;

static void start(const char *sections)
{
    house_configure(house, sections);
    house_start(house);
}

static void set_up(void)
{
    house = house_new();
}

static void tear_down(void)
{
    house_free(house);
}

#define WORK              \
    "[action work]\n"     \
    "on_granted = work\n" \
    "[hook work]\n"       \
    "shell =\n"

/* --- the store -------------------------------------------------------------------------------- */

/* Who forgot to mount the disk of the store learns it from that. */
START_TEST(only_the_first_start_makes_a_database_and_says_so)
{
    const char *told = "there was no database, so an empty one was made";
    char *log;

    start(HOUSE_NOTE);
    house_await_log(house, told);
    ck_assert_int_eq(house_stop(house), 0);
    house_start(house);
    ck_assert_int_eq(house_stop(house), 0);
    log = house_log(house);
    ck_assert_ptr_null(strstr(strstr(log, told) + 1, told));
    free(log);
}
END_TEST

/* The second time it comes by a symbolic link to the file. */
START_TEST(a_second_one_on_the_same_store_waits)
{
    struct house *second = house_new();
    char *store = house_file(house, "state/assentd.db");
    char *link = house_file(second, "link.db");
    struct answer answer;
    char *configuration;

    start(HOUSE_NOTE);
    ck_assert_int_eq(symlink(store, link), 0);
    configuration = house_format(second,
                                 "[server]\nlisten = 127.0.0.1:%%PORT%%\n%%JAIL%%"
                                 "[control]\nsocket = %%DIR%%/control.sock\n"
                                 "[store]\npath = %s\n"
                                 "[service daimon]\npath = /webhook/approval\nscheme = daimon\n"
                                 "secret_file = secret\n",
                                 _i == 0 ? store : link);
    house_configure_all(second, configuration);
    house_begin_start(second);
    house_await_log(second, "waiting for another assentd on the same store to end");
    house_register_as(house, "req_1", "note");
    answer = house_control(second, "GET", "/readyz", NULL);
    ck_assert_int_eq(answer.status, 0);
    answer_clear(&answer);
    ck_assert_int_eq(house_stop(house), 0);
    ck_assert(house_await_start(second));
    house_await_status(second, "req_1", "pending");
    house_free(second);
    free(configuration);
    free(store);
    free(link);
}
END_TEST

/* Whether something else takes its place or nothing: what is acknowledged would be written where nobody
 * looks for it. */
START_TEST(while_a_file_of_the_store_is_not_in_its_place_nothing_is_acknowledged)
{
    char *file = house_file(house, _i / 2 == 0 ? "state/assentd.db" : "state/assentd.db-wal");
    char *away = house_file(house, "state/away");

    start(HOUSE_NOTE);
    house_register_as(house, "req_1", "note");
    ck_assert_int_eq(rename(file, away), 0);
    if (_i % 2 == 1) {
        house_write(house, file + strlen(house_directory(house)) + 1, "another");
    }
    house_await_health(house, 503);
    answer_expect_error(house_webhook(house, "{\"requestId\":\"req_1\",\"status\":\"approved\"}"),
                        503, "unavailable", NULL);
    house_await_log(house, "a file of the store was moved, removed or replaced");
    ck_assert_int_eq(rename(away, file), 0);
    house_await_health(house, 200);
    house_approve(house, "req_1");
    house_await_log(house, "the files of the store are where they belong again");
    house_await_jobs(house, "req_1", 1, "succeeded");
    free(file);
    free(away);
}
END_TEST

static void expect_refused_store(const char *bytes, size_t length, const char *told)
{
    char *directory = house_file(house, "state");
    char *path = house_file(house, "state/assentd.db");
    unsigned char after[256];
    int fd;

    house_configure(house, HOUSE_NOTE);
    ck_assert_int_eq(mkdir(directory, 0700), 0);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
    ck_assert(!house_try_start(house));
    ck_assert_int_eq(house_wait(house), 78);
    house_await_log(house, told);
    ck_assert_int_eq(pread(fd, after, sizeof after, 0), (ssize_t)length);
    ck_assert_mem_eq(after, bytes, length);
    (void)close(fd);
    free(directory);
    free(path);
}

START_TEST(the_database_of_another_program_is_left_alone)
{
    char header[200] = "SQLite format 3";

    header[16] = 0x10;
    header[71] = 7;
    expect_refused_store(header, sizeof header, "the database of another program");
}
END_TEST

START_TEST(what_is_no_database_is_left_alone)
{
    static const char diary[] = "Dear diary, this is no database at all.\n";

    expect_refused_store(diary, strlen(diary), "this is no database");
}
END_TEST

START_TEST(an_address_in_use_is_told)
{
    struct house *second = house_new();
    char *configuration;

    start(HOUSE_NOTE);
    configuration = house_format(second,
                                 "[server]\nlisten = 127.0.0.1:%d\n%%JAIL%%"
                                 "[control]\nsocket = %%DIR%%/control.sock\n"
                                 "[store]\npath = %%DIR%%/state/assentd.db\n",
                                 house_port(house));
    house_configure_all(second, configuration);
    ck_assert(!house_try_start(second));
    ck_assert_int_ne(house_wait(second), 0);
    house_await_log(second, "Address already in use");
    house_free(second);
    free(configuration);
}
END_TEST

/* --- a full disk ------------------------------------------------------------------------------ */

static char *disk;

/* A file system of its own for the store; false if that can't be had. */
static bool make_small_disk(const char *options)
{
    disk = house_file(house, "state");
    ck_assert_int_eq(mkdir(disk, 0700), 0);
    /* Seen by this process and its children only, so that it can't stay behind. */
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", disk, "tmpfs", 0, options) < 0) {
        (void)printf("no file system can be mounted: skipped\n");
        free(disk);
        return false;
    }
    return true;
}

static bool start_on_small_disk(const char *sections)
{
    if (!make_small_disk("size=8m")) {
        return false;
    }
    start(sections);
    return true;
}

/* Leaves so many bytes free. */
static void fill_disk(size_t left)
{
    char *path = house_file(house, "state/ballast");
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    static const char zeros[4096];
    struct statvfs status;

    ck_assert_int_eq(statvfs(disk, &status), 0);
    while (status.f_bavail * status.f_bsize > left && write(fd, zeros, sizeof zeros) > 0) {
        ck_assert_int_eq(statvfs(disk, &status), 0);
    }
    (void)close(fd);
    free(path);
}

static void make_room(void)
{
    char *path = house_file(house, "state/ballast");

    ck_assert_int_eq(unlink(path), 0);
    free(path);
}

static void leave_small_disk(void)
{
    ck_assert_int_eq(house_stop(house), 0);
    ck_assert_int_eq(umount(disk), 0);
    free(disk);
}

START_TEST(with_little_room_new_work_is_put_off_and_old_work_goes_on)
{
    static const char approval[] = "{\"requestId\":\"req_2\",\"status\":\"approved\"}";

    if (!start_on_small_disk(HOUSE_NOTE WORK
                             "  echo $$ >>%DIR%/pid\n"
                             "  until [ -e %DIR%/enough ]; do sleep 0.02; done\n")) {
        return;
    }
    house_register_as(house, "req_1", "work");
    house_register_as(house, "req_2", "note");
    house_approve(house, "req_1");
    (void)house_pid_in(house, "pid");
    fill_disk(512 << 10);
    house_await_health(house, 503);
    answer_expect_put_off(house_webhook(house, approval));
    answer_expect_put_off(house_control(house, "POST", "/v1/requests",
                                        "{\"requestId\":\"req_3\",\"action\":\"note\"}"));
    house_await_status(house, "req_2", "pending");
    house_write(house, "enough", "");
    house_await_jobs(house, "req_1", 1, "succeeded");
    make_room();
    house_await_health(house, 200);
    house_decide(house, approval, "matched");
    house_await_jobs(house, "req_2", 1, "succeeded");
    leave_small_disk();
}
END_TEST

/* What the results of those that run may use is not for others to be started with. */
START_TEST(with_little_room_nothing_more_is_started)
{
    json_t *job;

    if (!start_on_small_disk("[runner]\nconcurrency = 1\n" WORK
                             "  echo \"$ASSENT_REQUEST_ID\" >>%DIR%/begun\n"
                             "  until [ -e %DIR%/enough ]; do sleep 0.02; done\n")) {
        return;
    }
    house_register_as(house, "req_1", "work");
    house_register_as(house, "req_2", "work");
    house_approve(house, "req_1");
    house_await_lines(house, "begun", 1);
    house_approve(house, "req_2");
    fill_disk(512 << 10);
    house_await_health(house, 503);
    house_write(house, "enough", "");
    house_await_jobs(house, "req_1", 1, "succeeded");
    job = house_job(house, "req_2");
    ck_assert_str_eq(text_at(job, "/state"), "queued");
    json_decref(job);
    house_await_log(house, "the disk of the store is almost full");
    make_room();
    house_await_jobs(house, "req_2", 1, "succeeded");
    house_await_log(house, "the disk of the store has room again");
    ck_assert_int_eq(house_count_lines(house, "begun"), 2);
    leave_small_disk();
}
END_TEST

#define ITEMS 20000

static char *registration_of_many(void)
{
    json_t *list = json_array();
    json_t *body;
    char *text;

    for (int i = 0; i < ITEMS; i++) {
        ck_assert_int_eq(json_array_append_new(list, json_integer(i)), 0);
    }
    body = json_pack("{s:s, s:s, s:{s:o}}", "requestId", "req_1", "action", "many", "context",
                     "list", list);
    text = json_dumps(body, JSON_COMPACT);
    ck_assert_ptr_nonnull(text);
    json_decref(body);
    return text;
}

/* Of the first job; all others are there before it. */
static bool last_item_is_there(void)
{
    char *path = house_format(house, "/v1/jobs/1/items?limit=1&cursor=%d", ITEMS - 1);
    json_t *page = house_get(house, path);
    bool there = json_array_size(json_object_get(page, "items")) > 0;

    json_decref(page);
    free(path);
    return there;
}

static void await_last_item(void)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    while (!last_item_is_there()) {
        ck_assert_msg(house_now_ms() < deadline, "the fan-out does not go on growing");
        (void)poll(NULL, 0, 10);
    }
}

/* A fan-out becomes rows on disk, of which there is an end where the reserve begins. */
START_TEST(with_little_room_a_fan_out_stops_growing)
{
    char *body = registration_of_many();
    char *log;

    if (!start_on_small_disk("[action many]\non_granted = each\n"
                             "[hook each]\nfor_each = context.list\nconcurrency = 1\n"
                             "shell =\n"
                             "  until [ -e %DIR%/enough ]; do sleep 0.02; done\n"
                             "  echo >>%DIR%/ended\n")) {
        free(body);
        return;
    }
    house_register(house, body);
    fill_disk((1 << 20) + (256 << 10));
    house_approve(house, "req_1");
    house_await_health(house, 503);
    house_write(house, "enough", "");
    house_await_lines(house, "ended", 1);
    log = house_log(house);
    ck_assert(!last_item_is_there());
    ck_assert_ptr_null(strstr(log, "ending, to start again"));
    free(log);
    make_room();
    house_await_lines(house, "ended", 2);
    await_last_item();
    leave_small_disk();
    free(body);
}
END_TEST

/* There is room for bytes, and none for one file more. */
START_TEST(a_disk_that_takes_no_file_more_is_told)
{
    if (!make_small_disk("size=8m,nr_inodes=2")) {
        return;
    }
    house_configure(house, HOUSE_NOTE);
    house_begin_start(house);
    house_await_log(house, "the database can't be opened: unable to open database file (opening "
                           "it): No space left on device");
    ck_assert_int_eq(mount("tmpfs", disk, "tmpfs", MS_REMOUNT, "nr_inodes=100"), 0);
    ck_assert(house_await_start(house));
    leave_small_disk();
}
END_TEST

START_TEST(a_store_that_can_not_be_made_is_told_why)
{
    if (!make_small_disk("size=64k")) {
        return;
    }
    house_configure(house, HOUSE_NOTE);
    house_begin_start(house);
    house_await_log(house, "the database can't be made: database or disk is full");
    ck_assert_int_eq(mount("tmpfs", disk, "tmpfs", MS_REMOUNT, "size=8m"), 0);
    ck_assert(house_await_start(house));
    leave_small_disk();
}
END_TEST

START_TEST(without_any_room_nothing_is_lost)
{
    static const char approval[] = "{\"requestId\":\"req_2\",\"status\":\"approved\"}";

    if (!start_on_small_disk(HOUSE_NOTE WORK "  echo $$ >>%DIR%/pid\n"
                                             "  until [ -e %DIR%/enough ]; do sleep 0.02; done\n"
                                             "  head -c 60000 /dev/zero | tr '\\0' x\n")) {
        return;
    }
    house_register_as(house, "req_1", "work");
    house_register_as(house, "req_2", "note");
    house_approve(house, "req_1");
    (void)house_pid_in(house, "pid");
    fill_disk(0);
    house_await_health(house, 503);
    answer_expect_put_off(house_webhook(house, approval));
    house_write(house, "enough", "");
    house_await_log(house, "ending, to start again from what is on disk");
    answer_expect_put_off(house_webhook(house, approval));
    make_room();
    house_await_ready(house);
    house_await_jobs(house, "req_1", 1, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "pid"), 1);
    house_decide(house, approval, "matched");
    house_await_jobs(house, "req_2", 1, "succeeded");
    leave_small_disk();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lifecycle store");
    TCase *store = house_scenarios(suite, "store", set_up, tear_down);
    TCase *full_disk = house_scenarios(suite, "disk", set_up, tear_down);

    tcase_add_test(store, only_the_first_start_makes_a_database_and_says_so);
    tcase_add_loop_test(store, a_second_one_on_the_same_store_waits, 0, 2);
    tcase_add_loop_test(
        store, while_a_file_of_the_store_is_not_in_its_place_nothing_is_acknowledged, 0, 4);
    tcase_add_test(store, the_database_of_another_program_is_left_alone);
    tcase_add_test(store, what_is_no_database_is_left_alone);
    tcase_add_test(store, an_address_in_use_is_told);
    tcase_add_test(full_disk, with_little_room_new_work_is_put_off_and_old_work_goes_on);
    tcase_add_test(full_disk, with_little_room_nothing_more_is_started);
    tcase_add_test(full_disk, with_little_room_a_fan_out_stops_growing);
    tcase_add_test(full_disk, a_disk_that_takes_no_file_more_is_told);
    tcase_add_test(full_disk, a_store_that_can_not_be_made_is_told_why);
    tcase_add_test(full_disk, without_any_room_nothing_is_lost);
    return suite_run(suite);
}
