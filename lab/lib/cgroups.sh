# shellcheck shell=bash
# One cgroup per node, so that two kubelets on one machine don't share theirs.

node_cgroup() { echo "$NETNS-$1"; }

is_cgroup_v2() { [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; }

make_node_cgroup() {
  if is_cgroup_v2; then make_cgroup_v2 "$(node_cgroup "$1")"; else make_cgroup_v1 "$(node_cgroup "$1")"; fi
}

# A node's processes weigh as much as its cores, as pods do beside the system where the machine is one node: or they
# would share one core's weight against everything else that runs here.
weigh() { echo $(($2 * $(nproc))) >"/sys/fs/cgroup/$1"; }

make_cgroup_v2() {
  local controller controllers
  mkdir -p "/sys/fs/cgroup/$1"
  read -ra controllers </sys/fs/cgroup/cgroup.controllers
  # The kubelet insists on every controller that the machine has.
  for controller in "${controllers[@]}"; do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || true
  done
  weigh "$1/cpu.weight" 100
}

make_cgroup_v1() {
  local hierarchy file
  for hierarchy in /sys/fs/cgroup/*; do
    # cpu and cpuacct may be links to one folder; "unified" is the v2 tree beside the v1 ones.
    if [ ! -L "$hierarchy" ] && [ "$hierarchy" != /sys/fs/cgroup/unified ]; then mkdir -p "$hierarchy/$1"; fi
  done
  # A new cpuset is empty, and nothing can run in it.
  for file in cpuset.cpus cpuset.mems; do
    cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset/$1/$file"
  done
  weigh "cpu/$1/cpu.shares" 1024
}

our_cgroups() { find /sys/fs/cgroup -depth -type d -path "*/$NETNS-node-*"; }

processes_in_our_cgroups() { our_cgroups | while read -r dir; do cat "$dir/cgroup.procs" 2>/dev/null || true; done; }

remove_cgroups() {
  local dir
  # The kernel lets go of an ended process's cgroup a moment later.
  for ((i = 0; i < 20; i++)); do
    our_cgroups | while read -r dir; do rmdir "$dir" 2>/dev/null || true; done
    [ -n "$(our_cgroups)" ] || return 0
    sleep 0.1
  done
  die "cgroups remain: $(our_cgroups | head -3 | xargs)"
}
