#!/bin/sh
# The closing line of `make check`: how many tests passed, plain and under the sanitizers.
build=${BUILD:-build}
cat "$build/counts" "$build/asan/counts" 2>/dev/null | awk '{ ok += $1; bad += $2 } END { printf "%d passed, %d failed\n", ok, bad }'
rm -f "$build/counts" "$build/asan/counts"
