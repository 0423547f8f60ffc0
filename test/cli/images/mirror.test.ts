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
import { writeStreamSite } from '../../support/stream-site.ts';
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
      [url, 'release=nobel', /no image of the site matches all filters: .*\n {2}release=nobel matches none: .*noble/],
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
      assert.match(complaint, new RegExp(`^(?:rackboot: )?${name} could not be downloaded: .*404`, 'm'));
    assert.match(complaint, /^fetched 10 of 20 new files; /m);
    assert.equal(existsSync(join(directory, 'streams')), false);
    publish(Object.fromEntries(names.map((name) => [name, name])));
    assert.equal((await run()).result, 0);
    assert.deepEqual(files(), names);
  });

  test('stops at a file in place of a directory, and loses nothing', async () => {
    const { root, publish, mirror: run, files } = await other('turned');
    publish({ a: 'a', b: 'b' });
    assert.equal((await run()).result, 0);
    rmSync(join(root, 'a'));
    publish({ 'a/f': 'f', b: 'b' });
    const { complaint } = await run();
    assert.match(complaint, /turned-mirror\/a is in the way: move it away/);
    assert.deepEqual(files(), ['a', 'b']);
  });

  test('a failed run leaves every file that the published documents name', async () => {
    const { root, publish, mirror: run, files, directory } = await other('failing');
    publish({ 'p/f1': 'one', 'q/f2': 'two', same: 'old' });
    assert.equal((await run()).result, 0);
    publish({ same: 'newer', free: 'free', lost: 'lost' });
    rmSync(join(root, 'lost'));
    for (const _ of [1, 2]) {
      assert.equal((await run()).result, 1);
      assert.deepEqual(files(), ['free', 'p/f1', 'q/f2', 'same']);
      assert.equal(readFileSync(join(directory, 'same'), 'utf8'), 'old');
    }
    writeFileSync(join(root, 'lost'), 'lost');
    const { result, complaint } = await run();
    assert.equal(result, 0, complaint);
    assert.deepEqual(files(), ['free', 'lost', 'same']);
    assert.equal(readFileSync(join(directory, 'same'), 'utf8'), 'newer');
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
    assert.match(complaint, /^999 further files could not be downloaded$/m);
    assert.deepEqual(files(), names.slice(-1));
  });
});
