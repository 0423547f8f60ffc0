// `rackboot images mirror` that mirrors nothing leaves nothing behind, and its directory is recognised by `images import`.
// @host waits

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { GpgHome } from '../../support/gpg-home.ts';
import { FileSite } from '../../support/image-site.ts';
import { missing } from '../../support/needs.ts';
import { printedBy } from '../../support/printed.ts';
import { writeStreamSite } from '../../support/stream-site.ts';
import { twoKernels } from '../../support/two-kernels.ts';

describe('images mirror', { skip: missing('linux', 'gpg') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-mirror-'));
  const gpg = new GpgHome();
  const site = new FileSite(join(scratch, 'site'));
  const keyring = join(scratch, 'keys.gpg');
  const config = join(scratch, 'rackboot.yaml');
  let url = '';
  before(async () => {
    const key = gpg.makeKey('site');
    writeFileSync(keyring, gpg.export(['site']));
    writeFileSync(config, `name: rack\nstate_dir: ${scratch}\n`);
    writeStreamSite(join(scratch, 'site'), twoKernels(), { home: gpg, key });
    url = await site.open();
  });
  after(() => {
    site.close();
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
      [url, 'release=nobel', /no image of the site matches all filters/],
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
    assert.notEqual((await mirror(url, directory, 'release=nobel')).result, 0);
    assert.deepEqual(readdirSync(directory, { recursive: true }).toSorted(), before);
    rmSync(join(directory, 'streams'), { recursive: true });
    const imported = await printedBy(() => runCommandLine(['images', 'import', directory, '--tree', scratch]));
    assert.match(imported.complaint, /is a mirror of a site of images: serve its directory by a web server/);
  });
});
