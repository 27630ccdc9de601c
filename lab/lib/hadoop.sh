# shellcheck shell=bash
# Hadoop's jars by Maven.

build_hadoop() {
  mvn -q -B -gs "$LAB_HOME/hadoop/settings.xml" -f "$LAB_HOME/hadoop/pom.xml" "-Dhadoop.version=$HADOOP_VERSION" "-Dtools.version=$HADOOP_TOOLS_VERSION" \
    dependency:copy-dependencies -DoutputDirectory="$HADOOP_DIR/jars"
  # The minicluster brings Hadoop's own tests, which nothing here runs.
  rm -f "$HADOOP_DIR"/jars/*-tests.jar
}
