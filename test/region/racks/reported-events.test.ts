// A rack's events on their way into the region: it writes the same sentence from their fields as the rack's log, and believes no field that
// does not fit.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBatch, parseLinkEntry } from '../../../src/region/racks/rack-news.ts';
import { eventSentence } from '../../../src/region/records/events.ts';
import type { MachineEvent, RackReport } from '../../../src/region/records/machine-event.ts';
import { withRegion } from '../place.ts';
import { batchOf, RACK_UUID, reportEntry } from './rack-place.ts';

/** The report as the region reads it; undefined if it refuses it. */
function received(sequence: number, report: object): RackReport | undefined {
  const batch = parseBatch(RACK_UUID, batchOf([reportEntry(sequence, 'x', report)]));
  assert.ok(batch.ok);
  const [entry] = batch.value.entries.map(parseLinkEntry);
  return entry?.kind === 'report' ? { sequence, ...entry.report } : undefined;
}

/** The events that the region stores of these reports, the first first. */
async function storedOf(reports: readonly object[]): Promise<readonly MachineEvent[]> {
  let events: readonly MachineEvent[] = [];
  await withRegion(async ({ store }) => {
    await store.recordReports(
      'rack',
      reports.flatMap((one, index) => received(index + 1, one) ?? []),
    );
    events = (await store.listEvents({ limit: 1000 })).toReversed();
  });
  return events;
}

const said = (events: readonly MachineEvent[]): readonly string[] => events.map((event) => eventSentence(event));

const ACK = { kind: 'dhcp.ack', mac: '52:54:00:00:00:01', address: '10.20.0.100', text: 'the rack’s sentence' };
const HOSTILE = '\u001b[2J\u009b\u202e';

test('fields that do not fit leave the rack’s sentence; unknown ones are dropped', async () => {
  const wrong: readonly object[] = [
    { leaseSeconds: '600' },
    { leaseSeconds: null },
    { leaseSeconds: [600] },
    { leaseSeconds: 1e15 },
    { leaseSeconds: -1e300 },
    { hostname: 7 },
    { hostname: { toString: 'x' } },
    { renewal: 'true' },
    { count: 'many' },
  ];
  const stored = await storedOf([
    ...wrong.map((params) => ({ ...ACK, params })),
    { ...ACK, params: { leaseSeconds: 600, token: 'a secret', odd: { deep: [1] }, mac: 'x', address: 'y' } },
    { ...ACK, address: 'nonsense', params: {} },
    { ...ACK, kind: 'config.changed', params: { key: 'log' } },
    { ...ACK, kind: 'daemon.note', params: { note: 'of-a-later-version', reason: 'x' } },
    { ...ACK, kind: 'daemon.note', params: { note: 'tree-unwatched', reason: 'x' } },
    { ...ACK, kind: 'dhcp.offer', params: { source: 'of a later version' } },
  ]);
  assert.deepEqual(said(stored), [
    ...wrong.map(() => 'the rack’s sentence'),
    'Leased 10.20.0.100 for 10 min',
    'Leased an address',
    'the rack’s sentence',
    'the rack’s sentence',
    'the rack’s sentence',
    'the rack’s sentence',
  ]);
  const kept = stored[wrong.length];
  assert.deepEqual(kept?.code === 'dhcp.ack' ? { ...kept.params } : kept, {
    leaseSeconds: 600,
    mac: '52:54:00:00:00:01',
    address: '10.20.0.100',
  });
});

test('parameters that are not a record are refused; other events of the batch are not', () => {
  for (const params of ['x', 1, [], null, true]) assert.equal(received(1, { ...ACK, params }), undefined);
  assert.ok(received(1, ACK));
});

test('an event of an unknown kind, or without fields, keeps its sentence', async () => {
  const stored = await storedOf([
    { ...ACK, kind: 'dhcp.of-a-later-version', params: { odd: 'x', deep: { list: [1] } } },
    { ...ACK, kind: 'toString', params: { odd: 'x' } },
    ACK,
  ]);
  assert.deepEqual(said(stored), Array(3).fill('the rack’s sentence'));
});

test('hostile texts are cleaned, and huge ones are cut, one by one and all together', async () => {
  const long = 'x'.repeat(100_000);
  const [clean, cut] = await storedOf([
    { ...ACK, params: { hostname: HOSTILE, classes: 'a\nb' } },
    { ...ACK, params: { hostname: long, classes: long, circuitId: long, remoteId: long } },
  ]);
  assert.ok(clean !== undefined && cut !== undefined);
  assert.equal(eventSentence(clean), 'Leased 10.20.0.100 (\\x1b[2J\\x9b\\u202e), in class a; b');
  assert.ok(JSON.stringify(cut.code === 'dhcp.ack' ? cut.params : '').length < 1500);
  assert.equal(eventSentence(cut).length, 500);
});
