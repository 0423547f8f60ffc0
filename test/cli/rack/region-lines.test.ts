// The lines of `rackboot status` about a rack's link to its region.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failedAddresses, regionLines } from '../../../src/cli/rack/region-lines.ts';

const NOW_MS = 1_000_000;

const LINK = { addresses: [], since: 0, text: '', regionVersion: '', deadLetters: 0, outboxProblem: '' };
const REGION = {
  ...{ mode: 'remote', state: 'connected', addresses: ['http://a/MAAS'], unopened: [] },
  ...{ eventsWaiting: 0, eventsDropped: 0, desiredVersion: 4, link: LINK },
};

test('each of several addresses is shown with its last answer, or with its failure and how long it has lasted', () => {
  const failure = { text: 'http://b/MAAS does not answer: ECONNREFUSED', sinceMs: NOW_MS - 300_000 };
  const addresses = [
    { url: 'http://a/MAAS', isInUse: true, answeredMs: NOW_MS - 3000 },
    { url: 'http://b/MAAS', isInUse: false, answeredMs: NOW_MS - 400_000, failure },
    { url: 'http://c/MAAS', isInUse: false },
  ];
  const lines = regionLines({ ...REGION, link: { ...LINK, addresses } }, 3, NOW_MS);
  assert.deepEqual(
    lines.filter((line) => /\/MAAS (?!.*since)/.test(line)),
    [
      '        http://a/MAAS is in use, answered 3 s ago',
      '        http://c/MAAS not asked yet',
      'Beware  http://b/MAAS does not answer: ECONNREFUSED (for 5 min 0 s)',
    ],
  );
  assert.deepEqual(failedAddresses(addresses, NOW_MS), ['http://b/MAAS does not answer: ECONNREFUSED (for 5 min 0 s)']);
  // The state of the link says it of a single address.
  assert.deepEqual(failedAddresses([{ url: 'http://b/MAAS', isInUse: true, failure }], NOW_MS), []);
});

test('a linked rack says of what it has a version, and when it received it', () => {
  const said = (desiredSince?: number): string =>
    regionLines({ ...REGION, desiredSince }, 3, NOW_MS)
      .find((line) => line.includes('settings'))
      ?.trim() ?? '';
  assert.equal(said(NOW_MS - 120_000), 'machines, names and settings of the region, version 4, received 2 min 0 s ago');
  assert.equal(said(), 'machines, names and settings of the region: none received yet');
});
