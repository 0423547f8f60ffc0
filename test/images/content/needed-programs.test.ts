// Before a long build starts, it names all missing programs in one command to copy.

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { debianImagePrograms, makeDebianImage } from '../../../src/images/build/debian-image.ts';
import { requirePrograms, searchPath } from '../../../src/images/content/needed-programs.ts';

test('all missing programs are named together, each package once', () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-programs-'));
  try {
    const programs = debianImagePrograms(true);
    assert.throws(() => requirePrograms('Making a Debian image', programs, place), {
      code: 'tool-missing',
      message:
        'Making a Debian image needs mmdebstrap, sfdisk, mformat, mmd, mcopy and mke2fs, which this host lacks: ' +
        'sudo apt-get install mmdebstrap fdisk mtools e2fsprogs',
    });
    assert.throws(() => requirePrograms('It', debianImagePrograms(false), place), /e2fsprogs uidmap$/);
    for (const { program } of programs) {
      writeFileSync(join(place, program), '');
      chmodSync(join(place, program), 0o755);
    }
    requirePrograms('Making a Debian image', programs, place);
  } finally {
    rmSync(place, { recursive: true });
  }
});

test("root's programs are found for users whose PATH does not include them", () => {
  assert.equal(searchPath('/usr/bin:/bin'), '/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin');
  assert.equal(searchPath('/usr/sbin:/usr/bin'), '/usr/sbin:/usr/bin:/usr/local/sbin:/sbin');
});

test('an image is refused for a missing program before anything is fetched or written', async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-programs-'));
  const reported: string[] = [];
  try {
    const request = { release: 'trixie', arch: 'amd64', cloudInit: false, packages: [], mirrors: [], epochSeconds: 0 };
    const places = { workDir: place, cacheDir: join(place, 'cache'), path: join(place, 'nothing') };
    await assert.rejects(makeDebianImage({ ...request, ...places, onProgress: (text) => void reported.push(text) }), {
      code: 'tool-missing',
      message: /sudo apt-get install mmdebstrap fdisk mtools e2fsprogs/,
    });
    assert.deepEqual(reported, []);
  } finally {
    rmSync(place, { recursive: true });
  }
});
