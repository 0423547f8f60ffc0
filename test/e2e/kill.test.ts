// `kill -9` of the daemon between any two steps of a boot, and a restart, end in the same enlisted machine and the same lease. A
// real daemon over real sockets on loopback, without privileges.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { DaemonProcess } from '../../src/lab/daemon-process.ts';
import type { MachineStep } from '../../src/lab/machine-actions.ts';
import { labConfig, labPlace, makeStandInTree } from '../../src/lab/safe-lab.ts';
import { simulatedHardware } from '../../src/lab/simulated-hardware.ts';
import { formatMac } from '../../src/net/address.ts';
import { leasesShape } from '../support/answer-shapes.ts';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { bootSimulatedMachine } from '../support/simulated-boot.ts';

const STEPS: readonly MachineStep['name'][] = [
  'power-on',
  'offer',
  'address',
  'loader',
  'configuration',
  'kernel',
  'initrd',
  'running',
  'posted',
];
/** Of the short suite: the lease is on disk, its machine has loaded half, and its report is stored. */
const FIRST: readonly MachineStep['name'][] = ['address', 'kernel', 'posted'];
const PLACE = labPlace(17);

describe('kill -9 between two steps of a boot', { skip: missing('linux') }, () => {
  for (const [index, killAfter] of STEPS.entries()) {
    if (!HAS_MANY_ROUNDS && !FIRST.includes(killAfter)) continue;
    test(`after ${killAfter}: the restarted rack ends with the same machine and the same lease`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'rackboot-kill-'));
      const config = join(directory, 'rackboot.yaml');
      makeStandInTree(join(directory, 'boot'));
      writeFileSync(config, labConfig(PLACE, directory));
      const start = (): Promise<DaemonProcess> => DaemonProcess.start({ config, onLine: () => undefined });
      let daemon = await start();
      let killed: Promise<void> | undefined;
      let firstAddress: string | undefined;
      const addresses = new Set<string>();
      try {
        const outcome = await bootSimulatedMachine(PLACE, index, (step) => {
          if (step.name === 'address') addresses.add(/has (\S+)/.exec(step.text)?.[1] ?? '');
          if (step.name === 'address') firstAddress ??= [...addresses][0];
          if (step.name !== killAfter || killed !== undefined) return;
          killed = daemon.kill().then(async () => {
            daemon = await start();
          });
        });
        await killed;
        assert.ok(killed !== undefined, 'the daemon was killed');
        assert.equal(outcome.kind, 'enlisted');
        const machines = machinesShape.parse(await untilAnswered(directory));
        assert.deepEqual(
          machines.map(({ system_id: id }) => id),
          [outcome.kind === 'enlisted' ? outcome.systemId : ''],
        );
        assert.equal(machines[0]?.status_name, 'New');
        const mac = formatMac(simulatedHardware(index).mac);
        const leases = leasesShape.parse(await askDaemon(directory, '/leases')).filter((lease) => lease.mac === mac);
        assert.equal(leases.length, 1);
        assert.deepEqual([...addresses], [leases[0]?.address], 'an acknowledged address stays');
        assert.equal(firstAddress, leases[0]?.address);
      } finally {
        await killed?.catch(() => undefined);
        await daemon.stop();
        rmSync(directory, { recursive: true, force: true });
      }
    });
  }
});

/** The region starts after the rack: asks until it answers. */
async function untilAnswered(stateDir: string): Promise<unknown> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await askDaemon(stateDir, '/MAAS/api/2.0/machines/');
    } catch (error) {
      if (tries >= 300) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
