# The agent's work for its region beyond the report: what the jobs share. Each job is in its own file (commission.sh, deploy.sh with
# personalise.sh, erase.sh, rescue.sh, login.sh). The region serves this file; the agent sources it (`.`) when the region has a job for this
# machine, so it uses the agent's functions and variables. busybox sh, in the ephemeral environment only.
#
# The job is in $work/job, one name=value a line. Progress is reported by signals to URL/rackboot/1/signal: a form of status (WORKING, OK,
# FAILED), stage, message, done_bytes, total_bytes, script, exit_status, output (for scripts see commission.sh). Each is a sign of life.
#
#   commission ─▶ commission.sh   deploy ─▶ deploy.sh, personalise.sh   erase ─▶ erase.sh   rescue ─▶ rescue.sh   with each ─▶ login.sh
#
# 1. Every failure is reported with the output of the failed tool; if the region is away, the agent waits for it.
# 2. Values of the job go into files only after a check of their form.

SIGNAL_SECONDS=5
STALL_SECONDS_MAX=120
OUTPUT_BYTES_MAX=32768

dev=${RACKBOOT_DEV:-/dev}
tools=${RACKBOOT_TOOLS:-/run/tools}
root=${RACKBOOT_MOUNT:-/mnt}
base=${url%/MAAS}
watcher=
piece=

# The value of NAME in the job, printable ASCII.
job_value() {
  sed -n "s/^$1=//p" "$work/job" | head -n 1 | tr -cd '\040-\176'
}

# Sources the file $1.sh of the region, which ends with '# end of $1'.
read_part() {
  fetch_patiently "$url/rackboot/$1.sh" "$work/$1.sh" || fail_job started "the region does not serve its $1.sh: $problem"
  [ "$(tail -n 1 "$work/$1.sh")" = "# end of $1" ] || fail_job started "$1.sh arrived incomplete"
  . "$work/$1.sh"
}

# ---- signals ----

# STATUS STAGE MESSAGE [NAME=VALUE …]; status 0 if the region accepted it. Adds the file $output as output, and the file $piece as a script's
# output from byte $piece_offset on.
signal() {
  {
    printf 'status=%s&stage=%s&message=' "$1" "$2"
    printf %s "$3" | tr -cd '\040-\176' | cut -c1-512 | form_encode | tr -d '\n'
    shift 3
    for field; do
      printf '&%s=' "${field%%=*}"
      printf %s "${field#*=}" | tr -cd '\040-\176' | form_encode
    done
    [ -z "$piece" ] || { printf '&offset=%s&output_base64=' "$piece_offset"; base64 "$piece" | tr -d '\n=' | tr '+/' '-_'; }
    [ -z "$output" ] || { printf '&output='; tail -c $OUTPUT_BYTES_MAX "$output" | tr -cd '\012\040-\176' | form_encode | sed 's/$/%0A/' | tr -d '\n'; }
  } >"$work/form"
  target=$url/rackboot/1/signal
  post_form
}

# The same, repeated until the region accepts it. Status 1 if it refuses.
signal_surely() {
  pause=2
  began=$(uptime_seconds)
  while ! signal "$@"; do
    case $status in
      408 | 425 | 429) ;;
      4??) say "The region rejected the signal $1 $2: $problem"; return 1 ;;
    esac
    [ $(($(uptime_seconds) - began)) -lt "$REPORT_SECONDS_MAX" ] || return 1
    say "The region has not received the signal $1 $2: $problem; next try in $pause seconds."
    sleep $pause
    pause=$((pause * 3 / 2 + 1))
    [ $pause -le "$PAUSE_SECONDS_MAX" ] || pause=$PAUSE_SECONDS_MAX
  done
  # After its last signal the region no longer wants the job: the watch must not end the work for that.
  [ "$1" != OK ] || [ -z "$watcher" ] || end_watch
}

# Ends a failed job: STAGE, and what happened.
fail_job() {
  stage=$1
  shift
  signal_surely FAILED "$stage" "$*"
  fail "$*"
}

words_of() {
  grep -v '^ *$' "$1" 2>/dev/null | tail -n 2 | tr '\n' ' ' | tr -cd '\040-\176' | cut -c1-200
}

# ---- tools ----

# Fetches the archive of programs $1 into the directory $2; the initrd names archive and hash. On failure status 1 and $problem.
fetch_archive() {
  [ ! -e "$2/complete" ] || return 0
  named=${RACKBOOT_ARCHIVES:-/lib/rackboot}/$1
  [ -r "$named" ] || { problem="this environment has no programs for that ($1): run rackboot images build on the rack"; return 1; }
  read -r path hash <"$named"
  archive=$work/$1.cpio.gz
  wget -O "$archive" "$base/$path" 2>"$work/problem" || { problem="$base/$path cannot be fetched: $(words_of "$work/problem")"; return 1; }
  got=$(sha256sum "$archive")
  [ "${got%% *}" = "$hash" ] || { problem="$base/$path is not the one of this environment: start the machine again"; return 1; }
  mkdir -p "$2"
  (cd "$2" && gunzip -c "$archive" | cpio -i) 2>"$work/problem" || { problem="$base/$path cannot be unpacked: $(words_of "$work/problem")"; return 1; }
  rm "$archive"
  : >"$2/complete"
}

# Fetches the programs that busybox lacks. LVM needs its settings: nothing here manages devices, so it must make their names itself.
fetch_tools() {
  fetch_archive tools "$tools" || fail_job started "$problem"
  write_lvm_settings "$tools"
}

write_lvm_settings() {
  {
    echo 'devices { obtain_device_list_from_udev=0 external_device_info_source="none" use_devicesfile=0 }'
    echo 'activation { udev_sync=0 udev_rules=0 verify_udev_operations=0 monitoring=0 }'
    echo 'backup { backup=0 archive=0 }'
  } >"$1/lvm.conf"
}

tool() {
  program=$1
  shift
  if [ -e "$tools/ld.so" ]; then "$tools/ld.so" --library-path "$tools" "$tools/$program" "$@"; else "$program" "$@"; fi
}

# ---- disks ----

# Prints "BYTES NAME" of each writable disk, as in collect_disks; with $1 `all` also read-only ones.
list_disks() {
  for candidate in "$sys"/block/*; do
    name=${candidate##*/}
    case $name in loop* | ram* | sr* | fd* | dm-* | md* | zram* | nbd* | mtd* | mmcblk*boot* | mmcblk*rpmb) continue ;; esac
    read_value "$candidate/removable"
    [ "$value" != 1 ] || continue
    # Quirk: one of several paths to an NVMe disk shows a size, but has no device.
    read_value "$candidate/hidden"
    [ "$value" != 1 ] || continue
    read_value "$candidate/ro"
    [ "$value" != 1 ] || [ "$1" = all ] || continue
    read_value "$candidate/size"
    take_number "$value" 0
    [ "$number" -eq 0 ] || echo "$((number * 512)) $name"
  done
}

# How many bytes a process has written to its descriptor 1.
written_by() {
  read -r pid <"$1" 2>/dev/null || { echo 0; return; }
  position=$(sed -n 's/^pos:[^0-9]*//p' "$proc/$pid/fdinfo/1" 2>/dev/null)
  take_number "$position" 0
  echo "$number"
}

# Waits for process $1, whose writer is in $work/dd.pid, and signals progress of stage $2 (base $3, total $4). Status 1: it stalls for
# STALL_SECONDS_MAX.
follow() {
  last=-1
  position=0
  moved=$(uptime_seconds)
  signalled_at=$moved
  while kill -0 "$1" 2>/dev/null; do
    sleep 1
    now=$(uptime_seconds)
    written=$(written_by "$work/dd.pid")
    # A writer that has ended shows no position.
    [ "$written" -lt "$position" ] || position=$written
    [ "$position" = "$last" ] || { last=$position; moved=$now; }
    if [ $((now - signalled_at)) -ge $SIGNAL_SECONDS ]; then
      signalled_at=$now
      signal WORKING "$2" "$2 $disk" "done_bytes=$(($3 + position))" "total_bytes=$4"
    fi
    [ $((now - moved)) -lt $STALL_SECONDS_MAX ] || { kill -9 "$1" $(cat "$work"/*.pid) 2>/dev/null; return 1; }
  done
}

# Writes standard input to the device $1; further arguments go to dd.
write_device() {
  to=$1
  shift
  # The writer replaces this shell, so it has the shell's number.
  sh -c 'to=$1; work=$2; shift 2; echo $$ >"$work/dd.pid"; exec dd conv=fsync,notrunc "$@" 1<>"$to" 2>"$work/dd.err"' sh "$to" "$work" "$@"
  echo $? >"$work/dd.status"
}

# ---- partitions ----

# Prints "START NUMBER NAME" of the disk's partitions, in their order on the disk.
list_partitions() {
  for part in "$sys/block/$disk/$disk"*; do
    [ -e "$part/start" ] || continue
    echo "$(cat "$part/start") $(cat "$part/partition") ${part##*/}"
  done | sort -n
}

reread_partitions() {
  sync
  blockdev --rereadpt "$dev/$disk" 2>/dev/null
  waited=0
  while [ -z "$(list_partitions)" ] && [ $waited -lt 10 ]; do
    sleep 1
    waited=$((waited + 1))
  done
}

# ---- jobs ----

report_facts() {
  collect_power
  say "Reporting $macs to $url"
  report
}

# With a region that does not serve login.sh, the job runs without the watch.
guard_job() {
  fetch_patiently "$url/rackboot/login.sh" "$work/login.sh" && [ "$(tail -n 1 "$work/login.sh")" = '# end of login' ] || return 0
  . "$work/login.sh"
  start_watch
}

output=
then=
case $(job_value job) in commission | deploy | erase) guard_job ;; esac
case $(job_value job) in
  commission) read_part commission; commission ;;
  deploy) read_part deploy; read_part personalise; deploy ;;
  erase) read_part erase; erase ;;
  rescue) read_part login; read_part rescue; rescue ;;
  reboot) say "Restarting, as the region asked."; reboot -f; finish 0 ;;
  poweroff) say "Powering off, as the region asked."; finish 0 ;;
  none)
    report_facts
    say "The region has no more work. Powering off."
    finish 0 ;;
  *) fail_job started "this environment has no job called $(job_value job | cut -c1-32)" ;;
esac
# end of job
