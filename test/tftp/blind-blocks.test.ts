// Transfers that begin with a block: how many may begin in the name of an address that acknowledges none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../src/ground/address.ts';
import { instant } from '../../src/ground/clock.ts';
import { negotiateOptions } from '../../src/tftp/negotiated-options.ts';
import { BlindBlocks } from '../../src/tftp/transfers.ts';

// The bounds as literals: raising one fails here.
const BLIND_BLOCKS = { perSecond: 50, burst: 500 } as const;
const NETWORK_BLIND_BLOCKS = { perSecond: 400, burst: 4000 } as const;
const [BLIND_ADDRESSES_MAX, BLIND_NETWORKS_MAX] = [4096, 1024] as const;
const WITHOUT = negotiateOptions([], 100);
const WITH = negotiateOptions([{ name: 'blksize', value: '1468' }], 100);

/** How many of these clients, one after the other, may begin at a time. */
const begun = (given: BlindBlocks, clients: readonly number[], seconds = 0): number =>
  clients.filter((client) => given.allows(ipv4(client), WITHOUT, instant(seconds * 1000))).length;
const times = (count: number, client: (index: number) => number): readonly number[] =>
  Array.from({ length: count }, (_, index) => client(index));

test('an address may have BLIND_BLOCKS unacknowledged transfers without options, and any number with options', () => {
  const given = new BlindBlocks();
  assert.equal(
    begun(
      given,
      times(10_000, () => 1),
    ),
    BLIND_BLOCKS.burst,
  );
  assert.equal(
    begun(
      given,
      times(10_000, () => 1),
      1,
    ),
    BLIND_BLOCKS.perSecond,
  );
  assert.ok(given.allows(ipv4(1), WITH, instant(1000)));
  assert.equal(begun(given, [2]), 1, 'its neighbour');
});

test('a /24 may have NETWORK_BLIND_BLOCKS of them, as many as eight of its addresses', () => {
  const given = new BlindBlocks();
  assert.equal(
    begun(
      given,
      times(20_000, (index) => index % 250),
    ),
    NETWORK_BLIND_BLOCKS.burst,
  );
  assert.equal(
    begun(
      given,
      times(20_000, (index) => index % 250),
      1,
    ),
    NETWORK_BLIND_BLOCKS.perSecond,
  );
  assert.equal(begun(given, [256]), 1, 'another network');
});

test('a transfer that is acknowledged costs nothing', () => {
  const given = new BlindBlocks();
  for (let count = 0; count < 3 * BLIND_BLOCKS.burst; count += 1) {
    assert.ok(given.allows(ipv4(1), WITHOUT, instant(0)));
    given.acknowledged(ipv4(1), WITHOUT, instant(0));
  }
  begun(
    given,
    times(10_000, () => 1),
  );
  given.acknowledged(ipv4(1), WITH, instant(0));
  assert.equal(begun(given, [1]), 0, 'one with options gives nothing back');
});

test('BLIND_ADDRESSES_MAX addresses have a rate of their own; the others share one', () => {
  const given = new BlindBlocks();
  assert.equal(
    begun(
      given,
      times(BLIND_ADDRESSES_MAX, (index) => index),
    ),
    BLIND_ADDRESSES_MAX,
  );
  assert.equal(
    begun(
      given,
      times(2000, (index) => 0x0a000000 + index),
    ),
    BLIND_BLOCKS.burst,
  );
});

test('BLIND_NETWORKS_MAX networks have a rate of their own; the others share one', () => {
  const given = new BlindBlocks();
  assert.equal(
    begun(
      given,
      times(BLIND_NETWORKS_MAX, (index) => index << 8),
    ),
    BLIND_NETWORKS_MAX,
  );
  const others = times(12_000, (index) => 0x0a000000 + ((index % 1500) << 8));
  assert.equal(begun(given, others), NETWORK_BLIND_BLOCKS.burst);
});
