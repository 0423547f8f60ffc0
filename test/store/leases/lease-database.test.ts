import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { restoreLeases } from '../../../src/dhcp/leases/lease-clock.ts';
import type { StoredLease } from '../../../src/dhcp/leases/stored-lease.ts';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { instant, later, seconds } from '../../../src/ground/clock.ts';
import { BLOCK_ADDRESSES } from '../../../src/store/leases/fold-pass.ts';
import {
  copyLeases,
  FOLD_BLOCKS_MAX,
  LeaseDatabase,
  LOG_HISTORY_MAX,
} from '../../../src/store/leases/lease-database.ts';
import { decodeLeases, LeaseBatch } from '../../../src/store/leases/lease-record.ts';
import { printedRandom } from '../../support/printed-random.ts';

let directory = '';
let path = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rackboot-store-'));
  path = join(directory, 'leases.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function lease(address: number, expiresWallMs: number): StoredLease {
  return {
    address: ipv4(address),
    mac: mac(0x5254_0000_0000 + address),
    state: 'bound',
    duration: seconds(600),
    namedBeforeMs: 0,
    grantedWallMs: 1000,
    expiresWallMs,
    bootId: 'boot',
    uptimeS: 1.5,
    hostname: 'm1',
    clientId: '\x00\x01\xff',
    vendorClass: undefined,
    circuitId: 'port\x00 7',
    remoteId: undefined,
    identity: address % 2 === 0 ? 'client-id' : undefined,
  };
}

function encode(from: number, leases: readonly StoredLease[]): LeaseBatch {
  const encoded = new LeaseBatch();
  for (const [index, one] of leases.entries()) encoded.add(from + index, one);
  return encoded;
}

/** Writes leases as one batch, the first with sequence `from`. */
function write(database: LeaseDatabase, from: number, leases: readonly StoredLease[]): void {
  const batch = encode(from, leases);
  database.write(batch.lastSequence, batch.finish());
}

/** `count` leases with different addresses. */
const many = (count: number, firstAddress: number, expiresWallMs = 1): readonly StoredLease[] =>
  Array.from({ length: count }, (_, index) => lease(firstAddress + index, expiresWallMs));

function load(database: LeaseDatabase): Map<number, StoredLease> {
  const all = new Map<number, StoredLease>();
  database.load((bytes) => {
    const records = decodeLeases(bytes);
    assert.ok(records.ok);
    for (const record of records.value) all.set(record.lease.address, record.lease);
  });
  return all;
}

function count(sql: string): unknown {
  const database = new DatabaseSync(path, { readOnly: true });
  const row = database.prepare(sql).get();
  database.close();
  return row === undefined ? undefined : Object.values(row)[0];
}

test('leases are read back, byte for byte, after reopening', () => {
  const first = new LeaseDatabase(path);
  assert.equal(first.lastSequence, 0);
  const one = lease(1, 5000);
  const two: StoredLease = { ...lease(2, 6000), state: 'released', hostname: undefined, clientId: undefined };
  write(first, 1, [one, two]);
  assert.equal(first.lastSequence, 2);
  first.close();
  const second = new LeaseDatabase(path);
  assert.equal(second.lastSequence, 2);
  assert.deepEqual([...load(second).values()], [one, two]);
  second.close();
});

test('the newest record of an address is in force, folded or not', () => {
  const database = new LeaseDatabase(path);
  write(database, 1, [lease(1, 1), lease(2, 2), lease(1, 3)]);
  assert.equal(load(database).get(1)?.expiresWallMs, 3);
  assert.equal(database.fold(), false);
  assert.equal(load(database).get(1)?.expiresWallMs, 3);
  write(database, 4, [lease(1, 4)]);
  assert.equal(load(database).get(1)?.expiresWallMs, 4);
  database.close();
});

test('folding at random moments never changes what is in force', () => {
  const random = printedRandom('fold');
  const database = new LeaseDatabase(path);
  const expected = new Map<number, number>();
  let sequence = 1;
  for (let round = 0; round < 60; round += 1) {
    const leases = Array.from({ length: 1 + random(200) }, (_, index) => lease(1 + random(50), sequence + index));
    for (const one of leases) expected.set(one.address, one.expiresWallMs);
    write(database, sequence, leases);
    sequence += leases.length;
    for (let step = random(4); step > 0; step -= 1) database.fold();
    if (random(4) === 0) {
      const loaded = load(database);
      assert.deepEqual(new Map([...loaded].map(([key, one]) => [key, one.expiresWallMs])), expected);
    }
  }
  while (database.fold());
  assert.deepEqual(new Map([...load(database)].map(([key, one]) => [key, one.expiresWallMs])), expected);
  database.close();
});

test('an interrupted fold changes nothing, and starts again after reopening', () => {
  const first = new LeaseDatabase(path);
  const wide = (FOLD_BLOCKS_MAX + 2) * BLOCK_ADDRESSES;
  write(first, 1, many(wide, BLOCK_ADDRESSES, 1));
  write(first, wide + 1, many(10, BLOCK_ADDRESSES + 5, 2));
  const before = load(first);
  assert.equal(before.size, wide);
  while (count('SELECT count(*) FROM lease_block') === 0) assert.equal(first.fold(), true);
  assert.ok(Number(count('SELECT count(*) FROM lease_block')) <= FOLD_BLOCKS_MAX);
  assert.equal(first.unfoldedCount, wide + 10, 'a pass counts when all of it is written');
  first.close();
  const second = new LeaseDatabase(path);
  assert.deepEqual(load(second), before);
  // Records written in between are newer than those already folded.
  write(second, wide + 11, [lease(BLOCK_ADDRESSES + 1, 3)]);
  const after = load(second);
  while (second.fold());
  assert.equal(second.unfoldedCount, 0);
  assert.deepEqual(load(second), after);
  assert.equal(after.get(BLOCK_ADDRESSES + 1)?.expiresWallMs, 3);
  second.close();
  assert.equal(count('SELECT count(*) FROM lease_block'), FOLD_BLOCKS_MAX + 2);
  assert.deepEqual(new Map(copyLeases(path).leases.map((one) => [one.address, one])), after);
});

test('a fold continues with a batch written during it', () => {
  const database = new LeaseDatabase(path);
  const wide = FOLD_BLOCKS_MAX * 3 * BLOCK_ADDRESSES;
  write(database, 1, many(wide, 0, 1));
  let sequence = wide;
  do {
    sequence += 1;
    write(database, sequence, [lease(sequence % wide, sequence)]);
  } while (database.fold());
  const before = load(database);
  while (database.fold());
  assert.equal(database.unfoldedCount, 0);
  assert.deepEqual(load(database), before);
  for (let one = wide + 1; one <= sequence; one += 1) assert.equal(before.get(one % wide)?.expiresWallMs, one);
  database.close();
});

test('a truncated batch is never folded, and later ones stay in the log', () => {
  const database = new LeaseDatabase(path);
  write(database, 1, [lease(1, 1)]);
  database.write(
    3,
    encode(2, [lease(2, 1), lease(3, 1)])
      .finish()
      .slice(0, -1),
  );
  write(database, 4, [lease(4, 1)]);
  for (let time = 0; time < 2; time += 1)
    assert.throws(() => database.fold(), /truncated batch: the one that ends with 3/);
  assert.equal(database.unfoldedCount, 4);
  database.close();
  assert.equal(count('SELECT count(*) FROM lease_block'), 0);
});

test('the log keeps its history and no more, and sequences continue', () => {
  const database = new LeaseDatabase(path);
  const batches = LOG_HISTORY_MAX / 1024 + 30;
  for (let index = 0; index < batches; index += 1) write(database, 1 + index * 1024, many(1024, 1024, index));
  while (database.fold());
  assert.equal(database.unfoldedCount, 0);
  database.close();
  assert.equal(count('SELECT count(*) FROM log'), LOG_HISTORY_MAX / 1024);
  assert.equal(count('SELECT count(*) FROM lease_block'), 1024 / BLOCK_ADDRESSES);
  const again = new LeaseDatabase(path);
  assert.equal(again.lastSequence, batches * 1024);
  again.close();
});

test('many small batches are delivered in one piece', () => {
  const database = new LeaseDatabase(path);
  for (let sequence = 1; sequence <= 300; sequence += 1) write(database, sequence, [lease(sequence, 1)]);
  const pieces: Uint8Array[] = [];
  database.load((bytes) => void pieces.push(bytes));
  assert.equal(pieces.length, 1);
  assert.equal(load(database).size, 300);
  database.close();
});

test('a batch that fails is not written at all', () => {
  const database = new LeaseDatabase(path);
  write(database, 1, [lease(1, 1), lease(2, 2)]);
  assert.throws(() => write(database, 1, [lease(3, 3), lease(4, 4)]));
  assert.deepEqual([...load(database).keys()], [1, 2]);
  write(database, 3, [lease(5, 5)]);
  assert.equal(database.lastSequence, 3);
  database.close();
});

test('a probe leaves nothing behind', () => {
  const database = new LeaseDatabase(path);
  write(database, 1, [lease(1, 1)]);
  database.probe(10_000_000);
  database.close();
  assert.equal(count('SELECT count(*) FROM probe'), 0);
  assert.equal(count('SELECT count(*) FROM log'), 1);
});

test('a replacement worker deletes records never reported durable', () => {
  const database = new LeaseDatabase(path);
  write(database, 1, [lease(1, 1), lease(2, 2)]);
  write(database, 3, [lease(3, 3), lease(1, 4)]);
  database.discardAbove(2);
  assert.deepEqual([...load(database).keys()], [1, 2]);
  assert.equal(database.lastSequence, 2);
  database.close();
});

test('a copy has the last time of each boot, so that a reader dates leases as the daemon does', () => {
  const database = new LeaseDatabase(path);
  const DAY_MS = 86_400_000;
  const wallMs = Date.UTC(2026, 10, 20, 12);
  // The clock was a day fast when the first was stored, and right when the second was.
  const first = { ...lease(1, wallMs + DAY_MS + 600_000), grantedWallMs: wallMs + DAY_MS, uptimeS: 10 };
  const second = { ...lease(2, wallMs + 650_000), grantedWallMs: wallMs + 50_000, uptimeS: 60 };
  write(database, 1, [first, second]);
  database.close();
  const { leases, clocks } = copyLeases(path);
  assert.deepEqual([...clocks], [['boot', wallMs - 10_000]]);
  const moment = { now: instant(5_000_000), wallMs: wallMs + 3_600_000, bootId: 'next', uptimeS: 30 };
  const [shown] = restoreLeases(leases, moment, clocks);
  const aged = 50_000 + 30_000;
  assert.equal(shown?.expiresAt, later(moment.now, 600_000 - aged), 'not a day late');
});

test('records whose durability is not acknowledged are not folded, so that they can be discarded for the older ones', () => {
  const database = new LeaseDatabase(path);
  write(database, 1, [lease(1, 1), lease(2, 2)]);
  write(database, 3, [lease(1, 3)]);
  while (database.fold(2));
  assert.equal(database.unfoldedCount, 1);
  database.discardAbove(2);
  assert.equal(load(database).get(1)?.expiresWallMs, 1);
  database.close();
});

test('a file folded further than its log reaches is refused, because leases may be missing', () => {
  const database = new LeaseDatabase(path);
  write(database, 1, many(10, 1));
  while (database.fold());
  database.close();
  const raw = new DatabaseSync(path);
  raw.exec('UPDATE fold SET sequence = sequence + 5');
  raw.close();
  const refused = (message: RegExp): void =>
    assert.throws(() => new LeaseDatabase(path), { code: 'store-broken', message });
  refused(/folded up to 15.*log ends at 10.*restore a backup/);
  const emptied = new DatabaseSync(path);
  emptied.exec('DELETE FROM log');
  emptied.close();
  refused(/folded up to 15.*log ends at 0.*restore a backup/);
});

test('version 1 of the file is read unchanged', () => {
  copyFileSync(new URL('../../../fixtures/state/leases-1.db', import.meta.url), path);
  const unopened = new Map(copyLeases(path).leases.map((one) => [Number(one.address), one]));
  const database = new LeaseDatabase(path);
  assert.equal(database.lastSequence, 4);
  const found = load(database);
  assert.deepEqual(found, unopened, 'a reader alongside the daemon finds the same');
  while (database.fold());
  assert.deepEqual(load(database), found);
  database.close();
  assert.deepEqual([...found.keys()].sort(), [0x0a14_0064, 0x0a14_0065, 0x0a14_0066]);
  assert.equal(found.get(0x0a14_0064)?.state, 'released');
  assert.equal(found.get(0x0a14_0066)?.state, 'declined');
  assert.deepEqual(found.get(0x0a14_0065), {
    address: 0x0a14_0065,
    mac: 0x5254_0012_3401,
    state: 'bound',
    duration: 600,
    grantedWallMs: 1_790_000_000_001,
    expiresWallMs: 1_790_000_600_001,
    bootId: '7d5a2f60-3c1e-4b7c-9a55-0c6f6f1d2e01',
    uptimeS: 1234.5,
    hostname: 'node-1',
    namedBeforeMs: 3_600_000,
    clientId: '\x01RT\x00\x124\x01',
    vendorClass: 'PXEClient:Arch:00007:UNDI:003000',
    circuitId: 'Gi1/0/7',
    remoteId: '\x00\xff',
    identity: 'client-id',
  });
  assert.equal(found.get(0x0a14_0064)?.identity, undefined);
  assert.equal(found.get(0x0a14_0066)?.identity, 'client-id');
});

/** The files that SQLite leaves if it is killed before it writes the first page of a new file: the write-ahead log comes later. */
const beginnings: readonly (readonly [left: string, files: Readonly<Record<string, Buffer>>])[] = [
  ['nothing', {}],
  ['an empty file', { '': Buffer.alloc(0) }],
  ['an empty file and its rollback journal', { '': Buffer.alloc(0), '-journal': Buffer.alloc(512) }],
];

for (const [left, files] of beginnings) {
  test(`after a killed first start that left ${left}, the start begins again`, () => {
    for (const [end, bytes] of Object.entries(files)) writeFileSync(`${path}${end}`, bytes);
    const database = new LeaseDatabase(path);
    write(database, 1, many(1, 1000));
    database.close();
    assert.equal(copyLeases(path).leases.length, 1);
  });
}
