# Deploying: the agent writes an image to a disk. Sourced by `read_part` of job.sh, whose functions it uses; personalise.sh sets up the
# system in the image.
#
#   deploy ─▶ tools ─▶ choose_disk ─▶ write_image ─▶ grow_last ─▶ personalise ─▶ OK written ─▶ reboot
#                             write_system (system.sh), if the image is the root of a system, or if the root is laid out (layout.sh)
#                                        ▲    │ stalled, cut short, wrong hash: again from the start, WRITE_TRIES_MAX times in all
#                                        └────┘
#
# 1. Only the chosen disk is written, and those of the plan if a person laid out the disks (layout.sh).
# 2. "written" is reported only after the hash of the download matched and the disk took every byte.
# 3. A stalled download is recognised by the bytes that reach the disk. The wait for it is bounded.
# 4. The firmware's boot order stays unchanged, so the network stays first and the rack decides what boots. UEFI finds the disk by
#    \EFI\BOOT, which needs no boot entry.

WRITE_TRIES_MAX=3
WRITE_SECONDS_MAX=14400
DIRTY_BYTES=268435456

# Status 0 if $2 is the name of the disk $1, or `serial:` and the serial number in its facts.
is_disk() {
  case $2 in serial:*) ;; *) [ "$1" = "$2" ]; return ;; esac
  read_value "$sys/block/$1/serial"
  [ -n "$value" ] || read_value "$sys/block/$1/device/serial"
  [ -n "$value" ] || value=$(scsi_serial "$sys/block/$1/device/vpd_pg80")
  quote "$value"
  [ "serial:$text" = "serial:\"${2#serial:}\"" ]
}

# Sets $disk to the name of the disk that the job names, else of the smallest that fits the image, USB disks last.
choose_disk() {
  wanted=$(job_value disk)
  wanted=${wanted#/dev/}
  needed=$(job_value image_disk_bytes)
  [ -n "$needed" ] || needed=$(job_value image_bytes)
  take_number "$needed" 1
  needed=$number
  # A laid-out root may be on other disks.
  [ "$layout" != root ] || needed=1
  disk=
  best=
  list_disks >"$work/disks"
  while read -r bytes name; do
    if [ -n "$wanted" ]; then
      ! is_disk "$name" "$wanted" || { disk=$name; best=$bytes; }
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
  case $disk$wanted in serial:*) fail_job partitioning "no disk has the serial number ${wanted#serial:}; disks found: ${seen:-none}; if disks were replaced, commission the machine again" ;; esac
  [ -n "$disk" ] || fail_job partitioning "there is no disk ${wanted:-of $needed bytes or more}; disks found: ${seen:-none}"
  [ "$best" -ge "$needed" ] || fail_job partitioning "the disk $disk has $best bytes, but the image needs $needed"
}

expand() {
  case $format in
    raw.zst) tool zstd -dc -q 2>"$work/zstd.err" ;;
    root.gz) gunzip -c 2>"$work/zstd.err" ;;
    *) cat ;;
  esac
  echo $? >"$work/expand.status"
}

# Quirk: wget of Debian 12's static busybox crashes with -T, so `follow` kills it by its number.
fetch_image() {
  sh -c 'echo $$ >"$1/wget.pid"; exec wget -O - "$0" 2>"$1/wget.err"' "$image" "$work"
  echo $? >"$work/wget.status"
}

# Streams the image to $copy_to while hashing it. If it did not arrive whole, sets $problem and status 1.
stream_image() {
  rm -f "$work"/*.status "$work"/*.pid "$work/copy"
  case $copy_to in "$root"/*) rm -f "$copy_to" ;; esac
  mkfifo "$work/copy"
  sha256sum <"$work/copy" >"$work/sum" &
  summing=$!
  fetch_image | tee "$work/copy" | expand | write_device "$copy_to" bs=1M &
  follow $! writing 0 "$total"
  stalled=$?
  wait $summing
  got=$(cut -d ' ' -f 1 "$work/sum")
  problem=
  if [ $stalled -ne 0 ]; then
    problem="the download has stalled: $position of $total bytes are on $disk, and none arrived for $STALL_SECONDS_MAX seconds"
  elif [ "$(cat "$work/dd.status")" != 0 ]; then
    fail_job writing "the image cannot be written to $disk: $(words_of "$work/dd.err")"
  elif case $(cat "$work/wget.status") in 0 | 141) false ;; esac; then
    problem="$image cannot be fetched (after $position bytes): $(words_of "$work/wget.err")"
  elif [ "$(cat "$work/expand.status")" != 0 ]; then
    # When the reader ends, the fetching process gets signal 13.
    problem="the image cannot be expanded: $(words_of "$work/zstd.err")"
  elif [ "$got" != "$hash" ]; then
    problem="the data from $image has the sha256 $got, not $hash"
  fi
  [ -z "$problem" ]
}

read_image() {
  image=$(job_value image_url)
  case $image in /*) image=$base$image ;; esac
  case $image in http://*) ;; *) fail_job writing "the region named no image" ;; esac
  hash=$(job_value image_sha256)
  [ ${#hash} -eq 64 ] || fail_job writing "the region gave no hash of the image"
  case $format in
    squashfs | root.tar) total=$(job_value image_bytes) ;;
    *) total=$(job_value image_disk_bytes) ;;
  esac
  [ -n "$total" ] || [ "$format" != raw ] || total=$(job_value image_bytes)
  take_number "$total" 0
  total=$number
}

write_image() {
  read_image
  # Bound the unwritten data in memory, so that progress shows what the disk has taken and the last bytes do not take minutes.
  [ ! -w "$proc/sys/vm/dirty_bytes" ] || echo $DIRTY_BYTES >"$proc/sys/vm/dirty_bytes"
  try=0
  started=$(uptime_seconds)
  until stream_image; do
    # A rack that restarts answers again: only tries that reached it are counted.
    case $problem in
      *"t connect"* | *refused* | *nreachable* | *"timed out"* | *"stalled: 0 of"*) ;;
      *) try=$((try + 1)) ;;
    esac
    [ $try -lt $WRITE_TRIES_MAX ] || fail_job writing "$problem (tried $try times)"
    [ $(($(uptime_seconds) - started)) -lt $WRITE_SECONDS_MAX ] || fail_job writing "$problem (tried for $WRITE_SECONDS_MAX seconds)"
    say "$problem; trying again."
    signal WORKING writing "$problem; trying again" "done_bytes=$position" "total_bytes=$total"
    sleep 2
  done
  say "The image is on $disk and its hash matches."
}

# Prints $3 bytes of the partition $1 from byte $2 on, in hexadecimal.
hex_at() {
  dd if="$dev/$1" bs=1 skip="$2" count="$3" 2>/dev/null | hexdump -v -e '1/1 "%02x"'
}

# Prints the content of the partition $1: ext, xfs, btrfs, LVM, LUKS, or nothing if unknown.
file_system_of() {
  [ "$(hex_at "$1" 1080 2)" != 53ef ] || { echo ext; return; }
  [ "$(hex_at "$1" 0 4)" != 58465342 ] || { echo xfs; return; }
  [ "$(hex_at "$1" 65600 8)" != 5f42485266535f4d ] || { echo btrfs; return; }
  [ "$(hex_at "$1" 512 8)" != 4c4142454c4f4e45 ] || { echo LVM; return; }
  [ "$(hex_at "$1" 0 6)" != 4c554b53babe ] || echo LUKS
}

grow_xfs() {
  mkdir -p "$root"
  mount -t xfs "$dev/$1" "$root" 2>"$work/resize" || return 1
  tool xfs_growfs "$root" >>"$work/resize" 2>&1
  grown=$?
  umount "$root"
  return $grown
}

# Grows the last partition and its file system to the end of the disk, if the file system can grow.
grow_last() {
  reread_partitions
  last=$(list_partitions | tail -n 1)
  [ -n "$last" ] || fail_job personalising "the kernel sees no partition on $disk after the image was written"
  # shellcheck disable=SC2086
  set -- $last
  kind=$(file_system_of "$3")
  case $kind in ext | xfs) ;; *) say "The last partition, $3, keeps its size: its file system is ${kind:-unknown}."; return 0 ;; esac
  tool sfdisk -q --relocate gpt-bak-std "$dev/$disk" >"$work/sfdisk" 2>&1
  if ! echo ', +' | tool sfdisk -q --no-reread --force -N "$2" "$dev/$disk" >>"$work/sfdisk" 2>&1; then
    fail_job personalising "the partition $3 cannot be grown: $(words_of "$work/sfdisk")"
  fi
  reread_partitions
  case $kind in
    ext)
      tool e2fsck -f -y "$dev/$3" >"$work/resize" 2>&1
      [ $? -le 2 ] && tool resize2fs "$dev/$3" >>"$work/resize" 2>&1 ;;
    xfs) grow_xfs "$3" ;;
  esac || fail_job personalising "the file system of $3 ($kind) cannot be grown: $(words_of "$work/resize")"
}

run_mdadm() {
  MDADM_NO_UDEV=1 tool mdadm "$@"
}

# Removes the marks of RAIDs: an image does not overwrite those at the end of a part.
clear_raids() {
  [ -e "$tools/mdadm" ] || return 0
  for part in $(list_partitions | cut -d ' ' -f 3) "$disk"; do run_mdadm --zero-superblock --force "$dev/$part" >/dev/null 2>&1; done
}

prepare_devices() {
  /sbin/modprobe -q -a dm_mod md_mod raid1 loop 2>/dev/null
  mkdir -p /run/mdadm /run/lvm /run/lock/lvm
}

# Reads the plan of the disks, if there is one, and looks for its programs in the image. Sets $layout.
read_layout() {
  layout=
  [ -n "$(job_value storage_url)" ] || return 0
  for name in system layout look; do read_part $name; done
  take_layout
}

deploy() {
  signal_surely WORKING started "fetching the tools" || fail "the region rejects this machine's signals: $problem"
  fetch_tools
  signal WORKING partitioning "choosing the disk"
  format=$(job_value image_format)
  case $format in raw | raw.zst | squashfs | root.tar | root.gz) ;; *) fail_job writing "this environment does not know the image format ${format:-(none)}" ;; esac
  read_layout
  choose_disk
  [ -z "$layout" ] || { check_room; look_into_image; make_layout; }
  say "Deploying to $disk"
  case $layout/$format in
    root/*) write_laid_system ;;
    */raw | */raw.zst) clear_raids; copy_to=$dev/$disk; write_image ;;
    *) read_part system; clear_raids; write_system ;;
  esac
  signal WORKING personalising "growing and personalising $disk"
  case $layout/$format in root/*) ;; */raw | */raw.zst) grow_last ;; esac
  personalise
  sync
  signal_surely OK written "the image is on $disk, verified" || fail "the region rejected the signal that the disk is written: $problem"
  say "Deployed; starting from $disk."
  sleep 1
  reboot -f
  finish 0
}
# end of deploy
