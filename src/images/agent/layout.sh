# Laying out disks as a person wants them: partitions, RAIDs, volume groups, file systems and mounts. `read_part` of job.sh sources this file
# when the job has a plan; deploy.sh and system.sh call its functions.
#
#   take_layout ─▶ look.sh ─▶ make_layout: clear ─▶ partitions ─▶ RAIDs ─▶ volumes ─▶ file systems ─▶ (image) ─▶ mounts, fstab ─▶ close_layout
#
# The plan has one part a line, as region/layout/storage-plan.ts describes it. If it has the root ($layout is `root`), the system is put into its
# file systems. Otherwise ($layout is `data`) the image is written to its disk as always, and the plan is for other disks.
#
# Sources: md(4), mdadm(8), lvm.conf(5), fstab(5); the Discoverable Partitions Specification for the types of partitions.
#
# 1. No disk is changed before all disks of the plan are found, large enough, and free of what would be mistaken for the new volumes.
# 2. Marks of former RAIDs, volumes and file systems are removed at both ends of every part, old and new. So a second deployment is as the first.
# 3. GRUB's core for BIOS has a partition of its own in the first free megabyte of every disk with partitions; its number follows the others.

CLEARED_BYTES=1048576

plan_of() {
  sed -n "s/^$1 //p" "$work/plan"
}

# Sets $device to the name below /dev of the part $1.
device_of() {
  device=$(sed -n "s/^$1 //p" "$work/devices" | head -n 1)
  [ -n "$device" ] || fail_job partitioning "the plan of the disks uses the part $1, which it does not make"
}

# Fetches and checks the plan, and finds its disks. Sets $layout.
take_layout() {
  fetch_private "$(job_value storage_url)" "$work/plan" partitioning
  if grep -v -E "$PLAN_LINE" "$work/plan" >"$work/odd" || grep -E '/\.\.?(/|$)' "$work/plan" >"$work/odd"; then
    fail_job partitioning "this environment does not know a line of the plan: $(words_of "$work/odd")"
  fi
  layout=data
  ! plan_of mount | grep -q ' /$' || layout=root
  prepare_devices
  : >"$work/devices"
  : >"$work/planned"
  list_disks >"$work/disks"
  plan_of disk >"$work/wanted"
  while read -r id place; do
    found=
    while read -r bytes name; do ! is_disk "$name" "$place" || found="$name $bytes"; done <"$work/disks"
    [ -n "$found" ] || fail_job partitioning "the layout needs the disk $place, which is not there; disks found: $(tr '\n' ',' <"$work/disks"); if disks were replaced, commission the machine again"
    mib=$(plan_of partition | awk -v disk="$id" '$2 == disk { sum += $4 } END { printf "%d", sum + 3 }')
    [ "$mib" -le $((${found#* } / 1048576)) ] || fail_job partitioning "the disk ${found% *} has ${found#* } bytes, but its partitions need $mib MiB"
    echo "$id $found" >>"$work/planned"
    echo "$id ${found% *}" >>"$work/devices"
  done <"$work/wanted"
  if [ "$layout" = root ] && [ -d "$sys/firmware/efi" ] && ! plan_of mount | grep -q ' /boot/efi$'; then
    fail_job partitioning "this machine starts by UEFI now, but its layout has no /boot/efi; no disk was changed: commission the machine again, and lay out its disks"
  fi
  [ -z "$(plan_of raid)" ] || need_tool mdadm
  [ -z "$(plan_of group)" ] || { need_tool lvm; refuse_twins; }
}

WORD='[A-Za-z][A-Za-z0-9_-]*'
UUID='[0-9A-Fa-f-]+'
PLAN_LINE="^(disk [0-9]+ [A-Za-z0-9._:+-]+|loader [0-9]+|partition [0-9]+ [0-9]+ [0-9]+ [0-9]+ (efi|raid|lvm|swap|linux) $UUID|raid [0-9]+ $WORD 1\.[02] $UUID( [0-9]+)+( spare( [0-9]+)+)?|group $WORD( [0-9]+)+|volume [0-9]+ $WORD $WORD [0-9]+|system [0-9]+ (ext4|ext2|xfs|btrfs|fat32|vfat|swap) $UUID( [A-Za-z0-9._-]+)?|mount [0-9]+ [A-Za-z0-9,=._:/-]+ (none|/[A-Za-z0-9._/-]*))\$"

need_tool() {
  [ ! -e "$tools/ld.so" ] || [ -e "$tools/$1" ] || fail_job partitioning "this environment has no $1: run rackboot images build on the rack"
}

# With another group of the same name, on a disk that stays, the system would not start.
refuse_twins() {
  run_lvm pvs --noheadings -o pv_name,vg_name >"$work/pvs" 2>"$work/problem"
  plan_of group >"$work/groups"
  while read -r group _; do
    for place in $(awk -v group="$group" '$2 == group { print $1 }' "$work/pvs"); do
      mine=
      while read -r _ name _; do case ${place#"$dev/"} in "$name" | "$name"[0-9]* | "$name"p[0-9]*) mine=yes ;; esac; done <"$work/planned"
      [ -n "$mine" ] || fail_job partitioning "${place#"$dev/"}, which the layout leaves alone, has a volume group $group of a former system: erase that disk, or give the group another name"
    done
  done <"$work/groups"
}

run_lvm() {
  LVM_SYSTEM_DIR=$tools tool lvm "$@"
}

# ---- devices ----

# Zeroes both ends of the device $1, where everything has its marks.
clear_device() {
  size=$(blockdev --getsize64 "$dev/$1")
  take_number "$size" 0
  dd if=/dev/zero of="$dev/$1" bs=64k count=$((CLEARED_BYTES / 65536)) conv=notrunc,fsync 2>"$work/dd.err" &&
    { [ "$number" -le $CLEARED_BYTES ] ||
      dd if=/dev/zero of="$dev/$1" bs=64k count=$((CLEARED_BYTES / 65536)) oflag=seek_bytes seek=$((number - CLEARED_BYTES)) conv=notrunc,fsync 2>"$work/dd.err"; } ||
    fail_job partitioning "$1 cannot be written: $(words_of "$work/dd.err")"
}

# Nothing here starts what is on the disks, but a person at a debug login may have.
release_parts() {
  [ ! -e "$tools/lvm" ] || run_lvm vgchange --activate n >/dev/null 2>&1
  for array in "$sys"/block/md*; do
    [ ! -e "$array/md" ] || { echo idle >"$array/md/sync_action"; run_mdadm --stop "$dev/${array##*/}"; } >/dev/null 2>&1
  done
  return 0
}

make_layout() {
  release_parts
  image_disk=$disk
  while read -r id disk bytes; do
    for part in $(list_partitions | cut -d ' ' -f 3) "$disk"; do clear_device "$part"; done
    make_partitions "$id"
  done <"$work/planned"
  disk=$image_disk
  make_raids
  make_volumes
  make_systems
}

make_partitions() {
  plan_of partition | awk -v disk="$1" '$2 == disk' >"$work/parts"
  [ -s "$work/parts" ] || return 0
  awk 'BEGIN {
    type["efi"] = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"; type["raid"] = "A19D880F-05FC-4D3B-A006-743F0F84911E"
    type["lvm"] = "E6D6D379-F507-44C2-A23C-238F2A3DF928"; type["swap"] = "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F"
    type["linux"] = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
    print "label: gpt"; at = 2
  } {
    printf "p%d : start=%dMiB, size=%dMiB, type=%s, uuid=%s\n", $3, at, $4, type[$5], $6; at += $4
  } END { printf "p%d : start=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649\n", NR + 1 }' "$work/parts" |
    tool sfdisk -q --no-reread "$dev/$disk" >"$work/sfdisk" 2>&1 ||
    fail_job partitioning "$disk cannot be partitioned: $(words_of "$work/sfdisk")"
  reread_partitions
  while read -r id _ position _; do
    part=$(list_partitions | awk -v position="$position" '$2 == position { print $3 }')
    [ -n "$part" ] || fail_job partitioning "the kernel does not see the partition $position of $disk"
    clear_device "$part"
    echo "$id $part" >>"$work/devices"
  done <"$work/parts"
}

md_uuid() {
  echo "$1" | sed 's/-//g; s/\(.\{8\}\)/\1:/g; s/:$//'
}

make_raids() {
  plan_of raid >"$work/raids"
  array=0
  while read -r id name metadata uuid members; do
    set --
    active=
    for member in $members; do
      if [ "$member" = spare ]; then active=$#; continue; fi
      device_of "$member"
      set -- "$@" "$dev/$device"
    done
    spares=$(($# - ${active:-$#}))
    [ $spares -gt 0 ] || spares=
    run_mdadm --create "$dev/md$array" --run --level=1 --raid-devices="${active:-$#}" ${spares:+--spare-devices=$spares} --metadata="$metadata" --bitmap=internal --homehost=any \
      --name="$name" --uuid="$(md_uuid "$uuid")" "$@" </dev/null >"$work/mdadm" 2>&1 ||
      fail_job partitioning "the RAID $name cannot be made: $(words_of "$work/mdadm")"
    # The deployed system makes its members equal; here that would only delay everything else.
    echo frozen 2>/dev/null >"$sys/block/md$array/md/sync_action"
    clear_device "md$array"
    echo "$id md$array" >>"$work/devices"
    array=$((array + 1))
  done <"$work/raids"
}

make_volumes() {
  plan_of group >"$work/groups"
  while read -r group members; do
    set --
    for member in $members; do device_of "$member"; set -- "$@" "$dev/$device"; done
    # Extents of a megabyte, so that no volume is rounded up beyond the group.
    run_lvm vgcreate --yes --force --physicalextentsize 1m "$group" "$@" </dev/null >"$work/lvm" 2>&1 ||
      fail_job partitioning "the volume group $group cannot be made: $(words_of "$work/lvm")"
  done <"$work/groups"
  plan_of volume >"$work/volumes"
  while read -r id group name mib; do
    run_lvm lvcreate --yes --wipesignatures y --name "$name" --size "${mib}m" "$group" </dev/null >"$work/lvm" 2>&1 ||
      fail_job partitioning "the volume $name of $group cannot be made: $(words_of "$work/lvm")"
    mapped=mapper/$(echo "$group" | sed 's/-/--/g')-$(echo "$name" | sed 's/-/--/g')
    clear_device "$mapped"
    echo "$id $mapped" >>"$work/devices"
  done <"$work/volumes"
}

# ---- file systems ----

# Quirk: GRUB 2.06 reads no file systems with the newest features, which these programs enable.
make_systems() {
  plan_of system >"$work/systems"
  while read -r id type uuid label; do
    device_of "$id"
    set -- "$dev/$device"
    case $type in
      ext4) tool mke2fs -q -F -t ext4 -O '^metadata_csum_seed,^orphan_file' -U "$uuid" -L "$label" "$1" ;;
      ext2) tool mke2fs -q -F -t ext2 -U "$uuid" -L "$label" "$1" ;;
      xfs) make_xfs "$1" ;;
      btrfs) need_tool mkfs.btrfs; tool mkfs.btrfs -q -f -U "$uuid" -L "$label" "$1" ;;
      fat32 | vfat) mkdosfs -n "$(echo "${label:-ESP}" | cut -c1-11)" "$1" ;;
      swap) mkswap ${label:+-L "$label"} "$1" ;;
    esac </dev/null >"$work/mkfs" 2>&1 || fail_job partitioning "$device cannot get a file system ($type): $(words_of "$work/mkfs")"
  done <"$work/systems"
}

make_xfs() {
  need_tool mkfs.xfs
  label=$(echo "$label" | cut -c1-12)
  tool mkfs.xfs -q -f -m "uuid=$uuid,bigtime=0,inobtcount=0" -i nrext64=0 -L "$label" "$1" ||
    tool mkfs.xfs -q -f -m "uuid=$uuid,bigtime=0,inobtcount=0" -L "$label" "$1"
}

# Sets $system_uuid, as fstab names it, $type and $kernel_type of the file system on $device, which is the part $1.
look_at_system() {
  type=$(plan_of system | awk -v id="$1" '$1 == id { print $2 }')
  kernel_type=$type
  case $type in
    ext*) system_uuid=$(uuid_at 1128) kernel_type=ext4 ;;
    xfs) system_uuid=$(uuid_at 32) ;;
    btrfs) system_uuid=$(uuid_at 65568) ;;
    swap) system_uuid=$(uuid_at 1036) ;;
    *) type=vfat kernel_type=vfat system_uuid=$(hex_at "$device" 67 4 | sed 's/\(..\)\(..\)\(..\)\(..\)/\4\3-\2\1/' | tr a-f A-F) ;;
  esac
  case ${#system_uuid} in 9 | 36) ;; *) fail_job partitioning "the identifier of $device ($type) cannot be read" ;; esac
}

uuid_at() {
  hex_at "$device" "$1" 16 | sed 's/\(.\{8\}\)\(.\{4\}\)\(.\{4\}\)\(.\{4\}\)/\1-\2-\3-\4-/'
}

# Mounts the part $1 at $2. Its own options are for the deployed system.
mount_part() {
  device_of "$1"
  look_at_system "$1"
  (umask 022; mkdir -p "$2")
  mount -t "$kernel_type" "$dev/$device" "$2" 2>"$work/problem" || fail_job partitioning "$device cannot be mounted: $(words_of "$work/problem")"
}

# Returns the status of writing.
copy_tree() {
  tool tar --create --numeric-owner --xattrs --xattrs-include='*' --sparse --directory "$1" . 2>"$work/copy.err" |
    tool tar --extract --preserve-permissions --numeric-owner --xattrs --xattrs-include='*' --directory "$2" 2>"$work/unpack.err"
}

# Mounts the file systems of the plan in the empty root, except that of the firmware, which keeps no owners of unpacked files.
mount_layout() {
  plan_of mount >"$work/mounts"
  while read -r id _ place; do
    case $place in none | /boot/efi) ;; *) mount_part "$id" "$root${place%/}" ;; esac
  done <"$work/mounts"
}

mount_firmware() {
  id=$(awk '$3 == "/boot/efi" { print $1 }' "$work/mounts")
  [ -z "$id" ] || mount_part "$id" "$root/boot/efi"
}

# The file systems of the plan get what the image has there.
add_layout() {
  plan_of mount >"$work/mounts"
  while read -r id _ place; do
    [ "$place" != none ] || continue
    mount_part "$id" "$root.new"
    [ ! -d "$root$place" ] || copy_tree "$root$place" "$root.new" || fail_job personalising "$place of the image cannot be copied to $device: $(words_of "$work/unpack.err")"
    umount "$root.new"
    mount_part "$id" "$root$place"
  done <"$work/mounts"
  check_programs
  write_arrays
  [ -s "$work/mounts" ] || return 0
  awk 'NR == FNR { taken[$3] = 1; next } !($2 in taken) || /^[[:space:]]*#/' "$work/mounts" "$root/etc/fstab" >"$work/fstab" 2>/dev/null
  laid_fstab >>"$work/fstab"
  put_file /etc/fstab <"$work/fstab"
}

laid_fstab() {
  while read -r id options place; do
    device_of "$id"
    look_at_system "$id"
    case $type in ext*) pass=2 ;; *) pass=0 ;; esac
    usual=defaults
    case $place in
      none) usual=sw ;;
      /boot/efi) usual=umask=0077,nofail ;;
      /) case $type in ext*) usual=errors=remount-ro pass=1 ;; esac ;;
    esac
    [ "$options" != - ] || options=$usual
    echo "UUID=$system_uuid $place $type $options 0 $pass"
  done <"$work/mounts"
}

# ---- in the system ----

has_program() {
  [ -x "$root/usr/sbin/$1" ] || [ -x "$root/sbin/$1" ] || [ -x "$root/usr/bin/$1" ]
}

check_programs() {
  [ -z "$(plan_of group)" ] || has_program lvm || fail_job writing "the system has no lvm (package lvm2), so it could not use its volumes: deploy an image that has it"
  [ -z "$(plan_of raid)" ] || has_program mdadm || fail_job writing "the system has no mdadm, so it could not use its RAIDs: deploy an image that has it"
}

write_arrays() {
  [ -s "$work/raids" ] || return 0
  place=/etc/mdadm.conf
  [ ! -d "$root/etc/mdadm" ] || place=/etc/mdadm/mdadm.conf
  {
    printf '# The RAIDs with which this machine was deployed.\nHOMEHOST <ignore>\nMAILADDR root\n'
    while read -r _ name metadata uuid _; do
      case $name in md[0-9]*) node=/dev/$name ;; *) node=/dev/md/$name ;; esac
      echo "ARRAY $node metadata=$metadata UUID=$(md_uuid "$uuid")"
    done <"$work/raids"
  } | put_file "$place"
}

# Unmounts everything of the system, and ends its volumes and RAIDs, so that they are found clean.
close_layout() {
  sync
  sed -n '1!G;h;$p' "$proc/mounts" | cut -d ' ' -f 2 >"$work/mounted"
  while read -r place; do
    case $place in
      "$root" | "$root"/*) umount "$place" 2>"$work/problem" || fail_job personalising "$place cannot be unmounted: $(words_of "$work/problem")" ;;
    esac
  done <"$work/mounted"
  release_parts
}
# end of layout
