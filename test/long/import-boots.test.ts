// An import boots machines to enlistment: a site with simplestreams as MAAS's, signed by a real key, is served by a host of its own in a private
// network; the region imports from it by the API; and virtual machines with a blank disk boot the imported kernel, initrd and root.
// @host computes, 320 s

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { encodeCpio } from '../../src/images/build/cpio.ts';
import { cachedBootTree } from '../../src/lab/boot-tree.ts';
import { DaemonProcess, type LogLine } from '../../src/lab/daemon-process.ts';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { readCpio } from '../images/synthetic.ts';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { type BootCase, checkVouched, configText, GIB, specOf, tail, within } from '../support/first-boot.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { consoleOf } from '../support/machine-console.ts';
import { missing, type Need } from '../support/needs.ts';
import { runRackboot, well } from '../support/running-rack.ts';
import { type SiteFile, writeStreamSite } from '../support/stream-site.ts';

/** The files of a stream. */
interface ImportedSystem {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  readonly squashfs: Uint8Array;
}

/** The beginning of both scripts. */
const SHELL_BEGIN = `export PATH=/sbin:/bin
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
${SHELL_BEGIN}
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
${SHELL_BEGIN}
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
function makeImportedSystem(environment: string): ImportedSystem {
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

const SITE = '10.77.0.3';
const REGION_MS_MAX = 60_000;
const IMPORT_MS_MAX = 120_000;
const BOOT_MS_MAX = 600_000;
const CONTENT_ID = 'com.ubuntu.maas:stable:v3:download';
const NEEDS = ['linux', 'root', 'ip', 'qemu-system-x86_64', 'setpriv', 'gpg', 'mksquashfs'] as const;

const COMMON = { nic: 'virtio-net-pci', cpus: 1, diskBytes: 4 * GIB, loaders: '{}', boots: 1 } as const;

/** The machines that boot the system. */
const IMPORT_CASES = {
  bios: { ...COMMON, name: 'SeaBIOS and iPXE', firmware: 'bios', memoryMib: 512 },
  uefi: { ...COMMON, name: 'OVMF, shim and GRUB', firmware: 'uefi', memoryMib: 1024 },
  arm64: { ...COMMON, name: 'AAVMF, shim and GRUB', firmware: 'uefi-arm64', memoryMib: 1024 },
} as const satisfies Readonly<Record<string, BootCase>>;

type Architecture = 'amd64' | 'arm64';

/**
 * Tests that each of these machines is enlisted by the imported system, and the first one once more while the system changes.
 * @param arch of all of them
 * @param needs beyond those for BIOS
 */
function testImportBoots(cases: readonly BootCase[], arch: Architecture, needs: readonly Need[]): void {
  const skip = missing(...NEEDS, ...needs, ...bootTreeNeeds(arch));
  describe(`a machine (${arch}) boots what was imported, and is enlisted`, { skip }, () => boots(cases, arch));
}

function boots(cases: readonly BootCase[], arch: Architecture): void {
  const place = `ubuntu/${arch}/generic/noble/stable`;
  const gpg = new GpgHome();
  const lines: LogLine[] = [];
  let directory = '';
  let stateDir = '';
  let tree = '';
  let namespace: LabNamespace | undefined;
  let server: ReturnType<LabNamespace['spawn']> | undefined;
  let daemon: DaemonProcess | undefined;

  before(async () => {
    const built = await cachedBootTree(() => undefined, arch);
    directory = mkdtempSync(join(tmpdir(), 'rackboot-import-boots-'));
    stateDir = join(directory, 'state');
    tree = join(directory, 'tree');
    cpSync(built, tree, { recursive: true });
    // Without an environment of our own, nothing but the import can boot a machine.
    rmSync(join(tree, arch), { recursive: true });
    writeSite(join(built, arch, 'generic/bookworm/commissioning'));
    namespace = LabNamespace.create(`rb-import-${process.pid}`, '10.77.0.1', 24);
    namespace.ip('address', 'add', '192.0.2.53/32', 'dev', 'lo');
    const host = namespace.addHost('site', '52:54:00:77:02:03');
    namespace.ip('-netns', host, 'address', 'add', `${SITE}/24`, 'dev', 'eth0');
    server = namespace.spawn(process.execPath, ['-e', SERVE, join(directory, 'site')], { host, stdio: 'ignore' });
    const config = join(directory, 'rackboot.yaml');
    writeFileSync(config, configText(stateDir, tree, cases[0] ?? assert.fail(), ', enlist_with: ubuntu/noble'));
    daemon = await DaemonProcess.start({ config, namespace, onLine: (line) => lines.push(line) });
    await eventuallyWithin(REGION_MS_MAX, 'the region answers', () =>
      askDaemon(stateDir, '/MAAS/api/2.0/boot-sources/').catch(() => undefined),
    );
  });
  after(async () => {
    await daemon?.stop();
    server?.kill('SIGKILL');
    namespace?.remove();
    gpg.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Serves the directory of its argument. */
  const SERVE = `
    const [directory] = process.argv.slice(1);
    const { existsSync, readFileSync, statSync } = require('node:fs');
    require('node:http').createServer(({ url }, response) => {
      const file = directory + url;
      if (!existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
      response.end(readFileSync(file));
    }).listen(80, '${SITE}');`;

  function writeSite(environment: string): void {
    const { kernel, initrd, squashfs } = makeImportedSystem(environment);
    const file = (ftype: string, content: string | Uint8Array): SiteFile => {
      return { ftype, path: `noble/${arch}/20261015/${ftype}`, content };
    };
    const files = {
      'boot-kernel': file('boot-kernel', kernel),
      'boot-initrd': file('boot-initrd', initrd),
      squashfs: file('squashfs', squashfs),
      manifest: file('squashfs.manifest', 'busybox\n'),
    };
    const tags = {
      arch,
      os: 'ubuntu',
      release: 'noble',
      version: '24.04',
      label: 'stable',
      krel: 'noble',
      subarch: 'ga-24.04',
      subarches: 'generic,ga-22.04,ga-24.04',
      kflavor: 'generic',
      release_title: '24.04 LTS',
    };
    const product = { tags, versions: { '20261015': { files } } };
    const content = { [CONTENT_ID]: { [`com.ubuntu.maas.stable:v3:boot:24.04:${arch}:ga-24.04`]: product } };
    writeStreamSite(join(directory, 'site'), content, { home: gpg, key: gpg.makeKey('site') });
  }

  test('the region imports the selected system, and its files are in the boot tree', async () => {
    const post = (path: string, fields: Readonly<Record<string, string>>) =>
      askDaemon(stateDir, `/MAAS/api/2.0/${path}`, 'POST', new URLSearchParams(fields).toString());
    const keys = Buffer.from(gpg.export(['site'])).toString('base64');
    const added = await post('boot-sources/', { url: `http://${SITE}/`, keyring_data: keys });
    assert.ok(typeof added === 'object' && added !== null && 'id' in added);
    await post(`boot-sources/${added.id}/selections/`, { os: 'ubuntu', release: 'noble', arches: arch });
    await post('boot-resources/?op=import', {});
    await eventuallyWithin(IMPORT_MS_MAX, 'the import is in the tree', () => existsSync(join(tree, place)));
    assert.deepEqual(readdirSync(join(tree, place)).sort(), [
      'boot-initrd',
      'boot-kernel',
      'squashfs',
      'squashfs.manifest',
    ]);
  });

  /** Boots a machine to its enlistment. @param meanwhile runs from when the machine has its configuration until it is off */
  async function bootOne(each: BootCase, index: number, meanwhile?: (isOver: () => boolean) => Promise<void>) {
    assert.ok(namespace !== undefined);
    lines.length = 0;
    const system = readlinkSync(join(tree, place)).replaceAll('../', '');
    const machine = new VirtualMachine(specOf(each, index, directory), namespace);
    let isOff = false;
    const isOver = (): boolean => isOff;
    const isConfigured = (): boolean => isOff || lines.some(({ purpose }) => purpose === 'enlist');
    const work = eventuallyWithin(BOOT_MS_MAX, 'it has its configuration', isConfigured).then(() =>
      meanwhile?.(isOver),
    );
    try {
      const code = await within(machine).finally(() => {
        isOff = true;
      });
      assert.equal(code, 0, `it powered itself off\n${tail(machine)}`);
      const text = consoleOf(machine);
      assert.match(text, /imported initrd: starting its root/);
      assert.match(text, /imported root: instance i-maas-enlistment/);
      const machines = machinesShape.parse(await askDaemon(stateDir, '/MAAS/api/2.0/machines/'));
      const isIts = ({ interface_set: nics }: (typeof machines)[number]): boolean =>
        nics.some(({ mac_address: mac }) => mac === machine.spec.mac);
      const enlisted = machines.find(isIts) ?? assert.fail('it is not enlisted');
      assert.deepEqual([enlisted.status_name, enlisted.architecture], ['New', `${arch}/generic`]);
      assert.deepEqual([enlisted.memory, enlisted.interface_set.length], [each.memoryMib, 1]);
      await checkVouched(stateDir, enlisted.system_id);
      const files = new Set(['boot-kernel', 'boot-initrd', 'squashfs'].map((name) => `${system}/${name}`));
      for (const { event, file } of lines)
        if (event === 'http.file-sent' || event === 'tftp.sent') files.delete(String(file).replace(/^\/+/, ''));
      assert.deepEqual([...files], [], 'all came from the imported system');
    } finally {
      await machine.kill();
      await work;
    }
  }

  /** Deletes the system, cleans the store and imports it again, until `isOver`. @returns how many times */
  async function change(isOver: () => boolean): Promise<number> {
    let times = 0;
    while (!isOver()) {
      const all = (await askDaemon(stateDir, '/MAAS/api/2.0/boot-resources/')) as readonly { id: number }[];
      const [resource = assert.fail('no resource')] = all;
      await askDaemon(stateDir, `/MAAS/api/2.0/boot-resources/${resource.id}/`, 'DELETE');
      await eventuallyWithin(IMPORT_MS_MAX, 'it is deleted', () => !existsSync(join(tree, place)));
      await well(runRackboot(['images', 'fsck', '--config', join(directory, 'rackboot.yaml')]));
      await askDaemon(stateDir, '/MAAS/api/2.0/boot-resources/?op=import', 'POST', '');
      await eventuallyWithin(IMPORT_MS_MAX, 'it is imported again', () => existsSync(join(tree, place)));
      times += 1;
    }
    return times;
  }

  for (const [index, each] of cases.entries())
    test(`by ${each.name} a machine loads kernel, initrd and root, reports itself and powers off`, () =>
      bootOne(each, index));

  test('a machine whose system is deleted, cleaned and imported again while it boots is enlisted, too', async () => {
    let times = 0;
    await bootOne(cases[0] ?? assert.fail(), cases.length, async (isOver) => {
      times = await change(isOver);
    });
    assert.ok(times > 0, 'nothing was changed meanwhile');
  });
}

testImportBoots([IMPORT_CASES.uefi, IMPORT_CASES.bios], 'amd64', ['/usr/share/OVMF/OVMF_CODE_4M.fd']);
testImportBoots([IMPORT_CASES.arm64], 'arm64', ['qemu-system-aarch64', '/usr/share/AAVMF/AAVMF_CODE.fd']);
