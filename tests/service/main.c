/*
 * A stand-in of the approval service, for tests and the demo, over real HTTP.
 *
 *   approval_service KEY SECRET     prints `ready PORT OPERATOR_PORT`, and ends with its stdin
 *
 * Everything is in memory, on loopback only. On PORT, with `Authorization: Bearer KEY`:
 *
 *   POST /v1/notify-operator      an approval request or a notice, camelCase or snake_case
 *   GET /v1/approvals/ID
 *   POST /v1/inboxes/ID/send
 *
 * On OPERATOR_PORT, for whoever scripts it; answers are {"result"} or {"error", "message"}:
 *
 *   POST /_operator/settings      any of these; answers with all
 *      honour_client_id           (true) the same client_id again is the same request
 *      id_as, id_in               `requestId` `request_id` `approval_id`; in `result` `top` `both`.
 *                                 Other than requestId, all that is answered is in snake_case
 *      form                       of webhooks: `javascript` `python` `flat` `envelope`
 *      signature                  of webhooks: `prefixed` `bare` `none` `wrong`
 *      expiry                     after expiresIn: `never` expired, `silent`, or `posted`
 *      deduplicate_emails         (true) the same client_id again creates nothing
 *      email_rate, email_period_ms, email_at_once
 *                                 past these 429 with retry_after; 0: no limit
 *   POST /_operator/fail          {"on": "notify" | "approvals" | "emails", "what": ..., ...}
 *      what                       a status of 400 to 599, `close` `take` `cut` `silent` `slow`
 *                                 `nonsense` `no_id` `huge` (faults.h says what these do); `none`
 *      times, chance, seed        (1, 1) so many calls; each with that probability
 *      done                       whether the call is carried out all the same
 *      retry_after, header        seconds (1 for 429 and 503) in the body; in Retry-After too (503)
 *      ms                         (100 for slow) the time before anything is done, of any fault.
 *                                 Only calls that take time overlap
 *      bytes, message             of huge, of a status
 *   POST /_operator/decide        {"id", "status": "approved" | "denied" | "expired", ...}
 *      by, reason, event_id, form, signature
 *      url, body                  in place of the callbackUrl, and of a body in one of the forms
 *      deliver                    (true) or only write it down, for those who poll
 *      times                      (1) so often the same bytes
 *      tries, pause_ms            (1, 100) each so often until it is answered with 200
 *                                 Answers {"id", "status", "deliveries"}, each of these being
 *                                 {"status", "answer", "tries"}; without an answer {"status": 0,
 *                                 "problem", "tries"}
 *   POST /_operator/listen        {"listening": false}: connections to PORT are refused, until true
 *   GET /_operator/requests       {"asked", "requests", "items"}: two counts, and every call of
 *                                 notify-operator in order as {"at", "status", "outcome", "id",
 *                                 "body"}: status 0 is no whole answer, outcome is one of `created`
 *                                 `repeated` `refused` `failed`
 *      ?from=N&count=N            a part of them
 *      ?id=ID                     one request: {"id", "notice", "body", "status", "created_at",
 *                                 "expires_at", "decided_by", "decided_at", "reason", "polls",
 *                                 "deliveries"}
 *   GET /_operator/emails         counts: {"seen", "acknowledged" (200 in full), "created",
 *                                 "client_ids", "recipients", "created_twice" (client ids),
 *                                 "sent_twice" (recipients), "seen_again" (after it was
 *                                 acknowledged), "limited", "most_at_once"}
 *      ?full=1                    also {"by_client_id", "by_recipient", "emails"}
 *   Both wait until there are so many, or the time is over: ?asked=N, ?id=ID&polls=N,
 *   ?id=ID&deliveries=N, ?created=N, ?seen=N, each with &patience_ms=N.
 */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "approvals.h"
#include "assent/base/json.h"
#include "operator.h"
#include "service.h"

static void wait_for_end_of_input(void)
{
    char byte;

    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
}

static void stop(struct service *service)
{
    (void)pthread_mutex_lock(&service->lock);
    atomic_store(&service->stopping, true);
    (void)pthread_cond_broadcast(&service->changed);
    (void)pthread_mutex_unlock(&service->lock);
}

static int run(struct service *service)
{
    struct web *side = web_new(operator_serve, service);
    pthread_t clock;
    bool started;

    service->front = web_new(service_serve, service);
    started = side && service->front && web_open(side) && web_open(service->front) &&
              pthread_create(&clock, NULL, approvals_run_clock, service) == 0;
    if (started && printf("ready %u %u\n", web_port(service->front), web_port(side)) > 0 &&
        fflush(stdout) == 0) {
        wait_for_end_of_input();
    }
    stop(service);
    web_free(side);
    web_free(service->front);
    if (started) {
        (void)pthread_join(clock, NULL);
    }
    return started ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct service service;
    int status = EXIT_FAILURE;

    if (argc != 3) {
        (void)fputs("usage: approval_service KEY SECRET\n", stderr);
        return EXIT_FAILURE;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    json_prepare();
    if (service_init(&service, argv[1], argv[2]) == 0) {
        status = run(&service);
    }
    service_clear(&service);
    curl_global_cleanup();
    return status;
}
