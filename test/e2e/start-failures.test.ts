// A rack that cannot start reports the cause and the remedy in one line; nothing is left half started, and
// once the cause is gone, the next start serves. Further doors, privileges, state directories and databases are in the long suite.
// @host waits

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { missing } from '../support/needs.ts';
import {
  anyUserMayServe,
  assertRefused,
  assertRefusedNewer,
  assertRefusedReadOnly,
  assertRefusedRootsDatabase,
  assertRefusedWhileHeld,
  assertRefusedWithoutPrivilege,
  assertStarts,
  configureWith,
  DOORS,
  GOOD,
  PRIVILEGED,
  rack,
  run,
} from '../support/refused-start.ts';

after(() => rack.remove());

describe('an unusable configuration', { skip: missing('linux') }, () => {
  test('has problems: each has a line with its place', async () => {
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
});

test('a C library that cannot be called is one line, with its cause and the remedy', async () => {
  rack.configure(GOOD);
  const without = join(rack.stateDir, 'without-koffi.cjs');
  const asked = 'const { _load } = module.constructor, absent = () => { throw new Error("no library here"); };';
  mkdirSync(rack.stateDir, { recursive: true });
  writeFileSync(
    without,
    `${asked} module.constructor._load = (name, ...more) => (name === 'koffi' ? absent() : _load(name, ...more));`,
  );
  process.env.NODE_OPTIONS = `--require ${without}`;
  try {
    assertRefused(await run(), /no library here/, /npm ci/, /glibc/, /amd64 and arm64/);
  } finally {
    delete process.env.NODE_OPTIONS;
    rmSync(without);
  }
});

describe('a port in use', { skip: missing('linux') }, () => {
  for (const door of DOORS) test(door.name, () => assertRefusedWhileHeld(door));
});

describe('a missing privilege', { skip: missing('linux', 'root', 'setpriv') }, () => {
  for (const one of PRIVILEGED)
    test(`for port ${one.port}`, { skip: anyUserMayServe(one.port) }, () => assertRefusedWithoutPrivilege(one));
});

describe('an unusable state directory', { skip: missing('linux') }, () => {
  test('has a leases.db that belongs to root', { skip: missing('root', 'setpriv') }, () =>
    assertRefusedRootsDatabase('leases.db'),
  );

  test('is read-only, and a rack that was killed has left its socket', { skip: missing('root', 'mount') }, () =>
    assertRefusedReadOnly('a rack that was killed has left its socket'),
  );
});

describe('an unusable database', { skip: missing('linux') }, () => {
  // Without its region a rack starts: e2e/region-damaged.
  const leases = join(rack.stateDir, 'leases.db');
  before(assertStarts);

  test('leases.db is damaged', async () => {
    const whole = readFileSync(leases);
    // The page that holds the schema.
    writeFileSync(leases, Buffer.from(whole).fill(0xa5, 100, 4000));
    assertRefused(await run(), /leases\.db/, /backup/);
    writeFileSync(leases, whole);
  });

  test('leases.db is of a newer Rackboot', () => assertRefusedNewer('leases.db'));
});
