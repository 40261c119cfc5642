# shellcheck shell=bash
# A Docker engine: the one that is there, or one of our own, started from the cache.
# shellcheck source=tools.sh
. "$RIG/tools.sh"

SOCKET=$RUN_DIR/docker.sock
PID_FILE=$RUN_DIR/docker.pid
OUR_HOST=unix://$SOCKET

answers() { DOCKER_HOST=$1 timeout 10 "$(docker_path)" version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# The docker command line: ours once it was fetched, else the machine's. Nothing when there is none.
docker_path() { if [ -x "$TOOLS/usr/bin/docker" ]; then echo "$TOOLS/usr/bin/docker"; else command -v docker || :; fi; }

# The address of the machine's own engine as its docker command line would find it; fails when none answers.
foreign_host() {
  local host=${DOCKER_HOST:-}
  [ "$host" != "$OUR_HOST" ] || host=
  [ -n "$host" ] || [ -z "$(docker_path)" ] || host=$(env -u DOCKER_HOST "$(docker_path)" context inspect \
    --format '{{.Endpoints.docker.Host}}' 2>/dev/null) || host=
  host=${host:-unix:///var/run/docker.sock}
  # Before anything is fetched only to ask a socket that is not there:
  case $host in unix://*) [ -S "${host#unix://}" ] || return 1 ;; esac
  [ -n "$(docker_path)" ] || tools_up
  answers "$host" || return 1
  printf '%s' "$host"
}

has_plugins() { docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1; }

# The pid of our dockerd, when it runs: after a reboot the number may be somebody else's.
our_pid() {
  local pid
  [ -r "$PID_FILE" ] || return 1
  pid=$(<"$PID_FILE")
  [ -r "/proc/$pid/cmdline" ] || return 1
  tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "dockerd .*--pidfile $PID_FILE " || return 1
  printf '%s' "$pid"
}

# Debian's iptables speaks to both kernel interfaces; which of them the kernel has is tried out.
link_iptables() {
  local bin=$1 kind name
  mkdir -p "$bin"
  for kind in nft legacy; do
    ! "$TOOLS/usr/sbin/iptables-$kind" -t nat -S >/dev/null 2>&1 || break
  done
  for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
    ln -sf "$TOOLS/usr/sbin/xtables-$kind-multi" "$bin/$name"
  done
}

start_engine() {
  ! our_pid >/dev/null || return 0
  [ "$(id -u)" = 0 ] || die "no Docker engine answers, and only root can start one" \
    "Start Docker, or set DOCKER_HOST, or run this as root."
  local libraries=("$TOOLS"/usr/lib/*-linux-gnu)
  export LD_LIBRARY_PATH=${libraries[0]} XTABLES_LIBDIR=${libraries[0]}/xtables
  mkdir -p "$RUN_DIR" "$CACHE/docker"
  link_iptables "$RUN_DIR/bin"
  rm -f "$PID_FILE" "$SOCKET"
  # A session of its own: it outlives this shell, and a Ctrl-C meant for a test does not reach it.
  PATH=$RUN_DIR/bin:$TOOLS/usr/sbin:$TOOLS/usr/bin:$PATH setsid nohup dockerd \
    --data-root "$CACHE/docker" --exec-root "$RUN_DIR/exec" --host "$OUR_HOST" --pidfile "$PID_FILE" \
    --group root --init-path "$TOOLS/usr/bin/tini-static" </dev/null >>"$CACHE/docker.log" 2>&1 &
}

await_engine() {
  local i
  for ((i = 0; i < 120; i++)); do
    ! answers "$OUR_HOST" || return 0
    read -rt 0.5 <> <(:) || : # half a second; the read always times out
  done
  tail -n 20 "$CACHE/docker.log"
  die "the Docker engine did not answer within a minute" "Its log: $CACHE/docker.log"
}

start_and_await() {
  start_engine
  await_engine
}

# Brings an engine up and sets DOCKER_HOST, DOCKER_CONFIG and PATH so that `docker` and `docker compose` reach it.
engine_up() {
  local host
  if ! host=$(foreign_host); then
    tools_up
    answers "$OUR_HOST" || locked engine start_and_await
    host=$OUR_HOST
  fi
  export DOCKER_HOST=$host
  if [ "$host" = "$OUR_HOST" ] || ! has_plugins; then
    tools_up
    export DOCKER_CONFIG=$TOOLS/plugins
    PATH=$TOOLS/usr/bin:${PATH//"$TOOLS/usr/bin:"/}
  fi
}

engine_is_ours() { our_pid >/dev/null; }

# Stops our engine; one that was there before is left alone.
engine_down() {
  local pid i
  pid=$(our_pid) || return 0
  kill "$pid"
  for ((i = 0; i < 120; i++)); do
    [ -e "/proc/$pid" ] || return 0
    read -rt 0.5 <> <(:) || : # half a second; the read always times out
  done
  die "the Docker engine (pid $pid) did not stop within a minute" "Its log: $CACHE/docker.log"
}
