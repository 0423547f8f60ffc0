// Every transition in the table of states is made by a command, a signal, a deadline or the power; or it is listed here with another path.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideCommand, restingStatus } from '../../../src/region/life/command-effects.ts';
import { decideSignal, SIGNAL_STATUSES } from '../../../src/region/life/signal.ts';
import { enterStatus } from '../../../src/region/life/status-change.ts';
import { nextStates } from '../../../src/region/life/transition.ts';
import { type MachineStatus, STATUSES, statusRow } from '../../../src/region/records/lifecycle.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import { COMMAND_NAMES } from '../../../src/region/records/machine-commands.ts';
import type { NewMachineEvent } from '../../../src/region/records/machine-event.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { bareMachine } from './bare-machine.ts';

/** Transitions that nothing makes, although MAAS’s clients know them, by the path to use instead. */
const BY_ANOTHER_WAY: Readonly<Record<string, string>> = {
  // Nothing here enters Reserved, so nothing but `release`, `mark-broken`, `mark-missing` and `rescue` leads out of it.
  'release, or a command of its own': 'ready>reserved reserved>ready reserved>allocated reserved>retired',
  'release: by Releasing, in the same step where nothing has to be switched off':
    'deployed>ready deploying>ready allocated>ready failed-deployment>ready failed-releasing>ready failed-disk-erasing>ready ' +
    'failed-exiting-rescue-mode>ready disk-erasing>ready',
  'release, then retire': 'allocated>retired',
  'release, then deploy': 'deployed>deploying deployed>allocated',
  'abort, then retire': 'commissioning>retired',
  'abort, then commission': 'testing>commissioning commissioning>testing',
  'reinstate, then accept': 'retired>ready missing>allocated',
  'deploy again, then abort': 'failed-deployment>allocated',
  'release, then allocate': 'failed-disk-erasing>allocated failed-testing>allocated',
  'accept, which tests too': 'new>testing',
  'release, then test, for a test uses the disks': 'deployed>testing',
  'it stays where it is': 'disk-erasing>disk-erasing failed-testing>testing',
};

const RESTING: readonly MachineStatus[] = [
  'new',
  'ready',
  'deployed',
  'allocated',
  'reserved',
  'failed-commissioning',
  'broken',
  'failed-deployment',
  'failed-releasing',
  'failed-disk-erasing',
  'failed-testing',
];
const BY = { username: 'admin', isAdmin: true, comment: '' };

function* variantsOf(status: MachineStatus): Generator<Machine> {
  for (const resting of RESTING) {
    for (const netboot of [true, false]) {
      const isAtWork = statusRow(status).failed !== undefined;
      yield bareMachine(status, {
        restingStatus: resting,
        netboot,
        ...(isAtWork ? { work: { waitsForBoot: false, attempts: 0, before: resting } } : {}),
      });
    }
  }
}

/** Every transition that is made, as `from>to`. */
function madeSteps(): ReadonlySet<string> {
  const made = new Set<string>();
  const clock = new VirtualClock();
  const take = (from: MachineStatus, events: readonly NewMachineEvent[]): void => {
    let at = from;
    for (const event of events) {
      if (event.code !== 'status-changed') continue;
      const { to } = event.params;
      made.add(`${at}>${to}`);
      at = to;
    }
  };
  for (const { status, failed } of STATUSES) {
    if (failed !== undefined) made.add(`${status}>${failed}`);
    for (const machine of variantsOf(status)) {
      if (status === 'exiting-rescue-mode') made.add(`${status}>${restingStatus(machine)}`);
      for (const switches of ['on-and-off', 'on', 'nothing'] as const) {
        for (const stage of ['written', 'installed', '']) {
          for (const word of SIGNAL_STATUSES) {
            take(
              status,
              decideSignal(machine, { status: word, stage, message: '' }, 5, clock, switches === 'on-and-off').events,
            );
          }
        }
        for (const name of COMMAND_NAMES) {
          for (const more of [{}, { erase: 'all', skipsCommissioning: true } as const]) {
            const change = decideCommand(machine, { name, ...more }, { atMs: 5, clock, by: BY, switches });
            if (change.kind === 'change') take(status, change.events);
          }
        }
      }
    }
  }
  return made;
}

test('every transition in the table of states is made, or another path is listed', () => {
  const made = madeSteps();
  const named = new Set(Object.values(BY_ANOTHER_WAY).flatMap((steps) => steps.split(' ')));
  const missing: string[] = [];
  for (const { status } of STATUSES) {
    for (const to of nextStates(status)) {
      const step = `${status}>${to}`;
      if (!made.has(step) && !named.has(step)) missing.push(step);
    }
  }
  // By the result of a machine's power, and by its lease.
  assert.ok(made.has('releasing>ready') && made.has('deploying>deployed'));
  assert.deepEqual(missing, []);
});

test('every state can be left by a command', () => {
  const clock = new VirtualClock();
  for (const { status } of STATUSES) {
    const [machine] = variantsOf(status);
    assert.ok(machine);
    const terms = { atMs: 5, clock, by: BY, switches: 'on-and-off' as const };
    const ways = COMMAND_NAMES.filter((name) => decideCommand(machine, { name }, terms).kind === 'change');
    assert.ok(ways.length > 0, status);
  }
});

test('a machine boots its disk once deployed, and the network again when it is deployed anew or is free', () => {
  const clock = new VirtualClock();
  const cases: readonly (readonly [from: MachineStatus, to: MachineStatus, before: boolean, after: boolean])[] = [
    ['deploying', 'deployed', true, false],
    ['deployed', 'entering-rescue-mode', false, false],
    ['failed-deployment', 'deploying', false, true],
    ['releasing', 'ready', false, true],
    ['failed-commissioning', 'new', false, true],
    ['ready', 'commissioning', true, true],
    ['allocated', 'testing', true, true],
  ];
  for (const [from, to, netboot, after] of cases) {
    const { fields } = enterStatus(bareMachine(from, { netboot }), to, { atMs: 5, clock, username: '' });
    assert.equal(fields.netboot, after, `${from} to ${to}`);
  }
});

test('a machine knows the state to return to only while it is away from it', () => {
  const clock = new VirtualClock();
  const cases: readonly (readonly [
    MachineStatus,
    MachineStatus | undefined,
    MachineStatus,
    MachineStatus | undefined,
  ])[] = [
    ['deployed', undefined, 'entering-rescue-mode', 'deployed'],
    ['entering-rescue-mode', 'deployed', 'rescue-mode', 'deployed'],
    ['exiting-rescue-mode', 'deployed', 'deployed', undefined],
    ['ready', undefined, 'testing', 'ready'],
    ['deployed', undefined, 'broken', 'deployed'],
    ['deployed', undefined, 'releasing', undefined],
  ];
  for (const [from, resting, to, after] of cases) {
    const machine = bareMachine(from, { restingStatus: resting });
    const { fields } = enterStatus(machine, to, { atMs: 5, clock, username: '' });
    assert.equal(fields.restingStatus, after, `${from} to ${to}`);
  }
});
