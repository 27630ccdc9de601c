#!/bin/sh
# The entry of a NodeManager container.
#
#   POD_IP                  the address YARN knows this node by: its id becomes POD_IP:8041
#   NM_VCORES NM_MEMORY_MIB what it offers YARN
#   NM_HEAP_MIB             the NodeManager's own heap (256)
#   TIDEBRIDGE_NODE_LABEL   wait until the ResourceManager has mapped this address to that label; empty: don't wait
#   RM_WEB_ADDRESSES        http://host:port, comma-separated: where to ask
#   NM_LABEL_WAIT_S         how long to wait (120)
set -eu

# Say whether a ResourceManager has this address mapped to the label. One that is down or standby is passed over.
# The answer is one object for one label, with each label's name as "name":"..." inside.
is_labelled() {
  for address in $(echo "$RM_WEB_ADDRESSES" | tr ',' ' '); do
    # Not wget -T: this busybox crashes on it.
    if labels=$(timeout 2 wget -q -O - "$address/ws/v1/cluster/nodes/$POD_IP:8041/get-labels" 2>/dev/null); then
      case $labels in *"\"name\":\"$TIDEBRIDGE_NODE_LABEL\""*) return 0 ;; esac
    fi
  done
  return 1
}

# Without the wait an ApplicationMaster could be placed here between registration and labelling,
# and would die with the node.
wait_for_label() {
  deadline=$(($(date +%s) + ${NM_LABEL_WAIT_S:-120}))
  until is_labelled; do
    if [ "$(date +%s)" -ge "$deadline" ]; then
      echo "nodemanager: $POD_IP was not mapped to label $TIDEBRIDGE_NODE_LABEL in ${NM_LABEL_WAIT_S:-120} s" >&2
      exit 1
    fi
    sleep 0.5
  done
  echo "nodemanager: $POD_IP is mapped to label $TIDEBRIDGE_NODE_LABEL"
}

# The first process of a container ignores SIGTERM unless it says otherwise.
trap 'exit 143' TERM
[ -z "${TIDEBRIDGE_NODE_LABEL:-}" ] || wait_for_label

# exec: SIGTERM must reach Java, so that the node leaves YARN by itself.
exec java "-Xmx${NM_HEAP_MIB:-256}m" --add-opens=java.base/java.lang=ALL-UNNAMED -Djava.net.preferIPv4Stack=true \
  -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
  -cp "$HADOOP_CONF_DIR:$HADOOP_HOME/lib/*" org.apache.hadoop.yarn.server.nodemanager.NodeManager \
  -D "yarn.nodemanager.hostname=$POD_IP" \
  -D "yarn.nodemanager.address=$POD_IP:8041" \
  -D "yarn.nodemanager.bind-host=$POD_IP" \
  -D "yarn.nodemanager.resource.memory-mb=$NM_MEMORY_MIB" \
  -D "yarn.nodemanager.resource.cpu-vcores=$NM_VCORES"
