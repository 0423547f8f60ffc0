// iPXE that gets iPXE forever, for real: the ROM of a card is iPXE, and a mistake in `boot.loaders` gives iPXE undionly.kpxe,
// which is iPXE too. The rack detects the loop and leads the machine out of it, and the machine is enlisted.
// @host alone

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { LOOP_LOADS_MAX } from '../../src/boot/loader-loops.ts';
import { cachedBootTree } from '../../src/lab/boot-tree.ts';
import { DaemonProcess, type LogLine } from '../../src/lab/daemon-process.ts';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { type BootCase, configText, GIB, specOf, tail, theMachine, within } from '../support/first-boot.ts';
import { missing } from '../support/needs.ts';

const UNDIONLY = '/usr/lib/ipxe/undionly.kpxe';
const SKIP = missing(...(['linux', 'root', 'ip', 'qemu-system-x86_64', UNDIONLY, 'apt-get', 'dpkg-deb'] as const));
const CASE: BootCase = {
  name: 'a circle',
  firmware: 'bios',
  nic: 'virtio-net-pci',
  memoryMib: 512,
  cpus: 1,
  diskBytes: 4 * GIB,
  loaders: '{ ipxe: undionly.kpxe }',
  boots: 1,
};

describe('iPXE that is given iPXE', { skip: SKIP }, () => {
  let directory = '';
  let namespace: LabNamespace | undefined;
  let machine: VirtualMachine | undefined;
  let daemon: DaemonProcess | undefined;
  const lines: LogLine[] = [];

  before(async () => {
    const cached = await cachedBootTree(() => undefined, 'amd64');
    directory = mkdtempSync(join(tmpdir(), 'rackboot-loop-'));
    const tree = join(directory, 'boot');
    execFileSync('cp', ['-a', '--reflink=auto', cached, tree]);
    copyFileSync(UNDIONLY, join(tree, 'undionly.kpxe'));
    namespace = LabNamespace.create(`rb-loop-${process.pid}`, '10.77.0.1', 24);
    const config = join(directory, 'rackboot.yaml');
    writeFileSync(config, configText(join(directory, 'state'), tree, CASE));
    daemon = await DaemonProcess.start({ config, namespace, onLine: (line) => lines.push(line) });
    machine = new VirtualMachine(specOf(CASE, 0, directory), namespace);
  });
  after(async () => {
    await machine?.kill();
    await daemon?.stop();
    namespace?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  test('is led out of its circle, and enlisted', async () => {
    const virtual = machine ?? assert.fail();
    assert.equal(await within(virtual), 0, `it powered itself off\n${tail(virtual)}`);
    assert.equal((await theMachine(join(directory, 'state'))).status_name, 'New');
    const loads = lines.filter(
      ({ event, file }) => /sent$/.test(String(event)) && /undionly\.kpxe$/.test(String(file)),
    );
    assert.ok(loads.length >= LOOP_LOADS_MAX, `loaded ${loads.length} times`);
    const reported = lines.filter(({ event }) => event === 'boot.loader-loop');
    assert.equal(reported.length, 1, 'and reported once');
  });
});
