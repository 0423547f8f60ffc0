# Deploys the root of a system. It is not a disk image, so the agent makes the disk. `read_part` of job.sh sources this file; deploy.sh calls
# write_system with $disk and $format set, and then personalises the system. With laid-out disks (layout.sh) it calls write_laid_system, which also
# takes the system out of a disk image: that is kept in the new root until it is copied.
#
#   partition ─▶ file systems ─▶ fetch, verify ─▶ unpack ─▶ kernel ─▶ fstab ─▶ boot loader
#   make_layout ──────────────▶ fetch, verify ─▶ unpack or copy ─▶ programs? ─▶ fstab ─▶ initrd ─▶ kernel ─▶ boot loaders
#
# Sources: UEFI 2.10 §3.5.1.1 (removable media), §5.3 (GPT); the Discoverable Partitions Specification; grub-install(8), fstab(5).
#
# 1. No part of the root is unpacked before the hash of the whole file has matched.
# 2. The kernel is the newest in the system, or else the one that came with it; one that is not the release's own comes first, because it was
#    chosen. The boot loader is the system's own. If either is missing, the deployment fails with the reason, and nothing can start from the disk.
# 3. The firmware's boot order stays unchanged, as in deploy.sh.

UNPACK_SECONDS_MAX=3600

# Makes the partitions: 1 for GRUB's core on BIOS, 2 for the firmware, 3 for the root. Sets $root_part and $esp_part.
partition_disk() {
  printf '%s\n' 'label: gpt' \
    'size=1MiB, type=21686148-6449-6E6F-744E-656564454649' \
    'size=512MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B' \
    'type=0FC63DAF-8483-4772-8E79-3D69D8477DE4' |
    tool sfdisk -q --wipe always --wipe-partitions always --no-reread "$dev/$disk" >"$work/sfdisk" 2>&1 ||
    fail_job partitioning "$disk cannot be partitioned: $(words_of "$work/sfdisk")"
  reread_partitions
  root_part=$(list_partitions | awk '$2 == 3 { print $3 }')
  esp_part=$(list_partitions | awk '$2 == 2 { print $3 }')
  [ -n "$root_part" ] && [ -n "$esp_part" ] || fail_job partitioning "the kernel does not see the partitions of $disk"
}

make_root() {
  tool mke2fs -q -F -t ext4 -L root "$dev/$root_part" >"$work/mke2fs" 2>&1 ||
    fail_job partitioning "$root_part cannot get a file system: $(words_of "$work/mke2fs")"
}

mount_disk() {
  mkdir -p "$root"
  mount -t ext4 "$dev/$root_part" "$root" 2>"$work/problem" ||
    fail_job writing "the file system of $root_part cannot be mounted, so it is not ext4: $(words_of "$work/problem")"
}

# Runs a command and signals the stage $during and what it does, $doing, meanwhile. Status 124 after UNPACK_SECONDS_MAX.
with_signals() {
  "$@" &
  unpacking=$!
  began=$(uptime_seconds)
  while kill -0 $unpacking 2>/dev/null; do
    sleep 2
    [ $(($(uptime_seconds) - began)) -lt $UNPACK_SECONDS_MAX ] || { kill -9 $unpacking; return 124; }
    signal WORKING "$during" "$doing"
  done
  wait $unpacking
}

# Prints the expanded archive $1. busybox knows the three old compressions.
expand_archive() {
  case $(dd if="$1" bs=6 count=1 2>/dev/null | hexdump -v -e '1/1 "%02x"') in
    1f8b*) gunzip -c "$1" ;;
    425a68*) bunzip2 -c "$1" ;;
    fd377a585a00) unxz -c "$1" ;;
    28b52ffd*) tool zstd -dc -q "$1" ;;
    *) cat "$1" ;;
  esac
}

unpack_tar() {
  { expand_archive "$1" || echo failed >"$work/expand.failed"; } 2>"$work/expand.err" |
    tool tar --extract --preserve-permissions --numeric-owner --xattrs --xattrs-include='*' --directory "$root" 2>"$work/unpack.err" &&
    [ ! -e "$work/expand.failed" ]
}

unpack_squashfs() {
  # Its listing of the skipped features goes to the same file; status 2: a part could not be written.
  tool unsquashfs -f -n -q -da 32 -fr 32 -d "$root" "$1" >"$work/unpack.err" 2>&1
}

# Copies the system in the disk image $1: its root, and what it starts from if that has a partition of its own.
unpack_disk() {
  places=0
  [ "$format" = root.gz ] || places=$(tool sfdisk -d "$1" 2>"$work/unpack.err" | sed -n 's/.*: start= *\([0-9]*\), *size=.*/\1/p')
  taken=
  for wanted in root boot; do
    for place in $places; do
      [ "$wanted" = boot ] || [ -z "$taken" ] || break
      loop=$(losetup -f)
      losetup -o $((place * 512)) "$loop" "$1" 2>"$work/unpack.err" || return 1
      copy_found $wanted
      losetup -d "$loop"
    done
    [ -n "$taken" ] || { echo "no file system of the image has the root of a system, or it could not be copied" >>"$work/unpack.err"; return 1; }
  done
}

# Copies the file system on $loop if it is the $1 of a system. Sets $taken.
copy_found() {
  kind=$(file_system_of "${loop#"$dev/"}")
  case $kind in ext) kind=ext4 ;; xfs) ;; *) return 0 ;; esac
  mkdir -p "$root.new"
  mount -t $kind "$loop" "$root.new" 2>"$work/unpack.err" || return 0
  case $1 in
    root) [ ! -e "$root.new/etc/os-release" ] && [ ! -L "$root.new/etc/os-release" ] || { copy_tree "$root.new" "$root" && taken=yes; } ;;
    boot) [ -z "$(ls -d "$root.new"/vmlinuz-* "$root.new"/grub "$root.new"/grub2 2>/dev/null)" ] || copy_tree "$root.new" "$root/boot" ;;
  esac
  umount "$root.new"
}

unpack_root() {
  rm -f "$work/expand.failed"
  during=writing doing="unpacking on $disk"
  case $format in
    squashfs) with_signals unpack_squashfs "$1" ;;
    root.tar) with_signals unpack_tar "$1" ;;
    *) with_signals unpack_disk "$1" ;;
  esac || fail_job writing "the root cannot be unpacked on $disk: $(words_of "$work/expand.err") $(words_of "$work/unpack.err")"
  rm -rf "$root/.rackboot"
  [ -d "$root/etc" ] && [ -d "$root/usr" ] || fail_job writing "the root has no /etc and /usr: it is not the root of a system"
}

# Fetches the file $1 of the job to $2, and checks its hash.
fetch_start_file() {
  from=$(job_value "$1_url")
  case $from in /*) from=$base$from ;; esac
  hash=$(job_value "$1_sha256")
  wget -O "$2" "$from" 2>"$work/problem" || fail_job writing "$from cannot be fetched: $(words_of "$work/problem")"
  got=$(sha256sum "$2")
  [ "${got%% *}" = "$hash" ] || fail_job writing "$from has the sha256 ${got%% *}, not $hash"
}

# Sets $kernel and $initrd to their paths in the system.
choose_kernel() {
  kernel=
  [ -n "$(job_value kernel_chosen)" ] || for found in "$root"/boot/vmlinuz-* "$root"/boot/vmlinux-* "$root"/boot/Image-*; do
    [ -f "$found" ] && kernel=${found#"$root"}
  done
  initrd=
  if [ -n "$kernel" ]; then
    version=${kernel#/boot/*-}
    for found in "initrd.img-$version" "initramfs-$version.img" "initrd-$version"; do
      [ ! -f "$root/boot/$found" ] || initrd=/boot/$found
    done
  elif [ -n "$(job_value kernel_url)" ] && [ -n "$(job_value initrd_url)" ]; then
    kernel=/boot/vmlinuz-rackboot
    initrd=/boot/initrd.img-rackboot
    mkdir -p "$root/boot"
    [ -f "$root$kernel" ] || fetch_start_file kernel "$root$kernel"
    [ -f "$root$initrd" ] || fetch_start_file initrd "$root$initrd"
  else
    fail_job writing "the system has no kernel in /boot, and none came with it: import an image that has one"
  fi
}

write_fstab() {
  root_uuid=$(hex_at "$root_part" 1128 16 | sed 's/\(.\{8\}\)\(.\{4\}\)\(.\{4\}\)\(.\{4\}\)/\1-\2-\3-\4-/')
  esp_id=$(hex_at "$esp_part" 67 4 | sed 's/\(..\)\(..\)\(..\)\(..\)/\4\3-\2\1/' | tr a-f A-F)
  [ ${#root_uuid} -eq 36 ] && [ ${#esp_id} -eq 9 ] || fail_job writing "the identifiers of $root_part and $esp_part cannot be read"
  root_word=UUID=$root_uuid boot_uuid=$root_uuid boot_path=/boot
  printf 'UUID=%s / ext4 errors=remount-ro 0 1\nUUID=%s /boot/efi vfat umask=0077,nofail 0 0\n' "$root_uuid" "$esp_id" | put_file /etc/fstab
}

# Sets what write_fstab sets. A volume is named by its own name, by which an initrd finds it.
write_laid_fstab() {
  laid_fstab >"$work/fstab"
  put_file /etc/fstab <"$work/fstab"
  write_arrays
  root_id=$(awk '$3 == "/" { print $1 }' "$work/mounts")
  boot_id=$(awk '$3 == "/boot" { print $1 }' "$work/mounts")
  boot_path=
  [ -n "$boot_id" ] || { boot_id=$root_id; boot_path=/boot; }
  device_of "$boot_id"
  look_at_system "$boot_id"
  boot_uuid=$system_uuid
  device_of "$root_id"
  look_at_system "$root_id"
  root_word=UUID=$system_uuid
  case $device in mapper/*) root_word=/dev/$device ;; esac
  # dracut starts RAIDs and volumes only if it is told to.
  ! has_program dracut || root_word="$root_word rd.auto"
}

# The initrds need the programs and the names for the volumes and RAIDs.
remake_initrds() {
  [ -n "$(plan_of group)$(plan_of raid)" ] || return 0
  during=writing doing="making the initrd"
  if has_program update-initramfs; then
    with_signals in_system update-initramfs -u -k all
  elif has_program dracut; then
    with_signals in_system dracut --force --regenerate-all --no-hostonly
  else
    fail_job writing "the system has neither update-initramfs nor dracut, which the layout of its disks needs: deploy an image that has one"
  fi >"$work/initrd" 2>&1 || fail_job writing "the initrd cannot be made: $(words_of "$work/initrd")"
}

# The system gets the kernel console of this environment, so that a server without a screen stays readable.
write_menu() {
  consoles=$(tr ' ' '\n' <"$proc/cmdline" | grep '^console=' | tr '\n' ' ')
  mkdir -p "$root/boot/grub"
  {
    printf 'set default=0\nset timeout=0\nsearch --no-floppy --fs-uuid --set=root %s\n' "$boot_uuid"
    printf 'menuentry "Linux" {\n  linux %s root=%s ro %s\n' "$boot_path${kernel#/boot}" "$root_word" "$consoles"
    [ -z "$initrd" ] || printf '  initrd %s\n' "$boot_path${initrd#/boot}"
    printf '}\n'
  } | put_file /boot/grub/grub.cfg
}

# Status 0 if GRUB's modules for the platform $1, and the program that installs them, are in the system. Sets $installer.
has_grub() {
  installer=
  for found in /usr/sbin/grub-install /usr/sbin/grub2-install /sbin/grub2-install; do
    [ ! -x "$root$found" ] || installer=$found
  done
  [ -n "$installer" ] && [ -d "$root/usr/lib/grub/$1" ]
}

in_system() {
  chroot "$root" /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# GRUB asks LVM for its parts; in the system's own settings that waits for a manager of devices, which does not run here.
run_grub() {
  mkdir -p "$root/run/rackboot-lvm"
  write_lvm_settings "$root/run/rackboot-lvm"
  in_system LVM_SYSTEM_DIR=/run/rackboot-lvm "$installer" "$@" >"$work/grub" 2>&1 ||
    fail_job writing "the boot loader cannot be installed: $(words_of "$work/grub")"
}

# Copies the signed shim and GRUB of the system, which find their menu by a file next to them. Status 1 if it has none.
copy_signed() {
  shim=
  for found in "$root/usr/lib/shim/shim$efi.efi.signed.latest" "$root/usr/lib/shim/shim$efi.efi.signed" "$root/usr/lib/shim/shim$efi.efi"; do
    [ -n "$shim" ] || [ ! -f "$found" ] || shim=$found
  done
  grub=$root/usr/lib/grub/$platform-signed/grub$efi.efi.signed
  [ -n "$shim" ] && [ -f "$grub" ] || return 1
  boot=$root/boot/efi/EFI/BOOT
  mkdir -p "$boot"
  cp "$shim" "$boot/BOOT$(echo "$efi" | tr a-z A-Z).EFI" && cp "$grub" "$boot/grub$efi.efi" ||
    fail_job writing "the boot loader cannot be copied to $esp_part"
  # Each distribution's GRUB looks in a directory of its own.
  for name in BOOT debian ubuntu; do
    printf 'search --no-floppy --fs-uuid --set=root %s\nset prefix=($root)%s/grub\nconfigfile $prefix/grub.cfg\n' "$boot_uuid" "$boot_path" |
      put_file "/boot/efi/EFI/$name/grub.cfg"
  done
}

# The signed GRUB if the system has it. Status 1 if it has none.
install_uefi() {
  case $(uname -m) in
    aarch64) platform=arm64-efi efi=aa64 ;;
    i?86) platform=i386-efi efi=ia32 ;;
    *) platform=x86_64-efi efi=x64 ;;
  esac
  if [ -z "$layout" ]; then
    mkdir -p "$root/boot/efi"
    mount -t vfat "$dev/$esp_part" "$root/boot/efi" 2>"$work/problem" || fail_job writing "$esp_part cannot be mounted: $(words_of "$work/problem")"
  else
    grep -q ' /boot/efi$' "$work/mounts" || return 1
  fi
  installed=0
  if ! copy_signed; then
    if has_grub $platform; then
      run_grub --target=$platform --efi-directory=/boot/efi --removable --no-nvram --no-uefi-secure-boot
    else
      installed=1
    fi
  fi
  if [ -z "$layout" ]; then umount "$root/boot/efi"; elif [ $installed -eq 0 ]; then copy_firmware_files; fi
  return $installed
}

# Copies the loaders for UEFI to the FAT partitions that are mounted nowhere, as those of further disks of a RAID are.
copy_firmware_files() {
  for id in $(plan_of system | awk '$2 == "fat32" || $2 == "vfat" { print $1 }'); do
    ! grep -q "^$id " "$work/mounts" || continue
    mount_part "$id" "$root.new"
    cp -r "$root/boot/efi/." "$root.new/" 2>"$work/problem" || fail_job writing "the boot loader cannot be copied to $device: $(words_of "$work/problem")"
    umount "$root.new"
  done
}

# On each disk of $loader_disks. Status 1 if the system has none.
install_bios() {
  has_grub i386-pc || return 1
  for name in $loader_disks; do run_grub --target=i386-pc "$dev/$name"; done
}

bind_kernel() {
  for name in dev proc sys; do
    mkdir -p "$root/$name"
    mount --bind "/$name" "$root/$name" 2>"$work/problem" || fail_job writing "/$name cannot be mounted in the system: $(words_of "$work/problem")"
  done
}

unbind_kernel() {
  for name in sys proc dev; do umount "$root/$name"; done
}

# For both firmwares if it can. That for this machine's firmware must be among them.
install_loaders() {
  bind_kernel
  firmwares=
  ! install_bios || firmwares=" BIOS"
  ! install_uefi || firmwares="$firmwares UEFI"
  unbind_kernel
  rm -rf "$root/run/rackboot-lvm"
  own=BIOS
  [ ! -d "$sys/firmware/efi" ] || own=UEFI
  case "$firmwares " in
    *" $own "*) say "The disk starts by:$firmwares." ;;
    *) fail_job writing "the system has no boot loader for $own (grub-pc for BIOS; grub-efi, or shim and a signed GRUB, for UEFI; found:${firmwares:- none}): import an image that has one" ;;
  esac
}

# $format is squashfs, root.tar, or root.gz.
write_system() {
  partition_disk
  mkdosfs -n ESP "$dev/$esp_part" >"$work/mkdosfs" 2>&1 || fail_job partitioning "$esp_part cannot get a file system: $(words_of "$work/mkdosfs")"
  if [ "$format" = root.gz ]; then
    copy_to=$dev/$root_part
    write_image
    tool e2fsck -f -y "$dev/$root_part" >"$work/resize" 2>&1
    [ $? -le 2 ] && tool resize2fs "$dev/$root_part" >>"$work/resize" 2>&1 ||
      fail_job writing "the file system of $root_part cannot be grown: $(words_of "$work/resize")"
    mount_disk
  else
    make_root
    mount_disk
    mkdir -p "$root/.rackboot"
    copy_to=$root/.rackboot/root
    write_image
    unpack_root "$copy_to"
  fi
  choose_kernel
  write_fstab
  write_menu
  loader_disks=$disk
  install_loaders
  sync
  umount "$root" 2>"$work/problem" || fail_job writing "the disk cannot be unmounted: $(words_of "$work/problem")"
}
# For the system, and for the image from which it is copied.
check_room() {
  [ "$layout" = root ] || return 0
  id=$(plan_of mount | awk '$3 == "/" { print $1 }')
  mib=$(awk -v id="$id" '
    $1 == "partition" { size[$2] = $5 }
    $1 == "volume" && $2 == id { print $5; exit }
    $1 == "raid" && $2 == id { for (i = 6; i <= NF; i++) if (least == "" || size[$i] < least) least = size[$i]; print least; exit }
    END { if (id in size) print size[id] }' "$work/plan")
  take_number "$mib" 0
  room=$number
  take_number "$(job_value image_disk_bytes)" 0
  needed=$number
  take_number "$(job_value image_bytes)" 0
  [ "$needed" -gt 0 ] || needed=$number
  case $format in raw | raw.zst | root.gz) number=$needed ;; esac
  [ $((room * 1048576)) -ge $((needed + number)) ] ||
    fail_job partitioning "the root of the layout has $room MiB, but $(((needed + number) / 1048576)) MiB are needed while the system is copied into it; no disk was changed: make it larger"
}

write_laid_system() {
  mount_layout
  mkdir -p "$root/.rackboot"
  copy_to=$root/.rackboot/root
  write_image
  unpack_root "$copy_to"
  mount_firmware
  check_programs
  write_laid_fstab
  choose_kernel
  case $kernel in
    *-rackboot) [ -z "$(plan_of group)$(plan_of raid)" ] || fail_job writing "the kernel came apart from the system, so its initrd cannot be made for volumes and RAIDs: deploy an image that has its kernel" ;;
  esac
  bind_kernel
  remake_initrds
  unbind_kernel
  choose_kernel
  write_menu
  loader_disks=$(plan_of loader | while read -r id; do device_of "$id"; echo "$device"; done)
  install_loaders
  sync
}
# end of system
