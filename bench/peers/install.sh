#!/bin/sh
# Installs on Debian what bench:peers measures beside millrace: HAProxy, nginx with its stream module, coturn, socat; and a C compiler for the load.
# Their services are not started: the bench starts each by itself, on ports of its own.
set -eu

packages='haproxy nginx libnginx-mod-stream coturn socat gcc libc6-dev'
echo "apt-get install $packages"
[ "$(id -u)" = 0 ] || { echo 'This needs root.' >&2; exit 1; }

# Debian asks this file before it starts a service; 101 means no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
echo 'Installed.'
