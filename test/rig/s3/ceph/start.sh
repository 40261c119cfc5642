#!/usr/bin/env bash
# A gateway for each region of REGIONS (`us-east-1:7480,us-west-2:7481`), on all addresses of the container.
# When one daemon ends, all do.
# shellcheck source=lib.sh
. /lib.sh
: "${REGIONS:=us-east-1:7480,us-west-2:7481,eu-west-1:7482}" "${LIFECYCLE_DAY_SECONDS:=-1}"

end_all() { kill -KILL "${daemons[@]}" 2>/dev/null || :; } # one of them may have ended by itself
trap 'end_all; exit 0' TERM INT

mkdir -p /run/ceph
start_monitor
listens 3300
start_osd
for pair in ${REGIONS//,/ }; do
  region=${pair%:*}
  daemon radosgw -f -n "client.rgw.$region" --rgw-zonegroup="$region" --rgw-zone="$region" \
    --rgw_lc_debug_interval="$LIFECYCLE_DAY_SECONDS" --rgw-frontends="beast endpoint=0.0.0.0:${pair#*:}"
done
wait -n || :
echo "a daemon has ended" >&2
end_all
exit 1
