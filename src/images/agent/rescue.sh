# Rescue: people log in to a machine that runs from the network, to inspect and repair its disks; the rescue itself touches no disk. The
# agent sources this file after job.sh and login.sh, whose functions it uses.
#
#   keys ─▶ server ─▶ OK login ─▶ heartbeats, until the job changes ─▶ unmount ─▶ OK left ─▶ reboot, or power off
#
# 1. The region gets "login" when a login is possible, with the fingerprint of the host key.
# 2. While the region is away the rescue continues. After two refusals it is over: the machine powers off.
# 3. Everything that people mounted is unmounted before the machine restarts.

RESCUE_POLL_SECONDS=5
HEART_SECONDS=60

name_tools() {
  for program in "$tools"/*; do
    name=${program##*/}
    case $name in *.so | *.so.* | complete | lvm.conf) continue ;; esac
    printf '#!/bin/sh\nLVM_SYSTEM_DIR=%s MDADM_NO_UDEV=1 exec %s/ld.so --library-path %s %s "$@"\n' "$tools" "$tools" "$tools" "$program" >"$bin/$name"
    chmod 755 "$bin/$name"
  done
  for name in fsck fsck.ext2 fsck.ext3 fsck.ext4; do
    [ -e "$bin/$name" ] || ln -s e2fsck "$bin/$name"
  done
}

write_welcome() {
  {
    echo "Rescue mode of $(job_value hostname). This system runs from memory; the disks are as they were."
    echo "Disks: $(list_disks | cut -d ' ' -f 2 | tr '\n' ' ')"
    echo "Here are mount, blkid, e2fsck, resize2fs, sfdisk, lvm, mdadm, dd, zstd, chroot, dmesg, vi. Mount below /mnt."
    echo "It ends with: rackboot machines exit-rescue $(job_value hostname)"
  } >"${RACKBOOT_MOTD:-/etc/motd}"
}

# Quirk: busybox mounts only file systems that the kernel has already loaded.
load_file_systems() {
  for type in ext4 xfs vfat isofs squashfs efivarfs; do /sbin/modprobe -q $type 2>/dev/null; done
}

# Unmounts what people mounted from the disks, last first; mounts in use become read-only.
leave_disks() {
  [ -z "$server" ] || end_tree "$server"
  sed -n '1!G;h;$p' "$proc/mounts" | while read -r device place _; do
    case $device in /dev/*) umount "$place" 2>/dev/null || mount -o remount,ro "$place" 2>/dev/null ;; esac
  done
  sync
}

fetch_keys() {
  fetch_patiently "$url/rackboot/1/ssh-keys" "$work/keys.new" || return 1
  [ -s "$work/keys.new" ] || { problem="nobody who may log in has an SSH key: rackboot sshkeys add FILE"; return 1; }
  mv "$work/keys.new" "$work/keys"
}

# Sets $next to the machine's present job; empty if the region does not answer, `over` if this boot is no longer valid.
ask_job() {
  next=
  if fetch "$url/rackboot/1/job" "$work/job.new"; then
    refused=0
    next=$(sed -n 's/^job=//p' "$work/job.new" | head -n 1)
  elif [ "$status" = 403 ]; then
    refused=$((refused + 1))
    [ $refused -lt "$REFUSALS_MAX" ] || next=over
  fi
}

beat() {
  beat_at=$(uptime_seconds)
  signal WORKING login "login is possible at $(own_address)" "host_key=$fingerprint" || :
  renew_keys ssh-keys
  kill -0 "$server" 2>/dev/null || start_server "$work/keys" || say "The login server cannot be started again: $problem"
}

leave_rescue() {
  say "The rescue is over ($next)."
  leave_disks
  if [ "$next" != over ]; then
    # Without this signal the region believes that the rescue continues.
    for try in 1 2 3 4 5; do
      signal OK left "leaving the rescue mode" && break
      sleep 2
    done
  fi
  if [ "$next" = reboot ]; then
    say "Restarting."
    sleep 1
    reboot -f
  fi
  say "Powering off."
  finish 0
}

rescue() {
  bin=${RACKBOOT_BIN:-/bin}
  signal_surely WORKING started "fetching the login server" || fail "the region rejects this machine's signals: $problem"
  fetch_keys || fail_job started "$problem"
  fetch_archive tools "$tools" && name_tools || say "There are no tools except busybox: $problem"
  load_file_systems
  write_welcome
  start_server "$work/keys" || fail_job started "$problem"
  signal_surely OK login "login is possible at $(own_address); host key $fingerprint" "host_key=$fingerprint" ||
    fail "the region rejected the signal that a login is possible: $problem"
  say "This machine is in rescue mode."
  say_logins "$work/keys"
  refused=0
  beat_at=$(uptime_seconds)
  while :; do
    sleep $RESCUE_POLL_SECONDS
    ask_job
    case $next in '' | rescue) ;; *) leave_rescue ;; esac
    [ $(($(uptime_seconds) - beat_at)) -lt $HEART_SECONDS ] || beat
  done
}

# end of rescue
