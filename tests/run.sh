#!/bin/sh
# Runs the test programs given, a few at a time; says at the end which failed. Each prints cmocka's own lines.
set -u
build=${HEADSUP_BUILD:-build}

run() { # TEST: its whole log when it failed; what is printed is printed in one piece
	log=$1.log
	timeout 300 "$1" >"$log" 2>&1
	status=$?
	{
		flock 9
		echo "== $1"
		if [ $status = 0 ]; then
			grep -E '^\[  (PASSED|SKIPPED)' "$log"
		else
			cat "$log"
			[ $status != 124 ] || echo "it took longer than 300 s"
			echo "$1" >>"$build/failed"
		fi
		printf '%s %s\n' "$(grep -cE '^\[       OK \]' "$log")" "$(grep -cE '^\[  FAILED  \].*_' "$log")" >>"$build/counts"
		grep -cE '^\[       OK \]' "$log" >>"$build/ran"
	} 9>"$build/lock"
}

if [ "${1:-}" = --one ]; then
	run "$2"
	exit 0
fi
rm -f "$build/failed" "$build/ran"
jobs=$(nproc)
[ "$jobs" -lt 4 ] || jobs=4
for test in "$@"; do
	[ ! -x "$test" ] || printf '%s\n' "$test"
done | xargs -r -n 1 -P "$jobs" sh "$0" --one
grep -qE '[1-9]' "$build/ran" 2>/dev/null || { echo "no test ran" >&2; exit 1; }
[ ! -s "$build/failed" ] || { echo "FAILED: $(tr '\n' ' ' <"$build/failed")" >&2; exit 1; }
