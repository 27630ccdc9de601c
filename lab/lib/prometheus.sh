# shellcheck shell=bash
# Prometheus from the distribution's package, unpacked and not installed: installing it would start a service of its own.

build_prometheus() {
  local work=$PROMETHEUS_DIR/work
  mkdir -p "$work"
  download_prometheus "$work" || { apt-get update -qq && download_prometheus "$work"; }
  dpkg-deb -x "$work"/prometheus_*.deb "$work/root"
  mv "$work/root/usr/bin" "$PROMETHEUS_DIR/bin"
  rm -rf "$work"
}

# As root without apt's sandbox user, who can't write into a cache below root's home.
download_prometheus() { (cd "$1" && apt-get -qq -o APT::Sandbox::User=root download prometheus); }

write_prometheus_files() {
  mkdir -p "$STATE/prometheus"
  cat >"$STATE/prometheus/prometheus.yml" <<YAML
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- job_name: online
  static_configs:
  - targets: ["$EXPORTER"]
YAML
}
