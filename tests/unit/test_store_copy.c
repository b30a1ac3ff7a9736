/*
 * Copying the store while it is in use, and putting a copy into use.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/core/store_internal.h"
#include "store_fixture.h"

#define REQUESTS 2000
#define PIECE    32

static struct buffer copied;

static void begin(void)
{
    fixture_open();
    copied = (struct buffer){0};
}

static void end(void)
{
    buffer_free(&copied);
    fixture_close();
}

/* --- helpers ---------------------------------------------------------------------------------- */

static struct buffer read_all(const char *path)
{
    struct buffer bytes = {0};
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &status), 0);
    ck_assert_int_eq(buffer_reserve(&bytes, (size_t)status.st_size), 0);
    bytes.length = (size_t)status.st_size;
    ck_assert_int_eq(read(fd, bytes.data, bytes.length), status.st_size);
    ck_assert_int_eq(close(fd), 0);
    return bytes;
}

static void write_all(const char *path, const void *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
    ck_assert_int_eq(close(fd), 0);
}

/* The database's own file as it is now. In a process of its own, since to close it here would drop
 * the locks of the store. */
static struct buffer file_now(void)
{
    const char *path = fixture_path(".seen");
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        struct buffer bytes = read_all(fixture_path(""));
        write_all(path, bytes.data, bytes.length);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    struct buffer bytes = read_all(path);
    ck_assert_int_eq(unlink(path), 0);
    return bytes;
}

static void fill(const char *series)
{
    char id[64];
    for (int i = 0; i < REQUESTS; i++) {
        (void)snprintf(id, sizeof id, "%s_%d", series, i);
        (void)fixture_add_id(id);
    }
}

/* Every page that has requests changes, and there are more of them; the file itself is written. */
static void change_all(const char *series)
{
    for (int64_t number = 1; number <= REQUESTS; number++) {
        fixture_decide(number, REQUEST_APPROVED, FIXTURE_NOW);
    }
    fill(series);
    ck_assert_int_eq(store_commit(store), 0);
    ck_assert_int_eq(database_checkpoint(store->database), 0);
}

static struct store_copy *begin_copy(void)
{
    struct store_copy *copy = NULL;
    ck_assert_int_eq(store_commit(store), 0);
    ck_assert_int_eq(store_copy_begin(store, &copy), 0);
    return copy;
}

static void read_rest(struct store_copy *copy)
{
    while (!store_copy_is_read(copy)) {
        size_t before = copied.length;
        ck_assert_int_eq(store_copy_read(copy, PIECE, &copied), 0);
        ck_assert_uint_gt(copied.length, before);
        ck_assert_uint_le(copied.length - before, PIECE * 4096);
    }
    ck_assert_int_eq((int64_t)copied.length, store_copy_size(copy));
}

/* A copy of a store with one request, in the place of the store, which is closed. */
static void put_copy_in_place(void)
{
    (void)fixture_add_id("req_1");
    struct store_copy *copy = begin_copy();
    read_rest(copy);
    store_copy_end(copy);
    store_free(store);
    store = NULL;
    write_all(fixture_path(""), copied.data, copied.length);
}

static void open_again(void)
{
    struct problem problem = {""};
    if (store && store_in_transaction(store)) {
        ck_assert_int_eq(store_commit(store), 0);
    }
    store_free(store);
    store = NULL;
    ck_assert_msg(store_open(fixture_path(""), &store, &problem) == 0, "%s", problem.text);
    ck_assert_int_eq(store_begin(store), 0);
}

static int take_pause(void *userdata, const struct store_pause *pause)
{
    char *text = userdata;
    (void)snprintf(text + strlen(text), 64 - strlen(text), "%s by %s;", pause->hook, pause->who);
    return 0;
}

static void assert_paused(const char *expected)
{
    char text[64] = "";
    ck_assert_int_eq(store_pause_list(store, take_pause, text), 0);
    ck_assert_str_eq(text, expected);
}

static int take_kind(void *userdata, const struct store_event *event)
{
    char *text = userdata;
    (void)snprintf(text + strlen(text), 128 - strlen(text), "%s ", event->kind);
    return 0;
}

static void assert_events(const char *expected)
{
    char text[128] = "";
    int64_t reached;
    ck_assert_int_eq(store_event_after(store, 0, NULL, 10, take_kind, text, &reached), 0);
    ck_assert_str_eq(text, expected);
}

/* --- a copy ----------------------------------------------------------------------------------- */

START_TEST(a_copy_is_as_it_was_when_it_began_whatever_changes_meanwhile)
{
    fill("first");
    struct store_copy *copy = begin_copy();
    struct buffer before = file_now();
    ck_assert_uint_gt(before.length, 3 * PIECE * 4096);
    ck_assert_int_eq(store_copy_read(copy, PIECE, &copied), 0);
    ck_assert_int_eq(store_begin(store), 0);
    change_all("second");
    struct buffer changed = file_now();
    ck_assert_uint_gt(changed.length, before.length);
    ck_assert_mem_ne(changed.data, before.data, copied.length);
    ck_assert_mem_ne(changed.data + copied.length, before.data + copied.length,
                     before.length - copied.length);
    ck_assert_int_eq(store_copy_read(copy, PIECE, &copied), 0);
    ck_assert_int_eq(store_begin(store), 0);
    fill("third");
    ck_assert_int_eq(store_commit(store), 0);
    ck_assert_int_eq(database_checkpoint(store->database), 0);
    read_rest(copy);
    store_copy_end(copy);

    ck_assert_uint_eq(copied.length, before.length);
    memcpy(copied.data + STORE_VERSION_OFFSET, before.data + STORE_VERSION_OFFSET, 4);
    ck_assert_mem_eq(copied.data, before.data, before.length);
    buffer_free(&before);
    buffer_free(&changed);
    ck_assert_int_eq(store_begin(store), 0);
}
END_TEST

START_TEST(what_was_committed_before_is_in_it_and_nothing_after)
{
    put_copy_in_place();
    open_again();
    (void)fixture_add_id("req_2");
    struct store_copy *copy = begin_copy();
    ck_assert_int_eq(store_begin(store), 0);
    (void)fixture_add_id("req_3");
    ck_assert_int_eq(store_commit(store), 0);
    copied.length = 0;
    read_rest(copy);
    store_copy_end(copy);
    store_free(store);
    store = NULL;
    write_all(fixture_path(""), copied.data, copied.length);
    open_again();

    struct store_request request;
    ck_assert_int_eq(store_request_find(store, "daimon", "req_2", &request), 0);
    store_request_free(&request);
    ck_assert_int_eq(store_request_find(store, "daimon", "req_3", &request), -ENOENT);
}
END_TEST

START_TEST(a_copy_after_a_copy_is_of_its_own_time)
{
    fill("first");
    struct store_copy *copy = begin_copy();
    ck_assert_int_eq(store_copy_read(copy, 1, &copied), 0);
    ck_assert_int_eq(store_begin(store), 0);
    change_all("second");
    store_copy_end(copy);
    copied.length = 0;
    ck_assert_int_eq(store_begin(store), 0);
    copy = begin_copy();
    struct buffer before = file_now();
    read_rest(copy);
    store_copy_end(copy);
    ck_assert_uint_eq(copied.length, before.length);
    ck_assert_mem_eq(copied.data + 100, before.data + 100, before.length - 100);
    buffer_free(&before);
    ck_assert_int_eq(store_begin(store), 0);
}
END_TEST

/* --- a full disk ------------------------------------------------------------------------------ */

/* The fixture's directory on a file system of its own, of 32 MiB, whose reserve is 4 MiB; false if that
 * can't be had. */
static bool move_to_small_disk(void)
{
    store_free(store);
    store = NULL;
    (void)unlink(fixture_path(""));
    char *directory = strdup(fixture_path(""));
    bool mounted = unshare(CLONE_NEWNS) == 0 &&
                   mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
                   mount("tmpfs", dirname(directory), "tmpfs", 0, "size=32m") == 0;
    free(directory);
    if (!mounted) {
        (void)printf("no file system can be mounted: skipped\n");
    }
    open_again();
    return mounted;
}

static void leave_small_disk(void)
{
    char *directory = strdup(fixture_path(""));
    ck_assert_int_eq(store_commit(store), 0);
    store_free(store);
    store = NULL;
    ck_assert_int_eq(umount(dirname(directory)), 0);
    free(directory);
    open_again();
}

static void leave_room(uint64_t room)
{
    static const char zeros[65536];
    struct statvfs status;
    int fd = open(fixture_path(".ballast"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_int_eq(fstatvfs(fd, &status), 0);
    while (status.f_bavail * status.f_bsize > room) {
        ck_assert_int_eq(write(fd, zeros, sizeof zeros), (ssize_t)sizeof zeros);
        ck_assert_int_eq(fstatvfs(fd, &status), 0);
    }
    ck_assert_int_eq(close(fd), 0);
}

START_TEST(where_the_disk_gets_full_the_copy_fails_and_the_store_goes_on)
{
    if (!move_to_small_disk()) {
        return;
    }
    fill("first");
    struct store_copy *copy = begin_copy();
    ck_assert_int_eq(store_copy_read(copy, 1, &copied), 0);
    leave_room(3 << 20);
    ck_assert_int_eq(store_begin(store), 0);
    change_all("second");
    ck_assert_int_eq(store_copy_read(copy, 1, &copied), -ENOSPC);
    ck_assert_int_eq(store_copy_read(copy, 1, &copied), -ENOSPC);
    ck_assert(!store_copy_is_read(copy));
    store_copy_end(copy);
    ck_assert_int_eq(unlink(fixture_path(".ballast")), 0);

    ck_assert_int_eq(store_begin(store), 0);
    (void)fixture_add_id("req_after");
    copied.length = 0;
    copy = begin_copy();
    read_rest(copy);
    store_copy_end(copy);
    ck_assert_int_eq(store_begin(store), 0);
    leave_small_disk();
}
END_TEST

/* --- in use ----------------------------------------------------------------------------------- */

START_TEST(a_copy_begins_paused_and_is_a_store_like_others_then)
{
    char identity[32];
    struct store_request request;
    (void)snprintf(identity, sizeof identity, "%s", store_identity(store));
    put_copy_in_place();

    open_again();
    ck_assert(store_is_restored(store));
    ck_assert_str_eq(store_identity(store), identity);
    assert_paused(" by restore;");
    assert_events("store.restored queue.paused ");
    ck_assert_int_eq(store_request_find(store, "daimon", "req_1", &request), 0);
    store_request_free(&request);

    open_again();
    ck_assert(!store_is_restored(store));
    assert_paused(" by restore;");
    ck_assert_int_eq(store_pause_remove(store, ""), 0);
    open_again();
    assert_paused("");
    assert_events("store.restored queue.paused ");
}
END_TEST

START_TEST(who_paused_it_before_has_paused_the_copy)
{
    const struct store_pause pause = {.hook = "", .since = FIXTURE_NOW, .who = "uid:7"};
    ck_assert_int_eq(store_pause_add(store, &pause), 0);
    put_copy_in_place();
    open_again();
    ck_assert(store_is_restored(store));
    assert_paused(" by uid:7;");
    assert_events("store.restored ");
}
END_TEST

START_TEST(one_that_was_not_put_into_use_to_the_end_is_at_the_next_start)
{
    struct problem problem = {""};
    put_copy_in_place();
    ck_assert_int_eq(store_restore_begin(fixture_path(""), &problem), 0);
    open_again();
    ck_assert(store_is_restored(store));
    assert_paused(" by restore;");
}
END_TEST

/* Its log has all of it, and its file still says that it is not in use. */
START_TEST(its_own_log_is_not_taken_for_that_of_another)
{
    int status = 0;
    put_copy_in_place();
    pid_t child = fork();
    if (child == 0) {
        open_again();
        (void)fixture_add_id("req_2");
        _exit(store_commit(store) == 0 ? raise(SIGKILL) : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

    struct buffer file = read_all(fixture_path(""));
    ck_assert_uint_eq(file.data[STORE_VERSION_OFFSET + 1], STORE_RESTORING >> 16);
    buffer_free(&file);
    open_again();
    ck_assert(!store_is_restored(store));
    assert_paused(" by restore;");
    struct store_request request;
    ck_assert_int_eq(store_request_find(store, "daimon", "req_2", &request), 0);
    store_request_free(&request);
}
END_TEST

static const char *const logs[] = {"-wal", "-journal"};

START_TEST(with_the_log_of_another_beside_it_a_copy_is_refused_and_left_alone)
{
    struct problem problem = {""};
    struct store *opened = NULL;
    put_copy_in_place();
    write_all(fixture_path(logs[_i]), "of another", 10);
    ck_assert_int_eq(store_open(fixture_path(""), &opened, &problem), -EINVAL);
    ck_assert_ptr_null(opened);
    ck_assert_msg(strstr(problem.text, "the log of another database lies beside it") != NULL, "%s",
                  problem.text);
    ck_assert_msg(strstr(problem.text, logs[_i]) != NULL, "%s", problem.text);
    struct buffer file = read_all(fixture_path(""));
    struct buffer log = read_all(fixture_path(logs[_i]));
    ck_assert_uint_eq(file.length, copied.length);
    ck_assert_mem_eq(file.data, copied.data, file.length);
    ck_assert_uint_eq(log.length, 10);
    buffer_free(&file);
    buffer_free(&log);

    ck_assert_int_eq(unlink(fixture_path(logs[_i])), 0);
    open_again();
    ck_assert(store_is_restored(store));
}
END_TEST

/* SQLite finds it beside the file itself. */
START_TEST(so_it_is_where_the_path_is_a_link_to_it)
{
    struct problem problem = {""};
    struct store *opened = NULL;
    put_copy_in_place();
    write_all(fixture_path("-wal"), "of another", 10);
    ck_assert_int_eq(symlink(fixture_path(""), fixture_path(".link")), 0);
    ck_assert_int_eq(store_open(fixture_path(".link"), &opened, &problem), -EINVAL);
    ck_assert_ptr_null(opened);
    ck_assert_msg(strstr(problem.text, "the log of another database lies beside it") != NULL, "%s",
                  problem.text);
    ck_assert_int_eq(unlink(fixture_path(".link")), 0);
    ck_assert_int_eq(unlink(fixture_path("-wal")), 0);
}
END_TEST

START_TEST(a_copy_that_was_cut_off_is_refused)
{
    struct problem problem = {""};
    struct store *opened = NULL;
    put_copy_in_place();
    ck_assert_int_eq(truncate(fixture_path(""), (off_t)copied.length / 2), 0);
    ck_assert_int_eq(store_open(fixture_path(""), &opened, &problem), -EIO);
    ck_assert_ptr_null(opened);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("copy");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, a_copy_is_as_it_was_when_it_began_whatever_changes_meanwhile);
    tcase_add_test(tests, what_was_committed_before_is_in_it_and_nothing_after);
    tcase_add_test(tests, a_copy_after_a_copy_is_of_its_own_time);
    tcase_add_test(tests, where_the_disk_gets_full_the_copy_fails_and_the_store_goes_on);
    tcase_add_test(tests, a_copy_begins_paused_and_is_a_store_like_others_then);
    tcase_add_test(tests, who_paused_it_before_has_paused_the_copy);
    tcase_add_test(tests, one_that_was_not_put_into_use_to_the_end_is_at_the_next_start);
    tcase_add_test(tests, its_own_log_is_not_taken_for_that_of_another);
    tcase_add_loop_test(tests, with_the_log_of_another_beside_it_a_copy_is_refused_and_left_alone,
                        0, 2);
    tcase_add_test(tests, so_it_is_where_the_path_is_a_link_to_it);
    tcase_add_test(tests, a_copy_that_was_cut_off_is_refused);
    return fixture_run(tests, "store copy");
}
