// Random lives: commands, signals, leases, power by command and otherwise, debug logins, keys, names, time and crashes in any order. After
// every step the records must be consistent, and the desired state must equal the store. Many orderly lives at once end as they should.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeDebugLogin, DEBUG_SECONDS_MAX, findDebugLogin, openDebugLogin } from '../../../src/region/life/logins.ts';
import { checkTransition } from '../../../src/region/life/transition.ts';
import { keyOfMachine } from '../../../src/region/metadata/machine-keys.ts';
import { toRackMachine } from '../../../src/region/racks/desired-machine.ts';
import { type MachineStatus, statusRow } from '../../../src/region/records/lifecycle.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import { COMMAND_NAMES, type CommandName } from '../../../src/region/records/machine-commands.ts';
import { openRegion, type Region } from '../../../src/region/region.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { printedRandom } from '../../support/printed-random.ts';
import { bootReport, makeRegion, type RegionPlace, report } from '../place.ts';
import { heldPower, powerEnd } from './held-power.ts';
import { addKey, BOB, IMAGE, TRIXIE } from './live-machine.ts';

const STEPS = 300;
const STEPS_MAX = 10 * STEPS;
const STATES_MIN = 10;
const MACHINES = 4;
const ALICE = { username: 'alice', isAdmin: false, comment: '' };
const FREE: ReadonlySet<MachineStatus> = new Set(['new', 'ready', 'retired']);
/** The states on whose entry a machine's API key ends. */
const KEYLESS: ReadonlySet<MachineStatus> = new Set([...FREE, 'allocated', 'failed-commissioning']);

/** A region that can stop at any moment and start again. */
class World {
  readonly #place: RegionPlace;
  region: Region;

  private constructor(place: RegionPlace, region: Region) {
    this.#place = place;
    this.region = region;
  }

  static async make(place: RegionPlace): Promise<World> {
    place.region.close();
    return new World(place, await World.#open(place));
  }

  static async #open({ config, clock, stateDir }: RegionPlace): Promise<Region> {
    const store = openRegionStore({ stateDir });
    // Every second machine is switched by us.
    const power = heldPower((machine) => machine.id % 2 === 0);
    const findImage = () => IMAGE;
    return await openRegion({ config, store, clock, power, findImage, onDesiredState: () => undefined });
  }

  /** The process is killed, sometimes in the middle of a change, which then leaves no trace. */
  async crash(inside: (() => Promise<void>) | undefined): Promise<void> {
    if (inside !== undefined) {
      await assert.rejects(
        this.region.store.transact(async () => {
          await inside();
          throw new Error('the process ends');
        }),
        { message: 'the process ends' },
      );
    }
    await this.close();
    this.region = await World.#open(this.#place);
  }

  async close(): Promise<void> {
    this.region.close();
    await this.region.store.close();
  }

  async machines(): Promise<readonly Machine[]> {
    return await this.region.store.listMachines({}, 0, 2000);
  }
}

async function greetRack(region: Region, high = '10.20.0.12'): Promise<void> {
  const nic = { name: 'lab', interface: 'eth1', ip: '10.20.0.1', network: '10.20.0.0/16', management: 2 } as const;
  const ranges = {
    ip_range_low: '10.20.100.0',
    ip_range_high: '10.20.199.0',
    static_ip_range_low: '10.20.0.10',
    static_ip_range_high: high,
  };
  const uuid = '0fd4c0a2-2c4e-4a3c-9a3b-0000000000aa';
  await region.racks.putOwn({
    uuid,
    name: 'rack-1',
    version: '0',
    pinned: [],
    interfaces: [{ ...nic, ...ranges, router_ip: '' }],
  });
}

async function assertSense(world: World): Promise<void> {
  const machines = await world.machines();
  const given = new Set<number>();
  for (const machine of machines) {
    const { status, hostname } = machine;
    const about = `${hostname} is ${status}`;
    for (const { address } of machine.addresses) {
      assert.ok(!given.has(address), `${about}: an address is given twice`);
      given.add(address);
    }
    if (FREE.has(status)) {
      assert.deepEqual([machine.owner, machine.addresses, machine.release], [undefined, [], ''], about);
      assert.equal(await world.region.store.life.userData(machine.systemId), undefined, about);
    }
    if (KEYLESS.has(status)) assert.equal(await world.region.store.life.machineKey(machine.systemId), undefined, about);
    const debug = await findDebugLogin(world.region, machine);
    if (debug !== undefined) {
      assert.ok(debug.secondsLeft > 0 && debug.secondsLeft <= DEBUG_SECONDS_MAX, about);
      assert.ok(debug.username === 'bob' || machine.owner === debug.username, `${about}: ${debug.username} may not`);
    }
    const row = statusRow(status);
    const waits = machine.work?.waitsForBoot === true;
    assert.equal(machine.statusDeadlineMs !== undefined, row.failed !== undefined && !waits, about);
    // In a rescue it is kept who asked for it: whose keys open it.
    if (row.failed === undefined && status !== 'rescue-mode') assert.equal(machine.work, undefined, about);
    if (machine.id % 2 === 1) assert.equal(machine.powerTask, undefined, about);
    await assertHistory(world, machine);
  }
  const reported = (await world.region.desiredState()).machines;
  const shown = machines.map(toRackMachine).filter((machine) => machine !== undefined);
  assert.deepEqual(new Set(reported), new Set(shown));
  const unproven = machines.filter(({ status, vouchedMac }) => status === 'new' && vouchedMac === undefined);
  assert.equal(reported.length, machines.length - unproven.length);
}

/** Every logged step is in the table, begins where the previous one ended, and the last ends in the machine's state. */
async function assertHistory(world: World, { systemId, status }: Machine): Promise<void> {
  const filter = { machines: { systemIds: [systemId] }, limit: 5000 };
  let at: MachineStatus = 'new';
  for (const event of (await world.region.store.listEvents(filter)).toReversed()) {
    if (event.code !== 'status-changed') continue;
    const { from, to } = event.params;
    assert.equal(from, at, `${from} to ${to}`);
    assert.equal(checkTransition(from, to), undefined, `${from} to ${to}`);
    at = to;
  }
  assert.equal(at, status);
}

/** Machines of the crowd; the long suite has a thousand. */
const COUNT = 200;

test('after any events in any order, with crashes in between, the records are consistent', {
  timeout: 120_000,
}, async () => {
  const random = printedRandom('life-walk');
  const place = await makeRegion({}, random(1000) + 1);
  const world = await World.make(place);
  try {
    await greetRack(world.region);
    // Bob is an administrator, and recorded as one; alice is an ordinary user.
    await world.region.store.accounts.addUser({ ...BOB, email: '', passwordHash: '', createdMs: 1 });
    for (const username of ['bob', 'alice']) await addKey(world.region, username);
    const ids: string[] = [];
    for (let index = 0; index < MACHINES; index += 1) {
      // Half of them a rack has booted.
      const nic = 0x525400000001 + index;
      const outcome = await world.region.enlist(index % 2 === 0 ? bootReport([nic]) : report([nic]));
      assert.ok(outcome.kind === 'create');
      ids.push(outcome.machine.systemId);
    }
    const pick = <T>(list: readonly T[]): T => {
      const one = list[random(list.length)];
      assert.ok(one !== undefined);
      return one;
    };
    let sequence = 0;
    const reached = new Set<MachineStatus>();
    const command = async (systemId: string): Promise<void> => {
      const name: CommandName = pick(COMMAND_NAMES);
      const deployBy = pick(['image', 'installer'] as const);
      const deployment = { ...TRIXIE, deployBy, userData: Buffer.from('x') };
      const erase = random(3) === 0 ? pick(['signatures', 'all'] as const) : undefined;
      const by = random(5) === 0 ? ALICE : BOB;
      await world.region.life.command(systemId, { name, deployment, erase, skipsCommissioning: random(2) === 0 }, by);
    };
    // Actions of users and their clients besides commands.
    const aside: readonly ((machine: Machine) => Promise<void>)[] = [
      async ({ systemId }) => {
        await world.region.life.switchPower(
          systemId,
          pick(['on', 'off', 'soft-off', 'cycle'] as const),
          pick([BOB, ALICE]),
        );
      },
      async ({ systemId }) => {
        await world.region.life.powerSeen(systemId, pick(['on', 'off', 'error', 'unknown'] as const));
      },
      async (machine) => {
        await openDebugLogin(world.region, machine, pick([BOB, ALICE]), 1 + random(DEBUG_SECONDS_MAX));
      },
      async (machine) => {
        await closeDebugLogin(world.region, machine, pick([BOB, ALICE]));
      },
      async ({ systemId, bootToken }) => {
        // A key is given for the token of a boot only.
        if (bootToken !== undefined) await keyOfMachine(world.region.store, place.clock, systemId);
      },
      async ({ systemId }) => {
        await world.region.editMachine(systemId, { hostname: pick(['web', 'db', 'mail', 'ns']) }, 'bob');
      },
      async ({ systemId }) => {
        await world.region.life.startFromNetwork(systemId);
      },
    ];
    const steps: readonly ((systemId: string) => Promise<void>)[] = [
      command,
      command,
      command,
      async (systemId) => {
        const machine = await world.region.store.findMachine(systemId);
        if (machine !== undefined) await pick(aside)(machine);
      },
      async (systemId) => {
        const stage = pick(['started', 'written', 'installed', 'left', '']);
        const status = pick(['WORKING', 'OK', 'OK', 'FAILED'] as const);
        const machine = await world.region.store.findMachine(systemId);
        // Only the holder of the token of its boot gets as far as this.
        if (machine?.bootToken !== undefined) await world.region.life.signal(systemId, { status, stage, message: 'x' });
      },
      async (systemId) => {
        const nic = (await world.region.store.findMachine(systemId))?.interfaces[0]?.mac ?? 0;
        sequence += 1;
        const kind = pick(['http.rendered', 'dhcp.offer', 'dhcp.ack']);
        const mac = `52:54:00:00:00:0${(nic % 16).toString(16)}`;
        await world.region.observe([
          {
            sequence,
            kind,
            at: place.clock.wallTimeMs(),
            mac,
            text: 'x',
            params: { client: pick(['', 'bios']), file: 'y' },
          },
        ]);
      },
      async (systemId) => {
        const kind = pick(['done', 'done', 'unreachable', 'unknown'] as const);
        const machine = await world.region.store.findMachine(systemId);
        await world.region.life.powerSwitched(systemId, powerEnd(machine, kind, 'as its driver says'));
      },
      () => place.clock.pass(random(25) * 60_000),
      (systemId) => world.crash(random(2) === 0 ? undefined : () => command(systemId)),
    ];
    // A walk that stayed in one corner continues, so that each shows enough.
    for (let step = 0; step < STEPS || (reached.size < STATES_MIN && step < STEPS_MAX); step += 1) {
      await pick(steps)(pick(ids));
      await assertSense(world);
      for (const machine of await world.machines()) reached.add(machine.status);
    }
    assert.ok(reached.size >= STATES_MIN, `only ${[...reached].join(', ')} were reached`);
  } finally {
    await world.close();
    await place.remove();
  }
});

test('two hundred machines at once go through the whole life cycle and end Ready without leftovers', {
  timeout: 120_000,
}, async () => {
  const place = await makeRegion({ newMachinesMax: 400 });
  const world = await World.make(place);
  const { region } = world;
  const all = (work: (systemId: string) => Promise<void>): Promise<void> =>
    region.store.transact(async () => {
      for (const { systemId } of await world.machines()) await work(systemId);
    });
  const order = async (systemId: string, name: CommandName, more = {}): Promise<void> => {
    const outcome = await region.life.command(systemId, { name, ...more }, BOB);
    if (outcome.kind !== 'changed') assert.fail(outcome.kind === 'refuse' ? outcome.refusal.text : systemId);
  };
  const tell = async (systemId: string, stage: string): Promise<void> => {
    await region.life.signal(systemId, { status: 'OK', stage, message: '' });
  };
  const powered = async (systemId: string): Promise<void> => {
    const machine = await region.store.findMachine(systemId);
    if (machine?.powerTask !== undefined) await region.life.powerSwitched(systemId, powerEnd(machine));
  };
  const assertAll = async (expected: MachineStatus): Promise<void> =>
    assert.equal(await region.store.countMachines({ statuses: [expected] }), COUNT, expected);
  try {
    await greetRack(region, '10.20.4.255');
    await addKey(region);
    await region.store.transact(async () => {
      for (let index = 0; index < COUNT; index += 1) await region.enlist(report([0x525400010000 + index]));
    });
    await all((systemId) => order(systemId, 'accept'));
    await all(powered);
    await all((systemId) => tell(systemId, 'measured'));
    await assertAll('ready');
    const deployment = { ...TRIXIE, userData: Buffer.from('x') };
    await all((systemId) => order(systemId, 'deploy', { deployment }));
    await all(powered);
    await all((systemId) => tell(systemId, 'written'));
    await all((systemId) => tell(systemId, 'installed'));
    await assertAll('deployed');
    const given = new Set((await world.machines()).flatMap(({ addresses }) => addresses.map(({ address }) => address)));
    assert.equal(given.size, COUNT);
    await all((systemId) => order(systemId, 'release', { erase: 'signatures' }));
    await all(powered);
    await all((systemId) => tell(systemId, 'erased'));
    await all(powered);
    await assertAll('ready');
    for (const machine of await world.machines()) {
      assert.deepEqual(
        [machine.owner, machine.addresses, machine.release, machine.powerTask],
        [undefined, [], '', undefined],
      );
    }
  } finally {
    await world.close();
    await place.remove();
  }
});
