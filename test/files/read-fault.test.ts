// Each reason why a named file cannot be read is reported with the path and a remedy.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { checkGivenFile, readGivenFile } from '../../src/cli/terminal/given-file.ts';
import { toFileFault } from '../../src/files/read-fault.ts';
import { RackError } from '../../src/ground/errors.ts';
import { missing } from '../support/needs.ts';

const place = mkdtempSync(join(tmpdir(), 'rackboot-given-'));
after(() => rmSync(place, { recursive: true }));
writeFileSync(join(place, 'id_ed25519.pub'), 'key\n');
mkdirSync(join(place, 'closed'));
symlinkSync('gone', join(place, 'link'));

const CASES: readonly (readonly [name: string, path: string, code: string, text: RegExp])[] = [
  [
    'a misspelt name',
    join(place, 'id_ed2519.pub'),
    'not-found',
    /^there is no file \S+id_ed2519\.pub; did you mean \S+id_ed25519\.pub\?/,
  ],
  [
    'a name similar to none',
    join(place, 'x'),
    'not-found',
    /^there is no file \S+\/x; `ls \S+` lists the files there$/,
  ],
  ['a name in no directory', '/nosuch/x', 'not-found', /: the directory \/nosuch does not exist; correct the path$/],
  [
    'a path through a file',
    join(place, 'id_ed25519.pub', 'x'),
    'not-found',
    /is a file, not a directory; correct the path$/,
  ],
  ['a relative name', 'no-such-file', 'not-found', /^there is no file no-such-file in \S+; `ls \S+`/],
  ['a ~ that the shell kept', '~/id.pub', 'not-found', /the shell did not replace ~; write the whole path$/],
  ['a directory', place, 'bad-argument', /is a directory: name a file in it$/],
  ['a link to nothing', join(place, 'link'), 'not-found', /is a link to a file that is missing; name the file itself$/],
  ['a name that is too long', 'x'.repeat(5000), 'bad-argument', /^x{40}… is too long for a path: use a shorter one$/],
];

for (const read of [readGivenFile, checkGivenFile])
  for (const [name, path, code, text] of CASES)
    test(`${read.name}: ${name} is reported with the remedy`, () => {
      assert.throws(
        () => read(path),
        (error) => {
          assert.ok(error instanceof RackError);
          assert.equal(error.code, code, error.message);
          assert.match(error.message, text);
          return true;
        },
      );
    });

test('a file of another user is reported with the owner and the remedy', { skip: missing('root') }, () => {
  const path = join(place, 'closed', 'x');
  writeFileSync(path, '');
  chmodSync(join(place, 'closed'), 0o700);
  chmodSync(path, 0o600);
  const former = process.geteuid?.();
  assert.ok(former !== undefined);
  try {
    process.seteuid?.(65_534);
    assert.throws(() => readGivenFile(path), {
      code: 'permission-denied',
      message: /^nobody may not read \S+x; run this with sudo, or/,
    });
  } finally {
    process.seteuid?.(former);
  }
});

test('a service, and a command that has given up root, is told to let its user read the file', {
  skip: missing('root'),
}, () => {
  const path = join(place, 'of-root');
  writeFileSync(path, '');
  chmodSync(path, 0o600);
  chmodSync(place, 0o755);
  const module = pathToFileURL(join(import.meta.dirname, '../../src/files')).href;
  const adviceTo = (before: string): string =>
    execFileSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `const { becomeUser } = await import('${module}/ownership.ts');
        const { toFileFault } = await import('${module}/read-fault.ts');
        ${before};
        console.log(toFileFault('${path}', Object.assign(new Error('EACCES'), { code: 'EACCES' })).message);`,
      ],
      { encoding: 'utf8' },
    );
  assert.match(adviceTo('process.setuid(1)'), /may not read \S+: it belongs to root; let \w+ read it: mode 644/);
  assert.match(adviceTo('becomeUser(65534, 65534)'), /nobody may not read \S+: it belongs to root; .*mode 644/);
  assert.match(adviceTo('process.setuid(65534)'), /run this with sudo/);
});

test('an unknown fault is reported, too', () => {
  assert.match(
    toFileFault('/x', new Error('odd')).message,
    /^\/x cannot be read \(odd\): name a file that can be read$/,
  );
});
