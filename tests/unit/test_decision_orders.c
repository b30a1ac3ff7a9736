/*
 * The state machine of a request, driven through every order of what can happen to it: whatever comes
 * first counts, once, and what comes after it is told how it stands to that.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/domain/decision.h"
#include "support/permutation.h"
#include "support/suite.h"

#define ORDERS 5040 /* of seven */
/* The most that one of them makes of a request: each twice, and the early ones again. */
#define STEPS_LIMIT 32

struct taken {
    enum decision decision;
    enum request_state before;
    struct decision_step step;
};

/* A request, and what it was put through. */
struct trial {
    enum request_state began;
    enum request_state state;
    size_t count;
    struct taken steps[STEPS_LIMIT];
};

static void take(struct trial *trial, enum decision decision)
{
    if (trial->count == STEPS_LIMIT) {
        ck_abort_msg("too many steps");
    }
    struct taken *taken = &trial->steps[trial->count++];

    *taken = (struct taken){.decision = decision, .before = trial->state};
    taken->step = decision_apply(trial->state, decision);
    trial->state = taken->step.state;
}

static bool is_by_service(enum decision decision)
{
    return decision == DECISION_GRANTED || decision == DECISION_DENIED ||
           decision == DECISION_EXPIRED;
}

/* The rules, said without the table. */
static bool can_end(enum request_state open, enum decision decision)
{
    if (open == REQUEST_HELD) {
        return decision == DECISION_TIMEOUT || decision == DECISION_CANCEL;
    }
    return open == REQUEST_SUBMITTING ||
           (decision != DECISION_REFUSED && decision != DECISION_TAKEN);
}

static const char *end_by(enum decision decision)
{
    static const char *const ends[DECISION_COUNT] = {
        [DECISION_GRANTED] = "approved", [DECISION_DENIED] = "denied",
        [DECISION_EXPIRED] = "expired",  [DECISION_TIMEOUT] = "expired",
        [DECISION_CANCEL] = "canceled",  [DECISION_REFUSED] = "failed",
        [DECISION_TAKEN] = "delivered",
    };

    return ends[decision];
}

/* What it is told that comes when all is over by `first`. */
static const char *told_after(enum decision first, enum decision decision)
{
    bool decided = first == DECISION_GRANTED || first == DECISION_DENIED;

    return decided && is_by_service(decision) && decision != first ? "conflict" : "late";
}

static void expect_step(const struct trial *trial, size_t place, const char *state,
                        const char *outcome)
{
    const struct taken *taken = &trial->steps[place];

    if (strcmp(request_state_name(taken->step.state), state) == 0 &&
        strcmp(outcome_name(taken->step.outcome), outcome) == 0) {
        return;
    }
    (void)fprintf(stderr, "from %s:", request_state_name(trial->began));
    for (size_t i = 0; i <= place; i++) {
        (void)fprintf(stderr, " %s", decision_name(trial->steps[i].decision));
    }
    ck_abort_msg("the last of these led to %s and was %s, expected %s and %s",
                 request_state_name(taken->step.state), outcome_name(taken->step.outcome), state,
                 outcome);
}

/* Holds the trial against the rules, with at most one step that was matched. */
static void expect_rules(const struct trial *trial)
{
    int ended_by = -1;

    for (size_t i = 0; i < trial->count; i++) {
        enum decision decision = trial->steps[i].decision;
        enum request_state before = trial->steps[i].before;

        if (ended_by >= 0) {
            expect_step(trial, i, end_by((enum decision)ended_by),
                        told_after((enum decision)ended_by, decision));
        } else if (can_end(before, decision)) {
            ended_by = (int)decision;
            expect_step(trial, i, end_by(decision), "matched");
        } else {
            expect_step(trial, i, request_state_name(before),
                        before == REQUEST_HELD && is_by_service(decision) ? "early" : "late");
        }
    }
    ck_assert_int_ge(ended_by, 0);
}

START_TEST(in_every_order_the_first_that_can_end_it_does)
{
    int order[DECISION_COUNT];
    int orders = 0;

    permutation_first(order, DECISION_COUNT);
    do {
        struct trial trial = {.began = (enum request_state)_i, .state = (enum request_state)_i};

        for (size_t i = 0; i < DECISION_COUNT; i++) {
            take(&trial, (enum decision)order[i]);
        }
        expect_rules(&trial);
        orders++;
    } while (permutation_next(order, DECISION_COUNT));
    ck_assert_int_eq(orders, ORDERS);
}
END_TEST

START_TEST(in_every_order_what_comes_twice_counts_once)
{
    int order[DECISION_COUNT];

    permutation_first(order, DECISION_COUNT);
    do {
        struct trial trial = {.began = (enum request_state)_i, .state = (enum request_state)_i};

        for (size_t i = 0; i < DECISION_COUNT; i++) {
            take(&trial, (enum decision)order[i]);
            take(&trial, (enum decision)order[i]);
        }
        expect_rules(&trial);
    } while (permutation_next(order, DECISION_COUNT));
}
END_TEST

/* The events of a request that is held until the service is asked. */
enum { GRANTED, DENIED, EXPIRED, TIMEOUT, CANCEL, ASKED, AGAIN, EVENT_COUNT };

struct story {
    struct trial trial;
    size_t early_count;
    enum decision early[EVENT_COUNT];
    enum decision last;
    bool any;
};

/* As core does: what was early is kept, and taken in its order when the request can be decided. */
static void ask(struct story *story)
{
    if (request_state_final(story->trial.state)) {
        return;
    }
    story->trial.state = REQUEST_PENDING;
    for (size_t i = 0; i < story->early_count; i++) {
        take(&story->trial, story->early[i]);
    }
}

static void happen(struct story *story, enum decision decision)
{
    take(&story->trial, decision);
    if (story->trial.steps[story->trial.count - 1].step.outcome == OUTCOME_EARLY) {
        story->early[story->early_count++] = decision;
    }
    story->last = decision;
    story->any = true;
}

static void tell(struct story *story, const int *order)
{
    static const enum decision decisions[] = {
        [GRANTED] = DECISION_GRANTED, [DENIED] = DECISION_DENIED, [EXPIRED] = DECISION_EXPIRED,
        [TIMEOUT] = DECISION_TIMEOUT, [CANCEL] = DECISION_CANCEL,
    };

    for (size_t i = 0; i < EVENT_COUNT; i++) {
        if (order[i] == ASKED) {
            ask(story);
        } else if (order[i] != AGAIN) {
            happen(story, decisions[order[i]]);
        } else if (story->any) {
            happen(story, story->last);
        }
    }
}

/* By which of them it ends: a time that is over and a cancel need not wait until it was asked for, a
 * decision does. */
static int first_that_counts(const int *order)
{
    bool asked = false;
    int early = -1;

    for (size_t i = 0; i < EVENT_COUNT; i++) {
        bool decision = order[i] == GRANTED || order[i] == DENIED || order[i] == EXPIRED;

        if (order[i] == TIMEOUT || order[i] == CANCEL || (asked && decision)) {
            return order[i];
        }
        if (order[i] == ASKED && early >= 0) {
            return early;
        }
        early = decision && early < 0 ? order[i] : early;
        asked = asked || order[i] == ASKED;
    }
    return -1;
}

START_TEST(in_every_order_what_was_early_counts_when_it_can)
{
    static const char *const ends[] = {
        [GRANTED] = "approved", [DENIED] = "denied",   [EXPIRED] = "expired",
        [TIMEOUT] = "expired",  [CANCEL] = "canceled",
    };
    int order[EVENT_COUNT];
    int orders = 0;

    permutation_first(order, EVENT_COUNT);
    do {
        struct story story = {.trial = {.began = REQUEST_HELD, .state = REQUEST_HELD}};

        tell(&story, order);
        expect_rules(&story.trial);
        ck_assert_str_eq(request_state_name(story.trial.state), ends[first_that_counts(order)]);
        orders++;
    } while (permutation_next(order, EVENT_COUNT));
    ck_assert_int_eq(orders, ORDERS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("orders of decisions");
    TCase *tests = tcase_create("orders");

    tcase_add_loop_test(tests, in_every_order_the_first_that_can_end_it_does, REQUEST_HELD,
                        REQUEST_PENDING + 1);
    tcase_add_loop_test(tests, in_every_order_what_comes_twice_counts_once, REQUEST_HELD,
                        REQUEST_PENDING + 1);
    tcase_add_test(tests, in_every_order_what_was_early_counts_when_it_can);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
