// A rack that cannot start: the doors, privileges, state directories and databases that `e2e/start-failures.test.ts` leaves out, and a start that
// serves after each kind.
// @host alone

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { AS_NOBODY, NOBODY } from '../support/another-user.ts';
import { missing } from '../support/needs.ts';
import {
  ADDRESS,
  anyUserMayServe,
  assertRefused,
  assertRefusedNewer,
  assertRefusedReadOnly,
  assertRefusedRootsDatabase,
  assertRefusedWhileHeld,
  assertRefusedWithoutPrivilege,
  assertReported,
  assertStarts,
  configureWith,
  FURTHER_DOORS,
  FURTHER_PRIVILEGED,
  GIVE_TO_NOBODY,
  GOOD,
  holdTcp,
  PLACE,
  rack,
  removeDatabases,
  run,
  stamp,
} from '../support/refused-start.ts';

after(() => rack.remove());

describe('an unusable configuration', { skip: missing('linux') }, () => {
  test('is not there', async () => {
    rmSync(rack.configFile);
    assertRefused(await run(), /rackboot\.yaml/, /rackboot(?:\.js)? init/);
  });

  test('names a network that contains another interface', async () => {
    configureWith('interface: lo', 'interface: rackboot9');
    const place = /rackboot\.yaml.*cluster_interfaces\[0\]\.network/;
    assertRefused(await run(), place, /overlaps 127\.0\.0\.0\/8.* on lo; choose/);
  });
});

describe('a port in use', { skip: missing('linux') }, () => {
  for (const door of FURTHER_DOORS) test(door.name, () => assertRefusedWhileHeld(door));

  test('together with an address that is missing', async () => {
    const http = PLACE.httpPort;
    const release = await holdTcp(ADDRESS, http);
    try {
      configureWith(`["${ADDRESS}:${http}"]`, `["10.64.0.1:${http}", "${ADDRESS}:${http}"]`);
      assertRefused(await run(), new RegExp(`:${http}\\b.* is in use`));
    } finally {
      await release();
    }
  });

  test('is free again: the next start serves', assertStarts);
});

describe('a missing privilege', { skip: missing('linux', 'root', 'setpriv') }, () => {
  for (const one of FURTHER_PRIVILEGED)
    test(`for port ${one.port}`, { skip: anyUserMayServe(one.port) }, () => assertRefusedWithoutPrivilege(one));

  test('is there again: the next start serves', assertStarts);
});

describe('an unusable state directory', { skip: missing('linux') }, () => {
  /** Runs `work` with a small file system as state directory; `keepBytes` of it are free. */
  async function whileFull(keepBytes: number, work: () => Promise<void>): Promise<void> {
    const ballast = join(rack.stateDir, 'ballast');
    const { bavail, bsize } = statfsSync(rack.stateDir);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - keepBytes));
    try {
      await work();
    } finally {
      rmSync(ballast);
    }
  }

  test('is full', { skip: missing('root', 'mount') }, async () => {
    rack.configure(GOOD);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'rackboot-start-full', rack.stateDir]);
    try {
      await whileFull(0, async () => assertRefused(await run(), /disk is full/, /make room/));
      await assertStarts();
      removeDatabases('region.db');
      await whileFull(64 * 1024, async () => assertRefused(await run(), /region\.db/, /disk is full/, /make room/));
      await assertStarts();
    } finally {
      execFileSync('umount', [rack.stateDir]);
    }
  });

  test('may not be written', { skip: missing('root', 'setpriv') }, async () => {
    rack.configure(GOOD);
    execFileSync('chown', ['-R', '0:0', rack.stateDir]);
    chmodSync(rack.directory, 0o755);
    const where = new RegExp(rack.stateDir);
    assertRefused(await run(AS_NOBODY), where, /cannot be (written|created|made)/, GIVE_TO_NOBODY);
  });

  test('has another file in the place of the socket', async () => {
    rack.configure(GOOD);
    mkdirSync(join(rack.stateDir, 'rackboot.sock'));
    try {
      assertReported(await run(), /rackboot\.sock is in the way/, /move it away/);
    } finally {
      rmSync(join(rack.stateDir, 'rackboot.sock'), { recursive: true });
    }
  });

  test('may not be made', async () => {
    configureWith(`state_dir: ${JSON.stringify(rack.stateDir)}`, 'state_dir: /proc/rackboot');
    assertRefused(await run(), /state directory \/proc\/rackboot cannot be created/, /state_dir/);
  });

  for (const before of ['it was never used', 'a rack has ended there'] as const)
    test(`is read-only, and ${before}`, { skip: missing('root', 'mount') }, () => assertRefusedReadOnly(before));

  test('is used by a rack that runs, and then has the lock and the socket that it left to another user when it was killed', {
    skip: missing('root', 'setpriv'),
  }, async () => {
    rack.configure(GOOD);
    await rack.startWhole();
    const second = await run();
    assert.equal(second.code, 1);
    assert.equal(second.complaints.length, 1, second.complaints.join('\n'));
    assert.match(second.complaints[0] ?? '', new RegExp(`already runs .*process ${rack.pid}.*stop it`));
    assert.equal((await rack.status()).region?.state, 'up', 'the first is not disturbed');
    await rack.kill();
    chmodSync(rack.directory, 0o755);
    chmodSync(rack.stateDir, 0o755);
    assertReported(await run(AS_NOBODY), /rack\.lock cannot be written/, /it belongs to root/, GIVE_TO_NOBODY);
    const lock = join(rack.stateDir, 'rack.lock');
    execFileSync('chown', [String(NOBODY), lock]);
    assertReported(await run(AS_NOBODY), /rackboot\.sock/, /cannot be created: EACCES/, GIVE_TO_NOBODY);
    execFileSync('chown', ['0', lock]);
    await assertStarts();
  });

  test('has a region.db that belongs to root', { skip: missing('root', 'setpriv') }, () =>
    assertRefusedRootsDatabase('region.db'),
  );

  test('may not be entered', { skip: missing('root', 'setpriv') }, async () => {
    rack.configure(GOOD);
    chmodSync(rack.directory, 0o755);
    execFileSync('chown', ['-R', '0:0', rack.stateDir]);
    chmodSync(rack.stateDir, 0o700);
    assertRefused(await run(AS_NOBODY), new RegExp(rack.stateDir), /give|create/);
  });

  test('is a file', async () => {
    const file = join(rack.directory, 'a-file');
    writeFileSync(file, '');
    configureWith(`state_dir: ${JSON.stringify(rack.stateDir)}`, `state_dir: ${JSON.stringify(file)}`);
    assertRefused(await run(), /a-file/, /state_dir/);
  });

  test('is whole again: the next start serves', assertStarts);
});

describe('an unusable database', { skip: missing('linux') }, () => {
  // Without its region a rack starts: e2e/region-damaged.
  const leases = join(rack.stateDir, 'leases.db');

  test('leases.db contains plain text', async () => {
    rack.configure(GOOD);
    removeDatabases('leases.db');
    writeFileSync(leases, 'this is not a database, it is a letter. '.repeat(300));
    assertRefused(await run(), /leases\.db/, /backup|move/);
    removeDatabases('leases.db');
  });

  test('region.db is of a newer Rackboot', () => assertRefusedNewer('region.db'));

  test('outbox.db is of a newer Rackboot', async () => {
    const path = join(rack.stateDir, 'outbox.db');
    copyFileSync(new URL('../../fixtures/state/outbox-1.db', import.meta.url), path);
    stamp(path, 1000);
    rack.configure(GOOD.replace(/^region: .*$/m, 'region: { mode: remote, url: "http://127.0.0.1:9/MAAS" }'));
    assertRefused(await run(), /outbox\.db/, /version 1000/, /newer Rackboot/);
    removeDatabases('outbox.db');
    rack.configure(GOOD);
  });

  test('the desired state that a newer Rackboot cached is reported by name, and written again', async () => {
    const cache = join(rack.stateDir, 'desired-state.json');
    writeFileSync(cache, '{"schema":1000,"version":7,"machines":[]}');
    const from = rack.lines.length;
    // The databases are whole again, and so this start serves.
    await assertStarts();
    const { file, reason } = await rack.reported('region.cache', { from });
    assert.equal(file, cache);
    assert.match(String(reason), /^schema: 1000 is not 2/);
    assert.doesNotMatch(readFileSync(cache, 'utf8'), /1000/);
  });
});
