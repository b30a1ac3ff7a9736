#!/bin/bash
# Searches protocol.pml exhaustively, and shows that the search has teeth:
#
#   holds    the protocol as it is: every promise holds in every reachable state
#   ends     the same, and there is no infinite run
#   breaks   one thing done wrong: just the promise that should notice it is checked, and notices
#   reaches  something interesting happens somewhere in the search
#
# usage: check.sh [--deep]
#   --deep adds all faults and changes at once (minutes, 3 GB).
# Environment: CC, JOBS (how many searches at once; the number of processors).

set -eu

model=$(cd "$(dirname "$0")" && pwd)/protocol.pml
jobs=${JOBS:-$(nproc)}
work=$(mktemp -d "${TMPDIR:-/tmp}/assent-model.XXXXXX")
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

for tool in spin "${CC:-cc}"; do
    if ! command -v "$tool" >"$work/where"; then
        echo "check.sh: $tool is missing" >&2
        exit 1
    fi
done

# search DIRECTORY FLAGS-OF-SPIN PROPERTY(-DSAFETY or -DNP) EXPECTATION: writes DIRECTORY/report.
search() {
    local run=(./pan -m10000) optimize=-O1
    if [ "$4" = holds ]; then
        optimize=-O2            # the other searches are shorter than their compilation
    fi
    if [ "$3" = -DNP ]; then
        run+=(-l)
    fi
    mkdir "$1"
    cd "$1"
    # shellcheck disable=SC2086 # the flags are words
    spin -a $2 "$model" >log 2>&1 &&
        "${CC:-cc}" -w "$optimize" "$3" -DCOLLAPSE -DPRINTF -DMEMLIM=4000 -o pan pan.c >>log 2>&1 &&
        "${run[@]}" >report 2>&1
}

# judge REPORT EXPECTATION: prints the verdict, "ok" or what is wrong.
judge() {
    local found
    if ! grep -q 'errors: ' "$1"; then
        echo "NOT RUN TO ITS END"
        return
    fi
    if [ "$2" = holds ]; then
        found=$(grep -m1 '^broken: ' "$1" || grep -m1 '^pan:1: ' "$1" || true)
        if [ -n "$found" ] || ! grep -q 'errors: 0$' "$1"; then
            echo "WRONG, ${found:-an error}"
        elif grep -Eq 'not completed|depth too small|memory limit|out of memory' "$1"; then
            echo "NOT SEARCHED TO ITS END"
        else
            echo ok
        fi
    elif grep -qxF "$2" "$1" || { [ "$2" = cycle ] && grep -q 'non-progress cycle' "$1"; }; then
        echo "ok, $2"
    else
        echo "NOT FOUND, $2"
    fi
}

# check NAME FLAGS PROPERTY EXPECTATION: one line of the table, in the file of that line's number.
check() {
    local directory=$work/$line states seconds
    search "$directory" "$2" "$3" "$4" || true
    touch "$directory/report"
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$directory/report")
    seconds=$(sed -n 's/^pan: elapsed time \([0-9.e+-]*\) seconds/\1/p' "$directory/report")
    printf '%-62s %10s %8s  %s\n' "$1" "${states:--}" "${seconds:--}" \
        "$(judge "$directory/report" "$4")" >"$work/line.$line"
    rm -f "$directory/pan" "$directory"/pan.?
}

# Numbers the lines in the order in which they are to be printed, and runs `jobs` of them at once.
line=100
start() {
    line=$((line + 1))
    while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do
        wait -n || true
    done
    check "$@" &
}

holds() {
    start "holds: $1" "$2" -DSAFETY holds
}

ends() {
    start "ends: $1" "$2" -DNP holds
}

# breaks MUTATION PROMISE BOUNDS EXPECTATION
breaks() {
    start "breaks: $1" "-DMUTATION=$1 -DONLY=$2 $3" -DSAFETY "broken: $4"
}

reaches() {
    start "reaches: $1" "-DPROBE=$1 $2" -DSAFETY "reached: $3"
}

holds "2 crashes" "-DCRASHES=2"
holds "3 crashes, 1 delivery each" "-DCRASHES=3 -DDELIVERIES_EACH=1"
holds "2 crashes, any try fails, retry by hand, 1 delivery each" \
    "-DCRASHES=2 -DFAILS_AGAIN=1 -DRETRIES_BY_HAND=1 -DDELIVERIES_EACH=1"
holds "2 crashes, reload, 1 delivery each" "-DCRASHES=2 -DRELOADS=1 -DDELIVERIES_EACH=1"
holds "2 crashes, cancel, 1 delivery each" "-DCRASHES=2 -DCANCELS=1 -DDELIVERIES_EACH=1"
holds "1 crash, reload, cancel, 1 delivery each" \
    "-DCRASHES=1 -DRELOADS=1 -DCANCELS=1 -DDELIVERIES_EACH=1"
holds "1 crash, failed sync, power cut, 1 delivery each" \
    "-DCRASHES=1 -DPOWER_CUTS=1 -DDELIVERIES_EACH=1"
ends "1 crash" "-DCRASHES=1"
ends "1 crash, reload, 1 delivery each" "-DCRASHES=1 -DRELOADS=1 -DDELIVERIES_EACH=1"
ends "1 crash, cancel, 1 delivery each" "-DCRASHES=1 -DCANCELS=1 -DDELIVERIES_EACH=1"
if [ "${1:-}" = --deep ]; then
    holds "2 crashes, reload, cancel, 1 delivery each" \
        "-DCRASHES=2 -DRELOADS=1 -DCANCELS=1 -DDELIVERIES_EACH=1"
    holds "3 crashes" "-DCRASHES=3"
fi

breaks NO_T1 NOTHING_LOST "-DCRASHES=1" "an acknowledged decision is lost"
breaks JOB_AFTER_T1 NOTHING_LOST "-DCRASHES=1" "approved, and no job of it"
breaks RUN_DUPLICATES RUNS_ONCE "-DCRASHES=0" "an attempt runs twice"
breaks LAST_DECISION_WINS ONLY_APPROVED "-DCRASHES=0" "something runs that was not approved"
breaks NO_T2 RUNS_ONCE "-DCRASHES=1" "an attempt runs twice"
breaks IGNORE_REFUSED COMES_TO_AN_END "-DCRASHES=0 -DRELOADS=1" "a job is left unfinished"
breaks FORGET_BEFORE_ACK RUNS_ONCE "-DCRASHES=1" "an attempt runs twice"
breaks ACK_BEFORE_T3 RUNS_ONCE "-DCRASHES=1" "an attempt runs twice"
breaks NO_ACK COMES_TO_AN_END "-DCRASHES=0" "the executor remembers an attempt for ever"
breaks NO_DRAIN_BY_CORE DISK_TELLS_THE_TRUTH "-DCRASHES=1" \
    "a result comes after core gave up on it"
breaks NO_DRAIN_BY_EXECUTOR CANCEL_HOLDS "-DCRASHES=1 -DCANCELS=1" \
    "something runs that was canceled before"
breaks NO_RESULT_AGAIN COMES_TO_AN_END "-DCRASHES=1" "a job is left unfinished"
breaks NEVER_SEND_AGAIN COMES_TO_AN_END "-DCRASHES=1" "a job is left unfinished"
breaks SEND_AGAIN_TO_OTHER RUNS_ONCE "-DCRASHES=1" "an attempt runs twice"
breaks NO_WAIT_FOR_OLD_HOOKS ONE_AT_A_TIME "-DCRASHES=1" "two attempts of a job live at once"
breaks NO_CHECKPOINT NOTHING_LOST "-DCRASHES=0 -DPOWER_CUTS=1" "an acknowledged decision is lost"
breaks CANCEL_BEFORE_COMMIT CANCEL_HOLDS "-DCRASHES=1 -DCANCELS=1" \
    "something runs that was canceled before"
breaks SEND_CANCELED_AGAIN CANCEL_HOLDS "-DCRASHES=1 -DCANCELS=1" \
    "something runs that was canceled before"
breaks SAME_NUMBER_AGAIN RUNS_ONCE "-DCRASHES=0" "an attempt runs twice"
breaks RETRY_WITHOUT_COUNT TRIES_ARE_COUNTED "-DCRASHES=0" "tried once more than its hook says"
breaks RESULT_OF_ANY_ATTEMPT DISK_TELLS_THE_TRUTH "-DCRASHES=1 -DDELIVERIES_EACH=1" \
    "a result comes after core gave up on it"
start "breaks: START_WHERE_DIGESTS_DIFFER" \
    "-DMUTATION=START_WHERE_DIGESTS_DIFFER -DCRASHES=0 -DRELOADS=1" -DNP cycle

reaches RETRIED "-DCRASHES=1" "retried"
reaches GAVE_UP "-DCRASHES=0 -DFAILS_AGAIN=1" "gave up"
reaches HELD "-DCRASHES=1" "held"
reaches ADOPTED "-DCRASHES=1" "adopted"
reaches SENT_AGAIN "-DCRASHES=1" "sent again"
reaches RESULT_OUTLIVED_EXECUTOR "-DCRASHES=1" "result outlived executor"
reaches RESULT_STORED_BEFORE "-DCRASHES=1" "result stored before"
reaches NUMBER_USED_AGAIN "-DCRASHES=0 -DRELOADS=1" "number used again"
wait

printf '%-62s %10s %8s  %s\n' search states seconds verdict
cat "$work"/line.*
if [ "$(cat "$work"/line.* | wc -l)" -ne $((line - 100)) ] ||
    [ "$(cat "$work"/line.* | grep -c '  ok\(, .*\)\?$')" -ne $((line - 100)) ]; then
    echo "check.sh: the model is not as it should be" >&2
    exit 1
fi
