// The answer of a source of which nothing could be read, and of one that lacks what is selected: only the former needs no further reason.
// @host waits

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../src/clock.ts';
import { askSources } from '../../../src/images/sources/offers.ts';
import type { FilesSource, ImageSource, InstallerSource } from '../../../src/images/sources/source.ts';
import { planImports } from '../../../src/region-thread/imports/plan.ts';
import { DownloadPlace } from '../download/download-place.ts';

const CASE_MS_MAX = 30_000;
/** Nothing listens there. */
const SITE = 'http://127.0.0.1:1/';
const common = {
  name: 'site',
  title: 'Site',
  os: 'debian',
  arches: new Map([['amd64', 'amd64']]),
  trust: { kind: 'signed', keyrings: ['/nowhere'], keyUrl: undefined, fingerprints: undefined },
} as const;
const files: FilesSource = {
  ...common,
  kind: 'files',
  directory: SITE,
  file: 'disk.img',
  checksums: 'SHA256SUMS',
  isListOfOne: false,
  signature: 'SHA256SUMS.gpg',
  releases: [{ name: 'one', version: 'one', title: 'One', serial: undefined, fingerprints: undefined }],
};
const installers: InstallerSource = {
  ...common,
  kind: 'installer',
  mirror: SITE,
  defaultMirror: undefined,
  defaultPortsMirror: undefined,
  releases: [{ name: 'one', base: 'one', images: 'netboot', title: 'One' }],
};

describe('the reasons for a selection without an item', () => {
  const rows: readonly (readonly [name: string, source: ImageSource, release: string, codes: readonly string[]])[] = [
    ['name the release that a site of files lacks', files, 'two', ['not-offered']],
    ['name the release that a mirror lacks', installers, 'two', ['not-offered']],
    ['are only that a site of files cannot be read', files, 'one', ['download']],
    ['are only that a mirror cannot be read', installers, 'one', ['download']],
  ];
  for (const [name, source, release, codes] of rows) {
    it(name, { timeout: CASE_MS_MAX }, async () => {
      const place = new DownloadPlace();
      try {
        const wish = { os: '*', release, architectures: [] };
        const means = { downloads: place.queue(), clock: systemClock, mirrors: [] };
        const [answer] = await askSources([source], wish, means);
        const selections = [{ os: 'debian', release, arches: ['*'], subarches: ['*'], labels: ['*'] }];
        assert.deepEqual(answer?.releases, ['debian/one']);
        const { skipped } = planImports([[{ source, selections }, answer]]);
        assert.deepEqual(
          skipped.map(({ reason }) => reason.code),
          codes,
        );
      } finally {
        await place.close();
      }
    });
  }
});
