# Turns a Debian root directory ($1) into the root of an image. mmdebstrap runs it as its last step, as root of its own namespace, outside
# the directory. The lines before this file set root_uuid, esp_uuid, efi (x64, aa64, ia32), console, left_out, cloud_init (yes, no).
#
# 1. Nothing of one machine remains: no keys, machine-id, lease or random seed. Two machines with this image share only its files.
# 2. Nothing of the building host remains except the package mirrors.
# 3. It boots without a person: DHCP on every wired interface, a serial console, SSH with keys only.

set -eu
root=$1

# Writes standard input to the file $1 of the image, with the mode $2 (644).
put() {
  mkdir -p "$root${1%/*}"
  cat >"$root$1"
  chmod "${2:-644}" "$root$1"
}

# ---- leftovers of the build ----

rm -f "$root"/etc/ssh/ssh_host_* "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap
rm -f "$root"/var/lib/systemd/random-seed "$root"/var/lib/dbus/machine-id "$root"/initrd.img.old "$root"/vmlinuz.old
rm -f "$root"/var/log/apt/* "$root"/var/log/dpkg.log "$root"/var/log/alternatives.log "$root"/var/log/bootstrap.log
rm -rf "$root"/var/lib/cloud/*

# Omitted files stay out when packages are upgraded.
put /etc/dpkg/dpkg.cfg.d/image <<EOF
# This image omits manuals, translations, and drivers for hardware that servers lack. Remove a line and reinstall a package to get its files.
$left_out
EOF

# ---- default identity ----

echo debian | put /etc/hostname
put /etc/hosts <<EOF
127.0.0.1 localhost
127.0.1.1 debian
::1 localhost ip6-localhost ip6-loopback
EOF
echo LANG=C.UTF-8 | put /etc/default/locale

put /etc/fstab <<EOF
UUID=$root_uuid / ext4 errors=remount-ro 0 1
UUID=$esp_uuid /boot/efi vfat umask=0077,nofail 0 0
EOF
mkdir -p "$root/boot/efi"

# ---- network ----

put /etc/systemd/network/80-dhcp.network <<EOF
# Every wired interface uses DHCP, identified by its hardware address. A file that sorts before this one overrides it.
[Match]
Name=en* eth*

[Network]
DHCP=yes

[DHCPv4]
ClientIdentifier=mac
UseDomains=yes

[Link]
RequiredForOnline=no
EOF
put /etc/systemd/system/systemd-networkd-wait-online.service.d/any.conf <<EOF
# One interface with an address is enough: others may have no cable.
[Service]
ExecStart=
ExecStart=/lib/systemd/systemd-networkd-wait-online --any --timeout=60
EOF

# ---- people ----

chroot "$root" useradd --create-home --user-group --uid 1000 --shell /bin/bash --comment Debian debian
echo 'debian ALL=(ALL) NOPASSWD: ALL' | put /etc/sudoers.d/debian 440
put /etc/ssh/sshd_config.d/image.conf <<EOF
PasswordAuthentication no
KbdInteractiveAuthentication no
EOF
put /etc/systemd/system/ssh-host-keys.service <<EOF
[Unit]
Description=Make the SSH host keys of this machine
ConditionPathExistsGlob=!/etc/ssh/ssh_host_*_key
Before=ssh.service ssh.socket

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=multi-user.target ssh.service
EOF

if [ "$cloud_init" = yes ]; then
  # Quirk: cloud-init 22.4 wants a text for locale, and would warn on the console about every user data.
  put /etc/cloud/cloud.cfg.d/10_image.cfg <<EOF
# The system is set up before its first boot: name, network, host keys and mirrors exist, and the locale needs no generation.
network: { config: disabled }
ssh_deletekeys: false
preserve_hostname: false
locale: "false"
apt: { preserve_sources_list: true }
growpart: { mode: "off" }
EOF
fi

chroot "$root" systemctl --quiet enable systemd-networkd systemd-networkd-wait-online systemd-resolved systemd-timesyncd \
  ssh ssh-host-keys

# ---- boot ----

options="root=UUID=$root_uuid ro console=tty0 console=$console"
put /etc/default/grub.d/image.cfg <<EOF
# As in the first boot: a serial console in addition to the screen. update-grub makes /boot/grub/grub.cfg from it.
GRUB_DISTRIBUTOR=Debian
GRUB_TIMEOUT=1
GRUB_CMDLINE_LINUX_DEFAULT=
GRUB_CMDLINE_LINUX="console=tty0 console=$console"
EOF
if [ "$efi" != aa64 ]; then
  put /etc/default/grub.d/serial.cfg <<EOF
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
EOF
fi
put /boot/grub/grub.cfg <<EOF
# For the first boot; update-grub, which kernel upgrades run, replaces it.
set default=0
set timeout=1
search --no-floppy --fs-uuid --set=root $root_uuid
if serial --unit=0 --speed=115200; then
  terminal_input console serial
  terminal_output console serial
fi
menuentry 'Debian' {
  linux /vmlinuz $options
  initrd /initrd.img
}
EOF
# For BIOS: GRUB's core, which goes before the partitions, and the modules that it loads later.
if [ -d "$root/usr/lib/grub/i386-pc" ]; then
  printf 'search.fs_uuid %s root\nset prefix=($root)/boot/grub\n' "$root_uuid" | put /boot/grub/i386-pc/load.cfg
  cp "$root"/usr/lib/grub/i386-pc/*.mod "$root"/usr/lib/grub/i386-pc/*.lst "$root"/usr/lib/grub/i386-pc/boot.img "$root/boot/grub/i386-pc/"
  chroot "$root" grub-mkimage -O i386-pc -c /boot/grub/i386-pc/load.cfg -p /boot/grub -o /boot/grub/i386-pc/core.img \
    biosdisk part_gpt ext2 search_fs_uuid normal
fi

# Do not keep older versions of packages for the next build.
chroot "$root" apt-get -q -q autoclean || true
