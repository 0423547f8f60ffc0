// The life cycle of machines on a real store and in virtual time: addresses, deadlines, hung machines, signals, notifications.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, mac, parseIpv4 } from '../../../src/ground/address.ts';
import type { MachineCommand } from '../../../src/region/life/commands.ts';
import { openDebugLogin } from '../../../src/region/life/logins.ts';
import { MachineAgent } from '../../../src/region/life/machine-agent.ts';
import { decideLock } from '../../../src/region/life/ownership.ts';
import { keyOfMachine } from '../../../src/region/metadata/machine-keys.ts';
import type { Machine, PowerState } from '../../../src/region/records/machine.ts';
import { LINK_VERSION } from '../../../src/region/records/rack.ts';
import { getWorkStep, WRITTEN_STAGE } from '../../../src/region/records/work.ts';
import type { Region } from '../../../src/region/region.ts';
import { reasonOf, sentenceOf } from '../../support/sentences.ts';
import { type RegionPlace, withRegion } from '../place.ts';
import { register } from '../racks/rack-place.ts';
import { heldPower, powerEnd } from './held-power.ts';
import { addKey, BOB, LiveMachine, MINUTE_MS, reopen, TRIXIE, withDeployments } from './live-machine.ts';

const LAB = {
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
} as const;

/** A rack with static addresses 10.20.0.10 to 10.20.0.12, and further networks. */
async function greetRack(region: Region, more: object = {}, ...others: readonly object[]): Promise<void> {
  const uuid = '0fd4c0a2-2c4e-4a3c-9a3b-0000000000aa';
  const interfaces = [more, ...others].map((one) => ({ ...LAB, ...one }));
  await region.racks.putOwn({ uuid, name: 'rack-1', version: '0', pinned: [], interfaces });
}

/** Another network of the rack, with static addresses or without. */
const FAR = {
  name: 'far',
  interface: 'eth2',
  ip: '10.30.0.1',
  network: '10.30.0.0/24',
  ip_range_low: '10.30.0.100',
  ip_range_high: '10.30.0.199',
  static_ip_range_low: '10.30.0.10',
  static_ip_range_high: '10.30.0.12',
  router_ip: undefined,
};
const FAR_DYNAMIC = { ...FAR, static_ip_range_low: undefined, static_ip_range_high: undefined };

const addressesOf = (machine: Machine): string[] => machine.addresses.map(({ address }) => formatIpv4(address));
/** The addresses that a machine gets when it is allocated. */
const allocate = async (machine: LiveMachine): Promise<string[]> => addressesOf(await machine.order('allocate'));
/** What its agent is told to do, by line. */
async function jobOf(machine: LiveMachine): Promise<readonly string[]> {
  const job = await new MachineAgent(machine.region).job(await machine.now(), { origin: '', httpProxy: '' });
  return job.trimEnd().split('\n');
}
const allocateAt = (machine: LiveMachine, address: string): Promise<string> =>
  machine.refusal('allocate', {}, { address: parseIpv4(address) });

test('an allocation takes a free address of the static range, racks get it, and a release takes it back', () =>
  withRegion(async (place) => {
    const { region } = place;
    await greetRack(region);
    const [one, two] = [await LiveMachine.ready(place), await LiveMachine.ready(place, 2)];
    const sent = async () => (await region.desiredState()).machines[0]?.addresses;
    // 10.20.0.11 is the router's.
    assert.deepEqual(await allocate(one), ['10.20.0.10']);
    assert.deepEqual(await allocate(two), ['10.20.0.12']);
    assert.deepEqual(await sent(), [{ mac: 0x525400000001, address: parseIpv4('10.20.0.10') }]);
    const third = await LiveMachine.ready(place, 3);
    assert.match(await third.refusal('allocate'), /^addresses-exhausted/);
    assert.equal(await third.status(), 'ready');
    const freed = await one.order('release');
    assert.deepEqual([freed.status, freed.owner, addressesOf(freed)], ['ready', undefined, []]);
    assert.deepEqual(await sent(), []);
    assert.deepEqual(await allocate(third), ['10.20.0.10']);
  }));

for (const [networks, other, expected] of [
  ['of the only network with a static range', FAR_DYNAMIC, ['10.20.0.10']],
  ['of no network if two have a static range', FAR, []],
] as const)
  test(`a machine that was never seen gets an address ${networks}`, () =>
    withRegion(async (place) => {
      await greetRack(place.region, {}, other);
      const machine = await LiveMachine.enlist(place, 1, { username: 'bob', address: undefined });
      await machine.order('accept', { skipsCommissioning: true });
      assert.deepEqual(await allocate(machine), expected);
    }));

test('a requested address is allocated unless it is taken, reserved, or in no network', () =>
  withRegion(async (place) => {
    await greetRack(place.region);
    const [one, two] = [await LiveMachine.ready(place), await LiveMachine.ready(place, 2)];
    for (const [text, why] of [
      ['10.20.0.1', /rack's/],
      ['10.20.0.11', /router's/],
      ['10.20.0.0', /network's own or its broadcast/],
      ['10.20.0.255', /network's own or its broadcast/],
      ['10.20.0.150', /dynamic range/],
      ['192.0.2.1', /no network/],
    ] as const) {
      assert.match(await allocateAt(one, text), why);
    }
    assert.equal(await allocateAt(one, '10.20.0.50'), 'changed');
    assert.match(await allocateAt(two, '10.20.0.50'), /belongs to another machine/);
    assert.equal(await two.status(), 'ready');
  }));

test('an address reserved in a rack’s configuration goes only to its client, and a rack’s own address to no machine', () =>
  withDeployments(async (place) => {
    const { region } = place;
    await greetRack(region, { reservations: [{ mac: '52:54:00:00:00:02', ip: '10.20.0.10' }] });
    await register(region, {
      name: 'rack-2',
      version: '0',
      uplink: LINK_VERSION,
      address: '10.20.0.12',
      uuid: '0fd4c0a2-2c4e-4a3c-9a3b-0000000000bb',
      key: { kind: 'administrator', token: 'token', username: 'bob' },
      interfaces: [
        {
          ...LAB,
          ip: '10.20.0.12',
          router_ip: '',
          ip_range_low: '10.20.0.200',
          ip_range_high: '10.20.0.210',
          static_ip_range_low: '10.20.0.20',
          static_ip_range_high: '10.20.0.20',
        },
      ],
    });
    const one = await LiveMachine.ready(place);
    const [two, three] = [await LiveMachine.ready(place, 2), await LiveMachine.ready(place, 3)];
    assert.match(
      await allocateAt(one, '10.20.0.10'),
      /is reserved for 52:54:00:00:00:02 in the configuration of the rack \S+/,
    );
    assert.match(await allocateAt(one, '10.20.0.12'), /rack's/);
    assert.match(await allocateAt(one, '10.20.0.205'), /dynamic range/);
    // The other rack's range in the same network, for all of the first one's is kept.
    assert.deepEqual(await allocate(one), ['10.20.0.20']);
    assert.deepEqual(await allocate(two), ['10.20.0.10']);
    assert.match(
      await three.refusal('allocate'),
      /^addresses-exhausted: .*10\.20\.0\.10 to 10\.20\.0\.12 and 10\.20\.0\.20 to 10\.20\.0\.20/,
    );
    // Values requested at its deployment replace the former ones.
    assert.deepEqual(addressesOf(await one.deploy({}, { address: parseIpv4('10.20.0.77') })), ['10.20.0.77']);
    assert.deepEqual(await allocate(three), ['10.20.0.20']);
  }));

test('an address last seen of another machine is allocated last, and a machine’s own sightings never block it', () =>
  withRegion(async (place) => {
    await greetRack(place.region);
    const [one, two] = [await LiveMachine.ready(place), await LiveMachine.ready(place, 2)];
    await one.see('dhcp.ack', 'Has 10.20.0.10', { address: '10.20.0.10' });
    assert.deepEqual(await allocate(two), ['10.20.0.12']);
    assert.deepEqual(await allocate(one), ['10.20.0.10']);
    assert.equal((await one.now()).addresses[0]?.mac, mac(0x525400000001));
  }));

test('a machine that only a person can switch on waits, and its time begins with its first boot', () =>
  withRegion(async (place) => {
    const { clock } = place;
    const machine = await LiveMachine.enlist(place);
    const begun = await machine.order('accept');
    assert.deepEqual(
      [begun.status, reasonOf(begun), begun.statusDeadlineMs, begun.work?.waitsForBoot],
      ['commissioning', 'waiting to be switched on', undefined, true],
    );
    await clock.leap(24 * 60 * MINUTE_MS);
    assert.equal(await machine.status(), 'commissioning');
    for (const kind of ['tftp.timed-out', 'tftp.unreachable', 'http.aborted', 'http.stalled'])
      await machine.see(kind, 'of an earlier boot');
    assert.equal(reasonOf(await machine.now()), 'waiting to be switched on');
    await machine.see('boot.configuration-rendered', 'was told what to load');
    const started = await machine.now();
    assert.equal(started.statusDeadlineMs, clock.wallTimeMs() + 20 * MINUTE_MS);
    assert.equal(started.work?.waitsForBoot, false);
    await clock.pass(21 * MINUTE_MS);
    const failed = await machine.now();
    assert.equal(failed.status, 'failed-commissioning');
    assert.equal(reasonOf(failed), 'Commissioning did not end within 20 minutes; last seen: was told what to load');
  }));

test('the bytes of a stage end with it, and with a network boot', () =>
  withRegion(async (place) => {
    const machine = await LiveMachine.enlist(place);
    await machine.order('accept');
    const tell = async (stage: string, more: object = {}) => {
      await machine.tell('WORKING', stage, { message: `${stage} sda`, ...more });
      return getWorkStep((await machine.now()).work ?? assert.fail('no work')).bytes;
    };
    assert.deepEqual(await tell('writing', { doneBytes: 5, totalBytes: 9 }), { done: 5, total: 9 });
    assert.deepEqual(await tell('writing'), { done: 5, total: 9 });
    assert.equal(await tell('personalising'), undefined);
    assert.deepEqual(await tell('growing', { doneBytes: 12, totalBytes: 9 }), { done: 9, total: 9 });
    const { work } = await machine.now();
    assert.ok(work);
    const step = getWorkStep({ ...work, boots: 1, bootMs: 1 });
    assert.deepEqual([step.what?.code, step.bytes], ['boots-from-network', undefined]);
    const last = getWorkStep({ ...work, stage: WRITTEN_STAGE });
    assert.deepEqual([last.what?.code, last.bytes], ['starts-own-system', undefined]);
  }));

test('a hung machine is restarted once with a new token and then fails; a restart of the region changes nothing', () =>
  withDeployments(async (place) => {
    const { clock } = place;
    const machine = await LiveMachine.enlist(place);
    const begun = await machine.order('accept');
    assert.equal(begun.powerTask, 'cycle');
    assert.ok(begun.statusDeadlineMs !== undefined);
    await machine.switched();
    const on = await machine.now();
    assert.deepEqual([on.powerTask, on.powerState], [undefined, 'on']);
    await clock.pass(20 * MINUTE_MS - 5000);
    machine.region = await reopen(place, heldPower());
    await clock.pass(8000);
    const again = await machine.now();
    assert.deepEqual([again.status, again.work?.attempts, again.powerTask], ['commissioning', 1, 'cycle']);
    assert.notEqual(again.bootToken, begun.bootToken);
    assert.match(reasonOf(again), /; restarting it$/);
    await clock.pass(21 * MINUTE_MS);
    assert.equal(await machine.status(), 'failed-commissioning');
    machine.region.close();
  }));

test('a deployment that hangs before its disk is written restarts once with new secrets; one that hangs later does not restart', () =>
  withDeployments(async (place) => {
    const { clock, store } = place;
    const machine = await LiveMachine.ready(place);
    const begun = await machine.deploy();
    await machine.switched();
    const key = await keyOfMachine(store, clock, machine.systemId);
    await clock.pass(41 * MINUTE_MS);
    const again = await machine.now();
    assert.deepEqual([again.status, again.work?.attempts, again.powerTask], ['deploying', 1, 'cycle']);
    assert.notEqual(again.bootToken, begun.bootToken);
    assert.equal(await store.life.machineKey(machine.systemId), undefined);
    assert.notEqual((await keyOfMachine(store, clock, machine.systemId))?.tokenSecret, key?.tokenSecret);
    await machine.switched();
    await machine.tell('OK', 'written');
    await clock.pass(41 * MINUTE_MS);
    const failed = await machine.now();
    assert.deepEqual([failed.status, failed.powerTask], ['failed-deployment', undefined]);
    assert.match(reasonOf(failed), /its disk was written, but its system was not seen/);
  }));

test('the key of a machine ends with an abort, with a new deployment, and with its release, even one that erases', () =>
  withDeployments(async (place) => {
    const { clock, store } = place;
    const machine = await LiveMachine.ready(place);
    const ended = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      const key = await keyOfMachine(store, clock, machine.systemId);
      assert.ok(key !== undefined);
      await work();
      assert.equal(await store.life.findMachineKey(key.tokenKey), undefined, what);
    };
    await machine.deploy();
    await ended('an abort', () => machine.order('abort'));
    await machine.deploy();
    await machine.tell('FAILED', 'writing');
    await ended('a new deployment', () => machine.deploy());
    await ended('its release', () => machine.order('release'));
    await machine.switched();
    await machine.deploy();
    await ended('a release that erases', () => machine.order('release', { erase: 'all' }));
  }));

test('a key made for a test ends with the test; the key of a deployed system survives Broken', () =>
  withDeployments(async (place) => {
    const { clock, store } = place;
    const machine = await LiveMachine.ready(place);
    const keyAfter = async (last: () => Promise<unknown>): Promise<boolean> => {
      const key = await keyOfMachine(store, clock, machine.systemId);
      await last();
      return (await store.life.machineKey(machine.systemId))?.tokenKey === key?.tokenKey;
    };
    const fail = () => machine.tell('FAILED', 'memory');
    await machine.order('test');
    assert.equal(await keyAfter(fail), false);
    assert.equal(await machine.status(), 'failed-testing');
    await machine.order('override-failed');
    await machine.deploy();
    const kept = await keyAfter(async () => {
      await machine.tell('OK', 'written');
      await machine.tell('OK', 'installed');
      await machine.order('mark-broken');
      await machine.order('test');
      await fail();
      await machine.order('override-failed');
    });
    assert.deepEqual([await machine.status(), kept], ['deployed', true]);
  }));

test('a deployment is refused without an SSH key or an image; it writes the disk, boots it, and is Deployed when its system is seen', () =>
  withRegion(async (opened) => {
    const place = { ...opened, region: await reopen(opened) };
    const { region, store } = place;
    await greetRack(region);
    const machine = await LiveMachine.ready(place);
    assert.match(await machine.refusal('deploy', { deployment: TRIXIE }), /^no-ssh-key/);
    await addKey(place);
    assert.match(await machine.refusal('deploy', { deployment: { ...TRIXIE, release: 'sid' } }), /^image-missing/);
    const userData = Buffer.from('#cloud-config\n');
    const begun = await machine.deploy({ userData });
    assert.deepEqual([begun.status, begun.owner, addressesOf(begun)], ['deploying', 'bob', ['10.20.0.10']]);
    assert.deepEqual(await store.life.userData(machine.systemId), new Uint8Array(userData));
    const purpose = async (): Promise<string | undefined> => (await region.desiredState()).machines[0]?.purpose;
    assert.equal(await purpose(), 'commissioning');
    await machine.tell('WORKING', 'writing', { doneBytes: 5, totalBytes: 10 });
    assert.equal((await machine.now()).work?.doneBytes, 5);
    for (let count = 0; count < 2; count += 1) {
      await machine.tell('OK', 'written');
      const { status, netboot } = await machine.now();
      assert.deepEqual([status, netboot, await purpose()], ['deploying', false, 'local']);
    }
    const has = { address: '10.20.0.10' };
    // The environment renews its lease, firmware asks for an address and is told to start the disk: none of that is the system.
    await machine.see('dhcp.ack', 'Keeps 10.20.0.10', has);
    await machine.see('dhcp.offer', 'Offered 10.20.0.10', { client: 'bios', file: 'pxelinux.0' });
    await machine.see('dhcp.ack', 'Has 10.20.0.10', has);
    assert.equal(await machine.status(), 'deploying');
    // Its rack did not know yet: the environment starts once more, and is not the system either.
    await machine.see('http.rendered', 'Loaded its configuration to run the ephemeral environment', {
      purpose: 'commissioning',
    });
    await machine.see('dhcp.ack', 'Has 10.20.0.10', has);
    assert.equal(await machine.status(), 'deploying');
    await machine.see('boot.configuration-rendered', 'starts its own disk');
    await machine.see('dhcp.offer', 'Offered 10.20.0.10', { client: '' });
    await machine.see('dhcp.ack', 'Has 10.20.0.10 as calm-otter', has);
    const deployed = await machine.now();
    assert.deepEqual([deployed.status, deployed.bootToken, deployed.work], ['deployed', undefined, undefined]);
    assert.equal(deployed.release, 'trixie');
    assert.equal((await machine.order('release', { erase: 'signatures' })).status, 'disk-erasing');
    await machine.tell('OK', 'erased');
    const free = await machine.now();
    assert.deepEqual([free.status, free.owner, free.osystem, addressesOf(free)], ['ready', undefined, '', []]);
    assert.equal(await store.life.userData(machine.systemId), undefined);
    region.close();
  }));

for (const [management, servers] of [
  [2, ['dns=10.20.0.1']],
  [1, []],
] as const)
  test(`a fixed address comes with its network${management === 2 ? ' and the rack as its name server' : ''}`, () =>
    withDeployments(async (place) => {
      await greetRack(place.region, { management });
      const machine = await LiveMachine.ready(place);
      await machine.deploy();
      assert.deepEqual((await jobOf(machine)).slice(-2 - servers.length), [
        'address=10.20.0.10/24',
        'router=10.20.0.11',
        ...servers,
      ]);
    }));

test('a machine that erases its disks is told how thoroughly', () =>
  withDeployments(async (place) => {
    for (const [index, erase] of (['all', 'signatures'] as const).entries()) {
      const machine = await LiveMachine.ready(place, index + 1);
      await machine.order('allocate');
      await machine.order('release', { erase });
      assert.deepEqual(await jobOf(machine), ['job=erase', `mode=${erase}`]);
    }
  }));

test('a deployment runs its own user data, never that of the previous one', () =>
  withDeployments(async (place) => {
    const machine = await LiveMachine.ready(place);
    const userData = () => place.store.life.userData(machine.systemId);
    await machine.deploy({ userData: Buffer.from('#!/bin/sh\n') });
    await machine.tell('FAILED', 'writing', { message: 'no space' });
    assert.notEqual(await userData(), undefined);
    await machine.deploy();
    assert.equal(await userData(), undefined);
  }));

/** A deployment whose disk is written. */
async function written(place: RegionPlace): Promise<LiveMachine> {
  const machine = await LiveMachine.ready(place);
  await machine.deploy();
  await machine.see('dhcp.offer', 'Offered 10.20.0.100', { client: 'bios', file: 'lpxelinux.0' });
  await machine.tell('OK', 'written');
  return machine;
}

test('a system whose start was lost because the region stopped is Deployed when it renews its address', () =>
  withDeployments(
    async (place) => {
      const { clock } = place;
      const machine = await written(place);
      // That may be what wrote the disk, which keeps its address to its end.
      for (const [minutes, status] of [
        [1, 'deploying'],
        [10, 'deployed'],
      ] as const) {
        await clock.pass(minutes * MINUTE_MS);
        await machine.see('dhcp.ack', 'Has 10.20.0.100', { address: '10.20.0.100' });
        assert.equal(await machine.status(), status);
      }
    },
    heldPower(() => false),
  ));

test('a neighbour who fetches the configuration of a machine ends none of its work and gives it no time', () =>
  withDeployments(
    async (place) => {
      const { clock, store } = place;
      const machine = await written(place);
      await machine.see('dhcp.ack', 'Has 10.20.0.100', { address: '10.20.0.100' });
      const before = await machine.now();
      for (let times = 0; times < 12; times += 1) {
        await clock.pass(2 * MINUTE_MS);
        const [seenAs, at] = [{ machine: 'calm-ibis', address: '10.20.0.51' }, clock.wallTimeMs()];
        for (const kind of ['boot.token-withheld', 'boot.asked-by-another'])
          await machine.see(kind, '10.20.0.51 asked for the configuration of calm-ibis', seenAs);
        // His own events, and those from the machine's former address, have no hardware address.
        for (const address of ['10.20.0.51', '10.20.0.100']) {
          const told = { kind: 'http.rendered', at, address, text: 'x', params: { file: 'ipxe.cfg' } };
          await machine.region.observe([{ sequence: times, ...told }], `neighbour ${address}`);
        }
      }
      const after = await machine.now();
      assert.deepEqual([after.status, after.statusDeadlineMs], ['deploying', before.statusDeadlineMs]);
      const log = await store.listEvents({ machines: { systemIds: [machine.systemId] }, limit: 200 });
      const shown = log.filter(({ kind }) => kind === 'boot.asked-by-another');
      assert.match(sentenceOf(shown[0]), /^10\.20\.0\.51 asked for the configuration of calm-ibis/);
    },
    heldPower(() => false),
  ));

test('a machine that keeps booting from the network instead of its disk becomes Failed deployment, with the reason', () =>
  withDeployments(
    async (place) => {
      const { clock } = place;
      const machine = await written(place);
      const startOnce = async (): Promise<void> => {
        await clock.pass(MINUTE_MS);
        await machine.see('dhcp.offer', 'Offered 10.20.0.100', { client: 'bios', file: 'lpxelinux.0' });
        await machine.see('dhcp.ack', 'Has 10.20.0.100', { address: '10.20.0.100' });
        // One start may fetch it twice, by any protocol.
        for (const kind of ['http.rendered', 'tftp.sent'])
          await machine.see(kind, 'Got its configuration', { purpose: 'local' });
      };
      for (let count = 0; count < 4; count += 1) await startOnce();
      assert.equal(await machine.status(), 'deploying');
      await startOnce();
      const failed = await machine.now();
      assert.equal(failed.status, 'failed-deployment');
      assert.match(reasonOf(failed), /its disk does not start: .* told 5 times to boot it/);
      const machines = { systemIds: [machine.systemId] };
      const [error] = await place.store.listEvents({ machines, level: 'error', limit: 5 });
      assert.equal(sentenceOf(error), reasonOf(failed));
      // The next deployment begins its own count.
      await machine.deploy();
      await machine.tell('OK', 'written');
      await startOnce();
      assert.equal(await machine.status(), 'deploying');
      await clock.pass(41 * MINUTE_MS);
      assert.match(
        reasonOf(await machine.now()),
        /^Deploying did not end within 40 minutes; .*; last seen: Loaded its configuration to boot its own disk/,
      );
    },
    heldPower(() => false),
  ));

test('the installed system’s report makes it Deployed; a failure is logged with its reason, cleaned', () =>
  withDeployments(async (place) => {
    const one = await LiveMachine.ready(place);
    await one.deploy();
    for (const [stage, status] of [
      ['installed', 'deploying'],
      ['written', 'deploying'],
      ['installed', 'deployed'],
    ] as const) {
      await one.tell('OK', stage);
      assert.equal(await one.status(), status);
    }
    const two = await LiveMachine.ready(place, 2);
    await two.deploy();
    await two.tell('FAILED', 'writing', { message: 'no space\n\u0007 left' });
    const failed = await two.now();
    assert.deepEqual([failed.status, reasonOf(failed)], ['failed-deployment', 'writing: no space \\x07 left']);
  }));

test('a failed power task fails the work that waits for it, with the driver’s message; the outcome of a replaced task decides nothing', () =>
  withDeployments(async (place) => {
    const machine = await LiveMachine.enlist(place);
    await machine.order('accept');
    const replaced = powerEnd(undefined, 'done', '', 'off');
    const events = () => place.store.listEvents({ machines: { systemIds: [machine.systemId] }, limit: 100 });
    await place.region.life.powerSwitched(machine.systemId, replaced);
    assert.equal((await machine.now()).powerTask, 'cycle');
    const before = await events();
    await place.region.life.powerSwitched(machine.systemId, { ...replaced, isKnown: true });
    assert.deepEqual(await events(), before, 'it was recorded already');
    await machine.switched('unreachable', 'no route to 10.9.0.1');
    const failed = await machine.now();
    assert.deepEqual([failed.status, failed.powerTask], ['failed-commissioning', undefined]);
    assert.match(reasonOf(failed), /^power cycle failed/);
  }));

test('a command or signal without a power task keeps a person’s task and drops a state’s', () =>
  withDeployments(async (place) => {
    const { life } = place.region;
    const machine = await LiveMachine.ready(place);
    await life.switchPower(machine.systemId, 'on', BOB);
    const { powerTaskId: first } = await machine.now();
    const task = async (): Promise<unknown> => {
      const { powerTask, powerTaskId } = await machine.now();
      return [powerTask, powerTaskId === first];
    };
    await machine.order('allocate');
    await machine.order('mark-broken');
    assert.deepEqual(await task(), ['on', true]);
    await machine.order('commission');
    assert.deepEqual(await task(), ['cycle', false]);
    await machine.order('mark-broken');
    assert.deepEqual(await task(), [undefined, false]);
    await machine.order('commission');
    await machine.switched();
    await life.switchPower(machine.systemId, 'soft-off', BOB);
    await machine.tell('FAILED', 'memory');
    assert.deepEqual([await machine.status(), await task()], ['failed-commissioning', ['soft-off', false]]);
  }));

test('after an uncertain power-on, a machine has five minutes for its first sign of life before it is restarted once', () =>
  withDeployments(async (place) => {
    const { clock } = place;
    const machine = await LiveMachine.enlist(place);
    await machine.order('accept');
    await machine.switched('unknown', 'the connection broke');
    assert.equal((await machine.now()).statusDeadlineMs, clock.wallTimeMs() + 5 * MINUTE_MS);
    await clock.pass(4 * MINUTE_MS);
    // A sign of life gives it its whole time.
    await place.region.life.seen({ seen: new Map([[machine.systemId, clock.wallTimeMs()]]) });
    await clock.pass(19 * MINUTE_MS);
    const running = await machine.now();
    assert.deepEqual([running.powerTask, running.work?.attempts], [undefined, 0]);
    await clock.pass(2 * MINUTE_MS);
    const again = await machine.now();
    assert.deepEqual([again.powerTask, again.work?.attempts], ['cycle', 1]);
    assert.match(reasonOf(again), /^Commissioning did not end within 20 minutes/);
    await machine.switched('unknown', 'it broke again');
    await clock.pass(6 * MINUTE_MS);
    const failed = await machine.now();
    assert.equal(failed.status, 'failed-commissioning');
    assert.match(reasonOf(failed), /^perhaps switched off and on.*5 minutes since$/);
    // Work with little time left gets no extension.
    const late = await machine.order('commission');
    await clock.pass(18 * MINUTE_MS);
    await machine.switched('unknown', 'the connection broke');
    assert.equal((await machine.now()).statusDeadlineMs, late.statusDeadlineMs);
  }));

test('until the power cycle, a signal from the former owner’s system does not end an erasure', () =>
  withDeployments(async (place) => {
    const machine = await written(place);
    await machine.tell('OK', 'installed');
    await machine.order('release', { erase: 'all' });
    await machine.tell('OK', 'erased');
    const erasing = await machine.now();
    assert.deepEqual([erasing.status, erasing.powerTask], ['disk-erasing', 'cycle']);
    await machine.switched();
    await machine.tell('OK', 'erased');
    assert.equal(await machine.status(), 'releasing');
  }));

test('a locked machine refuses commands, but its power may be switched and a debug login opened', () =>
  withDeployments(async (place) => {
    const { clock, store, region } = place;
    const machine = await LiveMachine.ready(place);
    await store.changeMachine(machine.systemId, 1, (found) => decideLock(found, true, BOB, 1));
    assert.match(await machine.refusal('commission'), /^machine-locked/);
    assert.equal((await region.life.switchPower(machine.systemId, 'on', BOB)).kind, 'changed');
    assert.equal(await openDebugLogin({ store, clock }, await machine.now(), BOB, 60), undefined);
  }));

test('a release waits for the power-off; a rescue returns to the state before it', () =>
  withDeployments(async (place) => {
    const machine = await written(place);
    await machine.tell('OK', 'installed');
    await machine.order('rescue');
    await machine.tell('WORKING', 'started');
    assert.equal(await machine.status(), 'entering-rescue-mode');
    await machine.tell('OK', 'login');
    assert.equal(await machine.status(), 'rescue-mode');
    // It reported just now: it unmounts and restarts without its driver.
    assert.equal((await machine.order('exit-rescue')).powerTask, undefined);
    await machine.tell('OK', 'left');
    const left = await machine.now();
    assert.deepEqual([left.status, left.powerTask], ['deployed', undefined]);
    await machine.order('rescue');
    await machine.tell('OK', 'login');
    await place.clock.pass(200_000);
    assert.equal((await machine.order('exit-rescue')).powerTask, 'cycle');
    await machine.switched();
    const back = await machine.now();
    assert.deepEqual([back.status, back.owner], ['deployed', 'bob']);
    const releasing = await machine.order('release');
    assert.deepEqual([releasing.status, releasing.powerTask], ['releasing', 'off']);
    await machine.switched('unknown');
    const seen = async (state: PowerState): Promise<unknown> => {
      await place.region.life.powerSeen(machine.systemId, state);
      return (await machine.now()).powerTask;
    };
    assert.deepEqual([await seen('error'), await seen('unknown'), await seen('on')], [undefined, undefined, 'off']);
    await machine.switched('unknown');
    await seen('unknown');
    assert.equal(await machine.status(), 'releasing');
    await seen('off');
    const free = await machine.now();
    assert.deepEqual([free.status, free.powerState], ['ready', 'off']);
  }));

test('a machine that somebody else switches is logged as switched on or off', () =>
  withDeployments(async (place) => {
    const machine = await LiveMachine.ready(place);
    const types: unknown[] = [];
    for (const state of ['on', 'off', 'on'] as const) {
      await place.region.life.powerSeen(machine.systemId, state);
      const [event] = await place.store.listEvents({ machines: { systemIds: [machine.systemId] }, limit: 1 });
      types.push(event?.type);
    }
    // Before the first it was not known.
    assert.deepEqual(types.slice(1), ['NODE_POWERED_OFF', 'NODE_POWERED_ON']);
  }));

test('accepting a machine accepts its proposed power settings, and it is switched on for its commissioning', () =>
  withDeployments(async (place) => {
    const powerParameters = { power_address: '10.9.0.1', power_user: 'maas' };
    const machine = await LiveMachine.enlist(place, 1, { powerType: 'ipmi', powerParameters, vouchedMac: undefined });
    assert.equal((await machine.now()).powerIsProposed, true);
    const begun = await machine.order('accept');
    assert.deepEqual([begun.powerTask, begun.work?.waitsForBoot, begun.powerIsProposed], ['cycle', false, false]);
  }));

for (const [wasOff, words] of [
  [true, 'switched on'],
  [false, 'switched off and on'],
] as const)
  test(`a power cycle of a machine that was ${wasOff ? 'off' : 'on'} is logged: ${words}`, () =>
    withDeployments(async ({ region, store, ...place }) => {
      const machine = await LiveMachine.enlist({ region, ...place });
      await machine.order('accept');
      await region.life.powerSwitched(machine.systemId, { ...powerEnd(await machine.now()), wasOff });
      const [event] = await store.listEvents({ machines: { systemIds: [machine.systemId] }, limit: 1 });
      assert.equal(sentenceOf(event), words);
    }));

test('a machine whose system runs waits to be restarted, not to be switched on', () =>
  withRegion(async (place) => {
    const erase = { name: 'release', erase: 'signatures' } as const;
    const commission = { name: 'commission' } as const;
    const cases: readonly (readonly [Partial<Machine>, MachineCommand, string])[] = [
      [{ status: 'deployed' }, erase, 'waits-for-restart'],
      [{ status: 'deployed', powerState: 'off' }, erase, 'waits-for-hand'],
      [{ status: 'ready', powerState: 'on' }, commission, 'waits-for-restart'],
      [{ status: 'ready' }, commission, 'waits-for-hand'],
    ];
    for (const [index, [fields, { name, ...more }, code]] of cases.entries()) {
      const machine = await LiveMachine.ready(place, 1 + index);
      await place.store.changeMachine<never>(machine.systemId, place.clock.wallTimeMs(), () => ({
        kind: 'change',
        fields: { owner: 'bob', ...fields },
        events: [],
      }));
      assert.equal((await machine.order(name, more)).statusReason?.code, code);
    }
  }));
