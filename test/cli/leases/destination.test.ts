import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestBodies } from '../../../src/cli/leases/destination.ts';
import { CONTROL_BODY_BYTES_MAX } from '../../../src/control/requests.ts';
import { FOREIGN_TEXT_MAX, FOREIGN_WALL_MS_MAX, type ForeignLease } from '../../../src/dhcp/import/foreign-lease.ts';
import { ipv4, mac } from '../../../src/ground/address.ts';

/** Leases that the command imports at a time. */
const BATCH = 500;

/** Leases with the longest texts, all of one character. */
function leasesOf(char: string): readonly ForeignLease[] {
  const text = char.repeat(FOREIGN_TEXT_MAX);
  const texts = { hostname: text, clientId: text, vendorClass: text, circuitId: text, remoteId: text };
  const times = { grantedWallMs: FOREIGN_WALL_MS_MAX, expiresWallMs: FOREIGN_WALL_MS_MAX };
  return Array.from({ length: BATCH }, (_, at) => {
    const lease = { line: at + 1, address: ipv4(0x0a140000 + at), mac: mac(0x525400000000 + at), ...times, ...texts };
    return { ...lease, state: 'declined' };
  });
}

for (const [name, char, requests] of [
  ['plain', 'a', 1],
  ['of two bytes', '\xff', 1],
  ['of six bytes each', '\0', 2],
] as const) {
  test(`a batch of the longest leases, with characters that are ${name}, is split into bodies that the daemon reads`, () => {
    const leases = leasesOf(char);
    const bodies = [...requestBodies(leases, true)];
    assert.equal(bodies.length, requests);
    for (const body of bodies) assert.ok(Buffer.byteLength(body) <= CONTROL_BODY_BYTES_MAX, `${body.length} bytes`);
    const sent = bodies.map((body) => JSON.parse(body));
    assert.ok(sent.every(({ dryRun }) => dryRun === true));
    assert.deepEqual(
      sent.flatMap((one) => one.leases),
      leases,
    );
  });
}

test('no leases make no request', () => assert.deepEqual([...requestBodies([], false)], []));
