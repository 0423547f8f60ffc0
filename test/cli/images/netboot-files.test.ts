// `images import-installer` from files of this host: Debian's netboot.tar.gz, in any compression, and the directory that it unpacks to.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { encodeCpio } from '../../../src/images/build/cpio.ts';
import { requireInstallerPrograms } from '../../../src/images/build/installer.ts';
import { readNetbootTree } from '../../../src/images/make/netboot-tree.ts';
import { listAllInstallers } from '../../../src/images/store/installer-tree.ts';
import { makeModule, makePackage } from '../../images/synthetic.ts';
import { missing } from '../../support/needs.ts';
import { printedBy } from '../../support/printed.ts';

const MODULES = 'lib/modules/9.9-test';
const NIC = makeModule(['name=nic', 'depends=']);
const INITRD = gzipSync(
  encodeCpio([{ kind: 'file', path: `${MODULES}/kernel/drivers/net/ethernet/nic.ko`, mode: 0o644, data: NIC }]),
);

describe('a network installer on this host', { skip: missing('linux', 'dpkg-deb', 'depmod') }, () => {
  let scratch = '';
  let tree = '';
  let drivers = '';
  const at = (name: string): string => join(scratch, name);

  before(() => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-netboot-'));
    drivers = makePackage(scratch, {
      name: 'linux-image-9.9-test',
      files: {
        'boot/vmlinuz-9.9-test': 'a kernel',
        [`${MODULES}/modules.builtin`]: '',
        [`${MODULES}/modules.order`]: '',
        [`${MODULES}/kernel/drivers/net/ethernet/nic.ko`]: NIC,
      },
    });
    const files = at('unpacked/debian-installer/amd64');
    mkdirSync(files, { recursive: true });
    writeFileSync(join(files, 'linux'), 'a kernel');
    writeFileSync(join(files, 'initrd.gz'), INITRD);
    writeFileSync(at('unpacked/version.info'), 'Debian version:  12 (bookworm)\nInstaller build: 20230607+deb12u12\n');
    symlinkSync('debian-installer/amd64/pxelinux.0', at('unpacked/pxelinux.0'));
    execFileSync('tar', ['-czf', at('netboot.tar.gz'), '-C', at('unpacked'), '.']);
    cpSync(at('unpacked'), at('mirror/netboot'), { recursive: true });
    cpSync(files, at('bare'), { recursive: true });
    mkdirSync(at('linked'));
    symlinkSync('/etc/passwd', at('linked/linux'));
    writeFileSync(at('linked/initrd.gz'), INITRD);
    cpSync(files, at('hollow'), { recursive: true });
    writeFileSync(at('hollow/initrd.gz'), '');
    mkdirSync(at('large'));
    for (const name of ['linux', 'initrd.gz']) {
      writeFileSync(at(`large/${name}`), '');
      truncateSync(at(`large/${name}`), 300 * 1024 * 1024);
    }
    execFileSync('tar', ['-cf', at('twice.tar'), '-C', at('unpacked'), '.']);
    execFileSync('tar', ['-rf', at('twice.tar'), '-C', at('unpacked'), './debian-installer/amd64/linux']);
    writeFileSync(at('cut.tar.gz'), readFileSync(at('netboot.tar.gz')).subarray(0, -20));
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));
  beforeEach(() => {
    tree = mkdtempSync(at('tree-'));
  });

  const load = (from: string, ...words: readonly string[]) =>
    printedBy(() =>
      runCommandLine(['images', 'import-installer', at(from), '--tree', tree, '--package', drivers, ...words]),
    );

  for (const [from, title, ...words] of [
    ['netboot.tar.gz', 'Debian 12 (bookworm)'],
    ['unpacked', 'Debian 12 (bookworm)'],
    ['mirror', 'Debian 12 (bookworm)'],
    ['bare', 'bookworm', '--release', 'bookworm'],
  ] as const) {
    test(`from ${from} is published with the drivers of its kernel`, async () => {
      const { result, complaint } = await load(from, ...words);
      assert.equal(result, 0, complaint);
      assert.deepEqual(listAllInstallers(tree), [{ os: 'debian', release: 'bookworm', title, architecture: 'amd64' }]);
      const directory = join(tree, 'amd64/generic/bookworm/install');
      assert.equal(readFileSync(join(directory, 'linux'), 'utf8'), 'a kernel');
      const initrd = readFileSync(join(directory, 'initrd.gz'));
      assert.ok(initrd.subarray(0, INITRD.length).equals(INITRD) && initrd.length > INITRD.length);
    });
  }

  test('gets another name in the boot tree with --release', async () => {
    const { result, complaint } = await load('netboot.tar.gz', '--release', 'mine');
    assert.deepEqual([result, complaint], [0, '']);
    assert.deepEqual(
      listAllInstallers(tree).map(({ release, title }) => [release, title]),
      [['mine', 'Debian 12 (bookworm)']],
    );
  });

  test('is noted to be of another release than the one that it is named after', async () => {
    const { result, complaint } = await load('netboot.tar.gz', '--release', 'trixie');
    assert.equal(result, 0);
    assert.match(complaint, /^Note: \S+netboot\.tar\.gz has .*Debian 12 \(bookworm\); .*debian\/trixie\.$/m);
  });

  for (const [title, from, words, complaint] of [
    [
      'another architecture',
      'netboot.tar.gz',
      ['--arch', 'arm64'],
      /no network installer for arm64 .*: it is for amd64/,
    ],
    ['no release', 'bare', [], /does not say of which release .*images import-installer \S+bare --release bookworm/],
    ['a link in place of its kernel', 'linked', [], /has no network installer for amd64/],
    ['an empty initrd', 'hollow', ['--release', 'bookworm'], /initrd\.gz of \S+hollow is empty: copy it again/],
    [
      'a kernel and an initrd that are too large together',
      'large',
      [],
      /linux and initrd\.gz of \S+large: more bytes than those of any/,
    ],
    ['two kernels of one name', 'twice.tar', [], /cannot be read: it has debian-installer\/amd64\/linux twice/],
    ['an end that is missing', 'cut.tar.gz', [], /cannot be read: it is damaged/],
    ['a name that is missing', 'none.tar.gz', [], /there is no file \S+none\.tar\.gz/],
  ] as const) {
    test(`with ${title} is refused`, async () => {
      const found = await load(from, ...words);
      assert.notEqual(found.result, 0);
      assert.match(found.complaint, complaint);
      assert.deepEqual(listAllInstallers(tree), []);
    });
  }

  test('is read alone, although the archive has more of them, and memory is bounded by it', {
    timeout: 120_000,
  }, async () => {
    for (const [place, mebibytes] of [
      ['netboot/debian-installer/amd64', 400],
      ['ubuntu-installer/amd64', 400],
      ['debian-installer/amd64', 8],
    ] as const) {
      mkdirSync(at(`many/${place}`), { recursive: true });
      for (const name of ['linux', 'initrd.gz']) {
        writeFileSync(at(`many/${place}/${name}`), '');
        truncateSync(at(`many/${place}/${name}`), mebibytes * 1024 * 1024);
      }
    }
    execFileSync('sh', ['-ec', 'tar -c netboot ubuntu-installer debian-installer | gzip -1 > ../many.tar.gz'], {
      cwd: at('many'),
    });
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    }, 5);
    try {
      const { kernel, initrd } = await readNetbootTree(at('many.tar.gz'), 'amd64');
      assert.deepEqual([kernel.length, initrd.length], [8 * 1024 * 1024, 8 * 1024 * 1024]);
      assert.ok(most < 256 * 1024 * 1024, `${most} bytes were in memory`);
    } finally {
      clearInterval(watch);
    }
  });

  test('needs programs, which are named before anything is fetched', () => {
    const words = /depmod, dpkg-deb and apt-get, .*: sudo apt-get install kmod dpkg apt$/;
    assert.throws(() => requireInstallerPrograms(undefined, scratch), words);
    assert.throws(() => requireInstallerPrograms([], scratch), /needs depmod and dpkg-deb/);
  });
});
