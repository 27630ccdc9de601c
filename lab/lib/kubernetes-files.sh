# shellcheck shell=bash
# The files that the control plane and the nodes read: keys, kubeconfigs, CNI, containerd, kubelet.

write_keys() {
  mkdir -p "$STATE/pki"
  openssl genrsa -out "$STATE/pki/sa.key" 2048 2>/dev/null
  openssl rsa -in "$STATE/pki/sa.key" -pubout -out "$STATE/pki/sa.pub" 2>/dev/null
  echo "lab-admin,admin,1,system:masters" >"$STATE/pki/tokens.csv"
  write_kubeconfig "$KUBECONFIG_ADMIN" admin lab-admin default
  write_audit_policy
}

# What the product does to the cluster, from which address and when; not what it reads.
write_audit_policy() {
  cat >"$STATE/pki/audit-policy.yaml" <<YAML
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: ["system:serviceaccount:$NAMESPACE:tidebridge"]
  verbs: [create, update, patch, delete]
- level: None
YAML
}

# FILE USER TOKEN NAMESPACE. The API server signs its own certificate, which is its own authority.
write_kubeconfig() {
  (umask 077 && cat >"$1") <<YAML
apiVersion: v1
kind: Config
clusters:
- name: lab
  cluster: {server: "https://$GATEWAY:6443", certificate-authority: $STATE/pki/apiserver/apiserver.crt}
users:
- name: $2
  user: {token: $3}
contexts:
- name: lab
  context: {cluster: lab, user: $2, namespace: $4}
current-context: lab
YAML
}

write_node_files() {
  mkdir -p "$STATE/$1/cni"
  echo 'nameserver 127.0.0.1' >"$STATE/$1/resolv.conf"
  write_cni "$1"
  write_containerd "$1"
  write_kubelet "$1"
}

write_cni() {
  cat >"$STATE/$1/cni/10-lab.conflist" <<JSON
{
  "cniVersion": "0.4.0",
  "name": "lab",
  "plugins": [{
    "type": "bridge",
    "bridge": "lab0",
    "isGateway": true,
    "hairpinMode": true,
    "ipam": {
      "type": "host-local",
      "dataDir": "$STATE/$1/ipam",
      "ranges": [[{
        "subnet": "$POD_SUBNET", "gateway": "$GATEWAY",
        "rangeStart": "${NODE_FIRST_POD[$1]}", "rangeEnd": "${NODE_LAST_POD[$1]}"
      }]],
      "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
JSON
}

write_containerd() {
  cat >"$STATE/$1/containerd.toml" <<TOML
version = 2
root = "$STATE/$1/containerd"
state = "$STATE/$1/containerd-state"
[grpc]
  address = "$STATE/$1/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$STATE/$1/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$STATE/$1/cni"
TOML
}

write_kubelet() {
  cat >"$STATE/$1/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$STATE/$1/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$(node_cgroup "$1")
port: ${KUBELET_PORT[$1]}
healthzPort: ${KUBELET_HEALTH_PORT[$1]}
podLogsDir: $STATE/$1/logs
# No name service here; and the machine's own file may be a link into /run, of which the lab sees nothing.
resolvConf: $STATE/$1/resolv.conf
volumePluginDir: $STATE/$1/volume-plugins
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
# A developer's disk may be nearly full; the lab's pods write little.
evictionHard: {memory.available: "100Mi", nodefs.available: "1%", imagefs.available: "1%"}
# A container's start that the kubelet's look at the runtime has missed is found at the next sync: by default a minute.
syncFrequency: 5s
YAML
}

import_images() {
  local image
  for image in pause server nodemanager; do
    ctr --address "$STATE/$1/containerd.sock" --namespace k8s.io images import "$IMAGES_DIR/$image.tar" >/dev/null
  done
}
