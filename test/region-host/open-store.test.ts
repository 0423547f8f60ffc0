// The password of a region's database, as its file has it.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readDatabaseAccess } from '../../src/region-host/open-store.ts';

const directory = mkdtempSync(join(tmpdir(), 'rackboot-password-'));
after(() => rmSync(directory, { recursive: true }));

const placeWith = (passwordFile: string) =>
  readDatabaseAccess({ kind: 'postgresql', url: 'postgresql://db/r', passwordFile, caFile: undefined, pool: 1 });

for (const [written, password] of [
  ['right', 'right'],
  ['right\n', 'right'],
  ['right\r\n', 'right'],
  ['right\r\nnext line\n', 'right'],
  [' a b%20& \n', ' a b%20& '],
  ['a\rb\n', 'a\rb'],
] as const) {
  test(`the file ${JSON.stringify(written)} has the password ${JSON.stringify(password)}`, () => {
    const passwordFile = join(directory, 'password');
    writeFileSync(passwordFile, written);
    assert.equal(placeWith(passwordFile).password?.(), password);
  });
}

test('a password file that changes later is read again; one that is gone then makes the store unavailable', () => {
  const passwordFile = join(directory, 'changing');
  writeFileSync(passwordFile, 'former\n');
  const place = placeWith(passwordFile);
  writeFileSync(passwordFile, 'new\n');
  assert.equal(place.password?.(), 'new');
  rmSync(passwordFile);
  assert.throws(() => place.password?.(), {
    code: 'store-unavailable',
    message: /^region\.store\.password_file: .*changing/,
  });
});

for (const written of ['', '\n', '\r\nright\n']) {
  test(`the file ${JSON.stringify(written)} has none, and the error says so`, () => {
    const passwordFile = join(directory, 'password');
    writeFileSync(passwordFile, written);
    assert.throws(() => placeWith(passwordFile), {
      code: 'config-invalid',
      message: /^region\.store\.password_file: the first line of .* is empty: write/,
    });
  });
}
