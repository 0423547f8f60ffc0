// A restore that was interrupted after its files were complete: whoever locks the directory next finds the restored state as a whole.

import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockState } from '../../src/store/state-lock.ts';

const RESTORED = ['leases.db', 'rack.json', 'region.db', 'ssh'];

/** A directory with a former state, and a restored one that waits in it. */
function interrupted(): { readonly place: string; readonly ready: string } {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-restore-'));
  const ready = join(place, 'restore.ready');
  for (const directory of [join(place, 'ssh'), join(place, 'boot'), join(ready, 'state', 'ssh')])
    mkdirSync(directory, { recursive: true });
  const former = ['leases.db-wal', 'region.db-wal', 'outbox.db', 'desired-state.json', 'lease-mark.json', 'boot/image'];
  for (const name of [...former, ...RESTORED.filter((one) => one !== 'ssh'), 'ssh/old'])
    writeFileSync(join(place, name), 'former');
  for (const name of ['leases.db', 'rack.json', 'region.db', 'ssh/id'])
    writeFileSync(join(ready, 'state', name), 'restored');
  return { place, ready };
}

for (let moved = 0; moved <= RESTORED.length; moved += 1)
  test(`after ${moved} of ${RESTORED.length} files were in place, the rest follows`, () => {
    const { place, ready } = interrupted();
    try {
      if (moved > 0) {
        for (const name of readdirSync(place).filter((one) => one !== 'boot' && one !== 'restore.ready'))
          rmSync(join(place, name), { recursive: true });
        renameSync(join(ready, 'state'), join(ready, 'moving'));
      }
      for (const name of RESTORED.slice(0, moved)) renameSync(join(ready, 'moving', name), join(place, name));
      lockState(place).release();
      assert.equal(existsSync(ready), false);
      assert.deepEqual(
        readdirSync(place)
          .toSorted()
          .filter((name) => name !== 'rack.json'),
        ['boot', 'leases.db', 'rack.lock', 'region.db', 'ssh'],
      );
      for (const name of ['leases.db', 'rack.json', 'region.db', 'ssh/id'])
        assert.equal(readFileSync(join(place, name), 'utf8'), 'restored', name);
      assert.deepEqual(readdirSync(join(place, 'ssh')), ['id']);
      assert.equal(readFileSync(join(place, 'boot/image'), 'utf8'), 'former');
    } finally {
      rmSync(place, { recursive: true });
    }
  });
