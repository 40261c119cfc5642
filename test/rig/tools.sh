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
