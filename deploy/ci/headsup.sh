#!/bin/sh
# headsup.sh - `headsup expect`, `during` and `end` for machines that have curl but no headsup. Where headsup is installed, it is used.
#
#   sh headsup.sh expect MATCH... --because TEXT [--for 30m] [--max N]
#   sh headsup.sh during MATCH... --because TEXT [--for 2h] [--max N] -- COMMAND ...
#   sh headsup.sh end H17
#
# HEADSUP_URL and HEADSUP_TOKEN say where and who. What CI systems pass through the environment: HEADSUP_MATCH (a match a line),
# HEADSUP_BECAUSE, HEADSUP_FOR, HEADSUP_MAX, and for `during` HEADSUP_RUN (a script, run by sh -e, which does not see the token).
# Exit status: 0 done, 1 failed, 2 usage, 3 refused by policy, 4 waits for approval; of `during` the command's own.
set -u

LEASE=20s    # how long it may go on suppressing after our death
BEAT=5       # seconds between renewals
CALL_MAX=5   # seconds for one request
TRIES=3      # of announcing; with one Idempotency-Key it is announced once

say() {
	echo "headsup: $*" >&2
}

usage() {
	say "$1; see the top of $0"
	exit 2
}

# $1 as a JSON string.
json() {
	printf '"%s"' "$(printf %s "$1" | tr '\n\t\r' '   ' | tr -d '\000-\037' | sed 's/\\/\\\\/g; s/"/\\"/g')"
}

# POST $1 with the body $2 and the Idempotency-Key $3 (may be empty): sets code (000: no answer) and answer. The token goes to curl
# through a pipe: what stands on a command line is seen by everybody on the machine.
post() {
	answer=$(printf 'header = "Authorization: Bearer %s"\n' "${HEADSUP_TOKEN:-}" |
		curl --config - --silent --max-time $CALL_MAX --noproxy 127.0.0.1,localhost,::1 --proto '=http,https' \
			--header 'Content-Type: application/json' ${3:+--header "Idempotency-Key: $3"} \
			--data-binary "$2" --write-out '\n%{http_code}' "$url$1")
	code=$(printf %s "$answer" | tail -n 1)
	answer=$(printf %s "$answer" | sed '$d')
}

# The text of the member $1 of the answer, where it is a word.
member() {
	printf %s "$answer" | tr '\n' ' ' | sed -n 's/.*"'"$1"'":"\([A-Za-z0-9-]*\)".*/\1/p'
}

detail() {
	printf %s "$answer" | tr '\n' ' ' | sed -n 's/.*"detail":"\(\([^"\\]\|\\.\)*\)".*/\1/p' | tr -d '\000-\037'
}

# Reads MATCH... and options up to --; sets body and how many words were read.
read_request() {
	matches='' because=${HEADSUP_BECAUSE:-} for=${HEADSUP_FOR:-} max=${HEADSUP_MAX:-} read=0
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		case $1 in
		--because | --for | --max)
			[ $# -gt 1 ] || usage "$1 needs a value"
			case $1 in
			--because) because=$2 ;;
			--for) for=$2 ;;
			--max) max=$2 ;;
			esac
			shift
			read=$((read + 1))
			;;
		-*) usage "there is no option $1 here" ;;
		*) matches="$matches${matches:+,}$(json "$1")" ;;
		esac
		shift
		read=$((read + 1))
	done
	while IFS= read -r line; do
		[ -z "$line" ] || matches="$matches${matches:+,}$(json "$line")"
	done <<END
${HEADSUP_MATCH:-}
END
	case $max in *[!0-9]*) usage "--max is a number" ;; esac
	[ -n "$matches" ] || usage "say what to expect, as in host=web-*"
	body="{\"match\":[$matches],\"because\":$(json "$because")${for:+,\"for\":$(json "$for")}${max:+,\"max\":$max}"
}

# Announces the body; sets id, or ends us. Out of reach: id stays empty.
announce() {
	key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
	id='' tries=0
	while :; do
		post /v1/announcements "$body" "$key"
		tries=$((tries + 1))
		case $code in 000 | 429 | 502 | 503 | 504) [ $tries -lt $TRIES ] || return 0 ;; *) break ;; esac
		sleep 1
	done
	case $code in
	201)
		id=$(member id)
		if [ "$(member status)" = pending ]; then
			say "$id waits for somebody else's approval"
			pending=yes
		fi
		return 0
		;;
	400) say "$(detail)" && exit 2 ;;
	409) say "$(detail)" && [ "$(member reason)" = policy ] && exit 3 ;;
	401) say "headsup does not know the token in HEADSUP_TOKEN" ;;
	*) say "${url} answered $code: $(detail)" ;;
	esac
	exit 1
}

end() {
	post "/v1/announcements/$1/end" "{\"note\":$(json "${2:-done}")}" ''
	[ "$code" = 200 ] && return 0
	say "$1 was not ended ($code): $(detail)"
	return 1
}

do_expect() {
	read_request "$@"
	body="$body}"
	announce
	[ -n "$id" ] || { say "$url cannot be reached" && exit 1; }
	echo "$id"
	[ -z "$pending" ] || exit 4
}

# In the background: renews for as long as process $1 lives.
beat() {
	while sleep $BEAT >/dev/null 2>&1 && kill -0 "$1" 2>/dev/null; do
		post "/v1/announcements/$id/renew" "{\"lease\":\"$LEASE\"}" ''
		case $code in
		200 | 000 | 429 | 5??) ;;
		*) say "$(detail): what fires now is told" && return ;;
		esac
	done
}

do_during() {
	read_request "$@"
	shift $read
	[ $# -eq 0 ] || shift
	if [ $# -eq 0 ]; then
		[ -n "${HEADSUP_RUN:-}" ] || usage "say what to run after --"
		set -- env -u HEADSUP_TOKEN sh -e -c "$HEADSUP_RUN"
	fi
	body="$body,\"lease\":\"$LEASE\"}"
	announce
	if [ -n "$pending" ]; then
		end "$id" "nobody approved it in time"
		say "the command was not run"
		exit 4
	fi
	if [ -n "$id" ]; then
		say "$id announced while the command runs"
		beat $$ &
		beating=$!
	else
		say "$url cannot be reached; the command runs UNANNOUNCED"
		beating=
	fi
	# In the background, for only then does a trap run at once; such a command ignores INT, so TERM is what it gets.
	exec 3<&0
	"$@" <&3 3<&- &
	running=$!
	trap 'kill -TERM $running' TERM INT HUP
	wait $running
	status=$?
	while kill -0 $running 2>/dev/null; do
		wait $running
		status=$?
	done
	[ -z "$beating" ] || kill $beating 2>/dev/null
	why="exit $status"
	[ $status != 0 ] || why=""
	[ -z "$id" ] || end "$id" "$why"
	exit $status
}

[ $# -gt 0 ] || usage "expect, during or end"
if command -v headsup >/dev/null 2>&1; then
	verb=$1
	shift
	if [ "$verb" != end ]; then
		# What came through the environment is put before what was typed.
		typed=
		for word in "$@"; do [ "$word" != -- ] || typed=yes; done
		[ "$verb" != during ] || [ -n "$typed" ] || [ -z "${HEADSUP_RUN:-}" ] ||
			set -- "$@" -- env -u HEADSUP_TOKEN sh -e -c "$HEADSUP_RUN"
		[ -z "${HEADSUP_MAX:-}" ] || set -- --max "$HEADSUP_MAX" "$@"
		[ -z "${HEADSUP_FOR:-}" ] || set -- --for "$HEADSUP_FOR" "$@"
		[ -z "${HEADSUP_BECAUSE:-}" ] || set -- --because "$HEADSUP_BECAUSE" "$@"
		while IFS= read -r line; do
			[ -z "$line" ] || set -- "$line" "$@"
		done <<END
${HEADSUP_MATCH:-}
END
	fi
	exec headsup "$verb" "$@"
fi

url=${HEADSUP_URL:-http://127.0.0.1:8080}
url=${url%/}
pending=
case $url in
*@* | *\?* | *#*) usage "HEADSUP_URL is an address alone" ;;
https://* | http://127.0.0.1 | http://127.0.0.1[:/]* | http://localhost | http://localhost[:/]* | http://\[::1\]*) ;;
*) usage "HEADSUP_URL begins with https://, or on loopback with http://" ;;
esac
[ -z "$(printf %s "${HEADSUP_TOKEN:-}" | tr -d '!#-[]-~')" ] || usage "HEADSUP_TOKEN holds a character that a token cannot have"
verb=$1
shift
case $verb in
expect) do_expect "$@" ;;
during) do_during "$@" ;;
end)
	case ${1:-} in H*[!0-9]* | '' | H) usage "say which announcement, as in H17" ;; H*) end "$1" ;; *) usage "say which announcement, as in H17" ;; esac
	;;
*) usage "there is no \"$verb\"" ;;
esac
