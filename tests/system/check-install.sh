#!/bin/sh
# check-install.sh VERSION: what `make install` puts there runs and says its version; an assentd.conf of its owner's
# survives; `make uninstall` leaves nothing.
set -eu
cd "$(dirname "$0")/../.."

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
fail() {
    echo "check-install: $*" && exit 1
}
quietly() {
    "${MAKE:-make}" --no-print-directory "$@" DESTDIR="$root" PREFIX=/usr SYSCONFDIR=/etc >"$root.log" 2>&1 || {
        cat "$root.log"
        rm -f "$root.log"
        fail "make $* failed"
    }
    rm -f "$root.log"
}

quietly install
for program in usr/sbin/assentd usr/bin/assentctl; do
    said=$("$root/$program" --version) || fail "$program --version failed: $said"
    case $said in
    *"$1"*) echo "$program: $said" ;;
    *) fail "$program --version says \"$said\", not $1" ;;
    esac
done
for file in usr/lib/systemd/system/assentd.service usr/share/man/man8/assentd.8 usr/share/man/man5/assentd.conf.5 \
    usr/share/man/man1/assentctl.1 usr/share/doc/assentd/examples/assentd.conf \
    usr/share/doc/assentd/examples/bulk-send.conf etc/assentd/assentd.conf; do
    [ -s "$root/$file" ] || fail "$file is not there"
done
# A unit that starts a program which is not there is found only on the machine of whoever installs it.
sed -n 's/^Exec[A-Za-z]*=[-@:+!]*\([^ ]*assent[^ ]*\).*/\1/p' "$root"/usr/lib/systemd/system/*.service |
    while read -r program; do
        [ -x "$root$program" ] || fail "a unit starts $program, which is not there"
    done

echo '# mine' >>"$root/etc/assentd/assentd.conf"
quietly install
grep -q '^# mine$' "$root/etc/assentd/assentd.conf" || fail 'install replaced a configuration that was changed'
quietly uninstall
[ -e "$root/etc/assentd/assentd.conf" ] || fail 'uninstall removed a configuration that was changed'
rm "$root/etc/assentd/assentd.conf"

quietly install
quietly uninstall
left=$(find "$root" ! -type d -o -name '*assent*')
[ -z "$left" ] || fail "left behind: $left"
echo 'check-install: installed, ran, uninstalled, nothing left'
