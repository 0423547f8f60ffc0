// A full disk under the journal: nothing acknowledged is lost, nothing unacknowledged stays, and when there is room again the same
// journal continues. On a small tmpfs, so as root.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { ipv4, mac } from '../../src/ground/address.ts';
import { later, seconds, sleep, systemClock } from '../../src/ground/clock.ts';
import { openLeaseJournal, type WorkerLeaseJournal } from '../../src/store/leases/lease-journal.ts';
import { eventuallyWithin } from '../support/eventually.ts';

const root = process.getuid?.() === 0;
const GROUP = 500;

function append(journal: WorkerLeaseJournal, address: number): number {
  const now = systemClock.now();
  return journal.append({
    address: ipv4(address),
    mac: mac(address),
    state: 'bound',
    grantedAt: now,
    expiresAt: later(now, 600_000),
    duration: seconds(600),
    vendorClass: 'PXEClient:Arch:00007:UNDI:003000',
  });
}

/** Takes every free byte of the file system. */
function fill(path: string, keepBytes: number): void {
  const { bavail, bsize } = statfsSync(join(path, '..'));
  writeFileSync(path, Buffer.alloc(Math.max(bavail * bsize - keepBytes, 0)));
}

test('the journal survives a full disk', { skip: root ? false : 'needs root to mount a tmpfs' }, async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'rackboot-store-full', stateDir]);
  try {
    const { journal } = await openLeaseJournal({ stateDir, clock: systemClock });
    const durable = new Set<number>();
    const pending = new Map<number, number>();
    let available = 0;
    let reason = '';
    journal.listen({
      onDurable(sequence) {
        for (const [one, address] of pending) {
          if (one > sequence) break;
          durable.add(address);
          pending.delete(one);
        }
      },
      onFailed(from, to, { said = '' }) {
        reason = said;
        for (let sequence = from; sequence <= to; sequence += 1) {
          assert.ok(pending.delete(sequence), `sequence ${sequence} was pending`);
        }
      },
      onSlow() {
        assert.fail('a full disk answers at once');
      },
      onAvailable() {
        available += 1;
      },
    });
    let address = 0;
    const appendGroup = (): void => {
      for (let index = 0; index < GROUP; index += 1) {
        address += 1;
        pending.set(append(journal, address), address);
      }
    };
    appendGroup();
    await eventuallyWithin(60_000, 'first group', () => pending.size === 0);

    for (let round = 1; round <= 3; round += 1) {
      const ballast = join(stateDir, 'ballast');
      fill(ballast, round * 40_000);
      while (journal.available) {
        appendGroup();
        await eventuallyWithin(60_000, 'answer', () => pending.size === 0);
      }
      assert.match(reason, /disk is full.*SQLite 13/);
      assert.throws(() => append(journal, 1), { code: 'store-unavailable' });
      // Long enough for several tries that must not end the failure.
      await sleep(2500);
      assert.equal(journal.available, false, 'a full disk stays unavailable');
      assert.equal(available, round - 1);
      rmSync(ballast);
      await eventuallyWithin(60_000, 'available again', () => available === round);
      appendGroup();
      await eventuallyWithin(60_000, 'group after the failure', () => pending.size === 0);
      assert.ok(durable.has(address), 'records appended after the failure are durable');
    }
    await journal.close();

    const again = await openLeaseJournal({ stateDir, clock: systemClock });
    const found = new Set(again.leases.map((one): number => one.address));
    assert.deepEqual([...found].sort(), [...durable].sort(), 'on disk is what was durable, and nothing else');
    await again.journal.close();
    const database = new DatabaseSync(join(stateDir, 'leases.db'));
    assert.deepEqual({ ...database.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' });
    database.close();
  } finally {
    execFileSync('umount', [stateDir]);
    rmdirSync(stateDir);
  }
});
