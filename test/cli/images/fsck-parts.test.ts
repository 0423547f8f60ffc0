// `rackboot images fsck` on boot loaders, installers and environments, whose hashes are in the manifests next to them: it repairs what a
// source has, and names the command for the rest.
// @host waits

import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { findImage } from '../../../src/boot/images.ts';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { encodeCpio } from '../../../src/images/build/cpio.ts';
import { describeFile } from '../../../src/images/store/publication.ts';
import { GpgHome } from '../../support/gpg-home.ts';
import { FileSite } from '../../support/image-site.ts';
import { installerFiles, writeInstallerSuite } from '../../support/installer-site.ts';
import { missing } from '../../support/needs.ts';
import { printedBy } from '../../support/printed.ts';
import { type SiteContent, WHOLE_SITE, writeStreamSite } from '../../support/stream-site.ts';
import { putPart } from '../../support/tree-part.ts';

const LOADERS = 'com.ubuntu.maas:stable:1:bootloader-download';
const LOADER = 'bootloader/pxe/amd64/pxelinux.0';
const INSTALL = 'amd64/generic/precise04/install';
const initrdOf = (content: string): Buffer =>
  gzipSync(
    encodeCpio([
      { kind: 'file', path: 'lib/modules/3.2-test/kernel/drivers/nic.ko', mode: 0o644, data: Buffer.from(content) },
    ]),
  );

/** The site with another version of the boot loader. */
function loaderSite(serial: string): SiteContent {
  const [name, product] = Object.entries(WHOLE_SITE[LOADERS] ?? {}).find(([key]) => key.includes('pxelinux')) ?? [];
  const [version] = Object.values(product?.versions ?? {});
  assert.ok(name !== undefined && product !== undefined && version !== undefined);
  const files = Object.fromEntries(
    Object.entries(version.files).map(([key, file]) => [key, { ...file, content: `pxelinux of ${serial}` }]),
  );
  return { [LOADERS]: { [name]: { ...product, versions: { [serial]: { ...version, files } } } } };
}

describe('images fsck', { skip: missing('linux', 'gpg') }, () => {
  const gpg = new GpgHome();
  let key = '';
  let scratch = '';
  let tree = '';
  let site: FileSite;
  let file = '';
  before(() => {
    key = gpg.makeKey('site');
  });
  after(() => gpg.remove());
  beforeEach(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-fsck-parts-'));
    tree = join(scratch, 'tree');
    mkdirSync(tree);
    writeFileSync(join(scratch, 'keys.gpg'), gpg.export(['site']));
    site = new FileSite(join(scratch, 'site'));
    const url = await site.open();
    publish('20221029');
    const rest = `arches: { amd64: amd64 }, signed: { keyrings: [${join(scratch, 'keys.gpg')}] }`;
    file = join(scratch, 'sources.yaml');
    writeFileSync(
      file,
      `sources:
  - { name: maas-loaders, title: Loaders, os: bootloader, kind: simplestreams, url: "${url}", content_ids: ["${LOADERS}"], ${rest} }
  - { name: ubuntu-installer, title: Installer, os: ubuntu, kind: installer, mirror: "${url}", ${rest}, releases: { precise04: { base: precise, title: Precise } } }
`,
    );
  });
  afterEach(() => {
    site.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  function publish(serial: string): void {
    const directory = join(scratch, 'site');
    rmSync(directory, { recursive: true, force: true });
    writeStreamSite(directory, loaderSite(serial), { home: gpg, key });
    const files = { linux: Buffer.from(`kernel of ${serial}`), initrd: initrdOf(serial) };
    const installers = { amd64: installerFiles('amd64', files, { system: 'ubuntu' }) };
    const suite = { suite: 'precise', form: 'clear', list: 'SHA256SUMS', installers } as const;
    writeInstallerSuite(directory, suite, { home: gpg, key });
  }

  const images = (...words: readonly string[]) =>
    printedBy(() => runCommandLine(['images', ...words, '--tree', tree, '--sources', file]));
  async function importAll(): Promise<void> {
    for (const name of ['bootloader/pxe', 'installer/ubuntu/precise04']) {
      const { result, complaint } = await images('import', name);
      assert.equal(result, 0, complaint);
    }
  }
  const at = (path: string): string => join(tree, path);
  const read = (path: string): Buffer => readFileSync(at(path));
  /** Changes the first byte. */
  function damage(path: string): void {
    const bytes = read(path);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    writeFileSync(at(path), bytes);
  }

  for (const [name, path] of [
    ['bootloader/pxe/amd64', LOADER],
    ['installer/ubuntu/precise04/amd64', `${INSTALL}/linux`],
    ['installer/ubuntu/precise04/amd64', `${INSTALL}/initrd.gz`],
  ] as const)
    for (const [state, spoil] of [
      ['is damaged', damage],
      ['is missing', (wanted: string) => rmSync(at(wanted))],
      [
        'is damaged',
        (wanted: string) => {
          rmSync(at(wanted));
          symlinkSync('/etc/hostname', at(wanted));
        },
      ],
    ] as const)
      test(`repairs ${path}, which ${state}, from its source`, async () => {
        await importAll();
        const whole = read(path);
        assert.match((await images('fsck')).text, /^Checked 3 files: all right\.$/m);
        spoil(path);
        const report = await images('fsck', '--report');
        assert.equal(report.result, 1);
        assert.match(report.text, /^Checked 3 files: 1 wrong\.$/m);
        const { result, text, complaint } = await images('fsck');
        assert.equal(result, 0, complaint);
        assert.ok(
          complaint.startsWith(path === LOADER ? `${path} ${state}` : `${path} of ${name} ${state}`),
          complaint,
        );
        assert.ok(text.includes(`Imported ${name} again\n`), text);
        assert.match(text, /^Checked 3 files: 1 wrong, all repaired\.$/m);
        assert.deepEqual(read(path), whole);
        assert.match((await images('fsck')).text, /^Checked 3 files: all right\.$/m);
      });

  test('takes a damaged file out of the tree, and replaces it by a newer one of its own source alone', async () => {
    await importAll();
    for (const path of [LOADER, `${INSTALL}/linux`]) damage(path);
    publish('20210101');
    rmSync(join(scratch, 'site/dists'), { recursive: true });
    for (let time = 0; time < 2; time += 1) {
      const { result, text, complaint } = await images('fsck');
      assert.equal(result, 1);
      assert.match(complaint, /^bootloader\/pxe\/amd64 was not repaired: .*source maas-/m);
      assert.match(complaint, /^installer\/ubuntu\/precise04\/amd64 was not repaired: /m);
      assert.match(text, /^Checked 3 files: 2 wrong\.$/m);
      assert.deepEqual(readdirSync(at(dirname(LOADER))), ['manifest.json']);
      assert.deepEqual(readdirSync(at(INSTALL)).toSorted(), ['initrd.gz', 'manifest.json']);
      const listed = await printedBy(() => runCommandLine(['images', 'list', '--tree', tree]));
      assert.equal(listed.result, 1);
      const lost = 'Files of bootloader/pxe/amd64, installer/ubuntu/precise04/amd64 are missing or damaged; to get';
      assert.ok(listed.complaint.includes(lost), listed.complaint);
    }
    publish('20260101');
    const { result, complaint } = await images('fsck');
    assert.equal(result, 0, complaint);
    assert.equal(read(LOADER).toString(), 'pxelinux of 20260101');
    assert.equal(read(`${INSTALL}/linux`).toString(), 'kernel of 20260101');
  });

  test('leaves the copy of a part of the region to the rack, without a file that the copy would not replace', async () => {
    const facts = { source: 'region', title: 'shim', serial: '20260101', fetched: [] };
    putPart(tree, 'bootloader/uefi/arm64', { 'grubaa64.efi': 'grub', 'bootaa64.efi': 'shim' }, facts);
    damage('bootloader/uefi/arm64/grubaa64.efi');
    const { result, complaint } = await images('fsck');
    assert.equal(result, 1);
    assert.match(complaint, /was not repaired: it is a copy from the region/);
    assert.deepEqual(readdirSync(at('bootloader/uefi/arm64')).toSorted(), ['bootaa64.efi', 'manifest.json']);
  });

  for (const [what, directory, files, facts, command] of [
    [
      'disc',
      'arm64/generic/noble/install',
      { linux: 'kernel', 'initrd.gz': 'initrd', 'installer.iso': 'disc' },
      { os: 'ubuntu', title: 'Ubuntu', source: 'live server.iso' },
      "images import './live server.iso' --release noble --arch arm64 --tree TREE`",
    ],
    [
      'netboot.tar.gz',
      'amd64/generic/bookworm/install',
      { linux: 'kernel', 'initrd.gz': 'initrd' },
      { os: 'debian', title: 'Debian', source: 'netboot.tar.gz' },
      'images import-installer ./netboot.tar.gz --release bookworm --tree TREE`',
    ],
    [
      'package',
      'amd64/generic/bookworm/install',
      { linux: 'kernel', 'initrd.gz': 'initrd' },
      { os: 'debian', title: 'Debian', source: undefined },
      'images import-installer --release bookworm --tree TREE`',
    ],
    [
      'build of the environment',
      'amd64/generic/bookworm/commissioning',
      { linux: 'kernel', 'initrd.gz': 'initrd', 'tools.cpio.gz': 'tools' },
      { source: undefined },
      'images build --release bookworm --tree TREE`',
    ],
  ] as const)
    test(`names the command for the damaged files of a ${what}`, async () => {
      putPart(tree, directory, files, facts);
      const last = `${directory}/${Object.keys(files).at(-1)}`;
      damage(last);
      const { result, complaint } = await images('fsck');
      assert.equal(result, 1);
      assert.ok(complaint.includes(command.replace('TREE', tree)), complaint);
      assert.equal(existsSync(at(last)), false);
      const hidden = last.replace(/[^/]+$/, '.$&.damaged');
      const isKept = facts.source !== undefined;
      assert.equal(existsSync(at(hidden)), isKept);
      assert.equal(complaint.includes(`it is now ${hidden}`), isKept);
      const [architecture = '', , release = ''] = directory.split('/');
      const query = { architecture, subarchitecture: 'generic', releases: [release], directory: 'install' } as const;
      assert.equal(
        findImage(query, (path) => existsSync(at(path))),
        undefined,
      );
      assert.equal((await images('fsck')).result, 1);
    });

  test('gives a damaged boot loader of the packages a hidden name, and keeps a person’s own in its place', async () => {
    const files = ['bootx64.efi', 'grubx64.efi'].map((name) => ({ name, data: Buffer.from(`Debian's ${name}`) }));
    for (const { name, data } of files) writeFileSync(at(name), data);
    writeFileSync(
      at('.loaders-amd64.json'),
      JSON.stringify({ schema: 1, packages: [], files: files.map(describeFile) }),
    );
    assert.match((await images('fsck')).text, /^Checked 2 files: all right\.$/m);
    damage('grubx64.efi');
    writeFileSync(at('bootx64.efi'), 'my own');
    const { result, complaint } = await images('fsck');
    assert.equal(result, 1);
    assert.match(complaint, /^bootx64\.efi of boot loaders for amd64 is damaged: .*; it stays, /m);
    assert.match(complaint, /remove it; then `.*images build --tree \S+` fetches/);
    assert.deepEqual([existsSync(at('grubx64.efi')), read('bootx64.efi').toString()], [false, 'my own']);
    assert.ok(existsSync(at('.grubx64.efi.damaged')), 'it may be one that a person has signed again');
  });

  test('names what it did not check, and follows no link', async () => {
    await importAll();
    mkdirSync(at('amd64/generic/own/install'), { recursive: true });
    mkdirSync(at('amd64/generic/empty/install'), { recursive: true });
    writeFileSync(at('amd64/generic/own/install/linux'), 'my own');
    symlinkSync('precise04', at('amd64/generic/lts'));
    symlinkSync(scratch, at('bootloader/linked'));
    const { result, text, complaint } = await images('fsck');
    assert.equal(result, 0, complaint);
    assert.match(text, /^Checked 3 files: all right\.$/m);
    const named = 'bootloader/linked, amd64/generic/lts, amd64/generic/own/install';
    assert.ok(text.includes(`Not checked, because Rackboot has no hashes of it: ${named}.`), text);
    for (const manifest of ['{', '{"schema":1}', JSON.stringify({ schema: 1, files: [{ name: '../x' }] })]) {
      writeFileSync(at(`${INSTALL}/manifest.json`), manifest);
      const spoilt = await images('fsck');
      assert.equal(spoilt.result, 1);
      assert.match(spoilt.complaint, /precise04\/install\/manifest\.json is damaged, so its files cannot be checked: /);
      assert.match(spoilt.text, /^Checked 1 file: all right, but not everything could be checked\.$/m);
    }
    writeFileSync(at(`${INSTALL}/manifest.json`), '{"mine":true}');
    assert.equal((await images('fsck')).result, 0);
  });

  test('reports the parts as JSON', async () => {
    await importAll();
    damage(LOADER);
    const { result, text } = await images('fsck', '--report', '--json');
    assert.equal(result, 1);
    const { parts, partRepairs, unchecked } = JSON.parse(text);
    const states = parts.map((part: { readonly directory: string; readonly files: readonly { state: object }[] }) => [
      part.directory,
      ...part.files.map(({ state }) => ('kind' in state ? state.kind : '')),
    ]);
    assert.deepEqual(states, [
      ['bootloader/pxe/amd64', 'damaged'],
      [INSTALL, 'whole', 'whole'],
    ]);
    assert.deepEqual([partRepairs, unchecked], [[], []]);
  });
});
