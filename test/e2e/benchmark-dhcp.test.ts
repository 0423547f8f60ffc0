// The DHCP benchmark itself, in little: every server starts with leases of its own file, answers rightly, and what it syncs before an ACK
// leaves is what the report says of it. No figure is judged here.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureDhcp } from '../bench/dhcp.ts';
import { CONTENDERS } from '../bench/dhcp-contenders.ts';
import { RACKBOOT, type Result } from '../bench/figure.ts';
import { missing } from '../support/needs.ts';

const EXISTING = 300;

const figureOf = ({ rackboot, peers }: Result, name: string): number | undefined =>
  name === RACKBOOT ? rackboot : peers[name];

test('the DHCP benchmark measures four servers alike and tells what each has on disk when an ACK leaves', {
  skip: missing('root', 'linux', 'ip', 'taskset', 'strace', 'kea-dhcp4', '/usr/sbin/dhcpd', 'dnsmasq'),
  timeout: 280_000,
}, async () => {
  const told: string[] = [];
  const results = await measureDhcp(
    {
      contenders: CONTENDERS,
      rounds: 1,
      existing: [EXISTING],
      inFlight: [1, 32],
      warmUpMsMax: 200,
      partMs: 300,
      lastingMs: 1000,
      durability: true,
      budgetMs: 60_000,
      repeats: false,
    },
    (text) => told.push(text),
  );
  assert.equal(told.length, 2 * CONTENDERS.length + 2);
  const row = (metric: string): Result => {
    const found = results.find((result) => result.metric === metric);
    assert.ok(found, `${metric} is missing: ${results.map((result) => result.metric).join('; ')}`);
    return found;
  };
  const rates = ['DORA, 1 in flight', 'DORA, 32 in flight', 'renew, 1 in flight', 'renew, 32 in flight'];
  for (const name of CONTENDERS) {
    for (const rate of rates) {
      assert.ok((figureOf(row(`${EXISTING} leases: ${rate}`), name) ?? 0) > 0, `${name}: ${rate}`);
      assert.ok((figureOf(row(`${EXISTING} leases: ${rate}, server CPU each`), name) ?? 0) > 0, `${name}: ${rate}`);
    }
  }
  for (const name of [RACKBOOT, 'kea'])
    assert.ok((figureOf(row('DORA, 32 in flight for 1 s, last quarter'), name) ?? 0) > 0, name);
  assert.equal(row(`${EXISTING} leases: offered and then refused (NAK)`).rackboot, 0);

  const { rackboot, peers } = row('traced, 1 at a time: ACKs that leave after a sync of their lease');
  assert.deepEqual({ rackboot, ...peers }, { rackboot: 1, kea: 0, isc: 1, dnsmasq: 1 });
  const written = row('traced, 1 at a time: bytes written to the lease file for a lease');
  assert.ok((written.peers.dnsmasq ?? 0) > EXISTING * 40, 'dnsmasq writes its whole file');
  assert.ok((written.peers.kea ?? 0) < 300, 'Kea writes a line');
});
