// The life cycle of machines on a real store and in virtual time: addresses, deadlines, hung machines, signals, notifications.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, mac, parseIpv4 } from '../../../src/net/address.ts';
import type { Actor, MachineCommand } from '../../../src/region/life/commands.ts';
import { openDebugLogin } from '../../../src/region/life/logins.ts';
import { decideLock } from '../../../src/region/life/ownership.ts';
import { keyOfMachine } from '../../../src/region/metadata/machine-keys.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import { LINK_VERSION } from '../../../src/region/records/rack.ts';
import { stepOf } from '../../../src/region/records/work.ts';
import type { Region } from '../../../src/region/region.ts';
import type { RackFields } from '../../../src/region/reports/reported.ts';
import { reasonOf, sentenceOf } from '../../support/sentences.ts';
import { bootReport, type RegionPlace, report, withRegion } from '../place.ts';
import { register } from '../racks/rack-place.ts';
import { addKey, reopen } from './deploying.ts';
import { heldPower, powerEnd } from './held-power.ts';

const MINUTE_MS = 60_000;
const A = 0x525400000001;
const B = 0x525400000002;
const MAC_A = '52:54:00:00:00:01';
const BOB: Actor = { username: 'bob', isAdmin: true, comment: '' };

/** A rack with static addresses 10.20.0.10 to 10.20.0.12. */
async function greetRack(region: Region, more: object = {}): Promise<void> {
  await region.racks.putOwn({
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

async function enlist(region: Region, address: number = A): Promise<string> {
  const outcome = await region.enlist(bootReport([address]));
  assert.ok(outcome.kind === 'create');
  return outcome.machine.systemId;
}

async function ready(region: Region, address: number = A): Promise<string> {
  const systemId = await enlist(region, address);
  await order(region, systemId, { name: 'accept', skipsCommissioning: true });
  return systemId;
}

async function order(region: Region, systemId: string, command: MachineCommand, options = {}): Promise<Machine> {
  const outcome = await region.life.command(systemId, command, BOB, options);
  if (outcome.kind !== 'changed') assert.fail(outcome.kind === 'refuse' ? outcome.refusal.text : 'not found');
  return outcome.machine;
}

const DEPLOY: MachineCommand = {
  name: 'deploy',
  deployment: { osystem: 'debian', release: 'trixie', deployBy: 'image' },
};
const get = async (region: Region, systemId: string): Promise<Machine> => {
  const machine = await region.store.findMachine(systemId);
  assert.ok(machine);
  return machine;
};
let sequence = 0;
async function see(
  region: Region,
  clock: RegionPlace['clock'],
  kind: string,
  text: string,
  { address, ...params }: RackFields & { readonly address?: string } = {},
): Promise<void> {
  sequence += 1;
  await region.observe([{ sequence, kind, at: clock.wallTimeMs(), mac: MAC_A, text, address, params }]);
}
const addressesOf = (machine: Machine): string[] => machine.addresses.map(({ address }) => formatIpv4(address));

test('an allocation takes a free address of the static range, racks get it, and a release takes it back', () =>
  withRegion(async (place) => {
    const { region } = place;
    await greetRack(region);
    const one = await ready(region, A);
    const two = await ready(region, B);
    // 10.20.0.11 is the router's.
    assert.deepEqual(addressesOf(await order(region, one, { name: 'allocate' })), ['10.20.0.10']);
    assert.deepEqual(addressesOf(await order(region, two, { name: 'allocate' })), ['10.20.0.12']);
    assert.deepEqual((await region.desiredState()).machines[0]?.addresses, [
      { mac: A, address: parseIpv4('10.20.0.10') },
    ]);
    const third = await ready(region, 0x525400000003);
    const full = await region.life.command(third, { name: 'allocate' }, BOB);
    assert.ok(full.kind === 'refuse' && full.refusal.name === 'addresses-exhausted');
    assert.equal((await get(region, third)).status, 'ready');
    const freed = await order(region, one, { name: 'release' });
    assert.deepEqual([freed.status, freed.owner, addressesOf(freed)], ['ready', undefined, []]);
    assert.deepEqual((await region.desiredState()).machines[0]?.addresses, []);
    assert.deepEqual(addressesOf(await order(region, third, { name: 'allocate' })), ['10.20.0.10']);
  }));

test('a requested address is allocated unless it is taken, reserved, or in no network', () =>
  withRegion(async ({ region }) => {
    await greetRack(region);
    const one = await ready(region, A);
    const two = await ready(region, B);
    const ask = async (systemId: string, text: string): Promise<string> => {
      const options = { address: parseIpv4(text) };
      const outcome = await region.life.command(systemId, { name: 'allocate' }, BOB, options);
      return outcome.kind === 'refuse' ? `${outcome.refusal.name}: ${outcome.refusal.text}` : outcome.kind;
    };
    for (const [text, why] of [
      ['10.20.0.1', /rack's/],
      ['10.20.0.11', /router's/],
      ['10.20.0.0', /network's own or its broadcast/],
      ['10.20.0.255', /network's own or its broadcast/],
      ['10.20.0.150', /dynamic range/],
      ['192.0.2.1', /no network/],
    ] as const) {
      assert.match(await ask(one, text), why);
    }
    assert.equal(await ask(one, '10.20.0.50'), 'changed');
    assert.match(await ask(two, '10.20.0.50'), /belongs to another machine/);
    assert.equal((await get(region, two)).status, 'ready');
  }));

test('an address reserved in a rack’s configuration goes only to its client, and a rack’s own address to no machine', () =>
  withRegion(async (place) => {
    const region = await reopen(place);
    await addKey(place);
    await greetRack(region, { reservations: [{ mac: '52:54:00:00:00:02', ip: '10.20.0.10' }] });
    const other = { name: 'rack-2', version: '0', uplink: LINK_VERSION, address: '10.20.0.12' };
    await register(region, {
      ...other,
      uuid: '0fd4c0a2-2c4e-4a3c-9a3b-0000000000bb',
      key: { kind: 'administrator', token: 'token', username: 'bob' },
      interfaces: [
        {
          name: 'lab',
          interface: 'eth1',
          ip: '10.20.0.12',
          network: '10.20.0.0/24',
          management: 2,
          router_ip: '',
          ip_range_low: '10.20.0.200',
          ip_range_high: '10.20.0.210',
          static_ip_range_low: '10.20.0.20',
          static_ip_range_high: '10.20.0.20',
        },
      ],
    });
    const [one, two, three] = [await ready(region, A), await ready(region, B), await ready(region, 0x525400000003)];
    const ask = async (systemId: string, text: string): Promise<string> => {
      const outcome = await region.life.command(systemId, { name: 'allocate' }, BOB, { address: parseIpv4(text) });
      return outcome.kind === 'refuse' ? outcome.refusal.text : outcome.kind;
    };
    assert.match(await ask(one, '10.20.0.10'), /is reserved for 52:54:00:00:00:02 in the configuration of a rack/);
    assert.match(await ask(one, '10.20.0.12'), /rack's/);
    assert.match(await ask(one, '10.20.0.205'), /dynamic range/);
    // The other rack's range in the same network, for all of the first one's is kept.
    assert.deepEqual(addressesOf(await order(region, one, { name: 'allocate' })), ['10.20.0.20']);
    assert.deepEqual(addressesOf(await order(region, two, { name: 'allocate' })), ['10.20.0.10']);
    const full = await region.life.command(three, { name: 'allocate' }, BOB);
    assert.ok(full.kind === 'refuse' && full.refusal.name === 'addresses-exhausted');
    assert.match(full.refusal.text, /10\.20\.0\.10 to 10\.20\.0\.12 and 10\.20\.0\.20 to 10\.20\.0\.20/);
    // Values requested at its deployment replace the former ones.
    const moved = await order(region, one, DEPLOY, { address: parseIpv4('10.20.0.77') });
    assert.deepEqual(addressesOf(moved), ['10.20.0.77']);
    assert.deepEqual(addressesOf(await order(region, three, { name: 'allocate' })), ['10.20.0.20']);
    region.close();
  }));

test('an address last seen of another machine is allocated last, and a machine’s own sightings never block it', () =>
  withRegion(async ({ region, clock }) => {
    await greetRack(region);
    const one = await ready(region, A);
    const two = await ready(region, B);
    await see(region, clock, 'dhcp.ack', 'Has 10.20.0.10', { address: '10.20.0.10' });
    assert.deepEqual(addressesOf(await order(region, two, { name: 'allocate' })), ['10.20.0.12']);
    assert.deepEqual(addressesOf(await order(region, one, { name: 'allocate' })), ['10.20.0.10']);
    assert.equal((await get(region, one)).addresses[0]?.mac, mac(A));
  }));

test('a machine that only a person can switch on waits, and its time begins with its first boot', () =>
  withRegion(async ({ region, clock }) => {
    const systemId = await enlist(region);
    const begun = await order(region, systemId, { name: 'accept' });
    assert.deepEqual(
      [begun.status, reasonOf(begun), begun.statusDeadlineMs, begun.work?.waitsForBoot],
      ['commissioning', 'waiting to be switched on', undefined, true],
    );
    await clock.leap(24 * 60 * MINUTE_MS);
    assert.equal((await get(region, systemId)).status, 'commissioning');
    for (const kind of ['tftp.timed-out', 'tftp.unreachable', 'http.aborted', 'http.stalled'])
      await see(region, clock, kind, 'of an earlier boot');
    assert.equal(reasonOf(await get(region, systemId)), 'waiting to be switched on');
    await see(region, clock, 'boot.configuration-rendered', 'was told what to load');
    const started = await get(region, systemId);
    assert.equal(started.statusDeadlineMs, clock.wallTimeMs() + 20 * MINUTE_MS);
    assert.equal(started.work?.waitsForBoot, false);
    await clock.pass(21 * MINUTE_MS);
    const failed = await get(region, systemId);
    assert.equal(failed.status, 'failed-commissioning');
    assert.equal(reasonOf(failed), 'Commissioning did not end within 20 minutes; last seen: was told what to load');
  }));

test('the bytes of a stage end with it, and with a network boot', () =>
  withRegion(async ({ region }) => {
    const systemId = await enlist(region);
    await order(region, systemId, { name: 'accept' });
    const tell = async (stage: string, more: object = {}) => {
      await region.life.signal(systemId, { status: 'WORKING', stage, message: `${stage} sda`, ...more });
      const { work } = await get(region, systemId);
      assert.ok(work);
      return stepOf(work).bytes;
    };
    assert.deepEqual(await tell('writing', { doneBytes: 5, totalBytes: 9 }), { done: 5, total: 9 });
    assert.deepEqual(await tell('writing'), { done: 5, total: 9 });
    assert.equal(await tell('personalising'), undefined);
    assert.deepEqual(await tell('growing', { doneBytes: 12, totalBytes: 9 }), { done: 9, total: 9 });
    const { work } = await get(region, systemId);
    assert.ok(work);
    const step = stepOf({ ...work, boots: 1, bootMs: 1 });
    assert.deepEqual([step.what?.code, step.bytes], ['boots-from-network', undefined]);
  }));

test('a hung machine is restarted once with a new token and then fails; a restart of the region changes nothing', () =>
  withRegion(async (place) => {
    const { clock } = place;
    let region = await reopen(place, heldPower());
    const systemId = await enlist(region);
    const begun = await order(region, systemId, { name: 'accept' });
    assert.equal(begun.powerTask, 'cycle');
    assert.ok(begun.statusDeadlineMs !== undefined);
    await region.life.powerSwitched(systemId, powerEnd(await get(region, systemId)));
    assert.deepEqual(
      [(await get(region, systemId)).powerTask, (await get(region, systemId)).powerState],
      [undefined, 'on'],
    );
    await clock.pass(20 * MINUTE_MS - 5000);
    region = await reopen({ ...place, region }, heldPower());
    await clock.pass(8000);
    const again = await get(region, systemId);
    assert.deepEqual([again.status, again.work?.attempts, again.powerTask], ['commissioning', 1, 'cycle']);
    assert.notEqual(again.bootToken, begun.bootToken);
    assert.match(reasonOf(again), /; restarting it$/);
    await clock.pass(21 * MINUTE_MS);
    assert.equal((await get(region, systemId)).status, 'failed-commissioning');
    region.close();
  }));

test('a deployment that hangs before its disk is written restarts once with new secrets; one that hangs later does not restart', () =>
  withRegion(async (place) => {
    const { clock } = place;
    const region = await reopen(place, heldPower());
    await greetRack(region);
    await addKey(place);
    const systemId = await ready(region);
    const begun = await order(region, systemId, DEPLOY);
    await region.life.powerSwitched(systemId, powerEnd(begun));
    const key = await keyOfMachine(region.store, clock, systemId);
    await clock.pass(41 * MINUTE_MS);
    const again = await get(region, systemId);
    assert.deepEqual([again.status, again.work?.attempts, again.powerTask], ['deploying', 1, 'cycle']);
    assert.notEqual(again.bootToken, begun.bootToken);
    assert.equal(await region.store.life.machineKey(systemId), undefined);
    assert.notEqual((await keyOfMachine(region.store, clock, systemId))?.tokenSecret, key?.tokenSecret);
    await region.life.powerSwitched(systemId, powerEnd(again));
    await region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
    await clock.pass(41 * MINUTE_MS);
    const failed = await get(region, systemId);
    assert.deepEqual([failed.status, failed.powerTask], ['failed-deployment', undefined]);
    assert.match(reasonOf(failed), /its disk was written, but its system was not seen/);
    region.close();
  }));

test('the key of a machine ends with an abort, with a new deployment, and with its release, even one that erases', () =>
  withRegion(async (place) => {
    const { clock } = place;
    const region = await reopen(place, heldPower());
    await greetRack(region);
    await addKey(place);
    const systemId = await ready(region);
    const ended = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      const key = await keyOfMachine(region.store, clock, systemId);
      assert.ok(key !== undefined);
      await work();
      assert.equal(await region.store.life.findMachineKey(key.tokenKey), undefined, what);
    };
    await order(region, systemId, DEPLOY);
    await ended('an abort', () => order(region, systemId, { name: 'abort' }));
    await order(region, systemId, DEPLOY);
    await region.life.signal(systemId, { status: 'FAILED', stage: 'writing', message: '' });
    await ended('a new deployment', () => order(region, systemId, DEPLOY));
    await ended('its release', () => order(region, systemId, { name: 'release' }));
    await region.life.powerSwitched(systemId, powerEnd(await get(region, systemId)));
    await order(region, systemId, DEPLOY);
    await ended('a release that erases', () => order(region, systemId, { name: 'release', erase: 'all' }));
    region.close();
  }));

test('a key made for a test ends with the test; the key of a deployed system survives Broken', () =>
  withRegion(async (place) => {
    const { clock } = place;
    const region = await reopen(place, heldPower());
    await greetRack(region);
    await addKey(place);
    const systemId = await ready(region);
    const keyAfter = async (last: () => Promise<unknown>): Promise<boolean> => {
      const key = await keyOfMachine(region.store, clock, systemId);
      await last();
      return (await region.store.life.machineKey(systemId))?.tokenKey === key?.tokenKey;
    };
    const fail = () => region.life.signal(systemId, { status: 'FAILED', stage: 'memory', message: '' });
    await order(region, systemId, { name: 'test' });
    assert.equal(await keyAfter(fail), false);
    assert.equal((await get(region, systemId)).status, 'failed-testing');
    await order(region, systemId, { name: 'override-failed' });
    await order(region, systemId, DEPLOY);
    const kept = await keyAfter(async () => {
      await region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
      await region.life.signal(systemId, { status: 'OK', stage: 'installed', message: '' });
      await order(region, systemId, { name: 'mark-broken' });
      await order(region, systemId, { name: 'test' });
      await fail();
      await order(region, systemId, { name: 'override-failed' });
    });
    assert.deepEqual([(await get(region, systemId)).status, kept], ['deployed', true]);
    region.close();
  }));

test('a deployment is refused without an SSH key or an image; it writes the disk, boots it, and is Deployed when its system is seen', () =>
  withRegion(async (place) => {
    const { clock } = place;
    const region = await reopen(place);
    await greetRack(region);
    const systemId = await ready(region);
    const why = async (command: MachineCommand): Promise<string> => {
      const outcome = await region.life.command(systemId, command, BOB);
      return outcome.kind === 'refuse' ? outcome.refusal.name : outcome.kind;
    };
    assert.equal(await why(DEPLOY), 'no-ssh-key');
    await addKey(place);
    assert.equal(
      await why({ name: 'deploy', deployment: { osystem: 'debian', release: 'sid', deployBy: 'image' } }),
      'image-missing',
    );
    const userData = Buffer.from('#cloud-config\n');
    const begun = await order(region, systemId, {
      name: 'deploy',
      deployment: { osystem: 'debian', release: 'trixie', deployBy: 'image', userData },
    });
    assert.deepEqual([begun.status, begun.owner, addressesOf(begun)], ['deploying', 'bob', ['10.20.0.10']]);
    assert.deepEqual(await region.store.life.userData(systemId), new Uint8Array(userData));
    const purpose = async (): Promise<string | undefined> => (await region.desiredState()).machines[0]?.purpose;
    assert.equal(await purpose(), 'commissioning');
    await region.life.signal(systemId, {
      status: 'WORKING',
      stage: 'writing',
      message: '',
      doneBytes: 5,
      totalBytes: 10,
    });
    assert.equal((await get(region, systemId)).work?.doneBytes, 5);
    for (let count = 0; count < 2; count += 1) {
      await region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
      assert.deepEqual(
        [(await get(region, systemId)).status, (await get(region, systemId)).netboot, await purpose()],
        ['deploying', false, 'local'],
      );
    }
    // The environment renews its lease, firmware asks for an address and is told to start the disk: none of that is the system.
    await see(region, clock, 'dhcp.ack', 'Keeps 10.20.0.10', { address: '10.20.0.10' });
    await see(region, clock, 'dhcp.offer', 'Offered 10.20.0.10', { client: 'bios', file: 'pxelinux.0' });
    await see(region, clock, 'dhcp.ack', 'Has 10.20.0.10', { address: '10.20.0.10' });
    assert.equal((await get(region, systemId)).status, 'deploying');
    // Its rack did not know yet: the environment starts once more, and is not the system either.
    await see(region, clock, 'http.rendered', 'Was told to run the ephemeral environment', {
      purpose: 'commissioning',
    });
    await see(region, clock, 'dhcp.ack', 'Has 10.20.0.10', { address: '10.20.0.10' });
    assert.equal((await get(region, systemId)).status, 'deploying');
    await see(region, clock, 'boot.configuration-rendered', 'starts its own disk');
    await see(region, clock, 'dhcp.offer', 'Offered 10.20.0.10', { client: '' });
    await see(region, clock, 'dhcp.ack', 'Has 10.20.0.10 as calm-otter', { address: '10.20.0.10' });
    const deployed = await get(region, systemId);
    assert.deepEqual([deployed.status, deployed.bootToken, deployed.work], ['deployed', undefined, undefined]);
    assert.equal(deployed.release, 'trixie');
    const freed = await order(region, systemId, { name: 'release', erase: 'signatures' });
    assert.equal(freed.status, 'disk-erasing');
    await region.life.signal(systemId, { status: 'OK', stage: 'erased', message: '' });
    const free = await get(region, systemId);
    assert.deepEqual([free.status, free.owner, free.osystem, addressesOf(free)], ['ready', undefined, '', []]);
    assert.equal(await region.store.life.userData(systemId), undefined);
    region.close();
  }));

test('a deployment runs its own user data, never that of the previous one', () =>
  withRegion(async (place) => {
    const region = await reopen(place);
    await greetRack(region);
    await addKey(place);
    const systemId = await ready(region);
    const system = { osystem: 'debian', release: 'trixie', deployBy: 'image' } as const;
    await order(region, systemId, { name: 'deploy', deployment: { ...system, userData: Buffer.from('#!/bin/sh\n') } });
    await region.life.signal(systemId, { status: 'FAILED', stage: 'writing', message: 'no space' });
    assert.notEqual(await region.store.life.userData(systemId), undefined);
    await order(region, systemId, { name: 'deploy', deployment: system });
    assert.equal(await region.store.life.userData(systemId), undefined);
    region.close();
  }));

test('a system whose start was lost because the region stopped is Deployed when it renews its address', () =>
  withRegion(async (place) => {
    const { clock } = place;
    await addKey(place);
    const region = await reopen(place);
    const systemId = await ready(region);
    await order(region, systemId, DEPLOY);
    await see(region, clock, 'dhcp.offer', 'Offered 10.20.0.100', { client: 'bios', file: 'lpxelinux.0' });
    await region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
    // That may be what wrote the disk, which keeps its address to its end.
    await clock.pass(MINUTE_MS);
    await see(region, clock, 'dhcp.ack', 'Has 10.20.0.100', { address: '10.20.0.100' });
    assert.equal((await get(region, systemId)).status, 'deploying');
    await clock.pass(10 * MINUTE_MS);
    await see(region, clock, 'dhcp.ack', 'Has 10.20.0.100', { address: '10.20.0.100' });
    assert.equal((await get(region, systemId)).status, 'deployed');
    region.close();
  }));

test('a machine that keeps booting from the network instead of its disk becomes Failed deployment, with the reason', () =>
  withRegion(async (place) => {
    const { clock } = place;
    await addKey(place);
    const region = await reopen(place);
    const systemId = await ready(region);
    await order(region, systemId, DEPLOY);
    await region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
    const startOnce = async (): Promise<void> => {
      await clock.pass(MINUTE_MS);
      await see(region, clock, 'dhcp.offer', 'Offered 10.20.0.100', { client: 'bios', file: 'lpxelinux.0' });
      await see(region, clock, 'dhcp.ack', 'Has 10.20.0.100', { address: '10.20.0.100' });
      // One start may fetch it twice, by any protocol.
      for (const kind of ['http.rendered', 'tftp.sent']) {
        await see(region, clock, kind, 'Got its configuration', { purpose: 'local' });
      }
    };
    for (let count = 0; count < 4; count += 1) await startOnce();
    assert.equal((await get(region, systemId)).status, 'deploying');
    await startOnce();
    const failed = await get(region, systemId);
    assert.equal(failed.status, 'failed-deployment');
    assert.match(reasonOf(failed), /its disk does not start: .* told 5 times to boot it/);
    const events = await region.store.listEvents({ machines: { systemIds: [systemId] }, level: 'error', limit: 5 });
    assert.equal(sentenceOf(events[0]), reasonOf(failed));
    // The next deployment begins its own count.
    await order(region, systemId, DEPLOY);
    await region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
    await startOnce();
    assert.equal((await get(region, systemId)).status, 'deploying');
    await clock.pass(41 * MINUTE_MS);
    assert.match(
      reasonOf(await get(region, systemId)),
      /^Deploying did not end within 40 minutes; its disk was written, but its system was not seen; last seen: Was told to boot its own disk/,
    );
    region.close();
  }));

test('the installed system’s report makes it Deployed; a failure is logged with its reason, cleaned', () =>
  withRegion(async (place) => {
    await addKey(place);
    const region = await reopen(place);
    const one = await ready(region, A);
    await order(region, one, DEPLOY);
    await region.life.signal(one, { status: 'OK', stage: 'installed', message: '' });
    assert.equal((await get(region, one)).status, 'deploying');
    await region.life.signal(one, { status: 'OK', stage: 'written', message: '' });
    await region.life.signal(one, { status: 'OK', stage: 'installed', message: '' });
    assert.equal((await get(region, one)).status, 'deployed');
    const two = await ready(region, B);
    await order(region, two, DEPLOY);
    await region.life.signal(two, { status: 'FAILED', stage: 'writing', message: 'no space\n\u0007 left' });
    assert.deepEqual(
      [(await get(region, two)).status, reasonOf(await get(region, two))],
      ['failed-deployment', 'writing: no space \\x07 left'],
    );
    region.close();
  }));

test('a failed power task fails the work that waits for it, with the driver’s message; the outcome of a replaced task decides nothing', () =>
  withRegion(async (place) => {
    const region = await reopen(place, heldPower());
    const systemId = await enlist(region);
    await order(region, systemId, { name: 'accept' });
    await region.life.powerSwitched(systemId, powerEnd(undefined, 'done', '', 'off'));
    assert.equal((await get(region, systemId)).powerTask, 'cycle');
    await region.life.powerSwitched(
      systemId,
      powerEnd(await get(region, systemId), 'unreachable', 'no route to 10.9.0.1'),
    );
    const failed = await get(region, systemId);
    assert.deepEqual([failed.status, failed.powerTask], ['failed-commissioning', undefined]);
    assert.match(reasonOf(failed), /^power cycle failed/);
    region.close();
  }));

test('a command or signal without a power task keeps a person’s task and drops a state’s', () =>
  withRegion(async (place) => {
    const region = await reopen(place, heldPower());
    const systemId = await ready(region);
    await region.life.switchPower(systemId, 'on', BOB);
    const { powerTaskId } = await get(region, systemId);
    const task = async (): Promise<unknown> => [
      (await get(region, systemId)).powerTask,
      (await get(region, systemId)).powerTaskId === powerTaskId,
    ];
    await order(region, systemId, { name: 'allocate' });
    await order(region, systemId, { name: 'mark-broken' });
    assert.deepEqual(await task(), ['on', true]);
    await order(region, systemId, { name: 'commission' });
    assert.deepEqual(await task(), ['cycle', false]);
    await order(region, systemId, { name: 'mark-broken' });
    assert.deepEqual(await task(), [undefined, false]);
    await region.life.powerSwitched(systemId, powerEnd(await order(region, systemId, { name: 'commission' })));
    await region.life.switchPower(systemId, 'soft-off', BOB);
    await region.life.signal(systemId, { status: 'FAILED', stage: 'memory', message: '' });
    assert.deepEqual(
      [(await get(region, systemId)).status, ...[await task()].flat()],
      ['failed-commissioning', 'soft-off', false],
    );
    region.close();
  }));

test('after an uncertain power-on, a machine has five minutes for its first sign of life before it is restarted once', () =>
  withRegion(async (place) => {
    const { clock } = place;
    const region = await reopen(place, heldPower());
    const systemId = await enlist(region);
    const begun = await order(region, systemId, { name: 'accept' });
    await region.life.powerSwitched(systemId, powerEnd(begun, 'unknown', 'the connection broke'));
    assert.equal((await get(region, systemId)).statusDeadlineMs, clock.wallTimeMs() + 5 * MINUTE_MS);
    await clock.pass(4 * MINUTE_MS);
    // A sign of life gives it its whole time.
    await region.life.seen({ seen: new Map([[systemId, clock.wallTimeMs()]]) });
    await clock.pass(19 * MINUTE_MS);
    assert.deepEqual(
      [(await get(region, systemId)).powerTask, (await get(region, systemId)).work?.attempts],
      [undefined, 0],
    );
    await clock.pass(2 * MINUTE_MS);
    const again = await get(region, systemId);
    assert.deepEqual([again.powerTask, again.work?.attempts], ['cycle', 1]);
    assert.match(reasonOf(again), /^Commissioning did not end within 20 minutes/);
    await region.life.powerSwitched(systemId, powerEnd(again, 'unknown', 'it broke again'));
    await clock.pass(6 * MINUTE_MS);
    const failed = await get(region, systemId);
    assert.equal(failed.status, 'failed-commissioning');
    assert.match(reasonOf(failed), /^it may have been switched off and on.*; no sign of life in the 5 minutes since$/);
    // Work with little time left gets no extension.
    const late = await order(region, systemId, { name: 'commission' });
    await clock.pass(18 * MINUTE_MS);
    await region.life.powerSwitched(systemId, powerEnd(late, 'unknown', 'the connection broke'));
    assert.equal((await get(region, systemId)).statusDeadlineMs, late.statusDeadlineMs);
    region.close();
  }));

test('until the power cycle, a signal from the former owner’s system does not end an erasure', () =>
  withRegion(async (place) => {
    await addKey(place);
    const region = await reopen(place, heldPower());
    const systemId = await ready(region);
    await order(region, systemId, DEPLOY);
    await region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
    await region.life.signal(systemId, { status: 'OK', stage: 'installed', message: '' });
    const erasing = await order(region, systemId, { name: 'release', erase: 'all' });
    const erased = { status: 'OK', stage: 'erased', message: '' } as const;
    await region.life.signal(systemId, erased);
    assert.deepEqual(
      [(await get(region, systemId)).status, (await get(region, systemId)).powerTask],
      ['disk-erasing', 'cycle'],
    );
    await region.life.powerSwitched(systemId, powerEnd(erasing));
    await region.life.signal(systemId, erased);
    assert.equal((await get(region, systemId)).status, 'releasing');
    region.close();
  }));

test('a locked machine refuses commands, but its power may be switched and a debug login opened', () =>
  withRegion(async (place) => {
    const { clock } = place;
    await addKey(place);
    const region = await reopen(place, heldPower());
    const systemId = await ready(region);
    await region.store.changeMachine(systemId, 1, (machine) => decideLock(machine, true, BOB, 1));
    const refused = await region.life.command(systemId, { name: 'commission' }, BOB);
    assert.equal(refused.kind === 'refuse' ? refused.refusal.name : refused.kind, 'machine-locked');
    assert.equal((await region.life.switchPower(systemId, 'on', BOB)).kind, 'changed');
    assert.equal(await openDebugLogin({ store: region.store, clock }, await get(region, systemId), BOB, 60), undefined);
    region.close();
  }));

test('a release waits for the power-off; a rescue returns to the state before it', () =>
  withRegion(async (place) => {
    await addKey(place);
    const region = await reopen(place, heldPower());
    const systemId = await ready(region);
    await order(region, systemId, DEPLOY);
    await region.life.signal(systemId, { status: 'OK', stage: 'written', message: '' });
    await region.life.signal(systemId, { status: 'OK', stage: 'installed', message: '' });
    await order(region, systemId, { name: 'rescue' });
    await region.life.signal(systemId, { status: 'WORKING', stage: 'started', message: '' });
    assert.equal((await get(region, systemId)).status, 'entering-rescue-mode');
    await region.life.signal(systemId, { status: 'OK', stage: 'login', message: '' });
    assert.equal((await get(region, systemId)).status, 'rescue-mode');
    // It reported just now: it unmounts and restarts without its driver.
    assert.equal((await order(region, systemId, { name: 'exit-rescue' })).powerTask, undefined);
    await region.life.signal(systemId, { status: 'OK', stage: 'left', message: '' });
    assert.deepEqual(
      [(await get(region, systemId)).status, (await get(region, systemId)).powerTask],
      ['deployed', undefined],
    );
    await order(region, systemId, { name: 'rescue' });
    await region.life.signal(systemId, { status: 'OK', stage: 'login', message: '' });
    await place.clock.pass(200_000);
    assert.equal((await order(region, systemId, { name: 'exit-rescue' })).powerTask, 'cycle');
    await region.life.powerSwitched(systemId, powerEnd(await get(region, systemId)));
    assert.deepEqual([(await get(region, systemId)).status, (await get(region, systemId)).owner], ['deployed', 'bob']);
    const releasing = await order(region, systemId, { name: 'release' });
    assert.deepEqual([releasing.status, releasing.powerTask], ['releasing', 'off']);
    await region.life.powerSwitched(systemId, powerEnd(await get(region, systemId)));
    assert.deepEqual(
      [(await get(region, systemId)).status, (await get(region, systemId)).powerState],
      ['ready', 'off'],
    );
    region.close();
  }));

test('accepting a machine accepts its proposed power settings, and it is switched on for its commissioning', () =>
  withRegion(async (place) => {
    const region = await reopen(place, heldPower());
    const outcome = await region.enlist(
      report([A], { powerType: 'ipmi', powerParameters: { power_address: '10.9.0.1', power_user: 'maas' } }),
    );
    assert.ok(outcome.kind === 'create' && outcome.machine.powerIsProposed === true);
    const begun = await order(region, outcome.machine.systemId, { name: 'accept' });
    assert.deepEqual([begun.powerTask, begun.work?.waitsForBoot, begun.powerIsProposed], ['cycle', false, false]);
  }));

test('a power cycle is logged as switching on for a machine that was off, and as off and on otherwise', async () => {
  for (const [wasOff, words] of [
    [true, 'it was switched on'],
    [false, 'it was switched off and on'],
  ] as const) {
    await withRegion(async (place) => {
      const region = await reopen(place, heldPower());
      const systemId = await enlist(region);
      await order(region, systemId, { name: 'accept' });
      await region.life.powerSwitched(systemId, { ...powerEnd(await get(region, systemId)), wasOff });
      const [event] = await region.store.listEvents({ machines: { systemIds: [systemId] }, limit: 1 });
      assert.equal(sentenceOf(event), words);
      region.close();
    });
  }
});

test('kernel arguments come from the machine, else from the first tag by name that has some, else from the configuration', () =>
  withRegion(async ({ region, store }) => {
    const systemId = await enlist(region);
    const event = { type: 'TAG', code: 'rack', params: { text: 'x' }, atMs: 1, username: 'bob' } as const;
    const reported = async (): Promise<string | undefined> => (await region.desiredState()).machines[0]?.kernelParams;
    for (const [name, kernelParams] of [
      ['b-serial', 'console=ttyS0'],
      ['a-empty', ''],
      ['c-late', 'quiet'],
    ] as const) {
      assert.equal(await store.life.addTag({ name, comment: '', kernelParams }, 10, event), 'added');
      await store.life.tagMachines(name, [systemId, 'zzzzzz'], [], event);
    }
    await region.machinesChanged();
    assert.equal(await reported(), 'console=ttyS0');
    await region.editMachine(systemId, { kernelParams: 'single' }, 'bob');
    assert.equal(await reported(), 'single');
    await region.editMachine(systemId, { kernelParams: undefined }, 'bob');
    assert.equal(await reported(), 'console=ttyS0');
    assert.deepEqual(
      (await store.listMachines({ tags: ['c-late'] }, 0, 5)).map((machine) => machine.systemId),
      [systemId],
    );
    await store.life.removeTag('b-serial', event);
    await region.machinesChanged();
    assert.equal(await reported(), 'quiet');
  }));

test('a machine whose system runs waits to be restarted, not to be switched on', () =>
  withRegion(async (place) => {
    const { region, clock } = place;
    const waits = async (fields: Partial<Machine>, command: MachineCommand): Promise<string | undefined> => {
      const systemId = await ready(region, 0x525400000100 + (await region.store.countMachines({})));
      await region.store.changeMachine<never>(systemId, clock.wallTimeMs(), () => ({
        kind: 'change',
        fields: { owner: 'bob', ...fields },
        events: [],
      }));
      return (await order(region, systemId, command)).statusReason?.code;
    };
    const erase = { name: 'release', erase: 'signatures' } as const;
    assert.equal(await waits({ status: 'deployed' }, erase), 'waits-for-restart');
    assert.equal(await waits({ status: 'deployed', powerState: 'off' }, erase), 'waits-for-hand');
    assert.equal(await waits({ status: 'ready', powerState: 'on' }, { name: 'commission' }), 'waits-for-restart');
    assert.equal(await waits({ status: 'ready' }, { name: 'commission' }), 'waits-for-hand');
  }));
