// A rack that cannot start reports the cause and the remedy in one line; nothing is left half started, and
// once the cause is gone, the next start serves. Further doors, privileges and state directories are in the long suite.
// @host waits, 40 s

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { AS_NOBODY, NOBODY } from '../support/another-user.ts';
import { missing } from '../support/needs.ts';
import {
  ADDRESS,
  anyUserMayServe,
  assertRefused,
  assertRefusedReadOnly,
  assertRefusedRootsDatabase,
  assertRefusedWhileHeld,
  assertRefusedWithoutPrivilege,
  assertReported,
  assertStarts,
  configureWith,
  DOORS,
  GIVE_TO_NOBODY,
  GOOD,
  holdTcp,
  PLACE,
  PRIVILEGED,
  rack,
  removeDatabases,
  run,
  START_MS_MAX,
  stamp,
} from '../support/refused-start.ts';

after(() => rack.remove());

describe('an unusable configuration', { skip: missing('linux') }, () => {
  test('is not there', { timeout: START_MS_MAX }, async () => {
    rmSync(rack.configFile);
    assertRefused(await run(), /rackboot\.yaml/, /rackboot(?:\.js)? init/);
  });

  test('has problems: each has a line with its place', { timeout: START_MS_MAX }, async () => {
    rack.configure(GOOD.replace('management: 2', 'management: 7').concat('colour: blue\n'));
    const { code, complaints } = await run();
    assert.equal(code, 1);
    assert.equal(complaints.length, 2, complaints.join('\n'));
    assert.match(complaints.join('\n'), /rackboot\.yaml:6: cluster_interfaces\[0\]\.management: /);
    assert.match(complaints.join('\n'), /rackboot\.yaml:\d+: colour: unknown key/);
    configureWith('management: 2', 'management: 2\n    router_ip: 10.9.9.9');
    assertRefused(await run(), /rackboot\.yaml:7: cluster_interfaces\[0\]\.router_ip: .*10\.9\.9\.9/);
    rack.configure('{[');
    const broken = await run();
    assert.equal(broken.code, 1);
    for (const line of broken.complaints) assert.match(line, /rackboot\.yaml:\d+: not valid YAML/);
  });

  test('names a network that contains another interface', { timeout: START_MS_MAX }, async () => {
    configureWith('interface: lo', 'interface: rackboot9');
    const place = /rackboot\.yaml.*cluster_interfaces\[0\]\.network/;
    assertRefused(await run(), place, /overlaps 127\.0\.0\.0\/8.* on lo; choose/);
  });
});

describe('a port in use', { skip: missing('linux') }, () => {
  for (const door of DOORS) test(door.name, { timeout: START_MS_MAX }, () => assertRefusedWhileHeld(door));

  test('together with an address that is missing', { timeout: START_MS_MAX }, async () => {
    const http = PLACE.httpPort;
    const release = await holdTcp(ADDRESS, http);
    try {
      configureWith(`["${ADDRESS}:${http}"]`, `["10.64.0.1:${http}", "${ADDRESS}:${http}"]`);
      assertRefused(await run(), new RegExp(`:${http}\\b.* is in use`));
    } finally {
      await release();
    }
  });
});

describe('a missing privilege', { skip: missing('linux', 'root', 'setpriv') }, () => {
  for (const one of PRIVILEGED)
    test(`for port ${one.port}`, { skip: anyUserMayServe(one.port), timeout: START_MS_MAX }, () =>
      assertRefusedWithoutPrivilege(one),
    );

  test(
    'is there again, as are the ports and the configuration: the next start serves',
    { timeout: START_MS_MAX },
    assertStarts,
  );
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

  test('is full', { skip: missing('root', 'mount'), timeout: START_MS_MAX }, async () => {
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

  test('may not be written', { skip: missing('root', 'setpriv'), timeout: START_MS_MAX }, async () => {
    rack.configure(GOOD);
    execFileSync('chown', ['-R', '0:0', rack.stateDir]);
    chmodSync(rack.directory, 0o755);
    const where = new RegExp(rack.stateDir);
    assertRefused(await run(AS_NOBODY), where, /cannot be (written|created|made)/, GIVE_TO_NOBODY);
  });

  test('has a leases.db that belongs to root', { skip: missing('root', 'setpriv'), timeout: START_MS_MAX }, () =>
    assertRefusedRootsDatabase('leases.db'),
  );

  test(
    'is read-only, and a rack that was killed has left its socket',
    { skip: missing('root', 'mount'), timeout: START_MS_MAX },
    () => assertRefusedReadOnly('a rack that was killed has left its socket'),
  );

  test('has another file in the place of the socket', { timeout: START_MS_MAX }, async () => {
    rack.configure(GOOD);
    mkdirSync(join(rack.stateDir, 'rackboot.sock'));
    try {
      assertReported(await run(), /rackboot\.sock is in the way/, /move it away/);
    } finally {
      rmSync(join(rack.stateDir, 'rackboot.sock'), { recursive: true });
    }
  });

  test('may not be made', { timeout: START_MS_MAX }, async () => {
    configureWith(`state_dir: ${JSON.stringify(rack.stateDir)}`, 'state_dir: /proc/rackboot');
    assertRefused(await run(), /state directory \/proc\/rackboot cannot be created/, /state_dir/);
  });

  test('is used by a rack that runs, and then has the lock and the socket that it left to another user when it was killed', {
    skip: missing('root', 'setpriv'),
    timeout: START_MS_MAX,
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
});

const DATABASES = ['leases.db', 'region.db'];

describe('an unusable database', { skip: missing('linux') }, () => {
  // Without its region a rack starts: e2e/region-damaged.
  const leases = join(rack.stateDir, 'leases.db');

  test('leases.db contains plain text', { timeout: START_MS_MAX }, async () => {
    rack.configure(GOOD);
    removeDatabases('leases.db');
    writeFileSync(leases, 'this is not a database, it is a letter. '.repeat(300));
    assertRefused(await run(), /leases\.db/, /backup|move/);
    removeDatabases('leases.db');
  });

  test('a leases.db that is a link to itself is reported as a bad file, like any other file of the state, and not as a bug', {
    timeout: START_MS_MAX,
  }, async () => {
    rack.configure(GOOD);
    removeDatabases('leases.db');
    symlinkSync('leases.db', leases);
    assertRefused(await run(), /leases\.db is a link that leads to itself \(ELOOP\)/, /put the file itself/);
    removeDatabases('leases.db');
    removeDatabases('region.db');
    for (const name of ['region.db', 'desired-state.json']) symlinkSync(name, join(rack.stateDir, name));
    const from = rack.lines.length;
    await rack.start();
    const { reason } = await rack.reported('region.down', { from });
    assert.match(String(reason), /region\.db is a link that leads to itself \(ELOOP\)/);
    await rack.stop();
    removeDatabases('region.db');
    rmSync(join(rack.stateDir, 'desired-state.json'), { force: true });
    await assertStarts();
  });

  test('leases.db is damaged', { timeout: START_MS_MAX }, async () => {
    const whole = readFileSync(leases);
    // The page that holds the schema.
    writeFileSync(leases, Buffer.from(whole).fill(0xa5, 100, 4000));
    assertRefused(await run(), /leases\.db/, /backup/);
    writeFileSync(leases, whole);
  });

  for (const name of DATABASES) {
    const path = join(rack.stateDir, name);
    const where = new RegExp(name.replace('.', '\\.'));

    test(`${name} is of a newer Rackboot`, { timeout: START_MS_MAX }, async () => {
      const own = stamp(path, 1000);
      const before = readFileSync(path);
      assertRefused(await run(), where, /version 1000/, /newer Rackboot/);
      assert.deepEqual(readFileSync(path), before, 'it is left as it was');
      stamp(path, own);
    });
  }

  test('outbox.db is of a newer Rackboot', { timeout: START_MS_MAX }, async () => {
    const path = join(rack.stateDir, 'outbox.db');
    copyFileSync(new URL('../../fixtures/state/outbox-1.db', import.meta.url), path);
    stamp(path, 1000);
    rack.configure(GOOD.replace(/^region: .*$/m, 'region: { mode: remote, url: "http://127.0.0.1:9/MAAS" }'));
    assertRefused(await run(), /outbox\.db/, /version 1000/, /newer Rackboot/);
    removeDatabases('outbox.db');
    rack.configure(GOOD);
  });

  test('the desired state that a newer Rackboot cached is reported by name, and written again', {
    timeout: START_MS_MAX,
  }, async () => {
    const cache = join(rack.stateDir, 'desired-state.json');
    writeFileSync(cache, '{"schema":1000,"version":7,"machines":[]}');
    const from = rack.lines.length;
    // The databases are whole again, and so this start serves.
    await assertStarts();
    const { file, fault, found } = await rack.reported('region.cache', { from });
    assert.deepEqual([file, fault, found], [cache, 'other-schema', '1000']);
    assert.doesNotMatch(readFileSync(cache, 'utf8'), /1000/);
  });
});
