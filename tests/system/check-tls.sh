#!/bin/sh
# What testssl.sh (Debian package testssl.sh) says of our TLS: nothing worse than INFO or LOW about protocols, ciphers and
# known weaknesses. The certificate is one of our own making, so it is not rated.
#   check-tls.sh ASSENTD
set -eu
assentd=$(realpath "${1:-build/assentd}")
if ! testssl=$(command -v testssl || command -v testssl.sh); then
    echo 'TLS: not checked: testssl.sh is not installed (tests/system/deps.sh check)'
    exit 1
fi

directory=$(mktemp -d)
daemon=
end() {
    [ -z "$daemon" ] || { kill "$daemon" && wait "$daemon"; } 2>/dev/null || true
    rm -rf "$directory"
}
trap end EXIT
trap 'exit 1' INT TERM
cd "$directory"
port=$((20000 + $$ % 20000))
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
    -keyout key.pem -out certificate.pem 2>/dev/null
chmod 600 key.pem
cat >assentd.conf <<END
[server]
listen = 127.0.0.1:$port
tls_certificate = certificate.pem
tls_key = key.pem
max_connections_per_address = 1024
[control]
socket = $directory/control.sock
[store]
path = $directory/assentd.db
END
"$assentd" -c assentd.conf 2>log &
daemon=$!
tries=0
until curl -sk --output /dev/null "https://127.0.0.1:$port/healthz"; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { cat log && exit 1; }
    sleep 0.1
done

"$testssl" --quiet --color 0 --warnings off --protocols --server-preference --fs --std --vulnerable \
    --csvfile report.csv "127.0.0.1:$port" >screen </dev/null || true
[ -s report.csv ] || { cat screen && exit 1; }
# Whether clients may renegotiate it takes from openssl's exit status, which is 0 too where the server closes: test_tls.c looks.
# "id","fqdn/ip","port","severity","finding","cve","cwe"
awk -F '","' 'NR > 1 { count++ }
    $1 != "\"secure_client_renego" && $4 ~ /^(MEDIUM|HIGH|CRITICAL|FATAL)$/ { print "TLS: " $4 ": " $1 ": " $5; bad++ }
    /^"(TLS1_2|TLS1_3)"/ && $5 ~ /^offered/ { offered++ }
    END {
        if (offered != 2) { print "TLS: 1.2 and 1.3 are not both offered"; bad++ }
        printf "TLS: %d findings of testssl.sh, %d of them bad\n", count, bad
        exit bad > 0
    }' report.csv
