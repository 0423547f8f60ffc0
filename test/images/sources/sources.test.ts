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
import { chooseListedFile, findListedSerial, findRelease, planFiles } from '../../../src/images/sources/file-offers.ts';
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
          plan?.keys?.fingerprints?.length,
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
          const urls = [plan.directoryUrl, plan.checksumsUrl, plan.signatureUrl, plan.keys?.keyUrl].filter(
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
      keys: {
        keyUrl: 'https://dl.rockylinux.org/pub/rocky/RPM-GPG-KEY-Rocky-9',
        fingerprints: ['21CB256AE16FC54C6E652949702D426D350D275D'],
      },
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
  const rows: readonly (readonly [name: string, source: unknown, problems: readonly string[]])[] = [
    ['no kind', { ...plain, kind: undefined }, ['kind']],
    ['a text in its place', 'x', ['']],
    ['an unknown key', { ...plain, titel: 'x' }, ['titel']],
    [
      'a key of the source below signed',
      { ...streams, signed: { ...url, fingerprints: [FINGERPRINT], ftypes: ['x'] } },
      ['signed.ftypes'],
    ],
    ['a key of another kind', { ...plain, content_ids: ['x'] }, ['content_ids']],
    [
      'a misspelt key of a release',
      { ...plain, releases: [{ name: 'a', titel: 'A', title: 'A' }] },
      ['releases[0].titel'],
    ],
    ['a bad name', { ...plain, name: 'Big Site' }, ['name']],
    ['no title', { ...plain, title: undefined }, ['title']],
    ['a title that acts on a terminal', { ...plain, title: 'a\u001b[1m' }, ['title']],
    ['no architecture', { ...plain, arches: {} }, ['arches']],
    ['a path as architecture', { ...plain, arches: { amd64: '../x' } }, ['arches.amd64']],
    ['a number as architecture', { ...plain, arches: { amd64: 7 } }, ['arches.amd64']],
    [
      '__proto__ as architecture',
      {
        ...plain,
        arches: Object.fromEntries([
          ['amd64', 'x'],
          ['__proto__', 'y'],
        ]),
      },
      ['arches.__proto__'],
    ],
    ['neither signed nor unsigned', { ...plain, unsigned: undefined, why: undefined }, ['']],
    ['signed and unsigned', { ...plain, signed: url }, ['']],
    ['unsigned: false', { ...plain, unsigned: false }, ['unsigned']],
    ['no reason', { ...plain, why: undefined }, ['why']],
    ['http without a signature', { ...plain, directory: 'http://s.example/' }, ['']],
    ['signed by no key', { ...streams, signed: {} }, ['signed']],
    ['a key of the network without fingerprints', { ...streams, signed: url }, ['signed.fingerprints']],
    ['a short fingerprint', { ...streams, signed: { ...url, fingerprints: ['ABCD'] } }, ['signed.fingerprints[0]']],
    ['a relative keyring', { ...streams, signed: { keyrings: ['x'] } }, ['signed.keyrings[0]']],
    ['a signature of an index', { ...streams, signed: { ...streams.signed, signature: 'x' } }, ['signed.signature']],
    ['a placeholder of a site with simplestreams', { ...streams, url: 'https://x/{arch}/' }, ['url']],
    ['an unknown placeholder', { ...plain, file: '{os}.img' }, ['file']],
    ['a path above the directory', { ...plain, checksums: '../x' }, ['checksums']],
    ['a pattern as list', { ...plain, checksums: '*SUMS' }, ['checksums']],
    ['a directory without its slash', { ...plain, directory: 'https://s.example/x' }, ['directory']],
    ['a URL by ftp', { ...plain, directory: 'ftp://s.example/' }, ['directory']],
    ['a URL with a password only', { ...plain, directory: 'https://:p@s.example/' }, ['directory']],
    ['a URL with a query', { ...plain, directory: 'https://s.example/?token=x/' }, ['directory']],
    ['a URL with an empty query', { ...plain, directory: 'https://s.example?/' }, ['directory']],
    ['a URL with a fragment', { ...plain, directory: 'https://s.example/#/' }, ['directory']],
    ['a URL with a password', { ...plain, directory: 'https://u:p@s.example/' }, ['directory']],
    ['a serial that is missing', { ...plain, file: '{serial}.img' }, ['releases[0].serial']],
    ['two releases of one name', { ...plain, releases: [...plain.releases, ...plain.releases] }, ['releases[1].name']],
    ['no release', { ...plain, releases: [] }, ['releases']],
    ['a mirror without its slash', { ...installer, mirror: 'http://m.example/x' }, ['mirror']],
    ['a mirror with a placeholder', { ...installer, mirror: 'http://m/{arch}/' }, ['mirror']],
    [
      'images outside of their directory',
      { ...installer, releases: { a: { title: 'A', images: '../x' } } },
      ['releases.a.images'],
    ],
    ['releases as a list', { ...installer, releases: [] }, ['releases']],
    ['no release of an installer', { ...installer, releases: {} }, ['releases']],
    [
      '__proto__ as release',
      {
        ...installer,
        releases: Object.fromEntries([
          ['a', { title: 'A' }],
          ['__proto__', { title: 'B' }],
        ]),
      },
      ['releases.__proto__'],
    ],
    [
      'a signature of a mirror',
      { ...installer, signed: { ...installer.signed, signature: 'x' } },
      ['signed.signature'],
    ],
    [
      'an unsigned mirror by http',
      { ...installer, signed: undefined, unsigned: true, why: 'it is ours', mirror: 'http://m.example/debian/' },
      [''],
    ],
    [
      'several problems',
      { ...plain, name: '', os: 7, releases: [{}] },
      ['name', 'os', 'releases[0].name', 'releases[0].title'],
    ],
  ];
  for (const [name, source, problems] of rows)
    it(`with ${name} are refused`, () => {
      const places = problemsOf(fileOf(source)).map((problem) => problem.replace(/^sources\[0\]\.?(.*?): .*/s, '$1'));
      assert.deepEqual(places, problems);
      assert.doesNotMatch(problemsOf(fileOf(source)).join(), /\u001b/);
    });

  const files: readonly (readonly [name: string, text: string, place: string])[] = [
    ['that is empty', '', 'sources'],
    ['of a list', '- a', 'sources'],
    ['with another key', 'sources: []\nsource: []\n', 'source'],
    ['that is not YAML', 'sources: [', ''],
    ['with two sources of one name', fileOf(plain, plain), 'sources[1].name'],
    ['with the name of copies', fileOf({ ...plain, name: 'region' }), 'sources[0].name'],
    ['with releases of no form', 'releases: [a]\n', 'releases'],
    ['with a release without title', 'releases: { a: { base: b } }\n', 'releases.a.title'],
    ['with another key of a release', 'releases: { a: { title: A, kernel: 3 } }\n', 'releases.a.kernel'],
    ['with selections of no form', 'selections: { source: x }\n', 'selections'],
    [
      'of 201 selections',
      stringify({ selections: Array.from({ length: 201 }, (_, index) => ({ source: 'x', release: `r${index}` })) }),
      'selections',
    ],
    ['with a text as selection', 'selections: [x]\n', 'selections[0]'],
    ['with a selection of no source', 'selections: [{ os: a }]\n', 'selections[0].source'],
    ['with another key of a selection', 'selections: [{ source: x, arch: [amd64] }]\n', 'selections[0].arch'],
    ['with a number as release', 'selections: [{ source: x, release: 9 }]\n', 'selections[0].release'],
    ['with a system in capitals', 'selections: [{ source: x, os: Ubuntu }]\n', 'selections[0].os'],
    [
      'with a path as architecture of a selection',
      'selections: [{ source: x, arches: [amd64, ../x] }]\n',
      'selections[0].arches[1]',
    ],
    ['with one label', 'selections: [{ source: x, labels: daily }]\n', 'selections[0].labels'],
    ['with no subarchitecture', 'selections: [{ source: x, subarches: [] }]\n', 'selections[0].subarches'],
    [
      'with a selection twice',
      'selections: [{ source: x, os: a }, { source: y, os: a }, { source: x, os: a, release: "*", arches: [b] }]\n',
      'selections[2]',
    ],
    ['of a MiB', `#${'x'.repeat(1024 * 1024)}`, ''],
    ['of 129 sources', fileOf(...Array.from({ length: 129 }, () => 7)), 'sources'],
    [
      'of aliases without end',
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nsources: [*c,*c,*c]\n`,
      '',
    ],
  ];
  for (const [name, text, place] of files)
    it(`in a file ${name} are refused`, () => assert.equal(problemsOf(text)[0]?.replace(/: .*/s, ''), place));

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
