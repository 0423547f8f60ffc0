// A full disk under the outbox: what cannot be kept is refused, nothing that was kept is lost, and the same outbox continues when there is
// room. On a small tmpfs, so as root.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RackError } from '../../src/ground/errors.ts';
import { openOutboxStore } from '../../src/store/outbox/outbox-database.ts';
import { missing } from '../support/needs.ts';

const post = (index: number) => ({
  at: 1,
  peer: '10.20.0.101',
  contentType: 'application/x-www-form-urlencoded',
  path: '/MAAS/api/2.0/machines/',
  body: Buffer.alloc(30_000, `post ${index}`).toString('base64'),
});

const isFull = (error: unknown): boolean => error instanceof RackError && error.code === 'store-unavailable';

test('the outbox survives a full disk', { skip: missing('linux', 'root', 'mount') }, () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-outbox-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'rackboot-outbox-full', stateDir]);
  try {
    const outbox = openOutboxStore({ stateDir });
    outbox.addPost(post(0));
    const filler = join(stateDir, 'filler');
    const { bavail, bsize } = statfsSync(stateDir);
    writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - 400_000)));
    let kept = 1;
    assert.throws(() => {
      for (; kept < 200; kept += 1) outbox.addPost(post(kept));
    }, isFull);
    assert.ok(kept < 200);
    assert.equal(outbox.length, kept, 'refused posts are not counted');
    assert.throws(
      () => outbox.addReports('life', [{ sequence: 1, kind: 'x', at: 1, text: 'y'.repeat(50_000) }], 0),
      isFull,
    );
    assert.equal(outbox.readStoredSequence('life'), 0);

    rmSync(filler);
    outbox.addReports('life', [{ sequence: 1, kind: 'x', at: 1, text: 'after' }], 0);
    const entries = outbox.take(1000, 1e9);
    assert.equal(entries.length, kept + 1);
    assert.deepEqual(
      entries.map(({ sequence }) => sequence),
      entries.map((_, index) => index + 1),
    );
    outbox.close();
    const again = openOutboxStore({ stateDir });
    assert.equal(again.length, kept + 1);
    again.close();
  } finally {
    execFileSync('umount', [stateDir]);
    rmdirSync(stateDir);
  }
});
