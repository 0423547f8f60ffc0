#!/bin/sh
# The agent, with which a machine reports itself. The region serves it; the ephemeral environment fetches and runs it, and so can Debian's
# installer (preseed/early_command). POSIX shell; needs busybox only.
#
#   agent.sh [URL]    reports to URL (default: rackboot_url of the kernel line) and powers the machine off
#   agent.sh facts    prints the facts and does nothing else
#
# It posts application/x-www-form-urlencoded to URL/api/2.0/machines/:
#   architecture=amd64 subarchitecture=generic power_type= mac_addresses=BOOT_MAC,OTHER_MAC,… hardware_facts=JSON
# and, if its BMC has an address: power_type=ipmi power_parameters=JSON; without a BMC, power_type=wakeonlan if its card can wake it.
# When it enlists, those of a BMC have the name and password of a user that the
# agent makes on the BMC, unless the kernel line has rackboot_bmc_user=no.
#
# The JSON, version 1. Text is printable ASCII of at most 128 characters, '' when unknown; MAC addresses and the UUID are in lower case.
#   { version: 1,
#     purpose: 'enlist' | 'commissioning' | '',        from the kernel line
#     boot_mac: text,                                  the interface that booted the machine
#     nics: [{ name, mac, driver: text, carrier: true | false | null, operstate: text, speed: Mbit/s | null, bus: text,
#       ids: 'VENDOR:DEVICE' }],
#     cpu: { count: number, model: text },
#     memory_mib: number,                              installed, not only what the kernel can use
#     disks: [{ name: text, bytes: number, model, serial: text, rotational: boolean, bus, firmware: text, block_size: bytes }],
#     dmi: { vendor, product, version, serial, uuid, board_vendor, board_name, board_serial, bios_vendor, bios_version,
#            bios_date, chassis_type, chassis_serial, chassis_asset_tag: text },
#     virtualization: 'none' | 'qemu' | 'vmware' | 'virtualbox' | 'hyperv' | 'xen' | 'unknown',
#     uefi: boolean, secure_boot: true | false | null, kernel: text, uptime: seconds with fraction,
#     smbios: Base64 of the firmware's table, when the machine is commissioned }
#
# 1. Every value is cleaned before it enters the JSON, and the JSON is encoded before it enters the form.
# 2. While the region is away the agent retries for REPORT_SECONDS_MAX; a refusal (HTTP 4xx) is final and is shown.
# 3. An unreachable or silent BMC costs at most BMC_SECONDS_MAX. Its password is never printed.
# 4. The machine is powered off in every case, unless RACKBOOT_STAY is set: then the exit status is the result. One that was told to enlist
#    and has work by now restarts.
#
# A machine that boots the environment for another purpose, with the token of its boot, first asks the region for its job
# (URL/rackboot/1/job) and does it with URL/rackboot/job.sh. To a region without jobs it reports the facts.

sys=${RACKBOOT_SYS:-/sys}
proc=${RACKBOOT_PROC:-/proc}
dmi=$sys/class/dmi/id
work=${RACKBOOT_TMP:-/tmp}
bmc=${RACKBOOT_BMC:-/lib/rackboot/bmc}
wake=${RACKBOOT_WAKE:-/lib/rackboot/wake}

REPORT_SECONDS_MAX=1800
REQUEST_SECONDS_MAX=60
PAUSE_SECONDS_MAX=30
SHOW_SECONDS=60
RESTART_SECONDS=5
BMC_SECONDS_MAX=60
WAKE_SECONDS_MAX=10
BMC_USER=maas
NICS_MAX=64
DISKS_MAX=256
SMBIOS_BYTES_MAX=65536

say() {
  if command -v rackboot-say >/dev/null 2>&1; then
    rackboot-say "$*"
  else
    echo "rackboot: $*" 2>/dev/null >/dev/console || echo "rackboot: $*" >&2
  fi
}

# Ends the agent and, normally, the machine's run. $1: exit status.
finish() {
  sync
  [ -z "$RACKBOOT_STAY" ] || exit "$1"
  sleep 1
  poweroff -f
  exit "$1"
}

fail() {
  say "$purpose failed: $*"
  say "This machine powers off in $SHOW_SECONDS seconds."
  [ -n "$RACKBOOT_STAY" ] || sleep "$SHOW_SECONDS"
  finish 1
}

# Prints the last value of $1 in the kernel line.
argument() {
  found=
  set -f
  for word in $(cat "$proc/cmdline"); do
    case $word in "$1="*) found=${word#*=} ;; esac
  done
  set +f
  printf %s "$found"
}

bounded() {
  if command -v timeout >/dev/null 2>&1; then timeout "$@"; else shift; "$@"; fi
}

# ---- values ----

# Sets $value to the first line of file $1, trimmed; empty if it cannot be read.
read_value() {
  value=
  [ -r "$1" ] && read -r value 2>/dev/null <"$1"
  return 0
}

# Sets $text to $1 as a JSON string.
quote() {
  case $1 in
    *[!A-Za-z0-9\ ._:/,@+=*\(\)-]*)
      text=$(printf %s "$1" | tr -cd '\040-\176' | cut -c1-128 | sed 's/^ *//; s/ *$//; s/\\/\\\\/g; s/"/\\"/g') ;;
    *) text=$1; [ ${#text} -le 128 ] || text=$(printf %s "$1" | cut -c1-128) ;;
  esac
  text="\"$text\""
}

quote_file() {
  read_value "$1"
  quote "$value"
}

# Sets $number to the whole number in $1, or to $2 if it is not one.
take_number() {
  case $1 in '' | *[!0-9]*) number=$2 ;; *) number=$1 ;; esac
}

# Prints the first 40 bytes of file $1 as decimal numbers. Debian's installer has neither hexdump nor od, but tr, which maps each byte to
# its first hexadecimal digit, and then to its second.
bytes_of() {
  if [ -z "$second_digits" ]; then
    for digit in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do
      first_digits=$first_digits$digit$digit$digit$digit$digit$digit$digit$digit$digit$digit$digit$digit$digit$digit$digit$digit
      second_digits=${second_digits}0123456789abcdef
    done
  fi
  dd if="$1" of="$work/bytes" bs=40 count=1 2>/dev/null
  first=$(LC_ALL=C tr '\000-\377' "$first_digits" <"$work/bytes")
  second=$(LC_ALL=C tr '\000-\377' "$second_digits" <"$work/bytes")
  numbers=
  while [ -n "$first" ]; do
    numbers="$numbers $((0x${first%"${first#?}"}${second%"${second#?}"}))"
    first=${first#?}
    second=${second#?}
  done
  echo "$numbers"
}

# ---- facts ----

# Installed memory from the memory devices of SMBIOS (DSP0134, type 17): size at 0x0C, extended size at 0x1C.
smbios_memory_mib() {
  total=0
  for entry in "$sys"/firmware/dmi/entries/17-*/raw; do
    [ -r "$entry" ] || continue
    # shellcheck disable=SC2046
    set -- $(bytes_of "$entry")
    [ $# -ge 14 ] || continue
    size=$((${13} + ${14} * 256))
    if [ $size -eq 65535 ]; then
      continue
    elif [ $size -eq 32767 ] && [ $# -ge 32 ] && [ "$2" -ge 32 ]; then
      size=$((${29} + ${30} * 256 + ${31} * 65536 + (${32} & 127) * 16777216))
    elif [ $size -ge 32768 ]; then
      size=$(((size - 32768) / 1024))
    fi
    total=$((total + size))
  done
  echo $total
}

# From the kernel's hot-plug blocks: close to the installed size.
block_memory_mib() {
  read_value "$sys/devices/system/memory/block_size_bytes"
  case $value in '' | *[!0-9a-fA-F]*) echo 0; return ;; esac
  block=$((0x$value))
  count=0
  for state in "$sys"/devices/system/memory/memory*/state; do
    read_value "$state"
    [ "$value" = online ] && count=$((count + 1))
  done
  echo $((count * (block / 1048576)))
}

memory_mib() {
  mib=$(smbios_memory_mib)
  [ "$mib" -gt 0 ] || mib=$(block_memory_mib)
  [ "$mib" -gt 0 ] || mib=$(sed -n 's/^MemTotal: *\([0-9]*\) kB.*/\1/p' "$proc/meminfo" 2>/dev/null | awk '{ print int($1 / 1024) }')
  take_number "$mib" 0
  echo "$number"
}

# Sets $nics (JSON), $macs (comma list, boot interface first), and $boot_nic, its name.
collect_nics() {
  nics=
  others=
  first=
  boot_nic=
  count=0
  for nic in "$sys"/class/net/*; do
    [ -e "$nic/device" ] && [ ! -e "$nic/device/physfn" ] && [ ! -e "$nic/wireless" ] && [ ! -e "$nic/phy80211" ] || continue
    read_value "$nic/type"
    [ "$value" = 1 ] || continue
    read_value "$nic/address"
    mac=$value
    case $mac in ??:??:??:??:??:??) ;; *) continue ;; esac
    [ "$mac" != 00:00:00:00:00:00 ] || continue
    [ $count -lt $NICS_MAX ] || break
    count=$((count + 1))
    driver=$(readlink "$nic/device/driver")
    driver=${driver##*/}
    read_value "$nic/carrier"
    case $value in 1) carrier=true ;; 0) carrier=false ;; *) carrier=null ;; esac
    read_value "$nic/speed"
    take_number "$value" null
    quote "${nic##*/}"; json="{\"name\":$text"
    quote "$mac"; json="$json,\"mac\":$text"
    quote "$driver"; json="$json,\"driver\":$text,\"carrier\":$carrier"
    quote_file "$nic/operstate"; json="$json,\"operstate\":$text,\"speed\":$number"
    bus=$(readlink "$nic/device/subsystem")
    read_value "$nic/device/vendor"; ids=${value#0x}
    read_value "$nic/device/device"; ids=$ids:${value#0x}
    quote "${bus##*/}"; json="$json,\"bus\":$text"
    quote "${ids#:}"; json="$json,\"ids\":$text}"
    nics="$nics${nics:+,}$json"
    # Quirk: the interface between a host and its BMC has the same address in every machine of a series.
    case $driver in cdc_ether | cdc_ncm | cdc_subset | rndis_host) [ "$mac" = "$boot_mac" ] || continue ;; esac
    if [ "$mac" = "$boot_mac" ]; then first=$mac boot_nic=${nic##*/}; else others="$others${others:+,}$mac"; fi
  done
  macs="$first${first:+${others:+,}}$others"
}

# Sets $disks (JSON): permanent disks; no loop, memory, optical, floppy or removable devices.
collect_disks() {
  disks=
  count=0
  for disk in "$sys"/block/*; do
    name=${disk##*/}
    case $name in loop* | ram* | sr* | fd* | dm-* | md* | zram* | nbd* | mtd* | mmcblk*boot* | mmcblk*rpmb) continue ;; esac
    read_value "$disk/size"
    take_number "$value" 0
    [ "$number" -gt 0 ] || continue
    read_value "$disk/removable"
    [ "$value" != 1 ] || continue
    [ $count -lt $DISKS_MAX ] || break
    count=$((count + 1))
    bytes=$((number * 512))
    read_value "$disk/serial"
    [ -n "$value" ] || read_value "$disk/device/serial"
    [ -n "$value" ] || value=$(scsi_serial "$disk/device/vpd_pg80")
    quote "$value"; serial=$text
    quote_file "$disk/device/model"; model=$text
    quote "$name"
    read_value "$disk/queue/rotational"
    if [ "$value" = 1 ]; then rotational=true; else rotational=false; fi
    disks="$disks${disks:+,}{\"name\":$text,\"bytes\":$bytes,\"model\":$model,\"serial\":$serial,\"rotational\":$rotational"
    disk_bus
    read_value "$disk/device/firmware_rev"
    [ -n "$value" ] || read_value "$disk/device/rev"
    quote "$value"; disks="$disks,\"bus\":\"$bus\",\"firmware\":$text"
    read_value "$disk/queue/logical_block_size"
    take_number "$value" 512
    disks="$disks,\"block_size\":$number}"
  done
}

# Sets $bus to the connection of the disk $name at $disk, from its place in the device tree.
disk_bus() {
  case $name/$(readlink "$disk") in
    nvme*) bus=nvme ;;
    mmcblk*) bus=mmc ;;
    */usb*) bus=usb ;;
    */virtio*) bus=virtio ;;
    */ata*) bus=ata ;;
    sd*) bus=scsi ;;
    vd*) bus=virtio ;;
    *) bus= ;;
  esac
}

# Prints the unit serial number of a SCSI or ATA disk: vital product data page 0x80, text after a header of four bytes (SPC-4).
scsi_serial() {
  [ -r "$1" ] || return 0
  dd if="$1" bs=1 skip=4 count=64 2>/dev/null | tr -cd '\040-\176' | sed 's/^ *//; s/ *$//'
}

collect_dmi() {
  dmi_json=
  while read -r key file; do
    read_value "$dmi/$file"
    [ "$key" != uuid ] || value=$(printf %s "$value" | tr A-F a-f)
    quote "$value"
    dmi_json="$dmi_json${dmi_json:+,}\"$key\":$text"
  done <<LIST
vendor sys_vendor
product product_name
version product_version
serial product_serial
uuid product_uuid
board_vendor board_vendor
board_name board_name
board_serial board_serial
bios_vendor bios_vendor
bios_version bios_version
bios_date bios_date
chassis_type chassis_type
chassis_serial chassis_serial
chassis_asset_tag chassis_asset_tag
LIST
}

virtualization() {
  read_value "$dmi/sys_vendor"; vendor=$value
  read_value "$dmi/product_name"; product=$value
  case $vendor/$product in
    QEMU* | *KVM* | *OpenStack* | Bochs*) echo qemu; return ;;
    VMware*) echo vmware; return ;;
    innotek* | *VirtualBox*) echo virtualbox; return ;;
    Microsoft*/Virtual*) echo hyperv; return ;;
    Xen*) echo xen; return ;;
  esac
  read_value "$sys/hypervisor/type"
  if [ "$value" = xen ]; then
    echo xen
  elif grep -q '^flags.* hypervisor' "$proc/cpuinfo" 2>/dev/null; then
    echo unknown
  else
    echo none
  fi
}

# Prints true, false, or null if unknown. The variable's value follows four bytes of attributes (UEFI 2.10 §3.3); a kernel without that
# file system logged it at boot.
secure_boot() {
  variable=$(dd if="$sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c" bs=1 skip=4 count=1 2>/dev/null | tr '\000\001' '01')
  case $variable in
    1) echo true; return ;;
    0) echo false; return ;;
  esac
  if [ ! -d "$sys/firmware/efi" ]; then echo null
  elif dmesg 2>/dev/null | grep -qi 'secure boot enabled'; then echo true
  elif dmesg 2>/dev/null | grep -qi 'secure boot disabled'; then echo false
  else echo null; fi
}

# Sets $smbios to the firmware's table for the JSON; empty if not needed or unreadable.
collect_smbios() {
  smbios=
  [ "$purpose" = commissioning ] && [ -r "$sys/firmware/dmi/tables/DMI" ] && command -v base64 >/dev/null 2>&1 || return 0
  smbios=",\"smbios\":\"$(head -c $SMBIOS_BYTES_MAX "$sys/firmware/dmi/tables/DMI" | base64 | tr -d '\n')\""
}

cpu_model() {
  model=$(sed -n 's/^model name[^:]*: *//p' "$proc/cpuinfo" | head -n 1)
  [ -n "$model" ] || model=$(awk -F': *' '/^CPU implementer/ { i = $2 } /^CPU part/ { print "implementer " i " part " $2; exit }' "$proc/cpuinfo")
  printf %s "$model"
}

# Sets $facts to one line of JSON, and $macs.
collect_facts() {
  collect_nics
  collect_disks
  collect_dmi
  collect_smbios
  count=$(grep -c '^processor' "$proc/cpuinfo")
  take_number "$count" 0; cpus=$number
  quote "$(cpu_model)"; model=$text
  quote "$(uname -r)"; kernel=$text
  quote "$purpose"; purpose_json=$text
  quote "$boot_mac"; boot_json=$text
  read_value "$proc/uptime"
  uptime=${value%% *}
  uefi=false
  [ ! -d "$sys/firmware/efi" ] || uefi=true
  facts="{\"version\":1,\"purpose\":$purpose_json,\"boot_mac\":$boot_json,\"nics\":[$nics]"
  facts="$facts,\"cpu\":{\"count\":$cpus,\"model\":$model},\"memory_mib\":$(memory_mib),\"disks\":[$disks],\"dmi\":{$dmi_json}"
  facts="$facts,\"virtualization\":\"$(virtualization)\",\"uefi\":$uefi,\"secure_boot\":$(secure_boot)"
  facts="$facts,\"kernel\":$kernel,\"uptime\":${uptime:-0}$smbios}"
}

# ---- power ----

# Status 0 if firmware or kernel show a BMC: SMBIOS as type 38, ACPI as IPI0001, a device tree as ipmi-…, PCI as class 0C07.
has_bmc() {
  for trace in "$sys"/firmware/dmi/entries/38-* "$sys"/bus/acpi/devices/IPI0001* "$sys"/bus/platform/devices/*ipmi* "$sys"/class/ipmi/*; do
    [ ! -e "$trace" ] || return 0
  done
  for device in "$sys"/bus/pci/devices/*/class; do
    read_value "$device"
    case $value in 0x0c07*) return 0 ;; esac
  done
  return 1
}

bmc_value() {
  found=$(sed -n "s/^$1=//p" "$work/bmc" | head -n 1 | tr -cd '\040-\176' | cut -c1-128)
}

# Sets $power_type and $power_parameters: the machine's BMC, or else its network card, if that can wake it.
collect_power() {
  power_type=
  power_parameters=
  collect_bmc
  [ -z "$power_type" ] || return 0
  [ -f "$wake" ] && [ -n "$boot_nic" ] || return 0
  case $(bounded $WAKE_SECONDS_MAX sh "$wake" "$work" "$boot_nic" 2>>"$work/wake.log" </dev/null) in
    *wakes=yes*)
      say "The network card $boot_nic wakes this machine by Wake-on-LAN."
      power_type=wakeonlan
      quote "$first"; power_parameters="{\"mac_address\":$text}"
      ;;
  esac
}

# The search is abandoned if it takes too long.
collect_bmc() {
  [ -f "$bmc" ] && has_bmc || return 0
  user=$BMC_USER
  [ "$purpose" = enlist ] && [ "$(argument rackboot_bmc_user)" != no ] || user=
  say "Looking for the BMC of this machine"
  sh "$bmc" "$work" $user >"$work/bmc" 2>>"$work/bmc.log" </dev/null &
  search=$!
  began=$(uptime_seconds)
  while kill -0 $search 2>/dev/null; do
    if [ $(($(uptime_seconds) - began)) -ge $BMC_SECONDS_MAX ]; then
      kill -9 $search 2>/dev/null
      say "The BMC did not answer within $BMC_SECONDS_MAX seconds; continuing without it."
      return 0
    fi
    sleep 1
  done
  bmc_value problem
  [ -z "$found" ] || say "The BMC: $found"
  bmc_value address
  [ -n "$found" ] || return 0
  power_type=ipmi
  address=$found
  quote "$address"; power_parameters="{\"power_address\":$text"
  bmc_value version
  case $found in 1.*) driver=LAN ;; *) driver=LAN_2_0 ;; esac
  boot_type=auto
  [ ! -d "$sys/firmware/efi" ] || boot_type=efi
  power_parameters="$power_parameters,\"power_driver\":\"$driver\",\"power_boot_type\":\"$boot_type\""
  bmc_value mac
  [ -z "$found" ] || { quote "$found"; power_parameters="$power_parameters,\"mac_address\":$text"; }
  bmc_value password
  if [ -n "$found" ]; then
    quote "$found"; power_parameters="$power_parameters,\"power_user\":\"$user\",\"power_pass\":$text"
    say "The BMC is at $address; the region gets the new password of its user $user."
  else
    say "The BMC is at $address."
  fi
  power_parameters="$power_parameters}"
}

# ---- report ----

form_encode() {
  sed -e 's/%/%25/g' -e 's/ /%20/g' -e 's/"/%22/g' -e 's/#/%23/g' -e 's/\$/%24/g' -e 's/&/%26/g' -e "s/'/%27/g" \
    -e 's/(/%28/g' -e 's/)/%29/g' -e 's/+/%2B/g' -e 's/,/%2C/g' -e 's/\//%2F/g' -e 's/:/%3A/g' -e 's/;/%3B/g' -e 's/</%3C/g' \
    -e 's/=/%3D/g' -e 's/>/%3E/g' -e 's/?/%3F/g' -e 's/@/%40/g' -e 's/\[/%5B/g' -e 's/\\/%5C/g' -e 's/\]/%5D/g' \
    -e 's/\^/%5E/g' -e 's/`/%60/g' -e 's/{/%7B/g' -e 's/|/%7C/g' -e 's/}/%7D/g'
}

architecture() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    i?86) echo i386 ;;
    armv7*) echo armhf ;;
    ppc64le) echo ppc64el ;;
    *) uname -m ;;
  esac
}

# Posts the form. Status 0 if accepted; else $status is the HTTP status (empty if none) and $problem says what happened.
post_form() {
  if bounded "$REQUEST_SECONDS_MAX" wget -O "$work/answer" --header 'Content-Type: application/x-www-form-urlencoded' \
    ${token:+--header "X-Rackboot-Token: $token"} --post-file "$work/form" "$target" 2>"$work/problem"; then
    return 0
  fi
  read_problem
}

read_problem() {
  # Quirk: busybox says "server returned error: HTTP/1.1 400 Bad Request", GNU wget "ERROR 400: Bad Request."
  status=$(sed -n 's/.*server returned error: HTTP\/1\.[01] \([0-9][0-9][0-9]\).*/\1/p; s/.*ERROR \([0-9][0-9][0-9]\):.*/\1/p' "$work/problem" | tail -n 1)
  problem=$(grep -v '^$' "$work/problem" | tail -n 1 | tr -cd '\040-\176' | cut -c1-160)
  [ -n "$problem" ] || problem="no answer within $REQUEST_SECONDS_MAX seconds"
  return 1
}

# wget discards the explanation of a refusal, so the request is repeated without it.
show_refusal() {
  rest=${target#http://}
  authority=${rest%%/*}
  host=${authority%:*}
  port=${authority##*:}
  [ "$port" != "$authority" ] || port=80
  {
    printf 'POST /%s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n' "${rest#*/}" "$authority"
    [ -z "$token" ] || printf 'X-Rackboot-Token: %s\r\n' "$token"
    printf 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %s\r\n\r\n' "$(wc -c <"$work/form" | tr -d ' ')"
    cat "$work/form"
  } | bounded 20 nc "$host" "$port" 2>/dev/null | tr -d '\r' | sed '1,/^$/d' | tr -cd '\012\040-\176' | head -n 12 | cut -c1-160 >"$work/refusal"
  while read -r line; do
    [ -z "$line" ] || say "  $line"
  done <"$work/refusal"
}

# Fetches $1 to the file $2, with the token of this boot. Status 0 if it arrived; else as in post_form.
fetch() {
  if bounded "$REQUEST_SECONDS_MAX" wget -O "$2" ${token:+--header "X-Rackboot-Token: $token"} "$1" 2>"$work/problem"; then
    return 0
  fi
  read_problem
}

uptime_seconds() {
  read -r uptime rest <"$proc/uptime"
  echo "${uptime%%.*}"
}

report() {
  {
    printf 'architecture=%s&subarchitecture=generic&power_type=%s&mac_addresses=' "$(architecture)" "$power_type"
    printf %s "$macs" | form_encode
    printf '&hardware_facts='
    printf %s "$facts" | form_encode
    [ -z "$power_parameters" ] || { printf '&power_parameters='; printf %s "$power_parameters" | form_encode; }
  } >"$work/form"
  target=$url/api/2.0/machines/
  pause=2
  began=$(uptime_seconds)
  while ! post_form; do
    case $status in
      408 | 425 | 429) ;;
      4??)
        say "The region refused this machine (HTTP $status):"
        show_refusal
        fail "the region refused it; correct what it says above, then power the machine on again."
        ;;
    esac
    [ $(($(uptime_seconds) - began)) -lt $REPORT_SECONDS_MAX ] || fail "the region did not take the report: $problem ($target)"
    say "The region has not accepted the report yet: $problem; next try in $pause seconds."
    sleep $pause
    pause=$((pause * 3 / 2 + 1))
    [ $pause -le $PAUSE_SECONDS_MAX ] || pause=$PAUSE_SECONDS_MAX
  done
  name=$(tr -d '\n' <"$work/answer" | sed -n 's/.*"hostname": *"\([A-Za-z0-9.-]*\)".*/\1/p')
  if grep -q '"status": *"queued"' "$work/answer"; then say "The rack keeps the report until its region is back. Powering off."
  elif is_wanted; then say "The region knows this machine${name:+ as $name}, and has work for it."
  else say "The region knows this machine${name:+ as $name}.${then- Powering off.}"; fi
}

# Status 0 if the answer to an enlistment names a state with work. The region, which counts such boots, limits them.
is_wanted() {
  [ "$purpose" = enlist ] || return 1
  for state in Commissioning Testing Deploying 'Disk erasing' 'Entering rescue mode'; do
    ! grep -q "\"status_name\": *\"$state\"" "$work/answer" || return 0
  done
  return 1
}

# Fetches $1 to the file $2, and waits while the region is away. Status 1 if the region refuses.
fetch_patiently() {
  pause=2
  began=$(uptime_seconds)
  while ! fetch "$1" "$2"; do
    case $status in 408 | 425 | 429) ;; 4??) return 1 ;; esac
    [ $(($(uptime_seconds) - began)) -lt $REPORT_SECONDS_MAX ] || fail "the region did not answer: $problem ($1)"
    say "The region does not answer yet: $problem; next try in $pause seconds."
    sleep $pause
    pause=$((pause * 3 / 2 + 1))
    [ $pause -le $PAUSE_SECONDS_MAX ] || pause=$PAUSE_SECONDS_MAX
  done
}

# Returns if the region only wants the facts.
do_job() {
  [ -n "$RACKBOOT_STAY" ] && [ -n "$token" ] && [ "$purpose" != enlist ] || return 0
  fetch_patiently "$url/rackboot/1/job" "$work/job" && grep -q '^job=' "$work/job" || return 0
  fetch_patiently "$url/rackboot/job.sh" "$work/job.sh" || return 0
  [ "$(tail -n 1 "$work/job.sh")" = '# end of job' ] || fail "job.sh arrived incomplete"
  . "$work/job.sh"
}

umask 077
purpose=$(argument rackboot)
# The secret of this boot, by which the region knows this machine. A malformed one is not sent.
token=$(argument rackboot_token)
case $token in *[!A-Za-z0-9_-]*) token= ;; esac
boot_mac=$(argument BOOTIF | tr A-F- a-f: )
case $boot_mac in ??:??:??:??:??:??:??) boot_mac=${boot_mac#??:} ;; esac
collect_facts
if [ "$1" = facts ]; then
  printf '%s\n' "$facts"
  exit 0
fi
url=${1:-$(argument rackboot_url)}
url=${url%/}
purpose=${purpose:-enlist}
case $url in http://* | https://*) ;; *) fail "the kernel line has no rackboot_url" ;; esac
[ -n "$macs" ] || fail "this machine has no network interface with a driver"
do_job
collect_power
say "Reporting $macs to $url"
report
if is_wanted; then
  say "This machine restarts in $RESTART_SECONDS seconds to start its work."
  sleep $RESTART_SECONDS
  reboot -f
fi
finish 0
# end of agent
