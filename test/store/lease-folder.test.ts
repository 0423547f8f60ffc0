import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { seconds } from '../../src/clock.ts';
import { ipv4, mac } from '../../src/net/address.ts';
import { FOLD_RECORDS_MAX, LeaseDatabase } from '../../src/store/lease-database.ts';
import { FOLD_IDLE_MS, FOLD_RETRY_MS, LeaseFolder } from '../../src/store/lease-folder.ts';
import { LeaseBatch } from '../../src/store/lease-record.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

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

/** A folder over the real file, and a write of `count` records that it is told of. */
function foldingRack(backlogMax: number) {
  const clock = new VirtualClock();
  const failures: unknown[] = [];
  const disk = { isBroken: false };
  const asked = { count: 0, isAnswered: true };
  const folder = new LeaseFolder({
    database: {
      get unfolded() {
        return database.unfolded;
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
    onUnheard: () => {
      asked.count += 1;
      if (asked.isAnswered) folder.heard(database.lastSequence);
    },
  });
  const write = (count: number): void => {
    folder.heard(database.lastSequence);
    const batch = new LeaseBatch();
    for (let index = 1; index <= count; index += 1) {
      batch.add(database.lastSequence + index, {
        address: ipv4(index),
        mac: mac(index),
        state: 'bound',
        duration: seconds(600),
        grantedWallMs: 1000,
        expiresWallMs: 2000,
        bootId: 'boot',
        uptimeS: 1,
      });
    }
    database.write(batch.lastSequence, batch.finish());
    folder.afterWrite(count);
  };
  return { clock, folder, failures, write, disk, asked };
}

test('while somebody writes nothing is folded, and soon after the last write everything is', () => {
  const { clock, write } = foldingRack(1_000_000);
  for (let round = 1; round <= 20; round += 1) {
    write(50);
    clock.advance(FOLD_IDLE_MS - 1);
    assert.equal(database.unfolded, round * 50);
  }
  clock.advance(1);
  for (let step = 0; step < 20; step += 1) clock.advance(0);
  assert.equal(database.unfolded, 0);
});

test('beyond its bound the log does not grow, however much is written at a time', () => {
  const { write } = foldingRack(2000);
  for (const size of [10, 500, 3000, 4096, 1]) {
    for (let written = 0; written < 6000; written += size) {
      write(size);
      if (size === 1) written += 500;
      // A batch counts as folded when all of it is.
      assert.ok(database.unfolded <= 2000 + 4096 + size, `${database.unfolded} wait`);
    }
  }
});

test('a fold that fails is told once, and tried again after a while', () => {
  const { clock, write, failures, disk } = foldingRack(100);
  disk.isBroken = true;
  write(FOLD_RECORDS_MAX * 3);
  write(10);
  assert.equal(failures.length, 1);
  disk.isBroken = false;
  clock.advance(FOLD_RETRY_MS - 1);
  assert.equal(database.unfolded, FOLD_RECORDS_MAX * 3 + 10);
  for (let step = 0; step < 10; step += 1) clock.advance(FOLD_RETRY_MS);
  assert.equal(database.unfolded, 0);
});

test('the last batch is folded when the rack loop has heard of it, which it is asked once', () => {
  const { clock, write, folder, asked } = foldingRack(1000);
  asked.isAnswered = false;
  write(10);
  write(7);
  for (let step = 0; step < 10; step += 1) clock.advance(FOLD_IDLE_MS);
  assert.deepEqual([database.unfolded, asked.count], [7, 1]);
  folder.heard(10);
  clock.advance(FOLD_IDLE_MS);
  assert.equal(database.unfolded, 7, 'it has heard nothing new');
  folder.heard(17);
  clock.advance(FOLD_IDLE_MS);
  assert.equal(database.unfolded, 0);
  assert.equal(clock.pending, 0);
});

test('a folder that was stopped folds no more', () => {
  const { clock, write, folder } = foldingRack(1000);
  write(10);
  folder.stop();
  clock.advance(FOLD_IDLE_MS * 10);
  assert.equal(database.unfolded, 10);
});
