#!/bin/bash
# check-examples.sh: what the documents show is true. In a directory that stands for /, and as the user that it is started by:
#   README.md   its blocks in order: ini is written to assentd.conf, sh is run, with a real daemon; http and text are shown only;
#               what stands in front of assentd, or is another [server], is for examples-front.sh
#   docs/*.scd  blocks that begin with [ are configurations, with {" a webhook in each line, with sudo or assentctl commands, and
#               the one that begins with a { of its own is what programs get
#   config/     demo.conf is right as it stands; those in examples/ are, each alone and all together, in a conf.d
# What cannot be had here is put in its place below, in `the machine of the reader`; there is nothing else that is not run.
set -euo pipefail
cd "$(dirname "$0")/../.."
source=$PWD

work=$(mktemp -d /tmp/assentd-examples.XXXXXX)
root=$work/root
daemon='' front=''
mkdir -p "$root/etc/assentd" "$root/run/assentd" "$root/var/lib" "$root/var/backups" "$work/blocks"
end() {
    [ -z "$front" ] || { kill "$front" && wait "$front"; } 2>/dev/null || true
    [ -z "$daemon" ] || { kill -CONT "$daemon" && kill "$daemon" && wait "$daemon"; } 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
exec 3>&1
fail() {
    printf 'check-examples: %s\n' "$*" >&3
    [ ! -s "$work/log" ] || tail -n 10 "$work/log" >&3
    exit 1
}

port=$((20000 + RANDOM % 12000))
while (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    port=$((20000 + RANDOM % 12000))
done

# rewritten FILE: paths below $root, a port that is free, a group and an address that this machine has.
rewritten() {
    sed -E "s#(^|[] =:\"'(>|])/(etc|run|var|usr/local)/#\1$root/\2/#g
        s#127\.0\.0\.1:8787#127.0.0.1:$port#g
        s#https://[a-z]+\.example\.com#http://127.0.0.1:9#g
        s#^(socket_group =) .*#\1 $(id -gn)#" "$1"
}

# files_for FILE [DIRECTORY]: makes what a configuration names and nobody has made: programs, directories, secrets, texts,
# certificates. Relative names are those of files in DIRECTORY, or else beside it.
files_for() {
    local key name directory
    directory=${2-$(dirname "$1")}
    while read -r name; do
        mkdir -p "$(dirname "$name")"
        [ -e "$name" ] || printf '#!/bin/sh\necho "did it: $*"\n' >"$name"
        chmod 755 "$name"
    done < <(grep -oE "$root/usr/local/lib/[a-z/-]+" "$1")
    while read -r key _ name; do
        case $name in /*) ;; *) name=$directory/$name ;; esac
        case $key in
        workdir) mkdir -p "$name" ;;
        tls_ca) [ -e "$name" ] || openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=test -keyout /dev/null -out "$name" \
            2>/dev/null ;;
        body_file) [ -e "$name" ] || echo '{"id": "{request_id}"}' >"$name" ;;
        *) [ -e "$name" ] || (umask 077 && openssl rand -hex 16 >"$name") ;;
        esac
    done < <(grep -E '^(secret_file|bearer_file|api_key_file|body_file|tls_ca|workdir) *= *' "$1")
}

# ---- the machine of the reader -----------------------------------------------------------------------------------------

export PATH=$root/usr/local/bin:$root/usr/local/sbin:$PATH
export ASSENT_SOCKET=$root/run/assentd/control.sock ASSENT_CONFIG=$root/etc/assentd/assentd.conf
unit=$root/usr/local/lib/systemd/system/assentd.service

# sudo [NAME=VALUE] COMMAND...
sudo() {
    if [[ $1 = *=* ]]; then env "$@"; else "$@"; fi
}

# The demo and the checks are not run within the checks. What is installed, is installed below $root.
make() {
    case ${1-all} in
    demo | check) grep -q "^$1:" "$source/Makefile" ;;
    *) ASSENT_NO_INSTALL=1 command make --no-print-directory -C "$source" "$@" DESTDIR="$root" >"$work/make" 2>&1 ||
        fail "make $*: $(tail -n 20 "$work/make")" ;;
    esac
}

# The user that the unit names; files here are our own.
useradd() {
    grep -qx "User=${!#}" "$unit"
}
install() {
    local arguments=()
    while [ $# -gt 0 ]; do
        case $1 in
        -g | -o) shift ;;
        *) arguments+=("$1") ;;
        esac
        shift
    done
    command install "${arguments[@]}"
}

assentd() {
    command assentd -c "$ASSENT_CONFIG" "$@"
}

# Readers are slower than hooks.
assentctl() {
    local jobs
    for _ in {1..200}; do
        jobs=$(command assentctl --json jobs 2>/dev/null) || break
        grep -qE '"state":"(queued|running)"' <<<"$jobs" || break
        sleep 0.05
    done
    command assentctl "$@"
}

# until_true COMMAND...
until_true() {
    for _ in {1..200}; do
        ! "$@" >/dev/null 2>&1 || return 0
        [ -z "$daemon" ] || kill -0 "$daemon" || fail 'assentd ended'
        sleep 0.05
    done
    fail "in vain: $*"
}

reloads() {
    grep -c 'msg="configuration reloaded"' "$work/log" || true
}
has_reloaded() {
    [ "$(reloads)" -gt "$1" ]
}

# What the unit says, done by hand.
in_unit() {
    sed -n "s|^$1=||p" "$unit" | rewritten -
}
systemctl() {
    local before words
    case "$*" in
    daemon-reload)
        if command -v systemd-analyze >/dev/null; then
            rewritten "$unit" >"$work/assentd.service"
            systemd-analyze verify --man=no "$work/assentd.service"
        fi
        ;;
    'enable --now assentd' | 'start assentd')
        read -ra words < <(in_unit ExecStart)
        command "${words[@]}" -c "$ASSENT_CONFIG" 2>>"$work/log" &
        daemon=$!
        until_true command assentctl status
        ;;
    'reload assentd')
        before=$(reloads)
        # Who has systemd has /bin/kill; the shell has one of its own.
        # shellcheck disable=SC2034,SC2046 # the unit's own words
        MAINPID=$daemon && eval "$(in_unit ExecReload | sed 's#^/bin/kill #kill #')"
        until_true has_reloaded "$before"
        ;;
    'stop assentd')
        kill "$daemon"
        wait "$daemon" || fail "assentd ended with $?"
        daemon=''
        ;;
    *) fail "systemctl $*: not known here" ;;
    esac
}
# journalctl -u assentd ASSENT_REQUEST=ID
journalctl() {
    grep "request=${3#ASSENT_REQUEST=} " "$work/log"
}

# ---- README.md ---------------------------------------------------------------------------------------------------------

# Blocks as files NUMBER.LANGUAGE, each with its line on top of its name: 007.142.sh.
awk -v directory="$work/blocks" '
    /^```/ && !inside { inside = 1; language = substr($0, 4); file = sprintf("%s/%03d.%d.%s", directory, ++number, FNR, language)
        printf "" >file; next }
    /^```$/ { inside = 0; close(file); next }
    inside { print >file }
    END { exit inside }' README.md || fail 'README.md: a block has no end'

# run BLOCK, which came from the line $line: the first command that fails is told, with what all of them have said.
run() {
    rewritten "$1" >"$work/script"
    trap 'fail "$line: this failed: $BASH_COMMAND: $(<"$work/said")"' ERR
    # shellcheck source=/dev/null
    . "$work/script" >"$work/said" 2>&1 <<<'whsec_of-the-examples'
    trap - ERR
    ran=$((ran + 1))
}

# The places that the reader does not name are below $root too.
configure_places() {
    : >"$ASSENT_CONFIG"
    mkdir "$root/etc/assentd/conf.d"
    printf '%s\n' '[control]' "socket = $ASSENT_SOCKET" '[store]' "path = $root/var/lib/assentd/assentd.db" \
        >"$root/etc/assentd/conf.d/places.conf"
}

set -E
ran=0 configured=0 proxy='' behind_proxy='' renewal='' direct=''
for block in "$work"/blocks/*; do
    line=${block##*/} line=${line#*.} line=README.md:${line%%.*}
    case $block in
    *.nginx) proxy=$block ;;
    *.sh) if grep -q renewal-hooks "$block"; then renewal=$block; else run "$block"; fi ;;
    *.ini)
        if [ "$configured" -gt 0 ] && grep -q '^\[server\]' "$block"; then
            if grep -q '^trusted_proxy' "$block"; then behind_proxy=$block; else direct=$block; fi
            continue
        fi
        # The first is a whole file, in place of the one that was installed; the others are more of it. Secrets are made
        # by the commands that are shown. Calls, which nobody hears here, are given up soon.
        [ "$configured" -gt 0 ] || configure_places
        rewritten "$block" | sed "/^\[control\]/a socket = $ASSENT_SOCKET
            /^http = /a backoff = 1ms" | tee "$work/part" >>"$ASSENT_CONFIG"
        ! grep -q '^\[control\]' "$work/part" || sed -i '/^\[control\]/,+1d' "$root/etc/assentd/conf.d/places.conf"
        sed -i -E '/^(secret_file|bearer_file)/d' "$work/part"
        files_for "$work/part"
        configured=$((configured + 1))
        ;;
    *.http | *.text) ;;
    *) fail "$line: a block that is none of sh, ini, nginx, http and text" ;;
    esac
done
[ "$(command assentctl --json show trial-1 | grep -c '"status":"approved"')" = 1 ] || fail 'trial-1 is not approved'
[ "$(command assentctl --json show req_8f1k | grep -c '"status":"approved"')" = 1 ] || fail 'req_8f1k is not approved'

# shellcheck source=tests/system/examples-front.sh
. tests/system/examples-front.sh

# ---- docs/*.scd, config/ -----------------------------------------------------------------------------------------------

rm -rf "$work/blocks" && mkdir "$work/blocks"
for page in docs/*.scd; do
    awk -v prefix="$work/blocks/$(basename "$page" .scd)" '
        /^```$/ { inside = !inside; if (inside) file = prefix "." FNR; else close(file); next }
        inside { gsub(/\\\\/, "\\"); print >file }' "$page"
done
# What the examples of assentctl(1) need: a request that will be approved as soon as it is registered.
# shellcheck disable=SC2034 # it is used in them
id=man-1
command assentctl send --request man-1 --status approved >/dev/null

# post BODY: a webhook that is signed and must be understood.
post() {
    local signature
    signature=$(printf %s "$1" | openssl dgst -sha256 -hmac whsec_of-the-examples -r | cut -d ' ' -f 1)
    curl -sS --fail-with-body -H 'Content-Type: application/json' -H "X-Daimon-Signature: $signature" --data "$1" \
        "http://127.0.0.1:$port/webhook/approval" >"$work/said" || fail "$line: $1: $(<"$work/said")"
}
# members FILE: the names of the members of the record, without what the examples have in their context.
members() {
    grep -oE '"[a-z_]+":' "$1" | grep -vE '"(recipient_count|table)":' | sort -u
}
for block in "$work"/blocks/*; do
    line=docs/${block##*/}
    case $(head -c 9 "$block") in
    \[*)
        mkdir "$work/page"
        rewritten "$block" >"$work/page/assentd.conf"
        grep -q '^\[server\]' "$block" || printf '[server]\nlisten = 127.0.0.1:%d\n' "$port" >>"$work/page/assentd.conf"
        files_for "$work/page/assentd.conf"
        said=$(command assentd -c "$work/page/assentd.conf" --check 2>&1) || fail "$line: $said"
        rm -rf "$work/page"
        configured=$((configured + 1))
        ;;
    '{"'*)
        while read -r body; do
            post "$body"
        done <"$block"
        ran=$((ran + 1))
        ;;
    '{'*) members "$block" >"$work/promised" ;;
    sudo* | assentctl) run "$block" ;;
    esac
done
assentctl jobs >/dev/null
members "$root/var/lib/assentd/runner/request-man-1.json" | diff "$work/promised" - >&3 ||
    fail 'assentd.conf(5) shows other members of the record than programs get'

mkdir "$work/demo"
sed "s|/tmp/assentd-demo|$work/demo|g" config/demo.conf >"$work/demo/assentd.conf"
cp -r tests/demo/hooks "$work/demo/"
files_for "$work/demo/assentd.conf"
said=$(command assentd -c "$work/demo/assentd.conf" --check 2>&1) || fail "config/demo.conf: $said"
configured=$((configured + 1))

# check_in_conf_d EXAMPLE...
check_in_conf_d() {
    local example
    mkdir -p "$work/actions/conf.d"
    printf '%s\n' '[server]' "listen = 127.0.0.1:$port" '[service daimon]' 'path = /webhook/approval' 'scheme = daimon' \
        'secret_file = daimon-webhook-secret' >"$work/actions/assentd.conf"
    files_for "$work/actions/assentd.conf"
    for example; do
        rewritten "$example" >"$work/actions/conf.d/${example##*/}"
        files_for "$work/actions/conf.d/${example##*/}" "$work/actions"
    done
    said=$(command assentd -c "$work/actions/assentd.conf" --check 2>&1) || fail "$*: $said"
    rm -rf "$work/actions"
    configured=$((configured + 1))
}
for example in config/examples/*.conf; do
    check_in_conf_d "$example"
done
check_in_conf_d config/examples/*.conf

systemctl stop assentd
echo "examples: $ran blocks of commands were run, $configured configurations are right"
