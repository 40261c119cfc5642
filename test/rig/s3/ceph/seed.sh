#!/usr/bin/env bash
# Run when the image is built: makes the monitor's store, the OSD and the regions, each with the same user and roles,
# and shuts down cleanly, so that containers only have to start daemons.
# shellcheck source=lib.sh
. /lib.sh

# Region is zone group is zone; sharing no realm, they know nothing of each other. All data lies in one pool.
REGIONS=(us-east-1 us-west-2 eu-west-1)
CLASSES=(STANDARD STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING REDUCED_REDUNDANCY GLACIER GLACIER_IR DEEP_ARCHIVE)

uuid() { cat /proc/sys/kernel/random/uuid; }

# joined FORMAT WORD… : the words, each put into FORMAT, with commas between them.
joined() {
  local format=$1 text
  shift
  # shellcheck disable=SC2059 # the format is ours
  text=$(printf ",$format" "$@")
  printf '%s' "${text:1}"
}

admin() {
  local region=$1
  shift
  radosgw-admin --rgw-zonegroup="$region" --rgw-zone="$region" "$@" >/dev/null
}

# make_region NAME : its zone group, its zone and where they keep things
make_region() {
  local region=$1 zone group pairs pools
  zone=$(uuid) group=$(uuid)
  admin "$region" zonegroup set <<JSON
{"id": "$group", "name": "$region", "api_name": "$region", "is_master": true, "master_zone": "$zone", "realm_id": "",
 "endpoints": [], "hostnames": [], "hostnames_s3website": [], "enabled_features": [],
 "zones": [{"id": "$zone", "name": "$region", "endpoints": [], "bucket_index_max_shards": 1}],
 "placement_targets": [{"name": "default-placement", "tags": [], "storage_classes": [$(joined '"%s"' "${CLASSES[@]}")]}],
 "default_placement": "default-placement"}
JSON
  pairs=$(joined "\"%s\": {\"data_pool\": \"rgw:$region.data\"}" "${CLASSES[@]}")
  pools=$(for name in domain_root control_pool gc_pool lc_pool log_pool intent_log_pool usage_log_pool roles_pool \
    reshard_pool user_keys_pool user_email_pool user_swift_pool user_uid_pool otp_pool notif_pool; do
    printf '"%s": "rgw:%s.%s", ' "$name" "$region" "$name"
  done)
  admin "$region" zone set <<JSON
{"id": "$zone", "name": "$region", $pools "realm_id": "", "system_key": {"access_key": "", "secret_key": ""},
 "placement_pools": [{"key": "default-placement", "val": {"index_pool": "rgw:$region.index", "index_type": 0,
  "data_extra_pool": "rgw:$region.non-ec", "inline_data": true, "storage_classes": {$pairs}}}]}
JSON
}

# make_role REGION NAME ACTIONS : a role that the user may assume, with the actions it then may do
make_role() {
  local trust policy
  trust='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["sts:AssumeRole"],
    "Principal": {"AWS": ["arn:aws:iam:::user/test"]}}]}'
  policy='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "arn:aws:s3:::*", "Action": ['$3']}]}'
  admin "$1" role create --role-name="$2" --path=/ --max-session-duration=43200 --assume-role-policy-doc="$trust"
  admin "$1" role-policy put --role-name="$2" --policy-name=rights --policy-doc="$policy"
}

# Ends the daemons, last first: the OSD writes its memory to files only when it is unmounted.
stop() {
  local i status
  for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do
    kill -TERM "${daemons[i]}"
    status=0
    wait "${daemons[i]}" || status=$?
    [ "$status" -eq 0 ] || [ "$status" -eq 143 ] || return "$status"
  done
}

mkdir -p /run/ceph /var/lib/ceph/mon/ceph-a /var/lib/ceph/osd/ceph-0
monmaptool --create --fsid "$(sed -n 's/^fsid = //p' /etc/ceph/ceph.conf)" --addv a '[v2:127.0.0.1:3300/0]' /tmp/monmap
ceph-mon --mkfs -i a --monmap /tmp/monmap
start_monitor
ceph osd create
ceph osd crush add osd.0 1 root=default host=h
ceph-osd -i 0 --mkfs
start_osd --osd_fast_shutdown=false # or nothing is saved
ceph osd pool create rgw 8
ceph osd pool application enable rgw rgw
for region in "${REGIONS[@]}"; do
  make_region "$region"
  admin "$region" user create --uid=test --display-name=test --access-key="$ACCESS_KEY" --secret="$SECRET_KEY" \
    --caps='roles=*;user-policy=*'
  make_role "$region" backup '"s3:*"'
  make_role "$region" reader '"s3:GetObject", "s3:ListBucket"'
done
stop
rm -rf /run/ceph/* /tmp/monmap /var/log/ceph/*
