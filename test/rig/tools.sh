# shellcheck shell=bash
# What a machine without Docker lacks: engine, command line, Compose and BuildKit plugins, and mmdebstrap.
# shellcheck source=apt.sh
. "$RIG/apt.sh"

TOOLS=$CACHE/tools

# Debian 13 has the newest of all of them, and they run on Debian 12; only its runc asks for a newer libc,
# so that one and the libraries come from the machine's own release.
tool_packages() {
  local own name
  own=$(own_release)
  printf '%s/trixie\n' docker.io docker-cli docker-compose docker-buildx containerd tini
  for name in runc iptables libseccomp2 libip4tc2 libip6tc2 libxtables12 libmnl0 libnetfilter-conntrack3 \
    libnfnetlink0 libnftnl11 mmdebstrap; do
    printf '%s/%s\n' "$name" "$own"
  done
}

tools_are_there() { [ -x "$TOOLS/usr/bin/docker" ] && [ -x "$TOOLS/plugins/cli-plugins/docker-compose" ]; }

fetch_tools() {
  ! tools_are_there || return 0
  is_debian || die "no Docker engine with Compose and Buildx found, and only on Debian can one be fetched" \
    "Install and start Docker (with the compose and buildx plugins), or set DOCKER_HOST, and try again."
  local packages
  mapfile -t packages < <(tool_packages)
  fetch_packages "$TOOLS" "${packages[@]}"
  mkdir -p "$TOOLS/plugins/cli-plugins"
  ln -sf "$TOOLS"/usr/libexec/docker/cli-plugins/* "$TOOLS/plugins/cli-plugins/"
}

tools_up() { tools_are_there || locked tools fetch_tools; }

JQ=$CACHE/jq

# The program with the libraries that it brings, from the machine's own release.
fetch_jq() {
  [ ! -x "$JQ/bin/jq" ] || return 0
  is_debian || die "no jq found" "Install jq, then try again."
  local own libraries
  own=$(own_release)
  fetch_packages "$JQ" "jq/$own" "libjq1/$own" "libonig5/$own"
  libraries=("$JQ"/usr/lib/*-linux-gnu)
  mkdir "$JQ/bin"
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "${libraries[0]}" "$JQ/usr/bin/jq" >"$JQ/bin/jq"
  chmod 755 "$JQ/bin/jq"
}

# For the README's commands that read a receipt: the machine's own jq, else one in the cache, last on PATH.
jq_up() {
  ! command -v jq >/dev/null || return 0
  [ -x "$JQ/bin/jq" ] || locked jq fetch_jq
  export PATH=$PATH:$JQ/bin
}
