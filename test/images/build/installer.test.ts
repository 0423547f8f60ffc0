// Imports an installer from small packages made here; test/long/firmware.test.ts imports and boots the real one.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { encodeCpio } from '../../../src/images/build/cpio.ts';
import { importInstaller } from '../../../src/images/build/installer.ts';
import { allowReplacement } from '../../../src/images/store/directory-publication.ts';
import { missing } from '../../support/needs.ts';
import { makeModule, makePackage, makeProgram, readCpio } from '../synthetic.ts';

const MODULES = 'lib/modules/9.9-test';
const DRIVERS = `${MODULES}/kernel/drivers`;
const NIC = makeModule(['name=nic', 'depends=', 'alias=pci:v00000001d*']);
const INITRD = gzipSync(
  encodeCpio([
    { kind: 'file', path: 'init', mode: 0o755, data: Buffer.from('first process') },
    { kind: 'file', path: `${DRIVERS}/net/ethernet/nic.ko`, mode: 0o644, data: NIC },
    { kind: 'file', path: 'lib/debian-installer-startup.d/S01mount', mode: 0o755, data: Buffer.from('mount') },
  ]),
);
const IMAGES = 'usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64';

describe("Debian's installer", { skip: missing('dpkg-deb', 'depmod') }, () => {
  let scratch = '';
  let installer = '';
  let kernel = '';
  let tools: string[] = [];

  before(() => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-installer-'));
    installer = makePackage(scratch, {
      name: 'debian-installer-12-netboot-amd64',
      architecture: 'all',
      files: { [`${IMAGES}/linux`]: 'a kernel', [`${IMAGES}/initrd.gz`]: INITRD },
    });
    kernel = makePackage(scratch, {
      name: 'linux-image-9.9-test',
      files: {
        'boot/vmlinuz-9.9-test': 'a kernel',
        [`${MODULES}/modules.builtin`]: '',
        [`${MODULES}/modules.order`]: '',
        [`${DRIVERS}/net/ethernet/nic.ko`]: NIC,
        [`${DRIVERS}/net/ethernet/other.ko`]: makeModule(['name=other']),
        [`${DRIVERS}/nvme/host/nvme.ko`]: makeModule(['name=nvme', 'depends=nvme-core', 'alias=pci:v00000002d*']),
        [`${DRIVERS}/nvme/host/nvme-core.ko`]: makeModule(['name=nvme_core', 'depends=']),
        [`${DRIVERS}/char/ipmi/ipmi_si.ko`]: makeModule(['name=ipmi_si', 'depends=']),
      },
    });
    tools = [
      makePackage(scratch, {
        name: 'freeipmi-tools',
        files: { 'usr/sbin/ipmi-raw': makeProgram(['liba.so.1'], '/lib64/ld-x.so.2') },
      }),
      makePackage(scratch, {
        name: 'liba1',
        files: { 'usr/lib/x/liba.so.1': makeProgram(['libc.so.6', 'ld-linux-x.so.2']) },
      }),
      makePackage(scratch, {
        name: 'libc6',
        files: { 'lib/x/libc.so.6': makeProgram([]), 'lib/x/ld-x.so.2': 'linker', 'lib/x/libm.so.6': makeProgram([]) },
      }),
    ];
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  async function run(name: string, packages: readonly string[], release = 'bookworm') {
    const said: string[] = [];
    const tree = join(scratch, name, 'tree');
    const workDir = join(scratch, name, 'work');
    const onProgress = (text: string): number => said.push(text);
    const published = await importInstaller({
      tree,
      arch: 'amd64',
      release,
      packages,
      workDir,
      onProgress,
      mayReplace: allowReplacement,
    });
    const read = (file: string): Buffer => readFileSync(join(published.directory, file));
    return { said, tree, workDir, published, read };
  }

  /** The content of the archive that follows the installer's own. */
  const added = (initrd: Buffer) => readCpio(gunzipSync(initrd.subarray(INITRD.length)));

  test('is published unchanged, followed by the drivers of disks and BMC and an index of all drivers', async () => {
    const { published, tree, workDir, read } = await run('plain', [installer, kernel, ...tools]);
    assert.equal(published.directory, join(tree, 'amd64/generic/bookworm/install'));
    assert.equal(read('linux').toString(), 'a kernel');
    assert.ok(read('initrd.gz').subarray(0, INITRD.length).equals(INITRD));
    const entries = added(read('initrd.gz'));
    const paths = [...entries.keys()].filter((path) => path.endsWith('.ko'));
    assert.deepEqual(paths, [
      `${DRIVERS}/char/ipmi/ipmi_si.ko`,
      `${DRIVERS}/nvme/host/nvme-core.ko`,
      `${DRIVERS}/nvme/host/nvme.ko`,
    ]);
    const index = entries.get(`${MODULES}/modules.dep`)?.data.toString() ?? '';
    for (const name of ['nic', 'nvme', 'nvme-core', 'ipmi_si']) assert.match(index, new RegExp(`/${name}\\.ko:`, 'm'));
    assert.doesNotMatch(index, /other/);
    for (const name of ['modules.dep.bin', 'modules.alias.bin']) assert.ok(entries.has(`${MODULES}/${name}`), name);
    assert.ok(!entries.has('lib'), 'no directory that is there already, for it may be a link');
    assert.match(entries.get('lib/debian-installer-startup.d/S99rackboot')?.data.toString() ?? '', /rackboot=enlist/);
    const { kernel: version, os, title } = JSON.parse(read('manifest.json').toString());
    assert.deepEqual([version, os, title], ['9.9-test', 'debian', 'Debian 12 (bookworm)']);
    assert.deepEqual(readdirSync(workDir), []);
  });

  test('gets the search for a BMC, with only the libraries that it needs', async () => {
    const { read } = await run('tools', [installer, kernel, ...tools]);
    const entries = added(read('initrd.gz'));
    const paths = [...entries.keys()].filter((path) => path.startsWith('lib/rackboot/'));
    assert.deepEqual(paths, [
      'lib/rackboot/bmc',
      'lib/rackboot/power',
      'lib/rackboot/power/ipmi-raw.gz',
      'lib/rackboot/power/ld.so.gz',
      'lib/rackboot/power/liba.so.1.gz',
      'lib/rackboot/power/libc.so.6.gz',
    ]);
    assert.equal(gunzipSync(entries.get('lib/rackboot/power/ld.so.gz')?.data ?? '').toString(), 'linker');
    const without = await run('no-tools', [installer, kernel]);
    assert.ok(!added(without.read('initrd.gz')).has('lib/rackboot/bmc'));
    assert.ok(without.said.some((line) => /the package freeipmi-tools is missing/.test(line)));
  });

  test('is left alone when it is already there, and repaired when it is damaged', async () => {
    const { published, read } = await run('again', [installer, kernel]);
    const [before, initrd] = [statSync(published.directory).ino, read('initrd.gz')];
    const second = await run('again', [installer, kernel]);
    assert.equal(statSync(published.directory).ino, before);
    assert.ok(second.said.some((line) => /nothing was changed/.test(line)));
    assert.deepEqual(second.published, published);
    writeFileSync(join(published.directory, 'initrd.gz'), 'damaged');
    await run('again', [installer, kernel]);
    assert.ok(read('initrd.gz').equals(initrd));
  });

  const refusals: readonly [string, () => readonly string[], string, RegExp][] = [
    ['no installer', () => [kernel], 'bookworm', /needs one package debian-installer-12-netboot-amd64; there are 0/],
    ['no kernel package', () => [installer], 'bookworm', /needs one package linux-image-9\.9-test; there are 0/],
    ['an unknown release', () => [], 'sarge', /no installer package is known for sarge; use one of bullseye/],
    ['a release that is not a name', () => [], '../etc', /is not the name of a release/],
    [
      'the drivers of another kernel',
      () => [
        installer,
        makePackage(mkdtempSync(join(scratch, 'other-')), {
          name: 'linux-image-9.8-test',
          files: { 'boot/vmlinuz-9.8-test': 'kernel', 'lib/modules/9.8-test/modules.order': '' },
        }),
      ],
      'bookworm',
      /Linux 9\.9-test, but .*Linux 9\.8-test; use the package linux-image-9\.9-test/,
    ],
    [
      'an initrd that is cut short',
      () => [
        makePackage(mkdtempSync(join(scratch, 'cut-')), {
          name: 'debian-installer-12-netboot-amd64',
          architecture: 'all',
          files: { [`${IMAGES}/linux`]: '', [`${IMAGES}/initrd.gz`]: gzipSync(gunzipSync(INITRD).subarray(0, 300)) },
        }),
      ],
      'bookworm',
      /initrd is damaged: trailer at 300/,
    ],
    [
      'an initrd that cannot be expanded',
      () => [
        makePackage(mkdtempSync(join(scratch, 'damaged-')), {
          name: 'debian-installer-12-netboot-amd64',
          architecture: 'all',
          files: { [`${IMAGES}/linux`]: '', [`${IMAGES}/initrd.gz`]: INITRD.subarray(0, -9) },
        }),
      ],
      'bookworm',
      /initrd is damaged: it cannot be expanded/,
    ],
    [
      'a library that no package has',
      () => [installer, kernel, ...tools.slice(0, 2)],
      'bookworm',
      /needs lib|ipmi-raw needs ld-x/,
    ],
  ];
  for (const [name, packages, release, message] of refusals) {
    test(`refuses ${name}`, async () => {
      await assert.rejects(run(`refused-${name.replaceAll(' ', '-')}`, packages(), release), {
        code: 'bad-argument',
        message,
      });
    });
  }

  test('has a watchdog that shells can read, and a preseed of one command that ends with powering off', {
    skip: missing('busybox'),
  }, () => {
    const images = join(import.meta.dirname, '../../../src/images');
    for (const shell of ['sh', 'busybox sh']) {
      const [program = '', ...args] = shell.split(' ');
      execFileSync(program, [...args, '-n', join(images, 'build/environment/installer-watchdog')]);
      const preseed = readFileSync(join(images, 'agent/enlist.preseed'), 'utf8');
      const lines = preseed.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      const command = /^d-i preseed\/early_command string (.*)$/.exec(lines[0] ?? '')?.[1] ?? '';
      assert.equal(lines.length, 1);
      assert.match(command, /; sh \/tmp\/agent\.sh; poweroff -f; true$/);
      execFileSync(program, [...args, '-n', '-c', command]);
    }
  });
});
