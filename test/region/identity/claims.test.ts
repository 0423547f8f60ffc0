// Who claims another machine's hardware address, UUID or serial number gets none of its secrets, and the machine gets its own back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMac, mac } from '../../../src/net/address.ts';
import type { EnlistmentReport } from '../../../src/region/identity/enlistment-report.ts';
import type { Machine } from '../../../src/region/machine.ts';
import { renderNotices } from '../../../src/region/page/notices.ts';
import type { Region } from '../../../src/region/region.ts';
import { facts, report, withRegion } from '../place.ts';

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

for (const [name, dmi] of [
  ["UUID and the board's serial number", { uuid: UUID, board_serial: 'BB100' }],
  ['UUID and the serial number', { uuid: UUID, serial: 'SN100' }],
] as const) {
  test(`a booted machine whose card was swapped is known by its ${name}, and its old card is no longer its own`, () =>
    withRegion(({ region, clock }) => {
      const machine = enlist(region, { ...vouched(V), facts: facts(dmi) });
      clock.advance(3600_000);
      assert.equal(enlist(region, { ...vouched(C), facts: facts(dmi) }).systemId, machine.systemId);
      assert.deepEqual(region.store.listConflicts(10), []);
      go(region, machine, 'commissioning');
      assert.deepEqual(holders(region, machine), [C]);
    }));
}

test('a UUID and an asset tag, which are heard and guessed, join no booted machine: a person is asked, with what to type', () =>
  withRegion(({ region }) => {
    const tagged = facts({ uuid: UUID, chassis_asset_tag: 'R12-U7' } as object);
    const one = enlist(region, { ...vouched(V), facts: tagged });
    const two = enlist(region, { ...vouched(C), facts: tagged });
    assert.notEqual(one.systemId, two.systemId);
    assert.equal(region.store.listConflicts(10).length, 1);
    assert.ok(told(region)[0]?.includes(`rackboot machines merge ${one.systemId} ${two.systemId}`));
  }));

test('two machines with one UUID and one serial number are told of when they boot soon after each other, or in turns, until they are split', () =>
  withRegion(({ region, clock }) => {
    for (const [pause, boots] of [
      [60_000, [V, C]],
      [3600_000, [V2, ATT, V2]],
    ] as const) {
      const dmi = facts({ uuid: UUID.replace(/1$/, String(pause % 7)), serial: `SN${pause}` });
      let machine: Machine | undefined;
      for (const boot of boots) {
        machine = enlist(region, { ...vouched(boot), facts: dmi });
        clock.advance(pause);
      }
      if (machine === undefined) throw new Error('unreachable');
      const other = mac(boots[boots.length - 2] ?? 0);
      const [conflict] = region.store.listConflicts(10, machine.systemId);
      assert.deepEqual([conflict?.systemId, conflict?.otherId], [machine.systemId, machine.systemId]);
      const toType = `rackboot machines split ${machine.systemId} --mac ${formatMac(other)}`;
      assert.ok(conflict?.text.includes(toType), conflict?.text);
      assert.ok(told(region)[0]?.includes(toType), told(region)[0]);
      assert.ok(renderNotices(region).includes(toType));
      const outcome = region.identity.split(machine.systemId, [other], 'bob');
      assert.equal(outcome.kind, 'changed');
      assert.deepEqual(region.store.listConflicts(10), []);
      const before = region.store.countMachines({});
      for (const boot of boots) enlist(region, { ...vouched(boot), facts: dmi });
      assert.equal(region.store.countMachines({}), before);
      assert.deepEqual(region.store.listConflicts(10), []);
    }
  }));
