// A repository's key: exactly one that can sign, whatever other keys have its name.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { addToRepository, fingerprintOf } from '../../packaging/repository.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { missing } from '../support/needs.ts';

test('a repository has the public key of its signer alone, and is not made if the name means several', {
  skip: missing('gpg', 'apt-ftparchive'),
}, (t) => {
  const [own, other] = [new GpgHome(), new GpgHome()];
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-repository-'));
  const { GNUPGHOME } = process.env;
  t.after(() => {
    if (GNUPGHOME === undefined) delete process.env.GNUPGHOME;
    else process.env.GNUPGHOME = GNUPGHOME;
    own.remove();
    other.remove();
    rmSync(scratch, { recursive: true });
  });
  const fingerprint = own.makeKey('site');
  other.makeKey('mallory-of-the-site');
  own.run(['--import'], other.export());
  process.env.GNUPGHOME = own.directory;
  addToRepository(join(scratch, 'one'), [], fingerprintOf('site'));
  const keyring = join(scratch, 'one/rackboot-archive-keyring.gpg');
  const listed = own.run(['--with-colons', '--show-keys', keyring]).toString('utf8');
  assert.deepEqual(
    [...listed.matchAll(/^fpr:(?:[^:]*:){8}([0-9A-F]+):/gm)].map(([, found]) => found),
    [fingerprint],
  );
  own.makeKey('second-site');
  assert.throws(() => addToRepository(join(scratch, 'two'), [], fingerprintOf('site')));
  assert.ok(!existsSync(join(scratch, 'two')));
});
