#!/bin/sh
# Every test and file that docs/SECURITY.md names is there: `test_receive.c:NAME` is a START_TEST(NAME) in
# tests/*/test_receive.c, `tests/...` is a file.
set -eu
cd "$(dirname "$0")/../.."

document=${1:-docs/SECURITY.md}
faults=0
named=0
# shellcheck disable=SC2016 # backticks of Markdown
for name in $(grep -oE '`test_[a-z0-9_]+\.c:[A-Za-z0-9_]+`' "$document" | tr -d '`' | sort -u); do
    named=$((named + 1))
    if ! grep -qs "START_TEST(${name#*:})" tests/unit/"${name%%:*}" tests/integration/"${name%%:*}"; then
        echo "$document: there is no test $name"
        faults=$((faults + 1))
    fi
done
# shellcheck disable=SC2016
for file in $(grep -oE '`tests/[A-Za-z0-9_./-]+`' "$document" | tr -d '`' | sort -u); do
    named=$((named + 1))
    if [ ! -e "$file" ]; then
        echo "$document: there is no $file"
        faults=$((faults + 1))
    fi
done
echo "security: $named tests and files are named, $faults faults"
[ "$faults" = 0 ] && [ "$named" -gt 0 ]
