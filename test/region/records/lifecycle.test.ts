// The table of states is complete and closed, and clients of each version see the numbers and names they know.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkTransition, nextStates } from '../../../src/region/life/transition.ts';
import { bootPurpose } from '../../../src/region/records/boot-purpose.ts';
import {
  findStatusByNumber,
  type MachineStatus,
  parseStatus,
  STATUSES,
  statusRow,
} from '../../../src/region/records/lifecycle.ts';

test('there are 23 states, numbered 0 to 22 in order, each with a name of its own', () => {
  assert.equal(STATUSES.length, 23);
  STATUSES.forEach((row, index) => {
    assert.equal(row.number, index);
    assert.equal(findStatusByNumber(index), row.status);
    assert.equal(statusRow(row.status), row);
  });
  assert.equal(new Set(STATUSES.map((row) => row.name)).size, 23);
  assert.equal(findStatusByNumber(23), undefined);
  assert.equal(findStatusByNumber(-1), undefined);
});

test('every state can be reached from New, and New, Ready or Broken from every state', () => {
  const reach = (from: MachineStatus): Set<MachineStatus> => {
    const seen = new Set<MachineStatus>([from]);
    for (const status of seen) for (const next of nextStates(status)) seen.add(next);
    return seen;
  };
  assert.equal(reach('new').size, 23);
  for (const row of STATUSES) {
    assert.ok(reach(row.status).has('ready'), row.status);
    assert.ok(reach(row.status).has('broken'), row.status);
  }
});

test('a state in progress may enter its failed state, which exists and is not in progress itself', () => {
  const expected: [MachineStatus, MachineStatus][] = [
    ['commissioning', 'failed-commissioning'],
    ['deploying', 'failed-deployment'],
    ['releasing', 'failed-releasing'],
    ['disk-erasing', 'failed-disk-erasing'],
    ['entering-rescue-mode', 'failed-entering-rescue-mode'],
    ['exiting-rescue-mode', 'failed-exiting-rescue-mode'],
    ['testing', 'failed-testing'],
  ];
  const found = STATUSES.filter((row) => row.failed !== undefined).map((row) => [row.status, row.failed]);
  assert.deepEqual(new Map(found.map(([a, b]) => [a, b])), new Map<unknown, unknown>(expected));
  for (const [from, to] of expected) {
    assert.equal(checkTransition(from, to), undefined);
    assert.equal(statusRow(to).failed, undefined);
    assert.ok((statusRow(from).timeoutMinutes ?? 0) > 0, from);
  }
});

/** The transitions that MAAS 1.7 allows, by number. */
const TRANSITIONS_1_7: Readonly<Record<number, readonly number[]>> = {
  0: [1, 3, 4, 7, 8],
  1: [2, 4, 7, 3, 0, 8],
  2: [1, 3, 7, 8],
  3: [0, 4, 10, 1, 8],
  4: [1, 10, 5, 7, 3, 8],
  5: [4, 10, 7, 3, 8, 14, 12],
  6: [10, 3, 8, 4, 14, 12],
  7: [0, 4, 3, 8],
  8: [1, 4, 14, 12],
  9: [10, 3, 8, 11, 6, 4, 14, 12],
  10: [4, 7, 3, 8, 9, 14, 12],
  11: [10, 3, 8, 4, 14, 12],
  12: [4, 8, 3, 13],
  13: [12, 14, 4, 8],
  14: [8, 14, 15, 4, 12],
  15: [14, 12, 8, 10, 4],
};

test('every transition of MAAS 1.7 is allowed, and no other among its states but those that 3.x added', () => {
  const added = new Set(['8-6', '6-9', '11-9']);
  for (let from = 0; from <= 15; from += 1) {
    for (let to = 0; to <= 15; to += 1) {
      const [a, b] = [findStatusByNumber(from), findStatusByNumber(to)];
      assert.ok(a !== undefined && b !== undefined);
      const isAllowed = checkTransition(a, b) === undefined;
      const expected = (TRANSITIONS_1_7[from]?.includes(to) ?? false) || added.has(`${from}-${to}`);
      assert.equal(isAllowed, expected, `${a} to ${b}`);
    }
  }
});

test('a refused transition names both states and the allowed ones', () => {
  const refusal = checkTransition('new', 'deployed');
  assert.equal(refusal?.name, 'transition-not-allowed');
  for (const status of nextStates('new')) assert.ok(refusal?.text.includes(statusRow(status).name), status);
  assert.match(refusal === undefined ? '' : refusal.text, /New cannot become Deployed.*Commissioning/);
});

test('API 1.0 sees 0 to 8 only, and everything from allocation to release as 6', () => {
  for (const row of STATUSES) assert.ok(row.foldedNumber <= 8, row.status);
  for (const number of [6, 9, 10, 11, 12, 13, 14, 15]) assert.equal(STATUSES[number]?.foldedNumber, 6);
  for (const number of [0, 1, 2, 3, 4, 5, 7]) assert.equal(STATUSES[number]?.foldedNumber, number);
});

test('a filter may name a state in every way that clients do', () => {
  const cases: [string, MachineStatus | undefined][] = [
    ['new', 'new'],
    ['New', 'new'],
    ['0', 'new'],
    ['failed_commissioning', 'failed-commissioning'],
    ['Failed commissioning', 'failed-commissioning'],
    ['Releasing failed', 'failed-releasing'],
    ['failed-releasing', 'failed-releasing'],
    ['22', 'failed-testing'],
    ['23', undefined],
    ['', undefined],
    ['nonsense', undefined],
  ];
  for (const [text, expected] of cases) assert.equal(parseStatus(text), expected, text);
});

test('the next boot follows from the state', () => {
  const purposes = Object.fromEntries(
    STATUSES.map((row) => [row.status, bootPurpose({ status: row.status, netboot: true })]),
  );
  const commissioning = 'commissioning testing disk-erasing releasing entering-rescue-mode rescue-mode'.split(' ');
  for (const row of STATUSES) {
    const expected = commissioning.includes(row.status)
      ? 'commissioning'
      : ({ new: 'enlist', deploying: 'install', deployed: 'local' }[row.status as string] ?? 'poweroff');
    assert.equal(purposes[row.status], expected, row.status);
  }
  assert.equal(bootPurpose({ status: 'deploying', netboot: false }), 'local');
  for (const status of ['exiting-rescue-mode', 'broken'] as const) {
    assert.equal(bootPurpose({ status, restingStatus: 'deployed', netboot: false }), 'local');
    assert.equal(bootPurpose({ status, restingStatus: 'ready', netboot: true }), 'poweroff');
  }
});
