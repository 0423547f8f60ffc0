// The life of machines on a real store and in virtual time: addresses, deadlines, what hangs, signals, and who is told what.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, mac, parseIpv4 } from '../../src/net/address.ts';
import type { Actor, MachineCommand } from '../../src/region/commands.ts';
import type { Machine } from '../../src/region/machine.ts';
import type { PowerControl } from '../../src/region/machine-life.ts';
import { openRegion, type Region } from '../../src/region/region.ts';
import { type RegionPlace, report, withRegion } from './place.ts';

const MINUTE_MS = 60_000;
const A = 0x525400000001;
const B = 0x525400000002;
const MAC_A = '52:54:00:00:00:01';
const BOB: Actor = { username: 'bob', isAdmin: true, comment: '' };
const KEY = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.alloc(36, 1)]).toString('base64')} bob`;
const IMAGE = {
  os: 'debian',
  release: 'trixie',
  path: '/images/aa/a.img',
  sha256: 'a'.repeat(64),
  bytes: 10,
  format: 'raw',
};

/** A rack with static addresses 10.20.0.10 to 10.20.0.12. */
function greetRack(region: Region): void {
  region.racks.greet({
    uuid: '0fd4c0a2-2c4e-4a3c-9a3b-0000000000aa',
    name: 'rack-1',
    version: '0',
    pinned: [],
    interfaces: [
      {
        name: 'lab',
        interface: 'eth1',
        ip: '10.20.0.1',
        network: '10.20.0.0/24',
        management: 2,
        ip_range_low: '10.20.0.100',
        ip_range_high: '10.20.0.199',
        static_ip_range_low: '10.20.0.10',
        static_ip_range_high: '10.20.0.12',
        router_ip: '10.20.0.11',
      },
    ],
  });
}

/** The region of a place opened anew, with a store of one image; `switched`: all machines are switched by us. */
function reopen({ store, config, clock, region }: RegionPlace, power?: PowerControl): Region {
  region.close();
  return openRegion({
    config,
    store,
    clock,
    power,
    findImage: ({ os, release }) => (os === IMAGE.os && release === IMAGE.release ? IMAGE : undefined),
    onDesiredState: () => undefined,
  });
}

function addKey({ store }: RegionPlace): void {
  store.life.addSshKey({ username: 'bob', key: KEY, createdMs: 1 }, 4, {
    type: 'AUTHORISATION',
    description: 'x',
    atMs: 1,
    username: 'bob',
  });
}

function enlist(region: Region, address: number = A): string {
  const outcome = region.enlist(report([address]));
  assert.ok(outcome.kind === 'create');
  return outcome.machine.systemId;
}

function ready(region: Region, address: number = A): string {
  const systemId = enlist(region, address);
  order(region, systemId, { name: 'accept', skipsCommissioning: true });
  return systemId;
}

function order(region: Region, systemId: string, command: MachineCommand, options = {}): Machine {
  const outcome = region.life.command(systemId, command, BOB, options);
  if (outcome.kind !== 'changed') assert.fail(outcome.kind === 'refuse' ? outcome.refusal.text : 'not found');
  return outcome.machine;
}

const DEPLOY: MachineCommand = {
  name: 'deploy',
  deployment: { osystem: 'debian', release: 'trixie', deployBy: 'image' },
};
const get = (region: Region, systemId: string): Machine => {
  const machine = region.store.findMachine(systemId);
  assert.ok(machine);
  return machine;
};
let sequence = 0;
function see(region: Region, clock: RegionPlace['clock'], kind: string, text: string, address?: string): void {
  sequence += 1;
  region.observe([
    { sequence, kind, at: clock.wallTimeMs(), mac: MAC_A, text, ...(address === undefined ? {} : { address }) },
  ]);
}
const addressesOf = (machine: Machine): string[] => machine.addresses.map(({ address }) => formatIpv4(address));

test('an allocation takes a free address of the static range, the racks are told it, and a release takes it back', () =>
  withRegion((place) => {
    const { region } = place;
    greetRack(region);
    const one = ready(region, A);
    const two = ready(region, B);
    // 10.20.0.11 is the router's.
    assert.deepEqual(addressesOf(order(region, one, { name: 'allocate' })), ['10.20.0.10']);
    assert.deepEqual(addressesOf(order(region, two, { name: 'allocate' })), ['10.20.0.12']);
    assert.deepEqual(region.desiredState().machines[0]?.addresses, [{ mac: A, address: parseIpv4('10.20.0.10') }]);
    const third = ready(region, 0x525400000003);
    const full = region.life.command(third, { name: 'allocate' }, BOB);
    assert.ok(full.kind === 'refuse' && full.refusal.reason === 'addresses-exhausted');
    assert.equal(get(region, third).status, 'ready');
    const freed = order(region, one, { name: 'release' });
    assert.deepEqual([freed.status, freed.owner, addressesOf(freed)], ['ready', undefined, []]);
    assert.deepEqual(region.desiredState().machines[0]?.addresses, []);
    assert.deepEqual(addressesOf(order(region, third, { name: 'allocate' })), ['10.20.0.10']);
  }));

test('the address that is asked for is given, unless it is somebody’s, kept, or in no network', () =>
  withRegion(({ region }) => {
    greetRack(region);
    const one = ready(region, A);
    const two = ready(region, B);
    const ask = (systemId: string, text: string): string => {
      const options = { address: parseIpv4(text) };
      const outcome = region.life.command(systemId, { name: 'allocate' }, BOB, options);
      return outcome.kind === 'refuse' ? `${outcome.refusal.reason}: ${outcome.refusal.text}` : outcome.kind;
    };
    for (const [text, why] of [
      ['10.20.0.1', /rack's/],
      ['10.20.0.11', /router's/],
      ['10.20.0.0', /network itself/],
      ['10.20.0.255', /network itself/],
      ['10.20.0.150', /dynamic range/],
      ['192.0.2.1', /no network/],
    ] as const) {
      assert.match(ask(one, text), why);
    }
    assert.equal(ask(one, '10.20.0.50'), 'changed');
    assert.match(ask(two, '10.20.0.50'), /another machine's/);
    assert.equal(get(region, two).status, 'ready');
  }));

test('an address with which another machine was seen is given last, and what was seen of a machine never blocks its own', () =>
  withRegion(({ region, clock }) => {
    greetRack(region);
    const one = ready(region, A);
    const two = ready(region, B);
    see(region, clock, 'dhcp.ack', 'Has 10.20.0.10', '10.20.0.10');
    assert.deepEqual(addressesOf(order(region, two, { name: 'allocate' })), ['10.20.0.12']);
    assert.deepEqual(addressesOf(order(region, one, { name: 'allocate' })), ['10.20.0.10']);
    assert.equal(get(region, one).addresses[0]?.mac, mac(A));
  }));

test('a machine that nobody but a person can switch on waits, and its time begins with its first boot', () =>
  withRegion(({ region, clock }) => {
    const systemId = enlist(region);
    const begun = order(region, systemId, { name: 'accept' });
    assert.deepEqual(
      [begun.status, begun.statusMessage, begun.statusDeadlineMs, begun.work?.waitsForBoot],
      ['commissioning', 'waiting to be switched on', undefined, true],
    );
    clock.advance(24 * 60 * MINUTE_MS);
    assert.equal(get(region, systemId).status, 'commissioning');
    see(region, clock, 'boot.configuration-rendered', 'was told what to load');
    const started = get(region, systemId);
    assert.equal(started.statusDeadlineMs, clock.wallTimeMs() + 20 * MINUTE_MS);
    assert.equal(started.work?.waitsForBoot, false);
    clock.advance(21 * MINUTE_MS);
    const failed = get(region, systemId);
    assert.equal(failed.status, 'failed-commissioning');
    assert.equal(failed.statusMessage, 'Commissioning did not end within 20 minutes; last seen: was told what to load');
  }));

test('what hung is started once more by itself, with another token, and fails then; a restart in between changes nothing', () =>
  withRegion((place) => {
    const { clock } = place;
    let region = reopen(place, { switches: () => true });
    const systemId = enlist(region);
    const begun = order(region, systemId, { name: 'accept' });
    assert.equal(begun.powerTask, 'cycle');
    assert.ok(begun.statusDeadlineMs !== undefined);
    region.life.powerSwitched(systemId, { task: 'cycle', isDone: true, text: '' });
    assert.deepEqual([get(region, systemId).powerTask, get(region, systemId).powerState], [undefined, 'on']);
    clock.advance(20 * MINUTE_MS - 5000);
    region = reopen({ ...place, region }, { switches: () => true });
    clock.advance(8000);
    const again = get(region, systemId);
    assert.deepEqual([again.status, again.work?.attempts, again.powerTask], ['commissioning', 1, 'cycle']);
    assert.notEqual(again.bootToken, begun.bootToken);
    assert.match(again.statusMessage, /it is started again$/);
    clock.advance(21 * MINUTE_MS);
    assert.equal(get(region, systemId).status, 'failed-commissioning');
    region.close();
  }));

test('a deployment: refused without a key or an image, written, told to start its disk, Deployed when its system is seen', () =>
  withRegion((place) => {
    const { clock } = place;
    const region = reopen(place);
    greetRack(region);
    const systemId = ready(region);
    const why = (command: MachineCommand): string => {
      const outcome = region.life.command(systemId, command, BOB);
      return outcome.kind === 'refuse' ? outcome.refusal.reason : outcome.kind;
    };
    assert.equal(why(DEPLOY), 'no-ssh-key');
    addKey(place);
    assert.equal(
      why({ name: 'deploy', deployment: { osystem: 'debian', release: 'sid', deployBy: 'image' } }),
      'image-missing',
    );
    const userData = Buffer.from('#cloud-config\n');
    const begun = order(region, systemId, {
      name: 'deploy',
      deployment: { osystem: 'debian', release: 'trixie', deployBy: 'image', userData },
    });
    assert.deepEqual([begun.status, begun.owner, addressesOf(begun)], ['deploying', 'bob', ['10.20.0.10']]);
    assert.deepEqual(region.store.life.userData(systemId), new Uint8Array(userData));
    const purpose = (): string | undefined => region.desiredState().machines[0]?.purpose;
    assert.equal(purpose(), 'commissioning');
    region.life.signal(systemId, { status: 'WORKING', stage: 'writing', message: '', doneBytes: 5, totalBytes: 10 });
    assert.equal(get(region, systemId).work?.doneBytes, 5);
    for (let count = 0; count < 2; count += 1) {
      region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
      assert.deepEqual(
        [get(region, systemId).status, get(region, systemId).netboot, purpose()],
        ['deploying', false, 'local'],
      );
    }
    // The environment keeps its lease, firmware asks for an address and is told to start the disk: none of that is the system.
    see(region, clock, 'dhcp.ack', 'Keeps 10.20.0.10', '10.20.0.10');
    see(region, clock, 'dhcp.offer', 'Asked for an address and was offered 10.20.0.10; to load pxelinux.0');
    see(region, clock, 'dhcp.ack', 'Has 10.20.0.10', '10.20.0.10');
    assert.equal(get(region, systemId).status, 'deploying');
    see(region, clock, 'boot.configuration-rendered', 'starts its own disk');
    see(region, clock, 'dhcp.offer', 'Asked for an address and was offered 10.20.0.10');
    see(region, clock, 'dhcp.ack', 'Has 10.20.0.10 as calm-otter', '10.20.0.10');
    const deployed = get(region, systemId);
    assert.deepEqual([deployed.status, deployed.bootToken, deployed.work], ['deployed', undefined, undefined]);
    assert.equal(deployed.release, 'trixie');
    const freed = order(region, systemId, { name: 'release', erase: 'signatures' });
    assert.equal(freed.status, 'disk-erasing');
    region.life.signal(systemId, { status: 'OK', stage: 'erased', message: '' });
    const free = get(region, systemId);
    assert.deepEqual([free.status, free.owner, free.osystem, addressesOf(free)], ['ready', undefined, '', []]);
    assert.equal(region.store.life.userData(systemId), undefined);
    region.close();
  }));

test('the installed system says itself that it is there; a failure says why, in clean words', () =>
  withRegion((place) => {
    addKey(place);
    const region = reopen(place);
    const one = ready(region, A);
    order(region, one, DEPLOY);
    region.life.signal(one, { status: 'OK', stage: 'installed', message: '' });
    assert.equal(get(region, one).status, 'deploying');
    region.life.signal(one, { status: 'OK', stage: 'written', message: '' });
    region.life.signal(one, { status: 'OK', stage: 'installed', message: '' });
    assert.equal(get(region, one).status, 'deployed');
    const two = ready(region, B);
    order(region, two, DEPLOY);
    region.life.signal(two, { status: 'FAILED', stage: 'writing', message: 'no space\n\u0007 left' });
    assert.deepEqual(
      [get(region, two).status, get(region, two).statusMessage],
      ['failed-deployment', 'writing: no space left'],
    );
    region.close();
  }));

test('power that cannot be switched fails what waits for it, in the words of its driver; a result of another task says nothing', () =>
  withRegion((place) => {
    const region = reopen(place, { switches: () => true });
    const systemId = enlist(region);
    order(region, systemId, { name: 'accept' });
    region.life.powerSwitched(systemId, { task: 'off', isDone: true, text: '' });
    assert.equal(get(region, systemId).powerTask, 'cycle');
    region.life.powerSwitched(systemId, { task: 'cycle', isDone: false, text: 'no route to 10.9.0.1' });
    const failed = get(region, systemId);
    assert.deepEqual([failed.status, failed.powerTask], ['failed-commissioning', undefined]);
    assert.equal(failed.statusMessage, 'its power could not be switched: no route to 10.9.0.1');
    region.close();
  }));

test('a release waits for the power to be off; a rescue ends where it began', () =>
  withRegion((place) => {
    addKey(place);
    const region = reopen(place, { switches: () => true });
    const systemId = ready(region);
    order(region, systemId, DEPLOY);
    region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
    region.life.signal(systemId, { status: 'OK', stage: 'installed', message: '' });
    order(region, systemId, { name: 'rescue' });
    region.life.signal(systemId, { status: 'WORKING', stage: 'started', message: '' });
    assert.equal(get(region, systemId).status, 'rescue-mode');
    assert.equal(order(region, systemId, { name: 'exit-rescue' }).powerTask, 'cycle');
    region.life.powerSwitched(systemId, { task: 'cycle', isDone: true, text: '' });
    assert.deepEqual([get(region, systemId).status, get(region, systemId).owner], ['deployed', 'bob']);
    const releasing = order(region, systemId, { name: 'release' });
    assert.deepEqual([releasing.status, releasing.powerTask], ['releasing', 'off']);
    region.life.powerSwitched(systemId, { task: 'off', isDone: true, text: '' });
    assert.deepEqual([get(region, systemId).status, get(region, systemId).powerState], ['ready', 'off']);
    region.close();
  }));

test('kernel arguments: of the machine, else of the first tag by name that has some, else the global ones', () =>
  withRegion(({ region, store }) => {
    const systemId = enlist(region);
    const event = { type: 'TAG', description: 'x', atMs: 1, username: 'bob' } as const;
    const told = (): string | undefined => region.desiredState().machines[0]?.kernelParams;
    for (const [name, kernelParams] of [
      ['b-serial', 'console=ttyS0'],
      ['a-empty', ''],
      ['c-late', 'quiet'],
    ] as const) {
      assert.equal(store.life.addTag({ name, comment: '', kernelParams }, 10, event), 'added');
      store.life.tagMachines(name, [systemId, 'zzzzzz'], [], event);
    }
    region.machinesChanged();
    assert.equal(told(), 'console=ttyS0');
    region.editMachine(systemId, { kernelParams: 'single' }, 'bob');
    assert.equal(told(), 'single');
    region.editMachine(systemId, { kernelParams: undefined }, 'bob');
    assert.equal(told(), 'console=ttyS0');
    assert.deepEqual(
      store.listMachines({ tags: ['c-late'] }, 0, 5).map((machine) => machine.systemId),
      [systemId],
    );
    store.life.removeTag('b-serial', event);
    region.machinesChanged();
    assert.equal(told(), 'quiet');
  }));
