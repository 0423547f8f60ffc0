// The Debian that `images make-debian` makes becomes a cloud image in each form that qemu-img writes, is published as a simplestream and as a
// plain site, and comes back by `images import`: the same disk, bit for bit. The imported disk is deployed by the real environment, and its owner
// logs in, by BIOS and by UEFI.
// @host alone

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { blobPath, readImages } from '../../src/images/store/image-store.ts';
import { cachedDebianImage, DEBIAN_IMAGE_NEEDS } from '../support/debian-image.ts';
import { DeployedSystem, type ImageFile, missingFor, PLATFORMS } from '../support/deployed-system.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { FileSite } from '../support/image-site.ts';
import { missing } from '../support/needs.ts';
import { runRackboot, well } from '../support/running-rack.ts';
import { type SiteProduct, writeStreamSite } from '../support/stream-site.ts';

const TEST_MS_MAX = 1_700_000;
const MIB = 2 ** 20;
const SERIAL = '20261015';

interface Form {
  readonly name: string;
  /** Of `qemu-img convert`. */
  readonly options: readonly string[];
  /** Added to the end of the disk: some of it as zero clusters. It makes the size no multiple of a cluster. */
  readonly moreBytes?: number;
}

const FORMS: readonly Form[] = [
  { name: 'compressed', options: ['-c'] },
  { name: 'version-2', options: ['-c', '-o', 'compat=0.10'] },
  { name: 'zero-clusters', options: [], moreBytes: 64 * MIB + 3 * 512 },
  { name: 'small-clusters', options: ['-o', 'cluster_size=4k'], moreBytes: 5 * 512 },
  { name: 'large-clusters', options: ['-c', '-o', 'cluster_size=2M'] },
];

const qemuImg = (...words: readonly string[]): void => {
  execFileSync('qemu-img', [...words], { stdio: ['ignore', 'ignore', 'inherit'] });
};

const sha256 = (command: string, ...words: readonly string[]): string =>
  execFileSync('sh', ['-c', `${command} | sha256sum`, 'sh', ...words], { encoding: 'utf8' }).slice(0, 64);

describe('Debian as a cloud image', { skip: missing(...DEBIAN_IMAGE_NEEDS, 'qemu-img', 'gpg', 'zstd') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-imported-'));
  const site = join(scratch, 'site');
  const tree = join(scratch, 'tree');
  const sources = join(scratch, 'sources.yaml');
  const gpg = new GpgHome();
  const files = new FileSite(site);

  const pathOf = ({ name }: Form): string => join(scratch, `${name}.qcow2`);

  function makeForms(raw: string): void {
    for (const form of FORMS) {
      const path = pathOf(form);
      qemuImg('convert', '-O', 'qcow2', ...form.options, raw, path);
      if (form.moreBytes === undefined) continue;
      qemuImg('resize', path, `+${form.moreBytes}`);
      const size = JSON.parse(execFileSync('qemu-img', ['info', '--output=json', path], { encoding: 'utf8' }));
      const from = Math.ceil((size['virtual-size'] - form.moreBytes) / MIB) * MIB;
      if (form.moreBytes > MIB)
        execFileSync('qemu-io', ['-c', `write -z ${from} ${16 * MIB}`, path], {
          stdio: ['ignore', 'ignore', 'inherit'],
        });
    }
  }

  /** The simplestream has all forms; the plain site has the last one. */
  function publish(key: string): void {
    const products = FORMS.map((form): [string, SiteProduct] => {
      const content = readFileSync(pathOf(form));
      const path = `server/${form.name}/disk.img`;
      return [
        `com.example:${form.name}:amd64`,
        {
          tags: { arch: 'amd64', os: 'debian', release: form.name, version: form.name, label: 'release' },
          versions: { [SERIAL]: { files: { 'disk1.img': { ftype: 'disk1.img', path, content } } } },
        },
      ];
    });
    writeStreamSite(site, { 'com.example:download': Object.fromEntries(products) }, { home: gpg, key });
    const last = FORMS.at(-1) ?? assert.fail();
    const bytes = readFileSync(pathOf(last));
    const list = `${createHash('sha256').update(bytes).digest('hex')}  site-${SERIAL}.qcow2\n`;
    mkdirSync(join(site, 'plain'));
    writeFileSync(join(site, 'plain', `site-${SERIAL}.qcow2`), bytes);
    writeFileSync(join(site, 'plain', 'SHA256SUMS'), list);
    writeFileSync(join(site, 'plain', 'SHA256SUMS.gpg'), gpg.sign(list, { key, form: 'detached-armored' }));
  }

  before(
    async () => {
      const raw = join(scratch, 'raw');
      const { path } = await cachedDebianImage();
      execFileSync('zstd', ['-q', '-d', '--sparse', '-o', raw, path]);
      makeForms(raw);
      const key = gpg.makeKey('site');
      writeFileSync(join(scratch, 'keys.gpg'), gpg.export(['site']));
      publish(key);
      const url = (await files.open()).replace(/\/$/, '');
      const signed = `keyrings: [${join(scratch, 'keys.gpg')}]`;
      writeFileSync(
        sources,
        `sources:
  - { name: stream, title: Stream, os: debian, kind: simplestreams, url: "${url}/", content_ids: ["com.example:download"],
      ftypes: [disk1.img], arches: { amd64: amd64 }, signed: { ${signed} } }
  - { name: plain, title: Plain, os: plain, kind: files, directory: "${url}/plain/", file: "{release}-*.qcow2",
      checksums: SHA256SUMS, arches: { amd64: x86_64 }, signed: { ${signed}, signature: SHA256SUMS.gpg },
      releases: [{ name: site, title: Site }] }
`,
      );
    },
    { timeout: TEST_MS_MAX },
  );
  after(() => {
    files.close();
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  async function imported(name: string): Promise<ImageFile> {
    await well(
      runRackboot(['images', 'import', name, '--sources', sources, '--tree', tree], {
        endMsMax: 300_000,
      }),
    );
    const image = readImages(tree).images.find(({ os, release }) => `${os}/${release}` === name) ?? assert.fail(name);
    return { ...image, path: join(tree, blobPath(image.sha256, image.format)) };
  }

  for (const form of FORMS)
    test(`${form.name}: it is the disk that qemu-img reads`, async () => {
      const { path } = await imported(`debian/${form.name}`);
      const raw = join(scratch, 'read');
      qemuImg('convert', '-O', 'raw', pathOf(form), raw);
      assert.equal(sha256('zstd -dc "$1"', path), sha256('cat "$1"', raw));
    });

  const ways = [
    ['BIOS', `debian/${FORMS[2]?.name}`],
    ['UEFI', 'plain/site'],
  ] as const;
  for (const [name, image] of ways) {
    const platform = PLATFORMS.find((one) => one.name === name) ?? assert.fail();
    test(`${image} is deployed and started by ${name}`, {
      skip: missingFor(platform),
    }, async (t) => {
      const system = new DeployedSystem(platform);
      try {
        await system.deploy(await imported(image), t);
        await system.startFromDisk(t);
        assert.equal(system.logIn('hostname --fqdn').stdout.trim(), 'calm-ibis.maas');
        assert.equal(system.logIn('test -d /sys/firmware/efi').status, name === 'UEFI' ? 0 : 1);
        const size = Number(system.logIn('df --block-size=1M --output=size / | tail -1').stdout);
        assert.ok(size > 3600, 'the root has grown');
      } finally {
        await system.close();
      }
    });
  }
});
