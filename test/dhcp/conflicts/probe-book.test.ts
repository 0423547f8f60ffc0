// Which addresses are being probed, and which were a moment ago.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROBE_FRESH_MS, PROBES_REMEMBERED_MAX, ProbeBook } from '../../../src/dhcp/conflicts/conflict-check.ts';
import { type Ipv4, ipv4 } from '../../../src/ground/address.ts';
import { type Instant, later } from '../../../src/ground/clock.ts';
import { ip } from '../../support/lab-facts.ts';
import { NOW } from '../lab.ts';

const A = ip('10.20.0.100');
const at = (number: number): Ipv4 => ipv4(A + number);
const probe = (book: ProbeBook, address: Ipv4, free: boolean, now: Instant): void => {
  assert.ok(!book.isFresh(address, now));
  book.start(address);
  book.finish(address, free, now);
};

const AGAIN: readonly (readonly [name: string, free: boolean, afterMs: number, forgotten: boolean, needed: boolean])[] =
  [
    ['not while it counts as unused', true, PROBE_FRESH_MS - 1, false, false],
    ['again after that', true, PROBE_FRESH_MS, false, true],
    ['at once if it was in use', false, 0, false, true],
    ['at once if it was heard on the wire', true, 0, true, true],
  ];

for (const [name, free, afterMs, forgotten, needed] of AGAIN) {
  test(`an address is probed ${name}`, () => {
    const book = new ProbeBook();
    probe(book, A, free, NOW);
    if (forgotten) book.forget(A);
    assert.equal(book.isFresh(A, later(NOW, afterMs)), !needed);
  });
}

test('an address counts as being probed until the result is there, and others do not', () => {
  const book = new ProbeBook();
  assert.equal(book.isRunning(A), false);
  book.start(A);
  assert.deepEqual([book.isRunning(A), book.isRunning(at(1))], [true, false]);
  book.finish(A, true, later(NOW, 100));
  assert.equal(book.isRunning(A), false);
});

test('results are remembered up to the bound: the oldest is forgotten first', () => {
  const book = new ProbeBook();
  for (let number = 0; number <= PROBES_REMEMBERED_MAX; number += 1) probe(book, at(number), true, NOW);
  assert.equal(book.isFresh(at(1), NOW), true, 'the second is remembered');
  assert.equal(book.isFresh(at(0), NOW), false, 'the first is probed again');
});

test('the result of a second probe counts from then on', () => {
  const book = new ProbeBook();
  probe(book, A, true, NOW);
  probe(book, at(1), true, NOW);
  probe(book, A, true, later(NOW, PROBE_FRESH_MS));
  assert.equal(book.isFresh(A, later(NOW, 2 * PROBE_FRESH_MS - 1)), true);
});
