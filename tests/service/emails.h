/*
 * `POST /v1/inboxes/{id}/send`: what came, what was answered, what exists. All are called with the
 * service's lock held.
 */
#ifndef TESTS_SERVICE_EMAILS_H
#define TESTS_SERVICE_EMAILS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EMAILS_RATE_LIMIT 1024

struct service;
struct reply;

struct emails {
    json_t *by_client_id; /* to {"seen", "acknowledged", "created"} */
    json_t *by_recipient; /* the same */
    json_t *sent;         /* every e-mail that exists, in order */
    int64_t seen;
    int64_t acknowledged;
    int64_t limited;    /* answered with 429 for the rate's sake */
    int64_t seen_again; /* calls with a client id that had been acknowledged */
    unsigned at_once;   /* calls that are being answered */
    unsigned most_at_once;
    int64_t times[EMAILS_RATE_LIMIT]; /* of the latest ones that were allowed, a ring */
    size_t allowed;                   /* how many there were ever */
};

/* 0 or -ENOMEM. */
int emails_init(struct emails *emails);
void emails_clear(struct emails *emails);

/* A call with that body (NULL: none) is there. */
void emails_note_arrival(struct emails *emails, const json_t *body);
struct reply emails_send(struct service *service, const char *inbox, json_t *body);
/* It was answered with that status in full; 0: not in full. */
void emails_note_answer(struct emails *emails, const json_t *body, unsigned status);

/* The counts; with `full`, all of it. */
json_t *emails_summary(const struct emails *emails, bool full);

#endif
