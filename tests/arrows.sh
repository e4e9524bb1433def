#!/bin/sh
# Arrows between folders point one way: bot -> handlers -> storage -> config. An include that runs back breaks the build.
set -u
status=0
refuse() { # FOLDER PATTERN WHY
	hits=$(grep -nE "^#include \"($2)" -r "$1" --include='*.[ch]')
	[ -z "$hits" ] && return
	printf '%s\n%s: %s\n' "$hits" "$1" "$3" >&2
	status=1
}
refuse handlers 'bot/' 'handlers/ knows no socket: what it needs of the process it is handed'
refuse storage '(bot|handlers)/' 'storage/ knows of no Slack, PagerDuty or HTTP'
refuse config '(bot|handlers|storage)/' 'config/ stands on itself alone'
for folder in bot handlers config; do
	refuse "$folder" 'storage/internal' 'of storage/ others include storage/storage.h and nothing else'
done
hits=$(grep -nE 'sqlite3\.h|sqlite3_' -r bot handlers config --include='*.[ch]')
[ -z "$hits" ] || { printf '%s\nSQL lives in storage/ alone\n' "$hits" >&2; status=1; }
[ $status = 0 ] && echo "arrows: every include points the right way"
exit $status
