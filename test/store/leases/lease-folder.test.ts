import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { seconds } from '../../../src/ground/clock.ts';
import { LeaseDatabase } from '../../../src/store/leases/lease-database.ts';
import {
  FOLD_IDLE_MS,
  FOLD_IDLE_RECORDS_MIN,
  FOLD_RETRY_MS,
  LeaseFolder,
} from '../../../src/store/leases/lease-folder.ts';
import { LeaseBatch } from '../../../src/store/leases/lease-record.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

let directory = '';
let database: LeaseDatabase;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rackboot-folder-'));
  database = new LeaseDatabase(join(directory, 'leases.db'));
});
afterEach(() => {
  database.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A folder of the real file, and a function that writes `count` records and calls `afterWrite`. */
function foldingRack(backlogMax: number) {
  const clock = new VirtualClock();
  const failures: unknown[] = [];
  const disk = { isBroken: false };
  const folder = new LeaseFolder({
    database: {
      get unfoldedCount() {
        return database.unfoldedCount;
      },
      get lastSequence() {
        return database.lastSequence;
      },
      fold: (upTo) => {
        if (disk.isBroken) throw new Error('disk full');
        return database.fold(upTo);
      },
    },
    clock,
    backlogMax,
    onFailed: (error) => void failures.push(error),
  });
  const write = (count: number): void => {
    folder.acknowledge(database.lastSequence);
    const batch = new LeaseBatch();
    for (let index = 1; index <= count; index += 1) {
      batch.add(database.lastSequence + index, {
        address: ipv4(index),
        mac: mac(index),
        state: 'bound',
        duration: seconds(600),
        namedBeforeMs: 0,
        grantedWallMs: 1000,
        expiresWallMs: 2000,
        bootId: 'boot',
        uptimeS: 1,
      });
    }
    database.write(batch.lastSequence, batch.finish());
    folder.afterWrite(count);
  };
  return { clock, folder, failures, write, disk };
}

/** Passes an idle time that is long enough for any folding. */
function rest(clock: VirtualClock): void {
  clock.advance(FOLD_IDLE_MS);
  while (clock.pending > 0) clock.advance(FOLD_RETRY_MS);
}

test('nothing is folded between writes, and soon after the last one every acknowledged record is', () => {
  const { clock, folder, write } = foldingRack(1_000_000);
  const size = FOLD_IDLE_RECORDS_MIN / 16;
  for (let round = 1; round <= 20; round += 1) {
    write(size);
    clock.advance(FOLD_IDLE_MS - 1);
    assert.equal(database.unfoldedCount, round * size);
  }
  rest(clock);
  assert.equal(database.unfoldedCount, size, 'the last batch waits for the next, which acknowledges it');
  folder.acknowledge(database.lastSequence);
  rest(clock);
  assert.equal(database.unfoldedCount, size, 'and with few records the log is left as it is');
});

test('a log that is no longer than its history is not folded', () => {
  const { clock, write } = foldingRack(1_000_000);
  for (const count of [FOLD_IDLE_RECORDS_MIN - 2, 1]) {
    write(count);
    rest(clock);
  }
  assert.equal(database.unfoldedCount, FOLD_IDLE_RECORDS_MIN - 1);
  write(1);
  rest(clock);
  assert.equal(database.unfoldedCount, 1);
});

test('beyond its bound the log does not grow, however much is written at a time', () => {
  const { write } = foldingRack(2000);
  for (const size of [10, 500, 3000, 4096, 1]) {
    for (let written = 0; written < 6000; written += size) {
      write(size);
      if (size === 1) written += 500;
      // A batch counts as folded once all of it is.
      assert.ok(database.unfoldedCount <= 2000 + 4096 + size, `${database.unfoldedCount} wait`);
    }
  }
});

test('a failed fold is reported once, and tried again after a while', () => {
  const { clock, write, failures, disk } = foldingRack(100);
  disk.isBroken = true;
  write(FOLD_IDLE_RECORDS_MIN);
  write(10);
  assert.equal(failures.length, 1);
  disk.isBroken = false;
  clock.advance(FOLD_RETRY_MS - 1);
  assert.equal(database.unfoldedCount, FOLD_IDLE_RECORDS_MIN + 10);
  rest(clock);
  assert.equal(database.unfoldedCount, 10);
});

test('records from before the start are folded too', () => {
  const { clock, write, folder } = foldingRack(1_000_000);
  write(FOLD_IDLE_RECORDS_MIN);
  folder.stop();
  const next = foldingRack(1_000_000);
  next.folder.afterWrite(0);
  rest(next.clock);
  assert.equal(database.unfoldedCount, 0);
  assert.equal(clock.pending, 0);
});

test('a stopped folder does not fold', () => {
  const { clock, write, folder } = foldingRack(1_000_000);
  write(FOLD_IDLE_RECORDS_MIN);
  write(10);
  folder.stop();
  clock.advance(FOLD_IDLE_MS * 10);
  assert.equal(database.unfoldedCount, FOLD_IDLE_RECORDS_MIN + 10);
});
