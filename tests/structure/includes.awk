# The rules of check-includes.sh. Its arguments are all files of src and include.
function fault(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; faults++ }

# The line without comments, and with empty strings in place of strings: what is only spoken of is not a call.
function code_of(line,    out, c, two, quote) {
    out = ""
    while (line != "") {
        two = substr(line, 1, 2)
        c = substr(line, 1, 1)
        if (in_comment) {
            if (!(n = index(line, "*/"))) return out
            line = substr(line, n + 2)
            in_comment = 0
        } else if (two == "/*") {
            in_comment = 1
            line = substr(line, 3)
        } else if (two == "//") {
            return out
        } else if (c == "\"" || c == "'") {
            quote = c
            line = substr(line, 2)
            while (line != "" && substr(line, 1, 1) != quote)
                line = substr(line, substr(line, 1, 1) == "\\" ? 3 : 2)
            line = substr(line, 2)
            out = out quote quote
        } else {
            match(line, /^([^"'\/]+|\/)/)
            out = out substr(line, 1, RLENGTH)
            line = substr(line, RLENGTH + 1)
        }
    }
    return out
}

function calls(code, names) { return match(code, "(^|[^A-Za-z0-9_.>])(" names ")[ \t]*\\(") }

function may_include(owner, target) {
    if (owner == "main" || target == owner || target == "base") return 1
    if (owner == "base") return 0
    if (target == "domain") return 1
    if (owner == "domain") return 0
    return target == "config"
}

BEGIN {
    n = split("base domain config supervisor gate core runner caller ctl", names, " ")
    for (i = 1; i <= n; i++) folders[names[i]] = 1
}

FNR == 1 {
    in_comment = 0
    body = 0
    split(FILENAME, part, "/")
    owner = part[1] == "src" ? part[2] : part[3]
    base_name = FILENAME
    sub(/.*\//, "", base_name)
    if (FILENAME == "src/main.c") owner = "main"
    else if (!(owner in folders)) fault("is in no folder of the architecture")
    if (base_name ~ /^(test|mock|fake|stub)s?_|_(test|mock|fake|stub)s?\.[ch]$/) fault("what only tests use belongs in tests/")
}

{ code = code_of($0) }

code ~ /^[ \t]*#[ \t]*include/ {
    header = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", header)
    quoted = substr(header, 1, 1) == "\""
    if (header !~ /^[<"]/) { fault("an include by macro cannot be checked"); next }
    header = substr(header, 2)
    sub(/[>"].*/, "", header)

    if (header ~ /^assent\//) {
        split(header, target, "/")
        if (!may_include(owner, target[2])) fault(owner " may not include " header)
    } else if (quoted && header ~ /\//)
        fault("our headers are included as \"assent/FOLDER/NAME.h\", not " header)

    if (header == "check.h" || header ~ /^tests\//) fault("what only tests use belongs in tests/")

    library = ""
    if (header ~ /^(microhttpd|sqlite3|seccomp)\.h$/) library = header
    if (header == "sqlite3.h" && FILENAME ~ /_vfs\.c$/) library = "sqlite3.h (as a vfs)"
    else if (header ~ /^gnutls\//) library = "gnutls"
    else if (header ~ /^curl\//) library = owner == "ctl" ? "curl (in ctl)" : "curl"
    if (library != "" && !(library in user)) user[library] = FILENAME
    if (library != "" && user[library] != FILENAME) fault(library " is already included by " user[library] ", and one file is enough")

    if (owner == "domain" && header ~ /^(unistd|fcntl|poll|signal|syslog|pthread|threads|dirent|netdb|spawn)\.h$|^(sys\/(socket|stat|un|epoll|mman|time|wait|ioctl|uio|file)|netinet\/.*|arpa\/.*|systemd\/.*|linux\/.*)\.h$|^assent\/base\/(log|clock|jail)\.h$/)
        fault("domain is pure, and may not include " header)
    next
}

calls(code, "sprintf|vsprintf|strcpy|stpcpy|strcat|system|popen|atoi|atol|gets") { fault("unsafe call: " substr(code, RSTART, RLENGTH)) }
owner == "domain" && calls(code, "time|clock|clock_gettime|gettimeofday|localtime|localtime_r|getenv|secure_getenv|printf|fprintf|vprintf|vfprintf|puts|fputs|perror|fopen|open|read|write") {
    fault("domain is pure, and may not call " substr(code, RSTART, RLENGTH))
}
owner == "domain" && code ~ /(^|[^A-Za-z0-9_])FILE([^A-Za-z0-9_]|$)/ { fault("domain is pure, and has no files") }

# Long functions are worth a look, but are no fault.
/^[A-Za-z_].*\(/ { name = $0 }
/^\{/ { body = FNR }
/^\}/ && body { if (FNR - body - 1 > 80) printf "note: %s:%d: %d lines: %s\n", FILENAME, body, FNR - body - 1, name; body = 0 }

END {
    if (faults) { printf "%d faults in who includes and calls what\n", faults; exit 1 }
    print "includes and calls: as the architecture says"
}
