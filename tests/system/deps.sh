#!/bin/sh
# Installs the Debian packages that are missing: deps.sh SET... (build demo check ci bench).
# ASSENT_NO_INSTALL=1: says which are missing, and fails, instead.
# The packages nginx and prometheus would start services, and at every start of this machine again. The tests need a
# program of each only, which is taken out of it and put at ASSENT_NGINX (build/nginx/usr/sbin/nginx) and ASSENT_PROMTOOL
# (build/prometheus/usr/bin/promtool), unless this machine has one.
set -eu

packages=
nginx=
promtool=
for set; do
    case $set in
    build) add='gcc libc6-dev pkg-config libmicrohttpd-dev libgnutls28-dev libjansson-dev libcurl4-openssl-dev
        libsqlite3-dev libssl-dev libsystemd-dev libseccomp-dev ca-certificates' ;; # which https calls are checked against
    demo) add='curl openssl' ;;
    check)
        add='check strace scdoc man-db spin curl openssl nghttp2-server testssl.sh shellcheck clang-format'
        nginx=${ASSENT_NGINX:-${BUILD:-build}/nginx/usr/sbin/nginx}
        promtool=${ASSENT_PROMTOOL:-${BUILD:-build}/prometheus/usr/bin/promtool}
        ;;
    ci) add='clang libclang-rt-14-dev valgrind' ;;
    bench) add='wrk' ;;
    *) echo "deps.sh: no such set: $set" >&2 && exit 2 ;;
    esac
    packages="$packages $add"
done

missing=
for package in $packages; do
    # A package that was removed may still be known, so its being known is not enough.
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
        missing="$missing $package"
    fi
done
if [ -x /usr/sbin/nginx ] || [ -x "$nginx" ]; then
    nginx=
fi
if [ -x /usr/bin/promtool ] || [ -x "$promtool" ]; then
    promtool=
fi
[ -n "$missing$nginx$promtool" ] || exit 0

echo "missing packages:$missing${nginx:+ nginx}${promtool:+ prometheus}"
if [ "${ASSENT_NO_INSTALL-0}" = 1 ]; then
    exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
    as_root='sudo'
fi

install() {
    # shellcheck disable=SC2086 # one word for each package
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends install $missing 2>&1 </dev/null
}
# apt-get's hundreds of lines are shown only where it fails.
quietly() {
    said=$("$@") || {
        printf '%s\n' "$said" >&2
        exit 1
    }
}
# take PACKAGE PATH TO: puts that file of the package at TO, which ends in PATH. Runs where `set -e` has no effect.
take() {
    to=${3%"$2"}
    mkdir -p "$to" && scratch=$(mktemp -d) || return
    # apt gives up root where it may, and its user must be able to write there then.
    chmod 1777 "$scratch"
    status=0
    (cd "$scratch" && apt-get -q download "$1" && dpkg-deb --fsys-tarfile "$1"_*.deb >all.tar) 2>&1 &&
        tar -x -C "$to" -f "$scratch/all.tar" ".$2" || status=1
    rm -rf "$scratch"
    return $status
}
install_all() {
    [ -z "$missing" ] || install || return
    [ -z "$nginx" ] || take nginx /usr/sbin/nginx "$nginx" || return
    [ -z "$promtool" ] || take prometheus /usr/bin/promtool "$promtool"
}
echo 'installing them with apt-get; this can take a minute'
# Lists of packages that are missing, or so old that what they name is gone, are the usual reason to fail.
if ! install_all >/dev/null 2>&1; then
    quietly $as_root apt-get -q update
    quietly install_all
fi
