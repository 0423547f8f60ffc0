// A machine without firmware or loader in between is commissioned by the real environment and a real region, by the command line: its
// checks, an operator's scripts that pass, fail and hang, its memory banks; then it is tested. Its network and its rack are real, too.
// @host computes, 150 s

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { cachedBootTree } from '../../src/lab/boot-tree.ts';
import { DaemonProcess, type LogLine } from '../../src/lab/daemon-process.ts';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { configText, theMachine } from '../support/first-boot.ts';
import { consoleOf } from '../support/machine-console.ts';
import { missing } from '../support/needs.ts';
import { eventually, runRackboot, well } from '../support/running-rack.ts';

const IMAGE = 'amd64/generic/bookworm/commissioning';
const MAC = '52:54:00:5c:00:01';
const MEMORY_MIB = 256;
const BUILD_MS_MAX = 600_000;
const RUN_MS_MAX = 480_000;

const SCRIPTS: Readonly<Record<string, string>> = {
  // Its output is proof that it ran there: the hypervisor's name, the facts, a program of busybox in another place.
  'a-look.sh':
    '#!/usr/bin/env sh\ncat /sys/class/dmi/id/sys_vendor\ngrep -o \'"memory_mib":[0-9]*\' "$RACKBOOT_FACTS"\n',
  'b-fails.sh': '#!/bin/sh\necho "the fan stands still" >&2\nexit 3\n',
  'c-hangs.sh': '#!/bin/sh\nsetsid sleep 1000 &\nsleep 1000\n',
  'd-after.sh':
    '#!/bin/sh\n# --- Start MAAS 1.0 script metadata ---\n# script_type: testing\n# --- End MAAS 1.0 script metadata ---\nps | grep -c "[s]leep 1000"\n',
};

describe('a machine that is commissioned and tested', {
  skip: missing('linux', 'root', 'ip', 'curl', 'qemu-system-x86_64', ...bootTreeNeeds()),
}, () => {
  let directory = '';
  let stateDir = '';
  let config = '';
  let tree = '';
  let namespace: LabNamespace;
  let daemon: DaemonProcess;
  let machine: VirtualMachine | undefined;
  const lines: LogLine[] = [];

  before(
    async () => {
      tree = await cachedBootTree(() => undefined);
      directory = mkdtempSync(join(tmpdir(), 'rackboot-scripts-'));
      namespace = LabNamespace.create(`rb-scripts-${process.pid}`, '10.77.0.1', 24);
      stateDir = join(directory, 'state');
      mkdirSync(stateDir);
      config = join(directory, 'rackboot.yaml');
      writeFileSync(config, configText(stateDir, tree, { firmware: 'bios', loaders: '{}' }));
      daemon = await DaemonProcess.start({ config, namespace, onLine: (line) => void lines.push(line) });
      await eventually('the region answers', () => lines.some(({ event }) => event === 'region.up'), 30_000);
      // As reported by an agent that has booted from this rack.
      const fields = ['architecture=amd64', 'subarchitecture=generic', 'power_type=', `mac_addresses=${MAC}`];
      const form = fields.flatMap((field) => ['--data-urlencode', field]);
      const url = 'http://10.77.0.1:5248/MAAS/api/2.0/machines/';
      const asked = ['netns', 'exec', namespace.name, 'curl', '-sSf', ...form, url];
      execFileSync('ip', asked, { timeout: 60_000 });
    },
    { timeout: BUILD_MS_MAX },
  );
  after(async () => {
    await machine?.kill();
    await daemon?.stop();
    namespace?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  const said = async (...words: readonly string[]): Promise<string> => {
    const output = await well(runRackboot([...words, '--config', config], { endMsMax: RUN_MS_MAX }));
    return output;
  };

  /** Starts the machine as its rack would have it started. */
  async function start(): Promise<void> {
    const store = openRegionStore({ stateDir });
    const token = (await store.listMachines({}, 0, 1))[0]?.bootToken;
    await store.close();
    assert.ok(token);
    const line = `rackboot=commissioning rackboot_url=http://10.77.0.1:5248/MAAS rackboot_token=${token}`;
    const further = [
      '-kernel',
      join(tree, IMAGE, 'linux'),
      '-initrd',
      join(tree, IMAGE, 'initrd.gz'),
      '-append',
      `${line} BOOTIF=01-${MAC.replaceAll(':', '-')} console=ttyS0,115200`,
      '-smbios',
      'type=17,loc_pfx=DIMM,bank=A,manufacturer=Maker,part=PART-1,speed=3200',
    ];
    machine = new VirtualMachine(
      {
        name: `machine`,
        firmware: 'bios',
        nic: 'virtio-net-pci',
        mac: MAC,
        memoryMib: MEMORY_MIB,
        cpus: 1,
        diskBytes: 64 * 1024 ** 2,
        diskSerial: 'DISK0001',
        uuid: '77777777-5c5c-4000-8000-000000000001',
        serial: 'SN-5C-1',
        directory,
        furtherArguments: further,
      },
      namespace,
    );
    void machine.start();
  }

  async function settled(): Promise<Awaited<ReturnType<typeof theMachine>>> {
    const end = (): Promise<Awaited<ReturnType<typeof theMachine>> | undefined> =>
      theMachine(stateDir).then((one) => (/^(?:Commissioning|Testing)$/.test(one.status_name) ? undefined : one));
    try {
      return await eventually('the machine has finished', end, RUN_MS_MAX);
    } catch (cause) {
      throw new Error(machine === undefined ? '' : consoleOf(machine).slice(-3000), { cause });
    } finally {
      await machine?.kill();
      machine = undefined;
    }
  }

  test('runs every script within its time, and fails with the names and last words of those that failed', async () => {
    for (const [name, content] of Object.entries(SCRIPTS)) {
      writeFileSync(join(directory, name), content);
      const time = name === 'c-hangs.sh' ? ['--timeout', '2s'] : [];
      assert.match(
        await said('scripts', 'add', join(directory, name), ...time),
        /is a (?:commissioning|testing) script/,
      );
    }
    await said('machines', 'commission', MAC, '--test', 'd-after');
    await start();
    const failed = await settled();
    assert.equal(failed.status_name, 'Failed commissioning');
    assert.match(
      String(failed.status_message),
      /b-fails ended with status 3: the fan stands still; script c-hangs did not end within 2 seconds/,
    );
    const shown = await said('scripts', 'results', MAC);
    for (const line of [
      /^inventory +Passed/m,
      /^clock +Passed/m,
      /^a-look +Passed +0/m,
      /^b-fails +Failed +3/m,
      /^c-hangs +Timed out/m,
      /^d-after +Failed +1/m,
    ]) {
      assert.match(shown, line);
    }
    assert.equal(await said('scripts', 'results', MAC, 'a-look'), `QEMU\n"memory_mib":${MEMORY_MIB}`);
    assert.equal(await said('scripts', 'results', MAC, 'd-after'), '0', 'nothing that a script has started continues');
  });

  test('has its inventory, including memory banks', async () => {
    const found = await theMachine(stateDir);
    const parts = found.hardware_parts;
    assert.deepEqual(
      parts?.memory_banks.map(({ locator, size_mib: size, speed, ...more }) => [
        locator,
        size,
        speed,
        more.manufacturer,
        more.part,
      ]),
      [['DIMM 0', MEMORY_MIB, 3200, 'Maker', 'PART-1']],
    );
    assert.deepEqual(
      parts?.processors.map(({ cores }) => cores),
      [1],
    );
    assert.match(
      await said('machines', 'show', MAC),
      /^Memory banks +DIMM 0 256\.0 MiB RAM 3200 MT\/s \(of 1 slot\)$/m,
    );
    const [disk] = found.physicalblockdevice_set;
    assert.deepEqual([disk?.name, disk?.bus, disk?.serial], ['vda', 'virtio', 'DISK0001']);
  });

  test('runs the chosen tests, can be followed meanwhile, and returns to its former state', async () => {
    await said('scripts', 'remove', 'd-after');
    writeFileSync(join(directory, 'd-after'), '#!/bin/sh\necho one; sleep 2; echo two\n');
    await said('scripts', 'add', join(directory, 'd-after'), '--kind', 'testing');
    await said('machines', 'test', MAC, '--script', 'd-after');
    assert.equal((await theMachine(stateDir)).status_name, 'Testing');
    const following = said('scripts', 'results', MAC, '--follow');
    await start();
    const after = await settled();
    const shown = await following;
    assert.equal(after.status_name, 'Failed commissioning');
    assert.match(shown, /^── d-after\none\ntwo\n── d-after: Passed, 0:0\d:\d\d$/m);
    const runs = await askDaemon(stateDir, `/MAAS/api/2.0/nodes/${after.system_id}/results/`);
    assert.ok(Array.isArray(runs));
    assert.deepEqual(
      runs.map(({ type_name: type, status_name: status }) => `${type} ${status}`),
      ['Testing Passed', 'Commissioning Failed'],
    );
  });
});
