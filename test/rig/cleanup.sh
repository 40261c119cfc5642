# shellcheck shell=bash
# Removes what a test run left in the engine.

# remove_labelled LABEL : containers first, because they hold the rest.
remove_labelled() {
  [ -n "${DOCKER_HOST:-}" ] || return 0 # no engine was reached, so nothing was made in one
  local ids
  mapfile -t ids < <(docker ps --all --quiet --filter "label=$1")
  [ ${#ids[@]} -eq 0 ] || docker rm --force --volumes "${ids[@]}" >/dev/null
  mapfile -t ids < <(docker network ls --quiet --filter "label=$1")
  [ ${#ids[@]} -eq 0 ] || docker network rm "${ids[@]}" >/dev/null
  mapfile -t ids < <(docker volume ls --quiet --filter "label=$1")
  [ ${#ids[@]} -eq 0 ] || docker volume rm "${ids[@]}" >/dev/null
  mapfile -t ids < <(docker image ls --quiet --filter "label=$1" | sort -u)
  [ ${#ids[@]} -eq 0 ] || docker image rm --force "${ids[@]}" >/dev/null
}
