// How often something may happen in the name of an address.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../../src/ground/address.ts';
import { instant } from '../../../src/ground/clock.ts';
import { AddressRates } from '../../../src/net/shares/address-rates.ts';

const OF_ADDRESS = { perSecond: 1, burst: 2 } as const;
const OF_NETWORK = { perSecond: 8, burst: 5 } as const;
const rates = (addressesMax = 100, networksMax = 100): AddressRates =>
  new AddressRates(OF_ADDRESS, OF_NETWORK, addressesMax, networksMax);

/** How many of `count` calls are allowed at a time. */
const allowed = (given: AddressRates, addresses: readonly number[], seconds: number): number =>
  addresses.filter((address) => given.allows(ipv4(address), instant(seconds * 1000))).length;

test('an address has its burst and then its rate, which takes nothing from its neighbour', () => {
  const given = rates();
  assert.equal(allowed(given, [1, 1, 1, 1], 0), OF_ADDRESS.burst);
  assert.equal(allowed(given, [2, 2, 2], 0), OF_ADDRESS.burst);
  assert.equal(allowed(given, [1, 1], 1), OF_ADDRESS.perSecond);
});

test('all addresses of a /24 together have its burst; a refusal by the network takes nothing from the address', () => {
  const given = rates();
  assert.equal(allowed(given, [1, 1, 2, 2, 3, 3, 4, 4], 0), OF_NETWORK.burst);
  assert.equal(allowed(given, [256 + 1, 256 + 1], 0), 2, 'another network');
  assert.equal(allowed(given, [4, 4], 1), 2, 'the address has its whole burst');
});

test('a permit that is given back may be taken again, and none beyond the burst', () => {
  const given = rates();
  assert.equal(allowed(given, [1, 1, 1], 0), 2);
  given.giveBack(ipv4(1), instant(0));
  assert.equal(allowed(given, [1, 1], 0), 1);
  for (let count = 0; count < 10; count += 1) given.giveBack(ipv4(9), instant(0));
  assert.equal(allowed(given, [9, 9, 9], 0), 2);
});

test('addresses beyond the bound share one bucket until another one is full again, and so do networks', () => {
  const given = rates(2);
  allowed(given, [1, 2], 0);
  assert.equal(allowed(given, [1 << 8, 2 << 8, 3 << 8, 4 << 8], 0), OF_ADDRESS.burst);
  assert.equal(allowed(given, [5 << 8], 10), 1);
  const few = rates(100, 1);
  allowed(few, [1], 0);
  assert.equal(
    allowed(
      few,
      Array.from({ length: 20 }, (_, index) => (index + 1) << 8),
      0,
    ),
    OF_NETWORK.burst,
  );
});
