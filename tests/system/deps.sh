#!/bin/sh
# Installs the Debian packages that are missing: deps.sh SET... (build demo check ci bench).
# ASSENT_NO_INSTALL=1: says which are missing, and fails, instead.
set -eu

packages=
for set; do
    case $set in
    build) add='gcc libc6-dev pkg-config libmicrohttpd-dev libgnutls28-dev libjansson-dev libcurl4-openssl-dev
        libsqlite3-dev libssl-dev libsystemd-dev libseccomp-dev' ;;
    demo) add='curl openssl' ;;
    check) add='check strace scdoc man-db spin curl openssl nghttp2-server shellcheck clang-format' ;;
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
[ -n "$missing" ] || exit 0

echo "missing packages:$missing"
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
echo 'installing them with apt-get; this can take a minute'
# Lists of packages that are missing, or so old that what they name is gone, are the usual reason to fail.
if ! install >/dev/null; then
    quietly $as_root apt-get -q update
    quietly install
fi
