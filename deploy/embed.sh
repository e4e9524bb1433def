#!/bin/sh
# Writes C that holds the migrations and the formats, so that the binary needs no file beside it.
set -eu
table() { # NAME GLOB...: an array of {name, text}, ended by NULLs
	name=$1; shift
	printf 'const struct embedded %s[] = {\n' "$name"
	for f in "$@"; do
		[ -f "$f" ] || continue
		b=${f##*/}
		printf '\t{"%s",\n' "${b%.*}"
		sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/	/\\t/g' -e 's/^/\t "/' -e 's/$/\\n"/' "$f"
		printf '\t},\n'
	done
	printf '\t{0, 0},\n};\n'
}
printf '#include "config/base/embedded.h"\n'
table embedded_migrations storage/migrations/*.sql
table embedded_formats config/formats/*.yaml
