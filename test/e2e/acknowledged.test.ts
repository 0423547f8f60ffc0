// An ACK that arrived is on disk: the daemon is killed at the moment a client has one, again and again, and every lease that any
// client was ever acknowledged is found in leases.db and in the restarted rack. Real sockets on loopback, by any user.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { leasesShape } from '../../src/cli/shapes.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { formatIpv4, formatMac, ipv4, mac as macOf } from '../../src/net/address.ts';
import { missing } from '../support/needs.ts';
import { printedRandom } from '../support/printed-random.ts';
import { addressOf, DhcpProbes } from '../support/probes.ts';
import { RunningRack } from '../support/running-rack.ts';

const PLACE = labPlace(21);
const KILLS = 8;
/** Clients that ask at the same time, and the fewest ACKs of one life. */
const CLIENTS = 24;
const ACKS_MIN = 25;

/** Room for more than a thousand machines. */
const widened = (text: string): string =>
  text
    .replace(`network: ${PLACE.octets}.0/24`, `network: ${PLACE.octets}.0/16`)
    .replace(`ip_range_high: ${PLACE.octets}.199`, `ip_range_high: ${PLACE.octets.replace(/\d+$/, '15')}.255`);

test('what was acknowledged outlives kill -9', { skip: missing('linux'), timeout: 120_000 }, async () => {
  const random = printedRandom('acknowledged');
  const rack = new RunningRack(PLACE, widened);
  const probes = await DhcpProbes.open(PLACE);
  /** By hardware address. */
  const acknowledged = new Map<string, string>();
  try {
    for (let life = 0; life < KILLS; life += 1) {
      await rack.start();
      const killAt = acknowledged.size + ACKS_MIN + random(20);
      let killed: Promise<void> | undefined;
      const askOn = async (): Promise<void> => {
        while (killed === undefined) {
          // Nobody answers once it is killed: those who then wait are given up.
          const lease = await probes.leaseWithin(500);
          if (lease === undefined) continue;
          assert.equal(acknowledged.has(formatMac(lease.mac)), false);
          acknowledged.set(formatMac(lease.mac), addressOf(lease));
          if (acknowledged.size >= killAt) killed ??= rack.kill();
        }
      };
      await Promise.all(Array.from({ length: CLIENTS }, askOn));
      assert.ok(killed !== undefined, `only ${acknowledged.size} of ${killAt} ACKs came`);
      await killed;
      assert.deepEqual(missingFrom(readLeases(rack.stateDir), acknowledged), [], `on disk after kill ${life + 1}`);
    }
    assert.ok(acknowledged.size >= 200);
    assert.equal(new Set(acknowledged.values()).size, acknowledged.size, 'no address has two owners');
    await rack.start();
    const leases = leasesShape.parse(await rack.ask('/leases'));
    const held = new Map(leases.filter(({ state }) => state === 'bound').map(({ mac, address }) => [mac, address]));
    assert.deepEqual(missingFrom(held, acknowledged), [], 'in the restarted rack');
    const [[mac, address] = ['', '']] = acknowledged;
    const again = await probes.leaseWithin(10_000, macOf(Number.parseInt(mac.replaceAll(':', ''), 16)));
    assert.equal(again && addressOf(again), address, 'its owner gets the same address again');
  } finally {
    await probes.close();
    await rack.remove();
  }
});

/** What leases.db holds, the newer record of an address over the older; nobody else has the file open. */
function readLeases(stateDir: string): Map<string, string> {
  const database = new DatabaseSync(join(stateDir, 'leases.db'));
  try {
    const rows = database
      .prepare("SELECT address, mac FROM lease WHERE state = 'bound' UNION ALL SELECT address, mac FROM log ORDER BY 1")
      .all();
    return new Map(rows.map((row) => [formatMac(macOf(Number(row.mac))), formatIpv4(ipv4(Number(row.address)))]));
  } finally {
    database.close();
  }
}

function missingFrom(held: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): string[] {
  return [...wanted].flatMap(([mac, address]) =>
    held.get(mac) === address ? [] : [`${mac} ${address}, found ${held.get(mac)}`],
  );
}
