// The page of health: each problem that racks report and that the region sees, with its remedy; nothing where nothing is wrong.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerRack } from '../../../src/region/http/link.ts';
import { HEALTH_PAGE } from '../../../src/region/page/health-page.ts';
import type { View } from '../../../src/region/page/view.ts';
import { AWAY_AFTER_MS } from '../../../src/region/records/rack.ts';
import { type RegionPlace, withRegion } from '../place.ts';
import { acceptRack, heartbeatOf, RACK_UUID, register, registration } from '../racks/rack-place.ts';
import { ADMIN, viewOf } from './view.ts';

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
    assert.match(text, /belongs to &lt;dnsmasq&gt;.*<code class="lines">sudo ss -lunp<\/code>/s);
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
