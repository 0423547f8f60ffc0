// Power commands when the duties move between two processes of a region: no machine is switched twice, and no late step of the former process
// follows a newer command. A real store, slow controllers in memory, virtual time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RackError } from '../../src/ground/errors.ts';
import { type PowerDriver, STEP_MS_MAX } from '../../src/power/driver.ts';
import type { PowerLedger } from '../../src/power/ledger.ts';
import type { PowerTask } from '../../src/region/records/power-task.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { PowerSide } from '../../src/region-host/power-side.ts';
import { Controller, controllerDriver, pass } from '../power/controllers.ts';
import { type RegionPlace, report, withRegion } from '../region/place.ts';
import { sentenceOf } from '../support/sentences.ts';

/** As long as a step may take, but for a moment. */
const SLOW_MS = STEP_MS_MAX - 3000;

/** A driver that switches in one step. */
function switchOnly(controller: Controller): PowerDriver {
  const driver = controllerDriver(new Map([['a', controller]]));
  return {
    ...driver,
    open: (...args) => {
      const opened = driver.open(...args);
      if (opened.kind !== 'open') return opened;
      const { netboot: _, ...port } = opened.port;
      return { kind: 'open', port };
    },
  };
}

/** The store with another ledger of power commands. */
const withLedger = (store: RegionStore, ledger: Partial<PowerLedger>): RegionStore => {
  const { power } = store;
  const changed: PowerLedger = {
    begin: (entry) => power.begin(entry),
    end: (...end) => power.end(...end),
    whileOnDuty: (report) => power.whileOnDuty(report),
    listUnended: () => power.listUnended(),
    ...ledger,
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'power') return changed;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
};

/** Two processes on one store, and a machine whose controller is slow. */
async function two({ region, clock, store }: RegionPlace, takesMs = SLOW_MS) {
  const controller = new Controller('a', clock, takesMs);
  const hung = new Set<number>();
  const duties = { holder: 0 };
  const open = (number: number, on: RegionStore = store): PowerSide =>
    new PowerSide({
      clock: {
        now: () => clock.now(),
        wallTimeMs: () => clock.wallTimeMs(),
        randomBytes: (count) => clock.randomBytes(count),
        schedule: (ms, action) => clock.schedule(ms, () => (hung.has(number) ? undefined : action())),
      },
      store: on,
      stateDir: '/nowhere',
      mayStep: async () => !hung.has(number) && duties.holder === number,
      drivers: [switchOnly(controller)],
    });
  const outcome = await region.enlist(report([0x525400000001]));
  assert.ok(outcome.kind === 'create');
  const { systemId } = outcome.machine;
  await region.editMachine(systemId, { powerType: 'memory', powerParameters: { power_address: 'a' } }, 'bob');
  const wants = async (side: PowerSide, powerTask: PowerTask): Promise<void> => {
    await store.changeMachine<never>(systemId, 1, () => ({ kind: 'change', fields: { powerTask }, events: [] }));
    side.follow([systemId]);
  };
  const changes = (): readonly string[] => controller.asked.filter((what) => what !== 'query');
  const results = async (): Promise<readonly string[]> =>
    (await store.listEvents({ limit: 100 }))
      .filter(({ code }) => code.startsWith('power-'))
      .map(sentenceOf)
      .toReversed();
  return { controller, hung, duties, open, wants, changes, results, systemId };
}

test('a late step of a process that hangs comes before the newer command of the process that took the duties', () =>
  withRegion(async (place) => {
    const { controller, hung, duties, open, wants, changes } = await two(place);
    const { clock, region } = place;
    const [one, other] = [open(0), open(1)];
    await one.begin(region.life, undefined, STEP_MS_MAX);
    await wants(one, 'on');
    await pass(clock, 500);
    assert.deepEqual(changes(), ['on']);
    // Its step continues outside of it.
    hung.add(0);
    duties.holder = 1;
    await pass(clock, 6000);
    await other.begin(region.life, undefined, STEP_MS_MAX);
    await wants(other, 'off');
    await pass(clock, SLOW_MS - 7000);
    assert.deepEqual([changes(), controller.state], [['on'], 'off'], 'the step is under way');
    await pass(clock, 2000);
    assert.deepEqual([changes(), controller.state], [['on'], 'on'], 'it came late');
    await pass(clock, STEP_MS_MAX + 2 * SLOW_MS, 500);
    assert.deepEqual([changes(), controller.state], [['on', 'off hard'], 'off']);
    // The process that hung continues.
    hung.delete(0);
    one.suspend();
    await pass(clock, 2 * STEP_MS_MAX, 500);
    assert.deepEqual([changes(), controller.state], [['on', 'off hard'], 'off']);
    await Promise.all([one.close(), other.close()]);
  }));

test('a process that is suspended stops its commands, begins no other, and carries out new ones when it has the duties again', () =>
  withRegion(async (place) => {
    const { controller, duties, open, wants, changes, results, systemId } = await two(place);
    const { clock, region, store } = place;
    const [one, other] = [open(0), open(1)];
    await one.begin(region.life, undefined, STEP_MS_MAX);
    await wants(one, 'on');
    await pass(clock, 500);
    duties.holder = 1;
    one.suspend();
    await other.begin(region.life, undefined, STEP_MS_MAX);
    await pass(clock, 3000);
    assert.deepEqual([changes(), controller.active], [['on'], 0], 'the step was stopped');
    await pass(clock, STEP_MS_MAX, 500);
    assert.equal((await store.findMachine(systemId))?.powerTask, undefined);
    assert.equal((await results()).length, 1);
    assert.deepEqual([changes(), controller.state], [['on'], 'off'], 'it was not given again');
    other.suspend();
    await wants(one, 'on');
    await pass(clock, 10_000);
    assert.deepEqual(changes(), ['on'], 'a process without duties begins nothing');
    duties.holder = 0;
    await one.begin(region.life, undefined, STEP_MS_MAX);
    await pass(clock, 2 * SLOW_MS, 500);
    assert.deepEqual([changes(), controller.state], [['on', 'on'], 'on']);
    await Promise.all([one.close(), other.close()]);
  }));

test('an end that the store had not taken before the duties moved is known to the other process', () =>
  withRegion(async (place) => {
    const { duties, open, wants, changes, results } = await two(place, 100);
    const { clock, region, store } = place;
    const away = { isAway: false };
    const reached = async <T>(work: () => Promise<T>): Promise<T> => {
      if (away.isAway) throw new RackError('store-unavailable', 'away');
      return await work();
    };
    const own = withLedger(store, { end: (...end) => reached(() => store.power.end(...end)) });
    const [one, other] = [open(0, own), open(1)];
    const life: Parameters<PowerSide['begin']>[0] = {
      powerSeen: (...seen) => region.life.powerSeen(...seen),
      powerSwitched: (...result) => reached(() => region.life.powerSwitched(...result)),
    };
    await one.begin(life, undefined, STEP_MS_MAX);
    await wants(one, 'on');
    await pass(clock, 150);
    away.isAway = true;
    await pass(clock, 5000);
    duties.holder = 1;
    away.isAway = false;
    one.suspend();
    await other.begin(region.life, undefined, STEP_MS_MAX);
    await pass(clock, STEP_MS_MAX + 5000, 500);
    assert.deepEqual(changes(), ['on']);
    assert.deepEqual(await results(), ['switched on: switched on']);
    await Promise.all([one.close(), other.close()]);
  }));

test('a process that hung during a command reports neither its end nor what it saw when it continues', () =>
  withRegion(async (place) => {
    const { duties, open, wants, changes, results, systemId } = await two(place, 100);
    const { clock, region, store } = place;
    const hangs = Promise.withResolvers<void>();
    const own = withLedger(store, {
      end: async (...end) => {
        await hangs.promise;
        return await store.power.end(...end);
      },
      whileOnDuty: async (report) => {
        if (duties.holder === 0) await report();
      },
    });
    const [one, other] = [open(0, own), open(1)];
    await one.begin(region.life, undefined, STEP_MS_MAX);
    await wants(one, 'on');
    await pass(clock, 500);
    duties.holder = 1;
    await other.begin(region.life, undefined, STEP_MS_MAX);
    await pass(clock, STEP_MS_MAX + 5000, 500);
    const settled = await results();
    assert.equal(settled.length, 1);
    await store.changeMachine<never>(systemId, 1, () => ({
      kind: 'change',
      fields: { powerState: 'off' },
      events: [],
    }));
    hangs.resolve();
    await pass(clock, 100);
    assert.deepEqual([changes(), await results()], [['on'], settled]);
    assert.equal((await store.findMachine(systemId))?.powerState, 'off');
    await Promise.all([one.close(), other.close()]);
  }));

test('a command whose beginning the store recorded without an answer is carried out, once', () =>
  withRegion(async (place) => {
    const { open, wants, changes, systemId } = await two(place, 100);
    const { clock, region, store } = place;
    let losses = 0;
    const own = withLedger(store, {
      begin: async (entry) => {
        const known = await store.power.begin(entry);
        if (losses > 0) return known;
        losses += 1;
        throw new RackError('store-unavailable', 'the database was lost while it stored a change');
      },
    });
    const side = open(0, own);
    await side.begin(region.life);
    await wants(side, 'on');
    await pass(clock, 5000);
    assert.deepEqual(changes(), ['on']);
    assert.equal((await store.findMachine(systemId))?.powerTask, undefined);
    await side.close();
  }));

for (const isStored of [true, false])
  test(`an end whose report got no answer from the store, which had ${isStored ? '' : 'not '}taken it, is reported once`, () =>
    withRegion(async (place) => {
      const { open, wants, results, systemId } = await two(place, 100);
      const { clock, region, store } = place;
      let losses = 0;
      const life: Parameters<PowerSide['begin']>[0] = {
        powerSeen: (...seen) => region.life.powerSeen(...seen),
        powerSwitched: async (machine, result) => {
          if (losses > 0) return await region.life.powerSwitched(machine, result);
          losses += 1;
          if (isStored) await region.life.powerSwitched(machine, result);
          // Meanwhile the machine gets another task.
          await store.changeMachine<never>(systemId, 1, () => ({
            kind: 'change',
            fields: { powerTask: 'off' },
            events: [],
          }));
          throw new RackError('store-unavailable', 'the database was lost while it stored a change');
        },
      };
      const side = open(0);
      await side.begin(life);
      await wants(side, 'on');
      await pass(clock, 20_000);
      assert.deepEqual(await results(), ['switched on: switched on', 'switched off: switched off']);
      assert.equal((await store.findMachine(systemId))?.powerTask, undefined);
      await side.close();
    }));
