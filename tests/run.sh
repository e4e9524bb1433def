#!/bin/sh
# Runs the test programs given; says at the end which failed. Each prints cmocka's own lines.
set -u
failed=
ran=0
for test in "$@"; do
	[ -x "$test" ] || continue
	echo "== $test"
	log=$test.log
	if timeout 300 "$test" >"$log" 2>&1; then
		grep -E '^\[  (PASSED|SKIPPED)' "$log" || true
	else
		cat "$log"
		failed="$failed $test"
	fi
	count=$(grep -cE '^\[       OK \]' "$log" || true)
	ran=$((ran + count))
	bad=$(grep -cE '^\[  FAILED  \].*_' "$log" || true)
	printf '%s %s\n' "$count" "$bad" >>"${HEADSUP_BUILD:-build}/counts"
done
[ "$ran" -gt 0 ] || { echo "no test ran" >&2; exit 1; }
[ -z "$failed" ] || { echo "FAILED:$failed" >&2; exit 1; }
