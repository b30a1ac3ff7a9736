/*
 * Opening the store: what it makes, what it refuses, and that it leaves alone what it refuses.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/core/database.h"
#include "store_fixture.h"

/* --- helpers ---------------------------------------------------------------------------------- */

static void close_store(void)
{
    ck_assert_int_eq(store_commit(store), 0);
    store_free(store);
    store = NULL;
}

static void write_file(const char *path, const void *bytes, size_t length, off_t offset)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, bytes, length, offset), (ssize_t)length);
    ck_assert_int_eq(close(fd), 0);
}

static off_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : -1;
}

/* Opening must fail so, say so, and change nothing: neither the file nor the directory. */
static void assert_refused(int expected, const char *said)
{
    unsigned char before[8192] = {0};
    unsigned char after[8192] = {0};
    struct problem problem = {""};
    struct store *opened = NULL;
    off_t size = size_of(fixture_path(""));
    int fd = open(fixture_path(""), O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(pread(fd, before, sizeof before, 0), 0);

    ck_assert_int_eq(store_open(fixture_path(""), &opened, &problem), expected);
    ck_assert_msg(strstr(problem.text, said) != NULL, "'%s' says nothing of '%s'", problem.text,
                  said);
    ck_assert_ptr_null(opened);
    ck_assert_int_eq(size_of(fixture_path("")), size);
    ck_assert_int_ge(pread(fd, after, sizeof after, 0), 0);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_mem_eq(before, after, sizeof before);
    ck_assert_int_eq(size_of(fixture_path("-wal")), -1);
    ck_assert_int_eq(size_of(fixture_path(".new")), -1);
}

/* Runs `what` in a process of its own; its result, or KILLED. */
#define KILLED (-1000)
static int in_child(int (*what)(void))
{
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        _exit(-what());
    }
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? -WEXITSTATUS(status) : KILLED;
}

/* --- scenarios -------------------------------------------------------------------------------- */

START_TEST(a_new_store_is_there_when_it_is_opened_again)
{
    char identity[32];
    int64_t number = fixture_add_id("req_1");
    struct store_request request;
    (void)snprintf(identity, sizeof identity, "%s", store_identity(store));
    ck_assert_int_eq(strlen(identity), 16);
    ck_assert_int_eq(strspn(identity, "0123456789abcdef"), 16);

    fixture_reopen();
    ck_assert_str_eq(store_identity(store), identity);
    ck_assert_int_eq(store_request_get(store, number, &request), 0);
    ck_assert_str_eq(request.id, "req_1");
    store_request_free(&request);
}
END_TEST

START_TEST(two_stores_have_different_identities)
{
    char identity[32];
    (void)snprintf(identity, sizeof identity, "%s", store_identity(store));
    close_store();
    ck_assert_int_eq(unlink(fixture_path("")), 0);
    struct problem problem;
    ck_assert_int_eq(store_open(fixture_path(""), &store, &problem), 0);
    ck_assert_str_ne(store_identity(store), identity);
}
END_TEST

START_TEST(its_files_are_for_its_owner_alone_and_there_is_no_shared_memory)
{
    struct stat status;
    (void)umask(0);
    (void)fixture_add_id("req_1");
    ck_assert_int_eq(store_commit(store), 0);
    ck_assert_int_eq(stat(fixture_path(""), &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0600);
    ck_assert_int_eq(stat(fixture_path("-wal"), &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0600);
    ck_assert_int_eq(size_of(fixture_path("-shm")), -1);
    ck_assert_int_eq(umask(022), 0);
}
END_TEST

START_TEST(a_store_closed_in_order_is_a_single_file)
{
    (void)fixture_add_id("req_1");
    close_store();
    ck_assert_int_gt(size_of(fixture_path("")), 0);
    ck_assert_int_eq(size_of(fixture_path("-wal")), -1);
}
END_TEST

static int commit_and_vanish(void)
{
    struct problem problem;
    if (store_open(fixture_path(""), &store, &problem) != 0 || store_begin(store) != 0) {
        return -1;
    }
    (void)fixture_add_id("req_of_the_child");
    if (store_commit(store) != 0 || size_of(fixture_path("-wal")) <= 0) {
        return -2;
    }
    return raise(SIGKILL);
}

START_TEST(opening_moves_the_log_of_a_process_that_vanished_into_the_database)
{
    struct problem problem;
    struct store_request request;
    close_store();
    ck_assert_int_eq(in_child(commit_and_vanish), KILLED);
    ck_assert_int_gt(size_of(fixture_path("-wal")), 0);

    ck_assert_int_eq(store_open(fixture_path(""), &store, &problem), 0);
    ck_assert_int_eq(size_of(fixture_path("-wal")), 0);
    ck_assert_int_eq(store_begin(store), 0);
    ck_assert_int_eq(store_request_find(store, "daimon", "req_of_the_child", &request), 0);
    store_request_free(&request);
}
END_TEST

START_TEST(what_was_not_committed_is_gone)
{
    struct problem problem;
    struct store_request request;
    (void)fixture_add_id("req_1");
    store_free(store);
    ck_assert_int_eq(store_open(fixture_path(""), &store, &problem), 0);
    ck_assert_int_eq(store_begin(store), 0);
    ck_assert_int_eq(store_request_find(store, "daimon", "req_1", &request), -ENOENT);
}
END_TEST

START_TEST(an_empty_file_and_a_half_made_store_are_no_obstacle)
{
    struct problem problem;
    close_store();
    ck_assert_int_eq(truncate(fixture_path(""), 0), 0);
    write_file(fixture_path(".new"), "half", 4, 0);
    write_file(fixture_path(".new-wal"), "half", 4, 0);
    ck_assert_int_eq(store_open(fixture_path(""), &store, &problem), 0);
    ck_assert_int_eq(size_of(fixture_path(".new")), -1);
    ck_assert_int_eq(size_of(fixture_path(".new-wal")), -1);
}
END_TEST

START_TEST(a_file_that_is_no_database_is_refused)
{
    static const char text[] = "#!/bin/sh\necho this took a day to write\n";
    close_store();
    ck_assert_int_eq(truncate(fixture_path(""), 0), 0);
    write_file(fixture_path(""), text, sizeof text, 0);
    assert_refused(-EINVAL, "no database");
}
END_TEST

START_TEST(the_database_of_another_program_is_refused)
{
    struct database *other = NULL;
    struct problem problem;
    close_store();
    ck_assert_int_eq(unlink(fixture_path("")), 0);
    ck_assert_int_eq(database_open(fixture_path(""), &other, &problem), 0);
    ck_assert_int_eq(database_execute(other, "other", "CREATE TABLE t (x); PRAGMA user_version=1"),
                     0);
    database_free(other);
    assert_refused(-EINVAL, "another program (application id 0x00000000, expected 0x61736e74)");
}
END_TEST

START_TEST(a_store_of_another_version_is_refused)
{
    static const unsigned char version[] = {0, 0, 0, 7};
    close_store();
    write_file(fixture_path(""), version, sizeof version, 60);
    assert_refused(-EINVAL, "version 7");
}
END_TEST

START_TEST(a_log_without_its_database_is_refused)
{
    struct problem problem = {""};
    struct store *opened = NULL;
    close_store();
    ck_assert_int_eq(unlink(fixture_path("")), 0);
    write_file(fixture_path("-wal"), "precious", 8, 0);
    ck_assert_int_eq(store_open(fixture_path(""), &opened, &problem), -EINVAL);
    ck_assert_ptr_nonnull(strstr(problem.text, "-wal"));
    ck_assert_int_eq(size_of(fixture_path("-wal")), 8);
    ck_assert_int_eq(size_of(fixture_path("")), -1);
}
END_TEST

/* A new database in its place would take in a log that is there all the same. */
START_TEST(where_it_can_not_be_seen_whether_there_is_a_log_no_database_is_made)
{
    struct problem problem = {""};
    struct store *opened = NULL;
    close_store();
    ck_assert_int_eq(unlink(fixture_path("")), 0);
    ck_assert_int_eq(symlink(fixture_path("-wal"), fixture_path("-wal")), 0);
    ck_assert_int_eq(store_open(fixture_path(""), &opened, &problem), -EIO);
    ck_assert_str_eq(problem.text, "it can't be seen whether a log lies beside the database (its "
                                   "name and -wal): Too many levels of symbolic links");
    ck_assert_int_eq(size_of(fixture_path("")), -1);
    ck_assert_int_eq(unlink(fixture_path("-wal")), 0);
}
END_TEST

START_TEST(of_a_log_that_can_not_be_opened_it_is_told_why)
{
    struct problem problem = {""};
    struct store *opened = NULL;
    close_store();
    ck_assert_int_eq(mkdir(fixture_path("-wal"), 0700), 0);
    ck_assert_int_eq(store_open(fixture_path(""), &opened, &problem), -EIO);
    ck_assert_msg(strstr(problem.text, "Is a directory") != NULL, "%s", problem.text);
    ck_assert_int_eq(rmdir(fixture_path("-wal")), 0);
}
END_TEST

START_TEST(a_store_whose_pages_are_damaged_is_an_error_and_not_a_crash)
{
    unsigned char noise[4096];
    struct problem problem = {""};
    struct store *opened = NULL;
    memset(noise, 0xa5, sizeof noise);
    close_store();
    for (off_t at = 4096; at < size_of(fixture_path("")); at += 4096) {
        write_file(fixture_path(""), noise, sizeof noise, at);
    }
    ck_assert_int_eq(store_open(fixture_path(""), &opened, &problem), -EIO);
    ck_assert_str_ne(problem.text, "");
}
END_TEST

START_TEST(a_missing_directory_is_named)
{
    struct problem problem = {""};
    struct store *opened = NULL;
    ck_assert_int_eq(store_open("/tmp/assent-no-such/assentd.db", &opened, &problem), -EIO);
    ck_assert_ptr_nonnull(strstr(problem.text, "/tmp/assent-no-such"));
}
END_TEST

START_TEST(a_directory_and_a_fifo_are_refused)
{
    struct problem problem = {""};
    struct store *opened = NULL;
    ck_assert_int_eq(store_open("/tmp", &opened, &problem), -EINVAL);
    ck_assert_ptr_nonnull(strstr(problem.text, "no regular file"));
    close_store();
    ck_assert_int_eq(unlink(fixture_path("")), 0);
    ck_assert_int_eq(mkfifo(fixture_path(""), 0600), 0);
    ck_assert_int_eq(store_open(fixture_path(""), &opened, &problem), -EINVAL);
    ck_assert_ptr_nonnull(strstr(problem.text, "no regular file"));
}
END_TEST

static int open_too(void)
{
    struct problem problem = {""};
    struct store *second = NULL;
    int r = store_open(fixture_path(""), &second, &problem);
    store_free(second);
    return r == -EBUSY && !strstr(problem.text, "another process") ? -1 : r;
}

START_TEST(a_second_process_is_refused_while_the_first_has_it)
{
    ck_assert_int_eq(store_commit(store), 0);
    ck_assert_int_eq(in_child(open_too), -EBUSY);
    ck_assert_int_eq(store_begin(store), 0);
    (void)fixture_add_id("req_1");
    close_store();
    ck_assert_int_eq(in_child(open_too), 0);
}
END_TEST

START_TEST(there_is_room_on_an_ordinary_disk)
{
    ck_assert(store_has_room(store));
}
END_TEST

START_TEST(a_transaction_is_known_to_be_open)
{
    ck_assert(store_in_transaction(store));
    ck_assert_int_eq(store_commit(store), 0);
    ck_assert(!store_in_transaction(store));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("open");
    tcase_add_checked_fixture(tests, fixture_open, fixture_close);
    tcase_add_test(tests, a_new_store_is_there_when_it_is_opened_again);
    tcase_add_test(tests, two_stores_have_different_identities);
    tcase_add_test(tests, its_files_are_for_its_owner_alone_and_there_is_no_shared_memory);
    tcase_add_test(tests, a_store_closed_in_order_is_a_single_file);
    tcase_add_test(tests, opening_moves_the_log_of_a_process_that_vanished_into_the_database);
    tcase_add_test(tests, what_was_not_committed_is_gone);
    tcase_add_test(tests, an_empty_file_and_a_half_made_store_are_no_obstacle);
    tcase_add_test(tests, a_file_that_is_no_database_is_refused);
    tcase_add_test(tests, the_database_of_another_program_is_refused);
    tcase_add_test(tests, a_store_of_another_version_is_refused);
    tcase_add_test(tests, a_log_without_its_database_is_refused);
    tcase_add_test(tests, where_it_can_not_be_seen_whether_there_is_a_log_no_database_is_made);
    tcase_add_test(tests, of_a_log_that_can_not_be_opened_it_is_told_why);
    tcase_add_test(tests, a_store_whose_pages_are_damaged_is_an_error_and_not_a_crash);
    tcase_add_test(tests, a_missing_directory_is_named);
    tcase_add_test(tests, a_directory_and_a_fifo_are_refused);
    tcase_add_test(tests, a_second_process_is_refused_while_the_first_has_it);
    tcase_add_test(tests, there_is_room_on_an_ordinary_disk);
    tcase_add_test(tests, a_transaction_is_known_to_be_open);
    return fixture_run(tests, "store_open");
}
