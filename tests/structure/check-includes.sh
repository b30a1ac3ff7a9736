#!/bin/sh
# Proves from the sources who may know whom (docs/ARCHITECTURE.md), and what is called nowhere.
#   check-includes.sh [DIR]         checks DIR/src and DIR/include, lists what it finds, fails if there is anything
#   check-includes.sh --self-test   makes trees with one fault each, and sees that each is found
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
self=$root/tests/structure/check-includes.sh
rules=$root/tests/structure/includes.awk

check() {
    files=$(cd "$1" && find src include -type f -name '*.[ch]' 2>/dev/null | sort)
    if [ -z "$files" ]; then
        echo "no sources yet"
        return
    fi
    # shellcheck disable=SC2086 # one word for each file: names hold no spaces
    (cd "$1" && awk -f "$rules" $files)
}

# plant PATH LINE...: a tree with what must be allowed, and one file more.
plant() {
    rm -rf "$tree"
    mkdir -p "$tree/src/base" "$tree/src/domain" "$tree/src/gate" "$tree/src/core" "$tree/src/ctl" "$tree/include/assent/base"
    printf '%s\n' '#include <time.h>' >"$tree/include/assent/base/buf.h"
    # shellcheck disable=SC2028 # C's escapes
    printf '%s\n' '#include "assent/domain/event.h"' '#include "assent/base/buf.h"' '/* system("x"); ' \
        '#include "assent/core/store.h" */' '// gets(x)' 'f("strcpy(\"", '"'\"'"'); /* a */ snprintf(x);' \
        'gate_system(1); a->system(2);' >"$tree/src/domain/event.c"
    printf '%s\n' '#include <microhttpd.h>' '#include "assent/gate/gate.h"' '#include "assent/config/config.h"' \
        >"$tree/src/gate/listen.c"
    printf '%s\n' '#include <gnutls/gnutls.h>' >"$tree/src/gate/encrypt.c"
    printf '%s\n' '#include <sqlite3.h>' '#include <curl/curl.h>' >"$tree/src/core/store.c"
    printf '%s\n' '#include <sqlite3.h>' >"$tree/src/core/store_vfs.c"
    printf '%s\n' '#include <curl/curl.h>' '#include "assent/ctl/test.h"' >"$tree/src/ctl/test.c"
    printf '%s\n' '#include "assent/gate/gate.h"' '#include "assent/core/core.h"' >"$tree/src/main.c"
    [ $# = 0 ] || {
        file=$tree/$1
        shift
        mkdir -p "$(dirname "$file")"
        printf '%s\n' "$@" >>"$file"
    }
}

# must_find TEXT PATH LINE...: with these lines in PATH, TEXT is reported, for PATH, and nothing else is.
must_find() {
    text=$1
    shift
    plant "$@"
    if found=$("$self" "$tree"); then
        echo "self-test: not found in $*" && exit 1
    fi
    case $found in
    "$1:"*"$text"*"
1 faults"*) ;;
    *) echo "self-test: expected \"$text\" for $*, got: $found" && exit 1 ;;
    esac
    kinds=$((kinds + 1))
}

self_test() {
    tree=$(mktemp -d)
    trap 'rm -rf "$tree"' EXIT
    kinds=0
    plant
    if ! found=$("$self" "$tree"); then
        echo "self-test: found in a tree without faults: $found" && exit 1
    fi
    must_find 'gate may not include' src/gate/a.c '#include "assent/core/store.h"'
    must_find 'gate may not include' include/assent/gate/a.h '  #  include <assent/runner/run.h>'
    must_find 'core may not include' src/core/a.c '#include "assent/gate/gate.h"'
    must_find 'ctl may not include' src/ctl/a.c '#include "assent/core/core.h"'
    must_find 'domain may not include' src/domain/a.c '#include "assent/config/config.h"'
    must_find 'base may not include' include/assent/base/a.h '#include "assent/domain/event.h"'
    must_find 'config may not include' src/config/a.c '#include "assent/core/core.h"'
    must_find 'not ../core/store.h' src/gate/a.c '#include "../core/store.h"'
    must_find 'by macro' src/gate/a.c '#include HEADER'
    must_find 'in no folder' src/util/a.c 'int x;'
    must_find 'in no folder' src/a.c 'int x;'
    must_find 'microhttpd.h is already' src/gate/m.c '#include <microhttpd.h>'
    must_find 'sqlite3.h is already' src/core/t.c '#include <sqlite3.h>'
    must_find 'sqlite3.h (as a vfs) is already' src/core/u_vfs.c '#include <sqlite3.h>'
    must_find 'gnutls is already' src/gate/t.c '#include <gnutls/x509.h>'
    must_find 'curl is already' src/core/t.c '#include <curl/multi.h>'
    must_find 'curl (in ctl) is already' src/ctl/u.c '#include <curl/curl.h>'
    for header in check.h tests/support/daemon.h; do
        must_find 'only tests use' src/core/a.c "#include <$header>"
    done
    must_find 'only tests use' src/core/test_store.c 'int x;'
    must_find 'only tests use' src/core/store_mock.c 'int x;'
    for call in 'sprintf(x)' 'y = vsprintf (x)' 'strcpy(x)' '"x", strcat(x)' '(void)system(x)' 'if (!popen(x))' \
        'atoi(x)' '/* x */ gets(x)'; do
        must_find 'unsafe call' src/gate/a.c "$call"
    done
    for header in unistd.h fcntl.h sys/socket.h assent/base/log.h assent/base/clock.h; do
        must_find 'domain is pure, and may not include' src/domain/a.c "#include <$header>"
    done
    for call in 'time(NULL)' 'clock_gettime(x)' 'fopen(x)' 'printf(x)' 'getenv(x)'; do
        must_find 'domain is pure, and may not call' src/domain/a.c "$call"
    done
    must_find 'has no files' include/assent/domain/a.h 'void print(FILE *out);'

    plant
    mkdir -p "$tree/src/runner"
    echo '#include <seccomp.h>' | tee "$tree/src/base/jail.c" >"$tree/src/runner/jail.c"
    if "$self" "$tree" >"$tree/found" || ! grep -q '^src/runner/jail.c:1: seccomp.h is already' "$tree/found"; then
        echo 'self-test: not found: a second user of seccomp.h' && exit 1
    fi

    plant
    { echo 'int long_one(void)'; echo '{'; seq -f 'x = %g;' 81; echo '}'; } >"$tree/src/core/long.c"
    if ! "$self" "$tree" | grep -q '^note: src/core/long.c:2: 81 lines: int long_one(void)$'; then
        echo 'self-test: not noted: a function of 81 lines' && exit 1
    fi
    echo "includes and calls: all $((kinds + 2)) faults that were planted were found"
}

case ${1-} in
--self-test) self_test ;;
*) check "${1-$root}" ;;
esac
