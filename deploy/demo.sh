#!/bin/sh
# A short true story on free ports: headsup beside a simulated Slack and PagerDuty. Stays up until Ctrl-C.
# HEADSUP_DEMO_ONCE=1 ends it after the story.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
samples=tests/data/alerts/falco
dir=$(mktemp -d "${TMPDIR:-/tmp}/headsup-demo.XXXXXX")
sim= bot=
finish() {
	trap - EXIT INT TERM
	[ -z "$bot" ] || kill "$bot" 2>/dev/null || true
	[ -z "$bot" ] || wait "$bot" 2>/dev/null || true
	[ -z "$sim" ] || kill "$sim" 2>/dev/null || true
	rm -rf "$dir"
}
trap finish EXIT
trap 'echo; finish; exit 0' INT TERM

if [ -t 1 ]; then
	bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m') color=1
else
	bold= dim= plain= color=0
fi
tell() { printf '\n%s▶ %s%s\n' "$bold" "$*" "$plain"; }
shown() { printf '%s  $ %s%s\n' "$dim" "$*" "$plain"; }
fail() {
	echo "demo: $*" >&2
	[ ! -f "$dir/headsup.log" ] || tail -n 20 "$dir/headsup.log" >&2
	exit 1
}
await() { # FILE PATTERN WHAT: a line of a log, at most 20 s
	n=0
	while ! grep -q "$2" "$1" 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt 200 ] || fail "$3 did not start"
		sleep 0.1
	done
}

"$build/headsup-sim" --port 0 >"$dir/sim.out" 2>"$dir/sim.log" &
sim=$!
await "$dir/sim.out" '^listening' 'the simulator'
word() { sed -n "s/^listening.* $1=\([^ ]*\).*/\1/p" "$dir/sim.out"; }
api=$(word api) pagerduty=$(word pagerduty) control=$(word control)

cat >"$dir/headsup.yaml" <<YAML
listen: 127.0.0.1:0
store: sqlite://$dir/headsup.db
slack: {app_token: xapp-1-demo-5d1f0c7b29e64a83, bot_token: xoxb-demo-c08a3e5b7f6142d9, api_url: "$api"}
pagerduty:
  events_url: "$pagerduty"
  api_url: "$pagerduty"
  api_token: pagerduty-demo-3e7a90c15bd2f486
  from: headsup@example.com
  webhook_secret: webhooks-demo-82c4f6a01d9b3e57
sources:
  - {name: falco, format: falco, token: falco-demo-1b6e2d9c40a85f73}
tokens:
  - {name: ops, token: ops-demo-7f3c9a51e2b84d06, may: [send, read, act, announce, announce_for]}
routes:
  - {match: ["severity=critical"], channel: "#security-urgent", page: {routing_key: "0123456789abcdef0123456789abcdef"}}
  - {channel: "#security-alerts"}
people:
  - {slack: U0ALICE, email: alice@example.com, logins: [alice, kubernetes-admin]}
  - {slack: U0BOB, email: bob@example.com, logins: [bob]}
  - {slack: U0CAROL, email: carol@example.com}
YAML
chmod 600 "$dir/headsup.yaml"
"$build/headsup" serve --config "$dir/headsup.yaml" 2>"$dir/headsup.log" &
bot=$!
await "$dir/headsup.log" 'listening on ' headsup
url=$(sed -n 's/.*listening on \(http[^ ]*\).*/\1/p' "$dir/headsup.log" | head -n 1)
n=0
until curl -sf "$url/readyz" 2>/dev/null | grep -q '"slack":"connected"'; do
	n=$((n + 1))
	[ $n -lt 200 ] || fail 'Slack was not reached'
	sleep 0.1
done
curl -sf "${control}pd/config" -d "{\"webhook\":{\"url\":\"$url/webhooks/pagerduty\",\"secrets\":[\"webhooks-demo-82c4f6a01d9b3e57\"]}}" >/dev/null ||
	fail 'PagerDuty takes no webhook'
echo "headsup is at $url, a simulated Slack and PagerDuty at ${control%/sim/}."

send() { # FILE [SED]: a Falco alert, as Falco posts it; prints its id
	sed "${2:-}" "$samples/$1" | curl -sf "$url/v1/alerts/falco" -H 'Authorization: Bearer falco-demo-1b6e2d9c40a85f73' --data-binary @- |
		tee -a "$dir/answers" | sed -n 's/.*"id":"\(A[0-9]*\)".*/\1/p'
}
alert() { curl -sf "$url/v1/alerts/$1" -H 'Authorization: Bearer ops-demo-7f3c9a51e2b84d06'; }
member() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }
until_alert() { # ID PATTERN WHAT
	n=0
	until alert "$1" | grep -qE "$2"; do
		n=$((n + 1))
		[ $n -lt 200 ] || fail "$3"
		sleep 0.1
	done
}
slack() { # ACTION JSON: a person does something in Slack
	curl -sf "${control}$1" -H 'Content-Type: application/json' -d "$2" >"$dir/slack.json" || fail "Slack: $1 $2"
}
channel() {
	echo
	curl -sf "${control}render?color=$color&channel=$(printf %s "$1" | sed 's/#/%23/')" | sed 's/^/  /'
}

tell 'A Falco alert arrives: a shell in a container, critical. It is on disk, then answered, then in Slack, and it pages.'
shown "curl $url/v1/alerts/falco -H 'Authorization: Bearer falco-demo-1b6e2d9c40a85f73' --data-binary @$samples/terminal-shell-in-container.json"
first=$(send terminal-shell-in-container.json)
until_alert "$first" '"ts":"' 'the alert did not reach Slack'
until_alert "$first" '"pagerduty":\{' 'the alert did not reach PagerDuty'
channel '#security-urgent'

tell 'alice is about to look into a pod, which fires an alert. She says so first:'
text='expect rule=\"Attach/Exec Pod\" for 30m max 3 because debugging the kubecon pod'
shown "/headsup expect rule=\"Attach/Exec Pod\" for 30m max 3 because debugging the kubecon pod"
slack slash "{\"user\":\"U0ALICE\",\"channel\":\"#security-alerts\",\"text\":\"$text\"}"

tell 'Her alert comes (kubernetes-admin is one of her logins). Nobody is disturbed: it is recorded and counted.'
second=$(send k8saudit-attach-exec.json)
until_alert "$second" '"status":"expected"' 'the announced alert was not suppressed'
shown "curl $url/v1/alerts/$second   # \"status\":\"$(alert "$second" | member status)\", \"announcement\":\"$(alert "$second" | member announcement)\""

tell 'The same alert by somebody else stands out: raised by one severity, and it says why.'
third=$(send k8saudit-attach-exec.json 's/kubernetes-admin/mallory/g')
until_alert "$third" '"ts":"' 'the other alert did not reach Slack'
channel '#security-alerts'

tell 'bob acks the first one with its button. It is acked in PagerDuty, by him.'
ts=$(alert "$first" | sed -n 's/.*"ts":"\([0-9.]*\)".*/\1/p' | head -n 1)
slack press "{\"user\":\"U0BOB\",\"channel\":\"#security-urgent\",\"ts\":\"$ts\",\"action_id\":\"alert_ack\"}"
until_alert "$first" '"status":"acknowledged"' 'the ack did not reach PagerDuty'

tell 'carol looks at it in PagerDuty: she leaves a note, and resolves it. Slack says so.'
for act in '"action":"note","note":"seen the same on Tuesday: our scanner"' '"action":"resolve"'; do
	curl -sf "${control}pd/act" -d "{\"user\":\"carol@example.com\",\"dedup_key\":\"headsup-$first\",$act}" >/dev/null || fail "PagerDuty: $act"
done
until_alert "$first" '"status":"resolved"' 'what was done in PagerDuty did not reach Slack'
channel '#security-urgent'
curl -sf "${control}render?pagerduty=1&color=$color" | sed -n '/━━ PagerDuty/,$p' | sed 's/^/  /'

[ -z "${HEADSUP_DEMO_ONCE:-}" ] || exit 0
cat <<TEXT

${bold}It stays up: try next (each line works as it stands)${plain}

  # do something in PagerDuty, as carol (ack resolve unack reopen escalate note), and see Slack follow
  curl ${control}pd/act -d '{"user":"carol@example.com","dedup_key":"headsup-$first","action":"reopen"}'

  # the alert again: one card with a count while $first is open, a new one after that
  curl $url/v1/alerts/falco -H 'Authorization: Bearer falco-demo-1b6e2d9c40a85f73' --data-binary @$samples/terminal-shell-in-container.json

  # what headsup knows of it, with its timeline
  curl $url/v1/alerts/$first -H 'Authorization: Bearer ops-demo-7f3c9a51e2b84d06'

  # an alert of your own
  curl $url/v1/alerts -H 'Authorization: Bearer ops-demo-7f3c9a51e2b84d06' -d '{"title":"key added for root","severity":"high","host":"web-3","actor":"mallory"}'

  # type a command as alice, and read what she is told
  curl ${control}slash -d '{"user":"U0ALICE","channel":"#security-alerts","text":"why $third"}'
  curl ${control}slash -d '{"user":"U0ALICE","channel":"#security-alerts","text":"resolve $third because planned"}'

  # the channels as they would look
  curl '${control}render?channel=%23security-alerts'
  curl '${control}render?channel=%23security-urgent'

  # who is on call, the next level, and both sides: each names who did what
  curl ${control}slash -d '{"user":"U0ALICE","channel":"#security-urgent","text":"oncall"}'
  curl ${control}slash -d '{"user":"U0ALICE","channel":"#security-urgent","text":"escalate $first because I need help"}'
  curl '${control}render?channel=%23security-urgent&pagerduty=1'

  # what there is to watch, and the audit log
  curl $url/metrics
  $build/headsup audit verify --config $dir/headsup.yaml

The log is $dir/headsup.log. Ctrl-C ends it.
TEXT
while kill -0 "$bot" 2>/dev/null && kill -0 "$sim" 2>/dev/null; do
	sleep 1
done
fail 'headsup or the simulator ended by itself'
