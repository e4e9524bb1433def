#!/bin/sh
# Installs, through apt, the Debian 12 packages that headsup is built and tested with, as far as they are missing.
# deploy/deps.sh build   what `make` needs
# deploy/deps.sh check   that, and what the tests need
set -eu
# What each is for stands in CONTRIBUTING.md, "Dependencies".
build="gcc libc6-dev make pkg-config libwebsockets-dev libwebsockets-evlib-uv libcurl4-openssl-dev libcjson-dev libsqlite3-dev
libuv1-dev libmicrohttpd-dev libfyaml-dev libpcre2-dev libssl-dev libsystemd-dev libcap-dev libev-dev zlib1g-dev tzdata ca-certificates"
check="libcmocka-dev clang libclang-rt-14-dev openssl curl sqlite3"
demo="curl"

case "${1:-build}" in
check) wanted="$build $check" ;;
demo) wanted="$build $demo" ;;
*) wanted=$build ;;
esac

# Alertmanager's command line tool, for the tests of that interface: it alone is taken out of its package, which would start a daemon.
# Nothing is installed.
fetch() (
	cd "$1" && rm -f ./*.deb && apt-get download -qq prometheus-alertmanager >/dev/null 2>&1 &&
		dpkg-deb --fsys-tarfile prometheus-alertmanager_*.deb | tar -x ./usr/bin/amtool
)
amtool() {
	to=${BUILD:-build}/tools
	if [ -x /usr/bin/amtool ] || [ -x "$to/amtool" ]; then
		return 0
	fi
	mkdir -p "$to/get"
	# A fresh machine has no lists of packages yet.
	if { fetch "$to/get" || { $as apt-get update -qq >/dev/null 2>&1 && fetch "$to/get"; }; } && mv "$to/get/usr/bin/amtool" "$to/amtool"; then
		echo "headsup tests its Alertmanager interface with amtool, which is now in $to"
	elif [ -n "${CI:-}" ]; then
		echo "headsup: amtool (package prometheus-alertmanager) cannot be had, and is tested with here" >&2
		exit 1
	else
		echo "headsup: amtool (package prometheus-alertmanager) cannot be had; the test that drives it is skipped" >&2
	fi
	rm -rf "$to/get"
}

# What makes a command root's.
if [ "$(id -u)" = 0 ]; then
	as=
elif command -v sudo >/dev/null 2>&1; then
	as=sudo
else
	as=false
fi

missing=
for package in $wanted; do
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
	[ "${1:-build}" != check ] || amtool
	exit 0
fi

echo "headsup needs these Debian packages, which are missing; installing them through apt:$missing"
if [ "$as" = sudo ]; then
	echo "(as root, through sudo)"
elif [ "$as" = false ]; then
	echo "headsup: not root, and there is no sudo. As root: apt-get install$missing" >&2
	exit 1
fi
$as apt-get update -qq
# shellcheck disable=SC2086
$as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends $missing >/dev/null
[ "${1:-build}" != check ] || amtool
