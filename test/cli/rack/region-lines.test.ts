// The lines of `rackboot status` about a rack's link to its region.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { awayText, failedAddresses, regionLines } from '../../../src/cli/rack/region-lines.ts';

const NOW_MS = 1_000_000;

const LINK = { addresses: [], since: 0, text: '', regionVersion: '', deadLetters: 0, outboxProblem: '' };
const REGION = {
  mode: 'remote',
  state: 'connected',
  addresses: ['http://a/MAAS'],
  unopened: [],
  eventsWaiting: 0,
  eventsDropped: 0,
  desiredVersion: 4,
  link: LINK,
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

test('the first line names the address in use, and an outage at all addresses is a problem with its beginning', () => {
  const failure = { text: 'http://b/MAAS answers 503: its database does not answer', sinceMs: NOW_MS - 20_000 };
  const addresses = [
    { url: 'http://a/MAAS', isInUse: false, failure: { ...failure, text: 'http://a/MAAS answers 503' } },
    { url: 'http://b/MAAS', isInUse: true, failure },
  ];
  const link = { ...LINK, since: Date.UTC(2026, 0, 1, 9), text: failure.text, addresses };
  const region = { ...REGION, state: 'away', link };
  const lines = regionLines(region, 3, NOW_MS);
  assert.match(lines[0] ?? '', /^Region {2}away at http:\/\/b\/MAAS since .*09:00:00Z, 3 machines/);
  assert.equal(lines.filter((line) => line.includes(failure.text)).length, 1, 'its text is shown once');
  assert.match(awayText(region) ?? '', /^serves this rack at none of its 2 addresses \(since .*09:00:00Z\)$/);
  const single = { ...region, link: { ...link, addresses: addresses.slice(1) } };
  assert.match(awayText(single) ?? '', /^does not serve this rack \(since .*\): http:\/\/b\/MAAS answers 503: /);
  assert.deepEqual([awayText({ ...region, state: 'up' }), awayText(undefined)], [undefined, undefined]);
});

test('a linked rack says of what it has a version, and when it received it', () => {
  const said = (desiredSince?: number): string =>
    regionLines({ ...REGION, desiredSince }, 3, NOW_MS)
      .find((line) => line.includes('settings'))
      ?.trim() ?? '';
  assert.equal(said(NOW_MS - 120_000), 'machines, names and settings of the region, version 4, received 2 min 0 s ago');
  assert.equal(said(), 'machines, names and settings of the region: none received yet');
});
