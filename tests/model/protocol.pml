/*
 * The protocol between core and those who act for it, as a model for spin(1). check.sh searches
 * it exhaustively, and shows that leaving out any one part of the protocol is noticed.
 *
 * Who takes part
 *
 *     service --deliveries--> gate --> core --START, ACK, CANCEL--> executor --> processes of hooks
 *            <----- 200 -----     <--      <--HELLO, RESULT, ...--
 *
 *     The service sends each delivery until it is acknowledged. Core decides and has the disk.
 *     An executor (the runner, which starts programs, or the caller, which makes HTTP calls)
 *     does what core gives it. The supervisor starts them again when they die. An approved
 *     request has one job; each try to run a job's hook is an attempt, numbered within the job.
 *
 * The rules
 *
 *  1. One commit (T1) stores the delivery, the decision and the jobs that it starts. Only then
 *     200.
 *  2. A second commit (T2) stores that the attempt is `started`, and which run of the executor
 *     (its incarnation, a number drawn at its start) gets it. Only then START, with a digest of
 *     the configuration of the hook that core means.
 *  3. A START for an attempt that the executor knows changes nothing: it tells that attempt's
 *     state. A START with a digest that is not its own is REFUSED. Only that means "never
 *     started": the job is queued again, and the attempt's number is free. HELLO and every
 *     reload tell core the executor's digest; core starts nothing while it differs from core's
 *     own.
 *  4. The executor keeps every attempt, running or finished, until core's ACK.
 *  5. A third commit (T3) stores a result and what follows from it. Only then ACK. A result
 *     that is stored already is only acknowledged.
 *  6. When the stream ends, each side reads the old one to its end before anything else: the
 *     executor before it says HELLO (incarnation, the attempts it keeps, digest) on a new one,
 *     core before it takes that HELLO. After HELLO the executor sends all results again that
 *     have no ACK.
 *  7. HELLO of the same incarnation: an attempt that is listed goes on; one that is not was
 *     never received, and is sent again with the digest of now.
 *  8. HELLO of another incarnation: what was `started` with the old one is `interrupted`, or
 *     the next attempt is queued where the hook says so and a retry is left.
 *  9. A new executor says no HELLO while a process of an old one's hooks lives. An executor
 *     whose supervisor ends, ends its hooks and then itself. A new supervisor waits for all of
 *     the old ones.
 * 10. Core's start writes the whole log to the disk before its first 200, START or ACK: after a
 *     sync that failed, reading shows what the disk does not have. A commit that failed ends
 *     core.
 * 11. A cancel is committed before it is answered and before CANCEL is sent; CANCEL is sent
 *     again after HELLO; a canceled attempt that is not listed is never sent again, and no
 *     canceled job is tried again. If the hook ends first, its result counts.
 *
 * How they are modelled
 *
 *     Every option of a process below is one atomic step: what a role does with one frame, one
 *     commit, one exit of a process. Between any two steps, each of these can happen, CRASHES
 *     times: core, the executor, the gate or the supervisor dies, or the stream between core
 *     and the executor breaks. So that every smaller number of crashes is searched too, each
 *     run chooses its own number at its start, and must use it up.
 *
 *     A role that sends does so within its step, but a frame in a stream may also be one that
 *     its writer still holds: a crash leaves any number of the first frames of what is unread,
 *     none included. That is a crash between a commit and any of the sends that follow it, also
 *     within a frame, for a frame cut short was never received. A crash before a commit is the
 *     same as one before the step. The reader of a stream whose writer died finds the rest, and
 *     then its end; in `to_core` that end is a frame of its own, behind which the next stream
 *     begins.
 *
 *     Memory dies with its role. `stored` is what a commit has written, and outlives all.
 *     Processes of hooks outlive an executor that crashed. Core may take all that has come into
 *     one transaction: a delivery together with START is there as an example; other such groups
 *     only leave out crashes between commits.
 *
 *     The first request's hook retries once, after a failure or an interruption; the second
 *     one's is held for a person. The first request is approved twice, the second is approved
 *     and denied. Further parts are switched on by -D: RELOADS (rule 3), CANCELS (rule 11),
 *     POWER_CUTS (rule 10: a commit whose sync fails, and a loss of power), RETRIES_BY_HAND (of
 *     what is held or failed), FAILS_AGAIN (a second attempt may fail as well).
 *
 * What is not modelled
 *
 *     Signatures, time, rates, several executors (they share nothing but core), several jobs of
 *     a request, early deliveries (the requests are registered), expiry (to this protocol, a
 *     denial), hooks that never end (a timeout ends them), the way in which rule 9 finds the
 *     old processes, and the lock by which a new supervisor waits. The caller is an executor
 *     whose hooks die with it, which is one of the runner's possible fates. Where executors
 *     have a supervisor of their own, its end is that of the executor.
 *
 * That every job comes to an end
 *
 *     is checked in two parts. Where no step is possible any more, `init` looks whether all is
 *     done. And there is no infinite run: built with -DNP and without any progress label, spin
 *     calls every cycle of states an error. Together: however the steps are scheduled, once the
 *     crashes stop, the protocol ends, and has ended well.
 */

/* ---- How much is searched -------------------------------------------------------------------- */

#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef RELOADS
#define RELOADS 0
#endif
#ifndef CANCELS
#define CANCELS 0
#endif
#ifndef POWER_CUTS
#define POWER_CUTS 0            /* and as many commits whose sync fails */
#endif
#ifndef RETRIES_BY_HAND
#define RETRIES_BY_HAND 0
#endif

#ifndef FAILS_AGAIN
#define FAILS_AGAIN 0           /* 1: the second attempt of a job may fail as well */
#endif

#ifndef DELIVERIES_EACH
#define DELIVERIES_EACH 2       /* of a request: 1 or 2 */
#endif

/* ---- Names ----------------------------------------------------------------------------------- */

#define REQUESTS 2
#define DELIVERIES 4            /* two for each request */
#define ATTEMPTS 4              /* two for each job */
#define STREAM_CAPACITY (4 + 4 * CRASHES)  /* the sends assert that it suffices */

#define request_of(identity) ((identity) / 2)           /* of an attempt, and of a delivery */
#define number_of(attempt) ((attempt) % 2)
#define current_attempt(request) (2 * (request) + stored[request].number)

#define has_ended(request) \
    (stored[request].job == succeeded || stored[request].job == failed \
        || stored[request].job == interrupted || stored[request].job == canceled)

#define is_sent(delivery) ((delivery) % 2 < DELIVERIES_EACH)
/* All deliveries approve but the last: the second request is approved and denied, in any order. */
#define approves(delivery) ((delivery) != DELIVERIES - 1)
/* The hook of the first request has `on_interrupt = retry` and one retry; the other's is held. */
#define may_try_again(request) \
    (((request) == 0 || MUTATION == RETRY_WITHOUT_COUNT) && stored[request].number == 0)
/* Each try is an attempt with a number of its own. */
#define number_of_next_try (MUTATION == SAME_NUMBER_AGAIN -> 0 : 1)

mtype:decision = { undecided, approved, denied };
mtype:job = { no_job, queued, started, succeeded, failed, interrupted, canceled };
mtype:standing = { unknown, running, exited_well, exited_badly, ended_by_cancel };
mtype:frame = { HELLO, RESULT, REFUSED, DIGEST, END_OF_STREAM, START, ACK, CANCEL };
mtype:disk = { in_order, next_sync_fails, cache_ahead_of_disk };

/* ---- What must hold -------------------------------------------------------------------------- */

#define NOTHING_LOST 1          /* an acknowledged decision stands, and its job exists */
#define RUNS_ONCE 2             /* no attempt runs twice */
#define ONE_AT_A_TIME 3         /* no two attempts of a job live at once */
#define ONLY_APPROVED 4         /* nothing unapproved runs */
#define COMES_TO_AN_END 5       /* when the crashes stop, every job ends or is `interrupted` */
#define DISK_TELLS_THE_TRUTH 6  /* what runs is stored as `started`, what is given up is dead */
#define CANCEL_HOLDS 7          /* after a cancel is answered, nothing is given out any more */
#define TRIES_ARE_COUNTED 8     /* no more of them than the hook, or a person, has said */

/* -DONLY=one of these: so that a mutation shows which of them notices it. */
#ifdef ONLY
#define is_checked(promise) (ONLY == promise)
#else
#define is_checked(promise) true
#endif

#define PROMISE(promise, words, condition) \
    if \
    :: !is_checked(promise) || (condition) \
    :: else -> printf(words); assert(false) \
    fi

/* -DPROBE=one of these: an error as soon as it happens, to show that the search gets there. */
#ifndef PROBE
#define PROBE 0
#endif
#define REACHED(probe, words) \
    if \
    :: PROBE != probe \
    :: else -> printf(words); assert(false) \
    fi

#define RETRIED 1               /* the second attempt of a job begins */
#define HELD 2                  /* all is over, and a job waits for a person */
#define ALL_SUCCEEDED 3
#define CONFLICT 4              /* approved after it was denied */
#define ADOPTED 5               /* a new core finds the attempt with the executor */
#define SENT_AGAIN 6            /* a new core finds that START was lost */
#define SENT_TO_KNOWN 7         /* START for an attempt that is known; never, while 6 and 7 hold */
#define GIVEN_TO_DEAD 8         /* committed as started with an executor that was dead */
#define OLD_HOOK_LEFT 9         /* a hook outlives its executor */
#define RESULT_OUTLIVED_EXECUTOR 10
#define RESULT_OUTLIVED_CORE 11
#define RESULT_STORED_BEFORE 12
#define NUMBER_USED_AGAIN 13    /* an attempt begins that was refused before */
#define CANCEL_ENDED_RUN 14
#define CANCEL_CAME_TOO_LATE 15
#define CANCELED_UNLISTED 16
#define CANCEL_UNKNOWN 17       /* of an attempt that was refused */
#define GAVE_UP 18              /* the last try has failed too */

/* ---- Mutations: -DMUTATION=one of these does one thing wrong --------------------------------- */

#ifndef MUTATION
#define MUTATION 0
#endif

#define NO_T1 1                         /* 200 before the commit */
#define JOB_AFTER_T1 2                  /* the job in a commit of its own */
#define RUN_DUPLICATES 3                /* a second approval queues the job again */
#define LAST_DECISION_WINS 4
#define NO_T2 5                         /* START without the commit of `started` */
#define START_WHERE_DIGESTS_DIFFER 6
#define IGNORE_REFUSED 7
#define FORGET_BEFORE_ACK 8
#define ACK_BEFORE_T3 9
#define NO_ACK 10
#define NO_DRAIN_BY_CORE 11             /* HELLO is taken before the old stream's last frames */
#define NO_DRAIN_BY_EXECUTOR 12         /* HELLO is said before the old stream's last frames */
#define NO_RESULT_AGAIN 13              /* after HELLO */
#define NEVER_SEND_AGAIN 14             /* what the same incarnation does not list */
#define SEND_AGAIN_TO_OTHER 15          /* what was given to another incarnation */
#define NO_WAIT_FOR_OLD_HOOKS 16        /* rule 9 */
#define NO_CHECKPOINT 17
#define CANCEL_BEFORE_COMMIT 18
#define SEND_CANCELED_AGAIN 19
#define SAME_NUMBER_AGAIN 20            /* for the next try */
#define RETRY_WITHOUT_COUNT 21          /* though no retry is left */
#define RESULT_OF_ANY_ATTEMPT 22        /* of the job ends the current one */

/* ---- The world ------------------------------------------------------------------------------- */

/* What the disk has of a request and its job. Changed only by a commit, one atomic step. */
typedef Record {
    mtype:decision decision;
    mtype:job job;
    bit number;                 /* of the current attempt, or of the next one while queued */
    byte incarnation;           /* of the executor to which the attempt was given */
    bool cancel_wanted
};
Record stored[REQUESTS];

/* A frame in a stream is still in its writer's memory, or on its way: its reader cannot tell. */
chan to_executor = [STREAM_CAPACITY] of { mtype:frame, byte, byte, bit };
chan to_core = [STREAM_CAPACITY] of { mtype:frame, byte, byte, bit };
byte ends_unread;               /* streams of dead executors that core has not read to the end */

/* The service, and the gate between it and core. */
bool answer_underway[DELIVERIES];
bool acknowledged[DELIVERIES];
#define is_acknowledged(request) (acknowledged[2 * (request)] || acknowledged[2 * (request) + 1])

/* Core's memory. */
bool core_lives;
bit core_digest;
byte core_executor;             /* the incarnation that said HELLO; 0: none */
bit core_executor_digest;       /* as HELLO and reloads told it */

/* The executor's memory. */
bool executor_lives;
bool executor_connected;        /* it has said HELLO to the core of now */
byte executor_incarnation;
bit executor_digest;
mtype:standing known[ATTEMPTS];

/* Processes of hooks. They may outlive their executor. */
bool hook_lives[ATTEMPTS];
#define is_orphan(attempt) (hook_lives[attempt] && known[attempt] != running)

bool supervisor_lives;
bit configured_digest;

byte crashes_left;
byte reloads_left;
byte cancels_left;
byte retries_by_hand_left;

/* Ghosts: nothing reads them but the promises. */
bool begun[ATTEMPTS];
bool result_stored[ATTEMPTS];
#if RELOADS
bool refused[ATTEMPTS];
#endif
mtype:decision first_decision[REQUESTS];
byte attempts_allowed[REQUESTS];    /* so many may ever begin: a cancel lowers it */
byte tries_allowed[REQUESTS];       /* so many by the hook's word, and a person's */

/* Scratch within single steps: set before it is read in each, and so no part of any state. */
hidden byte each_request, each_delivery, each_attempt, each_frame, frame_count, the_request;
hidden mtype:frame kind, cut_kind;
hidden byte first_field, second_field, cut_first, cut_second, attempts_listed;
hidden byte third_field, cut_third;

/* ---- The disk -------------------------------------------------------------------------------- */

#if POWER_CUTS
Record synced[REQUESTS];
mtype:disk disk;
bool core_must_leave;           /* its commit failed: nobody knows what the disk has */
byte power_cuts_left, sync_faults_left;

/* A macro, as inlines take no arrays. */
#define copy_records(target, source) \
    for (each_request : 0 .. REQUESTS - 1) { \
        target[each_request].decision = source[each_request].decision; \
        target[each_request].job = source[each_request].job; \
        target[each_request].number = source[each_request].number; \
        target[each_request].incarnation = source[each_request].incarnation; \
        target[each_request].cancel_wanted = source[each_request].cancel_wanted \
    }

#define core_may_act (core_lives && !core_must_leave)
#define core_may_speak (!core_must_leave)
#else
#define core_may_act core_lives
#define core_may_speak true
#endif

/* Ends what a step changes in `stored`; what follows it in the step is told to others. */
inline commit() {
#if POWER_CUTS
    if
    :: disk == in_order -> copy_records(synced, stored)
    :: disk == next_sync_fails -> disk = cache_ahead_of_disk; core_must_leave = true
    :: disk == cache_ahead_of_disk      /* what follows a hole in the log is not found after it */
    fi
#else
    skip
#endif
}

/* ---- Streams --------------------------------------------------------------------------------- */

inline send_to_executor(frame, attempt, digest) {
    if
    :: core_may_speak && core_executor != 0 && ends_unread == 0 ->
        assert(nfull(to_executor));
        to_executor!frame, attempt, 0, digest
    :: else                     /* nobody will read it */
    fi
}

inline send_to_core(frame, field, list, digest) {
    if
    :: executor_connected -> assert(nfull(to_core)); to_core!frame, field, list, digest
    :: else
    fi
}

/* Leaves the first frames of a stream: those that were written before the writer died. */
inline cut_stream(stream, frames_kept) {
    frame_count = len(stream);
    for (each_frame : 1 .. frame_count) {
        stream?cut_kind, cut_first, cut_second, cut_third;
        if
        :: each_frame <= frames_kept -> stream!cut_kind, cut_first, cut_second, cut_third
        :: else
        fi
    }
}

/* ---- The service and the gate ---------------------------------------------------------------- */

inline receive_answer(delivery) {
    d_step {
        answer_underway[delivery] ->
        answer_underway[delivery] = false;
        acknowledged[delivery] = true
    }
}

proctype service()
{
end:
    do
    :: receive_answer(0)
    :: receive_answer(1)
    :: receive_answer(2)
    :: receive_answer(3)
    od
}

/* ---- Core ------------------------------------------------------------------------------------ */

#if MUTATION == JOB_AFTER_T1
bool unwritten_job[REQUESTS];

inline write_job(request) {
    d_step {
        core_may_act && unwritten_job[request] ->
        unwritten_job[request] = false;
        stored[request].job = queued;
        commit()
    }
}
#endif

/* The first decision that is stored is the one that stands. */
inline note_decision(delivery) {
    if
    :: approves(delivery) ->
        stored[the_request].decision = approved;
#if MUTATION == JOB_AFTER_T1
        unwritten_job[the_request] = true
#else
        stored[the_request].job = queued
#endif
    :: else ->
        stored[the_request].decision = denied
    fi;
    if
    :: first_decision[the_request] == undecided ->
        first_decision[the_request] = stored[the_request].decision
    :: else
    fi
}

inline decide(delivery) {
    the_request = request_of(delivery);
    if
    :: stored[the_request].decision == undecided ->
        note_decision(delivery);
        commit()
    :: else ->                  /* a duplicate, or a conflict: the first decision stands */
        if
        :: approves(delivery) && stored[the_request].decision == denied ->
            REACHED(CONFLICT, "reached: conflict\n")
        :: else
        fi
#if MUTATION == LAST_DECISION_WINS
        ;
        if
        :: approves(delivery) && stored[the_request].decision == denied ->
            stored[the_request].decision = approved;
            stored[the_request].job = queued;
            commit()
        :: else
        fi
#endif
#if MUTATION == RUN_DUPLICATES
        ;
        if
        :: approves(delivery) && has_ended(the_request) ->
            stored[the_request].job = queued;
            commit()
        :: else
        fi
#endif
    fi
}

#define delivery_waits(delivery) \
    (core_may_act && is_sent(delivery) && !acknowledged[delivery] && !answer_underway[delivery])

#if MUTATION == NO_T1
bool unwritten_delivery[DELIVERIES];

inline take_delivery(delivery) {
    d_step {
        delivery_waits(delivery) && !unwritten_delivery[delivery] ->
        unwritten_delivery[delivery] = true;
        answer_underway[delivery] = true
    }
}

inline write_delivery(delivery) {
    d_step {
        core_may_act && unwritten_delivery[delivery] ->
        unwritten_delivery[delivery] = false;
        decide(delivery)
    }
}
#else
inline take_delivery(delivery) {
    d_step {
        delivery_waits(delivery) ->
        decide(delivery);
        answer_underway[delivery] = core_may_speak
    }
}
#endif

#define may_start_hooks \
    (core_executor != 0 && \
        (core_executor_digest == core_digest || MUTATION == START_WHERE_DIGESTS_DIFFER))

#if MUTATION == NO_T2
bool unwritten_start[REQUESTS];
#endif

inline give_out(request) {
    stored[request].job = started;
    stored[request].incarnation = core_executor;
#if MUTATION == NO_T2
    unwritten_start[request] = true;
#endif
    commit();
    if
    :: ends_unread > 0 -> REACHED(GIVEN_TO_DEAD, "reached: given to dead\n")
    :: else
    fi;
    send_to_executor(START, current_attempt(request), core_digest)
}

inline start_job(request) {
    d_step {
        core_may_act && may_start_hooks && stored[request].job == queued ->
        give_out(request)
    }
}

/* Core takes all that has come into one transaction, so the first two commits may be one. */
inline take_delivery_and_start_job(delivery) {
    d_step {
        delivery_waits(delivery) && approves(delivery) &&
            stored[request_of(delivery)].decision == undecided && may_start_hooks ->
        the_request = request_of(delivery);
        note_decision(delivery);
        give_out(the_request);
        answer_underway[delivery] = core_may_speak
    }
}

#define may_cancel(request) \
    (core_may_act && !stored[request].cancel_wanted && \
        (stored[request].job == queued || stored[request].job == started))

#if MUTATION == CANCEL_BEFORE_COMMIT
bool unwritten_cancel[REQUESTS];

inline ask_for_cancel(request) {
    d_step {
        may_cancel(request) && cancels_left > 0 ->
        cancels_left--;
        unwritten_cancel[request] = true;
        attempts_allowed[request] =
            stored[request].number + (stored[request].job == started -> 1 : 0)
    }
}
#endif

inline cancel_job(request) {
    d_step {
#if MUTATION == CANCEL_BEFORE_COMMIT
        may_cancel(request) && unwritten_cancel[request] ->
        unwritten_cancel[request] = false;
#else
        may_cancel(request) && cancels_left > 0 ->
        cancels_left--;
#endif
        if
        :: stored[request].job == queued ->
            stored[request].job = canceled;
            stored[request].cancel_wanted = true;
            commit();
            if
            :: core_may_speak -> attempts_allowed[request] = stored[request].number
            :: else
            fi
        :: else ->
            stored[request].cancel_wanted = true;
            commit();
            if
            :: core_may_speak -> attempts_allowed[request] = stored[request].number + 1
            :: else
            fi;
            send_to_executor(CANCEL, current_attempt(request), 0)
        fi
    }
}

/* A person has looked, and has it tried once more. */
inline retry_job(request) {
    d_step {
        core_may_act && retries_by_hand_left > 0 && stored[request].number == 0 &&
            (stored[request].job == interrupted || stored[request].job == failed) ->
        retries_by_hand_left--;
        tries_allowed[request] = 2;
        stored[request].number = 1;
        stored[request].job = queued;
        commit()
    }
}

inline take_result(attempt, outcome) {
    the_request = request_of(attempt);
    if
    :: stored[the_request].job == started &&
        (current_attempt(the_request) == attempt || MUTATION == RESULT_OF_ANY_ATTEMPT) ->
        PROMISE(DISK_TELLS_THE_TRUTH, "broken: a job goes on while its hook lives\n",
            !hook_lives[attempt]);
        if
        :: ends_unread > 0 ->
            REACHED(RESULT_OUTLIVED_EXECUTOR, "reached: result outlived executor\n")
        :: else
        fi;
        if
        :: outcome == exited_well ->
            stored[the_request].job = succeeded;
            if
            :: stored[the_request].cancel_wanted ->
                REACHED(CANCEL_CAME_TOO_LATE, "reached: cancel came too late\n")
            :: else
            fi
        :: outcome == exited_badly && stored[the_request].cancel_wanted ->
            stored[the_request].job = canceled
        :: outcome == exited_badly && !stored[the_request].cancel_wanted ->
            if
            :: may_try_again(the_request) ->
                stored[the_request].job = queued;
                stored[the_request].number = number_of_next_try
            :: else ->
                stored[the_request].job = failed;
                if
                :: stored[the_request].number == 1 -> REACHED(GAVE_UP, "reached: gave up\n")
                :: else
                fi
            fi
        :: outcome == ended_by_cancel ->
            stored[the_request].job = canceled;
            REACHED(CANCEL_ENDED_RUN, "reached: cancel ended run\n")
        fi;
        stored[the_request].incarnation = 0;
        result_stored[attempt] = true;
#if MUTATION == NO_T2
        unwritten_start[the_request] = false;
#endif
        commit()
    :: else ->                  /* sent again, because the ACK was lost */
        PROMISE(DISK_TELLS_THE_TRUTH, "broken: a result comes after core gave up on it\n",
            result_stored[attempt]);
        REACHED(RESULT_STORED_BEFORE, "reached: result stored before\n")
    fi;
    if
    :: MUTATION == NO_ACK || MUTATION == ACK_BEFORE_T3
    :: else -> send_to_executor(ACK, attempt, 0)
    fi
}

#if MUTATION == ACK_BEFORE_T3
mtype:standing unwritten_result[ATTEMPTS];

inline write_result(attempt) {
    d_step {
        core_may_act && unwritten_result[attempt] != unknown ->
        take_result(attempt, unwritten_result[attempt]);
        unwritten_result[attempt] = unknown
    }
}
#endif

/* The executor never began it: the attempt is as if it had not been given out, its number free. */
inline take_back(attempt) {
    the_request = request_of(attempt);
    if
    :: stored[the_request].job == started && current_attempt(the_request) == attempt ->
        stored[the_request].incarnation = 0;
        if
        :: stored[the_request].cancel_wanted -> stored[the_request].job = canceled
        :: else -> stored[the_request].job = queued
        fi;
        commit()
    :: else ->
        PROMISE(DISK_TELLS_THE_TRUTH, "broken: what was not started is refused\n", false)
    fi
}

inline settle_unlisted(request) {
    if
    :: stored[request].cancel_wanted ->
        attempts_allowed[request] = stored[request].number;
#if MUTATION != SEND_CANCELED_AGAIN
        stored[request].job = canceled;
        stored[request].incarnation = 0;
#endif
        REACHED(CANCELED_UNLISTED, "reached: canceled, as it was not listed\n")
    :: else -> skip
    fi
}

inline settle_interrupted(request) {
    PROMISE(DISK_TELLS_THE_TRUTH, "broken: given up while its hook lives\n",
        !hook_lives[current_attempt(request)]);
    stored[request].incarnation = 0;
    if
    :: stored[request].cancel_wanted -> stored[request].job = canceled
    :: !stored[request].cancel_wanted && may_try_again(request) ->
        stored[request].job = queued;
        stored[request].number = number_of_next_try
    :: else -> stored[request].job = interrupted
    fi
}

#define is_listed(list, attempt) ((list & (1 << (attempt))) != 0)

/* One transaction; only then the frames. */
inline take_hello(incarnation_said, list, digest_said) {
    core_executor = incarnation_said;
    core_executor_digest = digest_said;
    for (each_attempt : 0 .. ATTEMPTS - 1) {
        PROMISE(DISK_TELLS_THE_TRUTH, "broken: an executor keeps what the disk does not show\n",
            !is_listed(list, each_attempt) || result_stored[each_attempt] ||
                (stored[request_of(each_attempt)].job == started &&
                    current_attempt(request_of(each_attempt)) == each_attempt))
    }
    for (each_request : 0 .. REQUESTS - 1) {
        if
        :: stored[each_request].job == started ->
            if
            :: stored[each_request].incarnation != incarnation_said &&
                MUTATION != SEND_AGAIN_TO_OTHER ->
                settle_interrupted(each_request)
            :: else ->
                if
                :: is_listed(list, current_attempt(each_request)) ->
                    REACHED(ADOPTED, "reached: adopted\n")
                :: else -> settle_unlisted(each_request)
                fi
            fi
        :: else
        fi
    }
    commit();
    for (the_request : 0 .. REQUESTS - 1) {
        if
        :: stored[the_request].job == started ->
            if
            :: is_listed(list, current_attempt(the_request)) ->
                if
                :: stored[the_request].cancel_wanted ->
                    send_to_executor(CANCEL, current_attempt(the_request), 0)
                :: else
                fi
            :: else ->
                REACHED(SENT_AGAIN, "reached: sent again\n");
                if
                :: MUTATION == NEVER_SEND_AGAIN
                :: else -> send_to_executor(START, current_attempt(the_request), core_digest)
                fi
            fi
        :: else
        fi
    }
}

inline read_frame_as_core() {
    d_step {
        core_may_act && nempty(to_core) ->
        to_core?kind, first_field, second_field, third_field;
        if
        :: kind == HELLO -> take_hello(first_field, second_field, third_field)
#if MUTATION == ACK_BEFORE_T3
        :: kind == RESULT ->
            unwritten_result[first_field] = second_field;
            send_to_executor(ACK, first_field, 0)
#else
        :: kind == RESULT -> take_result(first_field, second_field)
#endif
        :: kind == REFUSED ->
            if
            :: MUTATION == IGNORE_REFUSED
            :: else -> take_back(first_field)
            fi
        :: kind == DIGEST -> core_executor_digest = third_field
        :: kind == END_OF_STREAM ->
            core_executor = 0;
            core_executor_digest = 0;
            ends_unread--
        fi
    }
}

proctype core()
{
end:
    do
    :: take_delivery(0)
    :: take_delivery(1)
    :: take_delivery(2)
    :: take_delivery(3)
#if MUTATION == ACK_BEFORE_T3
    :: write_result(0)
    :: write_result(1)
    :: write_result(2)
    :: write_result(3)
#endif
#if MUTATION == JOB_AFTER_T1
    :: write_job(0)
    :: write_job(1)
#elif MUTATION == NO_T1
    :: write_delivery(0)
    :: write_delivery(1)
    :: write_delivery(2)
    :: write_delivery(3)
#else
    :: take_delivery_and_start_job(0)
    :: take_delivery_and_start_job(1)
    :: take_delivery_and_start_job(2)
#endif
    :: start_job(0)
    :: start_job(1)
    :: read_frame_as_core()
#if CANCELS
    :: cancel_job(0)
    :: cancel_job(1)
#if MUTATION == CANCEL_BEFORE_COMMIT
    :: ask_for_cancel(0)
    :: ask_for_cancel(1)
#endif
#endif
#if RETRIES_BY_HAND
    :: retry_job(0)
    :: retry_job(1)
#endif
#if RELOADS
    :: d_step {
        core_may_act && core_digest != configured_digest ->
        core_digest = configured_digest
    }
#endif
    od
}

/* ---- The executor ---------------------------------------------------------------------------- */

inline report(attempt, outcome) {
    known[attempt] = outcome;
    send_to_core(RESULT, attempt, known[attempt], 0);
#if MUTATION == FORGET_BEFORE_ACK
    if
    :: executor_connected -> known[attempt] = unknown
    :: else
    fi
#endif
}

inline begin_hook(attempt) {
    the_request = request_of(attempt);
    PROMISE(RUNS_ONCE, "broken: an attempt runs twice\n", !begun[attempt]);
    PROMISE(ONE_AT_A_TIME, "broken: two attempts of a job live at once\n",
        !hook_lives[2 * the_request] && !hook_lives[2 * the_request + 1]);
    PROMISE(ONLY_APPROVED, "broken: something runs that was not approved\n",
        first_decision[the_request] == approved);
    PROMISE(DISK_TELLS_THE_TRUTH, "broken: something runs that the disk does not show as started\n",
        stored[the_request].job == started && current_attempt(the_request) == attempt &&
            stored[the_request].incarnation == executor_incarnation);
    PROMISE(CANCEL_HOLDS, "broken: something runs that was canceled before\n",
        number_of(attempt) < attempts_allowed[the_request]);
    PROMISE(TRIES_ARE_COUNTED, "broken: tried once more than its hook says\n",
        number_of(attempt) < tries_allowed[the_request]);
    if
    :: number_of(attempt) == 1 -> REACHED(RETRIED, "reached: retried\n")
    :: else
    fi;
#if RELOADS
    if
    :: refused[attempt] -> REACHED(NUMBER_USED_AGAIN, "reached: number used again\n")
    :: else
    fi;
#endif
    begun[attempt] = true;
    hook_lives[attempt] = true;
    known[attempt] = running
}

inline take_start(attempt, digest) {
    if
    :: known[attempt] != unknown ->
        REACHED(SENT_TO_KNOWN, "reached: START for a known attempt\n");
        if
        :: known[attempt] != running -> send_to_core(RESULT, attempt, known[attempt], 0)
        :: else
        fi
    :: known[attempt] == unknown && digest != executor_digest ->
#if RELOADS
        refused[attempt] = true;
#endif
        send_to_core(REFUSED, attempt, 0, 0)
    :: else -> begin_hook(attempt)
    fi
}

inline take_cancel(attempt) {
    if
    :: known[attempt] == running ->
        hook_lives[attempt] = false;
        report(attempt, ended_by_cancel)
    :: known[attempt] == unknown ->
        REACHED(CANCEL_UNKNOWN, "reached: CANCEL of an unknown attempt\n")
    :: else                     /* its result came first */
    fi
}

inline read_frame_as_executor() {
    d_step {
        executor_lives && nempty(to_executor) ->
        to_executor?kind, first_field, second_field, third_field;
        if
        :: kind == START -> take_start(first_field, third_field)
        :: kind == ACK -> known[first_field] = unknown
        :: kind == CANCEL -> take_cancel(first_field)
        fi
    }
}

inline collect_hook(attempt, outcome) {
    d_step {
        executor_lives && hook_lives[attempt] && known[attempt] == running ->
        hook_lives[attempt] = false;
        report(attempt, outcome)
    }
}

#if MUTATION == NO_WAIT_FOR_OLD_HOOKS
#define old_hooks_are_dead true
#else
#define old_hooks_are_dead \
    (!is_orphan(0) && !is_orphan(1) && !is_orphan(2) && !is_orphan(3))
#endif

#if MUTATION == NO_DRAIN_BY_EXECUTOR
#define old_stream_was_read true
#else
#define old_stream_was_read empty(to_executor)
#endif

inline say_hello() {
    d_step {
        executor_lives && core_lives && !executor_connected &&
            old_stream_was_read && old_hooks_are_dead ->
        executor_connected = true;
        attempts_listed = 0;
        for (each_attempt : 0 .. ATTEMPTS - 1) {
            if
            :: known[each_attempt] != unknown ->
                attempts_listed = attempts_listed | (1 << each_attempt)
            :: else
            fi
        }
        frame_count = len(to_core);
        send_to_core(HELLO, executor_incarnation, attempts_listed, executor_digest);
#if MUTATION == NO_DRAIN_BY_CORE
        for (each_frame : 1 .. frame_count) {
            to_core?kind, first_field, second_field, third_field;
            if
            :: kind == END_OF_STREAM -> ends_unread--; core_executor = 0
            :: kind == HELLO
            :: else -> to_core!kind, first_field, second_field, third_field
            fi
        }
#endif
        for (each_attempt : 0 .. ATTEMPTS - 1) {
            if
            :: known[each_attempt] != unknown && known[each_attempt] != running &&
                MUTATION != NO_RESULT_AGAIN ->
                REACHED(RESULT_OUTLIVED_CORE, "reached: result outlived core\n");
                report(each_attempt, known[each_attempt])
            :: else
            fi
        };
        skip
    }
}

proctype executor()
{
end:
    do
    :: read_frame_as_executor()
    :: collect_hook(0, exited_well)
    :: collect_hook(1, exited_well)
    :: collect_hook(2, exited_well)
    :: collect_hook(3, exited_well)
    :: collect_hook(0, exited_badly)
    :: collect_hook(2, exited_badly)
#if FAILS_AGAIN
    :: collect_hook(1, exited_badly)
    :: collect_hook(3, exited_badly)
#endif
    :: say_hello()
#if RELOADS
    :: d_step {
        executor_lives && executor_digest != configured_digest ->
        executor_digest = configured_digest;
        send_to_core(DIGEST, 0, 0, executor_digest)
    }
#endif
    od
}

/* ---- The supervisor -------------------------------------------------------------------------- */

inline start_core() {
    d_step {
        supervisor_lives && !core_lives ->
        core_lives = true;
        core_digest = configured_digest;
#if POWER_CUTS
        core_must_leave = false;
#if MUTATION != NO_CHECKPOINT
        copy_records(synced, stored);
        disk = in_order;
#endif
#endif
        for (each_request : 0 .. REQUESTS - 1) {
            PROMISE(NOTHING_LOST, "broken: an acknowledged decision is lost\n",
                !is_acknowledged(each_request) ||
                    (stored[each_request].decision != undecided &&
                        stored[each_request].decision == first_decision[each_request]))
        };
        skip
    }
}

inline start_executor() {
    d_step {
        supervisor_lives && !executor_lives ->
        executor_lives = true;
        executor_incarnation++;
        executor_digest = configured_digest
    }
}

/* An old hook ends by itself, or is killed as rule 9 says. */
inline end_orphan(attempt) {
    d_step {
        is_orphan(attempt) ->
        hook_lives[attempt] = false;
        REACHED(OLD_HOOK_LEFT, "reached: old hook left\n")
    }
}

proctype supervisor()
{
end:
    do
    :: start_core()
    :: start_executor()
    :: d_step { !supervisor_lives && !core_lives && !executor_lives -> supervisor_lives = true }
    :: end_orphan(0)
    :: end_orphan(1)
    :: end_orphan(2)
    :: end_orphan(3)
#if RELOADS
    :: d_step { supervisor_lives && reloads_left > 0 -> reloads_left--; configured_digest = 1 }
#endif
    od
}

/* ---- Crashes --------------------------------------------------------------------------------- */

inline lose_answers() {
    answer_underway[0] = false;
    answer_underway[1] = false;
    answer_underway[2] = false;
    answer_underway[3] = false
}

inline forget_core(frames_sent) {
    core_lives = false;
    core_digest = 0;
    core_executor = 0;
    core_executor_digest = 0;
    cut_stream(to_core, 0);
    ends_unread = 0;
    if
    :: executor_connected -> cut_stream(to_executor, frames_sent)
    :: else                     /* what is in it belongs to an older stream, and was cut before */
    fi;
    executor_connected = false;
    lose_answers();
#if MUTATION == NO_T1
    for (each_delivery : 0 .. DELIVERIES - 1) {
        unwritten_delivery[each_delivery] = false
    };
#endif
#if MUTATION == JOB_AFTER_T1
    unwritten_job[0] = false;
    unwritten_job[1] = false;
#endif
#if MUTATION == NO_T2
    for (each_request : 0 .. REQUESTS - 1) {
        if
        :: unwritten_start[each_request] ->
            unwritten_start[each_request] = false;
            stored[each_request].job = queued;
            stored[each_request].incarnation = 0
        :: else
        fi
    };
#endif
#if MUTATION == ACK_BEFORE_T3
    for (each_attempt : 0 .. ATTEMPTS - 1) {
        unwritten_result[each_attempt] = unknown
    };
#endif
#if MUTATION == CANCEL_BEFORE_COMMIT
    unwritten_cancel[0] = false;
    unwritten_cancel[1] = false;
#endif
    frames_sent = 0
}

/* Of what core was sending some may have been sent: any number of the first frames. */
inline core_dies(frames_sent) {
    do
    :: executor_connected && frames_sent < len(to_executor) -> frames_sent++
    :: break
    od;
    d_step { forget_core(frames_sent) }
}

/* Sets the count of those frames in core's stream that end with the last old stream's end. */
inline count_old_frames(old_frames) {
    frame_count = len(to_core);
    for (each_frame : 1 .. frame_count) {
        to_core?kind, first_field, second_field, third_field;
        if
        :: kind == END_OF_STREAM -> old_frames = each_frame
        :: else
        fi;
        to_core!kind, first_field, second_field, third_field
    }
}

inline forget_executor(frames_sent) {
    if
    :: executor_connected ->
        cut_stream(to_core, frames_sent);
        assert(nfull(to_core));
        to_core!END_OF_STREAM, 0, 0, 0;
        ends_unread++
    :: else
    fi;
    executor_lives = false;
    executor_connected = false;
    executor_digest = 0;
    cut_stream(to_executor, 0);
    for (each_attempt : 0 .. ATTEMPTS - 1) {
        known[each_attempt] = unknown
    }
    frames_sent = 0
}

inline executor_dies(frames_sent) {
    d_step { count_old_frames(frames_sent); frame_count = 0 };
    do
    :: executor_connected && frames_sent < len(to_core) -> frames_sent++
    :: break
    od;
    d_step { forget_executor(frames_sent) }
}

/* Both ends live on. Each reads what had been written, and then the end. */
inline stream_breaks(frames_to_core, frames_to_executor) {
    d_step { count_old_frames(frames_to_core); frame_count = 0 };
    do
    :: frames_to_core < len(to_core) -> frames_to_core++
    :: frames_to_executor < len(to_executor) -> frames_to_executor++
    :: break
    od;
    d_step {
        executor_connected = false;
        cut_stream(to_executor, frames_to_executor);
        cut_stream(to_core, frames_to_core);
        assert(nfull(to_core));
        to_core!END_OF_STREAM, 0, 0, 0;
        ends_unread++;
        frames_to_core = 0;
        frames_to_executor = 0
    }
}

inline end_hooks_of_executor() {
    for (each_attempt : 0 .. ATTEMPTS - 1) {
        if
        :: known[each_attempt] == running -> hook_lives[each_attempt] = false
        :: else
        fi
    }
}

#if POWER_CUTS
inline cut_power(frames_sent) {
    forget_core(frames_sent);
    forget_executor(frames_sent);
    supervisor_lives = false;
    for (each_attempt : 0 .. ATTEMPTS - 1) {
        hook_lives[each_attempt] = false
    }
    copy_records(stored, synced);
    for (each_request : 0 .. REQUESTS - 1) {
        if
        :: is_acknowledged(each_request)
        :: else -> first_decision[each_request] = stored[each_request].decision
        fi
    }
    disk = in_order;
    core_must_leave = false
}
#endif

proctype fate()
{
    byte frames_sent, frames_sent_back;

end:
    do
    :: atomic { crashes_left > 0 && core_lives -> crashes_left--; core_dies(frames_sent) }
    :: atomic { crashes_left > 0 && executor_lives -> crashes_left--; executor_dies(frames_sent) }
    :: d_step { crashes_left > 0 && supervisor_lives -> crashes_left--; supervisor_lives = false }
    :: d_step {
        crashes_left > 0 && (answer_underway[0] || answer_underway[1] || answer_underway[2] ||
            answer_underway[3]) ->
        crashes_left--;
        lose_answers()
    }
    :: atomic {
        crashes_left > 0 && executor_connected ->
        crashes_left--;
        stream_breaks(frames_sent, frames_sent_back)
    }
    /* All end when the supervisor has ended. */
    :: atomic { !supervisor_lives && core_lives -> core_dies(frames_sent) }
    :: atomic {
        !supervisor_lives && executor_lives ->
        d_step { end_hooks_of_executor(); frame_count = 0 };
        executor_dies(frames_sent)
    }
#if POWER_CUTS
    :: atomic { core_lives && core_must_leave -> core_dies(frames_sent) }
    :: d_step { sync_faults_left > 0 && disk == in_order ->
        sync_faults_left--;
        disk = next_sync_fails }
    :: d_step { power_cuts_left > 0 -> power_cuts_left--; cut_power(frames_sent) }
#endif
    od
}

/* ---- Start and end --------------------------------------------------------------------------- */

inline choose_up_to(count, most) {
    do
    :: count < most -> count++
    :: break
    od
}

init {
    atomic {
        d_step {
            for (each_request : 0 .. REQUESTS - 1) {
                stored[each_request].decision = undecided;
                stored[each_request].job = no_job;
                first_decision[each_request] = undecided;
                attempts_allowed[each_request] = 2;
                tries_allowed[each_request] = (each_request == 0 -> 2 : 1)
            }
            for (each_attempt : 0 .. ATTEMPTS - 1) {
                known[each_attempt] = unknown;
#if MUTATION == ACK_BEFORE_T3
                unwritten_result[each_attempt] = unknown
#endif
            }
            supervisor_lives = true;
#if POWER_CUTS
            copy_records(synced, stored);
            disk = in_order;
#endif
        }
        choose_up_to(crashes_left, CRASHES);
        choose_up_to(reloads_left, RELOADS);
        choose_up_to(cancels_left, CANCELS);
        choose_up_to(retries_by_hand_left, RETRIES_BY_HAND);
#if POWER_CUTS
        choose_up_to(power_cuts_left, POWER_CUTS);
        choose_up_to(sync_faults_left, POWER_CUTS);
#endif
        run service();
        run core();
        run executor();
        run supervisor();
        run fate()
    }

    timeout ->                  /* the crashes have stopped, and nothing is left to do */
    d_step {
        PROMISE(COMES_TO_AN_END, "broken: a delivery is never acknowledged\n",
            acknowledged[0] && acknowledged[2] &&
                (DELIVERIES_EACH == 1 || (acknowledged[1] && acknowledged[3])));
        for (each_request : 0 .. REQUESTS - 1) {
            PROMISE(NOTHING_LOST, "broken: an acknowledged decision is not the one that stands\n",
                stored[each_request].decision == first_decision[each_request]);
            PROMISE(NOTHING_LOST, "broken: approved, and no job of it\n",
                stored[each_request].decision != approved || stored[each_request].job != no_job);
            PROMISE(COMES_TO_AN_END, "broken: a job is left unfinished\n",
                stored[each_request].job == no_job || has_ended(each_request))
        }
        PROMISE(COMES_TO_AN_END, "broken: the executor remembers an attempt for ever\n",
            known[0] == unknown && known[1] == unknown && known[2] == unknown &&
                known[3] == unknown);
        PROMISE(COMES_TO_AN_END, "broken: frames are left unread, or a hook alive\n",
            len(to_core) == 0 && len(to_executor) == 0 && !hook_lives[0] && !hook_lives[1] &&
                !hook_lives[2] && !hook_lives[3]);
        if
        :: stored[0].job == succeeded && stored[1].job == succeeded ->
            REACHED(ALL_SUCCEEDED, "reached: all succeeded\n")
        :: stored[1].job == interrupted -> REACHED(HELD, "reached: held\n")
        :: else
        fi
    }
}
