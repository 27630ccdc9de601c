# shellcheck shell=bash
# The network namespace that holds the lab, and a private view of a few folders for its services.

# `ip netns exec` mounts a /sys of its own, and the cgroups vanish; nsenter doesn't.
in_lab() { nsenter --net="$NETNS_FILE" "$@"; }

make_network() {
  ip netns add "$NETNS"
  in_lab ip link set lo up
  # An address of its own: otherwise the bridge takes that of one of its pods, changes it when that pod goes,
  # and the other pods reach nobody until they ask for it again. A NodeManager was LOST by it.
  in_lab ip link add lab0 address 0a:58:0a:58:00:01 type bridge
  in_lab ip addr add "$GATEWAY/24" dev lab0
  in_lab ip addr add "${NODE_IP[node-2]}/24" dev lab0
  in_lab ip link set lab0 up
}

remove_network() {
  local place
  # Those that a test has put beside it come first: they are on its bridge.
  for place in "$NETNS_FILE"-* "$NETNS_FILE"; do
    [ ! -e "$place" ] || ip netns delete "${place##*/}"
  done
  # `ip netns add` leaves a mount behind for the next one; the last one out takes it away.
  if [ -d /run/netns ] && [ -z "$(ls -A /run/netns)" ]; then
    umount -n /run/netns 2>/dev/null || true
    rmdir /run/netns
  fi
}

# containerd, CNI and the kubelet write to fixed places outside the state folder. In a mount namespace of the lab those
# places are its own, and every mount that pods bring about ends with it.
PRIVATE_FOLDERS=(/var/lib/cni /var/lib/kubelet /var/log/containers)

make_mount_namespace() {
  mkdir -p "${PRIVATE_FOLDERS[@]}"
  # shellcheck disable=SC2016  # expanded inside
  setsid nsenter --net="$NETNS_FILE" unshare --mount bash -euc '
    ready=$1; shift
    for folder in /run "$@"; do mount -n -t tmpfs tmpfs "$folder"; done
    touch "$ready"
    exec sleep infinity' - "$STATE/mounts-ready" "${PRIVATE_FOLDERS[@]}" </dev/null &>"$STATE/log/mounts.log" &
  echo $! >"$STATE/pid/mounts"
  disown   # `lab/down` ends it, and this shell needn't say so
  for ((i = 0; i < 50; i++)); do
    [ ! -e "$STATE/mounts-ready" ] || return 0
    sleep 0.1
  done
  die "no mount namespace: $(cat "$STATE/log/mounts.log")"
}

remove_mounts() {
  local mount folder
  # Should a service have been started without the namespace: inner mounts first.
  awk -v state="$STATE/" 'index($2, state) == 1 {print $2}' /proc/mounts | sort -r | while read -r mount; do
    umount -l "$mount"
  done
  for folder in "${PRIVATE_FOLDERS[@]}"; do
    # Removing a folder would also end the mount that another lab has on it.
    grep -qs " $folder " /proc/[0-9]*/mountinfo || rmdir --ignore-fail-on-non-empty "$folder" 2>/dev/null || true
  done
}
