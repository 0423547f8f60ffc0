// A command of root looks at the owner of the state directory first.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { becomeOwnerOf, continueAsOwnerOf } from '../../../src/cli/terminal/state-owner.ts';
import { missing } from '../../support/needs.ts';

test('a state directory that is a link to itself is refused by its name', { skip: missing('root') }, (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-owner-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const link = join(directory, 'state');
  symlinkSync(link, link);
  const refusal = { code: 'config-invalid', message: /^state_dir: .*state is a link that leads to itself \(ELOOP\): / };
  assert.throws(() => becomeOwnerOf(link), refusal);
  assert.throws(() => continueAsOwnerOf(link, 'region'), refusal);
  becomeOwnerOf(join(directory, 'missing'));
});
