// The part of a machine that racks get, which excludes everything that only an unproven report says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mac } from '../../../src/ground/address.ts';
import { toRackMachine } from '../../../src/region/racks/desired-machine.ts';
import type { InterfaceSource, Machine } from '../../../src/region/records/machine.ts';
import { changeStatus } from '../../support/change-status.ts';
import { bareMachine } from '../life/bare-machine.ts';
import { bootReport, report, withRegion } from '../place.ts';

const A = 0x525400000001;

function made(status: Machine['status'], ...sources: readonly InterfaceSource[]): Machine {
  const interfaces = sources.map((source, index) => ({ id: index, mac: mac(A + index), name: '', source }));
  return bareMachine(status, { interfaces });
}

const LINES: readonly (readonly [string, Machine, readonly number[], boolean | undefined])[] = [
  ['of a New machine of hearsay nothing', made('new', 'hearsay', 'hearsay'), [], undefined],
  ['of a New machine that was only shown next to another nothing', made('new', 'shown'), [], undefined],
  ['of a New machine without interfaces nothing', made('new'), [], undefined],
  ['of a New machine that booted the interface by which it did', made('new', 'vouched', 'shown', 'hearsay'), [A], true],
  ['of a New machine that a person made what that person said', made('new', 'person', 'hearsay'), [A], false],
  ['of an accepted machine what it holds', made('ready', 'vouched', 'shown', 'hearsay', 'replaced'), [A, A + 1], false],
  ['of an accepted machine of hearsay its first interface', made('commissioning', 'hearsay', 'hearsay'), [A], false],
];
for (const [what, machine, macs, isSelfNamed] of LINES) {
  test(`a rack gets ${what}`, () => {
    const given = toRackMachine(machine);
    assert.deepEqual(given?.macs ?? [], macs);
    assert.equal(given === undefined ? undefined : given.isSelfNamed === true, isSelfNamed);
  });
}

test('a report with a client’s name or card reaches no rack until a boot or a person confirms it', () =>
  withRegion(async ({ region, clock, states }) => {
    const reported = await region.enlist(report([A], { hostname: 'nas' }));
    assert.ok(reported.kind === 'create');
    const { systemId } = reported.machine;
    await clock.pass(60_000);
    assert.deepEqual([states, (await region.desiredState()).version], [[], 0]);
    assert.equal((await region.store.findMachine(systemId))?.hostname, 'nas', 'people see it');
    // Its boot proves the card, and not the name.
    assert.equal((await region.enlist(bootReport([A]))).kind, 'amend');
    await clock.pass(1000);
    const given = () => states.at(-1)?.machines.map(({ hostname, macs, isSelfNamed }) => [hostname, macs, isSelfNamed]);
    assert.deepEqual(given(), [['nas', [A], true]]);
    await changeStatus(region, systemId, 'ready', { username: 'bob' });
    await clock.pass(1000);
    assert.deepEqual(given(), [['nas', [A], undefined]]);
  }));

test('a machine that a person adds reaches the racks at once, with its name', () =>
  withRegion(async ({ region, clock, states }) => {
    await region.enlist(report([A], { hostname: 'web1', username: 'bob' }));
    await clock.pass(1000);
    assert.deepEqual(
      states.at(-1)?.machines.map(({ hostname, macs, isSelfNamed }) => [hostname, macs, isSelfNamed]),
      [['web1', [A], undefined]],
    );
  }));

test('a machine that an ordinary user adds reaches no rack until an administrator accepts it', () =>
  withRegion(async ({ region, clock, states }) => {
    const added = await region.enlist(report([A], { hostname: 'nas', username: 'olga', isOrdinary: true }));
    assert.ok(added.kind === 'create');
    await clock.pass(1000);
    assert.equal(states.length, 0);
    await changeStatus(region, added.machine.systemId, 'ready', { username: 'bob' });
    await clock.pass(1000);
    assert.deepEqual(
      states.at(-1)?.machines.map(({ hostname, macs }) => [hostname, macs]),
      [['nas', [A]]],
    );
  }));

test('an accepted machine that returns to New without a boot no longer reaches any rack', () =>
  withRegion(async ({ region, clock, states }) => {
    const reported = await region.enlist(report([A]));
    assert.ok(reported.kind === 'create');
    await changeStatus(region, reported.machine.systemId, 'commissioning', { username: 'bob' });
    await clock.pass(1000);
    assert.equal(states.at(-1)?.machines.length, 1);
    await changeStatus(region, reported.machine.systemId, 'new', { username: 'bob' });
    await clock.pass(1000);
    assert.equal(states.at(-1)?.machines.length, 0);
  }));
