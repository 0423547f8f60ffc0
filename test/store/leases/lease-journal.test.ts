import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { journalText } from '../../../src/dhcp/events/sentences.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import { JOURNAL_PENDING_MAX, type LeaseJournal } from '../../../src/dhcp/leases/lease-journal.ts';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { later, seconds, sleep, systemClock } from '../../../src/ground/clock.ts';
import { RackError } from '../../../src/ground/errors.ts';
import { FOLD_IDLE_RECORDS_MIN } from '../../../src/store/leases/lease-folder.ts';
import {
  JOURNAL_PROMPT_MS,
  JOURNAL_RETRY_MS,
  JOURNAL_SLOW_MS,
  openLeaseJournal,
} from '../../../src/store/leases/lease-journal.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

let stateDir = '';
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'rackboot-journal-'));
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

const clock = new VirtualClock();

function lease(address: number, change: Partial<Lease> = {}): Lease {
  const now = clock.now();
  return {
    address: ipv4(address),
    mac: mac(0x5254_0000_0000 + address),
    state: 'bound',
    grantedAt: now,
    expiresAt: later(now, 600_000),
    duration: seconds(600),
    ...change,
  };
}

/** Records the journal's calls of its listener. */
class Calls {
  durable = 0;
  readonly failed: { from: number; to: number; reason: string }[] = [];
  readonly slow: string[] = [];
  available = 0;
  constructor(journal: LeaseJournal) {
    journal.listen({
      onDurable: (sequence) => {
        assert.ok(sequence > this.durable, 'sequences only grow');
        this.durable = sequence;
      },
      onFailed: (from, to, fault) => void this.failed.push({ from, to, reason: journalText(fault) }),
      onSlow: (fault) => void this.slow.push(journalText(fault)),
      onAvailable: () => {
        this.available += 1;
      },
    });
  }

  async reach(sequence: number): Promise<void> {
    await eventuallyWithin(10_000, `${sequence} is durable`, () => this.durable === sequence);
  }
}

async function opened() {
  const { journal } = await openLeaseJournal({ stateDir, clock });
  return { journal, calls: new Calls(journal) };
}

/** What the closed file holds. */
async function stored(own = clock) {
  const contents = await openLeaseJournal({ stateDir, clock: own });
  await contents.journal.close();
  return contents;
}

test('records become durable in order, and are there after reopening', async () => {
  const { journal, leases } = await openLeaseJournal({ stateDir, clock });
  assert.deepEqual(leases, []);
  const calls = new Calls(journal);
  assert.equal(journal.append(lease(1)), 1);
  assert.equal(journal.append(lease(2, { hostname: 'm2', clientId: '\x00\xff', circuitId: 'eth0/1' })), 2);
  assert.equal(journal.append(lease(1, { state: 'released' })), 3);
  assert.equal(calls.durable, 0, 'nothing is durable in the turn of its append');
  await calls.reach(3);
  assert.equal(journal.status().batches, 1, 'one turn is one batch');
  await journal.close();

  const again = await openLeaseJournal({ stateDir, clock });
  const first = again.leases.find(({ address }) => address === 1);
  const second = again.leases.find(({ address }) => address === 2);
  assert.equal(again.leases.length, 2);
  assert.equal(first?.state, 'released');
  assert.equal(second?.hostname, 'm2');
  assert.equal(second?.clientId, '\x00\xff');
  assert.equal(second?.circuitId, 'eth0/1');
  assert.equal(second?.expiresWallMs, second === undefined ? 0 : second.grantedWallMs + 600_000);
  assert.notEqual(first?.bootId, '');
  assert.equal(again.journal.append(lease(3)), 4, 'sequences continue');
  await again.journal.close();
});

test('a record carries the wall time and uptime of its grant, not of its writing', async () => {
  const { journal } = await openLeaseJournal({ stateDir, clock });
  const grantedAt = later(clock.now(), -90_000);
  journal.append(lease(1, { grantedAt, expiresAt: later(grantedAt, 600_000) }));
  journal.append(lease(2));
  await journal.close();
  const again = await stored();
  const [first, second] = [1, 2].map((address) => again.leases.find((one) => one.address === address));
  assert.ok(first !== undefined && second !== undefined);
  assert.equal(second.grantedWallMs, clock.wallTimeMs());
  assert.equal(first.grantedWallMs, clock.wallTimeMs() - 90_000);
  assert.equal(first.expiresWallMs, clock.wallTimeMs() + 510_000);
  assert.equal(Math.round((second.uptimeS - first.uptimeS) * 1000), 90_000);
});

test('closing writes records appended in the same turn', async () => {
  const { journal, calls } = await opened();
  for (let address = 1; address <= 10_000; address += 1) journal.append(lease(address));
  await journal.close();
  assert.equal(calls.durable, 10_000);
  assert.equal(journal.available, false);
  assert.throws(() => journal.append(lease(1)), RackError);
  await journal.close();
  const again = await stored();
  assert.equal(again.leases.length, 10_000);
});

test('at its bound the journal refuses, and accepts again once the disk has caught up', async () => {
  const { journal, calls } = await opened();
  for (let index = 0; index < JOURNAL_PENDING_MAX; index += 1) journal.append(lease(1 + (index % 1000)));
  assert.equal(journal.available, false);
  assert.throws(() => journal.append(lease(1)), { code: 'store-unavailable' });
  await calls.reach(JOURNAL_PENDING_MAX);
  assert.equal(journal.available, true);
  assert.equal(journal.append(lease(1)), JOURNAL_PENDING_MAX + 1);
  await journal.close();
});

test('a failed write takes back all pending records; writing a whole batch ends the failure', async () => {
  const { journal, calls } = await opened();
  journal.append(lease(1));
  await calls.reach(1);
  // Another writer holds the file; the worker's wait for it ends after five seconds.
  const other = new DatabaseSync(join(stateDir, 'leases.db'));
  other.exec('BEGIN IMMEDIATE');
  journal.append(lease(2));
  journal.append(lease(3));
  await sleep(50);
  journal.append(lease(4));
  await eventuallyWithin(10_000, 'failed', () => calls.failed.length === 1);
  assert.deepEqual({ ...calls.failed[0], reason: '' }, { from: 2, to: 4, reason: '' });
  assert.match(calls.failed[0]?.reason ?? '', /leases\.db: .*locked.*SQLite 5/);
  assert.equal(journal.available, false);
  assert.match(journal.status().reason ?? '', /locked/);
  assert.throws(() => journal.append(lease(5)), { code: 'store-unavailable' });
  other.exec('ROLLBACK');
  other.close();
  await sleep(50);
  assert.equal(journal.available, false, 'nothing is tried before the timer');
  clock.advance(JOURNAL_RETRY_MS);
  await eventuallyWithin(10_000, 'available', () => calls.available === 1);
  assert.equal(journal.available, true);
  assert.equal(journal.append(lease(6)), 5);
  await calls.reach(5);
  await journal.close();
  const again = await stored();
  assert.deepEqual(again.leases.map(({ address }) => address).sort(), [1, 6]);
});

test('an unusable file is refused with its code', async () => {
  const database = new DatabaseSync(join(stateDir, 'leases.db'));
  database.exec('CREATE TABLE theirs (a)');
  database.close();
  await assert.rejects(openLeaseJournal({ stateDir, clock }), { name: 'RackError', code: 'store-broken' });
  await assert.rejects(openLeaseJournal({ stateDir: '/proc/nowhere', clock }), { code: 'store-unwritable' });
});

test('a truncated batch is refused with the remedy, and none of it is served', async () => {
  const { journal, calls } = await opened();
  for (const address of [1, 2, 3]) journal.append(lease(address));
  await calls.reach(3);
  await journal.close();
  const database = new DatabaseSync(join(stateDir, 'leases.db'));
  // It may have been folded meanwhile.
  database.exec('UPDATE log SET records = substr(records, 1, length(records) - 5); UPDATE fold SET sequence = 0');
  database.close();
  await assert.rejects(openLeaseJournal({ stateDir, clock }), {
    code: 'store-broken',
    message: /leases\.db cannot be read: .*ends with 3 is damaged /,
  });
});

test('a long log is folded when the journal is idle', async () => {
  const { journal, calls } = await opened();
  const append = async (from: number, count: number): Promise<void> => {
    let last = 0;
    for (let address = from; address < from + count; address += 1) last = journal.append(lease(address));
    await calls.reach(last);
  };
  for (let from = 1; from < FOLD_IDLE_RECORDS_MIN; from += 4096) await append(from, 4096);
  // The next batch acknowledges the last one.
  await append(FOLD_IDLE_RECORDS_MIN + 1, 1);
  const file = join(stateDir, 'leases.db');
  await eventuallyWithin(10_000, 'folded', () => {
    const reader = new DatabaseSync(file, { readOnly: true });
    const row = reader.prepare('SELECT sequence FROM fold').get();
    reader.close();
    return row?.sequence === FOLD_IDLE_RECORDS_MIN;
  });
  await journal.close();
  assert.equal(existsSync(`${file}-wal`), false, 'a closed database is one file');
  const again = await stored();
  assert.equal(again.leases.length, FOLD_IDLE_RECORDS_MIN + 1);
});

test('a dead worker is replaced, and the records it had not reported are gone', async () => {
  const workers: Worker[] = [];
  const onWorker = (worker: Worker): void => void workers.push(worker);
  process.on('worker', onWorker);
  const { journal, calls } = await opened();
  journal.append(lease(1));
  await calls.reach(1);
  journal.append(lease(2));
  await workers.at(-1)?.terminate();
  await eventuallyWithin(10_000, 'failed', () => calls.failed.length === 1);
  assert.deepEqual({ ...calls.failed[0], reason: '' }, { from: 2, to: 2, reason: '' });
  assert.match(calls.failed[0]?.reason ?? '', /thread ended/);
  clock.advance(JOURNAL_RETRY_MS);
  await eventuallyWithin(10_000, 'available', () => calls.available === 1);
  assert.equal(journal.append(lease(3)), 3);
  await calls.reach(3);
  await journal.close();
  process.off('worker', onWorker);
  const again = await stored();
  assert.deepEqual(again.leases.map(({ address }) => address).sort(), [1, 3]);
});

test('a disk that takes seconds is unavailable until a write is prompt again, and a late write is still durable', async () => {
  const { journal, calls } = await opened();
  journal.append(lease(1));
  await calls.reach(1);
  const other = new DatabaseSync(join(stateDir, 'leases.db'));
  other.exec('BEGIN IMMEDIATE');
  journal.append(lease(2));
  await sleep(200);
  clock.advance(JOURNAL_SLOW_MS - 1);
  assert.equal(journal.available, true);
  clock.advance(1);
  assert.equal(journal.available, false);
  assert.match(calls.slow.join(), /leases\.db: the disk has not taken a write within 2 s/);
  assert.equal(journal.status().reason, calls.slow[0]);
  assert.throws(() => journal.append(lease(3)), { code: 'store-unavailable' });
  assert.ok(journal.silentMs() >= JOURNAL_SLOW_MS, 'it owes an answer');

  other.exec('COMMIT');
  await calls.reach(2);
  assert.equal(journal.available, false, 'one write is not proof');
  other.exec('BEGIN IMMEDIATE');
  clock.advance(JOURNAL_RETRY_MS);
  await sleep(JOURNAL_PROMPT_MS + 100);
  other.exec('COMMIT');
  await eventuallyWithin(10_000, 'the slow probe is reported', () =>
    /a write to the disk took [\d.]+ m?s/.test(journal.status().reason ?? ''),
  );
  assert.equal(calls.available, 0);

  clock.advance(JOURNAL_RETRY_MS);
  await eventuallyWithin(10_000, 'available again', () => calls.available === 1);
  assert.equal(journal.append(lease(3)), 3);
  await calls.reach(3);
  assert.deepEqual([calls.failed, calls.slow.length], [[], 1]);
  other.close();
  await journal.close();
});

test('a rack loop that is blocked for seconds does not blame the disk', async (context) => {
  const { journal } = await openLeaseJournal({ stateDir, clock: systemClock });
  context.after(() => journal.close());
  const calls = new Calls(journal);
  journal.append(lease(1));
  await calls.reach(1);
  journal.append(lease(2));
  // The batch is sent at the end of this turn, and then the loop is blocked.
  await new Promise((resolve) => setImmediate(resolve));
  const backAt = systemClock.now() + JOURNAL_SLOW_MS + 300;
  while (systemClock.now() < backAt);
  await calls.reach(2);
  assert.deepEqual([calls.slow, journal.available, journal.status().failures], [[], true, 0]);
});

test('asking a journal how long it has been silent pings its worker, which answers', async () => {
  const { journal } = await openLeaseJournal({ stateDir, clock });
  new Calls(journal);
  assert.equal(journal.silentMs(), 0);
  clock.advance(1000);
  await eventuallyWithin(10_000, 'an answer', () => journal.silentMs() === 0);
  await journal.close();
});

test('a record after a clock step has the new time at once, and the newest record gives its boot’s last time', async () => {
  const own = new VirtualClock();
  const { journal } = await openLeaseJournal({ stateDir, clock: own });
  const calls = new Calls(journal);
  const at = (): Partial<Lease> => ({ grantedAt: own.now(), expiresAt: later(own.now(), 600_000) });
  journal.append(lease(1, at()));
  const before = own.wallTimeMs();
  own.stepWall(3_600_000);
  journal.append(lease(2, at()));
  await calls.reach(2);
  await journal.close();
  const again = await stored(own);
  const [first, second] = [1, 2].map((address) => again.leases.find((one) => one.address === address));
  assert.ok(first !== undefined && second !== undefined);
  assert.equal(first.grantedWallMs, before);
  assert.equal(second.grantedWallMs, before + 3_600_000);
  const clockMs = again.clocks.get(second.bootId) ?? 0;
  assert.ok(Math.abs(clockMs - (second.grantedWallMs - second.uptimeS * 1000)) < 2);
});
