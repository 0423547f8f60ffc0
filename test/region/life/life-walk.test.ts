// Random lives: commands, signals, leases, power by command and otherwise, debug logins, keys, names, time and crashes in any order. After
// every step the records must be consistent, and the desired state must equal the store. Many orderly lives at once end as they should.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMAND_NAMES, type CommandName } from '../../../src/region/life/commands.ts';
import { closeDebugLogin, DEBUG_SECONDS_MAX, findDebugLogin, openDebugLogin } from '../../../src/region/life/logins.ts';
import { checkTransition } from '../../../src/region/life/transition.ts';
import { keyOfMachine } from '../../../src/region/metadata/machine-keys.ts';
import { toRackMachine } from '../../../src/region/racks/desired-machine.ts';
import { type MachineStatus, statusRow } from '../../../src/region/records/lifecycle.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import { openRegion, type Region } from '../../../src/region/region.ts';
import { sentenceOf } from '../../../src/region/words/refusal.ts';
import { openRegionStore } from '../../../src/store/region-sqlite.ts';
import { printedRandom } from '../../support/printed-random.ts';
import { bootReport, makeRegion, type RegionPlace, report } from '../place.ts';
import { heldPower, powerEnd } from './held-power.ts';

const STEPS = 300;
const STEPS_MAX = 10 * STEPS;
const STATES_MIN = 10;
const MACHINES = 4;
const BOB = { username: 'bob', isAdmin: true, comment: '' };
const IMAGE = {
  os: 'debian',
  release: 'trixie',
  path: '/images/aa/a.img',
  sha256: 'a'.repeat(64),
  bytes: 10,
  format: 'raw',
};
const KEY = `ssh-ed25519 ${'A'.repeat(68)}`;
const ALICE = { username: 'alice', isAdmin: false, comment: '' };
const FREE: ReadonlySet<MachineStatus> = new Set(['new', 'ready', 'retired']);
/** The states on whose entry a machine's API key ends. */
const KEYLESS: ReadonlySet<MachineStatus> = new Set([...FREE, 'allocated', 'failed-commissioning']);
const WORD = { type: 'AUTHORISATION', code: 'rack', params: { text: 'x' }, atMs: 1, username: 'bob' } as const;

/** A region that can stop at any moment and start again. */
class World {
  readonly #place: RegionPlace;
  #store;
  region: Region;

  constructor(place: RegionPlace) {
    this.#place = place;
    place.region.close();
    this.#store = openRegionStore({ stateDir: place.stateDir });
    this.region = this.#open();
  }

  #open(): Region {
    const { config, clock } = this.#place;
    // Every second machine is switched by us.
    const power = heldPower((machine) => machine.id % 2 === 0);
    const findImage = () => IMAGE;
    return openRegion({ config, store: this.#store, clock, power, findImage, onDesiredState: () => undefined });
  }

  /** The process is killed, sometimes in the middle of a change, which then leaves no trace. */
  crash(inside: (() => void) | undefined): void {
    if (inside !== undefined) {
      assert.throws(() =>
        this.#store.atomically(() => {
          inside();
          throw new Error('the process ends');
        }),
      );
    }
    this.region.close();
    this.#store.close();
    this.#store = openRegionStore({ stateDir: this.#place.stateDir });
    this.region = this.#open();
  }

  close(): void {
    this.region.close();
    this.#store.close();
  }

  machines(): readonly Machine[] {
    return this.region.store.listMachines({}, 0, 2000);
  }
}

function greetRack(region: Region, high = '10.20.0.12'): void {
  const nic = { name: 'lab', interface: 'eth1', ip: '10.20.0.1', network: '10.20.0.0/16', management: 2 } as const;
  const ranges = {
    ip_range_low: '10.20.100.0',
    ip_range_high: '10.20.199.0',
    static_ip_range_low: '10.20.0.10',
    static_ip_range_high: high,
  };
  const uuid = '0fd4c0a2-2c4e-4a3c-9a3b-0000000000aa';
  region.racks.greet({
    uuid,
    name: 'rack-1',
    version: '0',
    pinned: [],
    interfaces: [{ ...nic, ...ranges, router_ip: '' }],
  });
}

function assertSense(world: World): void {
  const machines = world.machines();
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
      assert.equal(world.region.store.life.userData(machine.systemId), undefined, about);
    }
    if (KEYLESS.has(status)) assert.equal(world.region.store.life.machineKey(machine.systemId), undefined, about);
    const debug = findDebugLogin(world.region, machine);
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
    assertHistory(world, machine);
  }
  const reported = world.region.desiredState().machines;
  const shown = machines.map(toRackMachine).filter((machine) => machine !== undefined);
  assert.deepEqual(new Set(reported), new Set(shown));
  const unproven = machines.filter(({ status, vouchedMac }) => status === 'new' && vouchedMac === undefined);
  assert.equal(reported.length, machines.length - unproven.length);
}

/** Every logged step is in the table, begins where the previous one ended, and the last ends in the machine's state. */
function assertHistory(world: World, { systemId, status }: Machine): void {
  const filter = { machines: { systemIds: [systemId] }, limit: 5000 };
  let at: MachineStatus = 'new';
  for (const event of world.region.store.listEvents(filter).toReversed()) {
    if (event.code !== 'status-changed') continue;
    const { from, to } = event.params;
    assert.equal(from, at, `${from} to ${to}`);
    assert.equal(checkTransition(from, to), undefined, `${from} to ${to}`);
    at = to;
  }
  assert.equal(at, status);
}

test('after any events in any order, with crashes in between, the records are consistent', {
  timeout: 120_000,
}, () => {
  const random = printedRandom('life-walk');
  const place = makeRegion({}, random(1000) + 1);
  const world = new World(place);
  try {
    greetRack(world.region);
    // Bob is an administrator, also in the records; alice is an ordinary user.
    world.region.store.addUser({ ...BOB, email: '', passwordHash: '', createdMs: 1 });
    for (const username of ['bob', 'alice']) {
      world.region.store.life.addSshKey({ username, key: KEY, createdMs: 1 }, 4, WORD);
    }
    const ids = Array.from({ length: MACHINES }, (_, index) => {
      // Half of them a rack has booted.
      const nic = 0x525400000001 + index;
      const outcome = world.region.enlist(index % 2 === 0 ? bootReport([nic]) : report([nic]));
      assert.ok(outcome.kind === 'create');
      return outcome.machine.systemId;
    });
    const pick = <T>(list: readonly T[]): T => {
      const one = list[random(list.length)];
      assert.ok(one !== undefined);
      return one;
    };
    let sequence = 0;
    const reached = new Set<MachineStatus>();
    const command = (systemId: string): void => {
      const name: CommandName = pick(COMMAND_NAMES);
      const deployBy = pick(['image', 'installer'] as const);
      const deployment = { osystem: 'debian', release: 'trixie', deployBy, userData: Buffer.from('x') };
      const erase = random(3) === 0 ? pick(['signatures', 'all'] as const) : undefined;
      const by = random(5) === 0 ? ALICE : BOB;
      world.region.life.command(systemId, { name, deployment, erase, skipsCommissioning: random(2) === 0 }, by);
    };
    // Actions of users and their clients besides commands.
    const aside: readonly ((machine: Machine) => void)[] = [
      ({ systemId }) => {
        world.region.life.switchPower(systemId, pick(['on', 'off', 'soft-off', 'cycle'] as const), pick([BOB, ALICE]));
      },
      ({ systemId }) => {
        world.region.life.powerSeen(systemId, pick(['on', 'off', 'error', 'unknown'] as const), 'as was seen');
      },
      (machine) => {
        openDebugLogin(world.region, machine, pick([BOB, ALICE]), 1 + random(DEBUG_SECONDS_MAX));
      },
      (machine) => {
        closeDebugLogin(world.region, machine, pick([BOB, ALICE]));
      },
      ({ systemId, bootToken }) => {
        // A key is given for the token of a boot only.
        if (bootToken !== undefined) keyOfMachine(world.region.store, place.clock, systemId);
      },
      ({ systemId }) => {
        world.region.editMachine(systemId, { hostname: pick(['web', 'db', 'mail', 'ns']) }, 'bob');
      },
      ({ systemId }) => {
        world.region.life.startFromNetwork(systemId);
      },
    ];
    const steps: readonly ((systemId: string) => void)[] = [
      command,
      command,
      command,
      (systemId) => {
        const machine = world.region.store.findMachine(systemId);
        if (machine !== undefined) pick(aside)(machine);
      },
      (systemId) => {
        const stage = pick(['started', 'written', 'installed', 'left', '']);
        const status = pick(['WORKING', 'OK', 'OK', 'FAILED'] as const);
        const machine = world.region.store.findMachine(systemId);
        // Only the holder of the token of its boot gets as far as this.
        if (machine?.bootToken !== undefined) world.region.life.signal(systemId, { status, stage, message: 'x' });
      },
      (systemId) => {
        const nic = world.region.store.findMachine(systemId)?.interfaces[0]?.mac ?? 0;
        sequence += 1;
        const kind = pick(['boot.configuration-rendered', 'dhcp.offer', 'dhcp.ack']);
        const mac = `52:54:00:00:00:0${(nic % 16).toString(16)}`;
        world.region.observe([
          {
            sequence,
            kind,
            at: place.clock.wallTimeMs(),
            mac,
            text: 'x',
            fields: { client: pick(['', 'bios']), file: 'y' },
          },
        ]);
      },
      (systemId) => {
        const kind = pick(['done', 'done', 'unreachable', 'unknown'] as const);
        const machine = world.region.store.findMachine(systemId);
        world.region.life.powerSwitched(systemId, powerEnd(machine, kind, 'as its driver says'));
      },
      () => place.clock.advance(random(25) * 60_000),
      (systemId) => world.crash(random(2) === 0 ? undefined : () => command(systemId)),
    ];
    // A walk that stayed in one corner goes on, so that each shows enough.
    for (let step = 0; step < STEPS || (reached.size < STATES_MIN && step < STEPS_MAX); step += 1) {
      pick(steps)(pick(ids));
      assertSense(world);
      for (const machine of world.machines()) reached.add(machine.status);
    }
    assert.ok(reached.size >= STATES_MIN, `only ${[...reached].join(', ')} were reached`);
  } finally {
    world.close();
    place.remove();
  }
});

test('a thousand machines at once go through the whole life cycle and end Ready without leftovers', {
  timeout: 120_000,
}, () => {
  const place = makeRegion({ newMachinesMax: 2000 });
  const world = new World(place);
  const { region } = world;
  const all = (work: (systemId: string) => void): void =>
    region.atomically(() => {
      for (const { systemId } of world.machines()) work(systemId);
    });
  const order = (systemId: string, name: CommandName, more = {}): void => {
    const outcome = region.life.command(systemId, { name, ...more }, BOB);
    if (outcome.kind !== 'changed') assert.fail(outcome.kind === 'refuse' ? sentenceOf(outcome.refusal) : systemId);
  };
  const tell = (systemId: string, stage: string): void =>
    void region.life.signal(systemId, { status: 'OK', stage, message: '' });
  const powered = (systemId: string): void => {
    const machine = region.store.findMachine(systemId);
    if (machine?.powerTask !== undefined) region.life.powerSwitched(systemId, powerEnd(machine));
  };
  const assertAll = (expected: MachineStatus): void =>
    assert.equal(region.store.countMachines({ statuses: [expected] }), 1000, expected);
  try {
    greetRack(region, '10.20.4.255');
    region.store.life.addSshKey({ username: 'bob', key: KEY, createdMs: 1 }, 4, WORD);
    region.atomically(() => {
      for (let index = 0; index < 1000; index += 1) region.enlist(report([0x525400010000 + index]));
    });
    all((systemId) => order(systemId, 'accept'));
    all(powered);
    all((systemId) => tell(systemId, 'measured'));
    assertAll('ready');
    const deployment = { osystem: 'debian', release: 'trixie', deployBy: 'image', userData: Buffer.from('x') };
    all((systemId) => order(systemId, 'deploy', { deployment }));
    all(powered);
    all((systemId) => tell(systemId, 'written'));
    all((systemId) => tell(systemId, 'installed'));
    assertAll('deployed');
    const given = new Set(world.machines().flatMap(({ addresses }) => addresses.map(({ address }) => address)));
    assert.equal(given.size, 1000);
    all((systemId) => order(systemId, 'release', { erase: 'signatures' }));
    all(powered);
    all((systemId) => tell(systemId, 'erased'));
    all(powered);
    assertAll('ready');
    for (const machine of world.machines()) {
      assert.deepEqual(
        [machine.owner, machine.addresses, machine.release, machine.powerTask],
        [undefined, [], '', undefined],
      );
    }
  } finally {
    world.close();
    place.remove();
  }
});
