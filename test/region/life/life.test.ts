// The life cycle of machines on a real store and in virtual time: addresses, deadlines, hung machines, signals, notifications.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, mac, parseIpv4 } from '../../../src/net/address.ts';
import type { Actor, MachineCommand } from '../../../src/region/life/commands.ts';
import { openDebugLogin } from '../../../src/region/life/logins.ts';
import { decideLock } from '../../../src/region/life/ownership.ts';
import type { PowerControl } from '../../../src/region/life/power-life.ts';
import { keyOfMachine } from '../../../src/region/metadata/machine-keys.ts';
import type { ReportFields } from '../../../src/region/records/event-params.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import { LINK_VERSION } from '../../../src/region/records/rack.ts';
import { openRegion, type Region } from '../../../src/region/region.ts';
import { sentenceOf as refusalSentence } from '../../../src/region/words/refusal.ts';
import { reasonOf, sentenceOf } from '../../support/sentences.ts';
import { bootReport, type RegionPlace, report, withRegion } from '../place.ts';
import { heldPower, powerEnd } from './held-power.ts';

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
function greetRack(region: Region, more: object = {}): void {
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
        ...more,
      },
    ],
  });
}

/** Reopens a place's region with an image store of one image; `switched`: Rackboot switches all machines. */
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
    code: 'rack',
    params: { text: 'x' },
    atMs: 1,
    username: 'bob',
  });
}

function enlist(region: Region, address: number = A): string {
  const outcome = region.enlist(bootReport([address]));
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
  if (outcome.kind !== 'changed')
    assert.fail(outcome.kind === 'refuse' ? refusalSentence(outcome.refusal) : 'not found');
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
function see(
  region: Region,
  clock: RegionPlace['clock'],
  kind: string,
  text: string,
  { address, ...fields }: ReportFields & { readonly address?: string } = {},
): void {
  sequence += 1;
  region.observe([{ sequence, kind, at: clock.wallTimeMs(), mac: MAC_A, text, address, fields }]);
}
const addressesOf = (machine: Machine): string[] => machine.addresses.map(({ address }) => formatIpv4(address));

test('an allocation takes a free address of the static range, racks get it, and a release takes it back', () =>
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
    assert.ok(full.kind === 'refuse' && full.refusal.name === 'addresses-exhausted');
    assert.equal(get(region, third).status, 'ready');
    const freed = order(region, one, { name: 'release' });
    assert.deepEqual([freed.status, freed.owner, addressesOf(freed)], ['ready', undefined, []]);
    assert.deepEqual(region.desiredState().machines[0]?.addresses, []);
    assert.deepEqual(addressesOf(order(region, third, { name: 'allocate' })), ['10.20.0.10']);
  }));

test('a requested address is allocated unless it is taken, reserved, or in no network', () =>
  withRegion(({ region }) => {
    greetRack(region);
    const one = ready(region, A);
    const two = ready(region, B);
    const ask = (systemId: string, text: string): string => {
      const options = { address: parseIpv4(text) };
      const outcome = region.life.command(systemId, { name: 'allocate' }, BOB, options);
      return outcome.kind === 'refuse' ? `${outcome.refusal.name}: ${refusalSentence(outcome.refusal)}` : outcome.kind;
    };
    for (const [text, why] of [
      ['10.20.0.1', /rack's/],
      ['10.20.0.11', /router's/],
      ['10.20.0.0', /network's own or its broadcast/],
      ['10.20.0.255', /network's own or its broadcast/],
      ['10.20.0.150', /dynamic range/],
      ['192.0.2.1', /no network/],
    ] as const) {
      assert.match(ask(one, text), why);
    }
    assert.equal(ask(one, '10.20.0.50'), 'changed');
    assert.match(ask(two, '10.20.0.50'), /another machine's/);
    assert.equal(get(region, two).status, 'ready');
  }));

test('an address reserved in a rack’s configuration goes only to its client, and a rack’s own address to no machine', () =>
  withRegion((place) => {
    const region = reopen(place);
    addKey(place);
    greetRack(region, { reservations: [{ mac: '52:54:00:00:00:02', ip: '10.20.0.10' }] });
    const other = { name: 'rack-2', version: '0', uplink: LINK_VERSION, address: '10.20.0.12' };
    region.racks.register({
      ...other,
      uuid: '0fd4c0a2-2c4e-4a3c-9a3b-0000000000bb',
      key: { kind: 'administrator', token: 'token', username: 'bob' },
      interfaces: [
        {
          ...{
            name: 'lab',
            interface: 'eth1',
            ip: '10.20.0.12',
            network: '10.20.0.0/24',
            management: 2,
            router_ip: '',
          },
          ...{ ip_range_low: '10.20.0.200', ip_range_high: '10.20.0.210' },
          ...{ static_ip_range_low: '10.20.0.20', static_ip_range_high: '10.20.0.20' },
        },
      ],
    });
    const [one, two, three] = [ready(region, A), ready(region, B), ready(region, 0x525400000003)];
    const ask = (systemId: string, text: string): string => {
      const outcome = region.life.command(systemId, { name: 'allocate' }, BOB, { address: parseIpv4(text) });
      return outcome.kind === 'refuse' ? refusalSentence(outcome.refusal) : outcome.kind;
    };
    assert.match(ask(one, '10.20.0.10'), /is reserved for 52:54:00:00:00:02 in the configuration of a rack/);
    assert.match(ask(one, '10.20.0.12'), /rack's/);
    assert.match(ask(one, '10.20.0.205'), /dynamic range/);
    // The other rack's range in the same network, for all of the first one's is kept.
    assert.deepEqual(addressesOf(order(region, one, { name: 'allocate' })), ['10.20.0.20']);
    assert.deepEqual(addressesOf(order(region, two, { name: 'allocate' })), ['10.20.0.10']);
    const full = region.life.command(three, { name: 'allocate' }, BOB);
    assert.ok(full.kind === 'refuse' && full.refusal.name === 'addresses-exhausted');
    assert.match(refusalSentence(full.refusal), /10\.20\.0\.10 to 10\.20\.0\.12 and 10\.20\.0\.20 to 10\.20\.0\.20/);
    // Values requested at its deployment replace the former ones.
    const moved = order(region, one, DEPLOY, { address: parseIpv4('10.20.0.77') });
    assert.deepEqual(addressesOf(moved), ['10.20.0.77']);
    assert.deepEqual(addressesOf(order(region, three, { name: 'allocate' })), ['10.20.0.20']);
    region.close();
  }));

test('an address last seen of another machine is allocated last, and a machine’s own sightings never block it', () =>
  withRegion(({ region, clock }) => {
    greetRack(region);
    const one = ready(region, A);
    const two = ready(region, B);
    see(region, clock, 'dhcp.ack', 'Has 10.20.0.10', { address: '10.20.0.10' });
    assert.deepEqual(addressesOf(order(region, two, { name: 'allocate' })), ['10.20.0.12']);
    assert.deepEqual(addressesOf(order(region, one, { name: 'allocate' })), ['10.20.0.10']);
    assert.equal(get(region, one).addresses[0]?.mac, mac(A));
  }));

test('a machine that only a person can switch on waits, and its time begins with its first boot', () =>
  withRegion(({ region, clock }) => {
    const systemId = enlist(region);
    const begun = order(region, systemId, { name: 'accept' });
    assert.deepEqual(
      [begun.status, reasonOf(begun), begun.statusDeadlineMs, begun.work?.waitsForBoot],
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
    assert.equal(reasonOf(failed), 'Commissioning did not end within 20 minutes; last seen: was told what to load');
  }));

test('a hung machine is restarted once with a new token and then fails; a restart of the region changes nothing', () =>
  withRegion((place) => {
    const { clock } = place;
    let region = reopen(place, heldPower());
    const systemId = enlist(region);
    const begun = order(region, systemId, { name: 'accept' });
    assert.equal(begun.powerTask, 'cycle');
    assert.ok(begun.statusDeadlineMs !== undefined);
    region.life.powerSwitched(systemId, powerEnd(get(region, systemId)));
    assert.deepEqual([get(region, systemId).powerTask, get(region, systemId).powerState], [undefined, 'on']);
    clock.advance(20 * MINUTE_MS - 5000);
    region = reopen({ ...place, region }, heldPower());
    clock.advance(8000);
    const again = get(region, systemId);
    assert.deepEqual([again.status, again.work?.attempts, again.powerTask], ['commissioning', 1, 'cycle']);
    assert.notEqual(again.bootToken, begun.bootToken);
    assert.match(reasonOf(again), /; restarting it$/);
    clock.advance(21 * MINUTE_MS);
    assert.equal(get(region, systemId).status, 'failed-commissioning');
    region.close();
  }));

test('a deployment that hangs before its disk is written restarts once with new secrets; one that hangs later does not restart', () =>
  withRegion((place) => {
    const { clock } = place;
    const region = reopen(place, heldPower());
    greetRack(region);
    addKey(place);
    const systemId = ready(region);
    const begun = order(region, systemId, DEPLOY);
    region.life.powerSwitched(systemId, powerEnd(begun));
    const key = keyOfMachine(region.store, clock, systemId);
    clock.advance(41 * MINUTE_MS);
    const again = get(region, systemId);
    assert.deepEqual([again.status, again.work?.attempts, again.powerTask], ['deploying', 1, 'cycle']);
    assert.notEqual(again.bootToken, begun.bootToken);
    assert.equal(region.store.life.machineKey(systemId), undefined);
    assert.notEqual(keyOfMachine(region.store, clock, systemId)?.tokenSecret, key?.tokenSecret);
    region.life.powerSwitched(systemId, powerEnd(again));
    region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
    clock.advance(41 * MINUTE_MS);
    const failed = get(region, systemId);
    assert.deepEqual([failed.status, failed.powerTask], ['failed-deployment', undefined]);
    assert.match(reasonOf(failed), /its disk was written, but its system was not seen/);
    region.close();
  }));

test('the key of a machine ends with an abort, with a new deployment, and with its release, also one that erases', () =>
  withRegion((place) => {
    const { clock } = place;
    const region = reopen(place, heldPower());
    greetRack(region);
    addKey(place);
    const systemId = ready(region);
    const ended = (what: string, work: () => void): void => {
      const key = keyOfMachine(region.store, clock, systemId);
      assert.ok(key !== undefined);
      work();
      assert.equal(region.store.life.findMachineKey(key.tokenKey), undefined, what);
    };
    order(region, systemId, DEPLOY);
    ended('an abort', () => order(region, systemId, { name: 'abort' }));
    order(region, systemId, DEPLOY);
    region.life.signal(systemId, { status: 'FAILED', stage: 'writing', message: '' });
    ended('a new deployment', () => order(region, systemId, DEPLOY));
    ended('its release', () => order(region, systemId, { name: 'release' }));
    region.life.powerSwitched(systemId, powerEnd(get(region, systemId)));
    order(region, systemId, DEPLOY);
    ended('a release that erases', () => order(region, systemId, { name: 'release', erase: 'all' }));
    region.close();
  }));

test('a key made for a test ends with the test; the key of a deployed system survives Broken', () =>
  withRegion((place) => {
    const { clock } = place;
    const region = reopen(place, heldPower());
    greetRack(region);
    addKey(place);
    const systemId = ready(region);
    const keyAfter = (last: () => void): boolean => {
      const key = keyOfMachine(region.store, clock, systemId);
      last();
      return region.store.life.machineKey(systemId)?.tokenKey === key?.tokenKey;
    };
    const fail = (): void => void region.life.signal(systemId, { status: 'FAILED', stage: 'memory', message: '' });
    order(region, systemId, { name: 'test' });
    assert.equal(keyAfter(fail), false);
    assert.equal(get(region, systemId).status, 'failed-testing');
    order(region, systemId, { name: 'override-failed' });
    order(region, systemId, DEPLOY);
    const kept = keyAfter(() => {
      region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
      region.life.signal(systemId, { status: 'OK', stage: 'installed', message: '' });
      order(region, systemId, { name: 'mark-broken' });
      order(region, systemId, { name: 'test' });
      fail();
      order(region, systemId, { name: 'override-failed' });
    });
    assert.deepEqual([get(region, systemId).status, kept], ['deployed', true]);
    region.close();
  }));

test('a deployment is refused without an SSH key or an image; it writes the disk, boots it, and is Deployed when its system is seen', () =>
  withRegion((place) => {
    const { clock } = place;
    const region = reopen(place);
    greetRack(region);
    const systemId = ready(region);
    const why = (command: MachineCommand): string => {
      const outcome = region.life.command(systemId, command, BOB);
      return outcome.kind === 'refuse' ? outcome.refusal.name : outcome.kind;
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
    // The environment renews its lease, firmware asks for an address and is told to start the disk: none of that is the system.
    see(region, clock, 'dhcp.ack', 'Keeps 10.20.0.10', { address: '10.20.0.10' });
    see(region, clock, 'dhcp.offer', 'Offered 10.20.0.10', { client: 'bios', file: 'pxelinux.0' });
    see(region, clock, 'dhcp.ack', 'Has 10.20.0.10', { address: '10.20.0.10' });
    assert.equal(get(region, systemId).status, 'deploying');
    // Its rack did not know yet: the environment starts once more, and is not the system either.
    see(region, clock, 'boot.configuration-rendered', 'Was told to run the ephemeral environment', {
      purpose: 'commissioning',
    });
    see(region, clock, 'dhcp.ack', 'Has 10.20.0.10', { address: '10.20.0.10' });
    assert.equal(get(region, systemId).status, 'deploying');
    see(region, clock, 'boot.configuration-rendered', 'starts its own disk');
    see(region, clock, 'dhcp.offer', 'Offered 10.20.0.10', { client: '' });
    see(region, clock, 'dhcp.ack', 'Has 10.20.0.10 as calm-otter', { address: '10.20.0.10' });
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

test('a deployment runs its own user data, never that of the previous one', () =>
  withRegion((place) => {
    const region = reopen(place);
    greetRack(region);
    addKey(place);
    const systemId = ready(region);
    const system = { osystem: 'debian', release: 'trixie', deployBy: 'image' } as const;
    order(region, systemId, { name: 'deploy', deployment: { ...system, userData: Buffer.from('#!/bin/sh\n') } });
    region.life.signal(systemId, { status: 'FAILED', stage: 'writing', message: 'no space' });
    assert.notEqual(region.store.life.userData(systemId), undefined);
    order(region, systemId, { name: 'deploy', deployment: system });
    assert.equal(region.store.life.userData(systemId), undefined);
    region.close();
  }));

test('a system whose start was lost because the region stopped is Deployed when it renews its address', () =>
  withRegion((place) => {
    const { clock } = place;
    addKey(place);
    const region = reopen(place);
    const systemId = ready(region);
    order(region, systemId, DEPLOY);
    see(region, clock, 'dhcp.offer', 'Offered 10.20.0.100', { client: 'bios', file: 'lpxelinux.0' });
    region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
    // That may be what wrote the disk, which keeps its address to its end.
    clock.advance(MINUTE_MS);
    see(region, clock, 'dhcp.ack', 'Has 10.20.0.100', { address: '10.20.0.100' });
    assert.equal(get(region, systemId).status, 'deploying');
    clock.advance(10 * MINUTE_MS);
    see(region, clock, 'dhcp.ack', 'Has 10.20.0.100', { address: '10.20.0.100' });
    assert.equal(get(region, systemId).status, 'deployed');
    region.close();
  }));

test('a machine that keeps booting from the network instead of its disk becomes Failed deployment, with the reason', () =>
  withRegion((place) => {
    const { clock } = place;
    addKey(place);
    const region = reopen(place);
    const systemId = ready(region);
    order(region, systemId, DEPLOY);
    region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
    const startOnce = (): void => {
      clock.advance(MINUTE_MS);
      see(region, clock, 'dhcp.offer', 'Offered 10.20.0.100', { client: 'bios', file: 'lpxelinux.0' });
      see(region, clock, 'dhcp.ack', 'Has 10.20.0.100', { address: '10.20.0.100' });
      // One start may fetch it twice, by any protocol.
      for (const kind of ['http.rendered', 'tftp.sent']) {
        see(region, clock, kind, 'Got its configuration', { purpose: 'local' });
      }
    };
    for (let count = 0; count < 4; count += 1) startOnce();
    assert.equal(get(region, systemId).status, 'deploying');
    startOnce();
    const failed = get(region, systemId);
    assert.equal(failed.status, 'failed-deployment');
    assert.match(reasonOf(failed), /its disk does not start: .* told 5 times to boot it/);
    const events = region.store.listEvents({ machines: { systemIds: [systemId] }, level: 'error', limit: 5 });
    assert.equal(sentenceOf(events[0]), reasonOf(failed));
    // The next deployment begins its own count.
    order(region, systemId, DEPLOY);
    region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
    startOnce();
    assert.equal(get(region, systemId).status, 'deploying');
    clock.advance(41 * MINUTE_MS);
    assert.match(
      reasonOf(get(region, systemId)),
      /^Deploying did not end within 40 minutes; its disk was written, but its system was not seen; last seen: Got its/,
    );
    region.close();
  }));

test('the installed system’s report makes it Deployed; a failure is logged with its reason, cleaned', () =>
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
      [get(region, two).status, reasonOf(get(region, two))],
      ['failed-deployment', 'writing: no space \\x07 left'],
    );
    region.close();
  }));

test('a failed power task fails the work that waits for it, with the driver’s message; the outcome of a replaced task decides nothing', () =>
  withRegion((place) => {
    const region = reopen(place, heldPower());
    const systemId = enlist(region);
    order(region, systemId, { name: 'accept' });
    region.life.powerSwitched(systemId, powerEnd(undefined, 'done', '', 'off'));
    assert.equal(get(region, systemId).powerTask, 'cycle');
    region.life.powerSwitched(systemId, powerEnd(get(region, systemId), 'unreachable', 'no route to 10.9.0.1'));
    const failed = get(region, systemId);
    assert.deepEqual([failed.status, failed.powerTask], ['failed-commissioning', undefined]);
    assert.equal(reasonOf(failed), 'power cycle failed: no route to 10.9.0.1');
    region.close();
  }));

test('a power cycle is logged as switching on for a machine that was off, and as off and on otherwise', async () => {
  for (const [wasOff, words] of [
    [true, 'it was switched on'],
    [false, 'it was switched off and on'],
  ] as const) {
    await withRegion((place) => {
      const region = reopen(place, heldPower());
      const systemId = enlist(region);
      order(region, systemId, { name: 'accept' });
      region.life.powerSwitched(systemId, { ...powerEnd(get(region, systemId)), wasOff });
      const [event] = region.store.listEvents({ machines: { systemIds: [systemId] }, limit: 1 });
      assert.equal(sentenceOf(event), words);
      region.close();
    });
  }
});

test('a command or signal without a power task keeps a person’s task and drops a state’s', () =>
  withRegion((place) => {
    const region = reopen(place, heldPower());
    const systemId = ready(region);
    region.life.switchPower(systemId, 'on', BOB);
    const { powerTaskId } = get(region, systemId);
    const task = (): unknown => [get(region, systemId).powerTask, get(region, systemId).powerTaskId === powerTaskId];
    order(region, systemId, { name: 'allocate' });
    order(region, systemId, { name: 'mark-broken' });
    assert.deepEqual(task(), ['on', true]);
    order(region, systemId, { name: 'commission' });
    assert.deepEqual(task(), ['cycle', false]);
    order(region, systemId, { name: 'mark-broken' });
    assert.deepEqual(task(), [undefined, false]);
    region.life.powerSwitched(systemId, powerEnd(order(region, systemId, { name: 'commission' })));
    region.life.switchPower(systemId, 'soft-off', BOB);
    region.life.signal(systemId, { status: 'FAILED', stage: 'memory', message: '' });
    assert.deepEqual([get(region, systemId).status, ...[task()].flat()], ['failed-commissioning', 'soft-off', false]);
    region.close();
  }));

test('after an uncertain power-on, a machine has five minutes for its first sign of life before it is restarted once', () =>
  withRegion((place) => {
    const { clock } = place;
    const region = reopen(place, heldPower());
    const systemId = enlist(region);
    const begun = order(region, systemId, { name: 'accept' });
    region.life.powerSwitched(systemId, powerEnd(begun, 'unknown', 'the connection broke'));
    assert.equal(get(region, systemId).statusDeadlineMs, clock.wallTimeMs() + 5 * MINUTE_MS);
    clock.advance(4 * MINUTE_MS);
    // A sign of life gives it its whole time.
    region.life.alive(systemId, clock.wallTimeMs());
    clock.advance(19 * MINUTE_MS);
    assert.deepEqual([get(region, systemId).powerTask, get(region, systemId).work?.attempts], [undefined, 0]);
    clock.advance(2 * MINUTE_MS);
    const again = get(region, systemId);
    assert.deepEqual([again.powerTask, again.work?.attempts], ['cycle', 1]);
    assert.match(reasonOf(again), /^Commissioning did not end within 20 minutes/);
    region.life.powerSwitched(systemId, powerEnd(again, 'unknown', 'it broke again'));
    clock.advance(6 * MINUTE_MS);
    const failed = get(region, systemId);
    assert.equal(failed.status, 'failed-commissioning');
    const text = 'it may have been switched off and on: it broke again; no sign of life in the 5 minutes since';
    assert.equal(reasonOf(failed), text);
    // What has little time left is given no more.
    const late = order(region, systemId, { name: 'commission' });
    clock.advance(18 * MINUTE_MS);
    region.life.powerSwitched(systemId, powerEnd(late, 'unknown', 'the connection broke'));
    assert.equal(get(region, systemId).statusDeadlineMs, late.statusDeadlineMs);
    region.close();
  }));

test('until the power cycle, a signal from the former owner’s system does not end an erasure', () =>
  withRegion((place) => {
    addKey(place);
    const region = reopen(place, heldPower());
    const systemId = ready(region);
    order(region, systemId, DEPLOY);
    region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
    region.life.signal(systemId, { status: 'OK', stage: 'installed', message: '' });
    const erasing = order(region, systemId, { name: 'release', erase: 'all' });
    const erased = { status: 'OK', stage: 'erased', message: '' } as const;
    region.life.signal(systemId, erased);
    assert.deepEqual([get(region, systemId).status, get(region, systemId).powerTask], ['disk-erasing', 'cycle']);
    region.life.powerSwitched(systemId, powerEnd(erasing));
    region.life.signal(systemId, erased);
    assert.equal(get(region, systemId).status, 'releasing');
    region.close();
  }));

test('a locked machine refuses commands, but its power may be switched and a debug login opened', () =>
  withRegion((place) => {
    const { clock } = place;
    addKey(place);
    const region = reopen(place, heldPower());
    const systemId = ready(region);
    region.store.changeMachine(systemId, 1, (machine) => decideLock(machine, true, BOB, 1));
    const refused = region.life.command(systemId, { name: 'commission' }, BOB);
    assert.equal(refused.kind === 'refuse' ? refused.refusal.name : refused.kind, 'machine-locked');
    assert.equal(region.life.switchPower(systemId, 'on', BOB).kind, 'changed');
    assert.equal(openDebugLogin({ store: region.store, clock }, get(region, systemId), BOB, 60), undefined);
    region.close();
  }));

test('a release waits for the power-off; a rescue returns to the state before it', () =>
  withRegion((place) => {
    addKey(place);
    const region = reopen(place, heldPower());
    const systemId = ready(region);
    order(region, systemId, DEPLOY);
    region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
    region.life.signal(systemId, { status: 'OK', stage: 'installed', message: '' });
    order(region, systemId, { name: 'rescue' });
    region.life.signal(systemId, { status: 'WORKING', stage: 'started', message: '' });
    assert.equal(get(region, systemId).status, 'entering-rescue-mode');
    region.life.signal(systemId, { status: 'OK', stage: 'login', message: '' });
    assert.equal(get(region, systemId).status, 'rescue-mode');
    // It reported just now: it unmounts and restarts without its driver.
    assert.equal(order(region, systemId, { name: 'exit-rescue' }).powerTask, undefined);
    region.life.signal(systemId, { status: 'OK', stage: 'left', message: '' });
    assert.deepEqual([get(region, systemId).status, get(region, systemId).powerTask], ['deployed', undefined]);
    order(region, systemId, { name: 'rescue' });
    region.life.signal(systemId, { status: 'OK', stage: 'login', message: '' });
    place.clock.advance(200_000);
    assert.equal(order(region, systemId, { name: 'exit-rescue' }).powerTask, 'cycle');
    region.life.powerSwitched(systemId, powerEnd(get(region, systemId)));
    assert.deepEqual([get(region, systemId).status, get(region, systemId).owner], ['deployed', 'bob']);
    const releasing = order(region, systemId, { name: 'release' });
    assert.deepEqual([releasing.status, releasing.powerTask], ['releasing', 'off']);
    region.life.powerSwitched(systemId, powerEnd(get(region, systemId)));
    assert.deepEqual([get(region, systemId).status, get(region, systemId).powerState], ['ready', 'off']);
    region.close();
  }));

test('accepting a machine accepts its proposed power settings, and it is switched on for its commissioning', () =>
  withRegion((place) => {
    const region = reopen(place, heldPower());
    const outcome = region.enlist(
      report([A], { powerType: 'ipmi', powerParameters: { power_address: '10.9.0.1', power_user: 'maas' } }),
    );
    assert.ok(outcome.kind === 'create' && outcome.machine.powerIsProposed === true);
    const begun = order(region, outcome.machine.systemId, { name: 'accept' });
    assert.deepEqual([begun.powerTask, begun.work?.waitsForBoot, begun.powerIsProposed], ['cycle', false, false]);
  }));

test('kernel arguments come from the machine, else from the first tag by name that has some, else from the configuration', () =>
  withRegion(({ region, store }) => {
    const systemId = enlist(region);
    const event = { type: 'TAG', code: 'rack', params: { text: 'x' }, atMs: 1, username: 'bob' } as const;
    const reported = (): string | undefined => region.desiredState().machines[0]?.kernelParams;
    for (const [name, kernelParams] of [
      ['b-serial', 'console=ttyS0'],
      ['a-empty', ''],
      ['c-late', 'quiet'],
    ] as const) {
      assert.equal(store.life.addTag({ name, comment: '', kernelParams }, 10, event), 'added');
      store.life.tagMachines(name, [systemId, 'zzzzzz'], [], event);
    }
    region.machinesChanged();
    assert.equal(reported(), 'console=ttyS0');
    region.editMachine(systemId, { kernelParams: 'single' }, 'bob');
    assert.equal(reported(), 'single');
    region.editMachine(systemId, { kernelParams: undefined }, 'bob');
    assert.equal(reported(), 'console=ttyS0');
    assert.deepEqual(
      store.listMachines({ tags: ['c-late'] }, 0, 5).map((machine) => machine.systemId),
      [systemId],
    );
    store.life.removeTag('b-serial', event);
    region.machinesChanged();
    assert.equal(reported(), 'quiet');
  }));
