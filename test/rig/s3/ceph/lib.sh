# shellcheck shell=bash
# What seeding and starting share.
set -euo pipefail

# The largest amount of data that fits; memory is taken as data arrives, about 1.5 bytes a byte. A full OSD hangs puts.
: "${MEMORY_BYTES:=8589934592}"

# pids of daemons, in the order in which they were started
daemons=()

daemon() {
  "$@" &
  daemons+=($!)
}

start_monitor() { daemon ceph-mon -f -i a; }

start_osd() { daemon ceph-osd -f -i 0 --memstore_device_bytes="$MEMORY_BYTES" "$@"; }

# Waits until something listens on a port of ours.
listens() {
  local i
  for ((i = 0; i < 500; i++)); do
    ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || return 0
    sleep 0.02
  done
  echo "nothing listens on port $1" >&2
  return 1
}
