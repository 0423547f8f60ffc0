// The region serves its own store as a signed site with simplestreams: GnuPG accepts it, `images mirror` copies it, another store imports
// from it and a region from the copy, and what was cut continues.
// @host waits, 60 s

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { readImages, type StoredImage } from '../../src/images/image-store.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { sendSiteFile } from '../support/image-site.ts';
import { missing } from '../support/needs.ts';
import { eventually, RunningRack, runRackboot } from '../support/running-rack.ts';

const MIB = 1024 * 1024;
const MS_MAX = 120_000;
const PLACE = labPlace(19);

describe("a region's own images", { skip: missing('linux', 'gpg') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-image-stream-'));
  const rack = new RunningRack(PLACE);
  const gpg = new GpgHome();
  const site = `http://127.0.0.1:${PLACE.regionPort}/MAAS/images-stream/`;
  const keyring = join(scratch, 'key.asc');
  const mirrorSite = createServer((asked, response) =>
    sendSiteFile(join(scratch, 'mirror'), asked, response, { onImage: () => undefined, pauseMs: () => 0 }),
  );
  let image: StoredImage | undefined;

  const add = async (release: string, seed: number, mebibytes: number, ...more: readonly string[]): Promise<void> => {
    const file = join(scratch, `${release}.img`);
    writeFileSync(file, makeSystemDisk(mebibytes * MIB, seed));
    const flags = ['--os', 'debian', '--release', release, '--tree', rack.tree, ...more];
    const { code, complaints } = await runRackboot(['images', 'add', file, ...flags]);
    assert.equal(code, 0, complaints.join('\n'));
  };
  const textOf = async (path: string): Promise<string> => {
    const answer = await fetch(`${site}${path}`);
    assert.equal(answer.status, 200, path);
    return await answer.text();
  };

  /** Asked by the operator, who has no rate. */
  const products = async (): Promise<string> =>
    JSON.stringify(await askDaemon(rack.stateDir, '/MAAS/images-stream/streams/v1/io.rackboot:images:download.json'));

  before(async () => {
    await rack.startWhole();
    await add('bookworm', 1, 8, '--compress');
    await add('trixie', 2, 8, '--no-compress');
    image = readImages(rack.tree).images.find(({ release }) => release === 'bookworm');
    const { code, output, complaints } = await runRackboot(['images', 'key', '--config', rack.configFile]);
    assert.equal(code, 0, complaints.join('\n'));
    writeFileSync(keyring, `${output.join('\n').replace('BLOCK-----', 'BLOCK-----\n')}\n`);
  });
  after(async () => {
    await rack.remove();
    mirrorSite.closeAllConnections();
    mirrorSite.close();
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('are signed so that GnuPG accepts them, by a key that only its owner reads', { timeout: MS_MAX }, async () => {
    assert.equal(statSync(join(rack.stateDir, 'images-key.asc')).mode & 0o777, 0o600);
    const key = await textOf('key.asc');
    assert.match(key, /^-----BEGIN PGP PUBLIC KEY BLOCK-----/);
    gpg.run(['--import'], key);
    for (const name of ['index', 'io.rackboot:images:download']) {
      const [clear, plain, signature] = await Promise.all(
        ['sjson', 'json', 'json.gpg'].map((end) => textOf(`streams/v1/${name}.${end}`)),
      );
      const signed = JSON.parse(gpg.run(['--decrypt'], clear).toString('utf8'));
      assert.equal(signed.format, name === 'index' ? 'index:1.0' : 'products:1.0');
      writeFileSync(join(scratch, 'plain'), plain ?? '');
      gpg.run(['--verify', '-', join(scratch, 'plain')], signature);
      writeFileSync(join(scratch, 'plain'), `${plain} `);
      assert.throws(() => gpg.run(['--verify', '-', join(scratch, 'plain')], signature));
    }
  });

  test('are sent in parts, and only those that there are', { timeout: MS_MAX }, async () => {
    assert.ok(image);
    const path = `images/${image.sha256.slice(0, 2)}/${image.sha256}.img.zst`;
    const stored = readFileSync(join(rack.tree, path));
    const part = await fetch(`${site}${path}`, { headers: { range: 'bytes=100-' } });
    assert.deepEqual(
      [part.status, part.headers.get('content-range')],
      [206, `bytes 100-${stored.length - 1}/${stored.length}`],
    );
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), stored.subarray(100));
    const changed = await fetch(`${site}${path}`, { headers: { range: 'bytes=100-', 'if-range': '"other"' } });
    assert.deepEqual([changed.status, (await changed.arrayBuffer()).byteLength], [200, stored.length]);
    assert.equal((await fetch(`${site}${path}`, { headers: { range: 'bytes=99999999-' } })).status, 416);
    assert.equal((await fetch(`${site}${path}`, { method: 'HEAD' })).headers.get('content-length'), `${stored.length}`);
    for (const wrong of [
      'images/',
      'images/.manifests/',
      `../../${path}`,
      `images/aa/${'a'.repeat(64)}.img`,
      'images-key.asc',
    ])
      assert.equal((await fetch(`${site}${encodeURIComponent(wrong)}`)).status, 404, wrong);
  });

  test('are mirrored, and imported with the same bytes and serial by another store', { timeout: MS_MAX }, async () => {
    const [mirror, tree, sources] = [join(scratch, 'mirror'), join(scratch, 'tree'), join(scratch, 'sources.yaml')];
    const mirrored = await runRackboot(['images', 'mirror', '--keyring', keyring, site, mirror, 'release=bookworm']);
    assert.equal(mirrored.code, 0, mirrored.complaints.join('\n'));
    assert.match(mirrored.output.join('\n'), /^Mirrored: 1 new file of 1, 0 removed\.$/m);
    mkdirSync(tree);
    writeFileSync(
      sources,
      `sources:\n  - { name: region, title: Region, os: debian, kind: simplestreams, url: "${site}", ftypes: [root-dd.zst, root-dd.raw],
      content_ids: ["io.rackboot:images:download"], arches: { amd64: amd64 }, signed: { keyrings: [${keyring}] } }\n`,
    );
    const flags = ['--sources', sources, '--tree', tree];
    for (const release of ['bookworm', 'trixie']) {
      const { code, complaints } = await runRackboot(['images', 'import', `debian/${release}`, ...flags]);
      assert.equal(code, 0, complaints.join('\n'));
    }
    const facts = ({ release, serial, title, diskBytes }: StoredImage) => ({ release, serial, title, diskBytes });
    const [own, theirs] = [readImages(rack.tree).images, readImages(tree).images];
    assert.equal(theirs.find(({ release }) => release === 'bookworm')?.sha256, image?.sha256);
    assert.deepEqual(
      theirs.map(facts).map(({ title: _, ...one }) => one),
      own.map(facts).map(({ title: _, ...one }) => one),
    );
  });

  test('are no longer offered when they are removed, and a region imports them from the mirror', {
    timeout: MS_MAX,
  }, async () => {
    for (const name of ['debian/trixie', 'debian/bookworm']) {
      const removed = await runRackboot(['images', 'remove', name, '--config', rack.configFile]);
      assert.equal(removed.code, 0, removed.complaints.join('\n'));
    }
    await eventually('they are gone', async () => !/trixie|bookworm/.test(await products()));
    await new Promise<void>((resolve) => mirrorSite.listen(0, '127.0.0.1', resolve));
    const address = mirrorSite.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`;
    const ask = (path: string, fields: Record<string, string> = {}) =>
      askDaemon(rack.stateDir, `/MAAS/api/2.0/${path}`, 'POST', `${new URLSearchParams(fields)}`);
    const { id } = (await ask('boot-sources/', { url, keyring_data: readFileSync(keyring, 'utf8') })) as {
      readonly id: number;
    };
    await ask(`boot-sources/${id}/selections/`, { os: 'debian', release: 'bookworm' });
    await ask('boot-resources/?op=import');
    await eventually('it is there', () => readImages(rack.tree).images.length === 1);
    assert.equal(readImages(rack.tree).images[0]?.sha256, image?.sha256);
  });

  test('are signed by another key when the file of the key is gone', { timeout: MS_MAX }, async () => {
    const before = await textOf('key.asc');
    rmSync(join(rack.stateDir, 'images-key.asc'));
    await rack.kill();
    await rack.startWhole();
    const now = await textOf('key.asc');
    assert.notEqual(now, before);
    const { code, complaints } = await runRackboot([
      'images',
      'mirror',
      '--keyring',
      keyring,
      site,
      join(scratch, 'mirror'),
    ]);
    assert.notEqual(code, 0);
    assert.match(complaints.join('\n'), /index\.sjson/);
    assert.ok(readdirSync(join(scratch, 'mirror')).includes('images'));
  });
});
