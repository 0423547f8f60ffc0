// Who claims another machine's hardware address, UUID or serial number gets none of its secrets, and the machine gets its own back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mac } from '../../src/net/address.ts';
import type { EnlistmentReport } from '../../src/region/enlistment-report.ts';
import type { Machine } from '../../src/region/machine.ts';
import type { Region } from '../../src/region/region.ts';
import { facts, report, withRegion } from './place.ts';

/** The attacker's own interface, those of its victim, and one more. */
const ATT = 0x525400000066;
const V = 0x525400000001;
const V2 = 0x525400000002;
const C = 0x525400000003;
const UUID = '0fd4c0a2-2c4e-4a3c-9a3b-000000000001';
const OWN = facts({ uuid: UUID, serial: 'SN100' });

const vouched = (first: number, ...rest: readonly number[]): EnlistmentReport =>
  report([first, ...rest], { vouchedMac: mac(first) });
const victim = (...rest: readonly number[]): EnlistmentReport => ({ ...vouched(V, ...rest), facts: OWN });

function enlist(region: Region, of: EnlistmentReport): Machine {
  const outcome = region.enlist(of);
  if (outcome.kind === 'refuse') throw new Error(outcome.refusal.text);
  return outcome.machine;
}

const go = (region: Region, { systemId }: Machine, to: Parameters<Region['changeStatus']>[1]): void =>
  assert.equal(region.changeStatus(systemId, to, { username: 'bob' }).kind, 'changed');
const macsOf = (machine: Machine | undefined): readonly number[] => machine?.interfaces.map((nic) => nic.mac) ?? [];
const told = (region: Region): readonly string[] =>
  region.store
    .listEvents({ limit: 100 })
    .flatMap((event) => (event.type === 'NODE_ENLISTMENT_CONFLICT' ? [event.description] : []));

/** Whom the rack would give the token of this machine's boot. */
function holders(region: Region, { systemId }: Machine): readonly number[] {
  const machine = region.desiredState().machines.find((one) => one.systemId === systemId);
  assert.ok(machine?.bootToken !== undefined, 'it has no token');
  return machine.macs;
}

test('an address that a stranger claimed beside that of a machine goes when the machine reports, with an event that names it', () =>
  withRegion(({ region }) => {
    enlist(region, report([ATT, V]));
    const machine = enlist(region, victim());
    assert.deepEqual(macsOf(machine), [V]);
    assert.ok(
      told(region).some((text) => text.includes('52:54:00:00:00:66')),
      told(region).join('\n'),
    );
    go(region, machine, 'commissioning');
    assert.deepEqual(holders(region, machine), [V]);
  }));

test('a machine that never booted with the word of a rack has its token for the first address alone, which no stranger replaces', () =>
  withRegion(({ region }) => {
    const machine = enlist(region, report([V]));
    enlist(region, report([ATT, V]));
    go(region, machine, 'commissioning');
    assert.deepEqual(holders(region, machine), [V]);
  }));

test('an address that a booted machine shows, and that boots by itself as another, is given back, and a person is told', () =>
  withRegion(({ region }) => {
    const attacker = enlist(region, vouched(ATT, V));
    const machine = enlist(region, victim());
    assert.notEqual(machine.systemId, attacker.systemId);
    assert.deepEqual([macsOf(region.store.findMachine(attacker.systemId)), macsOf(machine)], [[ATT], [V]]);
    assert.ok(told(region).some((text) => text.includes(attacker.systemId) && text.includes('52:54:00:00:00:01')));
    assert.equal(region.store.listConflicts(10).length, 1);
    go(region, attacker, 'commissioning');
    go(region, machine, 'commissioning');
    assert.deepEqual([holders(region, attacker), holders(region, machine)], [[ATT], [V]]);
    // It claims the address once more.
    enlist(region, vouched(ATT, V));
    assert.deepEqual(macsOf(region.store.findMachine(machine.systemId)), [V]);
  }));

test('so it is when the machine that claimed it is being commissioned, or was accepted with it by hearsay', () =>
  withRegion(({ region }) => {
    const attacker = enlist(region, vouched(ATT, V));
    go(region, attacker, 'commissioning');
    const token = region.desiredState().machines[0]?.bootToken;
    const machine = enlist(region, { ...victim(), token });
    assert.deepEqual([macsOf(region.store.findMachine(attacker.systemId)), macsOf(machine)], [[ATT], [V]]);
    const accepted = enlist(region, report([C, V2]));
    go(region, accepted, 'ready');
    assert.deepEqual(region.desiredState().machines.at(-1)?.macs, [C]);
    const other = enlist(region, vouched(V2));
    assert.deepEqual([macsOf(region.store.findMachine(accepted.systemId)), macsOf(other)], [[C], [V2]]);
  }));

test('nobody adds an address to a machine afterwards: neither to one that booted, nor to one that a person made', () =>
  withRegion(({ region }) => {
    const machine = enlist(region, victim(V2));
    const byHand = enlist(region, report([C], { username: 'bob' }));
    const lies = [
      report([ATT, V]),
      report([V, ATT]),
      report([ATT, V], { facts: OWN }),
      vouched(ATT, V),
      vouched(ATT, V2),
      vouched(ATT, C),
      report([C, ATT]),
    ];
    for (const lie of lies) region.enlist(lie);
    go(region, machine, 'commissioning');
    go(region, byHand, 'commissioning');
    assert.deepEqual([holders(region, machine), holders(region, byHand)], [[V, V2], [C]]);
  }));

test('a merge by a person survives the reports of both halves', () =>
  withRegion(({ region }) => {
    const machine = enlist(region, victim());
    const other = enlist(region, report([C]));
    region.identity.merge(machine.systemId, other.systemId, 'bob');
    enlist(region, victim());
    go(region, machine, 'commissioning');
    assert.deepEqual(holders(region, machine), [V, C]);
  }));

test('the further interfaces of a machine that booted are its own, and boot as the machine', () =>
  withRegion(({ region }) => {
    const machine = enlist(region, victim(V2));
    assert.equal(enlist(region, { ...vouched(V2, V), facts: OWN }).systemId, machine.systemId);
    enlist(region, victim());
    go(region, machine, 'commissioning');
    assert.deepEqual(holders(region, machine), [V, V2]);
  }));

test("a stranger's report with the UUID of a machine in use takes nothing from it, neither now nor when it is deleted", () =>
  withRegion(({ region }) => {
    const machine = enlist(region, victim());
    go(region, machine, 'ready');
    const uuidOf = (): string | undefined =>
      region.desiredState().machines.find(({ systemId }) => systemId === machine.systemId)?.uuid;
    const lie = enlist(region, report([ATT], { facts: facts({ uuid: UUID, serial: 'SN666' }) }));
    assert.notEqual(lie.systemId, machine.systemId);
    const isShared = (): boolean =>
      region.identity.view(machine.systemId)?.lines.some((line) => line.isShared) === true;
    assert.deepEqual([uuidOf(), isShared()], [UUID, false]);
    region.removeMachine(lie.systemId, 'bob');
    assert.deepEqual([uuidOf(), isShared()], [UUID, false]);
    // A machine that a rack booted is evidence of a series with one UUID.
    enlist(region, { ...vouched(C), facts: facts({ uuid: UUID, serial: 'SN300' }) });
    assert.deepEqual([uuidOf(), isShared()], [undefined, true]);
  }));
