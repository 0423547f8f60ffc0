# Erasing: the agent erases the disks of a machine. Sourced by `read_part` of job.sh, whose functions it uses.
#
#   signatures   what makes a disk look used: both ends of every disk and of every partition, where boot code, partition tables with their
#                copies, file systems, swap, LVM, md and ZFS have their marks. Takes seconds. The data in between remains.
#   all          every byte. A disk that supports discard, and then reads as zeroes, is discarded; on others zeroes are written.
#
# 1. All disks of the machine except removable ones are erased whole; a failure names the disk.
# 2. A discard counts only if marks written before it, all over the disk, are gone afterwards.
# 3. This is not a secure erase: sectors that a disk has retired itself, and the boot partitions of eMMC, remain.

ENDS_BYTES=16777216
PART_ENDS_BYTES=1048576
SAMPLES=64
SAMPLE_BYTES=4096

# Zeroes $2 bytes of the disk from byte $1 on.
wipe_span() {
  [ "$2" -gt 0 ] || return 0
  dd if=/dev/zero of="$dev/$disk" bs=1M iflag=count_bytes count="$2" oflag=seek_bytes seek="$1" conv=notrunc,fsync 2>"$work/dd.err" ||
    fail_job erasing "$disk cannot be written: $(words_of "$work/dd.err")"
}

# Zeroes $3 bytes at both ends of the $2 bytes from byte $1 on.
wipe_ends() {
  length=$3
  [ "$2" -ge "$length" ] || length=$2
  wipe_span "$1" "$length"
  wipe_span $(($1 + $2 - length)) "$length"
}

wipe_signatures() {
  list_partitions >"$work/partitions"
  while read -r start _ part; do
    read_value "$sys/block/$disk/$part/size"
    take_number "$value" 2048
    from=$((start * 512))
    size=$((number * 512))
    [ $((from + size)) -le "$bytes" ] || size=$((bytes - from))
    wipe_ends $from $size $PART_ENDS_BYTES
  done <"$work/partitions"
  wipe_ends 0 "$bytes" $ENDS_BYTES
}

sample_places() {
  awk -v bytes="$bytes" -v count=$SAMPLES -v size=$SAMPLE_BYTES 'BEGIN {
    last = int((bytes - size) / 512)
    for (i = 0; i < count; i++) printf "%.0f\n", int(last * i / (count - 1)) * 512
  }'
}

# Status 0 if the disk reads as zeroes afterwards where it did not before.
discard() {
  read_value "$sys/block/$disk/queue/discard_max_bytes"
  take_number "$value" 0
  [ "$number" -gt 0 ] && [ "$bytes" -ge $((SAMPLE_BYTES * SAMPLES)) ] || return 1
  tr '\0' '\125' </dev/zero | dd of="$work/mark" bs=$SAMPLE_BYTES count=1 iflag=fullblock 2>/dev/null
  dd if=/dev/zero of="$work/zero" bs=$SAMPLE_BYTES count=1 2>/dev/null
  for place in $(sample_places); do
    dd if="$work/mark" of="$dev/$disk" bs=$SAMPLE_BYTES oflag=seek_bytes seek="$place" conv=notrunc 2>/dev/null || return 1
  done
  dd if="$work/mark" of="$dev/$disk" bs=$SAMPLE_BYTES count=1 conv=notrunc,fsync 2>/dev/null || return 1
  blkdiscard "$dev/$disk" 2>/dev/null || return 1
  for place in $(sample_places); do
    dd if="$dev/$disk" bs=$SAMPLE_BYTES count=1 iflag=skip_bytes skip="$place" 2>/dev/null | cmp -s - "$work/zero" || return 1
  done
}

wipe_all() {
  if discard; then
    say "$disk has discarded everything, and reads as zeroes."
    return 0
  fi
  rm -f "$work"/*.pid "$work"/*.status
  # Writes every byte exactly once, so that the end of the disk is not found by an error.
  {
    write_device "$dev/$disk" bs=1M count=$((bytes / 1048576)) </dev/zero
    cp "$work/dd.status" "$work/most.status"
    rest=$((bytes % 1048576 / 512))
    [ $rest -eq 0 ] || write_device "$dev/$disk" bs=512 seek=$((bytes / 1048576 * 2048)) count=$rest </dev/zero
  } &
  follow $! erasing "$erased" "$total" || fail_job erasing "nothing was written to $disk for $STALL_SECONDS_MAX seconds"
  case $(cat "$work/most.status" "$work/dd.status" | tr -d '\n') in 00) ;; *) fail_job erasing "$disk cannot be written: $(words_of "$work/dd.err")" ;; esac
}

erase() {
  mode=$(job_value mode)
  case $mode in signatures | all) ;; *) fail_job erasing "the erase mode $mode is unknown" ;; esac
  list_disks all >"$work/disks"
  [ -s "$work/disks" ] || fail_job erasing "this machine shows no disk that could be erased: is the driver of its controller missing?"
  total=$(awk '{ sum += $1 } END { printf "%.0f", sum }' "$work/disks")
  signal_surely WORKING erasing "erasing ($mode): $(cut -d ' ' -f 2 "$work/disks" | tr '\n' ' ')" done_bytes=0 "total_bytes=$total" ||
    fail "the region rejects this machine's signals: $problem"
  [ ! -w "$proc/sys/vm/dirty_bytes" ] || echo $DIRTY_BYTES >"$proc/sys/vm/dirty_bytes"
  # Check before erasing anything, so that the erasure does not fail halfway.
  while read -r bytes disk; do
    read_value "$sys/block/$disk/ro"
    [ "$value" != 1 ] || fail_job erasing "$disk is read-only: nothing is erased"
  done <"$work/disks"
  erased=0
  while read -r bytes disk; do
    say "Erasing $disk ($mode)"
    wipe_$mode
    blockdev --rereadpt "$dev/$disk" 2>/dev/null
    erased=$((erased + bytes))
    signal WORKING erasing "$disk is erased" "done_bytes=$erased" "total_bytes=$total"
  done <"$work/disks"
  sync
  case $(wc -l <"$work/disks" | tr -d ' ') in
    1) count='1 disk is' ;;
    *) count="$(wc -l <"$work/disks" | tr -d ' ') disks are" ;;
  esac
  signal_surely OK erased "$count erased ($mode)"
  say "Erased. Powering off."
  finish 0
}

# end of erase
