#!/bin/sh
# Every shell script passes shellcheck, and can be executed.
set -eu
cd "$(dirname "$0")/../.."

scripts=
for file in $(find .ci config docs src systemd tests -type f 2>/dev/null | sort); do
    if head -n 1 "$file" | grep -aqE '^#!.*[/ ](ba|da)?sh( |$)'; then
        [ -x "$file" ] || { echo "$file: has a #! line, but cannot be executed" && exit 1; }
        scripts="$scripts $file"
    fi
done
# shellcheck disable=SC2086 # one word for each file: names hold no spaces
shellcheck -x $scripts
echo "scripts: nothing in $(echo "$scripts" | wc -w)"
