#!/usr/bin/env bash
# npm run bench: the backup job beside restic, borg and tar, on the same data.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=setup.sh
. "$RIG/setup.sh"

cd "$ROOT"
step "Workspace" bootstrap
bootstrap # again: a step runs in a subshell, and these set variables
step "Docker engine and base images" setup
setup
step "Images of the jobs" docker compose build --quiet backup restore
exec node test/bench/src/main.ts "$@"
