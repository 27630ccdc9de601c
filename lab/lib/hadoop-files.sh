# shellcheck shell=bash
# Hadoop's configuration: one folder for the ResourceManager, the static NodeManager and clients, one for pods.

POD_CONF_DIR=$STATE/hadoop/pod-conf

write_hadoop_files() {
  mkdir -p "$HADOOP_CONF_DIR" "$HADOOP_HOME/tmp" "$POD_CONF_DIR" "$DFS" "$STATE/rm" "$STATE/static-nm"
  ln -s "$HADOOP_DIR/jars" "$HADOOP_HOME/lib"
  core_site "$HADOOP_HOME/tmp" >"$HADOOP_CONF_DIR/core-site.xml"
  core_site /tmp/hadoop >"$POD_CONF_DIR/core-site.xml"
  mapred_site | tee "$POD_CONF_DIR/mapred-site.xml" >"$HADOOP_CONF_DIR/mapred-site.xml"
  log4j | tee "$POD_CONF_DIR/log4j.properties" >"$HADOOP_CONF_DIR/log4j.properties"
  write_yarn_sites
  # The kubelet's own hosts file maps a pod's address to its name, and the NodeManager would register under
  # that name, which nobody outside the pod can resolve.
  echo '127.0.0.1 localhost nodemanager' >"$POD_CONF_DIR/hosts"
  echo '<hosts/>' >"$EXCLUDE_FILE"
}

# What says which scheduler runs, with which queues, and whether one ResourceManager or two.
write_yarn_sites() {
  yarn_site "$STATE/static-nm" >"$HADOOP_CONF_DIR/yarn-site.xml"
  yarn_site /tmp/nodemanager >"$POD_CONF_DIR/yarn-site.xml"
  capacity_scheduler >"$HADOOP_CONF_DIR/capacity-scheduler.xml"
  fair_scheduler >"$ALLOCATIONS"
}

configuration() { echo '<configuration>'; cat; echo '</configuration>'; }
property() { printf '  <property><name>%s</name><value>%s</value></property>\n' "$1" "$2"; }

core_site() {
  {
    property fs.defaultFS file:///
    property hadoop.tmp.dir "$1"
  } | configuration
}

# FOLDER: where a NodeManager keeps its containers' files and logs.
yarn_site() {
  {
    resourcemanager_properties
    nodemanager_properties "$1"
    # Each NodeManager passes its own JAVA_HOME, HADOOP_HOME and HADOOP_CONF_DIR on to its containers.
    # shellcheck disable=SC2016  # expanded there
    property yarn.application.classpath '$HADOOP_CONF_DIR,$HADOOP_HOME/lib/*'
  } | configuration
}

resourcemanager_properties() {
  if [ -e "$IS_PAIR" ]; then pair_properties; else property yarn.resourcemanager.hostname "$GATEWAY"; fi
  property yarn.resourcemanager.connect.retry-interval.ms 1000
  property yarn.resourcemanager.recovery.enabled true
  property yarn.resourcemanager.store.class org.apache.hadoop.yarn.server.resourcemanager.recovery.FileSystemRMStateStore
  property yarn.resourcemanager.fs.state-store.uri "file://$STATE/rm/state"
  property yarn.resourcemanager.nodes.exclude-path "$EXCLUDE_FILE"
  scheduler_properties
  property yarn.scheduler.minimum-allocation-mb 128
  property yarn.scheduler.minimum-allocation-vcores 1
  property yarn.nm.liveness-monitor.expiry-interval-ms 20000
  property yarn.node-labels.enabled true
  property yarn.node-labels.fs-store.root-dir "file://$STATE/rm/labels"
}

# Two of which one is active, without ZooKeeper: an administrator says which.
pair_properties() {
  property yarn.resourcemanager.ha.enabled true
  property yarn.resourcemanager.ha.automatic-failover.enabled false
  property yarn.resourcemanager.cluster-id tidebridge-lab
  property yarn.resourcemanager.ha.rm-ids rm,rm2
  property yarn.resourcemanager.hostname.rm "$GATEWAY"
  property yarn.resourcemanager.hostname.rm2 "$RM_2"
  property yarn.client.failover-sleep-base-ms 200
  property yarn.client.failover-sleep-max-ms 1000
}

scheduler_properties() {
  local schedulers=org.apache.hadoop.yarn.server.resourcemanager.scheduler
  case $SCHEDULER in
    capacity)
      property yarn.resourcemanager.scheduler.class "$schedulers.capacity.CapacityScheduler"
      property yarn.scheduler.configuration.store.class memory
      ;;
    fair)
      property yarn.resourcemanager.scheduler.class "$schedulers.fair.FairScheduler"
      property yarn.scheduler.fair.allocation.file "$ALLOCATIONS"
      # Otherwise every container is rounded up to 1024 MB.
      property yarn.scheduler.increment-allocation-mb 128
      ;;
    *) die "TIDEBRIDGE_LAB_SCHEDULER is capacity or fair, not $SCHEDULER" ;;
  esac
}

nodemanager_properties() {
  property yarn.nodemanager.local-dirs "$1/local"
  property yarn.nodemanager.log-dirs "$1/log"
  property yarn.nodemanager.aux-services mapreduce_shuffle
  property yarn.nodemanager.vmem-check-enabled false
  property yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage 99.5
  # busybox find has no -ls, and every launch would fail.
  property yarn.nodemanager.log-container-debug-info.enabled false
  # Otherwise a NodeManager that ran anything takes 17 s to stop.
  property yarn.nodemanager.log.retain-seconds 0
}

mapred_site() {
  {
    property mapreduce.framework.name yarn
    # shellcheck disable=SC2016  # expanded by each NodeManager
    property mapreduce.application.classpath '$HADOOP_CONF_DIR,$HADOOP_HOME/lib/*'
    property yarn.app.mapreduce.am.staging-dir "$DFS/staging"
    property yarn.app.mapreduce.am.resource.mb 512
    # --add-opens: Hadoop 3.3's AM needs it on Java 17.
    property yarn.app.mapreduce.am.command-opts "-Xmx300m --add-opens=java.base/java.lang=ALL-UNNAMED ${JAVA_QUICK_START[*]}"
    property mapreduce.map.memory.mb 256
    property mapreduce.map.java.opts "-Xmx180m ${JAVA_QUICK_START[*]}"
    property mapreduce.reduce.memory.mb 256
    property mapreduce.reduce.java.opts "-Xmx180m ${JAVA_QUICK_START[*]}"
  } | configuration
}

capacity_scheduler() {
  local queue
  {
    property yarn.scheduler.capacity.root.queues default,ads
    for queue in default ads; do
      property yarn.scheduler.capacity.root.$queue.capacity 50
      property yarn.scheduler.capacity.root.$queue.maximum-capacity 100
      # One user may fill the cluster.
      property yarn.scheduler.capacity.root.$queue.user-limit-factor 100
    done
    property yarn.scheduler.capacity.maximum-am-resource-percent 0.8
    # Without it vcores aren't counted.
    property yarn.scheduler.capacity.resource-calculator \
      org.apache.hadoop.yarn.util.resource.DominantResourceCalculator
  } | configuration
}

fair_scheduler() {
  cat <<'ALLOCATIONS'
<?xml version="1.0"?>
<allocations>
  <!-- Two queues of equal weight, as with CapacityScheduler. -->
  <queue name="root">
    <queue name="default">
      <weight>1.0</weight>
    </queue>
    <queue name="ads">
      <weight>1.0</weight>
    </queue>
  </queue>
  <queueMaxAMShareDefault>0.8</queueMaxAMShareDefault>
  <defaultQueueSchedulingPolicy>drf</defaultQueueSchedulingPolicy>
  <!-- FairScheduler takes queue "default" for none that was named, and its own rules go on to a queue of the user's. -->
  <queuePlacementPolicy>
    <rule name="specified"/>
    <rule name="default"/>
  </queuePlacementPolicy>
</allocations>
ALLOCATIONS
}

log4j() {
  cat <<'PROPERTIES'
log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n
PROPERTIES
}
