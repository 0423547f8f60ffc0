// A machine that boots from the network again and again without a signal is restarted once, then fails.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasonOf } from '../../support/sentences.ts';
import type { RegionPlace } from '../place.ts';
import { heldPower } from './held-power.ts';
import { LiveMachine, MINUTE_MS, withDeployments } from './live-machine.ts';

/** A machine starts often, each time after some minutes, and never reaches its agent: each step is reported, some twice. */
async function boot(machine: LiveMachine, { clock }: RegionPlace, times: number): Promise<void> {
  for (let start = 0; start < times; start += 1) {
    await clock.pass(5 * MINUTE_MS);
    for (let count = 0; count < 2; count += 1) {
      await machine.see('dhcp.offer', 'Offered 10.20.0.100', { client: 'bios', file: 'lpxelinux.0' });
      await clock.pass(4000);
      await machine.see('tftp.sent', 'Loaded lpxelinux.0 by TFTP');
      await machine.see('http.rendered', 'Loaded its configuration to commission', { purpose: 'commissioning' });
    }
    // Loading takes long on some days.
    await clock.pass(2 * MINUTE_MS);
    await machine.see('http.file-sent', 'Loaded initrd by HTTP');
  }
}

for (const [name, failed] of [
  ['commissioning', 'failed-commissioning'],
  ['deploying', 'failed-deployment'],
] as const) {
  test(`${name}: a machine with seven network boots and no signal is restarted once, then fails`, () =>
    withDeployments(async (place) => {
      const machine = await LiveMachine.enlist(place);
      await machine.order('accept', { skipsCommissioning: name === 'deploying' });
      if (name === 'deploying') await machine.deploy();
      await machine.switched();
      await boot(machine, place, 6);
      const before = await machine.now();
      assert.deepEqual([before.status, before.work?.boots], [name, 6]);
      await boot(machine, place, 1);
      const again = await machine.now();
      assert.deepEqual([again.status, again.work?.attempts, again.work?.boots, again.powerTask], [name, 1, 0, 'cycle']);
      assert.notEqual(again.bootToken, before.bootToken);
      assert.equal((await place.region.desiredState()).machines[0]?.bootToken, again.bootToken);
      assert.match(reasonOf(again), /booted from the network 7 times without a signal from its work; restarting it/);
      // Until it is switched, it continues as before.
      await boot(machine, place, 1);
      assert.equal((await machine.now()).work?.boots, 0);
      await machine.switched();
      await boot(machine, place, 7);
      const end = await machine.now();
      assert.equal(end.status, failed);
      assert.match(reasonOf(end), /^booted from the network 7 times without a signal from its work$/);
    }));
}

test('a machine that only a person switches fails at once; a signal resets the count', () =>
  withDeployments(
    async (place) => {
      const machine = await LiveMachine.enlist(place);
      await machine.order('accept');
      for (let round = 0; round < 2; round += 1) {
        await boot(machine, place, 6);
        await machine.tell('WORKING', 'started');
      }
      const { status, work } = await machine.now();
      assert.deepEqual([status, work?.boots], ['commissioning', undefined]);
      await boot(machine, place, 7);
      assert.equal(await machine.status(), 'failed-commissioning');
    },
    heldPower(() => false),
  ));
