#!/usr/bin/env bash
# npm run demo:down: removes the demo's containers, networks, volumes and restore points, and stops the engine if it is
# the rig's. With --all its images and caches go too.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=setup.sh
. "$RIG/setup.sh"
# shellcheck source=demo-names.sh
. "$RIG/demo-names.sh"

case "${1:-}" in
"" | --all) ;;
*) die "unknown option $1" "Usage: npm run demo:down [-- --all]" ;;
esac

remove_stack() {
  local images=()
  [ "${1:-}" != --all ] || images=(--rmi all)
  sample down --volumes --remove-orphans --timeout 10 "${images[@]}"
}

remove_backups() { ! is_demo_volume || docker volume rm "$BACKUP_VOLUME"; }

# Of the jobs those that a build here made: a registry of one's own is somebody else's.
remove_images() {
  local ids
  mapfile -t ids < <(docker image ls --quiet --filter reference='erlmcp-rig/*' --filter reference='erlmcp-test/*' \
    --filter reference='erlmcp/*:local' | sort -u)
  [ ${#ids[@]} -eq 0 ] || docker image rm --force "${ids[@]}"
}

# By name, so that a cache folder set to the wrong place loses nothing else.
remove_caches() {
  (cd "$CACHE" && rm -rf --one-file-system docker docker.log tools jq registry {fetch,debian,npm}.?????? ./*.lock)
  rmdir "$CACHE" 2>/dev/null || say "left in place, because other things are in it: $CACHE"
}

cd "$ROOT"
engine_up
compose_variables
refuse_foreign
step "Sample stack and its volumes removed" remove_stack "$@"
step "Restore points removed" remove_backups
[ "${1:-}" != --all ] || step "Images removed" remove_images
if ! engine_is_ours; then
  say "The engine at $DOCKER_HOST was there before; it keeps running."
elif [ -n "$(docker ps --quiet)" ]; then
  say "The engine keeps running: it runs containers that are not the demo's (docker ps)."
else
  step "Docker engine stopped" engine_down
  [ "${1:-}" != --all ] || [ ! -d "$CACHE" ] || step "Caches removed" remove_caches
fi
