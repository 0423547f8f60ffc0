import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressBits } from '../../../src/dhcp/leases/address-bits.ts';
import { printedRandom } from '../../support/printed-random.ts';
import { WordCounter } from '../../support/word-counter.ts';

for (const length of [1, 31, 32, 33, 1024, 1025, 40_000]) {
  test(`a set of ${length} finds what a plain set finds, whatever is added and removed`, () => {
    const below = printedRandom(`a set of ${length}`);
    const bits = new AddressBits(length);
    const plain = new Set<number>();
    const expected = (from: number): number | undefined => {
      let first: number | undefined;
      let wrapped: number | undefined;
      for (const member of plain) {
        if (member >= from && (first === undefined || member < first)) first = member;
        if (wrapped === undefined || member < wrapped) wrapped = member;
      }
      return first ?? wrapped;
    };
    for (let step = 0; step < 1500; step += 1) {
      const member = below(length);
      if (below(2) === 0) {
        bits.add(member);
        plain.add(member);
      } else {
        bits.delete(member);
        plain.delete(member);
      }
      assert.equal(bits.size, plain.size);
      assert.equal(bits.has(member), plain.has(member));
      const from = below(length);
      assert.equal(bits.next(from), expected(from));
    }
  });

  test(`a filled set of ${length} has every member and no other`, () => {
    const bits = new AddressBits(length);
    bits.fill();
    assert.equal(bits.size, length);
    for (let member = 0; member < length; member += 1) {
      assert.equal(bits.next(0), member);
      bits.delete(member);
    }
    assert.equal(bits.size, 0);
    assert.equal(bits.next(0), undefined);
  });
}

test('the one member left of a /8 is found in a few steps, as any member of a full one is', () => {
  const counter = new WordCounter();
  const costOf = (next: () => void): number => {
    const before = counter.reads;
    next();
    return counter.reads - before;
  };
  const [full, lone] = counter.watch(() => [new AddressBits(2 ** 24), new AddressBits(2 ** 24)] as const);
  full.fill();
  const whenFull = costOf(() => full.next(1_234_567));
  lone.add(7_654_321);
  const whenLone = costOf(() => assert.equal(lone.next(7_654_322), 7_654_321));
  assert.ok(whenFull >= 1 && whenLone >= 1 && whenLone <= 15, `${whenFull} and ${whenLone} words`);
});
