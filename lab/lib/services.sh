# shellcheck shell=bash disable=SC2034,SC2054  # COMMAND is for the caller; commas inside options
# Every service of the lab: the command that is it, and how to tell that it works.

# Those of the second wave need those of the first.
FIRST_WAVE=(etcd apiserver containerd-node-1 containerd-node-2 rm exporter prometheus)
SECOND_WAVE=(controller-manager scheduler kubelet-node-1 kubelet-node-2 static-nm)
SERVICES=("${FIRST_WAVE[@]}" "${SECOND_WAVE[@]}")
[ ! -e "$IS_PAIR" ] || SERVICES+=(rm2)

kubectl() { in_lab "$KUBECTL" --kubeconfig "$KUBECONFIG_ADMIN" "$@"; }
ask() { in_lab curl -sfk --max-time 2 "$1"; }

# NAME: set COMMAND.
set_command() {
  case $1 in
    etcd) set_etcd_command ;;
    apiserver) set_apiserver_command ;;
    controller-manager) set_controller_manager_command ;;
    scheduler) COMMAND=("$KUBERNETES_DIR/bin/kube-scheduler" "--kubeconfig=$KUBECONFIG_ADMIN" --leader-elect=false) ;;
    containerd-*) COMMAND=(containerd -c "$STATE/${1#containerd-}/containerd.toml") ;;
    kubelet-*) set_kubelet_command "${1#kubelet-}" ;;
    rm | rm2) set_resourcemanager_command "$1" ;;
    static-nm) set_static_nodemanager_command ;;
    exporter) COMMAND=(python3 "$LAB_HOME/exporter.py" "$RECORDING" "--listen=$EXPORTER" "--cores=$(nproc)" "${NODES[@]}") ;;
    prometheus) set_prometheus_command ;;
    *) die "no service $1; there are: ${SERVICES[*]}" ;;
  esac
}

is_healthy() {
  case $1 in
    etcd) ask http://127.0.0.1:2379/health | grep -q true ;;
    apiserver) kubectl get --raw /readyz --request-timeout=2s ;;
    controller-manager) ask https://127.0.0.1:10257/healthz ;;
    scheduler) ask https://127.0.0.1:10259/healthz ;;
    containerd-*) ctr --timeout 2s --address "$STATE/${1#containerd-}/containerd.sock" version ;;
    kubelet-*) is_node_ready "${1#kubelet-}" ;;
    rm) is_resourcemanager_up "$RM_WEB" ;;
    rm2) is_resourcemanager_up "$RM_2_WEB" ;;
    static-nm) is_static_nodemanager_registered ;;
    exporter) ask "http://$EXPORTER/metrics" ;;
    prometheus) ask "http://$PROMETHEUS/-/ready" ;;
  esac
}

is_node_ready() {
  ask "http://127.0.0.1:${KUBELET_HEALTH_PORT[$1]}/healthz" &&
    kubectl wait --for=condition=Ready "node/$1" --timeout=1s
}

# One of a pair begins as a standby, and works as such.
is_resourcemanager_up() {
  local states=ACTIVE
  [ ! -e "$IS_PAIR" ] || states='ACTIVE|STANDBY'
  ask "$1/ws/v1/cluster/info" | grep -qE "\"haState\":\"($states)\""
}

is_static_nodemanager_registered() {
  local address
  ask "http://$GATEWAY:8042/ws/v1/node/info" || return 1
  for address in "$RM_WEB" "$RM_2_WEB"; do
    ! ask "$address/ws/v1/cluster/nodes/$GATEWAY:8041" | grep -q '"state":"RUNNING"' || return 0
  done
  return 1
}

set_etcd_command() {
  # The data is thrown away with the lab: no need to wait for the disk at every write.
  COMMAND=(etcd --data-dir "$STATE/etcd" --unsafe-no-fsync)
}

set_apiserver_command() {
  COMMAND=("$KUBERNETES_DIR/bin/kube-apiserver"
    --etcd-servers=http://127.0.0.1:2379
    "--bind-address=$GATEWAY" "--advertise-address=$GATEWAY" "--cert-dir=$STATE/pki/apiserver"
    --service-account-issuer=https://kubernetes.default.svc
    "--service-account-key-file=$STATE/pki/sa.pub" "--service-account-signing-key-file=$STATE/pki/sa.key"
    "--token-auth-file=$STATE/pki/tokens.csv" --authorization-mode=Node,RBAC
    --service-cluster-ip-range=10.96.0.0/24 --allow-privileged=true
    --kubelet-preferred-address-types=InternalIP
    "--audit-policy-file=$STATE/pki/audit-policy.yaml" "--audit-log-path=$STATE/log/audit.log")
}

set_controller_manager_command() {
  COMMAND=("$KUBERNETES_DIR/bin/kube-controller-manager" "--kubeconfig=$KUBECONFIG_ADMIN" --leader-elect=false
    "--service-account-private-key-file=$STATE/pki/sa.key" "--root-ca-file=$STATE/pki/apiserver/apiserver.crt"
    --controllers='*,-nodeipam,-route' "--flex-volume-plugin-dir=$STATE/volume-plugins")
}

set_kubelet_command() {
  COMMAND=("$KUBERNETES_DIR/bin/kubelet" "--config=$STATE/$1/kubelet.yaml" "--kubeconfig=$KUBECONFIG_ADMIN"
    "--hostname-override=$1" "--node-ip=${NODE_IP[$1]}" --node-labels=lend=true
    "--root-dir=$STATE/$1/kubelet" "--cert-dir=$STATE/$1/pki")
}

set_prometheus_command() {
  COMMAND=("$PROMETHEUS_DIR/bin/prometheus" "--config.file=$STATE/prometheus/prometheus.yml"
    "--storage.tsdb.path=$STATE/prometheus/data" "--web.listen-address=$PROMETHEUS" --log.level=warn
    --query.lookback-delta=3s)
}

# HEAP_MIB CLASS ARGUMENT...: Hadoop's start scripts aren't among its jars.
set_java_command() {
  local heap_mib=$1
  shift
  # --add-opens: without it Hadoop 3.4 doesn't start on Java 17. The rest: two cores start many JVMs here.
  COMMAND=(env "JAVA_HOME=$(java_home)" "HADOOP_HOME=$HADOOP_HOME" "HADOOP_CONF_DIR=$HADOOP_CONF_DIR"
    "$(java_home)/bin/java" "-Xmx${heap_mib}m" --add-opens=java.base/java.lang=ALL-UNNAMED
    -Djava.net.preferIPv4Stack=true -XX:-UsePerfData "${JAVA_QUICK_START[@]}" "-Djava.io.tmpdir=$HADOOP_HOME/tmp" -cp "$HADOOP_CONF_DIR:$HADOOP_HOME/lib/*" "$@")
}

set_resourcemanager_command() {
  local which=()
  [ ! -e "$IS_PAIR" ] || which=(-D "yarn.resourcemanager.ha.id=$1")
  set_java_command 512 org.apache.hadoop.yarn.server.resourcemanager.ResourceManager "${which[@]}"
}

# ApplicationMasters run here: a node that isn't lent and doesn't leave.
set_static_nodemanager_command() {
  set_java_command 256 org.apache.hadoop.yarn.server.nodemanager.NodeManager \
    -D "yarn.nodemanager.hostname=$GATEWAY" \
    -D "yarn.nodemanager.address=$GATEWAY:8041" \
    -D "yarn.nodemanager.bind-host=$GATEWAY" \
    -D yarn.nodemanager.resource.memory-mb=2048 \
    -D yarn.nodemanager.resource.cpu-vcores=4
}
