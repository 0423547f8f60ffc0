// The places on loopback, of which labs and tests have one each.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4 } from '../../src/ground/address.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';

const PLACES = 178;

test('no two places share a port or a network, up to the last', () => {
  const places = Array.from({ length: PLACES }, (_, index) => labPlace(index));
  const ports = places.flatMap((place) =>
    Object.values(place).filter((value) => typeof value === 'number' && value < 65_536),
  );
  assert.equal(ports.length, 6 * places.length);
  assert.equal(new Set(ports).size, ports.length);
  assert.equal(new Set(places.map(({ octets }) => octets)).size, places.length);
  for (const { octets, source } of places) assert.equal(formatIpv4(source), `${octets}.254`);
  assert.equal(places.at(-1)?.octets, '127.254.0');
  assert.throws(() => labPlace(PLACES), /^RangeError: there are no places on loopback after 177/);
});
