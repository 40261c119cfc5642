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

# On a terminal with its progress; elsewhere without its log, unless something is wrong.
backup_full() {
  local status=0 log
  log=$(mktemp)
  if [ -t 0 ] && [ -t 1 ]; then
    docker compose run --rm backup full || status=$?
  else
    docker compose run --rm --no-TTY backup full 2>"$log" || status=$?
  fi
  [ "$status" = 0 ] || tail -n 20 "$log" >&2
  rm "$log"
  case $status in
  0) ;;
  3) say "Saved, but something could not be read; the receipt names it." ;;
  *) die "the backup failed with exit status $status" "Look closer: docker compose run --rm backup full --verbose" ;;
  esac
}

# Of the newest receipt what shows that nothing was changed since; read through the job's image from its volume.
show_proof() {
  # shellcheck disable=SC2016 # expanded in the container
  docker compose run --rm --no-TTY --entrypoint sh backup -c '
    receipt=$(ls -t /var/lib/erlmcp/backups/erlmcp_*/receipt.json | head -n 1)
    printf "\nOf its receipt, %s\n" "$receipt"
    for name in exit_code git_sha checksum_hash proof; do
      printf "  %-14s %s\n" "$name" "$(sed -n -E "s/^  \"$name\": \"?([^\",]*).*/\1/p" "$receipt")"
    done'
}

next_steps() {
  local volume=
  [ "$BACKUP_VOLUME" = erlmcp-backups ] || volume=$'\n'"  export BACKUP_VOLUME=$BACKUP_VOLUME"
  cat <<EOF

Where things are
  restore points    Docker volume $BACKUP_VOLUME, one folder each
  sample stack      Compose project $DEMO_PROJECT, from $SAMPLE
  engine            $DOCKER_HOST
  caches            $CACHE

Next, in this folder
  eval "\$(test/rig/env)"           # this engine's docker for your shell, once
  export BACKUP_PROJECT=$DEMO_PROJECT     # the sample stack only$volume
  docker compose run --rm backup incremental
  docker compose run --rm restore --list
  docker compose run --rm verify latest --test-restore
  docker compose run --rm restore latest --dry-run
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
say "Full backup of the running stack"
backup_full
show_proof
next_steps
