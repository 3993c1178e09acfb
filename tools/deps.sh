#!/bin/sh
# deps.sh demo|test|bench: installs what the demo, the tests, or the benchmarks need beside Go, from Debian's packages. It
# does nothing when all is there; it lists first what it will install; no recommended packages, and no service is
# started. Where it may not install (no root, another system) it says what is missing and what follows.
set -eu

case "${1:-}" in
demo) wants="redis-server:redis-server" ;;
test)
  wants="redis-server:redis-server curl:curl sox:sox gcc:gcc /usr/include/stdio.h:libc6-dev"
  # The far ends of internal/peers. Kamailio's TLS module lies in a directory named after the architecture; the package's
  # copyright does not, and stays even on images without documentation.
  wants="$wants sipp:sip-tester baresip:baresip-core kamailio:kamailio rtpengine:rtpengine-daemon"
  wants="$wants /usr/share/doc/kamailio-tls-modules/copyright:kamailio-tls-modules"
  ;;
bench) wants="redis-server:redis-server sipp:sip-tester taskset:util-linux" ;;
*) echo "usage: deps.sh demo|test|bench" >&2; exit 2 ;;
esac

missing=""
for want in $wants; do
  probe=${want%%:*} package=${want#*:}
  case "$probe" in
  /*) [ -e "$probe" ] || missing="$missing $package" ;;
  redis-server) command -v redis-server >/dev/null || command -v valkey-server >/dev/null || missing="$missing $package" ;;
  *) command -v "$probe" >/dev/null || missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

follows() {
  echo "missing:$missing ($1)"
  if [ "${2:-}" != "" ]; then echo "install by hand: $2"; fi
}
if ! command -v apt-get >/dev/null; then
  follows "this system has no apt-get; install the like of them with its own package manager"
elif [ "$(id -u)" != 0 ]; then
  follows "only root may install packages" "sudo apt-get install --no-install-recommends$missing"
else
  echo "installing from Debian's packages:$missing"
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then # packages that bring a service must not start it
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT INT TERM
  fi
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # a list of package names
  if apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null; }; then
    # Not at the next boot either: tests start peers of their own, and the gateway its own redis-server.
    for package in $missing; do
      case "$package" in
      redis-server | kamailio | rtpengine-daemon)
        if command -v systemctl >/dev/null; then systemctl --quiet disable "$package" 2>/dev/null || true; fi ;;
      esac
    done
    exit 0
  fi
  follows "the installation failed: see above"
fi
if [ "$1" = demo ]; then
  echo "what follows: without redis-server the gateway keeps its state in memory only (volatile); the demo still runs"
  exit 0
fi
if [ "$1" = bench ]; then who=benchmarks; else who=tests; fi
echo "what follows: the $who need them, and fail without them" >&2
exit 1
