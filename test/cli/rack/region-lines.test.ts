// The lines of `rackboot status` about a rack's link to its region.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { regionLines } from '../../../src/cli/rack/region-lines.ts';

const NOW_MS = 1_000_000;

test('a linked rack says of what it has a version, and when it received it', () => {
  const link = { since: 0, text: '', regionVersion: '', deadLetters: 0, outboxProblem: '' };
  const region = {
    ...{ mode: 'remote', state: 'connected', addresses: ['http://10.20.0.5:5240/MAAS'], unopened: [] },
    ...{ eventsWaiting: 0, eventsDropped: 0, desiredVersion: 4, link },
  };
  const said = (desiredSince?: number): string =>
    regionLines({ ...region, desiredSince }, 3, NOW_MS)
      .find((line) => line.includes('settings'))
      ?.trim() ?? '';
  assert.equal(said(NOW_MS - 120_000), 'machines, names and settings of the region, version 4, received 2 min 0 s ago');
  assert.equal(said(), 'machines, names and settings of the region: none received yet');
});
