// What is wrong, on the page of health and on the overview: each problem that racks report and that the region sees, with its remedy; nothing
// where nothing is wrong.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerRack } from '../../../../src/region/http/link.ts';
import type { View } from '../../../../src/region/page/frame/view.ts';
import { OVERVIEW_PAGE } from '../../../../src/region/page/home/overview.ts';
import { HEALTH_PAGE } from '../../../../src/region/page/racks/health-page.ts';
import { AWAY_AFTER_MS } from '../../../../src/region/records/rack.ts';
import { type RegionPlace, withRegion } from '../../place.ts';
import { acceptRack, heartbeatOf, RACK_UUID, register, registration } from '../../racks/rack-place.ts';
import { ADMIN, addViewer, USER, viewOf } from '../view.ts';

async function show({ region }: RegionPlace, more: Partial<View> = {}) {
  const shown = await HEALTH_PAGE.render(viewOf(region, { viewer: ADMIN, ...more }));
  return (shown ?? assert.fail('no page')).toString();
}

const problemsIn = (text: string) => text.match(/list-item need red-edge/g)?.length ?? 0;
const notesIn = (text: string) => (text.match(/list-item need /g)?.length ?? 0) - problemsIn(text);

/** A heartbeat of the rack with this state of its host. */
async function beat({ region, clock }: RegionPlace, host: object, more: object = {}) {
  const rack = region.racks.find(RACK_UUID) ?? assert.fail('no rack');
  const measures = {
    startedMs: 1,
    counts: { leases: 0, tftpBytes: 0, httpBytes: 0, dnsQueries: 0 },
    taken: 0,
    usable: 0,
    listening: { dhcp: [], tftp: [], http: [], dns: [] },
    host: { atMs: clock.wallTimeMs(), memoryBytes: 2 ** 27, findings: [], ...host },
  };
  return await answerRack(region, rack, {
    kind: 'heartbeat',
    body: heartbeatOf({ deadLetters: 0, measures, ...more }),
  });
}

test('a region without problems says so, and how a rack is examined', () =>
  withRegion(async (place) => {
    await acceptRack(place.region);
    assert.equal((await beat(place, {})).kind, 'json');
    const text = await show(place);
    assert.deepEqual([problemsIn(text), notesIn(text)], [0, 0]);
    assert.match(text, /Nothing is wrong/);
    assert.match(text, /rackboot doctor --fix-hint/);
    assert.match(text, /128\u00a0MiB/);
  }));

test('what a rack reports is a problem or a note, with the command that helps, and as text', () =>
  withRegion(async (place) => {
    await acceptRack(place.region);
    const findings = [
      { check: 'DHCP on eth1', text: 'belongs to <dnsmasq>', isNote: false, fix: 'sudo ss -lunp' },
      { check: 'metrics', text: 'not served', isNote: true },
    ];
    await beat(place, { findings });
    const text = await show(place);
    assert.deepEqual([problemsIn(text), notesIn(text)], [1, 1]);
    assert.match(text, /Belongs to &lt;dnsmasq&gt;.*<code class="lines">sudo ss -lunp<\/code>/s);
    await beat(place, {});
    assert.equal(problemsIn(await show(place)), 0);
  }));

test('a clock that is off, refused events, a full disk and silence are found by the region', () =>
  withRegion(async (place) => {
    await acceptRack(place.region);
    await beat(place, { atMs: place.clock.wallTimeMs() - 60_000 });
    assert.match(await show(place), /differ by 60 s|differ by 1 min/);
    await beat(place, {}, { deadLetters: 3 });
    assert.match(await show(place), /3 events.*sudo rackboot outbox/s);
    await beat(place, { disk: { freeBytes: 1, totalBytes: 1000 } });
    assert.equal(notesIn(await show(place)), 1);
    const nowMs = place.clock.wallTimeMs() + AWAY_AFTER_MS + 1;
    assert.equal(problemsIn(await show(place, { nowMs })), 1);
  }));

test('the threads of a rack are shown with their shares of the time, as text, and its longest delay', () =>
  withRegion(async (place) => {
    await acceptRack(place.region);
    assert.doesNotMatch(await show(place), /Threads/);
    const threads = [
      { name: 'rack', busy: 0.034 },
      { name: '<region>', busy: 0.5 },
    ];
    assert.equal((await beat(place, { running: { threads, delayMs: 1234 } })).kind, 'json');
    assert.match(await show(place), /Threads.*rack 3 %.*&lt;region&gt; 50 %.*1\.2 s/s);
    assert.equal((await beat(place, { running: { threads: [{ name: 'x', busy: 2 }], delayMs: 0 } })).kind, 'refusal');
    const many = Array.from({ length: 33 }, () => ({ name: 'x', busy: 0 }));
    assert.equal((await beat(place, { running: { threads: many, delayMs: 0 } })).kind, 'refusal');
  }));

test('a rack that waits is a note, and one that was rejected is nothing', () =>
  withRegion(async (place) => {
    await register(place.region, registration());
    assert.equal(notesIn(await show(place)), 1);
    await place.region.racks.judge([RACK_UUID], 'reject', 'admin');
    assert.equal(notesIn(await show(place)), 0);
  }));

test('too many findings, or one that is too long, are refused as a whole', () =>
  withRegion(async (place) => {
    await acceptRack(place.region);
    const one = { check: 'x', text: 'y', isNote: true };
    assert.equal((await beat(place, { findings: Array.from({ length: 65 }, () => one) })).kind, 'refusal');
    assert.equal((await beat(place, { findings: [{ ...one, text: 'y'.repeat(1001) }] })).kind, 'refusal');
    assert.equal((await beat(place, { findings: Array.from({ length: 64 }, () => one) })).kind, 'json');
  }));

/** The edge, the address of the button, and the text of each line of what needs a person. */
async function needsOf({ region }: RegionPlace, more: Partial<View> = {}) {
  const page = `${await OVERVIEW_PAGE.render(viewOf(region, { viewer: ADMIN, ...more }))}`;
  return [...page.matchAll(/<li class="list-item need (\w*)-edge">(.*?)<\/li>/gs)].map(([, edge = '', item = '']) => ({
    edge,
    to: /class="button[^"]*" href="([^"]*)"/.exec(item)?.[1],
    item,
  }));
}

const RACK = `/MAAS/racks/${RACK_UUID}/`;
const HOSTS: readonly (readonly [name: string, host: object, edge: string, to: string])[] = [
  ['a disk that is nearly full', { disk: { freeBytes: 1, totalBytes: 1000 } }, 'amber', '/MAAS/images/'],
  [
    'DHCP that cannot be served on an interface',
    { findings: [{ check: 'DHCP on far', text: 'x', isNote: false }] },
    'red',
    `/MAAS/networks/interfaces/${RACK_UUID}/far/`,
  ],
  [
    'a network that is not served',
    { findings: [{ check: 'network away', text: 'x', isNote: false }] },
    'red',
    '/MAAS/networks/',
  ],
  [
    'a configuration that is refused',
    { findings: [{ check: 'configuration', text: 'x', isNote: false }] },
    'red',
    '/MAAS/settings/',
  ],
  ['what has no page', { findings: [{ check: 'constructor', text: 'x', isNote: false }] }, 'red', RACK],
];

for (const [name, host, edge, to] of HOSTS) {
  test(`${name} needs an administrator, with a button to the page where it is mended, and is no matter of users`, () =>
    withRegion(async (place) => {
      await acceptRack(place.region);
      await beat(place, host);
      const [need, ...others] = await needsOf(place);
      assert.deepEqual([need?.edge, need?.to, others.length], [edge, to, 0]);
      assert.match(await show(place), new RegExp(`need ${edge}-edge.*class="button[^"]*" href="${to}"`, 's'));
      assert.deepEqual(await needsOf(place, { viewer: USER }), []);
    }));
}

test('a disk that is too full and a full range, which the overview counts itself, are each said once', () =>
  withRegion(async (place) => {
    await acceptRack(place.region);
    const findings = [
      { check: 'disk', text: 'x', isNote: false },
      { check: 'range of 10.50.0.0/24', text: 'y', isNote: false },
    ];
    await beat(place, { disk: { freeBytes: 1, totalBytes: 1000 }, findings });
    assert.deepEqual(
      (await needsOf(place)).map(({ to }) => to),
      ['/MAAS/images/'],
    );
    const text = await show(place);
    assert.equal(problemsIn(text), 2);
    assert.match(text, new RegExp(`range of.*href="/MAAS/networks/interfaces/${RACK_UUID}/far/"`, 's'));
  }));

test('a note of a host needs nobody', () =>
  withRegion(async (place) => {
    await acceptRack(place.region);
    await beat(place, { findings: [{ check: 'metrics', text: 'not served', isNote: true }] });
    assert.deepEqual(await needsOf(place), []);
  }));

test('an upstream DNS server that does not answer is amber while another one is asked, and red if it was the last', () =>
  withRegion(async (place) => {
    const { region } = place;
    await addViewer(region.store);
    const edits = [{ key: 'dns.upstream', value: ['192.0.2.53', '198.51.100.53'] }];
    assert.equal(await region.settings.change('', edits, ADMIN.username), undefined);
    const fail = (sequence: number, address: string, kind: string) =>
      region.observe([
        { kind, address, params: { port: 53, count: 3 }, text: '', sequence, at: region.clock.wallTimeMs() },
      ]);
    await fail(1, '192.0.2.53', 'dns.upstream-failed');
    const [first, ...others] = await needsOf(place);
    assert.deepEqual([first?.edge, first?.to, others.length], ['amber', '/MAAS/settings/#dns', 0]);
    assert.match(first?.item ?? '', /192\.0\.2\.53.*<time datetime="[^"]*" title="[^"]* UTC">/);
    await fail(2, '198.51.100.53', 'dns.upstream-failed');
    assert.deepEqual(
      (await needsOf(place)).map(({ edge }) => edge),
      ['red', 'red'],
    );
    assert.equal(problemsIn(await show(place)), 2);
    await fail(3, '192.0.2.53', 'dns.upstream-recovered');
    await fail(4, '198.51.100.53', 'dns.upstream-recovered');
    assert.deepEqual(await needsOf(place), []);
    assert.match(await show(place), /Nothing is wrong/);
  }));

test('of very many findings the first need somebody here, and a link leads to all', () =>
  withRegion(async (place) => {
    await acceptRack(place.region);
    await beat(place, {
      findings: Array.from({ length: 14 }, (_, index) => ({ check: `x${index}`, text: 'y', isNote: false })),
    });
    const needs = await needsOf(place);
    assert.deepEqual([needs.length, needs.at(-1)?.to], [11, '/MAAS/health/']);
    assert.match(needs.at(-1)?.item ?? '', /4 more problems/);
  }));
