// The root of a Debian, made by mmdebstrap from the packages of the distribution, is published as MAAS's streams have roots: as an archive with its own
// kernel, and as squashfs next to its kernel and initrd, signed by a real key. It is imported by `images import`, and deployed by the real
// environment, which makes the disk: partitions, file systems, kernel and boot loader. It starts from its disk by BIOS and by UEFI, and its owner
// logs in.
// @host alone

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { blobPath, readImages } from '../../src/images/store/image-store.ts';
import { cachedDebianRoot, type RootForms } from '../support/debian-root.ts';
import { type DeployedFile, DeployedSystem, missingFor, PLATFORMS } from '../support/deployed-system.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { FileSite } from '../support/image-site.ts';
import { missing } from '../support/needs.ts';
import { runRackboot, well } from '../support/running-rack.ts';
import { type SiteFile, type SiteProduct, writeStreamSite } from '../support/stream-site.ts';

const TEST_MS_MAX = 1_700_000;
const IMPORT_MS_MAX = 300_000;
const CONTENT_ID = 'com.example.maas:stable:v3:download';
const SERIAL = '20261015';

/** A release of the stream for each form. */
const FORMS = [
  {
    release: 'archive',
    name: 'an archive with its own kernel',
    kernel: /BOOT_IMAGE=\/boot\/vmlinuz-6\.\S+ root=UUID=/,
  },
  {
    release: 'squashfs',
    name: 'squashfs, with the kernel of the stream',
    kernel: /BOOT_IMAGE=\/boot\/vmlinuz-rackboot root=UUID=/,
  },
] as const;

const skip = missing('mksquashfs', 'gpg');

describe('the root of a Debian, published as a stream of MAAS and imported', { skip }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-deploy-system-'));
  const tree = join(scratch, 'tree');
  const site = new FileSite(join(scratch, 'site'));
  const gpg = new GpgHome();

  before(
    async () => {
      const key = gpg.makeKey('site');
      writeFileSync(join(scratch, 'keys.gpg'), gpg.export(['site']));
      const products = productsOf(await cachedDebianRoot());
      writeStreamSite(join(scratch, 'site'), { [CONTENT_ID]: products }, { home: gpg, key });
      const url = await site.open();
      const sources = join(scratch, 'sources.yaml');
      writeFileSync(
        sources,
        `sources:
  - { name: stream, title: Stream, os: debian, kind: simplestreams, url: "${url}", content_ids: ["${CONTENT_ID}"],
      arches: { amd64: amd64 }, signed: { keyrings: [${join(scratch, 'keys.gpg')}] } }
`,
      );
      for (const { release } of FORMS) {
        const words = ['images', 'import', `debian/${release}`, '--source', 'stream'];
        const options = { endMsMax: IMPORT_MS_MAX };
        await well(runRackboot([...words, '--tree', tree, '--sources', sources], options));
      }
    },
    { timeout: TEST_MS_MAX },
  );
  after(() => {
    site.close();
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  for (const platform of PLATFORMS.filter(({ arch }) => arch === 'amd64'))
    for (const { release, name, kernel } of FORMS)
      test(`as ${name}, is deployed, starts from its disk by ${platform.name}, and has its name, its address and the whole disk`, {
        skip: missingFor(platform),
      }, async (t) => {
        const system = new DeployedSystem(platform);
        try {
          await system.deploy(importedFile(tree, release), t);
          await system.startFromDisk(t);
          const look = (command: string): string => system.logIn(command).stdout.trim();
          assert.equal(look('hostname --fqdn'), 'calm-ibis.maas');
          assert.match(look('cat /proc/cmdline'), kernel);
          assert.equal(look('sudo systemctl --failed --no-legend'), '', 'no unit has failed');
          assert.ok(Number(look('df --block-size=1M --output=size / | tail -1')) > 3000, 'the root fills the disk');
          assert.match(look('findmnt --noheadings --output FSTYPE /boot/efi'), /vfat/);
          assert.equal(look('test -d /sys/firmware/efi && echo yes'), platform.flash === undefined ? '' : 'yes');
          assert.match(look('/usr/sbin/getcap /usr/bin/ping || true'), /cap_net_raw|^$/);
        } finally {
          await system.close();
        }
      });
});

function productsOf(root: RootForms): Readonly<Record<string, SiteProduct>> {
  const product = (release: string, files: Readonly<Record<string, string>>): [string, SiteProduct] => {
    const file = ([ftype, path]: [string, string]): [string, SiteFile] => [
      ftype,
      { ftype, path: `${release}/amd64/${SERIAL}/${ftype}`, content: readFileSync(path) },
    ];
    const tags = {
      arch: 'amd64',
      os: 'debian',
      release,
      version: release,
      label: 'stable',
      subarch: 'generic',
      subarches: 'generic',
      release_title: `Debian as ${release}`,
    };
    const all = Object.fromEntries(Object.entries(files).map(file));
    return [`com.example.maas.stable:v3:boot:${release}:amd64`, { tags, versions: { [SERIAL]: { files: all } } }];
  };
  return Object.fromEntries([
    product('archive', { 'root-tgz': root.archive }),
    product('squashfs', { squashfs: root.squashfs, 'boot-kernel': root.kernel, 'boot-initrd': root.initrd }),
  ]);
}

/** The files of an image in the store that the region's job names. */
function importedFile(tree: string, release: string): DeployedFile {
  const image = readImages(tree).images.find((one) => one.release === release) ?? assert.fail(release);
  const startOf = (name: string) => {
    const { sha256 } = image.system?.files.find((one) => one.name === name) ?? assert.fail(name);
    return { path: join(tree, blobPath(sha256, 'file')), sha256 };
  };
  const file = { ...image, path: join(tree, blobPath(image.sha256, image.format)) };
  if (release === 'archive') return file;
  return { ...file, starts: { kernel: startOf('boot-kernel'), initrd: startOf('boot-initrd') } };
}
