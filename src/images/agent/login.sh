# Logins to a machine that runs the environment, and the watch, which ends unwanted work. The agent sources this file after job.sh.
#
# While a job runs, a second process asks URL/rackboot/1/watch every few seconds. The answer has `wanted=yes` or `wanted=no`, and
# `debug_seconds=N` while a debug login is open. A request without the token of the present boot is refused.
#
#   debug_seconds ─▶ open_debug ─▶ closed by a person, or timed out ─▶ close_debug
#   refused twice, or wanted=no ─▶ stop_work: nothing more is written ─▶ (debug login over) ─▶ powered off
#   the job fails ─▶ fail ─▶ (debug login over) ─▶ powered off
#
# 1. Until a login is allowed there is no server; its program is not even fetched.
# 2. Only keys can log in: no passwords, no forwarding. The host key is made here and its fingerprint reported to the region.
# 3. If the region does not answer, nothing changes, except that a debug login ends when its time is up.
# 4. Stopping unwanted work kills the writing processes at once.

WATCH_SECONDS=5
REFUSALS_MAX=2
STAY_SECONDS=2

login=${RACKBOOT_LOGIN:-/run/login}
people=${RACKBOOT_PEOPLE:-/run/people}
server=

children_of() {
  sed -n "s/^\([0-9]*\) (.*) [A-Za-z] $1 .*/\1/p" /proc/[0-9]*/stat 2>/dev/null
}

end_tree() {
  for child in $(children_of "$1"); do end_tree "$child"; done
  kill -9 "$1" 2>/dev/null
}

# ---- the server ----

login_tool() {
  program=$1
  shift
  "$login/ld.so" --library-path "$login" "$login/$program" "$@"
}

prepare_logins() {
  mkdir -p "$people/.ssh" /dev/pts /etc
  chmod 700 "$people" "$people/.ssh"
  cp "$1" "$people/.ssh/authorized_keys"
  [ -e /etc/passwd ] || echo "root:x:0:0:root:$people:/bin/sh" >/etc/passwd
  [ -e /etc/group ] || echo 'root:x:0:' >/etc/group
  [ -e /dev/pts/ptmx ] || mount -t devpts devpts /dev/pts
}

# Lets the keys in the file $1 log in as root. Sets $server (its process) and $fingerprint; on failure status 1 and $problem.
start_server() {
  fetch_archive login "$login" || return 1
  prepare_logins "$1" 2>"$work/login.err" || { problem="logins cannot be prepared: $(words_of "$work/login.err")"; return 1; }
  if [ ! -e "$login/host_key" ] && ! login_tool dropbearkey -t ed25519 -f "$login/host_key" >"$work/login.err" 2>&1; then
    problem="no host key could be made: $(words_of "$work/login.err")"
    return 1
  fi
  fingerprint=$(login_tool dropbearkey -y -f "$login/host_key" 2>/dev/null | sed -n 's/^Fingerprint: \(SHA256:[A-Za-z0-9+\/]*\).*/\1/p')
  "$login/ld.so" --library-path "$login" "$login/dropbear" -F -E -s -j -k -p 22 -r "$login/host_key" -P "$login/pid" </dev/null >/dev/null 2>"$work/login.err" &
  server=$!
  sleep 1
  kill -0 $server 2>/dev/null || { problem="the login server ended: $(words_of "$work/login.err")"; server=; return 1; }
}

# Accepts the keys that the region has now under the name $1. A removed key no longer works, even if it was the last.
renew_keys() {
  fetch "$url/rackboot/1/$1" "$work/keys.new" || return 0
  mv "$work/keys.new" "$work/keys"
  cp "$work/keys" "$people/.ssh/authorized_keys" 2>/dev/null
}

own_address() {
  read_value "${RACKBOOT_LEASE:-/run/lease}"
  value=${value%% *}
  echo "${value:-its address}"
}

# Prints on the consoles where to log in, and the keys of the file $1.
say_logins() {
  say "Log in: ssh root@$(own_address), host key $fingerprint"
  while read -r kind _ comment; do
    [ -z "$kind" ] || say "  with the key $kind ${comment:-(without a name)}"
  done <"$1"
}

# ---- debug login ----

open_debug() {
  fetch "$url/rackboot/1/debug-keys" "$work/keys" && [ -s "$work/keys" ] || { say "No debug login is possible: ${problem:-there is no key}"; return 1; }
  start_server "$work/keys" || { say "No debug login is possible: $problem"; return 1; }
  : >"$open"
  say "A debug login is open for $((seconds / 60)) minutes."
  say_logins "$work/keys"
  signal WORKING login "debug login is open at $(own_address)" "host_key=$fingerprint" || :
}

close_debug() {
  ends=
  if [ -n "$server" ]; then
    end_tree "$server"
    server=
    say "The debug login is closed."
  fi
  # Last: a failed agent ends when this file is gone.
  rm -f "$open"
}

# ---- the watch ----

# Nothing more reaches a disk.
stop_work() {
  stopped=yes
  say "The region no longer wants this work ($purpose): stopping it."
  kill -STOP $$
  for child in $(children_of $$); do
    [ "$child" = "$self" ] || end_tree "$child"
  done
}

# Without flushing memory to the disks.
power_off_now() {
  say "Powering off."
  poweroff -f -n
  # If that fails, the environment powers off when its agent is gone.
  kill -9 $$
  exit 0
}

look() {
  problem=
  if ! fetch "$url/rackboot/1/watch" "$work/answer"; then
    case $status in
      403) refused=$((refused + 1)) ;;
      404) exit 0 ;;
    esac
    [ $refused -ge $REFUSALS_MAX ] || return 0
    wanted=no
    close_debug
    return 0
  fi
  refused=0
  ! grep -q '^wanted=no' "$work/answer" || wanted=no
  seconds=$(sed -n 's/^debug_seconds=\([0-9]\{1,5\}\)$/\1/p' "$work/answer" | head -n 1)
  [ -n "$seconds" ] || { close_debug; return 0; }
  ends=$(($(uptime_seconds) + seconds))
  if [ -n "$server" ]; then renew_keys debug-keys; else open_debug || rm -f "$open"; fi
}

watch_job() {
  read -r self _ </proc/self/stat
  failed=$work/failed
  work=$work/watch
  mkdir -p "$work"
  output=
  ends=
  refused=0
  wanted=
  stopped=
  while :; do
    look
    [ -z "$ends" ] || [ "$(uptime_seconds)" -lt "$ends" ] || close_debug
    # A failed job only waits for the end of the login.
    if [ -e "$failed" ]; then
      [ -n "$server" ] || exit 0
    elif [ "$wanted" = no ]; then
      [ -n "$stopped" ] || stop_work
      [ -n "$server" ] || power_off_now
    fi
    # After a refusal, ask again at once: a single one may be a mistake, two are not.
    if [ $refused -gt 0 ]; then sleep 1; else sleep $WATCH_SECONDS; fi
  done
}

# Starts the watch; if the job says so, a debug login is open from the start.
start_watch() {
  open=$work/login-open
  rm -f "$open" "$work/failed"
  [ "$(job_value debug)" != 1 ] || : >"$open"
  watch_job &
  watcher=$!
  trap end_watch EXIT
}

end_watch() {
  [ -z "$watcher" ] || kill "$watcher" 2>/dev/null
  watcher=
}

# As in agent.sh, but waits until an open login is over.
fail() {
  say "$purpose failed: $*"
  : >"$work/failed"
  if [ -n "$watcher" ] && [ -e "$open" ]; then
    say "This machine stays on while its debug login is open."
    while [ -e "$open" ] && kill -0 "$watcher" 2>/dev/null; do sleep $STAY_SECONDS; done
    say "Powering off."
    finish 0
  fi
  say "This machine powers off in $SHOW_SECONDS seconds."
  [ -n "$RACKBOOT_STAY" ] || sleep "$SHOW_SECONDS"
  finish 1
}

# end of login
