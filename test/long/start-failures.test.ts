// A rack that cannot start: the doors, privileges and state directories that `e2e/start-failures.test.ts` leaves out, and a start that serves after
// each kind.
// @host alone

import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { AS_NOBODY } from '../support/another-user.ts';
import { missing } from '../support/needs.ts';
import {
  anyUserMayServe,
  assertRefused,
  assertRefusedReadOnly,
  assertRefusedRootsDatabase,
  assertRefusedWhileHeld,
  assertRefusedWithoutPrivilege,
  assertStarts,
  configureWith,
  FURTHER_DOORS,
  FURTHER_PRIVILEGED,
  GOOD,
  rack,
  run,
  START_MS_MAX,
} from '../support/refused-start.ts';

after(() => rack.remove());

describe('a port in use', { skip: missing('linux') }, () => {
  for (const door of FURTHER_DOORS) test(door.name, { timeout: START_MS_MAX }, () => assertRefusedWhileHeld(door));

  test('is free again: the next start serves', { timeout: START_MS_MAX }, assertStarts);
});

describe('a missing privilege', { skip: missing('linux', 'root', 'setpriv') }, () => {
  for (const one of FURTHER_PRIVILEGED)
    test(`for port ${one.port}`, { skip: anyUserMayServe(one.port), timeout: START_MS_MAX }, () =>
      assertRefusedWithoutPrivilege(one),
    );

  test('is there again: the next start serves', { timeout: START_MS_MAX }, assertStarts);
});

describe('an unusable state directory', { skip: missing('linux') }, () => {
  for (const before of ['it was never used', 'a rack has ended there'] as const)
    test(`is read-only, and ${before}`, { skip: missing('root', 'mount'), timeout: START_MS_MAX }, () =>
      assertRefusedReadOnly(before),
    );

  test('has a region.db that belongs to root', { skip: missing('root', 'setpriv'), timeout: START_MS_MAX }, () =>
    assertRefusedRootsDatabase('region.db'),
  );

  test('may not be entered', { skip: missing('root', 'setpriv'), timeout: START_MS_MAX }, async () => {
    rack.configure(GOOD);
    chmodSync(rack.directory, 0o755);
    execFileSync('chown', ['-R', '0:0', rack.stateDir]);
    chmodSync(rack.stateDir, 0o700);
    assertRefused(await run(AS_NOBODY), new RegExp(rack.stateDir), /give|create/);
  });

  test('is a file', { timeout: START_MS_MAX }, async () => {
    const file = join(rack.directory, 'a-file');
    writeFileSync(file, '');
    configureWith(`state_dir: ${JSON.stringify(rack.stateDir)}`, `state_dir: ${JSON.stringify(file)}`);
    assertRefused(await run(), /a-file/, /state_dir/);
  });

  test('is whole again: the next start serves', { timeout: START_MS_MAX }, assertStarts);
});
