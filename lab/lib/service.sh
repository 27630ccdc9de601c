# shellcheck shell=bash
# Starting, watching and stopping one service of the lab. What the services are: services.sh.

HEALTH_LIMIT_S=${TIDEBRIDGE_LAB_HEALTH_LIMIT_S:-90}
STOP_LIMIT_S=20

# A recorded pid counts only while the process is in our namespace: pids are used again.
is_running() {
  local pid
  pid=$(cat "$STATE/pid/$1" 2>/dev/null) && [ "/proc/$pid/ns/net" -ef "$NETNS_FILE" ]
}

start_service() {
  local name=$1
  set_command "$name"
  # The shell is in the namespaces before it forks, so that the service is in them from its first moment;
  # and setsid and the command replace the fork, so that $! is the service's own pid.
  # shellcheck disable=SC2016  # expanded inside
  nsenter --net="$NETNS_FILE" --mount="/proc/$(<"$STATE/pid/mounts")/ns/mnt" bash -c '
    setsid "${@:3}" </dev/null &>>"$1" &
    echo $! >"$2"' - "$STATE/log/$name.log" "$STATE/pid/$name" "${COMMAND[@]}"
}

wait_until_healthy() {
  local name=$1 deadline=$((SECONDS + HEALTH_LIMIT_S))
  until is_healthy "$name" &>/dev/null; do
    is_running "$name" || { report_failure "$name" "has ended"; return 1; }
    ((SECONDS < deadline)) || { report_failure "$name" "is not healthy after $HEALTH_LIMIT_S s"; return 1; }
    sleep 0.2
  done
}

report_failure() {
  local log=$STATE/log/$1.log
  say "$1 $2. The end of $log:"
  tail -n 20 "$log"
} >&2

# NAME SIGNAL: send it and wait for the end; what outlives the limit is killed.
end_service() {
  local name=$1 pid deadline=$((SECONDS + STOP_LIMIT_S))
  is_running "$name" || return 0
  pid=$(<"$STATE/pid/$name")
  kill "-$2" "$pid"
  while is_running "$name"; do
    ((SECONDS < deadline)) || kill -KILL "$pid"
    sleep 0.1
  done
  rm -f "$STATE/pid/$name"
}
