// The mirrors of apt's sources are read in both forms.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findAptMirror, readAptMirrors, readHostMirrors } from '../../../src/images/sources/apt-sources.ts';

const LIST = `# deb http://off.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] http://deb.example/debian bookworm main contrib # the first
deb-src http://source.example/debian bookworm main
deb http://deb.example/debian/ bookworm-updates main
deb http://other.example/debian bookworm contrib
deb cdrom:[Debian]/ bookworm main
deb https://security.example/debian-security bookworm-security main
deb http://flat.example/debian ./
`;
const STANZAS = `Types: deb
# a comment
URIs: http://deb.example/debian
 http://second.example/pub/debian/
Suites: bookworm bookworm-updates
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main

Types: deb deb-src
URIs: http://archive.example/ubuntu/
Suites: noble
Components: main universe
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQ: x
 -----END PGP PUBLIC KEY BLOCK-----
`;

describe("apt's sources", () => {
  it('in lines give the mirrors of packages in main, without options and comments', () => {
    assert.deepEqual(readAptMirrors(LIST, 'list'), [
      'http://deb.example/debian/',
      'https://security.example/debian-security/',
    ]);
  });

  it('in stanzas give each mirror of those that are on', () => {
    assert.deepEqual(readAptMirrors(STANZAS, 'sources'), [
      'http://deb.example/debian/',
      'http://second.example/pub/debian/',
      'http://archive.example/ubuntu/',
    ]);
  });

  it('have the mirror of a system by the end of its path', () => {
    const mirrors = readAptMirrors(STANZAS, 'sources').toReversed();
    assert.equal(findAptMirror(mirrors, 'ubuntu'), 'http://archive.example/ubuntu/');
    assert.equal(findAptMirror(mirrors, 'debian'), 'http://second.example/pub/debian/');
    assert.equal(findAptMirror(['https://security.example/debian-security/'], 'debian'), undefined);
  });

  it('of a host are those of its file and its directory', () => {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-apt-'));
    try {
      assert.deepEqual(readHostMirrors(directory), []);
      mkdirSync(join(directory, 'sources.list.d'));
      writeFileSync(join(directory, 'sources.list'), LIST);
      writeFileSync(join(directory, 'sources.list.d', 'ubuntu.sources'), STANZAS);
      writeFileSync(
        join(directory, 'sources.list.d', 'off.sources.save'),
        'Types: deb\nURIs: http://no.example/debian\n',
      );
      const mirrors = readHostMirrors(directory);
      assert.equal(mirrors[0], 'http://deb.example/debian/');
      assert.equal(findAptMirror(mirrors, 'ubuntu'), 'http://archive.example/ubuntu/');
      assert.equal(mirrors.length, 5);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('of any text give URLs or nothing', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('list', 'sources'), (text, form) => {
        for (const url of readAptMirrors(`${text}\nTypes: deb ${text}`, form)) assert.match(url, /^https?:.*\/$/);
      }),
    );
  });
});
