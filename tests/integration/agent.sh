#!/bin/sh
# An agent that knows nothing but the approval service, with curl alone: asks for an upgrade at the base URL and waits for
# the decision. agent.sh BASE_URL KEY javascript|python; prints the request's id, then its status.
set -eu
base=$1 key=$2 form=$3
case $form in
javascript)
    body='{"type": "approval_request", "action": "account_upgrade", "context": {"requestedTier": "pro"},
        "reason": "at the rate limit", "urgency": "high", "callbackUrl": "https://agent.example/hook", "expiresIn": 3600}'
    ;;
python)
    body='{"type": "approval_request", "action": "account_upgrade", "context": {"requestedTier": "pro"},
        "reason": "at the rate limit", "urgency": "high", "callback_url": "https://agent.example/hook", "expires_in": 3600}'
    ;;
esac

call() {
    curl -sS --fail-with-body -m 30 -H "Authorization: Bearer $key" -H 'Content-Type: application/json' "$@"
}

answer=$(call --data "$body" "$base/v1/notify-operator")
id=$(printf %s "$answer" | grep -oE '"(requestId|request_id|approval_id)": ?"[^"]+"' | head -n 1 | cut -d '"' -f 4)
echo "$id"
for _ in $(seq 600); do
    status=$(call "$base/v1/approvals/$id" | grep -oE '"status": ?"[a-z]+"' | head -n 1 | cut -d '"' -f 4)
    [ "$status" = pending ] || break
    sleep 0.1
done
echo "$status"
