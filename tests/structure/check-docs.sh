#!/bin/sh
# check-docs.sh MAN_PAGE...: the pages are rendered without a warning, and links between files lead somewhere.
set -eu
cd "$(dirname "$0")/../.."

faults=0
for page; do
    warnings=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$page" 2>&1 >/dev/null </dev/null) ||
        warnings="$warnings man failed"
    if [ -n "$warnings" ]; then
        printf '%s:\n%s\n' "$page" "$warnings"
        faults=$((faults + 1))
    fi
done

# FILE LINK, for every link to a file of ours
links() {
    for file in README.md docs/*.md; do
        [ ! -e "$file" ] || grep -oE '\]\([^) ]+\)' "$file" | sed 's/^](//; s/)$//; s/#.*//; /^$/d' |
            sed -E "/^(https?|mailto):/d; s|^|$file |"
    done
}
broken=$(links | while read -r file link; do
    [ -e "$(dirname "$file")/$link" ] || echo "$file: links to $link, which is not there"
done)
if [ -n "$broken" ]; then
    echo "$broken"
    faults=$((faults + 1))
fi
echo "docs: $# man pages, $(links | wc -l) links, $faults faults"
[ "$faults" = 0 ]
