// The stock of unused addresses: which is given next, how long a probe counts, how many are kept.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FreeStock, STOCK_FRESH_MS, STOCK_REFRESH_MS, STOCK_SIZE } from '../../../src/dhcp/conflicts/free-stock.ts';
import { formatIpv4, type Ipv4, ipv4 } from '../../../src/ground/address.ts';
import { later } from '../../../src/ground/clock.ts';
import { ip } from '../../support/lab-facts.ts';
import { NOW } from '../lab.ts';

const A = ip('10.20.0.100');
const B = ip('10.20.0.101');
const FAR = ip('10.30.0.100');
const any = (): boolean => true;

/** A, B a second later, and an address of another network. */
function stocked(): FreeStock {
  const stock = new FreeStock();
  stock.add('lab', A, NOW);
  stock.add('lab', B, later(NOW, 1000));
  stock.add('far', FAR, NOW);
  return stock;
}

const FIRST: readonly (readonly [
  name: string,
  network: string,
  afterMs: number,
  isFree: (address: Ipv4) => boolean,
  given: Ipv4 | undefined,
])[] = [
  ['the address with the oldest probe', 'lab', 1000, any, A],
  ['only of its own network', 'far', 1000, any, FAR],
  ['none of a network without any', 'lob', 1000, any, undefined],
  ['none that has gained an owner', 'lab', 1000, (address) => address !== A, B],
  ['the oldest up to the end of its time', 'lab', STOCK_FRESH_MS - 1, any, A],
  ['not from then on', 'lab', STOCK_FRESH_MS, any, B],
  ['none if all probes are too old', 'lab', STOCK_FRESH_MS + 1000, any, undefined],
];

for (const [name, network, afterMs, isFree, given] of FIRST) {
  test(`the next address given: ${name}`, () => {
    const stock = stocked();
    assert.equal(stock.first(network, later(NOW, afterMs), isFree), given);
    assert.equal(stock.first(network, later(NOW, afterMs), isFree), given, 'reading changes nothing');
  });
}

test('an address that is given or heard leaves the stock, and its place is free', () => {
  const stock = stocked();
  assert.deepEqual([stock.has(A, NOW), stock.wanted('lab')], [true, STOCK_SIZE - 2]);
  assert.equal(stock.remove(A), true);
  assert.equal(stock.remove(A), false, 'once');
  assert.deepEqual(
    [stock.has(A, NOW), stock.wanted('lab'), stock.wanted('far')],
    [false, STOCK_SIZE - 1, STOCK_SIZE - 1],
  );
  assert.equal(stock.first('lab', NOW, any), B);
});

test('an old address is probed again before it stops counting, and a new probe puts it last', () => {
  const stock = stocked();
  assert.deepEqual(stock.stale('lab', later(NOW, STOCK_REFRESH_MS - 1)), []);
  assert.deepEqual(stock.stale('lab', later(NOW, STOCK_REFRESH_MS)), [A]);
  assert.ok(stock.has(A, later(NOW, STOCK_REFRESH_MS)), 'it stays meanwhile');
  stock.add('lab', A, later(NOW, STOCK_REFRESH_MS));
  assert.equal(stock.first('lab', later(NOW, STOCK_REFRESH_MS), any), B);
  assert.equal(stock.wanted('lab'), STOCK_SIZE - 2, 'it takes one place');
});

test('a network has STOCK_SIZE places and no more, whatever another one has', () => {
  const stock = stocked();
  for (let at = 0; at < STOCK_SIZE + 5; at += 1) stock.add('lab', ipv4(ip('10.20.0.150') + at), NOW);
  assert.equal(stock.wanted('lab'), 0);
  const known = Array.from({ length: 256 }, (_, at) => ipv4(ip('10.20.0.0') + at)).filter((one) => stock.has(one, NOW));
  assert.equal(known.length, STOCK_SIZE);
  assert.equal(stock.wanted('far'), STOCK_SIZE - 1);
});

test('addresses that may no longer be given are forgotten', () => {
  const stock = stocked();
  stock.keep((network, address) => network === 'far' || address === B);
  const left = [A, B, FAR].filter((address) => stock.has(address, NOW)).map(formatIpv4);
  assert.deepEqual(left, ['10.20.0.101', '10.30.0.100']);
  assert.deepEqual([stock.wanted('lab'), stock.wanted('far')], [STOCK_SIZE - 1, STOCK_SIZE - 1]);
});
