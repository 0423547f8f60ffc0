// A full disk under the region: the API says so with 503, reads continue, nothing half-written stays, and with room again it all works.
// Before the disk is full, files of users are refused.
// On a small tmpfs, so as root.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/ground/clock.ts';
import { createApiKey } from '../../src/region/accounts/accounts.ts';
import { SPARE_BYTES } from '../../src/store/sqlite/region-transactions.ts';
import { startRegion } from '../region/live.ts';
import { report } from '../region/place.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';

const FILE_BYTES = 1024 * 1024;

test('files of users leave room on the disk, and can be deleted then', {
  skip: missing('root', 'linux', 'mount'),
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-region-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=84m', 'rackboot-region-full', directory]);
  try {
    const live = await startRegion({ stateDir: join(directory, 'state') });
    try {
      const authorization = authorizationOf(await createApiKey(live.region.store, systemClock, 'admin'));
      const files = `${live.origin}/MAAS/api/2.0/files/`;
      const store = (name: string): Promise<Response> => {
        const body = new URLSearchParams({ filename: name, file: 'x'.repeat(FILE_BYTES) });
        return fetch(files, { method: 'POST', headers: { authorization }, body });
      };
      let stored = 0;
      let answer = await store('0');
      for (; answer.status === 201 && stored < 30; answer = await store(String(stored))) stored += 1;
      assert.ok(stored > 1, String(stored));
      assert.equal(answer.status, 503);
      assert.equal(answer.headers.get('x-rackboot-refusal'), 'store-unavailable');
      const { bavail, bsize } = statfsSync(directory);
      // One file may stand both in the log and in the database.
      assert.ok(bavail * bsize >= SPARE_BYTES - 3 * FILE_BYTES, String(bavail * bsize));
      await live.region.enlist(report([0x525400000001]));
      for (let name = 0; name < stored; name += 1) {
        const removed = await fetch(`${files}${name}/`, { method: 'DELETE', headers: { authorization } });
        assert.equal(removed.status, 204);
      }
    } finally {
      await live.close();
    }
  } finally {
    execFileSync('umount', [directory]);
    rmdirSync(directory);
  }
});

test('the region survives a full disk', { skip: missing('root', 'linux', 'mount') }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-region-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'rackboot-region-full', directory]);
  try {
    const stateDir = join(directory, 'state');
    const live = await startRegion({ stateDir });
    try {
      const authorization = authorizationOf(await createApiKey(live.region.store, systemClock, 'admin'));
      await live.region.enlist(report([0x525400000001]));
      const { bavail, bsize } = statfsSync(directory);
      const ballast = join(directory, 'ballast');
      writeFileSync(ballast, Buffer.alloc(bavail * bsize));

      const enlist = (mac: string): Promise<Response> =>
        fetch(`${live.origin}/MAAS/api/2.0/machines/`, {
          method: 'POST',
          body: new URLSearchParams({ architecture: 'amd64', mac_addresses: mac }),
        });
      let refused: Response | undefined;
      let taken = 1;
      // Some writes may still fit into pages that the log has already.
      for (let index = 2; index < 60 && refused === undefined; index += 1) {
        const answer = await enlist(`52:54:00:00:00:${index.toString(16).padStart(2, '0')}`);
        if (answer.status === 200) taken += 1;
        else refused = answer;
      }
      assert.equal(refused?.status, 503);
      assert.equal(refused?.headers.get('x-rackboot-refusal'), 'store-unavailable');
      assert.ok(Number(refused?.headers.get('retry-after')) > 0);
      assert.match((await refused?.text()) ?? '', /make room/);
      const list = async (): Promise<number> => {
        const answer = await fetch(`${live.origin}/MAAS/api/2.0/machines/`, { headers: { authorization } });
        return JSON.parse(await answer.text()).length;
      };
      assert.equal(await list(), taken);

      rmSync(ballast);
      assert.equal((await enlist('52:54:00:00:01:00')).status, 200);
      assert.equal(await list(), taken + 1);
      assert.deepEqual(live.problems, []);
    } finally {
      await live.close();
    }
  } finally {
    execFileSync('umount', [directory]);
    rmdirSync(directory);
  }
});
