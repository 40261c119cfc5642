# shellcheck shell=bash
# What the demo calls its things; demo.sh makes them, demo-down.sh removes them.

DEMO_PROJECT=erlmcp
DEMO_LABEL=erlmcp.demo=true
SAMPLE=test/rig/sample/compose.yaml
export BACKUP_VOLUME=${BACKUP_VOLUME:-erlmcp-backups}

sample() { docker compose --project-name "$DEMO_PROJECT" --file "$ROOT/$SAMPLE" "$@"; }

# Refuses to touch what somebody else made under the demo's names.
refuse_foreign() {
  local other
  other=$(docker ps --all --filter "label=com.docker.compose.project=$DEMO_PROJECT" \
    --format '{{.Label "com.docker.compose.project.config_files"}}' |
    grep -v -e "/$SAMPLE" -e "^$ROOT/compose/" | head -n 1) || : # grep fails when nothing is left, as it should be
  [ -z "$other" ] || die "a Compose project \"$DEMO_PROJECT\" is here already, from $other" \
    "The demo leaves it alone. Stop that project first, or run the demo against another engine (DOCKER_HOST)."
  if docker volume inspect "$BACKUP_VOLUME" >/dev/null 2>&1 && ! is_demo_volume; then
    die "the volume $BACKUP_VOLUME is not the demo's: it may hold real backups" \
      "Give the demo another one: BACKUP_VOLUME=demo-backups npm run demo"
  fi
}

is_demo_volume() { [ -n "$(docker volume ls --quiet --filter "label=$DEMO_LABEL" --filter "name=^$BACKUP_VOLUME\$")" ]; }
