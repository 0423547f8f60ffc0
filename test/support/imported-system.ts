// Kernel, initrd and root of a small system that enlists as Ubuntu's do when MAAS boots them: the initrd finds the boot interface by `ip=` and
// BOOTIF, fetches the root that `root=squash:URL` names and starts it below a layer in memory; there the data source MAAS is read by
// `cloud-config-url`, and the user data run. Only the words of the kernel line and the documents of the region are used, each checked.
//
// Sources: initramfs-tools (`ip=`), cloud-initramfs-rooturl (`root=`), overlayroot, and cloud-init's data source MAAS.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { encodeCpio } from '../../src/images/cpio.ts';
import { readCpio } from '../images/synthetic.ts';

/** The files of a stream. */
interface ImportedSystem {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  readonly squashfs: Uint8Array;
}

/** The beginning of both scripts. */
const COMMON = `export PATH=/sbin:/bin
exec </dev/null >/dev/console 2>&1
fail() { echo "$0 failed: $*"; sleep 2; poweroff -f; sleep 60; }
argument() {
  found=
  set -f
  for word in $(cat /proc/cmdline); do
    case $word in "$1="*) found=\${word#*=} ;; esac
  done
  set +f
  printf %s "$found"
}
`;

const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
/bin/mount -t proc proc /proc
/bin/mount -t sysfs sysfs /sys
/bin/mount -t devtmpfs devtmpfs /dev
${COMMON}
for pass in 1 2 3; do
  cat /sys/bus/*/devices/*/modalias 2>/dev/null | sort -u | tr '\\n' '\\0' | xargs -0 /sbin/modprobe -a -q -b --
done
/sbin/modprobe -a -q -- squashfs overlay loop
[ "$(argument overlayroot)" = tmpfs ] || fail "overlayroot=$(argument overlayroot)"
case $(argument ip) in ::::maas-enlisting:BOOTIF:dhcp) ;; *) fail "ip=$(argument ip)" ;; esac
mac=$(argument BOOTIF | cut -c4- | tr A-F- a-f:)
for nic in /sys/class/net/*; do [ "$(cat "$nic/address")" != "$mac" ] || break; done
[ "$(cat "$nic/address")" = "$mac" ] || fail "BOOTIF=$(argument BOOTIF)"
ip link set "\${nic##*/}" up
udhcpc -n -q -t 10 -i "\${nic##*/}" -s /lib/rackboot/lease || fail 'no address'
case $(argument root) in squash:http://*) ;; *) fail "root=$(argument root)" ;; esac
root=$(argument root)
mkdir -p /memory
mount -t tmpfs memory /memory
mkdir /memory/lower /memory/upper /memory/work /memory/whole
wget -O /memory/squashfs "\${root#squash:}" || fail "$root"
mount -t squashfs -o loop,ro /memory/squashfs /memory/lower || fail 'the root is not a squashfs'
mount -t overlay overlay -o lowerdir=/memory/lower,upperdir=/memory/upper,workdir=/memory/work /memory/whole || fail overlay
for place in proc sys dev; do mount -o move /$place /memory/whole/$place; done
echo 'imported initrd: starting its root'
exec switch_root /memory/whole /sbin/init
`;

/** Process 1 of the root. */
const ROOT_INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
${COMMON}
mount -t tmpfs tmp /tmp
line=$(cat /proc/cmdline)
list=\${line#* cc:}
[ "\${list%%end_cc*}" = '{datasource_list: [MAAS]}' ] || fail "cc: $line"
wget -O /tmp/config "$(argument cloud-config-url)" || fail "cloud-config-url=$(argument cloud-config-url)"
[ "$(head -n 1 /tmp/config)" = '#cloud-config' ] || fail 'no cloud-config'
url=$(sed -n 's/^ *metadata_url: *"\\{0,1\\}\\([^"]*\\)"\\{0,1\\}$/\\1/p' /tmp/config)
wget -O /tmp/instance-id "$url/2012-03-01/meta-data/instance-id" || fail "$url"
wget -O /tmp/user-data "$url/2012-03-01/user-data" || fail "$url"
echo "imported root: instance $(cat /tmp/instance-id)"
sh /tmp/user-data
fail 'the user data ended'
`;

/**
 * Makes the system.
 * @param environment the directory of our own environment: its kernel, its drivers and its busybox are used
 */
export function makeImportedSystem(environment: string): ImportedSystem {
  const initrd = readFileSync(join(environment, 'initrd.gz'));
  const busybox = readCpio(gunzipSync(initrd)).get('bin/busybox')?.data;
  if (busybox === undefined) throw new Error(`${environment} has no busybox`);
  // A later archive replaces the files of an earlier one (Documentation/driver-api/early-userspace/buffer-format.rst of Linux).
  const own = encodeCpio([{ kind: 'file', path: 'init', mode: 0o755, data: Buffer.from(INIT) }]);
  return {
    kernel: readFileSync(join(environment, 'linux')),
    initrd: Buffer.concat([initrd, gzipSync(own)]),
    squashfs: makeSquashfs(busybox),
  };
}

function makeSquashfs(busybox: Uint8Array): Uint8Array {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-root-'));
  try {
    const root = join(scratch, 'root');
    for (const name of ['bin', 'dev', 'etc', 'mnt', 'proc', 'run', 'sbin', 'sys', 'tmp'])
      mkdirSync(join(root, name), { recursive: true });
    const put = (name: string, content: Uint8Array): void => {
      writeFileSync(join(root, name), content);
      chmodSync(join(root, name), 0o755);
    };
    put('bin/busybox', busybox);
    put('sbin/init', Buffer.from(ROOT_INIT));
    const file = join(scratch, 'squashfs');
    execFileSync('mksquashfs', [root, file, '-comp', 'zstd', '-quiet', '-no-progress', '-all-root']);
    return readFileSync(file);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
