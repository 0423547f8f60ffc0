import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decideOwnerData,
  OWNER_DATA_BYTES_MAX,
  OWNER_DATA_MAX,
  OWNER_DATA_TOTAL_BYTES_MAX,
  ownerDataProblems,
} from '../../../src/region/life/ownership.ts';
import { bareMachine } from './bare-machine.ts';

const BOB = { username: 'bob', isAdmin: false, comment: '' };
const terms = (othersBytes = 0) => ({ by: BOB, atMs: 0, knowledge: { ownerDataBytes: othersBytes } });
const notes = (count: number): ReadonlyMap<string, string> =>
  new Map(Array.from({ length: count }, (_, index) => [`note ${index}`, 'x']));

test('owner data is bounded, and a removed key makes room for another', () => {
  assert.equal(ownerDataProblems(notes(OWNER_DATA_MAX)).size, 0);
  assert.match((ownerDataProblems(notes(OWNER_DATA_MAX + 1)).get('key') ?? assert.fail()).text, /^at most/);
  const full = bareMachine('deployed', { ownerData: Object.fromEntries(notes(OWNER_DATA_MAX)) });
  const one = decideOwnerData(full, new Map([['another', 'x']]), terms());
  assert.ok(one.kind === 'refuse' && one.refusal.name === 'owner-data-limit');
  const instead = new Map([
    ['note 0', ''],
    ['another', 'x'],
  ]);
  assert.equal(decideOwnerData(full, instead, terms()).kind, 'change');
});

test('owner data is bounded in bytes of JSON, for one machine and for all of one user; it may always shrink', () => {
  const large = (count: number): ReadonlyMap<string, string> =>
    new Map(Array.from({ length: count }, (_, index) => [`note ${index}`, '\u0001'.repeat(4096)]));
  const free = bareMachine('deployed');
  assert.equal(decideOwnerData(free, large(2), terms()).kind, 'change');
  const refused = decideOwnerData(free, large(3), terms());
  assert.ok(refused.kind === 'refuse' && refused.refusal.name === 'owner-data-limit');
  assert.match(refused.refusal.text, new RegExp(`the maximum is ${OWNER_DATA_BYTES_MAX}\\. .*remove keys`));
  const beyond = decideOwnerData(free, notes(1), terms(OWNER_DATA_TOTAL_BYTES_MAX));
  assert.ok(beyond.kind === 'refuse' && beyond.refusal.name === 'owner-data-limit');
  assert.match(beyond.refusal.text, /Remove keys with empty values, or release machines\.$/);
  const full = bareMachine('deployed', { ownerData: Object.fromEntries(large(9)) });
  assert.equal(decideOwnerData(full, new Map([['note 8', '']]), terms(OWNER_DATA_TOTAL_BYTES_MAX)).kind, 'change');
});
