// A machine that boots from the network again and again without a signal is restarted once, then fails.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MachineCommand } from '../../../src/region/life/commands.ts';
import type { PowerControl } from '../../../src/region/life/power-life.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import type { Region } from '../../../src/region/region.ts';
import type { RackFields } from '../../../src/region/reports/reported.ts';
import { reasonOf } from '../../support/sentences.ts';
import { type RegionPlace, report, withRegion } from '../place.ts';
import { addKey, reopen } from './deploying.ts';
import { heldPower, powerEnd } from './held-power.ts';

const MINUTE_MS = 60_000;
const BOB = { username: 'bob', isAdmin: true, comment: '' };
const DEPLOY: MachineCommand = {
  name: 'deploy',
  deployment: { osystem: 'debian', release: 'trixie', deployBy: 'image' },
};

/** A machine that boots and never reaches its agent, in a new region. */
class LoopingMachine {
  readonly region: Region;
  readonly systemId: string;
  readonly #clock: RegionPlace['clock'];
  #sequence = 0;

  private constructor(region: Region, systemId: string, clock: RegionPlace['clock']) {
    this.region = region;
    this.systemId = systemId;
    this.#clock = clock;
  }

  static async make(place: RegionPlace, power?: PowerControl): Promise<LoopingMachine> {
    const region = await reopen(place, power);
    await addKey(place);
    const outcome = await region.enlist(report([0x525400000001]));
    assert.ok(outcome.kind === 'create');
    return new LoopingMachine(region, outcome.machine.systemId, place.clock);
  }

  async order(command: MachineCommand): Promise<void> {
    const outcome = await this.region.life.command(this.systemId, command, BOB);
    assert.equal(outcome.kind, 'changed');
    await this.switchOn();
  }

  async switchOn(): Promise<void> {
    if ((await this.now()).powerTask !== undefined)
      await this.region.life.powerSwitched(this.systemId, powerEnd(await this.now()));
  }

  /** Several minutes pass, then it starts once: each step is reported, some twice. */
  async boot(minutes = 5): Promise<void> {
    await this.#clock.pass(minutes * MINUTE_MS);
    for (let count = 0; count < 2; count += 1) {
      await this.#see('dhcp.offer', 'Offered 10.20.0.100', { client: 'bios', file: 'lpxelinux.0' });
      await this.#clock.pass(4000);
      await this.#see('tftp.sent', 'Loaded lpxelinux.0 by TFTP');
      await this.#see('http.rendered', 'Was told to commission', { purpose: 'commissioning' });
    }
    // Loading takes long on some days.
    await this.#clock.pass(2 * MINUTE_MS);
    await this.#see('http.file-sent', 'Loaded initrd by HTTP');
  }

  async now(): Promise<Machine> {
    const machine = await this.region.store.findMachine(this.systemId);
    assert.ok(machine);
    return machine;
  }

  async #see(kind: string, text: string, params?: RackFields): Promise<void> {
    this.#sequence += 1;
    const at = this.#clock.wallTimeMs();
    await this.region.observe([{ sequence: this.#sequence, kind, at, mac: '52:54:00:00:00:01', text, params }]);
  }
}

for (const [name, failed, command] of [
  ['commissioning', 'failed-commissioning', { name: 'accept' }],
  ['deploying', 'failed-deployment', DEPLOY],
] as const) {
  test(`${name}: a machine with seven network boots and no signal is restarted once, then fails`, () =>
    withRegion(async (place) => {
      const looping = await LoopingMachine.make(place, heldPower());
      if (name === 'deploying') await looping.order({ name: 'accept', skipsCommissioning: true });
      await looping.order(command);
      for (let count = 0; count < 6; count += 1) await looping.boot();
      assert.deepEqual([(await looping.now()).status, (await looping.now()).work?.boots], [name, 6]);
      const token = (await looping.now()).bootToken;
      await looping.boot();
      const again = await looping.now();
      assert.deepEqual([again.status, again.work?.attempts, again.work?.boots, again.powerTask], [name, 1, 0, 'cycle']);
      assert.notEqual(again.bootToken, token);
      assert.equal((await looping.region.desiredState()).machines[0]?.bootToken, again.bootToken);
      assert.match(reasonOf(again), /it booted from the network 7 times without a signal from its work; restarting it/);
      // Until it is switched, it continues as before.
      await looping.boot();
      assert.equal((await looping.now()).work?.boots, 0);
      await looping.switchOn();
      for (let count = 0; count < 7; count += 1) await looping.boot();
      assert.equal((await looping.now()).status, failed);
      assert.match(
        reasonOf(await looping.now()),
        /^it booted from the network 7 times without a signal from its work$/,
      );
      looping.region.close();
    }));
}

test('a machine that only a person switches fails at once; a signal resets the count', () =>
  withRegion(async (place) => {
    const looping = await LoopingMachine.make(place);
    await looping.order({ name: 'accept' });
    for (let round = 0; round < 2; round += 1) {
      for (let count = 0; count < 6; count += 1) await looping.boot();
      await looping.region.life.signal(looping.systemId, { status: 'WORKING', stage: 'started', message: '' });
    }
    assert.deepEqual([(await looping.now()).status, (await looping.now()).work?.boots], ['commissioning', undefined]);
    for (let count = 0; count < 7; count += 1) await looping.boot();
    assert.equal((await looping.now()).status, 'failed-commissioning');
    looping.region.close();
  }));
