// The status of a file that may be missing: each errno of stat(2) is told with path, reason and remedy, and never as the system's error.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { RackErrorCode } from '../../src/errors.ts';
import { foundStats, statsFault } from '../../src/files/found-stats.ts';
import { openDatabaseFile } from '../../src/store/database-file.ts';
import { copyLeases, LeaseDatabase } from '../../src/store/leases/lease-database.ts';
import { REGION_DATABASE } from '../../src/store/region/region-schema.ts';
import { hasRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { desiredStateTime } from '../../src/uplink/desired-state-cache.ts';
import { AS_NOBODY, NOBODY, nobodysCache, readableCheckout } from '../support/another-user.ts';
import { missing } from '../support/needs.ts';

const place = mkdtempSync(join(tmpdir(), 'rackboot-stats-'));
after(() => rmSync(place, { recursive: true }));
const path = join(place, 'file');

const ERRNOS: readonly (readonly [errno: string, code: RackErrorCode, text: RegExp])[] = [
  [
    'EACCES',
    'store-unwritable',
    /cannot be read \(EACCES\): root may do this unless|mode forbids|chown|as \S+ or with sudo/,
  ],
  ['EPERM', 'store-unwritable', /cannot be read \(EPERM\): /],
  ['ELOOP', 'store-broken', /is a link that leads to itself \(ELOOP\): put the file itself/],
  ['EIO', 'store-unavailable', /its disk fails \(EIO\); sudo journalctl -k/],
  ['ENAMETOOLONG', 'store-unavailable', /cannot be read \(ENAMETOOLONG\): `namei -l/],
  ['ESTALE', 'store-unavailable', /cannot be read \(ESTALE\): `namei -l/],
];

for (const [errno, code, text] of ERRNOS) {
  test(`${errno} is told with a remedy`, () => {
    const fault = statsFault(path, Object.assign(new Error(`${errno}: invented`), { code: errno }));
    assert.equal(fault.code, code);
    assert.match(fault.message, text);
    assert.ok(fault.message.startsWith(path), fault.message);
    assert.doesNotMatch(fault.message, /move it|away/);
  });
}

test('a file that is missing has no status', () => {
  assert.equal(foundStats(path), undefined);
  writeFileSync(path, '12');
  assert.equal(foundStats(path)?.size, 2);
  assert.equal(foundStats(join(path, 'below')), undefined);
});

test('a link to itself in the place of a file of the state is reported', () => {
  const dir = join(place, 'loops');
  mkdirSync(dir);
  for (const name of ['region.db', 'leases.db', 'notes.db-wal', 'desired-state.json'])
    symlinkSync(name, join(dir, name));
  const readers = {
    'region.db': () => openDatabaseFile(join(dir, 'region.db'), REGION_DATABASE),
    'leases.db': () => new LeaseDatabase(join(dir, 'leases.db'), () => undefined),
    'leases.db, copied': () => copyLeases(join(dir, 'leases.db')),
    'the log of notes.db': () => openDatabaseFile(join(dir, 'notes.db'), REGION_DATABASE),
  };
  for (const [name, read] of Object.entries(readers))
    assert.throws(read, { code: 'store-broken', message: /leads to itself/ }, name);
  assert.equal(hasRegionStore(dir), true, 'opening it says why');
  assert.equal(desiredStateTime(dir), undefined);
});

/** As `nobody`, opens the file of its argument. */
const OPENING = `
const [root, path] = process.argv.slice(1);
const { LeaseDatabase } = await import(root + '/src/store/leases/lease-database.ts');
const { openRegionStore } = await import(root + '/src/store/sqlite/region-sqlite.ts');
const { desiredStateTime } = await import(root + '/src/uplink/desired-state-cache.ts');
desiredStateTime(path);
for (const open of [() => new LeaseDatabase(path + '/leases.db', () => undefined), () => openRegionStore({ stateDir: path })])
  try { open(); console.log('opened'); } catch (error) { console.log(error.code + ' ' + error.message); }
`;

for (const depth of ['its directory', 'a directory above'] as const) {
  test(`a link to a place that this user may not enter is told with the owner of ${depth}`, {
    skip: missing('linux', 'root', 'setpriv'),
  }, () => {
    const state = join(place, `state-${depth.length}`);
    const closed = join(place, `closed-${depth.length}`);
    const target = depth === 'its directory' ? closed : join(closed, 'below');
    mkdirSync(state);
    mkdirSync(target, { recursive: true });
    for (const name of ['leases.db', 'region.db', 'desired-state.json']) {
      writeFileSync(join(target, name), 'x');
      symlinkSync(join(target, name), join(state, name));
    }
    chmodSync(closed, 0o700);
    chmodSync(place, 0o755);
    chownSync(state, NOBODY, NOBODY);
    const { root, node } = readableCheckout();
    const [program = '', ...words] = [...AS_NOBODY, node, '--input-type=module', '-e', OPENING, root, state];
    const env = { ...process.env, NODE_COMPILE_CACHE: nobodysCache() };
    const lines = execFileSync(program, words, { encoding: 'utf8', cwd: '/', env }).trim().split('\n');
    const remedy =
      depth === 'its directory'
        ? new RegExp(`it belongs to root; .*sudo chown -R nobody: ${target}$`)
        : /`namei -l \S+` shows .*; open it to nobody$/;
    assert.equal(lines.length, 2, lines.join('\n'));
    for (const line of lines) {
      assert.match(line, /^store-unwritable \S+ cannot be read \(EACCES\): it is a link to /);
      assert.match(line, remedy);
      assert.doesNotMatch(line, /move|backup/);
    }
  });
}
