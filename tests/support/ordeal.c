#include "support/ordeal.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ROUND_LIMIT 12
/* A round begins when there is hardly anything left to do of the one before. */
#define FEW_JOBS    50
#define TICK_MS     5
#define LOOK_MS     100
#define PATIENCE_MS 90000
/* Into the midst of the approvals: they take about so long. */
#define AIM_MS 80

/* Of the run that is under way, for the process that forked it. */
static struct {
    char name[32];
    char directory[64];
} * current;

static int setting(const char *name, int standard)
{
    const char *text = getenv(name);
    long value = text ? strtol(text, NULL, 10) : standard;

    return value > 0 && value < 1000000 ? (int)value : standard;
}

static int strike_ms(void)
{
    return setting("SECONDS_EACH", 10) * 1000;
}

int ordeal_limit_seconds(void)
{
    return (strike_ms() + 3 * PATIENCE_MS) / 1000;
}

void ordeal_prepare(void)
{
    current =
        mmap(NULL, sizeof *current, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (current == MAP_FAILED) {
        perror("mmap");
        exit(EXIT_FAILURE);
    }
}

struct ordeal *ordeal_new(const char *name)
{
    struct ordeal *ordeal = calloc(1, sizeof *ordeal);
    char *sections;

    ck_assert_ptr_nonnull(ordeal);
    ordeal->name = name;
    ordeal->house = house_new();
    (void)snprintf(current->name, sizeof current->name, "%s", name);
    (void)snprintf(current->directory, sizeof current->directory, "%s",
                   house_directory(ordeal->house));
    ordeal->server = http_server_start();
    http_server_script(ordeal->server,
                       &(struct http_server_script){.path = "/run", .delay_ms = 20});
    sections = tally_sections(ordeal->house, ordeal->server);
    house_configure(ordeal->house, sections);
    free(sections);
    ordeal->crowd = crowd_new(ordeal->house, ROUND_LIMIT * CROWD_OF_500, strike_ms() + PATIENCE_MS);
    ordeal->began_at = house_now_ms();
    srandom((unsigned)ordeal->began_at);
    return ordeal;
}

/* --- striking --------------------------------------------------------------------------------- */

static int64_t interval(void)
{
    int every = setting("STRIKE_EVERY_MS", 1000);

    return every * 3 / 5 + random() % (every * 4 / 5 + 1);
}

/* Goes on for one tick; strikes if it is time. */
static void tick(struct ordeal *ordeal, void (*strike)(struct ordeal *), int64_t until)
{
    if (house_now_ms() >= ordeal->next_strike && house_now_ms() < until) {
        strike(ordeal);
        ordeal->strikes++;
        ordeal->struck_at = house_now_ms();
        ordeal->next_strike = ordeal->struck_at + interval();
    }
    (void)poll(NULL, 0, TICK_MS);
}

static void finish_phase(struct ordeal *ordeal, void (*strike)(struct ordeal *), int64_t until)
{
    while (crowd_busy(ordeal->crowd)) {
        tick(ordeal, strike, until);
    }
    crowd_join(ordeal->crowd);
}

static void wait_for_few_jobs(struct ordeal *ordeal, void (*strike)(struct ordeal *), int64_t until)
{
    int64_t next_look = 0;
    bool few = false;

    while (!few && house_now_ms() < until) {
        tick(ordeal, strike, until);
        if (house_now_ms() >= next_look) {
            int unfinished = tally_unfinished(ordeal->house);

            few = unfinished >= 0 && unfinished <= FEW_JOBS;
            next_look = house_now_ms() + LOOK_MS;
        }
    }
}

/* The next strike falls among the approvals; the pause before it is as long as any other. */
static void aim(struct ordeal *ordeal)
{
    int64_t rested = ordeal->struck_at + setting("STRIKE_EVERY_MS", 1000) * 3 / 5;

    while (house_now_ms() < rested) {
        (void)poll(NULL, 0, TICK_MS);
    }
    ordeal->next_strike = house_now_ms() + random() % AIM_MS;
}

void ordeal_strike(struct ordeal *ordeal, void (*strike)(struct ordeal *ordeal))
{
    int64_t until = house_now_ms() + strike_ms();

    ordeal->next_strike = house_now_ms() + interval();
    for (int round = 0; round < ROUND_LIMIT && house_now_ms() < until; round++) {
        crowd_register(ordeal->crowd, CROWD_OF_500);
        finish_phase(ordeal, strike, until);
        aim(ordeal);
        crowd_decide(ordeal->crowd);
        finish_phase(ordeal, strike, until);
        wait_for_few_jobs(ordeal, strike, until);
    }
}

void ordeal_settle(struct ordeal *ordeal)
{
    int64_t deadline = house_now_ms() + PATIENCE_MS;
    int unfinished;

    while ((unfinished = tally_unfinished(ordeal->house)) != 0) {
        ck_assert_msg(house_now_ms() < deadline, "%d jobs do not end", unfinished);
        (void)poll(NULL, 0, LOOK_MS);
    }
    tally_take(ordeal->house, ordeal->server, ordeal->crowd, &ordeal->tally);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void check_log(const struct ordeal *ordeal)
{
    static const char *const unheard_of[] = {"broke the rules", "sent what it may not",
                                             "acknowledged a result that it can't have",
                                             "the stream to core broke"};
    char *log = house_log(ordeal->house);

    for (size_t i = 0; i < sizeof unheard_of / sizeof unheard_of[0]; i++) {
        ck_assert_msg(!strstr(log, unheard_of[i]), "the log says: %s", unheard_of[i]);
    }
    free(log);
}

static void print_line(const struct ordeal *ordeal)
{
    const struct tally *tally = &ordeal->tally;

    (void)printf("  %-14s %3d strikes %6d approvals %5zu sent again %6d runs %5d interrupted "
                 "%4d restarted %6.1f s  ok\n",
                 ordeal->name, ordeal->strikes, tally->approvals, crowd_repeats(ordeal->crowd),
                 tally->runs, tally->interrupted, tally->restarted,
                 (double)(house_now_ms() - ordeal->began_at) / 1000);
    (void)fflush(stdout);
}

void ordeal_drop(struct ordeal *ordeal)
{
    house_free(ordeal->house);
    crowd_free(ordeal->crowd);
    http_server_stop(ordeal->server);
    current->directory[0] = '\0';
    free(ordeal);
}

void ordeal_free(struct ordeal *ordeal)
{
    ck_assert_int_eq(house_pid(ordeal->house) > 0 ? house_stop(ordeal->house) : 0, 0);
    check_log(ordeal);
    print_line(ordeal);
    ordeal_drop(ordeal);
}

void ordeal_tell_failure(void)
{
    if (current->directory[0]) {
        (void)printf("  %-14s FAILED, see %s/log\n", current->name, current->directory);
        (void)fflush(stdout);
        current->directory[0] = '\0';
    }
}
