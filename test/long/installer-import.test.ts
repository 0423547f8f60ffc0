// Debian's real installer from a mirror, for real: the files of Debian's package are laid out as a mirror, signed by a key of the test and
// served in a namespace; `images import installer/debian/bookworm` brings them into a boot tree, and a virtual machine is enlisted by them.
// @host alone

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { LabNamespace } from '../../src/lab/namespace.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { GIB, testFirstBoots } from '../support/first-boot.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { installerFiles, writeInstallerSuite } from '../support/installer-site.ts';
import { MAIN } from '../support/running-rack.ts';

const MIRROR = '10.77.0.1:8080';
const SERVER = `const { existsSync, readFileSync, statSync } = require('node:fs');
require('node:http').createServer((request, response) => {
  const file = process.argv[1] + request.url;
  if (existsSync(file) && statSync(file).isFile()) response.end(readFileSync(file));
  else response.writeHead(404).end();
}).listen(8080, '10.77.0.1');`;

const scratch = mkdtempSync(join(tmpdir(), 'rackboot-installer-mirror-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Fetches packages with the host's apt. @returns the files */
function fetchPackages(...names: readonly string[]): readonly string[] {
  const directory = mkdtempSync(join(scratch, 'packages-'));
  execFileSync('apt-get', ['-q', 'download', ...names], { cwd: directory, stdio: 'ignore' });
  return readdirSync(directory).map((name) => join(directory, name));
}

/** Lays out the mirror. @returns the package with the drivers of the installer's kernel */
function layOut(site: string, gpg: GpgHome): string {
  const key = gpg.makeKey('archive');
  writeFileSync(join(scratch, 'archive.gpg'), gpg.export(['archive']));
  const unpacked = join(scratch, 'installer');
  for (const file of fetchPackages('debian-installer-12-netboot-amd64'))
    execFileSync('dpkg-deb', ['-x', file, unpacked]);
  const images = join(unpacked, 'usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64');
  const [linux, initrd] = ['linux', 'initrd.gz'].map((name) => readFileSync(join(images, name)));
  assert.ok(linux !== undefined && initrd !== undefined);
  const installers = { amd64: installerFiles('amd64', { linux, initrd }) };
  writeInstallerSuite(site, { suite: 'bookworm', form: 'clear', list: 'SHA256SUMS', installers }, { home: gpg, key });
  const said = execFileSync('file', ['--brief', join(images, 'linux')], { encoding: 'utf8' });
  const named = / version (\S+) /.exec(said)?.[1] ?? assert.fail(said);
  return fetchPackages(`linux-image-${named}`)[0] ?? assert.fail('no package of the kernel');
}

async function importInstaller(tree: string, namespace: LabNamespace): Promise<void> {
  const site = join(scratch, 'site');
  mkdirSync(site);
  const gpg = new GpgHome();
  const drivers = layOut(site, gpg);
  gpg.remove();
  const sources = join(scratch, 'sources.yaml');
  writeFileSync(
    sources,
    `sources: [{ name: debian-installer, title: Installer, os: debian, kind: installer, mirror: "http://${MIRROR}/",
  arches: { amd64: amd64 }, signed: { keyrings: [${join(scratch, 'archive.gpg')}] },
  releases: { bookworm: { title: Debian 12 } } }]
`,
  );
  const server = namespace.spawn(process.execPath, ['-e', SERVER, site], { stdio: 'inherit' });
  try {
    const inside = (...words: readonly string[]) =>
      spawnSync('ip', ['netns', 'exec', namespace.name, ...words], { encoding: 'utf8' });
    await eventuallyWithin(10_000, 'the mirror', () => inside('curl', '-s', `http://${MIRROR}/`).status === 0);
    const words = ['images', 'import', 'installer/debian/bookworm', '--tree', tree, '--sources', sources];
    const { status, stdout, stderr } = inside(process.execPath, MAIN, ...words, '--package', drivers);
    assert.equal(status, 0, `${stdout}${stderr}`);
  } finally {
    server.kill('SIGKILL');
  }
}

testFirstBoots(
  [
    {
      name: 'SeaBIOS, virtio, iPXE by HTTP, the installer of a mirror',
      firmware: 'bios',
      nic: 'virtio-net-pci',
      memoryMib: 1024,
      cpus: 2,
      diskBytes: 9 * GIB,
      loaders: '{}',
      boots: 1,
    },
  ],
  { importInstaller, needs: ['debian-mirror', 'apt-get', 'dpkg-deb', 'depmod', 'gpg'] },
);
