# shellcheck shell=bash
# Kubernetes from its Go modules: 1.34 is the newest line that still runs on cgroup v1.

build_kubernetes() {
  local version=k8s.io/component-base/version command commands=()
  for command in kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl; do
    commands+=("k8s.io/kubernetes/cmd/$command")
  done
  mkdir -p "$KUBERNETES_DIR/bin"
  (
    cd "$LAB_HOME/k8s" || exit
    # Without the version flags everything calls itself v0.0.0.
    CGO_ENABLED=0 go build -mod=readonly -trimpath -o "$KUBERNETES_DIR/bin/" \
      -ldflags "-s -w -X $version.gitVersion=v$KUBERNETES_VERSION -X $version.gitMajor=1 -X $version.gitMinor=34" \
      "${commands[@]}"
  )
}
