# shellcheck shell=bash
# examples-front.sh: for check-examples.sh, whose functions, variables and daemon it uses: what README.md shows of nginx in front
# of assentd and of TLS directly, with a real nginx and real TLS. nginx is a process of this script, on a port of loopback, with
# nothing of the machine's own configuration.
# shellcheck disable=SC2154 # variables of check-examples.sh

[ -n "$proxy" ] && [ -n "$behind_proxy" ] && [ -n "$renewal" ] && [ -n "$direct" ] ||
    fail 'README.md: nginx, trusted_proxy, tls_key or renewal-hooks are shown nowhere'
nginx=${ASSENT_NGINX:-$PWD/${BUILD:-build}/nginx/usr/sbin/nginx}
[ -x "$nginx" ] || fail "there is no $nginx: tests/system/deps.sh check"
front_port=$((port + 1))
while (: <>"/dev/tcp/127.0.0.1/$front_port") 2>/dev/null; do
    front_port=$((front_port + 1))
done
site=https://agent.example.com
certificates=$root/etc/letsencrypt/live/agent.example.com
mkdir -p "$certificates" "$root/etc/letsencrypt/renewal-hooks/deploy" "$work/nginx"

make_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
        -addext subjectAltName=DNS:agent.example.com -keyout "$certificates/privkey.pem" -out "$certificates/fullchain.pem" \
        2>/dev/null
}

# with_server FILE: the configuration so far, with that file's section [server] in place of its own.
with_server() {
    sed '/^\[server\]/,/^\[/ { /^\[server\]/d; /^\[/!d; }' "$work/plain.conf"
    echo
    cat "$@"
}

# call CURL_ARGUMENT...: over HTTPS; sets $status and leaves what was said in $work/said and $work/headers.
call() {
    status=$(curl -sS --cacert "$certificates/fullchain.pem" --connect-to "agent.example.com:443:127.0.0.1:$front_port" \
        -o "$work/said" -D "$work/headers" -w '%{http_code}' "$@" 2>"$work/curl") || fail "curl $*: $(<"$work/curl")"
}
# hook BODY [CURL_ARGUMENT...]: a signed webhook.
hook() {
    local signature body=$1
    shift
    signature=$(printf %s "$body" | openssl dgst -sha256 -hmac whsec_of-the-examples -r | cut -d ' ' -f 1)
    call -H 'Content-Type: application/json' -H "X-Daimon-Signature: $signature" --data-binary "$body" "$@" \
        "$site/webhook/approval"
}
expect() {
    [ "$status" = "$1" ] || fail "$2: expected $1, got $status $(<"$work/said")"
}
expect_said() {
    grep -q "$1" "$work/said" || fail "expected $1, got $(<"$work/said")"
}
expect_retry_after() {
    grep -qi '^retry-after: [0-9]' "$work/headers" || fail "no Retry-After in $(<"$work/headers")"
}
expect_log() {
    grep -q "$1" "$work/log" || fail "the log has no $1"
}
cp "$ASSENT_CONFIG" "$work/plain.conf"

# ---- nginx in front ----------------------------------------------------------------------------------------------------

# The address and the rate are ours: all of 127.0.0.0/8 is this machine, and nginx itself calls from 127.0.0.1.
line=README.md:nginx
make_certificate nginx
{
    sed -n '/^\[server\]/,/^$/p' "$work/plain.conf"
    rewritten "$behind_proxy" | grep -v '^\['
    echo 'request_rate = 5/h'
} >"$work/server.ini"
with_server "$work/server.ini" >"$ASSENT_CONFIG"
rewritten "$proxy" | sed "s/listen 443 /listen 127.0.0.1:$front_port /" >"$work/nginx/site"
cat >"$work/nginx/nginx.conf" <<END
daemon off;
master_process off;
pid $work/nginx/pid;
error_log $work/nginx/error.log;
events {}
http {
    access_log off;
    client_body_temp_path $work/nginx/body;
    proxy_temp_path $work/nginx/proxy;
    fastcgi_temp_path $work/nginx/fastcgi;
    uwsgi_temp_path $work/nginx/uwsgi;
    scgi_temp_path $work/nginx/scgi;
    include $work/nginx/site;
}
END
systemctl 'stop assentd'
systemctl 'start assentd'
"$nginx" -e "$work/nginx/error.log" -p "$work/nginx" -c "$work/nginx/nginx.conf" 2>"$work/nginx/said" &
front=$!
until (: <>"/dev/tcp/127.0.0.1/$front_port") 2>/dev/null; do
    kill -0 "$front" 2>/dev/null || fail "nginx: $(cat "$work/nginx/said" "$work/nginx/error.log")"
    sleep 0.05
done

# Every byte is as it was sent: what the signature is over has odd spaces, an escape, and characters of several bytes.
command assentctl register --id front-1 --action data_export --context '{}' --expires-in 10m >/dev/null
hook '{ "requestId" :"front-1",  "status":"approved", "approvedBy":"Zo\u00eb – ☃" }  '
expect 200 'a signed webhook through nginx'
expect_said '"outcome":"matched"'
hook '{"requestId":"front-1","status":"approved","approvedBy":"somebody else"}' -H 'Transfer-Encoding: chunked'
expect 200 'one in chunks'

# The caller is who called nginx, and not whom the caller says.
hook '{"status":"approved"}' --interface 127.0.0.2 -H 'X-Forwarded-For: 192.0.2.7'
expect 400 'a body without an id'
expect_log 'its body is not understood.*peer=127\.0\.0\.2'
! grep -q 192.0.2.7 "$work/log" || fail 'what a caller says of itself is believed'
call -H 'Content-Type: application/json' --data '{}' --interface 127.0.0.3 "$site/webhook/approval"
expect 401 'a webhook without a signature'
expect_said '"error":"unauthorized"'
expect_log 'no signature or a wrong one.*peer=127\.0\.0\.3'

# Limits are the caller's own.
for _ in 1 2 3 4 5; do
    hook '{"event":"message.received"}' --interface 127.0.0.4
    expect 200 'within the rate'
done
hook '{"event":"message.received"}' --interface 127.0.0.4
expect 429 'beyond the rate'
expect_said '"error":"too_many_requests"'
expect_retry_after
hook '{"event":"message.received"}' --interface 127.0.0.5
expect 200 'another address'

# Sizes: 256 KiB go through, more does not, whether its size is said or not; nothing but the service's path is passed on.
large=$(head -c 262100 /dev/zero | tr '\0' x)
printf '{"event":"message.received","a":"%s"}' "${large:37}" >"$work/body"
signature=$(openssl dgst -sha256 -hmac whsec_of-the-examples -r "$work/body" | cut -d ' ' -f 1)
large_hook() {
    call -H 'Content-Type: application/json' -H "X-Daimon-Signature: $signature" --data-binary "@$work/body" "$@" \
        "$site/webhook/approval"
}
large_hook
expect 200 'a large webhook'
head -c 1000 /dev/zero | tr '\0' ' ' >>"$work/body"
large_hook
expect 413 'one that is too large'
large_hook -H 'Transfer-Encoding: chunked'
expect 413 'one that is too large, in chunks'
call "$site/healthz"
expect 404 'another path'

# While core is away, which it is until the supervisor may start it again.
core=$(pgrep -P "$daemon" -f '^assentd: core') || fail 'no core'
kill -STOP "$daemon"
kill -KILL "$core"
for _ in {1..200}; do
    hook '{"event":"message.received"}'
    [ "$status" = 200 ] || break
done
kill -CONT "$daemon"
expect 503 'a webhook while core is away'
expect_said '"error":"unavailable"'
expect_retry_after
until_true command assentctl status
kill -QUIT "$front"
wait "$front" || fail "nginx ended with $?: $(<"$work/nginx/error.log")"
! grep -E '\[(emerg|alert|crit|error)\]' "$work/nginx/error.log" | grep -v 'intended to send too large' ||
    fail "nginx: $(<"$work/nginx/error.log")"
front=''
configured=$((configured + 1))

# ---- TLS directly ------------------------------------------------------------------------------------------------------

# What the deploy hook calls, which is a program of its own and knows no functions.
line=README.md:TLS
cat >"$root/usr/local/bin/install" <<'END'
#!/bin/bash
[ "$3 $4" != '-g assentd' ] || set -- "${@:1:2}" "${@:5}"
exec /usr/bin/install "$@"
END
cat >"$root/usr/local/bin/systemctl" <<END
#!/bin/sh
[ "\$*" = 'reload assentd' ] && kill -HUP "\$(cat "$work/pid")"
END
chmod 755 "$root/usr/local/bin/install" "$root/usr/local/bin/systemctl"

# serves NAME: the certificate that is served is that one's.
serves() {
    openssl s_client -connect "127.0.0.1:$front_port" -CAfile "$certificates/fullchain.pem" -verify_return_error \
        -verify_hostname agent.example.com </dev/null 2>&1 | grep "s:CN = $1\$"
}

echo "$daemon" >"$work/pid"
make_certificate first
run "$renewal"
rewritten "$direct" >"$work/server.ini"
sed -i "s/0\.0\.0\.0:8443/127.0.0.1:$front_port/; s/\[::\]:8443/[::1]:$front_port/" "$work/server.ini"
[ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 || sed -i '/^listen = \[/d' "$work/server.ini"
with_server "$work/server.ini" >"$ASSENT_CONFIG"
systemctl 'stop assentd'
systemctl 'start assentd'
echo "$daemon" >"$work/pid"

command assentctl register --id front-2 --action data_export --context '{}' --expires-in 10m >/dev/null
hook '{"requestId":"front-2","status":"approved"}'
expect 200 'a signed webhook over TLS'
expect_said '"outcome":"matched"'
! curl -s -o "$work/said" "http://127.0.0.1:$front_port/healthz" || fail "HTTP without TLS is answered: $(<"$work/said")"
until_true serves first

# certbot renews, and runs the hook.
make_certificate second
before=$(reloads)
RENEWED_LINEAGE=$certificates "$root/etc/letsencrypt/renewal-hooks/deploy/assentd"
until_true has_reloaded "$before"
until_true serves second
hook '{"requestId":"front-2","status":"approved"}'
expect 200 'a webhook after the renewal'
expect_said '"outcome":"duplicate"'

rm "$root/usr/local/bin/install" "$root/usr/local/bin/systemctl"
cp "$work/plain.conf" "$ASSENT_CONFIG"
systemctl 'stop assentd'
systemctl 'start assentd'
configured=$((configured + 1))
