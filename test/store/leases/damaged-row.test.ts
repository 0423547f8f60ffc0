// A bit that flips in leases.db loses no lease silently: one is undone, more are reported with their addresses.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { loadLeases } from '../../../src/daemon/rack/lease-loading.ts';
import { DamagedLeases } from '../../../src/daemon/start/damaged-leases.ts';
import type { StoredLease } from '../../../src/dhcp/leases/stored-lease.ts';
import { formatIpv4, ipv4, mac } from '../../../src/ground/address.ts';
import { seconds, systemClock } from '../../../src/ground/clock.ts';
import type { RackEvent } from '../../../src/ground/event.ts';
import { noteText, type RackNote } from '../../../src/region/reports/notes.ts';
import {
  composeDamageNote,
  computeRowChecksum,
  DAMAGE_REPORTED_MAX,
  type LeaseDamage,
  salvage,
  undoFlippedBit,
} from '../../../src/store/leases/damaged-row.ts';
import { copyLeases, LeaseDatabase } from '../../../src/store/leases/lease-database.ts';
import { openLeaseJournal } from '../../../src/store/leases/lease-journal.ts';
import { decodeLeases, LeaseBatch } from '../../../src/store/leases/lease-record.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const FIRST = 0x0a140040;
const lease = (index: number): StoredLease => ({
  address: ipv4(FIRST + index),
  mac: mac(0x525400000000 + index),
  state: 'bound',
  duration: seconds(86_400),
  namedBeforeMs: 0,
  grantedWallMs: systemClock.wallTimeMs(),
  hostname: `host-${index}`,
  expiresWallMs: systemClock.wallTimeMs() + 86_400_000,
  bootId: 'a boot',
  uptimeS: 100,
  clientId: '\x01ab',
  identity: undefined,
  vendorClass: undefined,
  circuitId: undefined,
  remoteId: undefined,
});

function batchOf(count: number): Uint8Array<ArrayBuffer> {
  const batch = new LeaseBatch();
  for (let index = 0; index < count; index += 1) batch.add(index + 1, lease(index));
  return batch.finish().slice();
}

function flip(bytes: Uint8Array<ArrayBuffer>, ...bits: readonly number[]): Uint8Array<ArrayBuffer> {
  const flipped = bytes.slice();
  for (const bit of bits) flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}

describe('a row', () => {
  const whole = batchOf(3);
  const checksum = computeRowChecksum(3, whole);

  test('corrects each single bit that can flip, and names its record', () => {
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const { records, damage } = salvage({ table: 'log', key: 3, records: flip(whole, bit), checksum });
      assert.deepEqual([records, damage.isUndone, damage.keptAddresses.length], [whole, true, 1], `bit ${bit}`);
    }
    for (let bit = 0; bit < 32; bit += 1)
      assert.deepEqual(undoFlippedBit(3, whole, (checksum ^ (1 << bit)) >>> 0), {
        records: whole,
        byteIndex: undefined,
      });
  });

  test('with two flipped bits is never miscorrected', () => {
    const random = seededRandom(1);
    const bit = (): number => Math.floor(random() * whole.length * 8);
    for (let round = 0; round < 2000; round += 1) {
      const [one, two] = [bit(), bit()];
      if (one !== two) assert.equal(undoFlippedBit(3, flip(whole, one, two), checksum), undefined);
    }
  });

  test('under another key does not pass', () => assert.notEqual(computeRowChecksum(4, whole), checksum));

  test('of a block names the records it kept, and every other address of the block as lost', () => {
    const key = FIRST >>> 6;
    const cut = salvage({
      table: 'lease_block',
      key,
      records: flip(whole, 3, 8 * 90 + 1),
      checksum: computeRowChecksum(key, whole),
    });
    assert.equal(cut.damage.isUndone, false);
    assert.equal(cut.damage.keptAddresses.length + cut.damage.lostAddresses.length, 64);
    assert.ok(decodeLeases(cut.records).ok);
    assert.match(
      noteText(composeDamageNote('/leases.db', cut.damage)),
      /block \d+ has changed since it was written.*10\.20\.0\.64.*leases clear ADDRESS/s,
    );
  });
});

describe('leases.db', () => {
  let stateDir = '';
  let path = '';
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'rackboot-damage-'));
    path = join(stateDir, 'leases.db');
    const database = new LeaseDatabase(path, ({ key }) => assert.fail(`${key}`));
    database.write(3, batchOf(3));
    database.close();
  });
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

  function damage(table: 'log' | 'lease_block', ...bits: readonly number[]): void {
    const file = new DatabaseSync(path);
    const { records } = file.prepare(`SELECT records FROM ${table}`).get() ?? {};
    assert.ok(records instanceof Uint8Array);
    file.prepare(`UPDATE ${table} SET records = ?`).run(flip(new Uint8Array(records), ...bits));
    file.close();
  }

  /** Moves the log into the block. */
  function fold(): readonly LeaseDamage[] {
    const found: LeaseDamage[] = [];
    const database = new LeaseDatabase(path, (one) => found.push(one));
    while (database.fold());
    database.close();
    return found;
  }

  async function load() {
    const reported: RackEvent[] = [];
    const damaged = new DamagedLeases(stateDir, systemClock);
    damaged.announce((event) => reported.push(event));
    const stored = await openLeaseJournal({ stateDir, clock: systemClock, onDamage: damaged.report });
    const loading = {
      stateDir,
      clock: systemClock,
      onProblem: ({ note }: RackNote) => assert.fail(note),
      publish: () => undefined,
    };
    const { table, close } = loadLeases(stored, { ...loading, sequence: () => 3 });
    await close();
    await stored.journal.close();
    const kinds = reported.map(({ kind }) => kind);
    return { table, kinds, notes: damaged.notes.map(noteText) };
  }

  for (const table of ['log', 'lease_block'] as const) {
    test(`a flipped bit in ${table} is corrected, and reported with the address`, async () => {
      if (table === 'lease_block') assert.deepEqual(fold(), []);
      // In the time at which the first lease ends: it would be free.
      damage(table, 8 * 23 + 1);
      const { table: leases, kinds, notes } = await load();
      assert.equal(leases.size, 3);
      assert.ok((leases.find(ipv4(FIRST))?.expiresAt ?? 0) > systemClock.now());
      assert.deepEqual(kinds, ['daemon.leases-damaged']);
      assert.match(notes.join(), /one flipped bit in the lease of 10\.20\.0\.64 .*no lease is lost/);
      assert.equal(copyLeases(path).leases.length, 3);
    });
  }

  test('of a block with more damage, readable records are doubted, and no other address is free', async () => {
    fold();
    // The length of a text of the second record, and the address of the first.
    damage('lease_block', 8 * 9 + 2, 8 * 9 + 3);
    const { table, kinds, notes } = await load();
    assert.deepEqual(kinds, ['daemon.leases-damaged']);
    for (let index = 0; index < 64; index += 1) {
      const record = table.find(ipv4(FIRST + index));
      assert.ok(record?.isDoubted === true || record?.state === 'declined', formatIpv4(ipv4(FIRST + index)));
    }
    assert.match(notes.join(), /10\.20\.0\./);
  });

  test('folding the log also finds damage, reports it once, and leaves a sound block', () => {
    damage('log', 8 * 23 + 1);
    const found = fold();
    assert.deepEqual(
      found.map(({ table, key, isUndone }) => [table, key, isUndone]),
      [['log', 3, true]],
    );
    const file = new DatabaseSync(path);
    const row = file.prepare('SELECT block, checksum, records FROM lease_block').get();
    file.close();
    assert.ok(row?.records instanceof Uint8Array);
    assert.equal(computeRowChecksum(Number(row.block), row.records), row.checksum);
  });
});

test('each damaged row is reported once, up to the bound', () => {
  const reported: RackEvent[] = [];
  const damaged = new DamagedLeases('/state', systemClock);
  const rest = { isUndone: false, keptAddresses: [], lostAddresses: [], isCut: false };
  damaged.report({ table: 'lease_block', key: 0, ...rest });
  assert.equal(reported.length, 0, 'before the log is open');
  damaged.announce((event) => reported.push(event));
  assert.equal(reported.length, 1, 'as soon as it is open');
  for (let row = 0; row < 2 * DAMAGE_REPORTED_MAX; row += 1) {
    for (const _twice of [1, 2]) damaged.report({ table: 'lease_block', key: row, ...rest });
  }
  assert.deepEqual([reported.length, damaged.notes.length], [DAMAGE_REPORTED_MAX, DAMAGE_REPORTED_MAX]);
});
