# shellcheck shell=bash
# Sourced by every script here: where things are, and how we talk.
shopt -s inherit_errexit

RIG=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$RIG/../.." && pwd)
CACHE=${ERLMCP_RIG_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/erlmcp-rig}
# Short, because a socket's path has at most 107 bytes; in /run, because nothing in it outlives a reboot.
RUN_DIR=${ERLMCP_RIG_RUN:-/run/erlmcp-rig}
export RIG ROOT CACHE RUN_DIR

say() { printf '%s\n' "$*" >&2; }

die() {
  printf 'rig: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '     %s\n' "${@:2}" >&2
  exit 1
}

# Runs a command as an announced step and says how long it took. Its output goes to a log, shown when it fails.
step() {
  local title=$1 log status=0
  shift
  local began=$SECONDS
  log=$(mktemp)
  printf '%-58s' "$title" >&2
  # Not `"$@" || status=$?`: bash ignores errexit in all of what is tested.
  set +e
  (
    set -e
    "$@"
  ) >"$log" 2>&1
  status=$?
  set -e
  if [ "$status" -ne 0 ]; then
    say "failed after $((SECONDS - began)) s"
    tail -n 40 "$log" | sed 's/^/    /' >&2
    say "    (all of it: $log)"
    return "$status"
  fi
  say "$(printf '%4d s' $((SECONDS - began)))"
  rm -f "$log"
}

# locked NAME COMMAND… : runs a command while no other shell runs one under the same name. In a subshell, and with the
# lock's descriptor closed, so that a daemon it starts does not keep the lock.
locked() {
  mkdir -p "$CACHE"
  (
    flock 9
    "${@:2}" 9>&-
  ) 9>"$CACHE/$1.lock"
}
