# shellcheck shell=bash
# The images, made from nothing but this machine: busybox, bash, a Java runtime cut to size, Hadoop's jars.

JAVA_MODULES=java.se,jdk.unsupported,jdk.crypto.ec,jdk.security.auth,jdk.security.jgss,jdk.naming.dns,jdk.management,jdk.zipfs

build_images() {
  local work=$IMAGES_DIR/work name
  mkdir -p "$work"
  for name in pause server; do
    CGO_ENABLED=0 go build -ldflags '-s -w' -o "$work/$name" "$LAB_HOME/image/$name.go"
  done
  make_root "$work/root"
  cp "$LAB_HOME/image/nodemanager.sh" "$work/"
  export_image "$work" Dockerfile.pause "$PAUSE_IMAGE" "$IMAGES_DIR/pause.tar"
  export_image "$work" Dockerfile.server "$SERVER_IMAGE" "$IMAGES_DIR/server.tar"
  export_image "$work" Dockerfile.nodemanager "$NODEMANAGER_IMAGE" "$IMAGES_DIR/nodemanager.tar"
  rm -rf "$work"
}

# CONTEXT DOCKERFILE NAME ARCHIVE. The storage is ours, so the machine's own images stay as they are.
export_image() {
  local storage=(buildah --root "$1/storage" --runroot "$1/runroot" --storage-driver vfs)
  "${storage[@]}" bud --isolation chroot -q -f "$LAB_HOME/$2" -t "$3" "$1" >/dev/null
  "${storage[@]}" push -q "$3" "docker-archive:$4:$3"
}

make_root() {
  local root=$1
  mkdir -p "$root"/{bin,usr/bin,etc,root,proc,sys,dev,opt/hadoop/conf}
  mkdir -m 1777 "$root/tmp"
  cp /bin/busybox /bin/bash "$root/bin/"
  add_applets "$root"
  "$(java_home)/bin/jlink" --add-modules "$JAVA_MODULES" --strip-debug --no-man-pages --no-header-files \
    --output "$root/opt/jre"
  # Shared classes, which jlink leaves out: a JVM starts in half the time.
  "$root/opt/jre/bin/java" -Xshare:dump >/dev/null
  add_libraries "$root"
  cp -r "$HADOOP_DIR/jars" "$root/opt/hadoop/lib"
  echo 'root:x:0:0:root:/root:/bin/bash' >"$root/etc/passwd"
  echo 'root:x:0:' >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  touch "$root/etc/hosts"
}

add_applets() {
  local applet
  for applet in $(busybox --list); do
    [ -e "$1/bin/$applet" ] || ln -s busybox "$1/bin/$applet"
  done
}

# The shared libraries that bash and Java are linked against, at the paths they have here.
add_libraries() {
  local root=$1 library
  find "$root/bin/bash" "$root/opt/jre/bin" "$root/opt/jre/lib" -type f \( -name bash -o -name java -o -name '*.so' \) \
    -exec ldd {} + 2>/dev/null | grep -o '/[^ :]*' | grep -v "^$root" | sort -u |
    while read -r library; do
      mkdir -p "$root$(dirname "$library")"
      cp -L "$library" "$root$library"
    done
}
