// `rackboot images mirror` that mirrors nothing leaves nothing behind, and its directory is recognised by `images import`.
// @host waits

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { GpgHome } from '../../support/gpg-home.ts';
import { FileSite } from '../../support/image-site.ts';
import { missing } from '../../support/needs.ts';
import { printedBy } from '../../support/printed.ts';
import { productsDocument, writeStreamSite } from '../../support/stream-site.ts';
import { twoKernels } from '../../support/two-kernels.ts';

const TAGS = { arch: 'amd64', os: 'tiny', release: 'one', version: '1', label: 'release' };

describe('images mirror', { skip: missing('linux', 'gpg') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-mirror-'));
  const gpg = new GpgHome();
  const site = new FileSite(join(scratch, 'site'));
  const keyring = join(scratch, 'keys.gpg');
  const config = join(scratch, 'rackboot.yaml');
  const others: FileSite[] = [];
  let [url, key] = ['', ''];
  before(async () => {
    key = gpg.makeKey('site');
    writeFileSync(keyring, gpg.export(['site']));
    writeFileSync(config, `name: rack\nstate_dir: ${scratch}\n`);
    writeStreamSite(join(scratch, 'site'), twoKernels(), { home: gpg, key });
    url = await site.open();
  });
  after(() => {
    for (const one of [site, ...others]) one.close();
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  const mirror = (from: string, directory: string, ...filters: readonly string[]) =>
    printedBy(() =>
      runCommandLine(['images', 'mirror', '--keyring', keyring, '--config', config, from, directory, ...filters]),
    );

  test('leaves nothing behind if no image matches, or the site does not answer', async () => {
    const inside = join(scratch, 'www/html/images');
    for (const [from, filter, why] of [
      [
        url,
        'release=nobel',
        /no image of the site matches all filters: correct the filters\n {2}release=nobel matches none: the site has release noble/,
      ],
      [`${url}absent/`, 'release=noble', /absent\//],
    ] as const) {
      const { result, complaint } = await mirror(from, inside, filter);
      assert.notEqual(result, 0);
      assert.match(complaint, why);
      assert.equal(existsSync(join(scratch, 'www')), false);
    }
    const own = join(scratch, 'own');
    mkdirSync(own);
    writeFileSync(join(own, 'index.html'), 'mine');
    await mirror(url, own, 'release=nobel');
    assert.deepEqual(readdirSync(own), ['index.html']);
  });

  test('keeps a mirror if no image matches any more; an import names the way from its directory', async () => {
    const directory = join(scratch, 'kept');
    const { result, complaint } = await mirror(url, directory, 'subarch=ga-24.04');
    assert.equal(result, 0, complaint);
    const before = readdirSync(directory, { recursive: true }).toSorted();
    const refused = await mirror(url, directory, 'release=nobel', 'os=ubuntu');
    assert.notEqual(refused.result, 0);
    assert.match(
      refused.complaint,
      /the mirror stays as it is: .* remove the directory of the mirror\n {2}release=nobel/,
    );
    assert.doesNotMatch(refused.complaint, /os=ubuntu/, 'this one matches');
    assert.deepEqual(readdirSync(directory, { recursive: true }).toSorted(), before);
    rmSync(join(directory, 'streams'), { recursive: true });
    const imported = await printedBy(() => runCommandLine(['images', 'import', directory, '--tree', scratch]));
    assert.match(imported.complaint, /is a mirror of a site of images: serve its directory by a web server/);
  });

  /** A site whose files have these contents, and its mirror. */
  async function other(name: string) {
    const root = join(scratch, name);
    const served = new FileSite(root);
    const from = await served.open();
    others.push(served);
    const directory = join(scratch, `${name}-mirror`);
    return {
      root,
      publish: (files: Readonly<Record<string, string>>) => {
        const listed = Object.entries(files).map(([path, content], number) => [
          `file-${number}`,
          { ftype: 'root-dd', path, content },
        ]);
        const versions = { '20261101': { files: Object.fromEntries(listed) } };
        writeStreamSite(root, { 'a:download': { one: { tags: TAGS, versions } } }, { home: gpg, key });
      },
      mirror: () => mirror(from, directory),
      files: () =>
        readdirSync(directory, { recursive: true, withFileTypes: true })
          .filter((one) => one.isFile())
          .map((one) => relative(directory, join(one.parentPath, one.name)))
          .filter((path) => !/^(?:streams\/v1|\.rackboot-mirror)\//.test(path))
          .toSorted(),
      directory,
    };
  }

  test('fetches every other file if the site lacks some, names these, and keeps the documents', async () => {
    const { root, publish, mirror: run, files, directory } = await other('lacking');
    const names = Array.from({ length: 20 }, (_, number) => `pool/${10 + number}.img`);
    publish(Object.fromEntries(names.map((name) => [name, name])));
    const lost = names.slice(0, 10);
    for (const name of lost) rmSync(join(root, name));
    const { result, complaint } = await run();
    assert.equal(result, 1);
    assert.deepEqual(files(), names.slice(10));
    for (const name of lost)
      assert.match(complaint, new RegExp(`^(?:rackboot: )?${name} could not be mirrored: .*404`, 'm'));
    assert.match(complaint, /^fetched 10 of 20 new files; the documents of the mirror stay as they were: /m);
    assert.equal(existsSync(join(directory, 'streams')), false);
    publish(Object.fromEntries(names.map((name) => [name, name])));
    assert.equal((await run()).result, 0);
    assert.deepEqual(files(), names);
  });

  test('refuses paths of which one leads through another, and mirrors the other files', async () => {
    const { root, publish, mirror: run, files } = await other('crossed');
    publish({ good: 'good', 'a/b': 'a/b' });
    const paths = ['good', 'a', 'a/b', 'streams', 'streams/v1', 'streams/v1/index.sjson/x'];
    const items = paths.map((path) => [path, { ftype: 'root-dd', path, content: path }]);
    const versions = { '20261101': { files: Object.fromEntries(items) } };
    const document = productsDocument('a:download', { one: { tags: TAGS, versions } });
    const signed = gpg.sign(`${JSON.stringify(document)}\n`, { key, form: 'clear' });
    writeFileSync(join(root, 'streams/v1/a:download.sjson'), signed);
    const { result, text, complaint } = await run();
    assert.equal(result, 1);
    assert.match(text, /^Mirrored: 2 new files of 2, 0 removed\.$/m, complaint);
    assert.deepEqual(files(), ['a/b', 'good']);
    const below = 'is not allowed as the path of a file: the site has files below it';
    assert.deepEqual(complaint.trim().split('\n').toSorted(), [
      `a ${below}`,
      `streams ${below}`,
      `streams/v1 ${below}`,
      'streams/v1/index.sjson is a document of the site, so no file may be below it, such as streams/v1/index.sjson/x',
    ]);
  });

  test('removes its own files from the way of new ones, but nothing of others', async () => {
    const { root, publish, mirror: run, files, directory } = await other('turned');
    publish({ a: 'a', 'b/c': 'c', 'b/d/e': 'e' });
    assert.equal((await run()).result, 0);
    rmSync(join(root, 'a'));
    rmSync(join(root, 'b'), { recursive: true });
    publish({ 'a/f': 'f', b: 'b' });
    writeFileSync(join(directory, 'b/own'), 'mine');
    const refused = await run();
    assert.match(refused.complaint, /turned-mirror\/b is in the way: /);
    assert.deepEqual(files(), ['a', 'b/c', 'b/d/e', 'b/own']);
    rmSync(join(directory, 'b/own'));
    const { result, complaint } = await run();
    assert.equal(result, 0, complaint);
    assert.deepEqual(files(), ['a/f', 'b']);
    rmSync(join(directory, 'a'), { recursive: true });
    writeFileSync(join(directory, 'a'), 'mine');
    assert.match((await run()).complaint, /turned-mirror\/a is in the way: /);
  });

  test('a failed run leaves every file that the published documents name', async () => {
    const { root, publish, mirror: run, files, directory } = await other('failing');
    publish({ 'p/f1': 'one', 'q/f2': 'two', same: 'old' });
    assert.equal((await run()).result, 0);
    rmSync(join(root, 'p'), { recursive: true });
    publish({ p: 'new', same: 'newer', free: 'free', lost: 'lost' });
    rmSync(join(root, 'lost'));
    for (const _ of [1, 2]) {
      assert.equal((await run()).result, 1);
      assert.deepEqual(files(), ['free', 'p/f1', 'q/f2', 'same']);
      assert.equal(readFileSync(join(directory, 'same'), 'utf8'), 'old');
    }
    writeFileSync(join(root, 'lost'), 'lost');
    const { result, complaint } = await run();
    assert.equal(result, 0, complaint);
    assert.deepEqual(files(), ['free', 'lost', 'p', 'same']);
    assert.equal(readFileSync(join(directory, 'same'), 'utf8'), 'newer');
  });

  test('names an empty directory of a person in its way, and replaces one that a killed run left', async () => {
    const { root, publish, mirror: run, files, directory } = await other('emptied');
    publish({ 'q/f2': 'two', 'r/f3': 'three' });
    assert.equal((await run()).result, 0);
    mkdirSync(join(directory, 'q/mine'));
    rmSync(join(directory, 'r/f3'));
    for (const name of ['q', 'r']) rmSync(join(root, name), { recursive: true });
    publish({ q: 'new', r: 'new' });
    const refused = await run();
    assert.match(refused.complaint, /emptied-mirror\/q is in the way: /);
    assert.deepEqual(files(), ['q/f2']);
    rmSync(join(directory, 'q/mine'), { recursive: true });
    const { result, complaint } = await run();
    assert.equal(result, 0, complaint);
    assert.deepEqual(files(), ['q', 'r']);
  });

  test('continues after files with other bytes than the list states', async () => {
    const { root, publish, mirror: run, files } = await other('spoilt');
    const names = Array.from({ length: 10 }, (_, number) => `pool/${number}`);
    publish(Object.fromEntries(names.map((name) => [name, name])));
    for (const name of names.slice(0, 8)) writeFileSync(join(root, name), name.replace('p', 'q'));
    const { complaint } = await run();
    assert.match(complaint, /^fetched 2 of 10 new files; /m);
    assert.deepEqual(files(), names.slice(8).toSorted());
  });

  test('continues after a thousand files that the site lacks', async () => {
    const { root, publish, mirror: run, files } = await other('refusing');
    const names = Array.from({ length: 1100 }, (_, number) => `pool/${number}`);
    publish(Object.fromEntries(names.map((name) => [name, name])));
    for (const name of names.slice(0, -1)) rmSync(join(root, name));
    const { complaint } = await run();
    assert.match(complaint, /^fetched 1 of 1100 new files; /m);
    assert.match(complaint, /^999 further files could not be mirrored$/m);
    assert.deepEqual(files(), names.slice(-1));
  });
});
