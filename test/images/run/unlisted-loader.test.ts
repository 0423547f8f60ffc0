// A boot loader whose manifest nobody could read back is refused: its directory would count as a person's for ever.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { importLoader } from '../../../src/images/run/loader-import.ts';
import { listTreeParts } from '../../../src/images/run/tree-parts.ts';
import { missing } from '../../support/needs.ts';
import { loaderOffer, offeredFile } from '../../support/offers.ts';
import { putPart } from '../../support/tree-part.ts';
import { DownloadPlace } from '../download/download-place.ts';

const LOADER = 'bootloader/uefi/amd64';

let tree = '';
let place: DownloadPlace;
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'rackboot-unlisted-loader-'));
  place = new DownloadPlace();
});
afterEach(async () => {
  await place.close();
  rmSync(tree, { recursive: true, force: true });
});

/** An archive of this many files. */
function archiveOf(name: string, count: number): Buffer {
  const directory = join(tree, 'packed', name);
  mkdirSync(directory, { recursive: true });
  for (let at = 0; at < count; at += 1) writeFileSync(join(directory, `${name}-${at}.efi`), `${name} ${at}`);
  return execFileSync('tar', ['-cJf', '-', '-C', directory, '.']);
}

describe('a new version of a boot loader', { skip: missing('linux', 'tar', 'xz') }, () => {
  for (const [what, counts] of [
    ['without files', [0]],
    ['with too many files in several archives', [200, 200]],
  ] as const)
    test(`${what} does not replace the good one`, async () => {
      putPart(
        tree,
        LOADER,
        { 'bootx64.efi': 'good' },
        { title: 'good', serial: '20260101', fetched: ['ab'.repeat(32)] },
      );
      const files = await Promise.all(
        counts.map(async (count, index) => {
          const content = archiveOf(`part${index}`, count);
          const { url } = await place.serve(content);
          return offeredFile(content, url, { name: `part${index}`, isArchive: true });
        }),
      );
      const [first, ...others] = files;
      const offer = loaderOffer([first ?? assert.fail(), ...others], { title: 'new', serial: '20260102' });
      await assert.rejects(importLoader(offer, { tree, downloads: place.queue() }), {
        code: 'bad-argument',
        message: 'bootloader/uefi/amd64 was not imported: it must have 1 to 256 files',
      });
      assert.equal(readFileSync(join(tree, LOADER, 'bootx64.efi'), 'utf8'), 'good');
      assert.deepEqual(readdirSync(join(tree, LOADER)).toSorted(), ['bootx64.efi', 'manifest.json']);
      assert.equal(listTreeParts(tree).length, 1);
    });
});
