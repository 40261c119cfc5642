#!/usr/bin/env bash
# npm run demo: a bare machine gets an engine, a live sample stack, and a full backup of it.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=setup.sh
. "$RIG/setup.sh"
# shellcheck source=demo-names.sh
. "$RIG/demo-names.sh"

# Only the sample stack is backed up, whatever else runs on this engine.
export BACKUP_PROJECT=$DEMO_PROJECT

make_volume() { docker volume create --label "$DEMO_LABEL" "$BACKUP_VOLUME"; }

# Exit status 3 is a restore point too: the receipt says what could not be read.
backup_full() {
  local status=0
  docker compose run --rm backup full || status=$?
  [ "$status" = 0 ] || [ "$status" = 3 ]
}

# The receipt of the newest restore point, read through the job's image from the job's volume.
newest_receipt() {
  # shellcheck disable=SC2016 # expanded in the container
  docker compose run --rm --no-TTY --entrypoint sh backup -c '
    cd /var/lib/erlmcp/backups
    id=$(tail -n 1 catalog/backups.jsonl | sed -E "s/.*\"backup_id\": *\"([^\"]+)\".*/\1/")
    cat "$id/receipt.json"'
}

next_steps() {
  cat <<EOF

Where things are
  restore points    Docker volume $BACKUP_VOLUME, one folder each
  sample stack      Compose project $DEMO_PROJECT, from $SAMPLE
  engine            $DOCKER_HOST
  caches            $CACHE

Next, in this folder
  eval "\$(test/rig/env)"    # this engine's docker for your shell, once
  docker compose run --rm backup incremental
  docker compose run --rm backup full --dry-run
  docker compose run --rm backup --help
  docker compose -p $DEMO_PROJECT -f $SAMPLE ps

Take it all down
  npm run demo:down            # stack, volumes, restore points, engine
  npm run demo:down -- --all   # and images and caches
EOF
}

cd "$ROOT"
say "erlmcp backup: the demo. The first time takes some minutes, most of it images."
step "Workspace: pnpm, Node, tools" bootstrap
bootstrap # again: a step runs in a subshell, and these set variables
step "Docker engine" engine_up
engine_up
step "Base images" images_up
setup
refuse_foreign
step "Image of the backup job" docker compose build --quiet backup
step "Images of the sample stack" sample build --quiet
step "Sample stack: started and healthy" sample up --detach --wait --wait-timeout 600
step "Volume for restore points" make_volume
if [ -t 2 ]; then
  say "Full backup of the running stack"
  backup_full
else
  step "Full backup of the running stack" backup_full
fi
newest_receipt | node "$RIG/src/show-receipt.ts"
next_steps
