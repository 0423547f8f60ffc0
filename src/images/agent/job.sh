# What the agent does for its region beyond the report: commission, deploy, erase. The region serves this file; the agent reads it into
# itself (`.`) when the region has a job for this machine, so it uses the agent's functions and variables. busybox sh, in the
# ephemeral environment only.
#
# The job is in $work/job, one name=value a line. What happens is told by signals: URL/rackboot/1/signal, a form of status
# (WORKING, OK, FAILED), stage, message, done_bytes, total_bytes, script, exit_status, output. Each is a sign of life.
#
#   deploy ─▶ tools ─▶ disk ─▶ write_image ─▶ grow_last ─▶ personalise ─▶ OK written ─▶ reboot
#   erase  ─▶ each disk ─▶ OK erased ─▶ power off           commission ─▶ report ─▶ checks ─▶ OK tested ─▶ power off
#
# 1. Nothing is written to a disk before it is chosen, and nothing but that disk when one is deployed.
# 2. "written" is said after the hash of what came was compared and the disk has taken every byte.
# 3. Every failure is told with the words of the tool that failed; a region that is away is waited for.
# 4. Values of the job go into files only after they were checked to be what they should.

SIGNAL_SECONDS=5
STALL_SECONDS_MAX=300
WRITE_TRIES_MAX=3
DIRTY_BYTES=268435456
WIPE_MIB=16
READ_SAMPLES=32
MEMORY_BLOCKS_MAX=256
CLOCK_SECONDS_MAX=5
OUTPUT_BYTES_MAX=32768

dev=${RACKBOOT_DEV:-/dev}
tools=${RACKBOOT_TOOLS:-/run/tools}
root=${RACKBOOT_MOUNT:-/mnt}
base=${url%/MAAS}

# The value of NAME in the job, printable ASCII.
job_value() {
  sed -n "s/^$1=//p" "$work/job" | head -n 1 | tr -cd '\040-\176'
}

# ---- signals ----

# Tells the region how the job goes: STATUS STAGE MESSAGE [NAME=VALUE …]; status 0 when it was taken. Adds the file $output as output.
signal() {
  {
    printf 'status=%s&stage=%s&message=' "$1" "$2"
    printf %s "$3" | tr -cd '\040-\176' | cut -c1-512 | form_encode | tr -d '\n'
    shift 3
    for field; do
      printf '&%s=' "${field%%=*}"
      printf %s "${field#*=}" | tr -cd '\040-\176' | form_encode
    done
    [ -z "$output" ] || { printf '&output='; tail -c $OUTPUT_BYTES_MAX "$output" | tr -cd '\012\040-\176' | form_encode | sed 's/$/%0A/' | tr -d '\n'; }
  } >"$work/form"
  target=$url/rackboot/1/signal
  post_form
}

# The same, until it is taken: for what the region must know. Status 1 when the region refuses it.
signal_surely() {
  pause=2
  began=$(uptime_seconds)
  while ! signal "$@"; do
    case $status in
      408 | 425 | 429) ;;
      4??) say "The region refuses to hear that ($1 $2): $problem"; return 1 ;;
    esac
    [ $(($(uptime_seconds) - began)) -lt "$REPORT_SECONDS_MAX" ] || return 1
    say "The region does not hear ($1 $2): $problem; next try in $pause seconds."
    sleep $pause
    pause=$((pause * 3 / 2 + 1))
    [ $pause -le "$PAUSE_SECONDS_MAX" ] || pause=$PAUSE_SECONDS_MAX
  done
}

# Ends a job that failed: STAGE, and what happened.
fail_job() {
  stage=$1
  shift
  signal_surely FAILED "$stage" "$*"
  fail "$*"
}

# The last words of a tool, on one line.
words_of() {
  grep -v '^ *$' "$1" 2>/dev/null | tail -n 2 | tr '\n' ' ' | tr -cd '\040-\176' | cut -c1-200
}

# ---- tools ----

# Fetches the programs that busybox lacks; the initrd names their archive and its hash.
fetch_tools() {
  [ ! -e "$tools/complete" ] || return 0
  read -r path hash <"${RACKBOOT_TOOLS_NAME:-/lib/rackboot/tools}" || fail_job started "this environment is too old to deploy: run rackboot images build on the rack"
  wget -O "$work/tools.cpio.gz" "$base/$path" 2>"$work/problem" || fail_job started "$base/$path cannot be fetched: $(words_of "$work/problem")"
  got=$(sha256sum "$work/tools.cpio.gz")
  [ "${got%% *}" = "$hash" ] || fail_job started "$base/$path is not the one of this environment: start the machine again"
  mkdir -p "$tools"
  (cd "$tools" && gunzip -c "$work/tools.cpio.gz" | cpio -i) 2>"$work/problem" || fail_job started "the tools cannot be unpacked: $(words_of "$work/problem")"
  rm "$work/tools.cpio.gz"
  : >"$tools/complete"
}

# Runs a program of the tools with its own libraries.
tool() {
  program=$1
  shift
  if [ -e "$tools/ld.so" ]; then "$tools/ld.so" --library-path "$tools" "$tools/$program" "$@"; else "$program" "$@"; fi
}

# ---- disks ----

# Prints "BYTES NAME" of each disk that may be written, as collect_disks has them.
list_disks() {
  for candidate in "$sys"/block/*; do
    name=${candidate##*/}
    case $name in loop* | ram* | sr* | fd* | dm-* | md* | zram* | nbd* | mtd* | mmcblk*boot* | mmcblk*rpmb) continue ;; esac
    read_value "$candidate/removable"
    [ "$value" != 1 ] || continue
    read_value "$candidate/ro"
    [ "$value" != 1 ] || continue
    read_value "$candidate/size"
    take_number "$value" 0
    [ "$number" -eq 0 ] || echo "$((number * 512)) $name"
  done
}

# Sets $disk to the name of the disk to deploy to: the one that the job names (by name, path or serial number), else the smallest that
# holds the image, those at USB last.
choose_disk() {
  wanted=$(job_value disk)
  wanted=${wanted#/dev/}
  needed=$(job_value image_disk_bytes)
  [ -n "$needed" ] || needed=$(job_value image_bytes)
  take_number "$needed" 1
  needed=$number
  disk=
  best=
  list_disks >"$work/disks"
  while read -r bytes name; do
    if [ -n "$wanted" ]; then
      read_value "$sys/block/$name/serial"
      [ -n "$value" ] || read_value "$sys/block/$name/device/serial"
      [ "$name" != "$wanted" ] && [ "serial:$value" != "$wanted" ] || { disk=$name; best=$bytes; }
      continue
    fi
    [ "$bytes" -ge "$needed" ] || continue
    usb=0
    case $(readlink -f "$sys/block/$name") in */usb*) usb=1 ;; esac
    if [ -z "$disk" ] || [ $usb -lt "$best_usb" ] || { [ $usb -eq "$best_usb" ] && [ "$bytes" -lt "$best" ]; }; then
      disk=$name
      best=$bytes
      best_usb=$usb
    fi
  done <"$work/disks"
  seen=$(tr '\n' ',' <"$work/disks")
  [ -n "$disk" ] || fail_job partitioning "there is no disk ${wanted:-of $needed bytes or more}; there are: ${seen:-none}"
  [ "$best" -ge "$needed" ] || fail_job partitioning "the disk $disk has $best bytes, the image needs $needed"
}

# How far a process has written (its descriptor 1), in bytes.
written_by() {
  read -r pid <"$1" 2>/dev/null || { echo 0; return; }
  position=$(sed -n 's/^pos:[^0-9]*//p' "$proc/$pid/fdinfo/1" 2>/dev/null)
  take_number "$position" 0
  echo "$number"
}

# Waits for process $1, which writes through the one whose number is in $work/dd.pid; signals progress of stage $2 (base $3, total $4).
# Status 1 when nothing was written for STALL_SECONDS_MAX.
follow() {
  last=-1
  moved=$(uptime_seconds)
  told=$moved
  while kill -0 "$1" 2>/dev/null; do
    sleep 1
    now=$(uptime_seconds)
    position=$(written_by "$work/dd.pid")
    [ "$position" = "$last" ] || { last=$position; moved=$now; }
    if [ $((now - told)) -ge $SIGNAL_SECONDS ]; then
      told=$now
      signal WORKING "$2" "$2 $disk" "done_bytes=$(($3 + position))" "total_bytes=$4"
    fi
    [ $((now - moved)) -lt $STALL_SECONDS_MAX ] || { kill -9 "$1" $(cat "$work"/*.pid) 2>/dev/null; return 1; }
  done
}

# Writes standard input to the device $1; further arguments are dd's.
write_device() {
  to=$1
  shift
  # The number of the process that writes is that of this shell, which it replaces.
  sh -c 'to=$1; work=$2; shift 2; echo $$ >"$work/dd.pid"; exec dd conv=fsync,notrunc "$@" 1<>"$to" 2>"$work/dd.err"' sh "$to" "$work" "$@"
  echo $? >"$work/dd.status"
}

expand() {
  if [ "$format" = raw.zst ]; then tool zstd -dc -q 2>"$work/zstd.err"; else cat; fi
  echo $? >"$work/expand.status"
}

# Quirk: wget of Debian 12's static busybox crashes with -T; who waits for it ends it by its number.
fetch_image() {
  sh -c 'echo $$ >"$1/wget.pid"; exec wget -O - "$0" 2>"$1/wget.err"' "$image" "$work"
  echo $? >"$work/wget.status"
}

# Streams the image to the disk while its hash is made. Sets $problem and status 1 when it did not come whole.
stream_image() {
  rm -f "$work"/*.status "$work"/*.pid "$work/copy"
  mkfifo "$work/copy"
  sha256sum <"$work/copy" >"$work/sum" &
  summing=$!
  fetch_image | tee "$work/copy" | expand | write_device "$dev/$disk" bs=1M &
  follow $! writing 0 "$total"
  stalled=$?
  wait $summing
  got=$(cut -d ' ' -f 1 "$work/sum")
  problem=
  if [ $stalled -ne 0 ]; then
    problem="nothing was written to $disk for $STALL_SECONDS_MAX seconds"
  elif [ "$(cat "$work/dd.status")" != 0 ]; then
    fail_job writing "the disk $disk does not take the image: $(words_of "$work/dd.err")"
  elif case $(cat "$work/wget.status") in 0 | 141) false ;; esac; then
    problem="$image cannot be fetched: $(words_of "$work/wget.err")"
  elif [ "$(cat "$work/expand.status")" != 0 ]; then
    # Who reads no more ends who fetches, by signal 13.
    problem="the image cannot be expanded: $(words_of "$work/zstd.err")"
  elif [ "$got" != "$hash" ]; then
    problem="what came from $image has the sha256 $got, not $hash"
  fi
  [ -z "$problem" ]
}

write_image() {
  image=$(job_value image_url)
  case $image in /*) image=$base$image ;; esac
  case $image in http://*) ;; *) fail_job writing "the region named no image" ;; esac
  hash=$(job_value image_sha256)
  [ ${#hash} -eq 64 ] || fail_job writing "the region gave no hash of the image"
  format=$(job_value image_format)
  total=$(job_value image_disk_bytes)
  [ -n "$total" ] || [ "$format" != raw ] || total=$(job_value image_bytes)
  take_number "$total" 0
  total=$number
  # What waits in memory is bounded, so that progress is what the disk has taken and the last bytes do not take minutes.
  [ ! -w "$proc/sys/vm/dirty_bytes" ] || echo $DIRTY_BYTES >"$proc/sys/vm/dirty_bytes"
  try=1
  until stream_image; do
    [ $try -lt $WRITE_TRIES_MAX ] || fail_job writing "$problem (tried $try times)"
    say "$problem; trying again."
    signal WORKING writing "$problem; trying again"
    try=$((try + 1))
    sleep 2
  done
  say "The image is on $disk, its hash is right."
}

# ---- what is on the disk ----

# Prints "START NUMBER NAME" of the disk's partitions, in their order on it.
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

# Says what file system is on the partition $1: ext, xfs, or nothing.
file_system_of() {
  case $(dd if="$dev/$1" bs=1 skip=1080 count=2 2>/dev/null | hexdump -e '2/1 "%02x"') in 53ef) echo ext; return ;; esac
  case $(dd if="$dev/$1" bs=4 count=1 2>/dev/null) in XFSB) echo xfs ;; esac
}

# Lets the last partition, when it has a file system that can grow, and the file system reach to the end of the disk.
grow_last() {
  reread_partitions
  last=$(list_partitions | tail -n 1)
  [ -n "$last" ] || fail_job personalising "the kernel sees no partition on $disk after the image was written"
  set -- $last
  kind=$(file_system_of "$3")
  [ -n "$kind" ] || { say "The last partition, $3, has no file system that is grown here."; return 0; }
  tool sfdisk -q --relocate gpt-bak-std "$dev/$disk" >"$work/sfdisk" 2>&1
  if ! echo ', +' | tool sfdisk -q --no-reread --force -N "$2" "$dev/$disk" >>"$work/sfdisk" 2>&1; then
    fail_job personalising "the partition $3 cannot be grown: $(words_of "$work/sfdisk")"
  fi
  reread_partitions
  case $kind in
    ext)
      tool e2fsck -f -y "$dev/$3" >"$work/resize" 2>&1
      [ $? -le 2 ] && tool resize2fs "$dev/$3" >>"$work/resize" 2>&1 ||
        fail_job personalising "the file system of $3 cannot be grown: $(words_of "$work/resize")" ;;
    xfs) say "The file system of $3 is xfs: the installed system grows it." ;;
  esac
}

# Mounts the root of the installed system at $root; status 1 when there is none that can be recognised.
mount_root() {
  mkdir -p "$root"
  for part in $(list_partitions | cut -d ' ' -f 3); do
    for type in ext4 xfs; do
      mount -t $type "$dev/$part" "$root" 2>/dev/null || continue
      [ ! -e "$root/etc/os-release" ] && [ ! -L "$root/etc/os-release" ] || return 0
      umount "$root"
    done
  done
  return 1
}

# Status 0 when $1 is made of the characters $2 only, and is not empty.
made_of() {
  [ -n "$1" ] && [ -z "$(printf %s "$1" | tr -d "$2")" ]
}

# Where the keys of the owner go: the home of the first user of people, else of root. Sets $home, $owner.
find_login() {
  line=$(awk -F: '$3 == 1000 { print; exit }' "$root/etc/passwd")
  [ -n "$line" ] || line=$(grep '^root:' "$root/etc/passwd")
  home=$(echo "$line" | cut -d : -f 6)
  owner=$(echo "$line" | cut -d : -f 3,4)
  [ -n "$home" ] || { home=/root; owner=0:0; }
}

# Fetches URL $1 with the token of this boot to the file $2.
fetch_private() {
  case $1 in /*) from=$base$1 ;; *) from=$1 ;; esac
  bounded "$REQUEST_SECONDS_MAX" wget -O "$2" ${token:+--header "X-Rackboot-Token: $token"} "$from" 2>"$work/problem" ||
    fail_job personalising "$from cannot be fetched: $(words_of "$work/problem")"
}

write_keys() {
  from=$(job_value ssh_keys_url)
  [ -n "$from" ] || return 0
  fetch_private "$from" "$work/keys"
  find_login
  mkdir -p "$root$home/.ssh"
  cp "$work/keys" "$root$home/.ssh/authorized_keys"
  chmod 700 "$root$home/.ssh"
  chmod 600 "$root$home/.ssh/authorized_keys"
  chown -R "$owner" "$root$home/.ssh"
}

write_name() {
  hostname=$(job_value hostname)
  domain=$(job_value domain)
  made_of "$hostname" 'A-Za-z0-9-' || fail_job personalising "the region gave no host name"
  [ -z "$domain" ] || made_of "$domain" 'A-Za-z0-9.-' || fail_job personalising "the domain is no name"
  (umask 022; echo "$hostname" >"$root/etc/hostname")
  { grep -v '^127\.0\.1\.1[[:space:]]' "$root/etc/hosts" 2>/dev/null; echo "127.0.1.1 ${domain:+$hostname.$domain }$hostname"; } >"$work/hosts"
  (umask 022; cat "$work/hosts" >"$root/etc/hosts")
}

# Gives the system an identity of its own: it draws a machine-id at its first start, and its SSH host keys are made here.
write_identity() {
  (umask 022; : >"$root/etc/machine-id")
  rm -f "$root/var/lib/dbus/machine-id"
  [ -x "$root/usr/bin/ssh-keygen" ] || return 0
  rm -f "$root"/etc/ssh/ssh_host_*
  (umask 022; chroot "$root" /usr/bin/ssh-keygen -A >"$work/keygen" 2>&1) || say "No SSH host keys were made: $(words_of "$work/keygen")"
}

# A static address, for the tool that the system configures its network with. By DHCP it gets the same one from the rack.
write_network() {
  address=$(job_value address)
  case $address in '' | dhcp) return 0 ;; esac
  router=$(job_value router)
  servers=$(job_value dns | tr ',' ' ')
  made_of "$address" '0-9./' && { [ -z "$router" ] || made_of "$router" '0-9.'; } && { [ -z "$servers" ] || made_of "$servers" '0-9. '; } ||
    fail_job personalising "the address, router or name servers of the job are none"
  made_of "$boot_mac" '0-9a-f:' || fail_job personalising "the interface that booted this machine is not known"
  umask 022
  if [ -d "$root/etc/netplan" ]; then
    {
      printf 'network:\n  version: 2\n  ethernets:\n    boot:\n      match: { macaddress: "%s" }\n      addresses: [%s]\n' "$boot_mac" "$address"
      [ -z "$router" ] || printf '      routes: [{ to: default, via: %s }]\n' "$router"
      [ -z "$servers" ] || printf '      nameservers: { addresses: [%s] }\n' "$(echo $servers | sed 's/ /, /g')"
    } >"$root/etc/netplan/90-rackboot.yaml"
    chmod 600 "$root/etc/netplan/90-rackboot.yaml"
  elif [ -e "$root/etc/systemd/system/multi-user.target.wants/systemd-networkd.service" ]; then
    {
      printf '[Match]\nMACAddress=%s\n\n[Network]\nAddress=%s\n' "$boot_mac" "$address"
      [ -z "$router" ] || printf 'Gateway=%s\n' "$router"
      for server in $servers; do printf 'DNS=%s\n' "$server"; done
    } >"$root/etc/systemd/network/10-rackboot.network"
  else
    say "How this system configures its network is not known: it keeps its own way."
    umask 077
    return 0
  fi
  [ ! -d "$root/etc/cloud/cloud.cfg.d" ] || echo 'network: { config: disabled }' >"$root/etc/cloud/cloud.cfg.d/99-rackboot-network.cfg"
  umask 077
}

# User data for cloud-init, in the place where it looks for it without a network.
write_user_data() {
  from=$(job_value user_data_url)
  [ -n "$from" ] && [ -d "$root/etc/cloud" ] || return 0
  seed=$root/var/lib/cloud/seed/nocloud
  mkdir -p "$seed"
  fetch_private "$from" "$seed/user-data"
  printf 'instance-id: %s-%s\nlocal-hostname: %s\n' "$hostname" "$(cut -c1-8 "$proc/sys/kernel/random/uuid")" "$hostname" >"$seed/meta-data"
}

personalise() {
  if ! mount_root; then
    say "There is no root of a Linux system on $disk that is known here: nothing is set in it."
    return 0
  fi
  write_name
  write_identity
  write_keys
  write_network
  write_user_data
  sync
  umount "$root" 2>"$work/problem" || fail_job personalising "the disk cannot be unmounted: $(words_of "$work/problem")"
}

# ---- jobs ----

report_facts() {
  collect_bmc
  say "Reporting $macs to $url"
  report
}

deploy() {
  signal_surely WORKING started "fetching the tools" || fail "the region does not take this machine's signals: $problem"
  fetch_tools
  signal WORKING partitioning "choosing the disk"
  choose_disk
  say "Deploying to $disk"
  write_image
  signal WORKING personalising "growing and personalising $disk"
  grow_last
  personalise
  sync
  signal_surely OK written "the image is on $disk, verified" || fail "the region refuses to hear that the disk is written: $problem"
  say "Deployed; starting from $disk."
  sleep 1
  reboot -f
  finish 0
}

# Zeroes of $1 MiB ($2: from this MiB on) of the device $disk.
wipe() {
  dd if=/dev/zero of="$dev/$disk" bs=1M count="$1" seek="$2" conv=notrunc,fsync 2>"$work/dd.err" ||
    fail_job erasing "$disk cannot be written: $(words_of "$work/dd.err")"
}

wipe_signatures() {
  mib=$((bytes / 1048576))
  list_partitions | while read -r start number name; do
    dd if=/dev/zero of="$dev/$disk" bs=512 seek="$start" count=2048 conv=notrunc 2>/dev/null
  done
  size=$WIPE_MIB
  [ "$mib" -ge $size ] || size=$mib
  wipe $size 0
  wipe $size $((mib - size))
  # What is left of a disk whose size is no whole MiB.
  dd if=/dev/zero of="$dev/$disk" bs=512 seek=$((mib * 2048)) count=$((bytes / 512 - mib * 2048)) conv=notrunc,fsync 2>/dev/null
}

wipe_all() {
  rm -f "$work"/*.pid "$work"/*.status
  # Every byte is written once, and not one more: the end of the disk is not reached by an error.
  {
    write_device "$dev/$disk" bs=1M count=$((bytes / 1048576)) </dev/zero
    cp "$work/dd.status" "$work/most.status"
    rest=$((bytes % 1048576 / 512))
    [ $rest -eq 0 ] || write_device "$dev/$disk" bs=512 seek=$((bytes / 1048576 * 2048)) count=$rest </dev/zero
  } &
  follow $! erasing "$erased" "$total" || fail_job erasing "nothing was written to $disk for $STALL_SECONDS_MAX seconds"
  case $(cat "$work/most.status" "$work/dd.status" | tr -d '\n') in 00) ;; *) fail_job erasing "$disk cannot be written: $(words_of "$work/dd.err")" ;; esac
  read_value "$sys/block/$disk/queue/rotational"
  [ "$value" != 0 ] || blkdiscard "$dev/$disk" 2>/dev/null
}

erase() {
  mode=$(job_value mode)
  case $mode in signatures | all) ;; *) fail_job erasing "there is no way to erase called $mode" ;; esac
  signal_surely WORKING erasing "erasing ($mode)" || fail "the region does not take this machine's signals: $problem"
  [ ! -w "$proc/sys/vm/dirty_bytes" ] || echo $DIRTY_BYTES >"$proc/sys/vm/dirty_bytes"
  list_disks >"$work/disks"
  total=$(awk '{ sum += $1 } END { printf "%.0f", sum }' "$work/disks")
  erased=0
  while read -r bytes disk; do
    say "Erasing $disk ($mode)"
    wipe_$mode
    erased=$((erased + bytes))
    signal WORKING erasing "$disk is erased" "done_bytes=$erased" "total_bytes=$total"
  done <"$work/disks"
  sync
  signal_surely OK erased "$(wc -l <"$work/disks" | tr -d ' ') disks are erased ($mode)"
  say "Erased. Powering off."
  finish 0
}

# ---- checks ----

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
    echo "$disk: $READ_SAMPLES places of $bytes bytes read, $errors with errors"
    bad=$((bad + errors))
  done <"$work/disks"
  [ $bad -eq 0 ]
}

# Half of what is free is filled with noise and compared.
check_memory() {
  free=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB.*/\1/p' "$proc/meminfo")
  take_number "$free" 0
  blocks=$((number / 2048))
  [ $blocks -le $MEMORY_BLOCKS_MAX ] || blocks=$MEMORY_BLOCKS_MAX
  mkdir -p "$work/memory"
  dd if=/dev/urandom of="$work/memory/0" bs=1M count=1 2>/dev/null
  block=1
  while [ $block -lt $blocks ]; do
    cat "$work/memory/0" >"$work/memory/$block"
    block=$((block + 1))
  done
  wrong=0
  for copy in "$work"/memory/*; do
    cmp -s "$work/memory/0" "$copy" || wrong=$((wrong + 1))
  done
  rm -rf "$work/memory"
  echo "$blocks MiB written and read, $wrong of them differ"
  [ $wrong -eq 0 ]
}

check_link() {
  booted=1
  for nic in "$sys"/class/net/*; do
    [ -e "$nic/device" ] || continue
    read_value "$nic/carrier"
    carrier=$value
    read_value "$nic/speed"
    speed=$value
    read_value "$nic/address"
    if [ "$carrier" = 1 ]; then state="link${speed:+, $speed Mbit/s}"; else state='no link'; fi
    echo "${nic##*/} ($value): $state"
    [ "$value" != "$boot_mac" ] || [ "$carrier" != 0 ] || booted=0
  done
  [ $booted -eq 1 ]
}

# Compares the clock with the rack's, by the date of its answers, and sets it when it is wrong.
check_clock() {
  wget -S -O /dev/null "$url/rackboot/agent.sh" >"$work/head" 2>&1
  theirs=$(sed -n 's/^ *[Dd]ate: *//p' "$work/head" | head -n 1)
  [ -n "$theirs" ] || { echo "the rack does not tell the time"; return 0; }
  theirs=$(date -u -D '%a, %d %b %Y %T GMT' -d "$theirs" +%s 2>/dev/null)
  take_number "$theirs" 0
  [ "$number" -gt 0 ] || { echo "the rack's time cannot be read"; return 0; }
  off=$(($(date -u +%s) - number))
  echo "$off seconds ahead of the rack's clock"
  [ ${off#-} -gt $CLOCK_SECONDS_MAX ] || return 0
  date -u -s "@$number" >/dev/null 2>&1 && hwclock -u -w 2>/dev/null && echo "set to the rack's"
  return 0
}

commission() {
  report_facts
  signal_surely WORKING testing "checking disks, memory, links and clock" || fail "the region does not take this machine's signals: $problem"
  failed=
  for check in disks memory link clock; do
    say "Checking: $check"
    check_$check >"$work/output" 2>&1
    code=$?
    output=$work/output
    signal_surely WORKING testing "$check: $([ $code -eq 0 ] && echo passed || echo failed)" "script=$check" "exit_status=$code"
    output=
    [ $code -eq 0 ] || failed="$failed $check"
  done
  [ -z "$failed" ] || fail_job testing "these checks failed:$failed"
  signal_surely OK tested "all checks passed"
  say "Commissioned. Powering off."
  finish 0
}

output=
then=
case $(job_value job) in
  commission) commission ;;
  deploy) deploy ;;
  erase) erase ;;
  poweroff) say "Powering off, as the region wants."; finish 0 ;;
  none)
    report_facts
    say "The region wants nothing else. Powering off."
    finish 0 ;;
  *) fail_job started "this environment has no job called $(job_value job | cut -c1-32)" ;;
esac
# end of job
