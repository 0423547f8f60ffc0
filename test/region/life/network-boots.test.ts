// A machine that boots from the network again and again without a signal is restarted once, then fails.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MachineCommand } from '../../../src/region/life/commands.ts';
import type { PowerControl } from '../../../src/region/life/power-life.ts';
import type { ReportFields } from '../../../src/region/records/event-params.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import { openRegion, type Region } from '../../../src/region/region.ts';
import { reasonOf } from '../../support/sentences.ts';
import { type RegionPlace, report, withRegion } from '../place.ts';
import { heldPower, powerEnd } from './held-power.ts';

const MINUTE_MS = 60_000;
const BOB = { username: 'bob', isAdmin: true, comment: '' };
const KEY = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.alloc(36, 1)]).toString('base64')} bob`;
const IMAGE = {
  os: 'debian',
  release: 'trixie',
  path: '/images/aa/a.img',
  sha256: 'a'.repeat(64),
  bytes: 10,
  format: 'raw',
};
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

  constructor({ region, store, config, clock }: RegionPlace, power?: PowerControl) {
    region.close();
    const findImage = () => IMAGE;
    this.region = openRegion({ config, store, clock, power, findImage, onDesiredState: () => undefined });
    this.#clock = clock;
    const login = { type: 'AUTHORISATION', code: 'rack', params: { text: 'x' }, atMs: 1, username: 'bob' } as const;
    store.life.addSshKey({ username: 'bob', key: KEY, createdMs: 1 }, 4, login);
    const outcome = this.region.enlist(report([0x525400000001]));
    assert.ok(outcome.kind === 'create');
    this.systemId = outcome.machine.systemId;
  }

  order(command: MachineCommand): void {
    const outcome = this.region.life.command(this.systemId, command, BOB);
    assert.equal(outcome.kind, 'changed');
    this.switchOn();
  }

  switchOn(): void {
    if (this.now().powerTask !== undefined) this.region.life.powerSwitched(this.systemId, powerEnd(this.now()));
  }

  /** Several minutes pass, then it starts once: each step is reported, some twice. */
  boot(minutes = 5): void {
    this.#clock.advance(minutes * MINUTE_MS);
    for (let count = 0; count < 2; count += 1) {
      this.#see('dhcp.offer', 'Offered 10.20.0.100', { client: 'bios', file: 'lpxelinux.0' });
      this.#clock.advance(4000);
      this.#see('tftp.sent', 'Loaded lpxelinux.0 by TFTP');
      this.#see('http.rendered', 'Was told to commission', { purpose: 'commissioning' });
    }
    // Loading takes long on some days.
    this.#clock.advance(2 * MINUTE_MS);
    this.#see('http.file-sent', 'Loaded initrd by HTTP');
  }

  now(): Machine {
    const machine = this.region.store.findMachine(this.systemId);
    assert.ok(machine);
    return machine;
  }

  #see(kind: string, text: string, fields?: ReportFields): void {
    this.#sequence += 1;
    const at = this.#clock.wallTimeMs();
    this.region.observe([{ sequence: this.#sequence, kind, at, mac: '52:54:00:00:00:01', text, fields }]);
  }
}

for (const [name, failed, command] of [
  ['commissioning', 'failed-commissioning', { name: 'accept' }],
  ['deploying', 'failed-deployment', DEPLOY],
] as const) {
  test(`${name}: a machine with seven network boots and no signal is restarted once, then fails`, () =>
    withRegion((place) => {
      const looping = new LoopingMachine(place, heldPower());
      if (name === 'deploying') looping.order({ name: 'accept', skipsCommissioning: true });
      looping.order(command);
      for (let count = 0; count < 6; count += 1) looping.boot();
      assert.deepEqual([looping.now().status, looping.now().work?.boots], [name, 6]);
      const token = looping.now().bootToken;
      looping.boot();
      const again = looping.now();
      assert.deepEqual([again.status, again.work?.attempts, again.work?.boots, again.powerTask], [name, 1, 0, 'cycle']);
      assert.notEqual(again.bootToken, token);
      assert.equal(looping.region.desiredState().machines[0]?.bootToken, again.bootToken);
      assert.match(reasonOf(again), /it booted from the network 7 times without a signal from its work; restarting it/);
      // Until it is switched, it goes on as before.
      looping.boot();
      assert.equal(looping.now().work?.boots, 0);
      looping.switchOn();
      for (let count = 0; count < 7; count += 1) looping.boot();
      assert.equal(looping.now().status, failed);
      assert.match(reasonOf(looping.now()), /^it booted from the network 7 times without a signal from its work$/);
      looping.region.close();
    }));
}

test('a machine that only a person switches fails at once; a signal resets the count', () =>
  withRegion((place) => {
    const looping = new LoopingMachine(place);
    looping.order({ name: 'accept' });
    for (let round = 0; round < 2; round += 1) {
      for (let count = 0; count < 6; count += 1) looping.boot();
      looping.region.life.signal(looping.systemId, { status: 'WORKING', stage: 'started', message: '' });
    }
    assert.deepEqual([looping.now().status, looping.now().work?.boots], ['commissioning', undefined]);
    for (let count = 0; count < 7; count += 1) looping.boot();
    assert.equal(looping.now().status, 'failed-commissioning');
    looping.region.close();
  }));
