import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RankedTable } from '../../../src/net/shares/kept-apart.ts';

const MAX = 8;
const KNOWN = { rank: 'machine', share: '' } as const;
const stranger = (share: string) => ({ rank: 'stranger', share }) as const;
const table = () => new RankedTable<string, number>(MAX);

describe('a table that keeps ranks apart', () => {
  it('keeps the entries of known owners against any number of strangers', () => {
    const kept = table();
    for (let index = 0; index < MAX; index += 1) kept.set(`known ${index}`, index, KNOWN);
    for (let index = 0; index < 1000; index += 1) kept.set(`stranger ${index}`, index, stranger('eth1'));
    for (let index = 0; index < MAX; index += 1) assert.equal(kept.get(`known ${index}`), index);
    assert.equal([...kept.values()].length, 2 * MAX);
  });

  it('evicts the oldest entry of the largest share, and returns it', () => {
    const kept = table();
    kept.set('quiet', -1, stranger('eth2'));
    for (let index = 0; index < MAX - 1; index += 1) kept.set(`${index}`, index, stranger('eth1'));
    assert.equal(kept.set('more', 99, stranger('eth1')), 0);
    assert.deepEqual([kept.get('quiet'), kept.get('0'), kept.get('1')], [-1, undefined, 1]);
    assert.equal(kept.set('1', 1, stranger('eth1')), undefined, 'setting a key again takes no further place');
    assert.equal(kept.set('next', 100, stranger('eth1')), 2, 'and makes it the newest');
  });

  it('moves an entry whose owner has become known', () => {
    const kept = table();
    kept.set('a', 1, stranger('eth1'));
    assert.deepEqual([...kept.listKeys('stranger')], ['a']);
    kept.set('a', 2, KNOWN);
    assert.deepEqual([...kept.listKeys('machine')], ['a']);
    assert.deepEqual([...kept.values()], [2]);
    for (let index = 0; index < 2 * MAX; index += 1) kept.set(`${index}`, index, stranger('eth1'));
    assert.equal(kept.get('a'), 2);
    kept.delete('a');
    kept.delete('a');
    assert.equal([...kept.values()].length, MAX);
    kept.clear();
    assert.deepEqual([[...kept.values()], [...kept.listKeys('stranger')], [...kept.listKeys('machine')]], [[], [], []]);
  });
});
