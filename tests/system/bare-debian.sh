#!/bin/bash
# bare-debian.sh [TARGET...]: makes a Debian that has nothing but git, make and sudo, clones the current HEAD into it, and
# runs `make TARGET` (demo, then check) there as a normal user who may use sudo. Needs root, git, a network and about 2 GB.
# The mirror, the suite and apt's settings are this machine's.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "$(id -u)" != 0 ]; then
    echo 'bare-debian.sh: must be run as root' >&2
    exit 1
fi

# All mounts and processes are in namespaces of their own: whatever happens, they end with this script.
if [ -z "${ASSENT_IN_NAMESPACE-}" ]; then
    root=$(mktemp -d -t assent-bare.XXXXXX)
    child=
    # The kernel kills all that live in the namespace when unshare is gone; unshare itself heeds nothing less than KILL.
    trap '[ -z "$child" ] || { kill -KILL "$child" && wait; } 2>/dev/null; rm -rf --one-file-system "$root" "$root.log"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # In the background, and waited for: bash runs a trap at once only while it waits.
    ASSENT_IN_NAMESPACE=$root unshare --mount --pid --fork --kill-child "$0" "$@" </dev/null &
    child=$!
    status=0
    wait "$child" || status=$?
    child=
    exit "$status"
fi
root=$ASSENT_IN_NAMESPACE
unset ASSENT_IN_NAMESPACE
[ $# -gt 0 ] || set -- demo check

say() {
    printf '\n=== [%4d s] %s\n' "$SECONDS" "$*"
}

if ! command -v debootstrap >/dev/null; then
    say 'installing debootstrap'
    apt-get install -q -y --no-install-recommends debootstrap ||
        { apt-get update -q && apt-get install -q -y --no-install-recommends debootstrap; }
fi

# shellcheck source=/dev/null
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
# shellcheck disable=SC2016 # apt's dollars
mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(COMPONENT) $(RELEASE) $(CODENAME)' |
    awk -v suite="$suite" '$2 == "main" && ($3 == suite || $4 == suite) { print $1; exit }')
if [ -z "$mirror" ]; then
    echo "bare-debian.sh: no source of $suite main in apt's configuration" >&2
    exit 1
fi

chmod 755 "$root"
say "making a bare $suite with git, make and sudo"
debootstrap --variant=minbase --include=git,make,sudo "$suite" "$root" "$mirror" >"$root.log" 2>&1 || {
    tail -n 20 "$root.log"
    exit 1
}
mv "$root.log" "$root/var/log/debootstrap.log"

# The way to packages is this machine's: sources, keys, credentials, settings, certificates, names, proxy.
rm -rf "$root/etc/apt/sources.list" "$root"/var/lib/apt/lists/*
for path in /etc/apt /usr/share/keyrings /etc/resolv.conf /etc/hosts; do
    if [ -e "$path" ]; then
        cp -aL --remove-destination "$path" "$root$(dirname "$path")/"
    fi
done
case $(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null) in
*https:*)
    mkdir -p "$root/etc/ssl/certs"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    ;;
esac
for name in http https; do
    proxy=${name}_proxy
    if [ -n "${!proxy-}" ]; then
        echo "Acquire::$name::Proxy \"${!proxy}\";" >>"$root/etc/apt/apt.conf.d/90proxy"
    fi
done

mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for device in 'null 3' 'zero 5' 'full 7' 'random 8' 'urandom 9' 'tty 0'; do
    read -r name minor <<<"$device"
    mknod -m 666 "$root/dev/$name" c "$([ "$name" = tty ] && echo 5 || echo 1)" "$minor"
done

user=builder
chroot "$root" useradd --create-home --shell /bin/bash "$user"
echo "$user ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/$user"
as_user() {
    chroot "$root" runuser -u "$user" -- env -i HOME="/home/$user" USER="$user" LOGNAME="$user" \
        PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games "$@"
}

git bundle create -q "$root/head.bundle" HEAD
as_user git -c advice.detachedHead=false clone -q /head.bundle "/home/$user/assentd"
rm "$root/head.bundle"
say "cloned $(as_user git -C "/home/$user/assentd" log -1 --format='%h %s')"

for target; do
    say "make $target, as a user"
    as_user make -C "/home/$user/assentd" "$target"
done
say 'all of it passed in a bare Debian'
