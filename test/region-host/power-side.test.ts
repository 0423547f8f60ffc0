// The region's access to its machines' power: a real store, controllers in memory, virtual time, and a process that dies at any moment.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { RackError } from '../../src/ground/errors.ts';
import { manual } from '../../src/power/manual.ts';
import { POWER_QUERY_EVERY_MS } from '../../src/power/readings.ts';
import type { Actor } from '../../src/region/life/commands.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { openRegion, type Region } from '../../src/region/region.ts';
import { noteText, type RackNote } from '../../src/region/reports/notes.ts';
import { HOLD_MS_MAX } from '../../src/region-host/power-hold.ts';
import { PowerSide } from '../../src/region-host/power-side.ts';
import { Controller, controllerDriver, pass } from '../power/controllers.ts';
import { type RegionPlace, report, withRegion } from '../region/place.ts';
import { changeStatus } from '../support/change-status.ts';
import { reasonOf, sentenceOf, textOf } from '../support/sentences.ts';

const BOB: Actor = { username: 'bob', isAdmin: true, comment: '' };

/** A region with its power, which can die and be there again; a dead one asks nothing and writes nothing. */
class Powered {
  readonly controllers = new Map<string, Controller>();
  declare region: Region;
  declare side: PowerSide;
  /** True: the store takes nothing from the power side. */
  isFull = false;
  /** Until then the lists that the power side reads do not arrive. */
  heldUp: Promise<void> | undefined;
  /** Until then no end is taken. */
  slowed: Promise<void> | undefined;
  readonly #place: RegionPlace;

  private constructor(place: RegionPlace, names: readonly string[]) {
    this.#place = place;
    for (const name of names) this.controllers.set(name, new Controller(name, place.clock));
    place.region.close();
  }

  static async make(place: RegionPlace, names: readonly string[]): Promise<Powered> {
    const powered = new Powered(place, names);
    await powered.#open();
    return powered;
  }

  async #open(racks?: Parameters<PowerSide['begin']>[1]): Promise<void> {
    const { config, clock, store } = this.#place;
    const isDead = (): boolean => this.side !== side;
    const mortal = {
      now: () => clock.now(),
      wallTimeMs: () => clock.wallTimeMs(),
      randomBytes: (count: number) => clock.randomBytes(count),
      schedule: (ms: number, action: () => void) => clock.schedule(ms, () => (isDead() ? undefined : action())),
    };
    const drivers = [controllerDriver(this.controllers, isDead), manual];
    const guard = <T extends object>(port: T): T =>
      new Proxy(port, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name);
          if (name === 'power' && typeof value === 'object' && value !== null) return guard(value);
          if (typeof value !== 'function') return value;
          return async (...args: unknown[]): Promise<unknown> => {
            if (this.isFull) throw new RackError('store-unavailable', 'the disk is full');
            const answer: unknown = await Reflect.apply(value, target, args);
            if (name === 'listMachines') await this.heldUp;
            return answer;
          };
        },
      });
    const guarded: RegionStore = guard(store);
    const side: PowerSide = new PowerSide({ store: guarded, clock: mortal, stateDir: '/nowhere', drivers });
    this.side = side;
    const region = await openRegion({ config, store, clock, power: side, onDesiredState: () => undefined });
    this.region = region;
    const life: Parameters<PowerSide['begin']>[0] = {
      powerSwitched: async (...args) => {
        await this.slowed;
        return await this.#unless(() => region.life.powerSwitched(...args));
      },
      powerSeen: (...args) => this.#unless(() => region.life.powerSeen(...args)),
    };
    await side.begin(life, racks);
  }

  async #unless<T>(work: () => Promise<T>): Promise<T> {
    if (this.isFull) throw new RackError('store-unavailable', 'the disk is full');
    return await work();
  }

  /** The process is killed, and another one is started. */
  async restart(racks?: Parameters<PowerSide['begin']>[1]): Promise<void> {
    this.region.close();
    await this.#open(racks);
    for (const controller of this.controllers.values()) controller.active = 0;
  }

  /** A machine, New, that this controller switches. */
  async enlist(name: string, mac = 0x525400000001 + [...this.controllers.keys()].indexOf(name)): Promise<string> {
    const outcome = await this.region.enlist(report([mac]));
    assert.ok(outcome.kind === 'create');
    const { systemId } = outcome.machine;
    await this.region.editMachine(systemId, { powerType: 'memory', powerParameters: { power_address: name } }, 'bob');
    return systemId;
  }

  controller(name: string): Controller {
    const controller = this.controllers.get(name);
    assert.ok(controller !== undefined);
    return controller;
  }

  async machine(systemId: string) {
    const machine = await this.region.store.findMachine(systemId);
    assert.ok(machine !== undefined);
    return machine;
  }

  async order(
    systemId: string,
    name: 'accept' | 'abort' | 'allocate' | 'release' | 'commission' | 'mark-broken',
  ): Promise<void> {
    const outcome = await this.region.life.command(systemId, { name }, BOB);
    if (outcome.kind !== 'changed') assert.fail(outcome.kind === 'refuse' ? outcome.refusal.text : systemId);
  }

  /** The changes of its power, without queries. */
  changes(name: string): readonly string[] {
    return this.controller(name).asked.filter((what) => what !== 'query');
  }
}

const withPower = (names: readonly string[], work: (powered: Powered, place: RegionPlace) => Promise<void>) =>
  withRegion(async (place) => {
    const powered = await Powered.make(place, names);
    try {
      await work(powered, place);
    } finally {
      powered.region.close();
    }
  });

/** A test with one machine's controller, a. */
const powerTest = (name: string, work: Parameters<typeof withPower>[1]): void =>
  void test(name, () => withPower(['a'], work));

powerTest('the page is shown the drivers that switch the machines', async ({ side }) => {
  const names = side.drivers.map(({ name }) => name);
  assert.deepEqual(names, ['memory', 'manual']);
  for (const name of names) assert.ok(!side.problemsOf(name, {}).some(({ part }) => part === undefined));
});

powerTest(
  'an accepted machine is power-cycled and boots from the network; its command and its state are known',
  async (powered, { clock }) => {
    const id = await powered.enlist('a');
    await powered.order(id, 'accept');
    assert.deepEqual([(await powered.machine(id)).powerTask, powered.changes('a')], ['cycle', []]);
    await pass(clock, 3_000);
    assert.deepEqual(powered.changes('a'), ['off hard', 'netboot', 'on']);
    const { status, powerTask, powerState } = await powered.machine(id);
    assert.deepEqual([status, powerTask, powerState], ['commissioning', undefined, 'on']);
    const said = (await powered.region.store.listEvents({ limit: 3 })).map(
      (event) => `${event.type} ${sentenceOf(event)}`,
    );
    assert.ok(said.includes('NODE_POWERED_ON switched off and on: switched on'), said.join('; '));
    await powered.region.life.signal(id, { status: 'OK', stage: '', message: '' });
    await pass(clock, 2_000);
    assert.deepEqual(powered.changes('a').slice(3), ['off hard']);
    assert.deepEqual([(await powered.machine(id)).status, (await powered.machine(id)).powerState], ['ready', 'off']);
    await powered.order(id, 'commission');
    await pass(clock, 3_000);
    assert.deepEqual(powered.changes('a').slice(4), ['off hard', 'netboot', 'on']);
    const last = (await powered.region.store.listEvents({ limit: 3 })).map(sentenceOf);
    assert.ok(last.includes('switched on: switched on'), last.join('; '));
  },
);

powerTest(
  'a machine whose controller cannot be reached fails at once, with its driver’s message',
  async (powered, { clock }) => {
    powered.controller('a').behaviour = 'is-away';
    powered.controller('a').away = { code: 'complaint', params: { meaning: 'no-answer', said: 'at 10.9.0.1' } };
    const id = await powered.enlist('a');
    await powered.order(id, 'accept');
    await pass(clock, 2_000);
    const machine = await powered.machine(id);
    const { status, powerTask } = machine;
    assert.deepEqual([status, powerTask], ['failed-commissioning', undefined]);
    assert.equal(reasonOf(machine), 'power cycle failed: no answer');
  },
);

powerTest('invalid parameters fail it too, and no controller is contacted', async (powered, { clock }) => {
  const id = await powered.enlist('a');
  await powered.region.editMachine(id, { powerParameters: { power_address: 'elsewhere' } }, 'bob');
  await powered.order(id, 'accept');
  await pass(clock, 500);
  assert.match(reasonOf(await powered.machine(id)), /power_address: is invalid; give power_address/);
  assert.deepEqual(powered.controller('a').asked, []);
});

powerTest(
  'power parameters that a machine reported are never used before it is accepted',
  async (powered, { clock, store }) => {
    const id = await powered.enlist('a');
    const fields = { powerIsProposed: true, powerTask: 'on' } as const;
    await store.changeMachine<never>(id, 1, () => ({ kind: 'change', fields, events: [] }));
    powered.side.follow([id]);
    await pass(clock, 3 * POWER_QUERY_EVERY_MS, 1_000);
    assert.deepEqual(powered.controller('a').asked, []);
    assert.equal(powered.side.reading(id), undefined);
    assert.equal((await powered.side.ask(await powered.machine(id), 'bob'))?.state, 'unknown');
    assert.equal((await powered.machine(id)).powerTask, undefined);
  },
);

powerTest(
  'a command waits for the end of a running one, and replaces one that has not started',
  async (powered, { clock }) => {
    const id = await powered.enlist('a');
    await powered.order(id, 'accept');
    await pass(clock, 150);
    await powered.order(id, 'abort');
    await powered.order(id, 'commission');
    await powered.order(id, 'abort');
    await pass(clock, 5_000);
    assert.deepEqual(powered.changes('a'), ['off hard', 'netboot', 'on', 'off hard']);
    assert.deepEqual([(await powered.machine(id)).status, (await powered.machine(id)).powerState], ['new', 'off']);
  },
);

const UNWANTED: readonly (readonly [why: string, (powered: Powered, id: string) => Promise<unknown>])[] = [
  ['the machine is marked broken', (powered, id) => powered.order(id, 'mark-broken')],
  ['the machine is deleted', (powered, id) => powered.region.removeMachine(id, 'bob', 'none')],
  [
    'the machine has another controller now',
    (powered, id) => powered.region.editMachine(id, { powerParameters: { power_address: 'b' } }, 'bob'),
  ],
];

for (const [why, change] of UNWANTED) {
  test(`a command that waits for a controller busy with another machine is not carried out when ${why}`, () =>
    withPower(['a', 'b'], async (powered, { clock }) => {
      const [one, other] = [await powered.enlist('a'), await powered.enlist('a', 0x525400000009)];
      await powered.order(one, 'accept');
      await pass(clock, 150);
      await powered.order(other, 'accept');
      await pass(clock, 50);
      assert.deepEqual(
        (await powered.region.store.power.listUnended()).map(({ machine }) => machine),
        [one],
      );
      await change(powered, other);
      await pass(clock, 10_000);
      assert.deepEqual(powered.changes('a'), ['off hard', 'netboot', 'on']);
    }));
}

powerTest('a person has one switch at a time, and only of their own machine', async (powered, { clock }) => {
  const id = await powered.enlist('a');
  const { life } = powered.region;
  const reasonOf = async (switched: ReturnType<typeof life.switchPower>): Promise<string> => {
    const outcome = await switched;
    return outcome.kind === 'refuse' ? outcome.refusal.name : outcome.kind;
  };
  assert.equal(await reasonOf(life.switchPower(id, 'on', { ...BOB, isAdmin: false })), 'not-owner');
  assert.equal(await reasonOf(life.switchPower(id, 'on', BOB)), 'changed');
  assert.equal(await reasonOf(life.switchPower(id, 'off', BOB)), 'power-busy');
  await pass(clock, 1_000);
  assert.equal((await powered.machine(id)).powerState, 'on');
  assert.equal(await reasonOf(life.switchPower(id, 'soft-off', BOB)), 'changed');
  await pass(clock, 1_000);
  assert.deepEqual(powered.changes('a'), ['netboot', 'on', 'off soft']);
  await powered.region.editMachine(id, { powerType: 'manual', powerParameters: {} }, 'bob');
  assert.equal(await reasonOf(life.switchPower(id, 'on', BOB)), 'power-by-hand');
  await pass(clock, 100);
  assert.deepEqual([powered.side.reading(id), (await powered.machine(id)).powerState], [undefined, 'unknown']);
});

powerTest(
  'states have an age, are stored when they change, and are reported when Rackboot did not switch',
  async (powered, { clock }) => {
    const id = await powered.enlist('a');
    await pass(clock, POWER_QUERY_EVERY_MS + 1_000, 500);
    assert.deepEqual([(await powered.machine(id)).powerState, powered.side.reading(id)?.state], ['off', 'off']);
    powered.controller('a').state = 'on';
    await pass(clock, 2 * POWER_QUERY_EVERY_MS, 500);
    const [event] = await powered.region.store.listEvents({ limit: 1 });
    assert.deepEqual([event?.type, sentenceOf(event)], ['NODE_POWERED_ON', 'turned on, but not by Rackboot']);
    powered.controller('a').behaviour = 'is-away';
    await pass(clock, 4 * POWER_QUERY_EVERY_MS, 500);
    const view = powered.side.reading(id);
    assert.deepEqual(
      [view?.state, textOf(view), (await powered.machine(id)).powerState],
      ['error', 'nobody there', 'error'],
    );
    assert.ok((view?.ageSeconds ?? 0) > 120);
    const failed = (await powered.region.store.listEvents({ limit: 50 })).filter(({ type }) =>
      /QUERY_FAILED/.test(type),
    );
    assert.equal(failed.length, 1);
    await powered.region.removeMachine(id, 'bob');
    await pass(clock, 100);
    assert.equal(powered.side.reading(id), undefined);
  },
);

powerTest(
  'an end that the store cannot take at the moment is delivered again, and nothing is done twice',
  async (powered, { clock }) => {
    const id = await powered.enlist('a');
    await powered.order(id, 'accept');
    await pass(clock, 150);
    powered.isFull = true;
    await pass(clock, 10_000);
    assert.equal((await powered.machine(id)).powerTask, 'cycle');
    powered.isFull = false;
    await pass(clock, 3_000);
    assert.equal((await powered.machine(id)).powerTask, undefined);
    assert.deepEqual(powered.changes('a'), ['off hard', 'netboot', 'on']);
    // The next process finds nothing that the first one left under way, and tells no other end of it.
    await powered.restart();
    await pass(clock, 3_000);
    const events = (await powered.region.store.listEvents({ limit: 50 })).filter(({ code }) =>
      code.startsWith('power-'),
    );
    assert.deepEqual(events.map(sentenceOf), ['switched off and on: switched on']);
  },
);

powerTest('an end is reported once, even if the record was read before it had the end', async (powered, { clock }) => {
  const id = await powered.enlist('a');
  await powered.order(id, 'accept');
  await pass(clock, 150);
  const { promise, resolve } = Promise.withResolvers<void>();
  powered.heldUp = promise;
  powered.side.follow([id]);
  await pass(clock, 3_000);
  assert.equal((await powered.machine(id)).powerTask, undefined);
  powered.heldUp = undefined;
  resolve();
  await pass(clock, 3_000);
  const events = (await powered.region.store.listEvents({ limit: 50 })).filter(({ code }) => code.startsWith('power-'));
  assert.deepEqual(events.map(sentenceOf), ['switched off and on: switched on']);
  assert.deepEqual(powered.changes('a'), ['off hard', 'netboot', 'on']);
});

powerTest(
  'an end at which the region failed is reported again, and the machine takes its next command',
  async (powered, { clock }) => {
    const id = await powered.enlist('a');
    powered.controller('a').behaviour = 'hangs';
    await powered.order(id, 'accept');
    await pass(clock, 150);
    powered.slowed = Promise.reject(new Error('a fault of Rackboot'));
    // The process hears of the fault.
    await assert.rejects(powered.restart(), /a fault of Rackboot/);
    powered.slowed = undefined;
    powered.controller('a').behaviour = 'obeys';
    await powered.side.begin(powered.region.life);
    await pass(clock, 3_000);
    assert.equal((await powered.machine(id)).powerTask, undefined);
    const events = (await powered.region.store.listEvents({ limit: 50 })).filter(({ code }) =>
      code.startsWith('power-'),
    );
    assert.equal(events.length, 1, events.map(sentenceOf).join());
    assert.equal((await powered.region.life.switchPower(id, 'on', BOB)).kind, 'changed');
    await pass(clock, 3_000);
    assert.equal((await powered.machine(id)).powerState, 'on');
  },
);

powerTest('an end that the store takes slowly is reported once', async (powered, { clock }) => {
  const id = await powered.enlist('a');
  await powered.order(id, 'accept');
  const { promise, resolve } = Promise.withResolvers<void>();
  powered.slowed = promise;
  await pass(clock, 10_000);
  assert.equal((await powered.machine(id)).powerTask, 'cycle');
  resolve();
  await pass(clock, 3_000);
  const events = (await powered.region.store.listEvents({ limit: 50 })).filter(({ code }) => code.startsWith('power-'));
  assert.deepEqual(events.map(sentenceOf), ['switched off and on: switched on']);
});

/** Whether the ledger has a command. */
function hasBegun({ stateDir }: RegionPlace, id: string): boolean {
  const database = new DatabaseSync(join(stateDir, 'region.db'), { readOnly: true });
  try {
    return database.prepare('SELECT 1 FROM power_command WHERE id = ?').get(id) !== undefined;
  } finally {
    database.close();
  }
}

test('a command killed at any moment is not repeated: done, or unknown until its state is seen or its time is over', async () => {
  for (let killedAt = 0; killedAt <= 1_000; killedAt += 80) {
    await withPower(['a'], async (powered, place) => {
      const { clock } = place;
      const id = await powered.enlist('a');
      await powered.order(id, 'accept');
      await pass(clock, killedAt);
      const begun = hasBegun(place, (await powered.machine(id)).powerTaskId ?? '');
      await powered.restart();
      await pass(clock, 5_000);
      const about = `killed after ${killedAt} ms`;
      const { status, powerTask } = await powered.machine(id);
      assert.deepEqual([status, powerTask], ['commissioning', undefined], about);
      const changes = powered.changes('a');
      assert.ok(changes.filter((what) => what === 'on').length <= 1, about);
      assert.ok(changes.filter((what) => what === 'off hard').length <= 1, about);
      if (!begun) assert.deepEqual(changes, ['off hard', 'netboot', 'on'], about);
      assert.deepEqual(await powered.region.store.power.listUnended(), [], about);
    });
  }
});

test('a machine whose power cycle is killed at any moment is on soon, switched on once, and no attempt is counted', async () => {
  for (let killedAt = 0; killedAt <= 1_000; killedAt += 80) {
    await withPower(['a'], async (powered, { clock }) => {
      const controller = powered.controller('a');
      controller.state = 'on';
      const id = await powered.enlist('a');
      await powered.order(id, 'accept');
      await pass(clock, killedAt);
      await powered.restart();
      // A restart that is killed at once repeats nothing either.
      await powered.restart();
      await pass(clock, 20_000, 100);
      const about = `killed after ${killedAt} ms: ${controller.asked.join(', ')}`;
      const { status, powerTask, work } = await powered.machine(id);
      assert.deepEqual(
        [status, powerTask, work?.attempts, controller.state],
        ['commissioning', undefined, 0, 'on'],
        about,
      );
      const changes = powered.changes('a').filter((what) => what !== 'netboot');
      assert.deepEqual(changes, ['off hard', 'on'], about);
    });
  }
});

powerTest(
  'a power-on given again is killed as well, and given again; then the machine has the whole time of its state',
  async (powered, { clock }) => {
    const controller = powered.controller('a');
    const id = await powered.enlist('a');
    await powered.order(id, 'accept');
    for (let kill = 0; kill < 3; kill += 1) {
      await pass(clock, 150);
      controller.behaviour = 'hangs';
      for (let ms = 0; controller.active === 0 || controller.asked.at(-1) === 'query'; ms += 50) {
        assert.ok(ms < 60_000, `kill ${kill}: ${controller.asked.join(', ')}`);
        await pass(clock, 50);
        if ((await powered.machine(id)).powerTask === undefined) controller.behaviour = 'obeys';
        else controller.behaviour = 'hangs';
      }
      await powered.restart();
      controller.behaviour = 'obeys';
    }
    await pass(clock, 60_000, 100);
    const { status, work, statusDeadlineMs = 0 } = await powered.machine(id);
    assert.deepEqual(
      [status, work?.attempts, work?.interruptedEndsMs, controller.state],
      ['commissioning', 0, undefined, 'on'],
    );
    assert.ok(statusDeadlineMs - clock.wallTimeMs() > 10 * 60_000, String(statusDeadlineMs - clock.wallTimeMs()));
  },
);

powerTest(
  'a machine that is seen on after an interrupted power cycle is left alone, and cycled when its doubt ends, without counting',
  async (powered, { clock }) => {
    const controller = powered.controller('a');
    controller.state = 'on';
    controller.behaviour = 'hangs';
    const id = await powered.enlist('a');
    await powered.order(id, 'accept');
    await pass(clock, 500);
    await powered.restart();
    controller.behaviour = 'obeys';
    await pass(clock, 280_000, 500);
    assert.deepEqual(powered.changes('a'), ['off hard']);
    await pass(clock, 60_000, 500);
    assert.deepEqual(powered.changes('a'), ['off hard', 'off hard', 'netboot', 'on']);
    const { status, work } = await powered.machine(id);
    assert.deepEqual([status, work?.attempts], ['commissioning', 0]);
  },
);

for (const task of ['off', 'cycle'] as const)
  powerTest(
    `a machine that a person’s ${task} has reached since the interruption is not switched on again`,
    async (powered, { clock }) => {
      const controller = powered.controller('a');
      controller.state = 'on';
      controller.behaviour = 'hangs';
      const id = await powered.enlist('a');
      await powered.order(id, 'accept');
      await pass(clock, 500);
      controller.behaviour = 'obeys';
      await powered.restart();
      await pass(clock, 1_000);
      await powered.region.life.switchPower(id, task, BOB);
      await pass(clock, 5_000, 100);
      controller.state = 'off';
      const changes = powered.changes('a');
      await pass(clock, 120_000, 500);
      assert.deepEqual([powered.changes('a'), controller.state], [changes, 'off']);
    },
  );

powerTest(
  'a cycle that a stopping process has ended in the middle continues after its restart',
  async (powered, { clock }) => {
    const controller = powered.controller('a');
    const id = await powered.enlist('a');
    await powered.order(id, 'accept');
    await pass(clock, 150);
    controller.behaviour = 'hangs';
    const closed = powered.side.close();
    await pass(clock, 4_000);
    await closed;
    controller.behaviour = 'obeys';
    await powered.restart();
    await pass(clock, 20_000, 100);
    assert.deepEqual([(await powered.machine(id)).status, controller.state], ['commissioning', 'on']);
  },
);

/** A machine that is being deployed, on the controller `a`. @returns its system id */
async function deploying(powered: Powered): Promise<string> {
  const id = await powered.enlist('a');
  await powered.region.life.command(id, { name: 'accept', skipsCommissioning: true }, BOB);
  await changeStatus(powered.region, id, 'allocated', BOB);
  await changeStatus(powered.region, id, 'deploying', BOB);
  return id;
}

powerTest('a release whose power-off was lost ends when the machine is seen off', async (powered, { clock }) => {
  const id = await deploying(powered);
  powered.controller('a').state = 'on';
  await powered.order(id, 'release');
  await pass(clock, 150);
  assert.equal((await powered.machine(id)).status, 'releasing');
  await powered.restart();
  await pass(clock, 500);
  assert.equal((await powered.machine(id)).powerTask, undefined);
  await pass(clock, POWER_QUERY_EVERY_MS + 1_000, 500);
  assert.deepEqual([(await powered.machine(id)).status, powered.controller('a').state], ['ready', 'off']);
  assert.deepEqual(powered.changes('a'), ['off hard']);
});

powerTest(
  'a power-off of a release that did not take effect before its process died is given again',
  async (powered, { clock }) => {
    const id = await deploying(powered);
    powered.controller('a').state = 'on';
    powered.controller('a').behaviour = 'hangs';
    await powered.order(id, 'release');
    await pass(clock, 200);
    await powered.restart();
    powered.controller('a').behaviour = 'obeys';
    await pass(clock, POWER_QUERY_EVERY_MS + 60_000, 500);
    assert.deepEqual([(await powered.machine(id)).status, powered.controller('a').state], ['ready', 'off']);
    // The first one hung, and never took effect.
    assert.deepEqual(powered.changes('a'), ['off hard', 'off hard']);
  },
);

powerTest(
  'a release that waits long for a busy controller does not fail before its turn',
  async (powered, { clock }) => {
    const others = [await powered.enlist('a', 0x525400000011), await powered.enlist('a', 0x525400000012)];
    const id = await deploying(powered);
    powered.controller('a').behaviour = 'hangs';
    for (const other of others) await powered.order(other, 'accept');
    await pass(clock, 100);
    await powered.order(id, 'release');
    await pass(clock, 330_000, 1_000);
    assert.deepEqual([(await powered.machine(id)).status, (await powered.machine(id)).powerTask], ['releasing', 'off']);
    powered.controller('a').behaviour = 'obeys';
    await pass(clock, 40_000, 1_000);
    assert.deepEqual([(await powered.machine(id)).status, (await powered.machine(id)).powerTask], ['ready', undefined]);
  },
);

test('at shutdown running commands may end, their ends are recorded, and nothing more starts', () =>
  withPower(['a', 'b'], async (powered, { clock }) => {
    const [one, other] = [await powered.enlist('a'), await powered.enlist('b')];
    powered.controller('b').behaviour = 'hangs';
    for (const id of [one, other]) await powered.order(id, 'accept');
    await pass(clock, 100);
    const closed = powered.side.close();
    await pass(clock, 2_500);
    await closed;
    assert.deepEqual(
      [(await powered.machine(one)).powerState, (await powered.machine(one)).powerTask],
      ['on', undefined],
    );
    assert.deepEqual((await powered.machine(other)).powerTask, undefined);
    assert.equal((await powered.machine(other)).status, 'commissioning');
    await powered.order(one, 'abort');
    await pass(clock, 2_000);
    assert.equal((await powered.machine(one)).powerTask, 'off');
  }));

powerTest(
  'a machine is switched on once its racks know its state or HOLD_MS_MAX is over, and off at once',
  async (powered, { clock }) => {
    let missing: readonly string[] = ['far'];
    let tell = (): void => undefined;
    const said: RackNote[] = [];
    const acknowledgements = {
      missing: () => missing,
      subscribe: (listener: () => void) => {
        tell = listener;
        return () => undefined;
      },
    };
    await powered.restart({ acknowledgements, onUnacknowledged: (note) => void said.push(note) });
    const id = await powered.enlist('a');
    await powered.order(id, 'accept');
    await pass(clock, HOLD_MS_MAX - 1000);
    assert.deepEqual([(await powered.machine(id)).powerTask, powered.changes('a')], ['cycle', []]);
    missing = [];
    tell();
    await pass(clock, 3000);
    assert.deepEqual([powered.changes('a'), said], [['off hard', 'netboot', 'on'], []]);
    missing = ['far'];
    await powered.order(id, 'abort');
    await pass(clock, 3000);
    assert.deepEqual(powered.changes('a').slice(3), ['off hard']);
    await powered.order(id, 'commission');
    await pass(clock, HOLD_MS_MAX - 1000);
    assert.deepEqual(powered.changes('a').slice(4), []);
    await pass(clock, 5000);
    assert.equal(powered.changes('a').at(-1), 'on');
    assert.match(
      said.map(noteText).join('\n'),
      /^\S+ \(\w+\) is switched on although far did not acknowledge its state within \d+ s: .*$/,
    );
  },
);
