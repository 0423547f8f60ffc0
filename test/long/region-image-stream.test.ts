// The region serves its own store as a signed site with simplestreams: GnuPG accepts it, `images mirror` copies it, another store imports
// from it and a region from the copy.
// A rack whose region is elsewhere copies the region's images: with the same bytes and names, over HTTPS with the site's own authority, and
// continues after a kill. A copy goes when the region removes its image; images of the rack's own stay.
// @host alone

import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { formatImageName, readImages, type StoredImage } from '../../src/images/store/image-store.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { makeAuthority } from '../support/authority.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { FileSite } from '../support/image-site.ts';
import { missing } from '../support/needs.ts';
import { eventually, RunningRack, runRackboot, well } from '../support/running-rack.ts';
import { putPart } from '../support/tree-part.ts';

const MIB = 1024 * 1024;
const LOADER = 'bootloader/uefi/amd64';
const INSTALLER = 'amd64/generic/trixie/install';
const UEFI = { 'bootx64.efi': 'a shim', empty: '' };
const TRIXIE = { linux: 'a kernel', 'initrd.gz': 'an initrd' };
const PLACE = labPlace(19);
const FAR = labPlace(100);

describe("a region's own images", { skip: missing('linux', 'gpg') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-image-stream-'));
  const rack = new RunningRack(PLACE);
  const gpg = new GpgHome();
  const site = `http://127.0.0.1:${PLACE.regionPort}/MAAS/images-stream/`;
  const keyring = join(scratch, 'key.asc');
  const mirrorSite = new FileSite(join(scratch, 'mirror'));
  let image: StoredImage | undefined;

  const add = async (release: string, seed: number, mebibytes: number, ...more: readonly string[]): Promise<void> => {
    const file = join(scratch, `${release}.img`);
    writeFileSync(file, makeSystemDisk(mebibytes * MIB, seed));
    const flags = ['--os', 'debian', '--release', release, '--tree', rack.tree, ...more];
    await well(runRackboot(['images', 'add', file, ...flags]));
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
    const facts = { title: 'a title', serial: '20261101' };
    putPart(rack.tree, LOADER, UEFI, { ...facts, label: 'stable', fetched: [] });
    putPart(rack.tree, INSTALLER, TRIXIE, { ...facts, os: 'debian', fetched: [] });
    image = readImages(rack.tree).images.find(({ release }) => release === 'bookworm');
    const output = await rack.well('images', 'key');
    writeFileSync(keyring, `${output.replace('BLOCK-----', 'BLOCK-----\n')}\n`);
  });
  after(async () => {
    await rack.remove();
    mirrorSite.close();
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('are signed so that GnuPG accepts them, by a key that only its owner reads', async () => {
    assert.equal(statSync(join(rack.stateDir, 'images-key.asc')).mode & 0o777, 0o600);
    const key = await textOf('key.asc');
    assert.match(key, /^-----BEGIN PGP PUBLIC KEY BLOCK-----/);
    gpg.run(['--import'], key);
    for (const name of [
      'index',
      ...['images', 'bootloaders', 'installers'].map((one) => `io.rackboot:${one}:download`),
    ]) {
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

  test('are sent in parts on request, and no other file is sent', async () => {
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

  test('are mirrored, and imported with the same bytes and serial by another store', async () => {
    const [mirror, tree, sources] = [join(scratch, 'mirror'), join(scratch, 'tree'), join(scratch, 'sources.yaml')];
    const mirrored = await well(
      runRackboot(['images', 'mirror', '--keyring', keyring, site, mirror, 'release=bookworm']),
    );
    assert.match(mirrored, /^Mirrored: 1 new file of 1, 0 removed\.$/m);
    mkdirSync(tree);
    writeFileSync(
      sources,
      `sources:\n  - { name: other-region, title: Region, os: debian, kind: simplestreams, url: "${site}", ftypes: [root-dd.zst, root-dd.raw],
      content_ids: ["io.rackboot:images:download"], arches: { amd64: amd64 }, signed: { keyrings: [${keyring}] } }
  - { name: installers, title: Region, os: debian, kind: simplestreams, url: "${site}",
      content_ids: ["io.rackboot:installers:download"], arches: { amd64: amd64 }, signed: { keyrings: [${keyring}] } }
  - { name: loaders, title: Region, os: bootloader, kind: simplestreams, url: "${site}",
      content_ids: ["io.rackboot:bootloaders:download"], arches: { amd64: amd64 }, signed: { keyrings: [${keyring}] } }\n`,
    );
    const flags = ['--sources', sources, '--tree', tree];
    for (const words of [
      ['debian/bookworm', '--source', 'other-region'],
      ['debian/trixie', '--source', 'other-region'],
      ['installer/debian/trixie', '--source', 'installers'],
      ['bootloader/uefi'],
    ]) {
      await well(runRackboot(['images', 'import', ...words, ...flags]));
    }
    for (const [directory, files] of [[LOADER, UEFI] as const, [INSTALLER, TRIXIE] as const])
      for (const [name, text] of Object.entries(files))
        assert.equal(readFileSync(join(tree, directory, name), 'utf8'), text);
    const facts = ({ release, serial, title, diskBytes }: StoredImage) => ({ release, serial, title, diskBytes });
    const [own, theirs] = [readImages(rack.tree).images, readImages(tree).images];
    assert.equal(theirs.find(({ release }) => release === 'bookworm')?.sha256, image?.sha256);
    assert.deepEqual(
      theirs.map(facts).map(({ title: _, ...one }) => one),
      own.map(facts).map(({ title: _, ...one }) => one),
    );
  });

  test('are no longer offered when they are removed, and a region imports them from the mirror', async () => {
    for (const name of ['debian/trixie', 'debian/bookworm']) {
      await rack.well('images', 'remove', name);
    }
    await eventually('they are gone', async () => !/trixie|bookworm/.test(await products()));
    const url = await mirrorSite.open();
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

  test('are signed by another key when the file of the key is gone', async () => {
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

/** A download that a rack reports, as the API shows it. */
interface Download {
  readonly filename: string;
  readonly bytes_downloaded: number;
  readonly size: number | null;
  readonly error: string;
}

describe('a rack apart from its region', { skip: missing('linux', 'openssl') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-rack-images-'));
  const authority = makeAuthority(scratch, systemClock.wallTimeMs());
  const { cert, key } = authority.issue('region');
  const port = PLACE.regionPort + 1000;
  const tls = `tls: { cert: "${cert}", key: "${key}", listen: ["127.0.0.1:${port}"] }`;
  const region = new RunningRack(PLACE, (text) => text.replace(/^region: \{/m, `region: { ${tls},`));
  const url = `url: ["https://127.0.0.1:9/MAAS", "https://127.0.0.1:${port}/MAAS"]`;
  const far = new RunningRack(FAR, (text) =>
    text
      .replace(/^name: .*$/m, 'name: far')
      .replace(/^region: .*$/m, `region: { mode: remote, ${url}, ca_file: "${authority.caFile}" }`),
  );
  const namesIn = (rack: RunningRack): readonly string[] =>
    readImages(rack.tree)
      .images.map((image) => `${formatImageName(image)} ${image.sha256}`)
      .sort();
  const add = async (rack: RunningRack, release: string, disk: Uint8Array): Promise<void> => {
    const file = join(scratch, 'disk.img');
    writeFileSync(file, disk);
    const flags = ['--os', 'debian', '--release', release, '--tree', rack.tree];
    await well(runRackboot(['images', 'add', file, ...flags]));
  };

  before(async () => {
    await region.startWhole();
    await add(region, 'bookworm', makeSystemDisk(16 * MIB, 1));
    // Nobody could start it; whoever added it knows.
    await add(
      region,
      'trixie',
      Buffer.concat([makeSystemDisk(MIB, 2).subarray(0, 512).fill(0, 0, 440), makeSystemDisk(MIB, 2).subarray(512)]),
    );
    putPart(region.tree, LOADER, UEFI, { title: 'a title', serial: '20261101', label: 'stable', fetched: [] });
    await far.start();
    await add(far, 'own', makeSystemDisk(MIB, 3));
    await far.reported('region.pending');
  });
  after(async () => {
    await far.remove();
    await region.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('has none of its images before it is accepted', () => {
    assert.deepEqual(
      readImages(far.tree).images.map(({ release }) => release),
      ['own'],
    );
  });

  test('has all of them then, continued after a kill, and its own', async () => {
    await region.well('racks', 'accept', 'far');
    const own = namesIn(far);
    await eventually('a copy is under way or done', () => existsSync(join(far.tree, 'images', '.downloads')), 30_000);
    await far.kill();
    await far.start();
    await eventually('all are there', () => namesIn(far).length === 3, 60_000);
    assert.deepEqual(namesIn(far), [...namesIn(region), ...own].sort());
    for (const [name, text] of Object.entries(UEFI))
      assert.equal(readFileSync(join(far.tree, LOADER, name), 'utf8'), text);
    const downloads = join(far.tree, 'images', '.downloads');
    await eventually('nothing of the downloads is left', () => readdirSync(downloads).length === 0, 10_000);
    await eventually(
      'the region knows that the rack has them',
      async () => {
        return JSON.stringify(await region.ask('/MAAS/api/2.0/nodegroups/')).includes('bookworm');
      },
      60_000,
    );
  });

  test('reports the copies, which the region shows on its page and in the API', async () => {
    const racks = (await region.ask('/MAAS/api/2.0/nodegroups/')) as readonly { name: string; uuid: string }[];
    const uuid = racks.find(({ name }) => name === 'far')?.uuid ?? assert.fail('no rack');
    const copy = await eventually(
      'its copy is reported',
      async () => {
        const { downloads } = (await region.ask(`/MAAS/api/2.0/nodegroups/${uuid}/`)) as { downloads: Download[] };
        return downloads.find(({ filename, error }) => filename === 'debian/trixie/amd64' && error === '');
      },
      60_000,
    );
    assert.ok(copy.bytes_downloaded > 0);
    assert.equal(copy.bytes_downloaded, copy.size);
  });

  test('copies nothing while boot.copy_images is off, and continues when it is on again', async () => {
    const text = readFileSync(far.configFile, 'utf8');
    await far.kill();
    far.configure(text.replace(/^boot: \{/m, 'boot: { copy_images: false,'));
    const from = far.lines.length;
    await far.start();
    await far.reported('region.linked', { from });
    await add(region, 'forky', makeSystemDisk(MIB, 4));
    await sleep(3000);
    assert.equal(namesIn(far).length, 3);
    far.configure(text);
    process.kill(far.pid, 'SIGHUP');
    await eventually('the new one is there', () => namesIn(far).length === 4, 60_000);
    const { code } = await region.rackboot('images', 'remove', 'debian/forky');
    assert.equal(code, 0);
  });
});
