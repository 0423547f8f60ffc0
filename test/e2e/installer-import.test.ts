// `rackboot images import installer/…` as a person types it, with a mirror of packages on loopback that has small installers, signed by a real key.
// test/long/installer-import.test.ts imports and boots a real one.
// @host waits, 60 s

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { findImage } from '../../src/boot/images.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { encodeCpio } from '../../src/images/build/cpio.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { makeModule, makePackage, readCpio } from '../images/synthetic.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { FileSite } from '../support/image-site.ts';
import { installerFiles, writeInstallerSuite } from '../support/installer-site.ts';
import { missing } from '../support/needs.ts';
import { eventually, RunningRack, runRackboot, well } from '../support/running-rack.ts';

const MODULES = 'lib/modules/9.9-test';
const DRIVERS = `${MODULES}/kernel/drivers`;
const initrdOf = (arch: string): Uint8Array =>
  gzipSync(
    encodeCpio([
      { kind: 'file', path: 'init', mode: 0o755, data: Buffer.from(arch) },
      { kind: 'file', path: `${DRIVERS}/net/nic.ko`, mode: 0o644, data: makeModule(['name=nic', 'depends=']) },
    ]),
  );
const filesOf = (arch: string) => ({ linux: Buffer.from(`kernel of ${arch}`), initrd: initrdOf(arch) });

describe('an installer of a mirror', { skip: missing('linux', 'gpg', 'dpkg-deb', 'depmod') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-installers-'));
  const site = join(scratch, 'site');
  const gpg = new GpgHome();
  const mirror = new FileSite(site);
  const { asked } = mirror;
  let url = '';
  let sources = '';
  let tree = '';
  const packages: Record<string, string> = {};

  before(async () => {
    const key = gpg.makeKey('archive');
    gpg.makeKey('stranger');
    for (const name of ['archive', 'stranger']) writeFileSync(join(scratch, `${name}.gpg`), gpg.export([name]));
    const signer = { home: gpg, key };
    const installers = {
      amd64: installerFiles('amd64', filesOf('amd64')),
      i386: installerFiles('i386', filesOf('i386')),
    };
    const names = { Suite: 'oldstable', Codename: 'bookworm' };
    writeInstallerSuite(
      site,
      { suite: 'bookworm', form: 'clear', list: 'SHA256SUMS', fields: names, installers },
      signer,
    );
    // Valid, but without an installer, as Debian's.
    writeInstallerSuite(site, { suite: 'bookworm-updates', form: 'clear', list: 'SHA256SUMS', installers: {} }, signer);
    const oldOf = (arch: string) => installerFiles(arch, filesOf(`old ${arch}`), { system: 'ubuntu' });
    const newer = installerFiles('amd64', filesOf('newer'), { system: 'ubuntu', images: 'saucy-netboot' });
    writeInstallerSuite(
      site,
      {
        suite: 'precise',
        form: 'detached',
        list: 'MD5SUMS',
        installers: { amd64: oldOf('amd64'), i386: oldOf('i386') },
      },
      signer,
    );
    writeInstallerSuite(
      site,
      {
        suite: 'precise-updates',
        form: 'detached',
        list: 'own',
        installers: { amd64: { ...oldOf('amd64'), ...newer } },
      },
      signer,
    );
    const bad = (suite: string, fields: Readonly<Record<string, string>>, form: 'clear' | 'unsigned' = 'clear') =>
      writeInstallerSuite(site, { suite, form, list: 'SHA256SUMS', fields, installers }, signer);
    bad('another', { Suite: 'stable', Codename: 'bookworm' });
    bad('expired', { 'Valid-Until': 'Sat, 13 Sep 2025 10:05:09 UTC' });
    bad('unsigned', {}, 'unsigned');
    bad('changed', {});
    const changed = join(site, 'dists/changed/main/installer-amd64/current/images/SHA256SUMS');
    writeFileSync(
      changed,
      readFileSync(changed, 'latin1').replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
    );
    bad('damaged', {});
    writeFileSync(
      join(site, 'dists/damaged/main/installer-amd64/current/images/netboot/debian-installer/amd64/linux'),
      'another kernel',
    );
    for (const architecture of ['amd64', 'i386'])
      packages[architecture] = makePackage(mkdtempSync(join(scratch, 'package-')), {
        name: 'linux-image-9.9-test',
        architecture,
        files: {
          'boot/vmlinuz-9.9-test': 'a kernel',
          [`${MODULES}/modules.order`]: '',
          [`${MODULES}/modules.builtin`]: '',
          [`${DRIVERS}/net/nic.ko`]: makeModule(['name=nic', 'depends=']),
          [`${DRIVERS}/nvme/host/nvme.ko`]: makeModule(['name=nvme', 'depends=']),
        },
      });
    url = await mirror.open();
    sources = writeSources('archive');
  });
  after(() => {
    mirror.close();
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  });
  beforeEach(() => {
    tree = mkdtempSync(join(scratch, 'tree-'));
    asked.length = 0;
  });

  function writeSources(keyring: string): string {
    const path = join(scratch, `${keyring}.yaml`);
    const rest = `kind: installer, mirror: "${url}", signed: { keyrings: [${join(scratch, `${keyring}.gpg`)}] }`;
    const bad = ['another', 'expired', 'unsigned', 'changed', 'damaged'].map((name) => `${name}: { title: Bad }`);
    writeFileSync(
      path,
      `sources:
  - { name: debian-installer, title: Installer, os: debian, arches: { amd64: amd64, i386: i386 }, ${rest},
      releases: { bookworm: { title: Debian 12 }, ${bad.join(', ')} } }
  - { name: ubuntu-installer, title: Installer, os: ubuntu, arches: { amd64: amd64, i386: i386 }, ${rest}, releases: {
      precise: { title: Ubuntu 12.04 } } }
releases:
  precise04: { base: precise, images: saucy-netboot, title: Ubuntu 12.04 with Linux 3.11 }
`,
    );
    return path;
  }

  const imported = (name: string, ...given: readonly string[]) =>
    runRackboot(['images', 'import', name, '--tree', tree, '--sources', sources, ...given]);
  const read = (arch: string, release: string, file: string): Buffer =>
    readFileSync(join(tree, arch, 'generic', release, 'install', file));

  test('comes from a mirror by its name, for each architecture, with the drivers of disks', async () => {
    for (const arch of ['amd64', 'i386']) {
      const output = await well(
        imported('installer/debian/bookworm', '--arch', arch, '--package', packages[arch] ?? ''),
      );
      assert.match(output, new RegExp(`${arch}/generic/bookworm/install/initrd\\.gz  `));
      assert.equal(read(arch, 'bookworm', 'linux').toString(), `kernel of ${arch}`);
      const initrd = read(arch, 'bookworm', 'initrd.gz');
      const own = initrdOf(arch);
      assert.ok(initrd.subarray(0, own.length).equals(own), "the installer's own comes first, unchanged");
      const added = readCpio(gunzipSync(initrd.subarray(own.length)));
      assert.deepEqual(
        [...added.keys()].filter((path) => path.endsWith('.ko')),
        [`${DRIVERS}/nvme/host/nvme.ko`],
      );
    }
    assert.deepEqual(readdirSync(join(tree, 'images', '.downloads')), []);
    const { title, os } = JSON.parse(read('amd64', 'bookworm', 'manifest.json').toString());
    assert.deepEqual([os, title], ['debian', 'Debian 12']);
  });

  test('of several architectures comes by one command; without packages it has no drivers, and says so', async () => {
    const output = await well(imported('installer/ubuntu/precise', '--arch', 'amd64,i386'));
    assert.match(output, /Omitting the drivers for disks.*linux-image-9\.9-test with --package/);
    for (const arch of ['amd64', 'i386']) assert.ok(read(arch, 'precise', 'initrd.gz').equals(initrdOf(`old ${arch}`)));
  });

  test('of a release of the site has the base and the images that the site names, and its title', async () => {
    await well(imported('installer/ubuntu/precise04'));
    assert.equal(read('amd64', 'precise04', 'linux').toString(), 'kernel of newer');
    const { title, base } = JSON.parse(read('amd64', 'precise04', 'manifest.json').toString());
    assert.deepEqual([base, title], ['precise', 'Ubuntu 12.04 with Linux 3.11']);
    const listed = await runRackboot(['images', 'list', '--tree', tree]);
    assert.match(listed.output.join('\n'), /^ubuntu\/precise04 +amd64 +Ubuntu 12\.04 with Linux 3\.11$/m);
    const hardware = { architecture: 'amd64', subarchitecture: 'generic' };
    const query = { ...hardware, releases: ['precise04'], directory: 'install' } as const;
    const directory = 'amd64/generic/precise04/install';
    const { kernel, initrd } = findImage(query, (path) => existsSync(join(tree, path))) ?? assert.fail('not found');
    assert.deepEqual(
      [kernel, initrd],
      [`${directory}/linux`, `${directory}/initrd.gz`],
      'a machine boots it by this name',
    );
  });

  const refusals: readonly (readonly [release: string, complaint: RegExp])[] = [
    ['another', /dists\/another\/ is signed as bookworm, not as another: use another mirror/],
    ['expired', /dists\/expired\/ was valid until 2025-09-13: use a mirror that is up to date/],
    [
      'unsigned',
      /dists\/unsigned\/Release: it is not signed \(there is no \S+Release\.gpg\); use a site that signs it/,
    ],
    ['changed', /SHA256SUMS is not the file that its signed list names: \d+ bytes with sha256 /],
    ['damaged', /installer\/debian\/damaged\/amd64 could not be downloaded: .*sha256 [0-9a-f]{64} instead of/],
  ];
  for (const [release, complaint] of refusals)
    test(`that is ${release} is refused, and nothing of it gets into the tree`, async () => {
      const { code, complaints } = await imported(`installer/debian/${release}`);
      assert.equal(code, 1);
      assert.match(complaints.join('\n'), complaint);
      assert.equal(existsSync(join(tree, 'amd64')), false);
    });

  test('signed by another key is refused with the key and the file, before anything of it is fetched', async () => {
    const path = writeSources('stranger');
    const { code, complaints } = await runRackboot([
      'images',
      'import',
      'installer/debian/bookworm',
      '--tree',
      tree,
      '--sources',
      path,
    ]);
    assert.equal(code, 1);
    assert.match(complaints.join('\n'), /bookworm-updates\/InRelease: no accepted key.*key [0-9A-F]{16}/);
    assert.deepEqual(
      asked.filter((one) => one.includes('/installer-')),
      [],
    );
  });

  test('comes from the mirror that the configuration names, if its source names none', async () => {
    const config = join(scratch, 'rackboot.yaml');
    const own = join(scratch, 'own.yaml');
    writeFileSync(config, `state_dir: ${scratch}\npreseeds: { ubuntu_mirror: "${url}near" }\n`);
    writeFileSync(own, readFileSync(sources, 'utf8').replaceAll(`mirror: "${url}", `, ''));
    const { code, complaints } = await runRackboot([
      'images',
      'import',
      'installer/ubuntu/precise',
      '--config',
      config,
      '--tree',
      tree,
      '--sources',
      own,
    ]);
    assert.equal(code, 1);
    assert.ok(asked.length > 0 && asked.every((one) => one.startsWith('/near/dists/')), asked.join('\n'));
    assert.match(complaints.join('\n'), /ubuntu-installer has no ubuntu\/precise for amd64/);
  });

  test('is imported by the region that selects it, once, and deleted there; without packages for it, the reason is shown', async () => {
    const rack = new RunningRack(labPlace(113));
    try {
      await rack.startWhole();
      const selected = 'selections: [{ source: debian-installer, os: debian, release: bookworm, arches: [amd64] }]\n';
      const file = join(dirname(rack.configFile), 'image-sources.yaml');
      writeFileSync(file, `${readFileSync(sources, 'utf8')}${selected}`);
      const rackboot = (...words: readonly string[]) => rack.rackboot('images', ...words);
      const add = ['selections', 'add', 'ubuntu-installer', 'installer/ubuntu/precise', '--arches', 'amd64'];
      await well(rackboot(...add));
      const imported = await rackboot('import');
      assert.equal(imported.code, 1, 'no packages are for the kernel of one of them');
      const said = imported.output.join('\n');
      assert.match(said, /^debian\/bookworm\/amd64\/generic\/installer: failed: .*(linux-image-9\.9-test|apt).*: /m);
      assert.match(said, /^ubuntu\/precise\/amd64\/generic\/installer: done$/m);
      const place = join(rack.tree, 'amd64/generic/precise/install');
      assert.equal(readFileSync(join(place, 'linux'), 'utf8'), 'kernel of old amd64');
      const ask = (method: 'GET' | 'DELETE', path: string) =>
        askDaemon(rack.stateDir, `/MAAS/api/2.0/${path}`, method, method === 'GET' ? undefined : '');
      const find = async (name: string) =>
        ((await ask('GET', 'boot-resources/')) as readonly Record<string, unknown>[]).find((one) => one.name === name);
      const listed = await find('ubuntu/precise');
      assert.deepEqual(
        [listed?.type, listed?.architecture, listed?.label, listed?.complete, listed?.title],
        ['Synced', 'amd64/generic', 'installer', true, 'Ubuntu 12.04'],
      );
      const failed = (await find('debian/bookworm'))?.import as Readonly<Record<string, unknown>>;
      assert.deepEqual([failed.state, typeof failed.next_try], ['failed', 'string']);
      assert.ok(Number(failed.total) > 0, 'its size is that of both files');
      const files = (): number => asked.filter((one) => /\/(linux|initrd\.gz)$/.test(one)).length;
      const before = files();
      const again = await rackboot('import');
      assert.match(
        again.output.join('\n'),
        /^ubuntu\/precise\/amd64\/generic\/installer: done: \d{8} is already there$/m,
      );
      assert.equal(files(), before, 'neither it nor the kept files of the other one are downloaded again');
      await ask('DELETE', `boot-resources/${listed?.id}/`);
      await eventually('it is deleted', () => !existsSync(place));
      assert.equal(await find('ubuntu/precise'), undefined);
      await rackboot('import');
      assert.ok(existsSync(join(place, 'initrd.gz')), 'while it is selected, the next import fetches it again');
      const { amd64 = '' } = packages;
      const given = ['images', 'import', 'installer/debian/bookworm', '--package', basename(amd64)];
      await well(runRackboot([...given, '--config', rack.configFile], { cwd: dirname(amd64) }));
      const initrd = readFileSync(join(rack.tree, 'amd64/generic/bookworm/install/initrd.gz'));
      const added = readCpio(gunzipSync(initrd.subarray(initrdOf('amd64').length)));
      assert.ok(added.has(`${DRIVERS}/nvme/host/nvme.ko`));
    } finally {
      await rack.remove();
    }
  });

  test('of another mirror comes by --mirror', async () => {
    const { code, complaints } = await imported('installer/ubuntu/precise', '--mirror', `${url}elsewhere`);
    assert.equal(code, 1);
    assert.ok(
      asked.every((one) => one.startsWith('/elsewhere/dists/')),
      asked.join('\n'),
    );
    assert.match(complaints.join('\n'), /ubuntu-installer has no ubuntu\/precise for amd64/);
  });
});
