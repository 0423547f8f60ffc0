// A Raspberry Pi 3, 4 and 5 from power-on to New, as its boot loader and then U-Boot ask: real clients of DHCP, TFTP and HTTP play them.
//
// Sources: Raspberry Pi's documentation of its boot flow and network boot, for the order and the serial number; for a Pi 3 also the requests
// that TFTP servers of others logged. None was captured here.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { DaemonProcess } from '../../src/lab/daemon-process.ts';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { configText } from '../support/first-boot.ts';
import { missing } from '../support/needs.ts';

const RACK = '10.77.0.1';
const SERIAL = '9ffefdef';
const IMAGE = 'arm64/generic/bookworm/commissioning';

interface Model {
  readonly name: string;
  readonly mac: string;
  /** Option 97 without its type, by which it is known besides its hardware address; undefined: it sends none that says so. */
  readonly uuid?: string;
  /** What it loads before it looks for the directory of its serial number. */
  readonly first: readonly string[];
  /** What it looks for in that directory, to find out whether there is one. */
  readonly inSerial: readonly string[];
  /** What it asks for then, in order. A name that ends with `?` is of a file that nobody needs. */
  readonly asks: readonly string[];
}
const MODELS: readonly Model[] = [
  {
    name: '3',
    mac: 'b8:27:eb:00:00:01',
    first: ['bootcode.bin', 'bootsig.bin?'],
    inSerial: ['start.elf'],
    asks: [
      'autoboot.txt?',
      'config.txt',
      'recovery.elf?',
      'start.elf',
      'fixup.dat',
      'recovery.elf?',
      'config.txt',
      'dt-blob.bin?',
      'bootcfg.txt?',
      'bcm2710-rpi-3-b.dtb',
      'overlays/overlay_map.dtb?',
      'cmdline.txt',
      'u-boot.bin',
    ],
  },
  {
    name: '4',
    mac: 'dc:a6:32:00:00:01',
    uuid: '52506934000000000000000000000001',
    first: [],
    inSerial: ['config.txt', 'start4.elf'],
    asks: ['config.txt', 'start4.elf', 'fixup4.dat', 'bcm2711-rpi-4-b.dtb', 'cmdline.txt', 'u-boot.bin'],
  },
  {
    name: '5',
    mac: '2c:cf:67:00:00:01',
    uuid: '52506935000000000000000000000001',
    first: [],
    inSerial: ['config.txt'],
    asks: [
      'config.txt',
      'bcm2712-rpi-5-b.dtb',
      'overlays/overlay_map.dtb?',
      'cmdline.txt',
      'armstub8-2712.bin?',
      'u-boot.bin',
    ],
  },
];
const files = MODELS.flatMap(({ first, asks }) => [...first, ...asks]).filter((name) => !name.endsWith('?'));
/** curl's status for error 1 of TFTP. */
const NOT_FOUND = 68;

describe('a Raspberry Pi', { skip: missing('linux', 'root', 'ip', 'udhcpc', 'curl') }, () => {
  let directory = '';
  let stateDir = '';
  const hosts = new Map<string, string>();
  let namespace: LabNamespace | undefined;
  let daemon: DaemonProcess | undefined;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'rackboot-pi-'));
    stateDir = join(directory, 'state');
    const tree = join(directory, 'tree');
    for (const name of [...files, `${IMAGE}/linux`, `${IMAGE}/initrd.gz`]) {
      mkdirSync(dirname(join(tree, name)), { recursive: true });
      writeFileSync(join(tree, name), `${name} of the Pi`);
    }
    const script = join(directory, 'lease');
    writeFileSync(script, '#!/bin/sh\n[ "$1" = bound ] && ip address replace "$ip/24" dev eth0\nenv >"$0.$1"\n');
    chmodSync(script, 0o755);
    namespace = LabNamespace.create(`rb-pi-${process.pid}`, RACK, 24);
    for (const { name, mac } of MODELS) hosts.set(name, namespace.addHost(`pi${name}`, mac));
    const config = join(directory, 'rackboot.yaml');
    writeFileSync(config, configText(stateDir, tree, { firmware: 'u-boot-arm64', loaders: '{}' }));
    daemon = await DaemonProcess.start({ config, namespace, onLine: () => undefined });
  });
  after(async () => {
    await daemon?.stop();
    namespace?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  for (const model of MODELS) playModel(model);

  function playModel({ name: model, mac, uuid, first, inSerial, asks }: Model): void {
    const inHost = (...words: readonly string[]) =>
      spawnSync('ip', ['netns', 'exec', hosts.get(model) ?? '', ...words], { encoding: 'latin1', timeout: 60_000 });

    /** Gets a lease. @returns what the client heard */
    function lease(vendorClass: string, ...options: readonly string[]): string {
      const script = join(directory, 'lease');
      const words = ['-i', 'eth0', '-n', '-q', '-f', '-s', script, '-V', vendorClass, ...options];
      const { status, stderr } = inHost('udhcpc', ...words);
      assert.equal(status, 0, stderr);
      return execFileSync('cat', [`${script}.bound`], { encoding: 'latin1' });
    }

    const load = (path: string) => inHost('curl', '-sS', `tftp://${RACK}/${path}`);

    function loadInOrder(names: readonly string[]): void {
      for (const name of names) {
        const isNeeded = !name.endsWith('?');
        const { status, stdout } = load(name.replace('?', ''));
        if (isNeeded) assert.equal(stdout, `${name} of the Pi`);
        else assert.equal(status, NOT_FOUND, name);
      }
    }

    test(`${model} is told by DHCP the words that its boot loader waits for`, () => {
      const own = uuid === undefined ? [] : ['-x', `0x61:00${uuid}`];
      const heard = lease('PXEClient:Arch:00000:UNDI:002001', '-x', '0x5d:0000', ...own, '-O', '43');
      assert.match(heard, new RegExp(`^siaddr=${RACK.replaceAll('.', '\\.')}$`, 'm'));
      // "Raspberry Pi Boot", as hexadecimal digits.
      assert.ok(heard.toLowerCase().includes(Buffer.from('Raspberry Pi Boot').toString('hex')), heard);
    });

    test(`${model} finds no directory of its serial number, and then its files without it`, () => {
      loadInOrder(first);
      for (const name of inSerial) assert.equal(load(`${SERIAL}/${name}`).status, NOT_FOUND, name);
      loadInOrder(asks);
    });

    test(`${model} enlists as arm64 by U-Boot, which calls it arm`, async () => {
      lease('U-Boot.armv8', '-x', '0x5d:0016');
      const dashes = mac.replaceAll(':', '-');
      assert.equal(load(`pxelinux.cfg/01-${dashes}`).status, NOT_FOUND);
      const { stdout: text } = load('pxelinux.cfg/default-arm');
      assert.match(text, new RegExp(`^ {2}KERNEL ${IMAGE}/linux$`, 'm'));
      assert.equal(load(`${IMAGE}/linux`).stdout, `${IMAGE}/linux of the Pi`);
      assert.equal(load(`${IMAGE}/initrd.gz`).stdout, `${IMAGE}/initrd.gz of the Pi`);
      const [, url = '', token = ''] = /rackboot_url=(\S+) rackboot_token=(\S+)/.exec(text) ?? [];
      const form = `architecture=arm64&subarchitecture=generic&power_type=&mac_addresses=${mac}`;
      const header = `X-Rackboot-Token: ${token}`;
      const retried = ['--retry', '20', '--retry-all-errors'];
      const posted = inHost('curl', '-sSf', ...retried, '-H', header, '-d', form, `${url}/api/2.0/machines/`);
      assert.equal(posted.status, 0, posted.stderr);
      const machines = machinesShape.parse(await askDaemon(stateDir, '/MAAS/api/2.0/machines/'));
      const own = machines.find(({ interface_set }) => interface_set.some((one) => one.mac_address === mac));
      assert.deepEqual([own?.status_name, own?.architecture], ['New', 'arm64/generic']);
    });
  }
});
