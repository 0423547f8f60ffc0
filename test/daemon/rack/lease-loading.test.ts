// Leases that expired while no rack ran are reported at the next start: all of them, once, and none that was reported before.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { loadLeases } from '../../../src/daemon/rack/lease-loading.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import type { StoredLease } from '../../../src/dhcp/leases/stored-lease.ts';
import { EXPIRED_PER_TURN_MAX } from '../../../src/dhcp/responder.ts';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { type Instant, later, readBootId, readUptimeSeconds, seconds, systemClock } from '../../../src/ground/clock.ts';
import type { RackEvent } from '../../../src/ground/event.ts';
import type { RackNote } from '../../../src/region/reports/notes.ts';
import { ReportedEnds } from '../../../src/store/leases/reported-ends.ts';
import { eventuallyWithin } from '../../support/eventually.ts';

let stateDir = '';
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'rackboot-loading-'));
  writeFileSync(join(stateDir, 'leases.db'), '');
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

/** A lease granted since the host booted that expires after a number of seconds; negative if it has expired. */
function ending(address: number, inS: number, state: StoredLease['state'] = 'bound'): StoredLease {
  const lastedS = 5;
  const grantedWallMs = systemClock.wallTimeMs() + (inS - lastedS) * 1000;
  return {
    address: ipv4(0x0a140000 + address),
    mac: mac(0x525400000000 + address),
    state,
    duration: seconds(lastedS),
    namedBeforeMs: 0,
    grantedWallMs,
    expiresWallMs: grantedWallMs + lastedS * 1000,
    bootId: readBootId(),
    uptimeS: readUptimeSeconds() + inS - lastedS,
    hostname: undefined,
    clientId: undefined,
    vendorClass: undefined,
    circuitId: undefined,
    remoteId: undefined,
  };
}

async function reportedUntil(at: Instant): Promise<void> {
  const reported = new ReportedEnds(stateDir, systemClock, ({ note }) => assert.fail(note));
  reported.note(at);
  await reported.close();
}

/** A start, with its reports and a function that ends it. */
function life(leases: readonly StoredLease[]) {
  const place = {
    stateDir,
    clock: systemClock,
    onProblem: ({ note }: RackNote) => assert.fail(note),
    publish: () => undefined,
    sequence: () => 0,
  };
  const loaded = loadLeases({ leases, clocks: new Map() }, place);
  const portions: number[][] = [];
  const reportEnded = (ended: readonly Lease[]): void =>
    void portions.push(ended.map(({ address }) => address & 0xffff));
  loaded.leaseEnds.reportMissed({ reportEnded, endsReported: true });
  const reported = (): number[] => portions.flat();
  return { ...loaded, portions, reported };
}

test('expiries since the last report are reported in order, and not again at the next start', async () => {
  // The host has been up for at least the leases' age.
  assert.ok(readUptimeSeconds() > 200);
  const leases = [
    ending(1, -100),
    ending(2, -20),
    ending(3, -40),
    ending(4, 100),
    ending(5, -30, 'declined'),
    ending(6, -30, 'released'),
  ];
  await reportedUntil(later(systemClock.now(), -60_000));
  const first = life(leases);
  assert.deepEqual(first.reported(), [3, 5, 2]);
  assert.equal(first.table.nextExpiry !== undefined, true, 'the fourth still runs');
  await first.close();
  const second = life(leases);
  assert.deepEqual(second.reported(), []);
  await second.close();
});

test('a rack that never reported an expiry starts with future ones', async () => {
  const first = life([ending(1, -20)]);
  assert.deepEqual(first.reported(), []);
  await first.close();
  const second = life([ending(1, -20), ending(2, -0.3)]);
  assert.deepEqual(second.reported(), [], 'both had expired before the first start');
  await second.close();
});

test('a process that ends before all were reported leaves all of them to the next', async () => {
  const leases = Array.from({ length: EXPIRED_PER_TURN_MAX + 10 }, (_, index) => ending(index, -20));
  await reportedUntil(later(systemClock.now(), -60_000));
  const first = life(leases);
  first.leaseEnds.noteReported(systemClock.now());
  assert.equal(first.reported().length, EXPIRED_PER_TURN_MAX);
  await first.close();
  const second = life(leases);
  await eventuallyWithin(5000, 'all are told', () => second.reported().length === leases.length);
  assert.deepEqual(
    second.portions.map(({ length }) => length),
    [EXPIRED_PER_TURN_MAX, 10],
  );
  await second.close();
  const third = life(leases);
  assert.deepEqual(third.reported(), []);
  await third.close();
});

test('running leases of a restored copy are doubted, even after the next start, until they have newer records', async () => {
  const reported: RackEvent[] = [];
  const publish = (event: RackEvent): void => void reported.push(event);
  const leases = [ending(1, 100), ending(2, -20), ending(3, 100)];
  const at = (lastSequence: number, sequences: readonly number[]) => {
    const stored = {
      leases,
      clocks: new Map(),
      findSequence: (address: number) => sequences[(address & 0xff) - 1] ?? 0,
    };
    return loadLeases(stored, {
      stateDir,
      clock: systemClock,
      onProblem: ({ note }: RackNote) => assert.fail(note),
      publish,
      sequence: () => lastSequence,
    });
  };
  const doubted = ({ table }: ReturnType<typeof at>): readonly number[] =>
    table.all().flatMap(({ address, isDoubted }) => (isDoubted === true ? address & 0xff : []));
  const first = at(9, [7, 8, 9]);
  assert.deepEqual(
    first.notes.map(({ note }) => note),
    ['leases-restored'],
  );
  assert.deepEqual(doubted(first), [1, 3]);
  await first.close();
  const second = at(10, [7, 8, 10]);
  assert.deepEqual(second.notes, []);
  assert.deepEqual(doubted(second), [1]);
  await second.close();
  const older = at(8, [7, 8, 8]);
  assert.deepEqual([older.notes.length, doubted(older)], [1, [1, 3]]);
  await older.close();
  assert.deepEqual(
    reported.map(({ kind }) => kind),
    ['daemon.leases-restored', 'daemon.leases-restored'],
  );
});
