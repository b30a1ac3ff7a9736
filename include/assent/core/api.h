/*
 * The control interface: calls by path, each a function of its own. Agents get a part of it: what
 * is not theirs is to them as if it were not there.
 *
 * Owns: nothing. Runs in: core. May call: access, store, decide, work, record, waiters,
 * answer.
 */
#ifndef ASSENT_CORE_API_H
#define ASSENT_CORE_API_H

#include "assent/core/access.h"
#include "assent/core/answer.h"

/* What a call is given: the asker, the request, and the decoded parts of path and query. */
struct api_call {
    struct core *core;
    struct asker asker;
    struct access access;
    const struct protocol_request *request;
    char *subject; /* the {id} or {n} of the path, decoded; NULL if it has none */
};

/* Takes one request of the gate of operators or of agents. */
void api_request(struct link *link, const struct protocol_request *request);

/* The value of a query parameter, decoded, to be freed; NULL if it is not there. */
char *api_query(const struct api_call *call, const char *name);

/* The page that was asked for. Answers 400 itself and returns false if it is malformed. */
#define API_PAGE_DEFAULT 50
#define API_PAGE_LARGEST 500
struct api_page {
    int limit;
    int64_t cursor; /* 0: none was given */
};
bool api_page(const struct api_call *call, struct api_page *ret_page);
/* The same where pages begin at the oldest, so that a cursor may be 0. */
bool api_page_onward(const struct api_call *call, struct api_page *ret_page);

/* Finds the request that the path names, in the service of ?service= if it is given. Answers 404,
 * or 409 where several services know the id, and returns false. An agent finds only its own. */
bool api_find_request(const struct api_call *call, struct store_request *ret_request);

/* api_requests.c */
void api_register(const struct api_call *call);
void api_list_requests(const struct api_call *call);
void api_show_request(const struct api_call *call);
void api_cancel_request(const struct api_call *call);
/* api_asks.c */
void api_ask(const struct api_call *call);
void api_explain(const struct api_call *call);
/* api_jobs.c */
void api_list_jobs(const struct api_call *call);
void api_show_job(const struct api_call *call);
void api_show_output(const struct api_call *call);
void api_list_items(const struct api_call *call);
void api_retry_job(const struct api_call *call);
void api_cancel_job(const struct api_call *call);
/* The filter of ?state=, ?hook= and ?request=. Answers itself and returns false if it is malformed or
 * fits nothing. `ret_hook` is the text behind filter.hook, to be freed. */
bool api_wanted_jobs(struct api_call *call, struct store_job_filter *filter, char **ret_hook);
/* api_bulk.c */
void api_retry_jobs(const struct api_call *call);
void api_cancel_jobs(const struct api_call *call);
/* api_pause.c */
void api_pause(const struct api_call *call);
void api_resume(const struct api_call *call);
json_t *api_paused(struct core *core); /* rows of what is paused */
/* api_events.c */
void api_list_events(const struct api_call *call);
void api_follow_events(const struct api_call *call);
/* api_backup.c */
void api_backup(const struct api_call *call);
/* api_metrics.c */
void api_metrics(const struct api_call *call);
/* api_health.c */
void api_ready(const struct api_call *call);
void api_health(const struct api_call *call);

#endif
