// A small run of the DHCP benchmark: every server starts with the leases of its own file, answers correctly, and syncs before an ACK as the
// report says. No figure is judged here.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missing, type Need } from '../test/support/needs.ts';
import { measureDhcp } from './dhcp.ts';
import type { ContenderName } from './dhcp-contenders.ts';
import { RACKBOOT, type Result } from './figure.ts';

const EXISTING = 300;
const PROGRAMS: Readonly<Record<ContenderName, readonly Need[]>> = {
  rackboot: [],
  kea: ['kea-dhcp4'],
  isc: ['/usr/sbin/dhcpd'],
  dnsmasq: ['dnsmasq'],
  before: [],
};
/** The share of ACKs that are sent after a sync of their lease. */
const SYNCED: Readonly<Record<ContenderName, number>> = { rackboot: 1, kea: 0, isc: 1, dnsmasq: 1, before: 1 };

const figureOf = ({ rackboot, peers }: Result, name: string): number | undefined =>
  name === RACKBOOT ? rackboot : peers[name];

/** Tests the benchmark with these servers. @param lastingMs duration of the sustained load; 0 for none */
export function testDhcpBenchmark(contenders: readonly ContenderName[], lastingMs: number): void {
  const needs = contenders.flatMap((name) => PROGRAMS[name]);
  test(
    `the DHCP benchmark measures ${contenders.length} servers alike and reports what each has on disk when an ACK leaves`,
    {
      skip: missing('root', 'linux', 'ip', 'taskset', 'strace', ...needs),
    },
    () => check(contenders, lastingMs),
  );
}

async function check(contenders: readonly ContenderName[], lastingMs: number): Promise<void> {
  const reported: string[] = [];
  const parts = { rounds: 1, existing: [EXISTING], inFlight: [1, 32], warmUpMsMax: 200, partMs: 300, lastingMs };
  const bounds = { durability: true, budgetMs: 60_000, repeats: false };
  const results = await measureDhcp({ contenders, ...parts, ...bounds }, (text) => reported.push(text));
  const lasting = lastingMs === 0 ? [] : [RACKBOOT, 'kea'];
  assert.equal(reported.length, 2 * contenders.length + lasting.length);
  const row = (metric: string): Result => {
    const found = results.find((result) => result.metric === metric);
    assert.ok(found, `${metric} is missing: ${results.map((result) => result.metric).join('; ')}`);
    return found;
  };
  const rates = ['DORA, 1 in flight', 'DORA, 32 in flight', 'renew, 1 in flight', 'renew, 32 in flight'];
  for (const name of contenders) {
    for (const rate of rates) {
      assert.ok((figureOf(row(`${EXISTING} leases: ${rate}`), name) ?? 0) > 0, `${name}: ${rate}`);
      assert.ok((figureOf(row(`${EXISTING} leases: ${rate}, server CPU each`), name) ?? 0) > 0, `${name}: ${rate}`);
    }
  }
  for (const name of lasting)
    assert.ok((figureOf(row(`DORA, 32 in flight for ${lastingMs / 1000} s, last quarter`), name) ?? 0) > 0, name);
  assert.equal(row(`${EXISTING} leases: offered and then refused (NAK)`).rackboot, 0);

  const synced = row('traced, 1 at a time: ACKs that leave after a sync of their lease');
  const written = row('traced, 1 at a time: bytes written to the lease file for a lease');
  for (const name of contenders) assert.equal(figureOf(synced, name), SYNCED[name], name);
  if (contenders.includes('dnsmasq'))
    assert.ok((written.peers.dnsmasq ?? 0) > EXISTING * 40, 'dnsmasq writes its whole file');
  if (contenders.includes('kea')) assert.ok((written.peers.kea ?? 0) < 300, 'Kea writes a line');
}
