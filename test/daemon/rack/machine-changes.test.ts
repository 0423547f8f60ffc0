// The changes of a new desired state, as the timelines of machines get them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findMachineChanges } from '../../../src/daemon/rack/machine-changes.ts';
import { type MacAddress, mac } from '../../../src/ground/address.ts';
import { instant } from '../../../src/ground/clock.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';
import type { RackMachine } from '../../../src/machines/machine.ts';
import { rackMachine } from '../../support/lab-facts.ts';

const A = mac(0x525400aabb08);
const B = mac(0x525400aabb09);
const AT = instant(5);

const ready = (systemId: string, hostname: string, ...macs: readonly MacAddress[]): RackMachine =>
  rackMachine({ systemId, hostname, domain: 'maas', macs, statusName: 'Ready', purpose: 'poweroff' });
const IBIS = ready('deyffg', 'calm-ibis', A);
const MM = ready('qhfyrp', 'mm', B);
const facts = { name: 'calm-ibis.maas', status: 'Ready', purpose: 'poweroff' };

const CASES: readonly (readonly [
  name: string,
  before: readonly RackMachine[],
  after: readonly RackMachine[],
  events: readonly object[],
])[] = [
  ['a new machine is known', [], [IBIS], [{ kind: 'machine.known', at: AT, mac: A, ...facts }]],
  ['a machine that stays as it was is not reported', [IBIS], [IBIS], []],
  [
    'a machine with another status has changed',
    [IBIS],
    [{ ...IBIS, statusName: 'Broken' }],
    [{ kind: 'machine.changed', at: AT, mac: A, ...facts, status: 'Broken' }],
  ],
  [
    'a machine that is gone is forgotten',
    [IBIS, MM],
    [IBIS],
    [{ kind: 'machine.forgotten', at: AT, mac: B, name: 'mm.maas' }],
  ],
  [
    'the interface of a machine that was merged is now of the other one',
    [IBIS, MM],
    [{ ...IBIS, macs: [A, B] }],
    [{ kind: 'machine.changed', at: AT, mac: B, ...facts }],
  ],
];

for (const [name, before, after, events] of CASES)
  test(name, () =>
    assert.deepEqual(findMachineChanges(new MachineDirectory(before), new MachineDirectory(after), AT), events),
  );
