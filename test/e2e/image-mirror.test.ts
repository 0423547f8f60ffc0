// `rackboot images mirror`, as in seed 002: a site with real signatures is mirrored by filters; the mirror is such a site again, from which
// an image is imported. A killed run continues, and only files that a mirror wrote are removed.
// @host waits, 60 s

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { makeSystemDisk } from '../images/disks.ts';
import { endProgram } from '../support/child.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { FileSite } from '../support/image-site.ts';
import { missing } from '../support/needs.ts';
import { MAIN, runRackboot, well } from '../support/running-rack.ts';
import { type SiteContent, type SiteProduct, writeStreamSite } from '../support/stream-site.ts';

const MIB = 1024 * 1024;
const FILTERS = ['arch=amd64', 'subarch~(generic|hwe-t)', 'release~(trusty|precise)'];
const SERIALS = ['20160101', '20160120', '20160120.1'];

describe('a mirror of a site with images', { skip: missing('linux', 'gpg') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-mirror-'));
  const [siteDirectory, keyring] = [join(scratch, 'site'), join(scratch, 'keys.gpg')];
  const gpg = new GpgHome();
  const [site, mirror] = [new FileSite(siteDirectory), new FileSite(join(scratch, 'mirror'))];
  const urls = { site: '', mirror: '' };
  let key = '';

  const product = (release: string, arch: string, subarch: string, serials: readonly string[]): SiteProduct => ({
    tags: { arch, os: 'ubuntu', release, version: release, label: 'release', subarch, subarches: subarch },
    versions: Object.fromEntries(
      serials.map((serial, index) => {
        const path = `${release}/${arch}/${serial}/${subarch}`;
        const disk = makeSystemDisk(4 * MIB, index + 1);
        return [
          serial,
          {
            files: {
              'boot-kernel': { ftype: 'boot-kernel', path: `${path}/boot-kernel`, content: `kernel of ${path}` },
              'disk1.img': { ftype: 'disk1.img', path: `${path}/disk.img`, content: disk },
            },
          },
        ];
      }),
    ),
  });
  const contentOf = (serials: readonly string[]): SiteContent => ({
    'com.ubuntu.maas:v2:download': {
      'trusty:amd64:hwe-t': product('trusty', 'amd64', 'hwe-t', serials),
      'trusty:arm64:hwe-t': product('trusty', 'arm64', 'hwe-t', serials),
      'precise:amd64:generic': product('precise', 'amd64', 'generic', serials),
      'precise:amd64:hwe-q': product('precise', 'amd64', 'hwe-q', serials),
      'noble:amd64:generic': product('noble', 'amd64', 'generic', serials),
    },
  });
  const publish = (serials: readonly string[]): void =>
    writeStreamSite(siteDirectory, contentOf(serials), { home: gpg, key });
  const words = (...more: readonly string[]): readonly string[] => [
    'images',
    'mirror',
    '--keyring',
    keyring,
    urls.site,
    join(scratch, 'mirror'),
    ...FILTERS,
    '--max=1',
    ...more,
  ];
  const filesOf = (): readonly string[] =>
    readdirSync(join(scratch, 'mirror'), { recursive: true, encoding: 'utf8' })
      .filter((name) => !name.startsWith('.') && statSync(join(scratch, 'mirror', name)).isFile())
      .sort();
  const expected = (serial: string): readonly string[] =>
    [
      'precise/amd64/#/generic/boot-kernel',
      'precise/amd64/#/generic/disk.img',
      'trusty/amd64/#/hwe-t/boot-kernel',
      'trusty/amd64/#/hwe-t/disk.img',
      'streams/v1/com.ubuntu.maas:v2:download.sjson',
      'streams/v1/index.sjson',
    ]
      .map((path) => path.replace('#', serial))
      .sort();

  before(async () => {
    key = gpg.makeKey('site');
    writeFileSync(keyring, gpg.export(['site']));
    publish(SERIALS.slice(0, 2));
    urls.site = await site.open();
    urls.mirror = await mirror.open();
  });
  after(() => {
    site.close();
    mirror.close();
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('has what the filters choose, the newest version alone, and the documents as the site signed them', async () => {
    const output = await well(runRackboot(words()));
    assert.match(output, /^Mirrored: 4 new files of 4, 0 removed\.$/m);
    assert.match(output, /^100 % of 8\.0 MiB/m);
    assert.deepEqual(filesOf(), expected('20160120'));
    for (const name of filesOf())
      assert.deepEqual(readFileSync(join(scratch, 'mirror', name)), readFileSync(join(siteDirectory, name)));
    assert.ok(
      site.asked.every((path) => !/noble|arm64|20160101|hwe-q/.test(path)),
      site.asked.join(' '),
    );
  });

  test('is a site from which an image is imported', async () => {
    const sources = join(scratch, 'sources.yaml');
    writeFileSync(
      sources,
      `sources:\n  - { name: mirror, title: Mirror, os: ubuntu, kind: simplestreams, url: "${urls.mirror}", ftypes: [disk1.img], content_ids: ["com.ubuntu.maas:v2:download"],
      arches: { amd64: amd64 }, signed: { keyrings: [${keyring}] } }\n`,
    );
    const tree = join(scratch, 'tree');
    mkdirSync(tree);
    const flags = ['--sources', sources, '--tree', tree];
    await well(runRackboot(['images', 'import', 'ubuntu/trusty', ...flags]));
    assert.deepEqual(readdirSync(join(tree, 'images', '.manifests')), [
      'ubuntu~trusty~amd64~generic~release~20160120.json',
    ]);
  });

  test('fetches nothing again, and repairs a file that is missing', async () => {
    rmSync(join(scratch, 'mirror', 'precise/amd64/20160120/generic/boot-kernel'));
    site.asked.length = 0;
    assert.equal((await runRackboot(words())).code, 0);
    assert.deepEqual(
      site.asked.filter((path) => !path.startsWith('/streams/')),
      ['/precise/amd64/20160120/generic/boot-kernel'],
    );
    assert.deepEqual(filesOf(), expected('20160120'));
  });

  test('continues after a kill with the bytes that it has, and removes what it wrote, not what others did', async () => {
    const [own, changed] = ['precise/amd64/20160120/notes.txt', 'trusty/amd64/20160120/hwe-t/boot-kernel'];
    writeFileSync(join(scratch, 'mirror', own), 'of the administrator');
    writeFileSync(join(scratch, 'mirror', changed), 'changed by the administrator');
    for (const name of filesOf()) if (name.includes('20160120.1')) rmSync(join(scratch, 'mirror', name));
    rmSync(join(scratch, 'mirror', '.rackboot-mirror'), { recursive: true });
    // The record is gone: whatever stands there is somebody else's, and stays.
    assert.equal((await runRackboot(words())).code, 2);
    rmSync(join(scratch, 'mirror'), { recursive: true });
    publish(SERIALS.slice(0, 2));
    assert.equal((await runRackboot(words())).code, 0);
    writeFileSync(join(scratch, 'mirror', own), 'of the administrator');
    publish(SERIALS);
    [site.pauseMs, site.sent] = [20, 0];
    const child = spawn(process.execPath, [MAIN, ...words()], { stdio: 'ignore' });
    while (site.sent < 3 * MIB) await new Promise((resolve) => setTimeout(resolve, 20));
    await endProgram(child, 'SIGKILL');
    site.pauseMs = 0;
    const output = await well(runRackboot(words()));
    assert.match(output, /^Mirrored: \d new files of 4, 4 removed\.$/m);
    assert.deepEqual(filesOf(), [...expected('20160120.1'), own].sort());
    assert.ok(site.sent < 8 * MIB + 4 * MIB, `${site.sent} bytes were sent for 8 MiB`);
    assert.deepEqual(readdirSync(join(scratch, 'mirror', '.rackboot-mirror')).sort(), ['lock', 'record.json']);
  });
});
