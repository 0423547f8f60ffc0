// `rackboot images import`, `available` and `check-sources` while a source does not answer: they begin without a later one, and name the
// awaited ones.
// @host waits

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { readImages } from '../../../src/images/store/image-store.ts';
import { makeSquashfs } from '../../images/disks.ts';
import { GpgHome } from '../../support/gpg-home.ts';
import { FileSite } from '../../support/image-site.ts';
import { missing } from '../../support/needs.ts';
import { printedBy } from '../../support/printed.ts';
import { writeStreamSite } from '../../support/stream-site.ts';

const SHIPPED =
  'ubuntu debian rocky almalinux fedora opensuse maas maas-centos maas-loaders debian-installer ubuntu-installer'.split(
    ' ',
  );

/** A system of MAAS whose files differ from those of other sites. */
const systemOf = (site: string) => {
  const content = `${site} noble`;
  const files = ['boot-kernel', 'boot-initrd', 'squashfs'].map((ftype) => [
    ftype,
    { ftype, path: `noble/${ftype}`, content: ftype === 'squashfs' ? makeSquashfs(content) : `${content} ${ftype}` },
  ]);
  const tags = { arch: 'amd64', os: 'tiny', release: 'noble', version: '24.04', label: 'stable', subarch: 'ga-24.04' };
  return { tags: { ...tags, subarches: 'generic' }, versions: { '20261015': { files: Object.fromEntries(files) } } };
};

describe('a source that does not answer', { skip: missing('linux', 'gpg') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-silent-'));
  const gpg = new GpgHome();
  const [first, second] = [new FileSite(join(scratch, 'first')), new FileSite(join(scratch, 'second'))];
  const sources = join(scratch, 'sources.yaml');
  const signer = () => ({ home: gpg, key });
  let key = '';
  let tree = '';

  before(async () => {
    key = gpg.makeKey('site');
    writeFileSync(join(scratch, 'keys.gpg'), gpg.export(['site']));
    const lines: string[] = [];
    const add = (name: string, os: string, url: string) =>
      lines.push(`  - { name: ${name}, title: Site, os: ${os}, kind: simplestreams, url: "${url}", content_ids: ["a:download"],
      arches: { amd64: amd64 }, signed: { keyrings: [${join(scratch, 'keys.gpg')}] } }\n`);
    for (const [name, site] of Object.entries({ first, second })) {
      writeStreamSite(join(scratch, name), { 'a:download': { noble: systemOf(name) } }, signer());
      const url = await site.open();
      add(name, 'tiny', url);
      // The shipped sources are replaced: nothing is asked of the Internet.
      if (site === first) for (const shipped of SHIPPED) add(shipped, 'away', url);
    }
    const text = `sources:\n${lines.join('')}`;
    writeFileSync(sources, text);
  });
  beforeEach(() => {
    for (const site of [first, second]) Object.assign(site, { isSilent: false, delayMs: 0, refused: undefined });
    tree = mkdtempSync(join(scratch, 'tree-'));
  });
  after(() => {
    for (const site of [first, second]) site.close();
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  const images = (...words: readonly string[]) =>
    printedBy(() => runCommandLine(['images', ...words, '--sources', sources]));
  const importNoble = () => images('import', 'tiny/noble', '--tree', tree);
  const importedFrom = () => readImages(tree).images.map(({ origin }) => origin?.source);

  test('does not delay an image of an earlier one', async () => {
    second.isSilent = true;
    const { result, complaint } = await importNoble();
    assert.equal(result, 0, complaint);
    assert.deepEqual(importedFrom(), ['first']);
    assert.doesNotMatch(complaint, /^Waiting for second/m);
  });

  test('is awaited and named if it is an earlier one', async () => {
    first.delayMs = 4000;
    const { result, complaint } = await importNoble();
    assert.equal(result, 0, complaint);
    assert.deepEqual(importedFrom(), ['first']);
    assert.match(complaint, /^Waiting for first, which has not answered yet$/m);
  });

  test('delivers the image after all if the first one cannot', async () => {
    second.delayMs = 1500;
    rmSync(join(scratch, 'first/noble/boot-kernel'));
    const { result, complaint, text } = await importNoble();
    assert.equal(result, 0, complaint);
    assert.match(text, /source first, .*404.*source second, /s);
    assert.deepEqual(importedFrom(), ['second']);
  });

  test('delivers the files that the first one lacks, which has the others', async () => {
    second.delayMs = 1500;
    writeStreamSite(join(scratch, 'second'), { 'a:download': { noble: systemOf('first') } }, signer());
    rmSync(join(scratch, 'second/noble/boot-initrd'));
    const { result, complaint } = await importNoble();
    assert.equal(result, 0, complaint);
    assert.deepEqual(importedFrom(), ['first']);
  });

  for (const [what, status] of Object.entries({ lacks: 404, 'is too busy for': 503 }))
    test(`is used as soon as the first one ${what} a file, if it has answered meanwhile`, async () => {
      for (const site of ['first', 'second'])
        writeStreamSite(join(scratch, site), { 'a:download': { noble: systemOf('first') } }, signer());
      first.refused = { paths: /kernel/, status };
      const { result, complaint } = await importNoble();
      assert.equal(result, 0, complaint);
      assert.ok(second.asked.includes('/noble/boot-kernel'));
    });

  for (const command of ['available', 'check-sources'])
    test(`is named by \`${command}\``, async () => {
      second.delayMs = 4000;
      assert.match((await images(command)).complaint, /^Waiting for second, which has not answered yet$/m);
    });
});
