#!/bin/sh
# An agent that knows nothing but the approval service, with curl alone: asks for an upgrade at the base URL, waits for
# the decision, and tells the operator that it is done. agent.sh BASE_URL KEY javascript|python; prints the id of its
# request, what was decided, and what became of the notice.
set -eu
base=$1 key=$2 form=$3
case $form in
javascript)
    id_name='"requestId"'
    request='{"type": "approval_request", "action": "account_upgrade", "context": {"requestedTier": "pro"},
        "reason": "at the rate limit", "urgency": "high", "callbackUrl": "https://agent.example/hook", "expiresIn": 3600}'
    ;;
python)
    id_name='"request_id"'
    request='{"type": "approval_request", "action": "account_upgrade", "context": {"requestedTier": "pro"},
        "reason": "at the rate limit", "urgency": "high", "callback_url": "https://agent.example/hook", "expires_in": 3600}'
    ;;
esac
notice='{"issue": "The upgrade is settled", "context": {"tier": "pro"}, "action_label": "Look"}'

call() {
    curl -sS --fail-with-body -m 30 -H "Authorization: Bearer $key" -H 'Content-Type: application/json' "$@"
}

# text NAME: the first text in $answer that is called so
text() {
    printf %s "$answer" | grep -oE "$1: ?\"[^\"]+\"" | head -n 1 | cut -d '"' -f 4
}

answer=$(call --data "$request" "$base/v1/notify-operator")
id=$(text "$id_name")
echo "$id"
while
    answer=$(call "$base/v1/approvals/$id")
    status=$(text '"status"')
    [ "$status" = pending ]
do
    sleep 0.1
done
echo "$status"
answer=$(call --data "$notice" "$base/v1/notify-operator")
text '"status"'
