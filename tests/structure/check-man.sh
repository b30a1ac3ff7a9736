#!/bin/sh
# check-man.sh BUILD: assentd.conf(5) has every key of the configuration, with its default, and none that is no key; assentd(8)
# has every option.
set -eu
cd "$(dirname "$0")/../.."
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$build/tests/programs/config_keys" >"$work/keys"
awk -F '\t' '
    NR == FNR { known[$1, $2] = $0; next }
    /^#/ { section = key = "" }
    /^## \[/ { section = $0; gsub(/^## \[| NAME\]$|\]$/, "", section) }
    /^\*[a-z_]+\* = / {
        key = $0
        sub(/^\*/, "", key)
        sub(/\*.*/, "", key)
        if (!((section, key) in known)) fault("assentd.conf(5): [" section "] " key " is no key")
    }
    section != "" && key != "" { text[section, key] = text[section, key] $0 " " }
    function fault(what) { print what; faults++ }
    END {
        for (place in known) {
            split(known[place], of, FS)
            name = "assentd.conf(5): [" of[1] "] " of[2]
            if (!(place in text)) { fault(name " is missing"); continue }
            said = tolower(text[place])
            if (of[3] != "-" && !index(said, tolower("Default: " of[3]))) fault(name ": its default is " of[3])
            if (of[4] != "-" && !index(said, of[4] ".")) fault(name ": its default in http hooks is " of[4])
            if (of[5] == "required" && !index(said, "required")) fault(name ": it is required")
            if ((of[6] == "repeatable") != (index(said, "repeatable") > 0)) fault(name ": it can be given " of[6])
        }
        exit faults > 0
    }' "$work/keys" docs/assentd.conf.5.scd

# What assentctl(1) has to say is held against its help by a unit test.
options=$("$build/assentd" --help | grep -oE '^ +(-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u)
for option in $options; do
    grep -qF -- "*$option*" docs/assentd.8.scd || { echo "assentd(8): $option is missing" && exit 1; }
done
[ -n "$options" ] && [ -s "$work/keys" ]
echo "man pages: all of $(wc -l <"$work/keys") keys and $(echo "$options" | wc -l) options"
