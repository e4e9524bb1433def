#!/bin/sh
# Runs every bench, one after the other, and says on what machine. Called by `make bench`; takes less than five minutes.
set -u
build=${BUILD:-build}
failed=
printf '%s cores, %s, %s\n' "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(uname -sr)"
printf 'load before: %s\n' "$(cut -d ' ' -f 1-3 /proc/loadavg)"
for source in tests/bench/bench_*.c; do
	name=$(basename "$source" .c)
	printf '\n== %s\n' "$name"
	HEADSUP_BUILD=$build timeout 300 "$build/tests/bench/$name" || failed="$failed $name"
done
[ -z "$failed" ] || { echo "FAILED:$failed" >&2; exit 1; }
