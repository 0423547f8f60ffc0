# Looks for programs in an image before any disk is changed. `read_part` of job.sh sources this file if disks are laid out; layout.sh has the plan.
#
# The names of files are searched in the bytes of a disk's image, or in the list of an archive. A deleted file may leave its name, so the system
# itself is asked again when it is on the disk.
#
# 1. Memory: an archive is kept in memory only if that leaves SPARE_BYTES. Without that, it is not looked into.

SPARE_BYTES=268435456
LOOKS_MAX=3

look_into_image() {
  {
    [ -z "$(plan_of group)" ] || echo 'lvm2 lvm2-monitor.service'
    [ -z "$(plan_of raid)" ] || echo 'mdadm mdmonitor.service'
    [ "$layout" != root ] || loader_names
  } >"$work/needed"
  [ -s "$work/needed" ] || return 0
  cut -d ' ' -f 2 "$work/needed" >"$work/patterns"
  need_tool grep
  read_image
  try=1
  until list_names; do
    [ $try -lt $LOOKS_MAX ] || fail_job partitioning "$image cannot be read: $problem; no disk was changed"
    try=$((try + 1))
    sleep 2
  done
  [ ! -e "$work/unseen" ] || { say "The image is not looked into beforehand: this machine has too little memory for it."; return 0; }
  lacking=
  while read -r package name; do grep -q -F "$name" "$work/names" || lacking="$lacking${lacking:+, }$package"; done <"$work/needed"
  [ -z "$lacking" ] ||
    fail_job partitioning "the image has no $lacking, which the layout of the disks needs; no disk was changed: deploy an image that has it, or restore the disks of the machine"
}

# Prints the directories of GRUB's modules for this firmware.
loader_names() {
  if [ ! -d "$sys/firmware/efi" ]; then echo 'grub-pc i386-pc'; return; fi
  case $(uname -m) in
    aarch64) echo 'grub-efi arm64-efi' ;;
    i?86) echo 'grub-efi i386-efi' ;;
    *) echo 'grub-efi x86_64-efi' ;;
  esac
}

# Puts the names that were found into $work/names. Status 1 and $problem if the image did not arrive.
list_names() {
  rm -f "$work"/*.status "$work/unseen"
  during=partitioning doing="looking into the image"
  case $format in
    squashfs | root.tar)
      available=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB.*/\1/p' "$proc/meminfo")
      take_number "$available" 0
      if [ $((number * 1024)) -lt $((total + SPARE_BYTES)) ]; then : >"$work/unseen"; return 0; fi
      with_signals names_of_archive
      ;;
    *) with_signals names_of_disk ;;
  esac
  case $(cat "$work/wget.status" 2>/dev/null) in 0) return 0 ;; esac
  problem=$(words_of "$work/wget.err")
  return 1
}

names_of_disk() {
  fetch_image | expand | tool grep -z -a -o -F -f "$work/patterns" | tr '\0' '\n' | sort -u >"$work/names"
}

names_of_archive() {
  fetch_image >"$work/archive"
  case $format in
    squashfs) tool unsquashfs -l "$work/archive" ;;
    root.tar) expand_archive "$work/archive" | tool tar --list ;;
  esac 2>/dev/null | tool grep -o -F -f "$work/patterns" | sort -u >"$work/names"
  rm -f "$work/archive"
}
# end of look
