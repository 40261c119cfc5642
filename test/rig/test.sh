#!/usr/bin/env bash
# npm test: every check and every suite, then one line that sums them up. `test.sh soak` runs the long ones instead.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=setup.sh
. "$RIG/setup.sh"
# shellcheck source=cleanup.sh
. "$RIG/cleanup.sh"

export ERLMCP_TEST_RUN=${ERLMCP_TEST_RUN:-$(date -u +%Y%m%dT%H%M%S)-$$}
results=$(mktemp -d)
child=

# The whole process group: a linter's or vitest's own children too.
end_child() {
  kill -- "-$child" 2>/dev/null || : # it may have ended meanwhile
  wait "$child" || : # whatever it says, it was told to end
}

finish() {
  trap - EXIT INT TERM HUP
  [ -z "$child" ] || end_child
  remove_labelled "erlmcp.test.run=$ERLMCP_TEST_RUN"
  rm -rf "$results"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Runs one step to its end, whatever it comes to, and notes its exit status. In the background, because bash runs a
# trap only when the command in the foreground has ended; in a process group of its own (-m), to be ended as a whole.
run() {
  local name=$1 status=0
  shift
  say "== $name"
  set -m
  "$@" </dev/null &
  child=$!
  set +m
  wait "$child" || status=$?
  child=
  echo "$status" >"$results/$name.exit"
}

suite() { run "$1" vitest run --project "$1" --reporter=default --reporter=json --outputFile.json="$results/$1.json"; }

cd "$ROOT"
step "Workspace" bootstrap
bootstrap # again: a step runs in a subshell, and this sets PATH
if [ "${1:-}" != soak ]; then
  for check in format:check lint types boundaries; do run "$check" node --run "$check"; done
  suite unit
fi
run engine step "Docker engine and base images" setup
if [ "$(<"$results/engine.exit")" = 0 ]; then
  rm "$results/engine.exit" # counts only when it fails: it tests nothing
  setup
  if [ "${1:-}" = soak ]; then
    suite soak
  else
    # A first build takes longer than a test may; what fails here, the suite shows again.
    run s3 step "Images of the S3 servers" node "$RIG/s3/src/build.ts"
    [ "$(<"$results/s3.exit")" != 0 ] || rm "$results/s3.exit"
    suite int
    run jq step "jq, for the README's commands" jq_up
    [ "$(<"$results/jq.exit")" != 0 ] || rm "$results/jq.exit"
    jq_up # again: a step runs in a subshell, and this sets PATH
    suite e2e
  fi
  remove_labelled "erlmcp.test.run=$ERLMCP_TEST_RUN"
fi
node "$RIG/src/summary.ts" "$results"
