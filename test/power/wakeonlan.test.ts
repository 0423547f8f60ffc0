// The driver of Wake-on-LAN: it never claims a state that nobody saw, and never restarts a machine that runs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mac } from '../../src/ground/address.ts';
import { type PowerCommand, performCommand } from '../../src/power/command.ts';
import type { PowerPort, PowerRacks } from '../../src/power/driver.ts';
import { wakeOnLan } from '../../src/power/wakeonlan.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const MAC = '52-54-00-77-00-01';

function open(values: Record<string, string>, racks: Partial<PowerRacks> | undefined) {
  const clock = new VirtualClock();
  const woken: unknown[] = [];
  const wake: PowerRacks['wake'] = async (...request) => {
    woken.push(request);
    return [{ rack: 'lab', interfaces: ['eth1'] }];
  };
  const asked = racks && { wake, hears: async () => undefined, ...racks };
  const deps = { clock, sshIdentity: () => assert.fail('no key is needed'), racks: asked };
  return { clock, woken, opened: wakeOnLan.open('abc', values, deps) };
}

function portOf(racks: Partial<PowerRacks> | undefined, values: Record<string, string> = { mac_address: MAC }) {
  const { opened, ...rig } = open(values, racks);
  if (opened.kind !== 'open') assert.fail(JSON.stringify(opened));
  const perform = async (command: PowerCommand, port: PowerPort = opened.port) => {
    const { kind, state, detail } = await performCommand(port, command, {
      clock: rig.clock,
      signal: new AbortController().signal,
    });
    return [kind, state, detail.code];
  };
  return { ...rig, perform };
}

const HEARD: readonly (readonly [heard: boolean | undefined, state: string, code: string])[] = [
  [true, 'on', 'answers-arp'],
  [false, 'unknown', 'silent'],
  [undefined, 'unknown', 'no-rack-hears'],
];

for (const [heard, state, code] of HEARD)
  test(`heard ${heard}: its state is ${state}`, async () => {
    const { perform } = portOf({ hears: async () => heard });
    assert.deepEqual(await perform({ kind: 'query' }), ['done', state, code]);
  });

test('a machine that is silent is woken, by its address and its password as bytes', async () => {
  const { perform, woken } = portOf(
    { hears: async () => false },
    { mac_address: MAC, power_pass: '01:02:03:04:05:FF' },
  );
  for (const kind of ['on', 'cycle'] as const)
    assert.deepEqual(await perform({ kind, netboot: true }), ['unknown', 'unknown', 'wake-sent']);
  const request = ['abc', mac(0x525400770001), '0102030405FF'];
  assert.deepEqual(woken, [request, request]);
});

test('a machine that runs is not restarted: a person must, and must switch it off', async () => {
  const { perform, woken } = portOf({ hears: async () => true });
  assert.deepEqual(await perform({ kind: 'cycle', netboot: true }), ['unknown', 'unknown', 'person-must']);
  for (const manner of ['hard', 'soft'] as const)
    assert.deepEqual(await perform({ kind: 'off', manner }), ['unknown', 'unknown', 'person-must']);
  assert.deepEqual(woken, []);
});

test('without a rack that can send, nothing was switched', async () => {
  for (const racks of [undefined, { wake: async () => [] }]) {
    const { perform } = portOf(racks);
    assert.deepEqual(await perform({ kind: 'on', netboot: true }), ['unreachable', 'unknown', 'no-rack-wakes']);
    assert.deepEqual(await perform({ kind: 'query' }), ['done', 'unknown', 'no-rack-hears']);
  }
});

test('parameters are a hardware address in any spelling, and a password of four or six bytes', () => {
  const isGood = (values: Record<string, string>): boolean => open(values, undefined).opened.kind === 'open';
  for (const mac_address of ['52:54:00:77:00:01', MAC, '525400770001']) assert.ok(isGood({ mac_address }), mac_address);
  for (const power_pass of ['01:02:03:04', '010203040506', '01-02-03-04-05-06'])
    assert.ok(isGood({ mac_address: MAC, power_pass }), power_pass);
  for (const power_pass of ['01', '01:02:03:04:05', 'secret', '01:02:03:04:05:06:07'])
    assert.ok(!isGood({ mac_address: MAC, power_pass }), power_pass);
  for (const values of [{}, { mac_address: '52:54' }, { mac_address: MAC, power_address: '10.0.0.5' }])
    assert.ok(!isGood(values as Record<string, string>), JSON.stringify(values));
});
