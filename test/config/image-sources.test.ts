// The sources of images that files name: the site's file adds to the shipped ones, replaces them by name, adds releases to sources of
// installers, and selects images for the region.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { findSourcesProblem, openFileSources, readImageSources } from '../../src/config/image-sources.ts';
import { osErrorCode } from '../../src/ground/errors.ts';
import type { InstallerRelease } from '../../src/images/sources/source.ts';
import type { FileSources } from '../../src/region/images/region-source.ts';
import { missing } from '../support/needs.ts';

describe('the sources of a site', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-sources-'));
  const config = join(directory, 'rackboot.yaml');
  after(() => rmSync(directory, { recursive: true }));
  const write = (text: string): void => writeFileSync(join(directory, 'image-sources.yaml'), text);
  const releasesOf = (wanted: string): readonly InstallerRelease[] => {
    const source = readImageSources({ config }).find(({ name }) => name === wanted);
    assert.ok(source?.kind === 'installer');
    return source.releases;
  };

  test('add releases to a shipped source of installers, under names and titles of their own', () => {
    const shipped = releasesOf('ubuntu-installer').map(({ name }) => name);
    write(`releases:
  precise04: { base: precise, images: saucy-netboot, title: Ubuntu 12.04 LTS with Linux 3.11 }
  xenial: { title: Our own Xenial }
  old: { source: debian-installer, base: buster, title: Debian 10 }
`);
    const found = releasesOf('ubuntu-installer');
    assert.deepEqual(
      found.map(({ name }) => name),
      ['precise04', 'xenial', ...shipped.filter((name) => name !== 'xenial')],
    );
    const { base, images, title } = found[0] ?? assert.fail();
    assert.deepEqual([base, images, title], ['precise', 'saucy-netboot', 'Ubuntu 12.04 LTS with Linux 3.11']);
    assert.equal(found[1]?.title, 'Our own Xenial');
    assert.equal(releasesOf('debian-installer')[0]?.base, 'buster');
  });

  test('with a release of an unknown source are refused by path, and the region keeps the shipped ones', async () => {
    write('releases: { x: { source: ubuntu, title: X } }\n');
    const message = /releases\.x\.source: ubuntu is not .* debian-installer, ubuntu-installer$/;
    assert.throws(() => readImageSources({ config }), { code: 'config-invalid', message });
    const { sources, problem } = await openFileSources(config)();
    assert.match(problem ?? '', message);
    assert.ok(sources.some(({ source }) => source.name === 'ubuntu-installer'));
  });

  test('are selected with shipped ones, each selection with its key', async () => {
    write(
      'selections:\n# one\n- { source: ubuntu, os: ubuntu, release: noble }\n-\n  source: maas\n  arches: [arm64]\n',
    );
    const { selections, problem } = await openFileSources(config)();
    const file = join(directory, 'image-sources.yaml');
    const all = { os: '*', release: '*', arches: ['*'], subarches: ['*'], labels: ['*'] };
    assert.deepEqual(selections, [
      { source: 'ubuntu', selection: { ...all, os: 'ubuntu', release: 'noble' }, file, key: 'selections[0]', line: 3 },
      { source: 'maas', selection: { ...all, arches: ['arm64'] }, file, key: 'selections[1]', line: 5 },
    ]);
    assert.equal(problem, undefined);
    assert.ok(readImageSources({ config }).some(({ name }) => name === 'maas'));
  });

  test('with selections of sources that have none are refused by path, and nothing is selected', async () => {
    const lines = ['{ source: ubunto }', '{ source: ubuntu-installer }', '{ source: ubuntu }'];
    write(`selections: [${lines.join(', ')}]\nreleases: { x: { source: ubuntu, title: X } }\n`);
    const { sources, selections, problem } = await openFileSources(config)();
    assert.deepEqual(problem?.split('\n').slice(1), [
      '  line 2: releases.x.source: ubuntu is not a source of installers; there are debian-installer, ubuntu-installer',
      '  line 1: selections[0].source: there is no source ubunto; did you mean ubuntu? `rackboot images sources list` shows all',
    ]);
    assert.deepEqual([selections, sources[0]?.source.name], [[], 'ubuntu']);
  });

  const OWN = `sources:
  - { name: own, title: Own, os: own, kind: simplestreams, url: "https://own.example/", content_ids: [x], ftypes: [disk1.img],
      arches: { amd64: amd64 }, signed: { keyrings: [/etc/own.gpg] } }
`;
  const namesOf = ({ sources }: FileSources): readonly string[] => sources.map(({ source }) => source.name);

  for (const { name, text, problem } of [
    { name: 'a slip in the YAML', text: `${OWN}selections: [\n`, problem: /cannot be used:\n {2}line \d+: / },
    {
      name: 'a number as a release',
      text: `${OWN}selections: [{ source: own, os: own, release: 1 }]\n`,
      problem: /selections\[0\]\.release: .*in quotes if it is a number, found the number 1$/,
    },
    {
      name: 'an unknown source',
      text: `${OWN}selections: [{ source: won }]\n`,
      problem: /there is no source won; did you mean own\?/,
    },
    {
      name: 'an unknown key of a source',
      text: OWN.replace('title', 'titel'),
      problem: /^ {2}line 2: sources\[0\]\.titel: /m,
    },
  ]) {
    test(`stay in force in a region when the file gets ${name}, and come back with the next good file`, async () => {
      const read = openFileSources(config);
      write(`${OWN}selections: [{ source: own, os: own, release: "1" }]\n`);
      const good = await read();
      assert.deepEqual([good.inForce, namesOf(good)[0], good.selections.length], ['all', 'own', 1]);
      write(text);
      const bad = await read();
      assert.match(bad.problem ?? '', problem);
      assert.deepEqual([bad.inForce, namesOf(bad), bad.selections], ['last', namesOf(good), good.selections]);
      assert.match(findSourcesProblem(config) ?? '', problem);
      write(OWN);
      const mended = await read();
      assert.deepEqual([mended.problem, mended.inForce, mended.selections], [undefined, 'all', []]);
    });
  }

  test('with an error at the start are unknown, except if only the selections have it', async () => {
    write(`${OWN}selections: [\n`);
    assert.equal((await openFileSources(config)()).inForce, 'none');
    write(`${OWN}selections: [{ source: own, release: 1 }]\n`);
    const read = await openFileSources(config)();
    assert.deepEqual([read.inForce, namesOf(read)[0], read.selections], ['sources', 'own', []]);
    assert.ok(readImageSources({ config }).some(({ name }) => name === 'own'));
  });
});

test('a process without a free file descriptor reads the sources later, and keeps those that it knows', {
  skip: missing('linux', 'prlimit'),
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-sources-'));
  const config = join(directory, 'rackboot.yaml');
  const taken: number[] = [];
  const takeAll = (): void => {
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'));
    } catch (error) {
      assert.equal(osErrorCode(error), 'EMFILE');
    }
  };
  const giveBack = (): void => {
    for (const descriptor of taken.splice(0)) closeSync(descriptor);
  };
  const before = execFileSync('prlimit', [
    '--pid',
    String(process.pid),
    '--nofile',
    '--output',
    'SOFT',
    '--noheadings',
  ]);
  execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=200:']);
  try {
    const read = openFileSources(config);
    takeAll();
    const without = await read();
    giveBack();
    assert.match(without.problem ?? '', /EMFILE/);
    assert.deepEqual(without.sources, []);
    const { sources, problem } = await read();
    assert.equal(problem, undefined);
    assert.ok(sources.length > 0);
    writeFileSync(join(directory, 'image-sources.yaml'), 'sources: []\n');
    takeAll();
    const known = await read();
    giveBack();
    assert.match(known.problem ?? '', /EMFILE/);
    assert.deepEqual(known.sources, sources);
    assert.equal((await read()).problem, undefined);
  } finally {
    giveBack();
    execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${String(before).trim()}:`]);
    rmSync(directory, { recursive: true });
  }
});
