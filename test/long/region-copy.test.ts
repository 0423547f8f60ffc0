// A region with files of tens of megabytes moves to PostgreSQL, into a backup and back, and never takes much memory.
// @host waits, 60 s

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DAEMON_FLAGS } from '../../bin/daemon-flags.js';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { missing } from '../support/needs.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { MAIN } from '../support/running-rack.ts';

/** The heap of a process that moves large rows, and the bound of all its memory: PostgreSQL sends a file of 64 MiB as 128 MiB of text. */
const HEAP = '--max-old-space-size=256';
const HEAVY_MEBIBYTES_MAX = 640;
/** The most memory that a process has had, in MiB; undefined: it has ended. */
function peakOf(pid: number | undefined): number | undefined {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024 || undefined;
  } catch {
    return undefined;
  }
}

describe('a region with large files, moved', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let server: PostgresServer;
  let directory: string;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'rackboot-copy-'));
    server = await PostgresServer.start();
  });
  after(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const configOf = (name: string, store: string): string => {
    const path = join(directory, `${name}.yaml`);
    writeFileSync(path, `name: hall\nstate_dir: ${join(directory, name)}\nregion: { store: ${store} }\n`);
    return path;
  };

  test('files of tens of megabytes are copied, saved and restored a few at a time, in a bounded memory', async () => {
    const heavy = join(directory, 'heavy');
    const store = openRegionStore({ stateDir: heavy });
    // Two of the size that a user may have in all, and small ones between them.
    const sizes = [1, 64, 0.1, 64, 0.1, 16].map((mebibytes) => mebibytes * 1024 * 1024);
    for (const [index, bytes] of sizes.entries()) {
      const username = `user${index}`;
      await store.accounts.addUser({ username, email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });
      const content = new Uint8Array(Math.floor(bytes)).fill(index + 1);
      const stored = await store.files.put(username, { name: 'f', key: `k${index}`, content }, 1);
      assert.ok(typeof stored === 'object', String(stored));
    }
    await store.close();
    const bounded = async (...words: string[]): Promise<void> => {
      const child = spawn(process.execPath, [HEAP, ...DAEMON_FLAGS, MAIN, 'region', ...words], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      let mebibytes = 0;
      const looking = setInterval(() => {
        mebibytes = peakOf(child.pid) ?? mebibytes;
      }, 20);
      const [code] = await once(child, 'close');
      clearInterval(looking);
      assert.equal(code, 0, words[0]);
      assert.ok(mebibytes > 0 && mebibytes < HEAVY_MEBIBYTES_MAX, `${words[0]} took ${mebibytes} MiB`);
    };
    const name = await server.makeDatabase();
    await bounded('copy', '--from', `sqlite:${heavy}`, '--to', server.urlOf(name));
    const backup = join(directory, 'heavy.backup');
    await bounded(
      'backup',
      backup,
      '--config',
      configOf('heavy-there', `{ kind: postgresql, url: "${server.urlOf(name)}" }`),
    );
    await bounded('restore', backup, '--config', configOf('heavy-back', '{ kind: sqlite }'));
    const back = openRegionStore({ stateDir: join(directory, 'heavy-back') });
    for (const [index, bytes] of sizes.entries()) {
      const found = await back.files.findByKey(`k${index}`);
      assert.equal(found?.content.length, Math.floor(bytes));
      assert.ok(found.content.every((octet) => octet === index + 1));
    }
    await back.close();
  });
});
