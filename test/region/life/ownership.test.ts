import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideOwnerData, OWNER_DATA_MAX, ownerDataProblem } from '../../../src/region/life/ownership.ts';
import { sentenceOf } from '../../../src/region/words/refusal.ts';
import { bareMachine } from './bare-machine.ts';

const BOB = { username: 'bob', isAdmin: false, comment: '' };
const notes = (count: number): ReadonlyMap<string, string> =>
  new Map(Array.from({ length: count }, (_, index) => [`note ${index}`, 'x']));

test('owner data is bounded, and a removed key makes room for another', () => {
  assert.equal(ownerDataProblem(notes(OWNER_DATA_MAX)), undefined);
  assert.match(sentenceOf(ownerDataProblem(notes(OWNER_DATA_MAX + 1)) ?? assert.fail()), /^at most/);
  const full = bareMachine('deployed', { ownerData: Object.fromEntries(notes(OWNER_DATA_MAX)) });
  const one = decideOwnerData(full, new Map([['another', 'x']]), BOB, 0);
  assert.ok(one.kind === 'refuse' && one.refusal.name === 'owner-data-limit');
  const instead = new Map([
    ['note 0', ''],
    ['another', 'x'],
  ]);
  assert.equal(decideOwnerData(full, instead, BOB, 0).kind, 'change');
});
