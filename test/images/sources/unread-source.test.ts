// The answer of a source of which nothing could be read, and of one that lacks what is selected: only the former needs no further reason.
// @host waits

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ImageSource } from '../../../src/images/sources/source.ts';
import { planImports } from '../../../src/region-host/imports/plan.ts';
import { answerOf, filesSource, installerSource } from '../../support/offers.ts';

const CASE_MS_MAX = 30_000;
/** Nothing listens there. */
const SITE = 'http://127.0.0.1:1/';
const trust = { kind: 'signed', keyrings: ['/nowhere'], keyUrl: undefined, fingerprints: undefined } as const;
const files = filesSource({ trust, directory: SITE });
const installers = installerSource('one', { trust, mirror: SITE });

describe('the reasons for a selection without an item', () => {
  const rows: readonly (readonly [name: string, source: ImageSource, release: string, codes: readonly string[]])[] = [
    ['name the release that a site of files lacks', files, 'two', ['not-offered']],
    ['name the release that a mirror lacks', installers, 'two', ['not-offered']],
    ['are only that a site of files cannot be read', files, 'one', ['download']],
    ['are only that a mirror cannot be read', installers, 'one', ['download']],
  ];
  for (const [name, source, release, codes] of rows) {
    it(name, { timeout: CASE_MS_MAX }, async () => {
      const answer = await answerOf(source, { release });
      const selections = [{ os: 'debian', release, arches: ['*'], subarches: ['*'], labels: ['*'] }];
      assert.deepEqual(answer.releases, ['debian/one']);
      const { skipped } = planImports([[{ source, selections }, answer]]);
      assert.deepEqual(
        skipped.map(({ reason }) => reason.code),
        codes,
      );
    });
  }
});
