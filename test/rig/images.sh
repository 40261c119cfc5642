# shellcheck shell=bash
# Base images: the official ones, or stand-ins under other names where no registry can be reached.
# shellcheck source=tools.sh
. "$RIG/tools.sh"

OFFICIAL_DEBIAN=debian:trixie-slim
OFFICIAL_NODE=node:26-trixie-slim
VERDICT=$CACHE/registry
VERDICT_MINUTES=60

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# Whether the official images can be had. The answer is remembered for an hour: asking can cost seconds.
registry_answers() {
  ! { has_image "$OFFICIAL_DEBIAN" && has_image "$OFFICIAL_NODE"; } || return 0
  if [ -z "$(find "$VERDICT" -mmin "-$VERDICT_MINUTES" 2>/dev/null)" ]; then
    mkdir -p "$CACHE"
    if timeout 10 docker buildx imagetools inspect "$OFFICIAL_NODE" >/dev/null 2>&1; then
      echo yes >"$VERDICT"
    else
      echo no >"$VERDICT"
    fi
  fi
  [ "$(<"$VERDICT")" = yes ]
}

# The apt proxy of the machine, if it has one: builds in the stand-in need it too.
proxy_options() {
  apt-config dump | sed -n -E 's/^(Acquire::https?::Proxy "[^"]+";)$/--aptopt=\1/p'
}

# Debian without documentation and apt caches, as debian:trixie-slim is. Its sources.list names the machine's own mirror.
build_debian() {
  ! has_image "$1" || return 0
  local mirror keyring work options
  tools_up
  is_debian || die "no image registry can be reached, and only on Debian can a stand-in be built" \
    "Make 'docker pull $OFFICIAL_NODE' work, then try again."
  mirror=$(debian_mirror)
  keyring=$(debian_keyring)
  work=$(mktemp -d "$CACHE/debian.XXXXXX")
  mapfile -t options < <(proxy_options)
  case $mirror in https:*) options+=(--include=ca-certificates) ;; esac # without them apt cannot even begin
  # shellcheck disable=SC2016 # "$1" is for mmdebstrap, the root of the new system
  "$TOOLS/usr/bin/mmdebstrap" --quiet --variant=minbase --mode=root --keyring="$keyring" "${options[@]}" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="copy-in $RIG/images/debian/docker-clean /etc/apt/apt.conf.d" \
    --customize-hook='rm -f "$1"/var/cache/apt/*.bin' trixie "$work/base.tar" "$mirror"
  docker import --change 'CMD ["bash"]' "$work/base.tar" "$1"
  rm -rf "$work"
}

# build_node IMAGE DEBIAN : Node's binary is the one that pnpm installed, npm the machine's version from the registry.
build_node() {
  ! has_image "$1" || return 0
  local work
  work=$(mktemp -d "$CACHE/npm.XXXXXX")
  npm pack --silent --pack-destination "$work" "npm@$(npm --version)"
  tar -xzf "$work"/npm-*.tgz -C "$work"
  docker buildx build --quiet --load --tag "$1" --build-arg "DEBIAN_IMAGE=$2" \
    --build-context "node=$(realpath "$ROOT/node_modules/node")" --build-context "npm=$work/package" \
    "$RIG/images/node"
  rm -rf "$work"
}

build_stand_ins() {
  build_debian "$ERLMCP_DEBIAN_IMAGE"
  build_node "$ERLMCP_NODE_IMAGE" "$ERLMCP_DEBIAN_IMAGE"
}

# Sets ERLMCP_DEBIAN_IMAGE and ERLMCP_NODE_IMAGE, the base images of every Dockerfile; builds them when they must be.
images_up() {
  if registry_answers; then
    ERLMCP_DEBIAN_IMAGE=$OFFICIAL_DEBIAN ERLMCP_NODE_IMAGE=$OFFICIAL_NODE
  else
    ERLMCP_DEBIAN_IMAGE=erlmcp-rig/debian:trixie
    ERLMCP_NODE_IMAGE=erlmcp-rig/node:$("$ROOT/node_modules/node/bin/node" --version | tr -d v)
    { has_image "$ERLMCP_DEBIAN_IMAGE" && has_image "$ERLMCP_NODE_IMAGE"; } || locked images build_stand_ins
  fi
  export ERLMCP_DEBIAN_IMAGE ERLMCP_NODE_IMAGE
}
