// A person merges two machines or splits one, and later reports respect it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mac } from '../../../src/ground/address.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import type { Region } from '../../../src/region/region.ts';
import { changeStatus } from '../../support/change-status.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { bootReport, enlist, facts, report, withRegion } from '../place.ts';

const A = 0x525400000001;
const B = 0x525400000002;
const C = 0x525400000003;
const UUID = '0fd4c0a2-2c4e-4a3c-9a3b-000000000001';

const nic = (value: number): { mac: string; name: string } => ({
  mac: value.toString(16).replace(/..(?!$)/g, '$&:'),
  name: `eth${value % 16}`,
});
const macsOf = (machine: Machine | undefined): readonly number[] => machine?.interfaces.map((one) => one.mac) ?? [];
const ready = async (region: Region, machine: Machine) =>
  assert.equal((await changeStatus(region, machine.systemId, 'ready', { username: 'bob' })).kind, 'changed');

test('a merge moves interfaces, events and the newer hardware; the other machine is removed, and the merge is logged', () =>
  withRegion(async ({ region, clock, states }) => {
    const keep = await enlist(region, report([A], { facts: facts({ serial: 'SN100' }, { memory_mib: 1024 }) }));
    await ready(region, keep);
    await clock.pass(1000);
    const power = { powerType: 'ipmi', powerParameters: { power_address: '10.9.0.1' } };
    const other = await enlist(
      region,
      report([B, C], { facts: facts({ uuid: UUID }, { memory_mib: 2048 }), ...power }),
    );
    await clock.pass(100);
    const version = (await region.desiredState()).version;
    const outcome = await region.identity.merge(keep.systemId, other.systemId, 'bob');
    assert.equal(outcome.kind, 'changed');
    const merged = await region.store.findMachine(keep.systemId);
    assert.deepEqual(macsOf(merged), [A, B, C]);
    assert.equal(merged?.facts?.memory_mib, 2048);
    assert.deepEqual(
      [merged?.uuid, merged?.serial, merged?.status, merged?.hostname],
      [UUID, 'SN100', 'ready', keep.hostname],
    );
    assert.deepEqual([merged?.powerType, merged?.powerIsProposed], ['ipmi', true]);
    assert.equal(await region.store.findMachine(other.systemId), undefined);
    const [newest] = await region.store.listEvents({ machines: { systemIds: [keep.systemId] }, limit: 1 });
    assert.deepEqual([newest?.type, newest?.level, newest?.username], ['NODE_IDENTITY_CHANGED', 'audit', 'bob']);
    assert.ok(sentenceOf(newest).includes(`${other.hostname} (${other.systemId})`), sentenceOf(newest));
    const own = await region.store.listEvents({ machines: { systemIds: [keep.systemId] }, limit: 50 });
    assert.equal(own.filter(({ type }) => type === 'NEW').length, 2);
    await clock.pass(100);
    assert.deepEqual(
      states.at(-1)?.machines.map(({ macs }) => macs.map(Number)),
      [[A, B, C]],
    );
    assert.equal((await region.desiredState()).version, version + 1);
    // The next report of either half is of the one machine.
    assert.equal((await enlist(region, report([C]))).systemId, keep.systemId);
  }));

test('an older description does not replace a newer one', () =>
  withRegion(async ({ region, clock }) => {
    const other = await enlist(region, report([B], { facts: facts({ serial: 'SN200' }, { memory_mib: 1024 }) }));
    await clock.pass(1000);
    const keep = await enlist(region, report([A], { facts: facts({}, { memory_mib: 2048 }) }));
    await region.identity.merge(keep.systemId, other.systemId, 'bob');
    const merged = await region.store.findMachine(keep.systemId);
    assert.deepEqual([merged?.facts?.memory_mib, merged?.serial], [2048, 'SN200']);
  }));

test('a machine in use is never removed, and two in use are not merged: the refusal names the machines and the command to type', () =>
  withRegion(async ({ region }) => {
    const one = await enlist(region, report([A]));
    const two = await enlist(region, report([B]));
    await ready(region, two);
    await changeStatus(region, two.systemId, 'allocated', { username: 'bob' });
    const refused = await region.identity.merge(one.systemId, two.systemId, 'bob');
    assert.equal(refused.kind === 'refuse' && refused.refusal.name, 'machine-in-use');
    assert.match(
      refused.kind === 'refuse' ? refused.refusal.text : '',
      new RegExp(`Allocated.*merge ${two.systemId} ${one.systemId}`),
    );
    await changeStatus(region, one.systemId, 'commissioning', { username: 'bob' });
    const both = await region.identity.merge(one.systemId, two.systemId, 'bob');
    assert.match(both.kind === 'refuse' ? both.refusal.text : '', /both are in use .*Commissioning.*Allocated/);
    assert.equal((await region.identity.merge(one.systemId, one.systemId, 'bob')).kind, 'refuse');
    assert.equal((await region.identity.merge(one.systemId, 'nobody', 'bob')).kind, 'not-found');
    assert.equal(await region.store.countMachines({}), 2);
  }));

test('a split makes a New machine with its own hardware, and the values that confused them do not match again', () =>
  withRegion(async ({ region, clock, states }) => {
    const series = { uuid: UUID, chassis_asset_tag: 'R12-U7' };
    const first = facts(series, { memory_mib: 1024, nics: [nic(A)] });
    const second = facts(series, { memory_mib: 2048, nics: [nic(B)] });
    const merged = await enlist(region, report([A], { facts: first }));
    assert.equal((await enlist(region, report([B], { facts: second }))).systemId, merged.systemId);
    const outcome = await region.identity.split(merged.systemId, [mac(B)], 'bob');
    assert.equal(outcome.kind, 'changed');
    if (outcome.kind !== 'changed') return;
    const { machine, made } = outcome;
    assert.deepEqual([macsOf(machine), macsOf(made)], [[A], [B]]);
    assert.deepEqual([made.status, made.facts?.memory_mib, machine.facts?.memory_mib], ['new', 2048, undefined]);
    await clock.pass(100);
    assert.deepEqual(
      states.at(-1)?.machines.map(({ macs }) => macs.map(Number)),
      [[A], [B]],
    );
    assert.equal((await enlist(region, report([A], { facts: first }))).systemId, machine.systemId);
    assert.equal((await enlist(region, report([B], { facts: second }))).systemId, made.systemId);
    // A third one of the series, and the second with another card: nothing is merged by that UUID.
    const third = await enlist(region, bootReport([C], { facts: facts({ uuid: UUID }) }));
    assert.equal(await region.store.countMachines({}), 3);
    assert.deepEqual(await region.store.listConflicts(10), []);
    assert.deepEqual(
      (await region.desiredState()).machines.map(({ uuid }) => uuid),
      [undefined, undefined, undefined],
    );
    const lines = (await region.identity.view(third.systemId))?.lines ?? [];
    assert.deepEqual(
      lines.map(({ kind, isShared }) => [kind, isShared]),
      [
        ['mac', false],
        ['uuid', true],
      ],
    );
  }));

test('interfaces from one report are not merged again after a split, and no person is asked twice', () =>
  withRegion(async ({ region }) => {
    const both = facts({ uuid: UUID, serial: 'SN100' }, { nics: [nic(A), nic(B)] });
    const machine = await enlist(region, report([A, B], { facts: both }));
    const outcome = await region.identity.split(machine.systemId, [mac(B)], 'bob');
    assert.equal(outcome.kind, 'changed');
    const again = await enlist(region, report([A, B], { facts: both }));
    assert.equal(again.systemId, machine.systemId);
    assert.deepEqual(macsOf(again), [A]);
    assert.deepEqual(await region.store.listConflicts(10), []);
  }));

test('a split of missing interfaces, or of all, is refused', () =>
  withRegion(async ({ region }) => {
    const machine = await enlist(region, report([A, B]));
    for (const macs of [[C], [A, C], [A, B], []]) {
      const outcome = await region.identity.split(machine.systemId, macs.map(mac), 'bob');
      assert.equal(outcome.kind === 'refuse' && outcome.refusal.name, 'invalid-parameters', String(macs));
    }
    assert.equal((await region.identity.split('nobody', [mac(A)], 'bob')).kind, 'not-found');
    assert.equal(await region.store.countMachines({}), 1);
  }));

test('a merge after a split joins them again, and values that only they show are evidence again', () =>
  withRegion(async ({ region }) => {
    const machine = await enlist(region, report([A, B], { facts: facts({ uuid: UUID, serial: 'SN100' }) }));
    const outcome = await region.identity.split(machine.systemId, [mac(B)], 'bob');
    if (outcome.kind !== 'changed') throw new Error(outcome.kind);
    await region.identity.merge(machine.systemId, outcome.made.systemId, 'bob');
    assert.ok((await region.identity.view(machine.systemId))?.lines.every(({ isShared }) => !isShared));
    const swapped = report([C], { facts: facts({ uuid: UUID, serial: 'SN100' }) });
    assert.equal((await enlist(region, swapped)).systemId, machine.systemId);
  }));
