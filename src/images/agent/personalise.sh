# Personalising: the agent gives a deployed system this machine's name, identity, keys, network and cloud-init settings. Sourced by
# `read_part` of job.sh; deploy.sh calls personalise with $disk set.
#
# Sources: hostname(5), machine-id(5), systemd.network(5), interfaces(5) for its patterns of hardware addresses, the netplan reference,
# cloud-init's NoCloud and MAAS datasources, apt.conf(5).
#
# 1. Values of the job go into files only after a check of their form; only root can read files with secrets.
# 2. Traces of another machine in the image are removed: machine-id, host keys, leases, names of interfaces, cloud-init's state.
# 3. A Linux system whose root cannot be opened here is refused, naming what it is on: its owner could not log in. A disk without a known
#    Linux system stays unchanged.

# Mounts the root of the installed system at $root. If there is none, status 1, and $foreign names what could not be opened.
mount_root() {
  mkdir -p "$root"
  foreign=
  for part in $(list_partitions | cut -d ' ' -f 3); do
    kind=$(file_system_of "$part")
    case $kind in
      ext) type=ext4 ;;
      xfs) type=xfs ;;
      btrfs | LVM | LUKS) foreign="$foreign $part ($kind)"; continue ;;
      *) continue ;;
    esac
    mount -t $type "$dev/$part" "$root" 2>"$work/problem" || { foreign="$foreign $part ($kind: $(words_of "$work/problem"))"; continue; }
    [ ! -e "$root/etc/os-release" ] && [ ! -L "$root/etc/os-release" ] || return 0
    umount "$root"
  done
  return 1
}

# Status 0 if $1 has characters, all of $2.
made_of() {
  [ -n "$1" ] && [ -z "$(printf %s "$1" | tr -d "$2")" ]
}

# Standard input becomes the file $1 of the system, readable by all.
put_file() {
  mkdir -p "$root${1%/*}"
  rm -f "$root$1"
  (umask 022; cat >"$root$1")
}

# Sets $home and $owner to those of the first ordinary user, else root.
find_login() {
  line=$(awk -F: '$3 == 1000 { print; exit }' "$root/etc/passwd")
  [ -n "$line" ] || line=$(grep '^root:' "$root/etc/passwd")
  home=$(echo "$line" | cut -d : -f 6)
  owner=$(echo "$line" | cut -d : -f 3,4)
  [ -n "$home" ] || { home=/root; owner=0:0; }
}

# Fetches URL $1 with the token of this boot to the file $2; $3 is the stage of the work.
fetch_private() {
  case $1 in /*) from=$base$1 ;; *) from=$1 ;; esac
  bounded "$REQUEST_SECONDS_MAX" wget -O "$2" ${token:+--header "X-Rackboot-Token: $token"} "$from" 2>"$work/problem" ||
    fail_job "${3:-personalising}" "$from cannot be fetched: $(words_of "$work/problem")"
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
  [ -z "$domain" ] || made_of "$domain" 'A-Za-z0-9.-' || fail_job personalising "the domain of the job is not a valid name"
  echo "$hostname" | put_file /etc/hostname
  { grep -v '^127\.0\.1\.1[[:space:]]' "$root/etc/hosts" 2>/dev/null; echo "127.0.1.1 ${domain:+$hostname.$domain }$hostname"; } >"$work/hosts"
  put_file /etc/hosts <"$work/hosts"
}

# It draws a machine-id at its first boot; its SSH host keys are made here.
write_identity() {
  put_file /etc/machine-id </dev/null
  rm -f "$root/var/lib/dbus/machine-id" "$root/var/lib/systemd/random-seed" "$root"/var/lib/dhcp/*.lease* "$root"/var/lib/NetworkManager/*.lease
  rm -f "$root/etc/udev/rules.d/70-persistent-net.rules"
  rm -rf "$root/var/lib/cloud/instance" "$root/var/lib/cloud/instances" "$root/var/lib/cloud/data" "$root/var/lib/cloud/sem"
  [ -x "$root/usr/bin/ssh-keygen" ] || return 0
  rm -f "$root"/etc/ssh/ssh_host_*
  (umask 022; chroot "$root" /usr/bin/ssh-keygen -A >"$work/keygen" 2>&1) || say "No SSH host keys were made: $(words_of "$work/keygen")"
}

# ---- network ----

# For netplan. The entry's name sorts before the image's entries for all interfaces; networkd uses the first that matches.
static_netplan() {
  {
    printf 'network:\n  version: 2\n  ethernets:\n    00-rackboot:\n      match: { macaddress: "%s" }\n' "$boot_mac"
    if [ "$address" = dhcp ]; then printf '      dhcp4: true\n'; else printf '      addresses: [%s]\n' "$address"; fi
    [ -z "$router" ] || printf '      routes: [{ to: default, via: %s }]\n' "$router"
    [ -z "$servers$domain" ] ||
      printf '      nameservers: { addresses: [%s], search: [%s] }\n' "$(echo $servers | sed 's/ /, /g')" "$domain"
  } | put_file /etc/netplan/90-rackboot.yaml
  chmod 600 "$root/etc/netplan/90-rackboot.yaml"
}

static_networkd() {
  {
    printf '[Match]\nMACAddress=%s\n\n[Network]\n' "$boot_mac"
    if [ "$address" = dhcp ]; then printf 'DHCP=ipv4\n'; else printf 'Address=%s\n' "$address"; fi
    [ -z "$router" ] || printf 'Gateway=%s\n' "$router"
    for server in $servers; do printf 'DNS=%s\n' "$server"; done
    [ -z "$domain" ] || printf 'Domains=%s\n' "$domain"
  } | put_file /etc/systemd/network/10-rackboot.network
}

# For ifupdown, which has no sorted entries: the image's file gets another name. The interface will have an unknown name, so a pattern has its
# hardware address.
static_ifupdown() {
  mv "$root/etc/network/interfaces" "$root/etc/network/interfaces.image"
  {
    printf 'auto lo\niface lo inet loopback\n\nauto mac/%s=rackboot\n' "$boot_mac"
    if [ "$address" = dhcp ]; then printf 'iface rackboot inet dhcp\n'; else printf 'iface rackboot inet static\n  address %s\n' "$address"; fi
    [ -z "$router" ] || printf '  gateway %s\n' "$router"
    [ -z "$servers" ] || printf '  dns-nameservers %s\n' "$servers"
    [ -z "$domain" ] || printf '  dns-search %s\n' "$domain"
  } | put_file /etc/network/interfaces
  # Without resolvconf nothing reads the name servers there.
  write_resolver "$servers" "$domain"
}

# Puts the files of the bundle $1 into the system: each follows a line that names it. Only files of the network's tools are taken.
put_files() {
  sed -n 's/^# file: //p' "$1" >"$work/paths"
  [ -s "$work/paths" ] || fail_job personalising "the region gave no files for the network"
  while read -r path; do
    made_of "$path" 'A-Za-z0-9/._-' || path=
    case $path in
      *..*) path= ;;
      /etc/netplan/90-rackboot.yaml | /etc/systemd/network/10-rackboot-* | /etc/network/interfaces) ;;
      *) path= ;;
    esac
    [ -n "$path" ] || fail_job personalising "the region named a file that is not of the network"
    [ "$path" != /etc/network/interfaces ] || mv "$root$path" "$root$path.image"
    awk -v "wanted=# file: $path" '/^# file: / { inside = $0 == wanted; next } inside' "$1" | put_file "$path"
    case $path in /etc/netplan/*) chmod 600 "$root$path" ;; esac
  done <"$work/paths"
}

# Uses the region's files, for a network that a person laid out or with static routes. Without cloud-init as in write_network.
write_laid_network() {
  find_network_tool
  [ -n "$network_tool" ] || [ "$(job_value network)" != commissioned ] || { keep_network; return 0; }
  [ -n "$network_tool" ] ||
    fail_job personalising "how this system configures its network is unknown, so its interfaces cannot be set up as laid out: restore the network of the machine, or deploy an image with netplan, systemd-networkd or ifupdown"
  addresses=fixed
  [ -d "$root/etc/cloud" ] || addresses=leased
  fetch_private "$1/$network_tool/$addresses" "$work/network"
  [ "$(head -n 1 "$work/network")" != '# refused' ] ||
    fail_job personalising "the system configures its network with $network_tool, which cannot set up bonds, bridges and VLANs with names like those of others here: restore the network of the machine, or deploy an image with netplan or systemd-networkd"
  put_files "$work/network"
  [ "$network_tool" != ifupdown ] || write_resolver "$(sed -n 's/^  dns-nameservers //p' "$work/network" | tr '\n' ' ')" "$(sed -n 's/^  dns-search //p' "$work/network" | head -n 1)"
  keep_from_cloud_init
}

# Sets $network_tool to the tool of the system's network; empty: unknown. Links of the system lead nowhere from here; their existence is enough.
find_network_tool() {
  network_tool=
  networkd=$root/etc/systemd/system/multi-user.target.wants/systemd-networkd.service
  if [ -d "$root/etc/netplan" ]; then
    network_tool=netplan
  elif [ -e "$networkd" ] || [ -L "$networkd" ]; then
    network_tool=networkd
  elif [ -e "$root/etc/network/interfaces" ]; then
    network_tool=ifupdown
  fi
}

keep_network() {
  say "How this system configures its network is unknown: its settings stay as they are."
}

# Writes the name servers $1 and the domain $2 where the system looks without resolvconf.
write_resolver() {
  [ -z "$1" ] || [ -x "$root/sbin/resolvconf" ] || [ -L "$root/etc/resolv.conf" ] || {
    [ -z "$2" ] || printf 'search %s\n' "$2"
    for server in $1; do printf 'nameserver %s\n' "$server"; done
  } | put_file /etc/resolv.conf
}

keep_from_cloud_init() {
  [ ! -d "$root/etc/cloud/cloud.cfg.d" ] || echo 'network: { config: disabled }' | put_file /etc/cloud/cloud.cfg.d/99-rackboot-network.cfg
}

# Configures a static address. A system without cloud-init requests the same address by DHCP, by which it shows that it is up.
write_network() {
  laid=$(job_value network_url)
  [ -z "$laid" ] || { write_laid_network "$laid"; return; }
  address=$(job_value address)
  case $address in '' | dhcp) return 0 ;; esac
  router=$(job_value router)
  servers=$(job_value dns | tr ',' ' ')
  made_of "$address" '0-9./' && { [ -z "$router" ] || made_of "$router" '0-9.'; } && { [ -z "$servers" ] || made_of "$servers" '0-9. '; } ||
    fail_job personalising "the address, router or name servers of the job are not valid"
  made_of "$boot_mac" '0-9a-f:' || fail_job personalising "the interface that booted this machine is not known"
  [ -d "$root/etc/cloud" ] || { address=dhcp; router=; servers=; domain=; }
  find_network_tool
  case $network_tool in
    netplan) static_netplan ;;
    networkd) static_networkd ;;
    ifupdown) static_ifupdown ;;
    *)
      keep_network
      return 0
      ;;
  esac
  keep_from_cloud_init
}

write_proxy() {
  proxy=$(job_value proxy)
  [ -n "$proxy" ] && [ -d "$root/etc/apt" ] || return 0
  case $proxy in http://?* | https://?*) ;; *) fail_job personalising "the proxy of the job is not a valid URL" ;; esac
  made_of "$proxy" 'A-Za-z0-9._~:/@%[]-' || fail_job personalising "the proxy of the job is not a valid URL"
  printf 'Acquire::http::Proxy "%s";\nAcquire::https::Proxy "%s";\n' "$proxy" "$proxy" | put_file /etc/apt/apt.conf.d/90rackboot-proxy
}

# ---- cloud-init ----

# Writes where cloud-init finds this machine's metadata, with its key, readable only by root. Status 1 if there is none.
write_cloud_config() {
  from=$(job_value cloud_config_url)
  [ -n "$from" ] && [ -d "$root/etc/cloud" ] || return 1
  mkdir -p "$root/etc/cloud/cloud.cfg.d"
  fetch_private "$from" "$work/cloud.cfg"
  target=$root/etc/cloud/cloud.cfg.d/90_rackboot.cfg
  rm -f "$target"
  (umask 077; cat "$work/cloud.cfg" >"$target")
  rm -rf "$root/var/lib/cloud/seed"
}

# Writes user data where cloud-init looks without a network.
write_user_data() {
  from=$(job_value user_data_url)
  [ -n "$from" ] && [ -d "$root/etc/cloud" ] || return 0
  seed=$root/var/lib/cloud/seed/nocloud
  mkdir -p "$seed"
  fetch_private "$from" "$seed/user-data"
  printf 'instance-id: %s-%s\nlocal-hostname: %s\n' "$hostname" "$(cut -c1-8 "$proc/sys/kernel/random/uuid")" "$hostname" >"$seed/meta-data"
}

# A laid-out root is mounted already.
personalise() {
  if [ "$layout" != root ] && ! mount_root; then
    [ -z "$foreign" ] ||
      fail_job personalising "the system cannot be set up because its root is not on ext4 or xfs:$foreign; deploy an image whose root is"
    [ "$layout" != data ] || fail_job personalising "no known Linux root file system is on $disk, so its fstab cannot name the other disks: restore the disks of the machine"
    say "No known Linux root file system is on $disk: nothing is set in it."
    return 0
  fi
  [ "$layout" != data ] || add_layout
  write_name
  write_identity
  write_keys
  write_network
  write_proxy
  write_cloud_config || write_user_data
  sync
  [ -z "$layout" ] || { close_layout; return 0; }
  umount "$root" 2>"$work/problem" || fail_job personalising "the disk cannot be unmounted: $(words_of "$work/problem")"
}
# end of personalise
