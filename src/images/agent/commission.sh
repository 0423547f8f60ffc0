# Commissioning and testing: the agent runs the region's list of checks and operators' scripts one after the other, each within its time.
# Sourced by `read_part` of job.sh, whose functions it uses.
#
#   commission ─▶ list ─▶ each: WORKING running ─▶ start ─▶ follow (output, heartbeats) ─▶ WORKING ended ─▶ OK tested, or FAILED
#
# The list is URL/rackboot/1/scripts, "ID KIND SECONDS NAME" a line; a script is URL/rackboot/1/scripts/ID. Its signals have script, script_id,
# output_base64 from byte offset of the whole output, and at its end ended (exited, timed-out, skipped) and exit_status.
#
# 1. All scripts run, whatever an earlier one did to itself or others.
# 2. A script that exceeds its time is killed with all its descendants, even those in their own session.
# 3. A silent script has a sign of life every HEART_SECONDS. When the region no longer wants this boot, everything ends.
# 4. Output waiting to be reported takes at most SAID_BYTES_MAX of memory: the middle is dropped.

HEART_SECONDS=45
END_SECONDS=10
FOLLOW_REQUEST_SECONDS_MAX=10
SAID_BYTES_MAX=65536
PIECE_BYTES_MAX=131072
SCRIPTS_MAX=200
READ_SAMPLES=32
MEMORY_BLOCKS_MAX=256
MEMORY_SECONDS_MAX=10
CLOCK_SECONDS_MAX=5

# ---- output of a script ----

size_of() {
  if [ -e "$1" ]; then wc -c <"$1" | tr -d ' '; else echo 0; fi
}

# Adds the held-back output to that to report, after a line about what was dropped.
give_latest() {
  [ -e "$run/latest" ] || return 0
  [ $left_out -eq 0 ] || printf '\n[%s bytes are left out]\n' $left_out >>"$run/said"
  left_out=0
  cat "$run/latest" >>"$run/said"
  rm "$run/latest"
}

# Reads a script's output into $run/said while there is room, else into $run/latest.
collect_output() {
  left_out=0
  while dd bs=32768 count=1 of="$run/chunk" 2>/dev/null && [ -s "$run/chunk" ]; do
    if [ "$(size_of "$run/said")" -lt $SAID_BYTES_MAX ]; then
      give_latest
      cat "$run/chunk" >>"$run/said"
    else
      left_out=$((left_out + $(size_of "$run/latest")))
      mv "$run/chunk" "$run/latest"
    fi
  done
  give_latest
  # If there was no space for its output, keep reading, so that the script is not ended for that.
  cat >/dev/null
}

# Sets $piece to the file with the next output to report (empty: none), and $piece_offset to its offset.
take_piece() {
  piece=
  if [ ! -s "$run/saying" ] && [ -s "$run/said" ]; then
    mv "$run/said" "$run/saying"
    # Wait for a write to the moved file to finish.
    sleep 0.2
  fi
  [ -s "$run/saying" ] || return 0
  piece=$run/saying
  size=$(size_of "$piece")
  [ "$size" -gt $PIECE_BYTES_MAX ] || return 0
  tail -c $PIECE_BYTES_MAX "$piece" >"$run/cut"
  mv "$run/cut" "$piece"
  piece_offset=$((piece_offset + size - PIECE_BYTES_MAX))
}

drop_piece() {
  [ -z "$piece" ] || { piece_offset=$((piece_offset + $(size_of "$piece"))); rm -f "$piece"; }
  piece=
}

# ---- running one script ----

# Sets $launcher to the program that runs the script, which is elsewhere than in an installed system; empty if the kernel finds it. Status 1:
# there is none here.
find_interpreter() {
  launcher=
  read -r first <"$run/script"
  first=${first#\#!}
  set -f
  # shellcheck disable=SC2086
  set -- $first
  set +f
  [ ! -x "$1" ] || [ "${1##*/}" = env ] || return 0
  interpreter=$1
  program=${1##*/}
  shift
  if [ "$program" = env ]; then
    program=$1
    interpreter=$1
    [ $# -eq 0 ] || shift
  fi
  case $program in dash | ash) program=sh ;; esac
  command -v "$program" >/dev/null 2>&1 || return 1
  launcher="$program $*"
}

# Starts the script, or the check with its name.
start_script() {
  {
    if [ "$kind" = builtin ]; then
      (export RACKBOOT_SCRIPT_ID="$id"; "check_$name") </dev/null 2>&1 &
    else
      # shellcheck disable=SC2086
      (cd "$run/home" && exec setsid env -i PATH="$PATH" HOME="$run/home" TMPDIR="$run/home" LC_ALL=C \
        RACKBOOT_URL="$url" RACKBOOT_PURPOSE="$(job_value purpose)" RACKBOOT_SYSTEM_ID="$(job_value system_id)" \
        RACKBOOT_HOSTNAME="$(job_value hostname)" RACKBOOT_FACTS="$work/run/facts.json" RACKBOOT_SCRIPT="$name" \
        RACKBOOT_SCRIPT_ID="$id" RACKBOOT_TIMEOUT="$seconds" $launcher "$run/script") </dev/null 2>&1 &
    fi
    echo $! >"$run/pid"
    wait $!
    echo $? >"$run/status.new"
    mv "$run/status.new" "$run/status"
  } | collect_output &
  collector=$!
}

# Sends signal $1 to the script and its descendants; with a second argument only to these: the number of an ended script may be another's.
kill_script() {
  read -r pid <"$run/pid" 2>/dev/null || return 0
  kill -s "$1" -- "-$pid" 2>/dev/null
  [ -n "$2" ] || kill -s "$1" "$pid" 2>/dev/null
  # A process in its own session is recognised by its environment.
  for environ in "$proc"/[0-9]*/environ; do
    [ -r "$environ" ] && tr '\000' '\n' <"$environ" 2>/dev/null | grep -qx "RACKBOOT_SCRIPT_ID=$id" || continue
    pid=${environ%/environ}
    kill -s "$1" "${pid##*/}" 2>/dev/null
  done
}

# Waits $1 tenths of a second for the end of the script.
await_end() {
  tenths=0
  while [ ! -e "$run/status" ] && [ $tenths -lt "$1" ]; do
    sleep 0.1
    tenths=$((tenths + 1))
  done
  [ -e "$run/status" ]
}

end_script() {
  kill_script TERM
  await_end $((END_SECONDS * 10))
  kill_script KILL
  # A process that waits for a broken disk cannot be killed; it is left behind.
  await_end 20
}

# Ends everything if the region no longer wants this boot.
check_wanted() {
  case $status in
    408 | 425 | 429) ;;
    4??)
      [ -z "$collector" ] || end_script
      fail "the region no longer wants this work: $problem" ;;
  esac
}

# Reports output and signs of life until the script ends or its time is up. Sets $ended.
follow_script() {
  ended=exited
  begun=$(uptime_seconds)
  last=$begun
  while ! await_end 10; do
    now=$(uptime_seconds)
    if [ $((now - begun)) -ge "$seconds" ]; then
      ended=timed-out
      end_script
      break
    fi
    [ $((now - last)) -ge $SIGNAL_SECONDS ] || continue
    take_piece
    [ -n "$piece" ] || [ $((now - last)) -ge $HEART_SECONDS ] || continue
    last=$now
    status=
    # A hanging region must not extend the script's time.
    limit=$REQUEST_SECONDS_MAX
    REQUEST_SECONDS_MAX=$FOLLOW_REQUEST_SECONDS_MAX
    if signal WORKING testing "running $name" "script=$name" "script_id=$id"; then drop_piece; else check_wanted; fi
    REQUEST_SECONDS_MAX=$limit
    piece=
  done
  # Processes left behind hold its output open: kill them.
  kill_script KILL left
  waited=0
  while kill -0 $collector 2>/dev/null && [ $waited -lt 20 ]; do
    sleep 0.1
    waited=$((waited + 1))
  done
  kill $collector 2>/dev/null
  collector=
}

tell_end() {
  [ ! -e "$run/said" ] || { cat "$run/said" >>"$run/saying"; rm "$run/said"; }
  take_piece
  say "  $name: $1"
  signal_surely WORKING testing "$name: $1" "script=$name" "script_id=$id" "ended=$ended" ${code:+"exit_status=$code"} || check_wanted
  drop_piece
}

run_script() {
  piece_offset=0
  code=
  # A directory for this script alone, away from processes left behind by others.
  run=$work/run/$id
  mkdir -p "$run/home"
  say "Running $name"
  signal_surely WORKING testing "running $name" "script=$name" "script_id=$id" || check_wanted
  if [ "$kind" != builtin ]; then
    status=
    if ! fetch_patiently "$url/rackboot/1/scripts/$id" "$run/script"; then
      [ "$status" = 404 ] || check_wanted
      ended=skipped
      tell_end "skipped, for it was removed"
      return 0
    fi
    chmod 700 "$run/script"
    if ! find_interpreter; then
      echo "no interpreter $interpreter: scripts run with those of busybox, which are sh and awk" >"$run/said"
      ended=exited
      code=127
      failed="$failed $name"
      tell_end "failed, for there is no interpreter $interpreter"
      return 0
    fi
  fi
  start_script
  follow_script
  [ ! -e "$run/status" ] || code=$(cat "$run/status")
  if [ "$ended" = exited ] && [ "$code" = 0 ]; then
    tell_end passed
    return 0
  fi
  failed="$failed $name"
  if [ "$ended" = timed-out ]; then tell_end "ended after its $seconds seconds"; else tell_end "failed with status $code"; fi
}

# ---- checks ----

# 1 processor, 2 processors.
counted() {
  if [ "$1" -eq 1 ]; then echo "1 $2"; else echo "$1 $2s"; fi
}

# Reports the facts, with the BMC. A failure ends only this check.
check_inventory() {
  fail() {
    echo "$*"
    exit 1
  }
  collect_power
  report
  echo "$(counted "$cpus" processor), $(memory_mib) MiB of memory"
  list_disks | while read -r bytes name; do echo "disk $name: $bytes bytes"; done
  case $power_type in ipmi) echo "BMC at $address" ;; wakeonlan) echo "Wake-on-LAN by $boot_nic" ;; esac
}

check_disks() {
  list_disks >"$work/disks"
  bad=0
  while read -r bytes disk; do
    mib=$((bytes / 1048576))
    sample=0
    errors=0
    while [ $sample -lt $READ_SAMPLES ]; do
      dd if="$dev/$disk" of=/dev/null bs=1M count=1 skip=$((sample * (mib > 0 ? mib - 1 : 0) / (READ_SAMPLES - 1))) 2>"$work/dd.err" || {
        errors=$((errors + 1))
        words_of "$work/dd.err"
        echo
      }
      sample=$((sample + 1))
    done
    if [ "$errors" -eq 0 ]; then faults='no errors'; else faults=$(counted "$errors" error); fi
    echo "$disk: $READ_SAMPLES places of $bytes bytes read, $faults"
    bad=$((bad + errors))
  done <"$work/disks"
  [ $bad -eq 0 ]
}

# Fills half of the free memory with noise and compares it, as far as MEMORY_SECONDS_MAX allows: an emulated machine is slow.
check_memory() {
  free=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB.*/\1/p' "$proc/meminfo")
  take_number "$free" 0
  blocks=$((number / 2048))
  # The file system in memory may use only a part of it, and other files need space there, too.
  set -- $(stat -f -c '%b %a %S' "$work" 2>/dev/null)
  if [ $# -eq 3 ] && [ "$1" -gt 0 ]; then
    room=$(($2 * ($3 / 512) / 2048 * 3 / 4))
    [ $blocks -le $room ] || blocks=$room
  fi
  [ $blocks -le $MEMORY_BLOCKS_MAX ] || blocks=$MEMORY_BLOCKS_MAX
  mkdir -p "$work/memory"
  dd if=/dev/urandom of="$work/memory/0" bs=1M count=1 2>/dev/null || { echo "there is no room to write to"; return 1; }
  block=1
  began=$(uptime_seconds)
  while [ $block -lt $blocks ] && [ $(($(uptime_seconds) - began)) -lt $((MEMORY_SECONDS_MAX / 2)) ]; do
    cat "$work/memory/0" >"$work/memory/$block" || { rm -f "$work/memory/$block"; break; }
    block=$((block + 1))
  done
  wrong=0
  read=0
  for copy in "$work"/memory/*; do
    [ $(($(uptime_seconds) - began)) -lt $MEMORY_SECONDS_MAX ] || break
    cmp -s "$work/memory/0" "$copy" || wrong=$((wrong + 1))
    read=$((read + 1))
  done
  rm -rf "$work/memory"
  echo "$block MiB written, $read of them read, $wrong of them differ"
  [ $wrong -eq 0 ]
}

check_link() {
  booted=1
  for nic in "$sys"/class/net/*; do
    [ -e "$nic/device" ] || continue
    read_value "$nic/carrier"
    carrier=$value
    read_value "$nic/speed"
    # A card with unknown speed reports -1.
    case $value in '' | *[!0-9]*) speed= ;; *) speed=$value ;; esac
    read_value "$nic/address"
    if [ "$carrier" = 1 ]; then state="carrier${speed:+, $speed Mbit/s}"; else state='no carrier'; fi
    echo "${nic##*/} ($value): $state"
    [ "$value" != "$boot_mac" ] || [ "$carrier" != 0 ] || booted=0
  done
  [ $booted -eq 1 ]
}

# Compares the clock with the rack's, by the date of its responses, and sets it if it is wrong.
check_clock() {
  wget -S -O /dev/null "$url/rackboot/agent.sh" >"$work/head" 2>&1
  theirs=$(sed -n 's/^ *[Dd]ate: *//p' "$work/head" | head -n 1)
  [ -n "$theirs" ] || { echo "the rack does not tell the time"; return 0; }
  theirs=$(date -u -D '%a, %d %b %Y %T GMT' -d "$theirs" +%s 2>/dev/null)
  take_number "$theirs" 0
  [ "$number" -gt 0 ] || { echo "the rack's time cannot be read"; return 0; }
  off=$(($(date -u +%s) - number))
  if [ "$off" -eq 0 ]; then echo "in step with the rack's clock"
  elif [ "$off" -gt 0 ]; then echo "$(counted "$off" second) ahead of the rack's clock"
  else echo "$(counted "${off#-}" second) behind the rack's clock"; fi
  [ ${off#-} -gt $CLOCK_SECONDS_MAX ] || return 0
  date -u -s "@$number" >/dev/null 2>&1 && hwclock -u -w 2>/dev/null && echo "set to the rack's"
  return 0
}

commission() {
  mkdir -p "$work/run"
  collector=
  piece=
  fetch_patiently "$url/rackboot/1/scripts" "$work/list" || fail_job testing "the region gave no list of scripts: $problem"
  # Ignore malformed lines.
  grep -E '^[0-9]{1,15} (builtin|commissioning|testing) [0-9]{1,6} [A-Za-z0-9][A-Za-z0-9._-]{0,63}$' "$work/list" | head -n $SCRIPTS_MAX >"$work/scripts"
  [ -s "$work/scripts" ] || fail_job testing "the region's list of scripts is empty"
  printf '%s\n' "$facts" >"$work/run/facts.json"
  failed=
  while read -r id kind seconds name; do
    case $kind/$name in builtin/inventory | builtin/disks | builtin/memory | builtin/link | builtin/clock) ;; builtin/*) continue ;; esac
    run_script
    rm -rf "$run"
  done <"$work/scripts"
  rm -rf "$work/run"
  [ -z "$failed" ] || fail_job testing "these failed:$failed"
  signal_surely OK tested "all checks and scripts passed" || fail "the region rejected the signal that everything passed: $problem"
  say "Done. Powering off."
  finish 0
}

# end of commission
