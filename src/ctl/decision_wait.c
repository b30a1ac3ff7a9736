#include "assent/ctl/decision_wait.h"

#include <stdio.h>
#include <time.h>

#include "assent/base/clock.h"
#include "assent/ctl/ask.h"
#include "assent/ctl/request_view.h"

#define LONGEST_QUESTION_S 55
/* What a question may take beyond what it asks to wait. */
#define ANSWER_GRACE_MS 15000
#define PAUSE_MS        500

struct wait {
    struct ctl *ctl;
    const char *id;
    const char *service;
    int64_t until; /* monotonic ms, INT64_MAX: for ever */
    int64_t seen;  /* when the daemon was last known to be there; 0: never */
};

static void pause_for(int64_t ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&time, NULL);
}

static int64_t next_seconds(const struct wait *wait, int64_t now)
{
    int64_t left = wait->until - now;

    if (left <= 0) {
        return 0;
    }
    return left > LONGEST_QUESTION_S * 1000 ? LONGEST_QUESTION_S : (left + 999) / 1000;
}

static void ask_once(const struct wait *wait, int64_t seconds, struct reply *ret_reply)
{
    struct buffer path = {0};
    char number[32];
    struct question question = {.timeout_ms = seconds * 1000 + ANSWER_GRACE_MS};

    (void)snprintf(number, sizeof number, "%lld", (long long)seconds);
    path_append(&path, "/v1/approvals/%s", wait->id);
    path_option(&path, "wait", number);
    path_option(&path, "service", wait->service);
    question.path = path_text(&path);
    ask_quietly(wait->ctl, &question, ret_reply);
    buffer_free(&path);
}

static int show(const struct wait *wait, const struct reply *reply)
{
    const json_t *request = reply_result(reply);

    wait->ctl->screen.now = clock_now_ms();
    if (wait->ctl->json) {
        ctl_show_json(wait->ctl, request);
    } else {
        request_view_line(&wait->ctl->screen, request);
    }
    return request_exit(request);
}

static int give_up(const struct wait *wait, const struct reply *reply)
{
    reply_complain(wait->ctl, reply);
    return reply->exit == CTL_NO_DAEMON || reply->status == 503 ? CTL_NO_DAEMON : CTL_WAIT_ERROR;
}

/* Asks until there is something to tell. */
static int wait_on(struct wait *wait)
{
    for (;;) {
        int64_t asked = clock_monotonic_ms();
        struct reply reply;
        bool again;
        int status = CTL_UNDECIDED;
        int64_t now;

        ask_once(wait, next_seconds(wait, asked), &reply);
        now = clock_monotonic_ms();
        if (reply.exit == CTL_OK) {
            wait->seen = now;
            again = request_exit(reply_result(&reply)) == CTL_UNDECIDED && now < wait->until;
            status = again ? CTL_UNDECIDED : show(wait, &reply);
        } else {
            again = reply_is_bearable(wait->ctl, &reply, &wait->seen, now) && now < wait->until;
            status = again ? CTL_UNDECIDED : give_up(wait, &reply);
        }
        reply_free(&reply);
        if (!again) {
            return status;
        }
        /* A daemon that stops answers at once. */
        pause_for(now - asked < PAUSE_MS ? PAUSE_MS : 0);
    }
}

int decision_wait(struct ctl *ctl, const char *id, const char *service, int64_t timeout_ms)
{
    int64_t now = clock_monotonic_ms();
    struct wait wait = {.ctl = ctl, .id = id, .service = service, .until = INT64_MAX};

    wait.seen = ctl->reached ? now : 0;
    if (timeout_ms >= 0) {
        wait.until = now + timeout_ms;
    }
    return wait_on(&wait);
}
