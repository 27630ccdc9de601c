# shellcheck shell=bash
# What the lab takes from the distribution.

packages=(etcd-server containerd runc containernetworking-plugins iptables iproute2 busybox-static buildah curl openssl)
packages+=(postgresql)   # the journal's tests start a server of their own

# Tools that many machines have from elsewhere: the package is needed only if the command is absent.
declare -A package_of_command=([jlink]=openjdk-17-jdk-headless [mvn]=maven [go]=golang-go)

missing_packages() {
  local name
  for name in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || echo "$name"
  done
  for name in "${!package_of_command[@]}"; do
    command -v "$name" >/dev/null || echo "${package_of_command[$name]}"
  done
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  [ "${#missing[@]}" -gt 0 ] || return 0
  say "installing ${missing[*]}"
  leave_postgresql_without_cluster
  # A fresh machine has no package lists: fetch them only when the first try fails.
  apt_install "${missing[@]}" || { apt-get update -qq && apt_install "${missing[@]}"; }
}

# The package would make a cluster "main" and start it. Who has configured that already keeps it.
leave_postgresql_without_cluster() {
  local settings=/etc/postgresql-common/createcluster.conf
  [ ! -e "$settings" ] || return 0
  mkdir -p "${settings%/*}"
  echo 'create_main_cluster = false' >"$settings"
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null; }

require_go() {
  local have
  have=$(go env GOVERSION)
  have=${have#go}
  printf '1.24\n%s\n' "$have" | sort -C -V ||
    die "go $have is too old: Kubernetes $KUBERNETES_VERSION needs Go 1.24 or newer." \
      "Install it (golang-1.24-go from your distribution's backports, or the Go release) and put it first on PATH."
}
