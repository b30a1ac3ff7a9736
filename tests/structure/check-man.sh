#!/bin/sh
# check-man.sh BUILD: the man pages have every key of the configuration, with its default, and every command and option of the
# programs; and no key that is none.
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

# options: the long options in a help text
options() {
    grep -oE '^ +(-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u
}
# section FILE NAME: the part of a page below that heading, up to the next
section() {
    awk -v wanted="$2" '/^#/ { inside = $0 ~ "^##? " wanted "( |$)" } inside' "$1"
}
missing=0
# has_options PAGE NAME: the options of a help text stand in that section of the page, or among those of all commands
has_options() {
    for option in $(options); do
        { section "$1" "$2" && section "$1" OPTIONS; } | grep -qF -- "*$option*" || {
            echo "$1: $2: $option is missing"
            missing=$((missing + 1))
        }
    done
}

"$build/assentd" --help >"$work/help"
has_options docs/assentd.8.scd OPTIONS <"$work/help"
"$build/assentctl" --help >"$work/help"
has_options docs/assentctl.1.scd OPTIONS <"$work/help"
commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$work/help")
for command in $commands; do
    [ -n "$(section docs/assentctl.1.scd "$command")" ] || {
        echo "assentctl(1): $command is missing"
        missing=$((missing + 1))
    }
    "$build/assentctl" "$command" --help >"$work/help"
    has_options docs/assentctl.1.scd "$command" <"$work/help"
done
[ -n "$commands" ] && [ -s "$work/keys" ] && [ "$missing" = 0 ]
echo "man pages: all of $(wc -l <"$work/keys") keys and $(echo "$commands" | wc -l) commands"
