# shellcheck shell=bash disable=SC2034  # the variables are for the scripts that source this
# Where the lab lives, what it is made of, and which addresses it uses. Sourced by every command here.

LAB_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PROJECT_HOME=$(dirname "$LAB_HOME")

# What is built is kept outside the tree and survives `lab/down`; a change of input makes a new folder.
CACHE=${TIDEBRIDGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tidebridge}/lab
# What runs lives here, and is gone after `lab/down`.
STATE=${TIDEBRIDGE_LAB:-/var/tmp/tidebridge-lab}
NETNS=${TIDEBRIDGE_LAB_NETNS:-tidelab}
NETNS_FILE=/run/netns/$NETNS

# Which scheduler the ResourceManager runs: capacity or fair.
SCHEDULER=${TIDEBRIDGE_LAB_SCHEDULER:-capacity}

POD_SUBNET=10.88.0.0/24
GATEWAY=10.88.0.1      # the pods' bridge, and the address of everything that isn't a pod
RM_WEB=http://$GATEWAY:8088
NAMESPACE=tidebridge   # where the product and its pods live in Kubernetes

NODES=(node-1 node-2)
# A node address must be neither loopback nor shared; both are on the bridge.
declare -A NODE_IP=([node-1]=$GATEWAY [node-2]=10.88.0.254)
# The second ResourceManager's address, where there is one (lab/resourcemanagers).
RM_2=${NODE_IP[node-2]}
RM_2_WEB=http://$RM_2:8088
declare -A NODE_FIRST_POD=([node-1]=10.88.0.10 [node-2]=10.88.0.130)
declare -A NODE_LAST_POD=([node-1]=10.88.0.120 [node-2]=10.88.0.250)
declare -A KUBELET_PORT=([node-1]=10250 [node-2]=10350)
declare -A KUBELET_HEALTH_PORT=([node-1]=15250 [node-2]=15350)

KUBECONFIG_ADMIN=$STATE/admin.kubeconfig
KUBECONFIG_CONTROLLER=$STATE/tidebridge.kubeconfig
POD_TEMPLATE=$STATE/nodemanager-pod.yaml
DFS=$STATE/dfs         # a shared folder that stands for HDFS: pods mount it at the same path
HADOOP_HOME=$STATE/hadoop
HADOOP_CONF_DIR=$HADOOP_HOME/conf
ALLOCATIONS=$HADOOP_CONF_DIR/fair-scheduler.xml   # FairScheduler's queues; there with either scheduler
IS_PAIR=$STATE/hadoop/pair   # there while two ResourceManagers run
EXCLUDE_FILE=$HADOOP_CONF_DIR/exclude.xml   # whom the ResourceManager sends away

PAUSE_IMAGE=tidebridge-lab/pause:1
SERVER_IMAGE=tidebridge-lab/server:1

PROMETHEUS=$GATEWAY:9090
EXPORTER=$GATEWAY:9101  # serves RECORDING in quick time
RECORDING=$PROJECT_HOME/bridge/sim/traces/crane14.csv

# A lab starts many short-lived JVMs on few cores: no second compiler, no parallel collector.
JAVA_QUICK_START=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1)

hash_of() { cat -- "$@" | sha256sum | cut -c1-12; }
KUBERNETES_VERSION=$(sed -n 's#^require k8s.io/kubernetes v\([0-9.]*\).*#\1#p' "$LAB_HOME/k8s/go.mod")
# Hadoop's version: the one that is named in the project model, or another one that has the same artifacts.
HADOOP_VERSION=${TIDEBRIDGE_LAB_HADOOP:-$(sed -n 's#.*<hadoop.version>\(.*\)</hadoop.version>.*#\1#p' "$LAB_HOME/hadoop/pom.xml")}
# Of the programs that submit work, where there are none of that version to be had.
HADOOP_TOOLS_VERSION=${TIDEBRIDGE_LAB_HADOOP_TOOLS:-$HADOOP_VERSION}
NODEMANAGER_IMAGE=tidebridge-lab/nodemanager:$HADOOP_VERSION

KUBERNETES_DIR=$CACHE/kubernetes-$KUBERNETES_VERSION-$(hash_of "$LAB_HOME"/k8s/go.{mod,sum})
HADOOP_DIR=$CACHE/hadoop-$HADOOP_VERSION-$HADOOP_TOOLS_VERSION-$(hash_of "$LAB_HOME"/hadoop/*.xml)
# The distribution's: whichever version its lists name when it is first asked for.
PROMETHEUS_DIR=$CACHE/prometheus-$(. /etc/os-release && echo "$ID-$VERSION_ID")
IMAGES_DIR=$CACHE/images-$HADOOP_VERSION-$HADOOP_TOOLS_VERSION-$(hash_of "$LAB_HOME"/{Dockerfile.*,lib/images.sh,hadoop/*.xml,image/*})
KUBECTL=$KUBERNETES_DIR/bin/kubectl

# The JDK that `jlink` belongs to: the lab's Java on the host and, cut down, in the image.
java_home() { dirname "$(dirname "$(readlink -f "$(command -v jlink)")")"; }

say() { printf 'lab: %s\n' "$*"; }
die() { printf 'lab: %s\n' "$*" >&2; exit 1; }
