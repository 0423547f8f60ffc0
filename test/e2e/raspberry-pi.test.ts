// A Raspberry Pi 4 from power-on to New, as its boot loader and then U-Boot ask: real clients of DHCP, TFTP and HTTP play them, in the order of
// Raspberry Pi's documentation of its boot flow.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DaemonProcess } from '../../src/lab/daemon-process.ts';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { configText, theMachine } from '../support/first-boot.ts';
import { missing } from '../support/needs.ts';

const MAC = 'dc:a6:32:00:00:01';
const RACK = '10.77.0.1';
const SERIAL = '9ffefdef';
const IMAGE = 'arm64/generic/bookworm/commissioning';
/** Those of the firmware, in the order in which the boot loader asks for them. */
const FIRMWARE = ['config.txt', 'start4.elf', 'fixup4.dat', 'bcm2711-rpi-4-b.dtb', 'cmdline.txt', 'u-boot.bin'];
/** curl's status for error 1 of TFTP. */
const NOT_FOUND = 68;

describe('a Raspberry Pi 4', { skip: missing('linux', 'root', 'ip', 'udhcpc', 'curl') }, () => {
  let directory = '';
  let stateDir = '';
  let host = '';
  let namespace: LabNamespace | undefined;
  let daemon: DaemonProcess | undefined;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'rackboot-pi-'));
    stateDir = join(directory, 'state');
    const tree = join(directory, 'tree');
    for (const name of [...FIRMWARE, `${IMAGE}/linux`, `${IMAGE}/initrd.gz`]) {
      mkdirSync(dirname(join(tree, name)), { recursive: true });
      writeFileSync(join(tree, name), `${name} of the Pi`);
    }
    const script = join(directory, 'lease');
    writeFileSync(script, '#!/bin/sh\n[ "$1" = bound ] && ip address replace "$ip/24" dev eth0\nenv >"$0.$1"\n');
    chmodSync(script, 0o755);
    namespace = LabNamespace.create(`rb-pi-${process.pid}`, RACK, 24);
    host = namespace.addHost('pi', MAC);
    const config = join(directory, 'rackboot.yaml');
    writeFileSync(config, configText(stateDir, tree, { firmware: 'u-boot-arm64', loaders: '{}' }));
    daemon = await DaemonProcess.start({ config, namespace, onLine: () => undefined });
  });
  after(async () => {
    await daemon?.stop();
    namespace?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  const inHost = (...words: readonly string[]) =>
    spawnSync('ip', ['netns', 'exec', host, ...words], { encoding: 'latin1', timeout: 30_000 });

  /** Gets a lease. @returns what the client heard */
  function lease(vendorClass: string, ...options: readonly string[]): string {
    const script = join(directory, 'lease');
    const { status, stderr } = inHost(
      'udhcpc',
      '-i',
      'eth0',
      '-n',
      '-q',
      '-f',
      '-s',
      script,
      '-V',
      vendorClass,
      ...options,
    );
    assert.equal(status, 0, stderr);
    return execFileSync('cat', [`${script}.bound`], { encoding: 'latin1' });
  }

  const load = (path: string) => inHost('curl', '-sS', `tftp://${RACK}/${path}`);

  test('is told by DHCP the words that its boot loader waits for', () => {
    const heard = lease('PXEClient:Arch:00000:UNDI:002001', '-x', '0x5d:0000', '-O', '43');
    assert.match(heard, new RegExp(`^siaddr=${RACK.replaceAll('.', '\\.')}$`, 'm'));
    // "Raspberry Pi Boot", as hexadecimal digits.
    assert.ok(heard.toLowerCase().includes(Buffer.from('Raspberry Pi Boot').toString('hex')), heard);
  });

  test('finds no directory of its serial number, and then its files without it', () => {
    for (const name of ['config.txt', 'start4.elf']) assert.equal(load(`${SERIAL}/${name}`).status, NOT_FOUND, name);
    for (const name of FIRMWARE) assert.equal(load(name).stdout, `${name} of the Pi`);
  });

  test('enlists as arm64 by U-Boot, which calls it arm', async () => {
    lease('U-Boot.armv8', '-x', '0x5d:0016');
    const dashes = MAC.replaceAll(':', '-');
    assert.equal(load(`pxelinux.cfg/01-${dashes}`).status, NOT_FOUND);
    const { stdout: text } = load('pxelinux.cfg/default-arm');
    assert.match(text, new RegExp(`^ {2}KERNEL ${IMAGE}/linux$`, 'm'));
    assert.equal(load(`${IMAGE}/linux`).stdout, `${IMAGE}/linux of the Pi`);
    assert.equal(load(`${IMAGE}/initrd.gz`).stdout, `${IMAGE}/initrd.gz of the Pi`);
    const [, url = '', token = ''] = /rackboot_url=(\S+) rackboot_token=(\S+)/.exec(text) ?? [];
    const form = `architecture=arm64&subarchitecture=generic&power_type=&mac_addresses=${MAC}`;
    const header = `X-Rackboot-Token: ${token}`;
    const posted = inHost(
      'curl',
      '-sSf',
      '--retry',
      '20',
      '--retry-all-errors',
      '-H',
      header,
      '-d',
      form,
      `${url}/api/2.0/machines/`,
    );
    assert.equal(posted.status, 0, posted.stderr);
    const machine = await theMachine(stateDir);
    assert.deepEqual([machine.status_name, machine.architecture], ['New', 'arm64/generic']);
  });
});
