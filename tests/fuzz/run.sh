#!/bin/sh
# Runs each fuzz target for FUZZ_S seconds over a scratch corpus that begins with the samples.
set -eu
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
# libfyaml 0.7 forgets a block of its own when a key in a flow mapping has very many quotes and the mapping is broken. It ends with the file.
echo 'leak:libfyaml' >"$corpus/leaks"
LSAN_OPTIONS=suppressions=$corpus/leaks:print_suppressions=0
export LSAN_OPTIONS
for target in "$@"; do
	name=${target##*/}
	mkdir -p "$corpus/$name"
	find tests/data -type f -size -64k | head -n 200 | while read -r sample; do
		cp "$sample" "$corpus/$name/$(echo "$sample" | tr / _)"
	done
	[ ! -d "tests/fuzz/corpus/$name" ] || cp tests/fuzz/corpus/"$name"/* "$corpus/$name/"
	"$target" -max_total_time="${FUZZ_S:-3}" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -artifact_prefix="$corpus/" \
		"$corpus/$name" >"$corpus/log" 2>&1 || { cat "$corpus/log"; echo "$name found something" >&2; exit 1; }
	echo "fuzz: $name $(grep -oE '^Done [0-9]+ runs' "$corpus/log" || echo done)"
done
