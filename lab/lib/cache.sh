# shellcheck shell=bash
# One folder of the cache per thing built. A marker, written last, tells a whole build from an interrupted one.

is_complete() { [ -f "$1/complete" ]; }

# DIR WHAT COMMAND...: run COMMAND with DIR empty, unless DIR is complete already.
build_once() {
  local dir=$1 what=$2 started=$SECONDS
  shift 2
  is_complete "$dir" && { say "$what: in the cache"; return; }
  say "$what: building in $dir"
  rm -rf "$dir"
  mkdir -p "$dir"
  "$@"
  touch "$dir/complete"
  say "$what: built in $((SECONDS - started)) s"
}
