#!/bin/bash
# Runs test binaries (programs that use Check), all of them, and sums what they say.
#   run-tests.sh [-j N] [-l SECONDS] [-o LOG_DIR] [-w WRAPPER] BINARY...
#   run-tests.sh -t RESULTS       prints the sum of what earlier calls added to RESULTS
#   -j N        so many at once (1)
#   -l SECONDS  the time that each binary has (300)
#   -o LOG_DIR  where logs and reports go (a directory that is removed at the end)
#   -w WRAPPER  a command to run each binary under, as in "valgrind -q --log-file=@REPORTS@/%p"; @REPORTS@, in it and in
#               ASSENT_TEST_WRAPPER (what the tests run the daemon under), is a directory that shall stay empty
# Each binary prints at least one line "N%: Checks: N, Failures: N, Errors: N". One that fails without having counted a
# failure (a crash, a time-out, no such line, a report of a sanitizer) counts as one failure.
# ASSENT_RESULTS=FILE: "PASSED FAILED" is added to it. Ends with the line "N passed, N failed".
set -eu
: "${ASSENT_TEST_WRAPPER=}"
# For tests that say nothing themselves. The 4 s that Check gives are gone quickly on a busy machine, or in a sanitizer.
export CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-60}

total() {
    awk '{ passed += $1; failed += $2 } END { printf "%d passed, %d failed\n", passed, failed; exit (failed > 0) }' "$@"
}

jobs=1 limit=300 logs='' wrapper=()
while getopts j:l:o:w:t: option; do
    case $option in
    j) jobs=$OPTARG ;;
    l) limit=$OPTARG ;;
    o) logs=$OPTARG ;;
    w) read -ra wrapper <<<"$OPTARG" ;;
    t) touch "$OPTARG" && total "$OPTARG" && exit || exit ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))

scratch=$(mktemp -d)
# Bash starts background jobs deaf to Ctrl-C, and timeout moves its child to a process group of its own: so they are told.
stop() {
    local pids
    pids=$(jobs -p)
    # shellcheck disable=SC2086 # one word for each process
    [ -z "$pids" ] || { kill $pids && wait; } 2>/dev/null || true
    rm -rf "$scratch"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

logs=${logs:-$scratch}
mkdir -p "$logs"
logs=$(cd "$logs" && pwd)

run_one() {
    local binary=$1 name log reports status=0 start=${EPOCHREALTIME/./} passed failed took why=''
    name=$(basename "$binary")
    log=$logs/$name.log
    reports=$logs/$name.reports
    rm -rf "$reports"
    mkdir -p "$reports"
    # The daemon's roles are processes whose stderr and exit status a test may never see: their sanitizers and valgrind
    # write to files, and a file that is there is a failure.
    ASAN_OPTIONS="${ASAN_OPTIONS-}:log_path=$reports/asan" \
        UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS-}:log_path=$reports/ubsan" \
        TSAN_OPTIONS="second_deadlock_stack=1:${TSAN_OPTIONS-}:log_path=$reports/tsan" \
        ASSENT_TEST_WRAPPER="${ASSENT_TEST_WRAPPER//@REPORTS@/$reports}" \
        timeout -k 10 "$limit" "${wrapper[@]//@REPORTS@/$reports}" "$binary" >"$log" 2>&1 </dev/null &
    # shellcheck disable=SC2064 # this child
    trap "kill $! 2>/dev/null && wait; exit 143" INT TERM
    # What bash itself says of a child that a signal ended is said below.
    wait $! 2>/dev/null || status=$?
    trap - INT TERM
    # Valgrind's own troubles (a system call that it does not know) begin with "--", what it found with "==".
    find "$reports" -type f ! -exec grep -qv '^--' {} \; -delete

    read -r passed failed < <(awk -F '[^0-9]+' '/^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/ {
        n += $2; bad += $3 + $4 } END { print n - bad, bad + 0 }' "$log")
    if [ "$status" = 124 ] || [ "$status" = 137 ]; then
        why="not done after $limit s"
    elif [ "$status" -gt 128 ]; then
        why="killed by SIG$(kill -l $((status - 128)))"
    elif [ "$status" != 0 ]; then
        why="exit status $status"
    elif [ -n "$(ls -A "$reports")" ]; then
        why='sanitizer or valgrind reports'
    elif [ $((passed + failed)) = 0 ]; then
        why='no checks counted'
    fi
    [ -z "$why" ] || [ "$failed" -gt 0 ] || failed=1
    echo "$passed $failed" >>"$scratch/counts"

    took=$((${EPOCHREALTIME/./} - start))
    printf -v took '%d.%02d s' $((took / 1000000)) $((took / 10000 % 100))
    # One printf, so that the lines of tests that run at once do not mix.
    if [ "$failed" = 0 ]; then
        printf '  ok      %-32s %5d checks %10s\n' "$name" "$passed" "$took"
    else
        printf '  FAILED  %-32s %5d checks %10s  %d failed%s\n%s\n' "$name" $((passed + failed)) "$took" "$failed" \
            "${why:+, $why}" "$(cat "$log" "$reports"/* 2>/dev/null | tail -n 400 | sed 's/^/    | /')"
    fi
    [ -n "$(ls -A "$reports")" ] || rmdir "$reports"
}

running=0
touch "$scratch/counts"
for binary; do
    if [ "$running" -ge "$jobs" ]; then
        wait -n
        running=$((running - 1))
    fi
    run_one "$binary" &
    running=$((running + 1))
done
wait
[ -z "${ASSENT_RESULTS-}" ] || cat "$scratch/counts" >>"$ASSENT_RESULTS"
total "$scratch/counts"
