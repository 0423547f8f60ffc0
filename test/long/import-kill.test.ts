// `rackboot images import`, killed hundreds of times at random bytes: it always completes, and asks for at most 4 MiB again.
// @host alone

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { readImages } from '../../src/images/store/image-store.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { makeContent } from '../images/download/download-place.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { type KilledProgram, type KillReport, killDownloads } from '../support/killed-download.ts';
import { missing } from '../support/needs.ts';
import { printedRandom } from '../support/printed-random.ts';
import { MAIN } from '../support/running-rack.ts';

const FILE = 'image-20261101.raw';

/** A disk that does not compress. */
function makeImage(bytes: number): Uint8Array {
  const image = Uint8Array.from(makeSystemDisk(bytes));
  image.set(makeContent(bytes - 4096), 4096);
  return image;
}

/** Kills imports of an image of `bytes` a number of times. @param random gives whole numbers below its argument */
async function killImports(bytes: number, kills: number, random: (n: number) => number): Promise<KillReport> {
  const gpg = new GpgHome();
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-killed-import-'));
  try {
    const image = makeImage(bytes);
    return await killDownloads(importProgram(scratch, image, gpg), image, kills, random);
  } finally {
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function importProgram(scratch: string, image: Uint8Array, gpg: GpgHome): KilledProgram {
  const key = gpg.makeKey('site');
  const keys = join(scratch, 'keys.gpg');
  writeFileSync(keys, gpg.export(['site']));
  const list = `${createHash('sha256').update(image).digest('hex')}  ${FILE}\n`;
  const tree = join(scratch, 'tree');
  const sources = join(scratch, 'sources.yaml');
  return {
    argumentsFor: (url) => {
      writeFileSync(
        sources,
        `sources:
  - { name: site, title: Site, os: site, kind: files, directory: "${new URL('/', url)}", file: ${FILE}, checksums: SHA256SUMS,
      arches: { amd64: x86_64 }, signed: { keyrings: [${keys}], signature: SHA256SUMS.gpg }, releases: [{ name: "1", title: Site 1 }] }
`,
      );
      return [MAIN, 'images', 'import', 'site/1', '--tree', tree, '--sources', sources];
    },
    documents: new Map([
      ['/SHA256SUMS', list],
      ['/SHA256SUMS.gpg', gpg.sign(list, { key, form: 'detached-armored' }).toString('latin1')],
    ]),
    finish: () => {
      const { images, problems } = readImages(tree);
      assert.deepEqual([images.length, problems], [1, []]);
      const blobs = readdirSync(join(tree, 'images'), { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('.img.zst'),
      );
      assert.equal(blobs.length, 1);
      const stored = zstdDecompressSync(readFileSync(join(tree, 'images', blobs[0] ?? '')));
      assert.ok(stored.equals(image), 'the image is another one');
      assert.deepEqual(readdirSync(join(tree, 'images', '.downloads')), []);
      rmSync(tree, { recursive: true });
    },
    momentMsMax: 4000,
  };
}

const KILLS = 300;
const BYTES = 48 * 1024 * 1024;

test(`${KILLS} kills of an import at random bytes lose nothing, and at most 4 MiB each are sent again`, {
  skip: missing('linux', 'gpg'),
}, async (t) => {
  const report = await killImports(BYTES, KILLS, printedRandom('import kill'));
  t.diagnostic(JSON.stringify(report));
  assert.equal(report.kills, KILLS);
  assert.ok(report.files > 0);
});
