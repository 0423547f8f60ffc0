// The shipped sources are valid and say what protects them; a file of a site has all its problems reported, each by its path.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { decodeSelections } from '../../../src/config/file-selections.ts';
import { decodeChecksumList } from '../../../src/images/sources/checksum-list.ts';
import { decodeSources } from '../../../src/images/sources/decode-sources.ts';
import { chooseListedFile, findListedSerial, findRelease, planFiles } from '../../../src/images/sources/files-plan.ts';
import type { FilesSource, ImageSource } from '../../../src/images/sources/source.ts';

const SHIPPED = readFileSync(join(import.meta.dirname, '../../../config/image-sources.yaml'), 'utf8');
const FINGERPRINT = 'AB'.repeat(20);
const SHA256 = 'ab'.repeat(32);

function sourcesOf(text: string): readonly ImageSource[] {
  const decoded = decodeSources(text, decodeSelections);
  if (!decoded.ok) assert.fail(JSON.stringify(decoded.problems, undefined, 1));
  return decoded.sources;
}

const filesOf = (text: string): readonly FilesSource[] => sourcesOf(text).filter((source) => source.kind === 'files');

const plain = {
  kind: 'files',
  name: 'site',
  title: 'Site',
  os: 'debian',
  arches: { amd64: 'x86_64' },
  directory: 'https://s.example/{release}/',
  file: 'disk-{arch}.img',
  checksums: 'SHA256SUMS',
  unsigned: true,
  why: 'it is ours',
  releases: [{ name: 'a', title: 'A' }],
};
const streams = {
  kind: 'simplestreams',
  name: 'mirror',
  title: 'Mirror',
  os: 'ubuntu',
  arches: { amd64: 'amd64' },
  url: 'http://m.example/images/',
  content_ids: ['a:b'],
  ftypes: ['disk1.img'],
  signed: { keyrings: ['/usr/share/keyrings/x.gpg'] },
};
const installer = {
  kind: 'installer',
  name: 'i',
  title: 'I',
  os: 'ubuntu',
  arches: { amd64: 'amd64' },
  signed: { keyrings: ['/usr/share/keyrings/x.gpg'] },
  releases: { precise04: { base: 'precise', images: 'saucy-netboot', title: 'P' }, saucy: { title: 'S' } },
};
const fileOf = (...sources: readonly unknown[]): string => stringify({ sources });
const problemsOf = (text: string): readonly string[] => {
  const decoded = decodeSources(text, decodeSelections);
  return decoded.ok ? [] : decoded.problems.map(({ path, message }) => `${path}: ${message}`);
};

describe('the shipped sources', () => {
  const sources = sourcesOf(SHIPPED);

  it('are those of six distributions, of MAAS, and two installers', () =>
    assert.deepEqual(
      sources.map(({ name }) => name),
      [
        'ubuntu',
        'debian',
        'rocky',
        'almalinux',
        'fedora',
        'opensuse',
        'maas',
        'maas-centos',
        'maas-loaders',
        'debian-installer',
        'ubuntu-installer',
      ],
    ));

  it('with an installer are signed by a keyring of the host, and have a mirror', () => {
    for (const source of sources.filter(({ kind }) => kind === 'installer')) {
      assert.ok(source.trust.kind === 'signed' && source.trust.keyrings.length === 1, source.name);
      assert.ok(source.kind === 'installer' && source.defaultMirror?.endsWith(`/${source.os}/`), source.name);
    }
  });

  for (const { name, trust, arches } of sources.filter(({ kind }) => kind !== 'installer'))
    it(`${name} has amd64 and arm64, and ${trust.kind === 'signed' ? 'a key' : 'says why it is unsigned'}`, () => {
      assert.deepEqual([...arches.keys()], ['amd64', 'arm64']);
      assert.ok(trust.kind === 'signed' || trust.why.length > 20);
    });

  it('are signed by exactly one key each release, except Debian, which signs no checksums of images', () => {
    for (const source of filesOf(SHIPPED))
      for (const release of source.releases) {
        const plan = planFiles(source, release, 'amd64');
        assert.equal(
          plan?.fingerprints?.length,
          source.name === 'debian' ? undefined : 1,
          `${source.name} ${release.name}`,
        );
      }
  });

  it('have URLs without a placeholder left', () => {
    for (const source of filesOf(SHIPPED))
      for (const release of source.releases)
        for (const arch of source.arches.keys()) {
          const plan = planFiles(source, release, arch) ?? assert.fail();
          const urls = [plan.directoryUrl, plan.checksumsUrl, plan.signatureUrl, plan.keyUrl].filter(
            (url) => url !== undefined,
          );
          for (const url of urls) assert.match(url, /^https:\/\/[^{}]+$/);
          assert.match(plan.file, /^[^{}]+\.qcow2$/);
        }
  });
});

describe('a plan', () => {
  it('has the values of its release and architecture', () => {
    const [rocky] = filesOf(SHIPPED).filter(({ name }) => name === 'rocky');
    const release = rocky === undefined ? undefined : findRelease(rocky, '9');
    assert.ok(rocky !== undefined && release !== undefined);
    assert.deepEqual(planFiles(rocky, release, 'arm64'), {
      directoryUrl: 'https://dl.rockylinux.org/pub/rocky/9/images/aarch64/',
      file: 'Rocky-9-GenericCloud-Base.latest.aarch64.qcow2',
      checksumsUrl: 'https://dl.rockylinux.org/pub/rocky/9/images/aarch64/CHECKSUM',
      signatureUrl: 'https://dl.rockylinux.org/pub/rocky/9/images/aarch64/CHECKSUM.asc',
      keyUrl: 'https://dl.rockylinux.org/pub/rocky/RPM-GPG-KEY-Rocky-9',
      fingerprints: ['21CB256AE16FC54C6E652949702D426D350D275D'],
    });
    assert.equal(planFiles(rocky, release, 'riscv64'), undefined);
  });

  it('is of a release by its name or its version', () => {
    const [debian] = filesOf(SHIPPED);
    assert.ok(debian !== undefined);
    assert.equal(findRelease(debian, 'bookworm')?.title, 'Debian 12 (bookworm)');
    assert.equal(findRelease(debian, '12')?.name, 'bookworm');
    assert.equal(findRelease(debian, '9'), undefined);
  });
});

describe('a file of a list of checksums', () => {
  const names = [
    'Fedora-Cloud-Base-Generic-44-1.7.x86_64.qcow2',
    'Fedora-Cloud-Base-Generic-44-1.10.x86_64.qcow2',
    'Fedora-Cloud-Base-UEFI-UKI-44-1.7.x86_64.qcow2',
    'a/Fedora-Cloud-Base-Generic-44-2.0.x86_64.qcow2',
  ];
  const decoded = decodeChecksumList(names.map((name) => `${SHA256}  ${name}\n`).join(''));
  const list = decoded.ok ? decoded.value.sums : assert.fail();
  const rows: readonly (readonly [pattern: string, chosen: string | undefined])[] = [
    ['Fedora-Cloud-Base-Generic-44-*.x86_64.qcow2', names[1]],
    ['Fedora-Cloud-Base-Generic-44-1.7*.qcow2', names[0]],
    ['*Generic*.qcow2', names[1]],
    ['Fedora-Cloud-Base-Generic-*-*-*.qcow2', undefined],
    ['x*y', undefined],
    ['exactly-this.qcow2', 'exactly-this.qcow2'],
  ];
  for (const [pattern, chosen] of rows)
    it(`for ${pattern} is ${chosen ?? 'none'}`, () => assert.equal(chooseListedFile(list, pattern), chosen));

  it('with the same checksum under a name with a day has its serial', () => {
    const other = 'cd'.repeat(32);
    const text = [
      `${SHA256}  AlmaLinux-9-GenericCloud-latest.x86_64.qcow2`,
      `${other}  AlmaLinux-9-OpenNebula-9.6-20250101.x86_64.qcow2`,
      `${SHA256}  AlmaLinux-9-GenericCloud-9.6-20250522.1.x86_64.qcow2`,
    ].join('\n');
    const decodedText = decodeChecksumList(text);
    const sums = decodedText.ok ? decodedText.value.sums : assert.fail();
    const serialOf = (name: string) => findListedSerial(sums, sums.get(name) ?? assert.fail());
    assert.equal(serialOf('AlmaLinux-9-GenericCloud-latest.x86_64.qcow2'), '20250522.1');
    assert.equal(findListedSerial(list, { algorithm: 'sha256', hex: SHA256, bytes: undefined }), undefined);
  });
});

describe("a site's own sources", () => {
  it('without a signature have their index in index.json, because .sjson is clear-signed', () => {
    const own = { ...streams, url: 'https://m.example/', signed: undefined, unsigned: true, why: 'it is ours' };
    const [site] = sourcesOf(fileOf(own));
    assert.equal(site?.kind === 'simplestreams' && site.index, 'streams/v1/index.json');
    const [named] = sourcesOf(fileOf({ ...own, index: 'streams/v1/index.sjson' }));
    assert.equal(named?.kind === 'simplestreams' && named.index, 'streams/v1/index.sjson');
  });

  it('are decoded with their defaults', () => {
    const [site, mirror] = sourcesOf(fileOf(plain, streams));
    assert.deepEqual(site, {
      kind: 'files',
      name: 'site',
      title: 'Site',
      os: 'debian',
      arches: new Map([['amd64', 'x86_64']]),
      directory: 'https://s.example/{release}/',
      file: 'disk-{arch}.img',
      checksums: 'SHA256SUMS',
      isListOfOne: false,
      signature: undefined,
      trust: { kind: 'unsigned', why: 'it is ours' },
      releases: [{ name: 'a', version: 'a', title: 'A', serial: undefined, fingerprints: undefined }],
    });
    assert.deepEqual(mirror, {
      kind: 'simplestreams',
      name: 'mirror',
      title: 'Mirror',
      os: 'ubuntu',
      arches: new Map([['amd64', 'amd64']]),
      url: 'http://m.example/images/',
      index: 'streams/v1/index.sjson',
      contentIds: ['a:b'],
      ftypes: ['disk1.img'],
      isByName: false,
      trust: { kind: 'signed', keyrings: ['/usr/share/keyrings/x.gpg'], keyUrl: undefined, fingerprints: undefined },
    });
  });

  it('with an installer have releases under names of their own', () => {
    const [source] = sourcesOf(fileOf({ ...installer, mirror: 'http://m.example/ubuntu/' }));
    assert.ok(source?.kind === 'installer');
    assert.deepEqual([source.mirror, source.defaultMirror], ['http://m.example/ubuntu/', undefined]);
    assert.deepEqual(source.releases, [
      { name: 'precise04', base: 'precise', images: 'saucy-netboot', title: 'P' },
      { name: 'saucy', base: 'saucy', images: 'netboot', title: 'S' },
    ]);
  });

  it('have fingerprints in any case, and with spaces', () => {
    const spaced = 'abab '.repeat(10);
    const [source] = sourcesOf(fileOf({ ...streams, signed: { key_url: 'https://x/k', fingerprints: [spaced] } }));
    assert.deepEqual(source?.trust.kind === 'signed' && source.trust.fingerprints, [FINGERPRINT]);
  });

  const url = { key_url: 'https://x/k' };
  const rows: readonly (readonly [name: string, source: unknown, problems: readonly RegExp[]])[] = [
    ['no kind', { ...plain, kind: undefined }, [/^sources\[0\]\.kind: expected simplestreams, files or installer$/]],
    ['a text in its place', 'x', [/^sources\[0\]: expected simplestreams, files or installer$/]],
    ['an unknown key', { ...plain, titel: 'x' }, [/^sources\[0\]\.titel: unknown key; did you mean title\? /]],
    [
      'a key of signed next to it',
      { ...streams, keyrings: ['/k'] },
      [/^sources\[0\]\.keyrings: unknown key; it belongs below signed; config/],
    ],
    [
      'a misspelt one there',
      { ...streams, keyring: ['/k'] },
      [/^sources\[0\]\.keyring: unknown key; did you mean keyrings, which belongs below signed\? /],
    ],
    [
      'a key of the source below signed',
      { ...streams, signed: { ...url, fingerprints: [FINGERPRINT], ftypes: ['x'] } },
      [/^sources\[0\]\.signed\.ftypes: unknown key; it belongs in the source itself; /],
    ],
    [
      'a key of another kind',
      { ...plain, content_ids: ['x'] },
      [/^sources\[0\]\.content_ids: unknown key; it belongs in a source of the kind simplestreams; /],
    ],
    [
      'a key of a release next to them',
      { ...plain, version: '7' },
      [/^sources\[0\]\.version: unknown key; it belongs in a release; /],
    ],
    [
      'a misspelt key of a release',
      { ...plain, releases: [{ name: 'a', titel: 'A', title: 'A' }] },
      [/^sources\[0\]\.releases\[0\]\.titel: unknown key; did you mean title\? /],
    ],
    ['a bad name', { ...plain, name: 'Big Site' }, [/^sources\[0\]\.name: expected a name .*, found "Big Site"$/]],
    ['no title', { ...plain, title: undefined }, [/^sources\[0\]\.title: is missing: expected a text/]],
    [
      'a title that acts on a terminal',
      { ...plain, title: 'a\u001b[1m' },
      [/^sources\[0\]\.title: expected .*found "a\\+x1b/],
    ],
    ['no architecture', { ...plain, arches: {} }, [/^sources\[0\]\.arches: expected at least one architecture$/]],
    [
      'a path as architecture',
      { ...plain, arches: { amd64: '../x' } },
      [/^sources\[0\]\.arches\.amd64: expected letters/],
    ],
    [
      'a number as architecture',
      { ...plain, arches: { amd64: 7 } },
      [/^sources\[0\]\.arches\.amd64: expected letters/],
    ],
    [
      '__proto__ as architecture',
      {
        ...plain,
        arches: Object.fromEntries([
          ['amd64', 'x'],
          ['__proto__', 'y'],
        ]),
      },
      [/^sources\[0\]\.arches\.__proto__: no architecture may have this name/],
    ],
    ['neither signed nor unsigned', { ...plain, unsigned: undefined, why: undefined }, [/^sources\[0\]: needs either/]],
    ['signed and unsigned', { ...plain, signed: url }, [/^sources\[0\]: needs either/]],
    ['unsigned: false', { ...plain, unsigned: false }, [/^sources\[0\]\.unsigned: expected true/]],
    ['no reason', { ...plain, why: undefined }, [/^sources\[0\]\.why: is missing/]],
    [
      'http without a signature',
      { ...plain, directory: 'http://s.example/' },
      [/^sources\[0\]: .*must begin with https:\/\/$/],
    ],
    ['signed by no key', { ...streams, signed: {} }, [/^sources\[0\]\.signed: names no key/]],
    [
      'a key of the network without fingerprints',
      { ...streams, signed: url },
      [/^sources\[0\]\.signed\.fingerprints: is missing/],
    ],
    [
      'a short fingerprint',
      { ...streams, signed: { ...url, fingerprints: ['ABCD'] } },
      [/^sources\[0\]\.signed\.fingerprints\[0\]: /],
    ],
    [
      'a relative keyring',
      { ...streams, signed: { keyrings: ['x'] } },
      [/^sources\[0\]\.signed\.keyrings\[0\]: expected an absolute/],
    ],
    [
      'a signature of an index',
      { ...streams, signed: { ...streams.signed, signature: 'x' } },
      [/^sources\[0\]\.signed\.signature: /],
    ],
    [
      'a placeholder of a site with simplestreams',
      { ...streams, url: 'https://x/{arch}/' },
      [/^sources\[0\]\.url: .*no placeholders$/],
    ],
    ['an unknown placeholder', { ...plain, file: '{os}.img' }, [/^sources\[0\]\.file: expected a relative path/]],
    [
      'a path above the directory',
      { ...plain, checksums: '../x' },
      [/^sources\[0\]\.checksums: expected a relative path/],
    ],
    ['a pattern as list', { ...plain, checksums: '*SUMS' }, [/^sources\[0\]\.checksums: expected a relative path/]],
    ['a directory without its slash', { ...plain, directory: 'https://s.example/x' }, [/^sources\[0\]\.directory: /]],
    ['a URL by ftp', { ...plain, directory: 'ftp://s.example/' }, [/^sources\[0\]\.directory: /]],
    ['a URL with a password only', { ...plain, directory: 'https://:p@s.example/' }, [/^sources\[0\]\.directory: /]],
    ['a URL with a query', { ...plain, directory: 'https://s.example/?token=x/' }, [/^sources\[0\]\.directory: /]],
    ['a URL with an empty query', { ...plain, directory: 'https://s.example?/' }, [/^sources\[0\]\.directory: /]],
    ['a URL with a fragment', { ...plain, directory: 'https://s.example/#/' }, [/^sources\[0\]\.directory: /]],
    ['a URL with a password', { ...plain, directory: 'https://u:p@s.example/' }, [/^sources\[0\]\.directory: /]],
    [
      'a serial that is missing',
      { ...plain, file: '{serial}.img' },
      [/^sources\[0\]\.releases\[0\]\.serial: is missing/],
    ],
    [
      'two releases of one name',
      { ...plain, releases: [...plain.releases, ...plain.releases] },
      [/^sources\[0\]\.releases\[1\]\.name: /],
    ],
    ['no release', { ...plain, releases: [] }, [/^sources\[0\]\.releases: expected at least one/]],
    ['a mirror without its slash', { ...installer, mirror: 'http://m.example/x' }, [/^sources\[0\]\.mirror: expected/]],
    ['a mirror with a placeholder', { ...installer, mirror: 'http://m/{arch}/' }, [/^sources\[0\]\.mirror: expected/]],
    [
      'images outside of their directory',
      { ...installer, releases: { a: { title: 'A', images: '../x' } } },
      [/^sources\[0\]\.releases\.a\.images: expected a name/],
    ],
    ['releases as a list', { ...installer, releases: [] }, [/^sources\[0\]\.releases: expected our names of releases/]],
    ['no release of an installer', { ...installer, releases: {} }, [/^sources\[0\]\.releases: expected at least one/]],
    [
      '__proto__ as release',
      {
        ...installer,
        releases: Object.fromEntries([
          ['a', { title: 'A' }],
          ['__proto__', { title: 'B' }],
        ]),
      },
      [/^sources\[0\]\.releases\.__proto__: no release may have this name/],
    ],
    [
      'a signature of a mirror',
      { ...installer, signed: { ...installer.signed, signature: 'x' } },
      [/^sources\[0\]\.signed\.signature: package mirrors/],
    ],
    [
      'an unsigned mirror by http',
      { ...installer, signed: undefined, unsigned: true, why: 'it is ours', mirror: 'http://m.example/debian/' },
      [/^sources\[0\]: .*must begin with https:\/\/$/],
    ],
    [
      'several problems',
      { ...plain, name: '', os: 7, releases: [{}] },
      [/\.name: /, /\.os: /, /\.releases\[0\]\.name: is missing/, /\.releases\[0\]\.title: is missing/],
    ],
  ];
  for (const [name, source, problems] of rows)
    it(`with ${name} are refused`, () => {
      const found = problemsOf(fileOf(source));
      assert.equal(found.length, problems.length, found.join('\n'));
      for (const [index, problem] of problems.entries()) assert.match(found[index] ?? '', problem);
    });

  const files: readonly (readonly [name: string, text: string, problem: RegExp])[] = [
    ['that is empty', '', /^sources: expected a list of sources$/],
    ['of a list', '- a', /^sources: expected a list of sources$/],
    ['with another key', 'sources: []\nsource: []\n', /^source: is not a key of this file; remove it$/],
    ['that is not YAML', 'sources: [', /^: line 1: /],
    ['with two sources of one name', fileOf(plain, plain), /^sources\[1\]\.name: another source is named site/],
    ['with the name of copies', fileOf({ ...plain, name: 'region' }), /^sources\[0\]\.name: racks name the copies/],
    ['with releases of no form', 'releases: [a]\n', /^releases: expected our names of releases with their titles/],
    ['with a release without title', 'releases: { a: { base: b } }\n', /^releases\.a\.title: /],
    ['with another key of a release', 'releases: { a: { title: A, kernel: 3 } }\n', /^releases\.a\.kernel: /],
    ['with selections of no form', 'selections: { source: x }\n', /^selections: expected a list of selections$/],
    [
      'of 201 selections',
      stringify({ selections: Array.from({ length: 201 }, (_, index) => ({ source: 'x', release: `r${index}` })) }),
      /^selections: expected at most 200 selections$/,
    ],
    ['with a text as selection', 'selections: [x]\n', /^selections\[0\]: expected keys with values: source, os, /],
    [
      'with a selection of no source',
      'selections: [{ os: a }]\n',
      /^selections\[0\]\.source: is missing: expected a name/,
    ],
    [
      'with another key of a selection',
      'selections: [{ source: x, arch: [amd64] }]\n',
      /^selections\[0\]\.arch: unknown key; did you mean arches\? /,
    ],
    [
      'with a number as release',
      'selections: [{ source: x, release: 9 }]\n',
      /^selections\[0\]\.release: expected "\*", or a name such as noble, in quotes if it is a number, found the number 9$/,
    ],
    [
      'with a system in capitals',
      'selections: [{ source: x, os: Ubuntu }]\n',
      /^selections\[0\]\.os: .*found "Ubuntu"$/,
    ],
    [
      'with a path as architecture of a selection',
      'selections: [{ source: x, arches: [amd64, ../x] }]\n',
      /^selections\[0\]\.arches\[1\]: expected "\*", or a name such as amd64, found/,
    ],
    [
      'with one label',
      'selections: [{ source: x, labels: daily }]\n',
      /^selections\[0\]\.labels: expected a list, such as/,
    ],
    [
      'with no subarchitecture',
      'selections: [{ source: x, subarches: [] }]\n',
      /^selections\[0\]\.subarches: expected at/,
    ],
    [
      'with a selection twice',
      'selections: [{ source: x, os: a }, { source: y, os: a }, { source: x, os: a, release: "*", arches: [b] }]\n',
      /^selections\[2\]: selections\[0\] has a\/\* of x, too: make one of them$/,
    ],
    ['of a MiB', `#${'x'.repeat(1024 * 1024)}`, /^: it has 1048577 characters/],
    ['of 129 sources', fileOf(...Array.from({ length: 129 }, () => 7)), /^sources: expected at most 128 sources$/],
    [
      'of aliases without end',
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nsources: [*c,*c,*c]\n`,
      /^: not usable YAML/,
    ],
  ];
  for (const [name, text, problem] of files)
    it(`in a file ${name} are refused`, () => assert.match(problemsOf(text)[0] ?? 'none', problem));

  it('are selected in the same file, alone or not; what is omitted means all', () => {
    const all = { os: '*', release: '*', arches: ['*'], subarches: ['*'], labels: ['*'] };
    const written = [{ source: 'site' }, { source: 'x', os: 'a', release: '9', arches: ['amd64'], labels: ['b', '*'] }];
    for (const file of [{ selections: written }, { selections: written, sources: [plain] }]) {
      const decoded = decodeSources(stringify(file), decodeSelections);
      assert.deepEqual(decoded.ok && decoded.selections, [
        { source: 'site', ...all },
        { ...all, source: 'x', os: 'a', release: '9', arches: ['amd64'] },
      ]);
    }
  });

  it('of any form are decoded or refused, but nothing is thrown', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(plain)), (value, key) => {
        decodeSources(
          JSON.stringify({ sources: [value, { ...plain, [key]: value }], selections: value }),
          decodeSelections,
        );
        decodeSources(JSON.stringify(value), decodeSelections);
      }),
      { numRuns: 300 },
    );
  });
});
