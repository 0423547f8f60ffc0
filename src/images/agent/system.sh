# Deploys the root of a system. It is not a disk image, so the agent makes the disk. `read_part` of job.sh sources this file; deploy.sh calls
# write_system with $disk and $format set, and then personalises the system.
#
#   partition ─▶ file systems ─▶ fetch, verify ─▶ unpack ─▶ kernel ─▶ fstab ─▶ boot loader
#
# Sources: UEFI 2.10 §3.5.1.1 (removable media), §5.3 (GPT); the Discoverable Partitions Specification; grub-install(8), fstab(5).
#
# 1. No part of the root is unpacked before the hash of the whole file has matched.
# 2. The kernel is the newest in the system, or else the one that came with it; the boot loader is the system's own. If either is missing, the
#    deployment fails with the reason, and nothing can start from the disk.
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

# Runs the function or command $1 with the further arguments, and signals progress meanwhile. Returns its status, or 124 after UNPACK_SECONDS_MAX.
unpack_with_signals() {
  "$@" &
  unpacking=$!
  began=$(uptime_seconds)
  while kill -0 $unpacking 2>/dev/null; do
    sleep 2
    [ $(($(uptime_seconds) - began)) -lt $UNPACK_SECONDS_MAX ] || { kill -9 $unpacking; return 124; }
    signal WORKING writing "unpacking on $disk"
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

# Unpacks the verified file $1.
unpack_root() {
  rm -f "$work/expand.failed"
  case $format in
    squashfs) unpack_with_signals unpack_squashfs "$1" ;;
    root.tar) unpack_with_signals unpack_tar "$1" ;;
  esac || fail_job writing "the root cannot be unpacked on $disk: $(words_of "$work/expand.err") $(words_of "$work/unpack.err")"
  rm -rf "$root/.rackboot"
  [ -d "$root/etc" ] && [ -d "$root/usr" ] || fail_job writing "the root has no /etc and /usr: it is not the root of a system"
}

# Fetches the file $1 of the job (kernel, initrd) to $2, and checks its hash.
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
  for found in "$root"/boot/vmlinuz-* "$root"/boot/vmlinux-* "$root"/boot/Image-*; do
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
    fetch_start_file kernel "$root$kernel"
    fetch_start_file initrd "$root$initrd"
  else
    fail_job writing "the system has no kernel in /boot, and none came with it: import an image that has one"
  fi
}

write_fstab() {
  root_uuid=$(hex_at "$root_part" 1128 16 | sed 's/\(.\{8\}\)\(.\{4\}\)\(.\{4\}\)\(.\{4\}\)/\1-\2-\3-\4-/')
  esp_id=$(hex_at "$esp_part" 67 4 | sed 's/\(..\)\(..\)\(..\)\(..\)/\4\3-\2\1/' | tr a-f A-F)
  [ ${#root_uuid} -eq 36 ] && [ ${#esp_id} -eq 9 ] || fail_job writing "the identifiers of $root_part and $esp_part cannot be read"
  printf 'UUID=%s / ext4 errors=remount-ro 0 1\nUUID=%s /boot/efi vfat umask=0077,nofail 0 0\n' "$root_uuid" "$esp_id" | put_file /etc/fstab
}

# The system gets the kernel console of this environment, so that a server without a screen stays readable.
write_menu() {
  consoles=$(tr ' ' '\n' <"$proc/cmdline" | grep '^console=' | tr '\n' ' ')
  mkdir -p "$root/boot/grub"
  {
    printf 'set default=0\nset timeout=0\nsearch --no-floppy --fs-uuid --set=root %s\n' "$root_uuid"
    printf 'menuentry "Linux" {\n  linux %s root=UUID=%s ro %s\n' "$kernel" "$root_uuid" "$consoles"
    [ -z "$initrd" ] || printf '  initrd %s\n' "$initrd"
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

run_grub() {
  chroot "$root" /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin "$installer" "$@" >"$work/grub" 2>&1 ||
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
    printf 'search --no-floppy --fs-uuid --set=root %s\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n' "$root_uuid" |
      put_file "/boot/efi/EFI/$name/grub.cfg"
  done
}

# Installs GRUB for UEFI, the signed one if the system has it. Status 1 if it has none.
install_uefi() {
  case $(uname -m) in aarch64) platform=arm64-efi efi=aa64 ;; *) platform=x86_64-efi efi=x64 ;; esac
  mkdir -p "$root/boot/efi"
  mount -t vfat "$dev/$esp_part" "$root/boot/efi" 2>"$work/problem" || fail_job writing "$esp_part cannot be mounted: $(words_of "$work/problem")"
  installed=0
  if ! copy_signed; then
    if has_grub $platform; then
      run_grub --target=$platform --efi-directory=/boot/efi --removable --no-nvram --no-uefi-secure-boot
    else
      installed=1
    fi
  fi
  umount "$root/boot/efi"
  return $installed
}

# Installs GRUB for BIOS. Status 1 if the system has none.
install_bios() {
  has_grub i386-pc || return 1
  run_grub --target=i386-pc "$dev/$disk"
}

# Installs the boot loaders of the system, for both firmwares if it can. That for this machine's firmware must be among them.
install_loaders() {
  for name in dev proc sys; do
    mkdir -p "$root/$name"
    mount --bind "/$name" "$root/$name" 2>"$work/problem" || fail_job writing "/$name cannot be mounted in the system: $(words_of "$work/problem")"
  done
  firmwares=
  ! install_bios || firmwares=" BIOS"
  ! install_uefi || firmwares="$firmwares UEFI"
  for name in sys proc dev; do umount "$root/$name"; done
  own=BIOS
  [ ! -d "$sys/firmware/efi" ] || own=UEFI
  case "$firmwares " in
    *" $own "*) say "The disk starts by:$firmwares." ;;
    *) fail_job writing "the system has no boot loader for $own (grub-pc for BIOS; grub-efi, or shim and a signed GRUB, for UEFI; found:${firmwares:- none}): import an image that has one" ;;
  esac
}

# Makes the disk of the system: $format is squashfs, root.tar, or root.gz.
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
  install_loaders
  sync
  umount "$root" 2>"$work/problem" || fail_job writing "the disk cannot be unmounted: $(words_of "$work/problem")"
}
# end of system
