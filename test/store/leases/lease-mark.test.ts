// A restored leases.db is recognised, however it was copied, and any other is trusted.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RackNote } from '../../../src/region/reports/notes.ts';
import { LEASE_FILE } from '../../../src/store/leases/lease-journal.ts';
import { isPutBack, LEASE_MARK_FILE, LeaseMark, MARK_MS, readLeaseMark } from '../../../src/store/leases/lease-mark.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

let place = '';
let state = '';
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'rackboot-mark-'));
  state = join(place, 'state');
  mkdirSync(state);
  writeFileSync(join(state, LEASE_FILE), 'leases');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

/** A run of the rack that ends with this sequence on disk. */
async function run(sequence: number, doubtedUpTo = 0): Promise<void> {
  const options = { stateDir: state, clock: new VirtualClock(), doubtedUpTo, sequence: () => sequence };
  await new LeaseMark({ ...options, onProblem }).close();
}

const onProblem = ({ note }: RackNote): void => assert.fail(note);
const read = () => readLeaseMark(state);
const copy = (from: string, to: string): void => cpSync(from, to, { recursive: true, preserveTimestamps: true });

test('a normal restart does not count as a restored copy, whatever was stored since the mark', async () => {
  await run(10, 7);
  assert.deepEqual([isPutBack(read(), 10), isPutBack(read(), 12), read().doubtedUpTo], [false, false, 7]);
});

test('a leases.db that ends before the mark is a copy, even if it was written into the same file', async () => {
  await run(10);
  assert.equal(isPutBack(read(), 9), true);
});

const WAYS: readonly (readonly [string, () => void])[] = [
  ['leases.db alone, as a new file', () => replace(LEASE_FILE)],
  ['the mark alone', () => replace(LEASE_MARK_FILE)],
  [
    'the whole directory in place of the other',
    () => {
      rmSync(state, { recursive: true });
      copy(join(place, 'backup'), state);
    },
  ],
  ['the whole directory into the files of the other', () => copyInto(LEASE_FILE, LEASE_MARK_FILE)],
];

function replace(name: string): void {
  renameSync(join(state, name), join(place, 'old'));
  copy(join(place, 'backup', name), join(state, name));
}

function copyInto(...names: readonly string[]): void {
  for (const name of names) writeFileSync(join(state, name), readFileSync(join(place, 'backup', name)));
}

for (const [name, putBack] of WAYS) {
  test(`${name}: recognised by the files, although the sequence fits`, async () => {
    await run(10);
    copy(state, join(place, 'backup'));
    await run(20);
    putBack();
    assert.equal(isPutBack(read(), 100), true);
  });
}

test('without a mark, and with one that cannot be read, the leases count as a copy', async () => {
  assert.equal(isPutBack(read(), 10), true);
  writeFileSync(join(state, LEASE_MARK_FILE), 'nonsense');
  assert.equal(isPutBack(read(), 10), true);
});

test('the mark follows the leases while the rack runs', async () => {
  const clock = new VirtualClock();
  let sequence = 1;
  const mark = new LeaseMark({
    stateDir: state,
    clock,
    doubtedUpTo: 0,
    sequence: () => sequence,
    onProblem,
  });
  sequence = 5;
  clock.advance(MARK_MS);
  while (read().sequence !== 5) await sleep(5);
  await mark.close();
  assert.equal(read().isOurs, true);
});

test('an unwritable mark is a problem, reported once', async () => {
  mkdirSync(join(state, `${LEASE_MARK_FILE}.part`));
  const problems: RackNote[] = [];
  const clock = new VirtualClock();
  const options = { stateDir: state, clock, doubtedUpTo: 0, sequence: () => 1 };
  const mark = new LeaseMark({ ...options, onProblem: (note) => problems.push(note) });
  clock.advance(MARK_MS);
  await mark.close();
  assert.equal(problems.length, 1);
});
