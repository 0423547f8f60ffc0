// The pages of racks: what each serves and measured, what to do about a silent one, and what an administrator decides about it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerRack } from '../../../../src/region/http/link.ts';
import type { PageDefinition, View } from '../../../../src/region/page/frame/view.ts';
import { OVERVIEW_PAGE } from '../../../../src/region/page/home/overview.ts';
import { RACK_PAGES } from '../../../../src/region/page/racks/rack-page.ts';
import { RACKS_PAGE } from '../../../../src/region/page/racks/racks-page.ts';
import { AWAY_AFTER_MS } from '../../../../src/region/records/rack.ts';
import { type RegionPlace, withRegion } from '../../place.ts';
import { acceptRack, heartbeatOf, RACK_UUID, rackInterface, register, registration } from '../../racks/rack-place.ts';
import { ADMIN, addViewer, USER, viewOf } from '../view.ts';

const pageAt = (end: string) => RACK_PAGES.find(({ path }) => path.endsWith(end)) ?? assert.fail(end);
const RACK = pageAt('/:rack/');
const VERB = pageAt('/:verb/');
const EDIT = pageAt('/edit/');

async function show({ region }: RegionPlace, page: PageDefinition, more: Partial<View> = {}) {
  const shown = await page.render(viewOf(region, { viewer: ADMIN, path: { rack: RACK_UUID }, ...more }));
  return (shown ?? assert.fail('no page')).toString();
}

const send = (
  { region }: RegionPlace,
  page: PageDefinition,
  path: object,
  fields: Readonly<Record<string, string>> = {},
) =>
  page.act?.(
    viewOf(region, {
      viewer: ADMIN,
      path: { rack: RACK_UUID, ...path },
      form: new Map(Object.entries(fields).map(([name, value]) => [name, [value]])),
    }),
  );

const MEASURES = {
  startedMs: 1,
  counts: { leases: 0, tftpBytes: 0, httpBytes: 0, dnsQueries: 0 },
  taken: 7,
  usable: 100,
  listening: { dhcp: ['eth1:67'], tftp: ['10.50.0.1:69'], http: ['10.50.0.1:5248'], dns: ['<b>:53'] },
};

test('a rack has its networks, its listeners and the fill of its ranges, as it reports them', () =>
  withRegion(async (place) => {
    const rack = await acceptRack(place.region);
    assert.doesNotMatch(await show(place, RACK), /<svg/);
    const answer = await answerRack(place.region, rack, {
      kind: 'heartbeat',
      body: heartbeatOf({ measures: MEASURES }),
    });
    assert.equal(answer.kind, 'json');
    const text = await show(place, RACK);
    assert.match(text, /10\.50\.0\.0\/24/);
    assert.match(text, /10\.50\.0\.100 – 10\.50\.0\.199/);
    assert.match(text, /10\.50\.0\.1:69/);
    assert.match(text, /&lt;b&gt;:53/);
    assert.match(text, /now 7 of 100, at most 7 of 100/);
    assert.equal(text.match(/<svg/g)?.length, 1);
  }));

test('measures that are no numbers, or moments that no date can name, are refused, and those of an older rack may be absent', () =>
  withRegion(async (place) => {
    const rack = await acceptRack(place.region);
    const beat = (measures: object) =>
      answerRack(place.region, rack, { kind: 'heartbeat', body: heartbeatOf({ measures }) });
    assert.equal((await beat({ ...MEASURES, taken: -1 })).kind, 'refusal');
    assert.equal((await beat({ ...MEASURES, listening: {} })).kind, 'refusal');
    assert.equal((await beat({ ...MEASURES, startedMs: Number.MAX_SAFE_INTEGER })).kind, 'refusal');
    const late = heartbeatOf({ startedAt: Number.MAX_SAFE_INTEGER });
    assert.equal((await answerRack(place.region, rack, { kind: 'heartbeat', body: late })).kind, 'refusal');
    assert.deepEqual(place.region.racks.samplesOf(RACK_UUID), []);
  }));

test('a silent rack says so in red, with what to do', () =>
  withRegion(async (place) => {
    await acceptRack(place.region);
    const nowMs = place.clock.wallTimeMs() + AWAY_AFTER_MS + 1000;
    assert.match(await show(place, RACK, { nowMs }), /class="alert red" role="alert">.*sudo rackboot status/s);
    const since = new RegExp(
      `silent.*<time datetime="[^"]*" title="[^"]* UTC">.*class="button[^"]*" href="/MAAS/racks/${RACK_UUID}/"`,
      's',
    );
    for (const page of [RACKS_PAGE, OVERVIEW_PAGE])
      assert.match(await show(place, page, { nowMs, viewer: USER }), since);
    assert.match(await show(place, RACKS_PAGE, { nowMs }), /pill red/);
  }));

test('a waiting rack has the button to accept it wherever it is listed, for those who may', () =>
  withRegion(async (place) => {
    await register(place.region, registration());
    for (const page of [RACKS_PAGE, OVERVIEW_PAGE]) {
      assert.match(
        await show(place, page),
        new RegExp(`class="button[^"]*" href="/MAAS/racks/${RACK_UUID}/do/accept/">Accept<`),
      );
      const ofUser = await show(place, page, { viewer: USER });
      assert.match(ofUser, /rack-2/);
      assert.doesNotMatch(ofUser, /do\/accept/);
    }
  }));

test('an accepted rack with a network in doubt is accepted again, with that network', () =>
  withRegion(async (place) => {
    const { region } = place;
    await addViewer(region.store);
    await acceptRack(region);
    const uuid = '11111111-2222-4333-8444-555555555509';
    const key = { kind: 'own', token: 'token-of-9', secretDigest: 'a'.repeat(64) } as const;
    await register(region, registration({ uuid, name: 'rack-9', key }));
    await send(place, VERB, { rack: uuid, verb: 'accept' });
    assert.deepEqual(region.racks.find(uuid)?.disputed, ['10.50.0.0/24']);
    assert.match(await show(place, RACKS_PAGE), new RegExp(`href="/MAAS/racks/${uuid}/do/accept/"`));
    const again = await send(place, VERB, { rack: uuid, verb: 'accept' }, { share: '10.50.0.0/24' });
    assert.equal(again?.kind, 'done');
    assert.deepEqual(region.racks.find(uuid)?.disputed, []);
    assert.doesNotMatch(await show(place, RACKS_PAGE), /do\/accept/);
  }));

test('a waiting rack is accepted, with a network of another rack only if it is ticked, and deleted', () =>
  withRegion(async (place) => {
    const { region } = place;
    await addViewer(region.store);
    await acceptRack(region);
    const uuid = '11111111-2222-4333-8444-555555555509';
    const other = registration({
      uuid,
      name: 'rack-9',
      key: { kind: 'own', token: 'token-of-9', secretDigest: 'a'.repeat(64) },
    });
    await register(region, other);
    const form = await show(place, VERB, { path: { rack: uuid, verb: 'accept' } });
    assert.match(form, /name="share" value="10\.50\.0\.0\/24"/);
    const accepted = await send(place, VERB, { rack: uuid, verb: 'accept' }, { share: '10.50.0.0/24' });
    assert.equal(accepted?.kind, 'done');
    assert.deepEqual(region.racks.find(uuid)?.disputed, []);
    assert.equal(region.racks.find(uuid)?.state, 'accepted');
    assert.equal((await send(place, VERB, { rack: uuid, verb: 'delete' }))?.kind, 'done');
    assert.equal(region.racks.find(uuid), undefined);
  }));

test('a rejected rack is shown, and only an administrator gets the buttons', () =>
  withRegion(async (place) => {
    await addViewer(place.region.store);
    await register(place.region, registration());
    assert.doesNotMatch(await show(place, RACK, { viewer: USER }), /do\/accept/);
    assert.equal((await send(place, VERB, { verb: 'reject' }))?.kind, 'done');
    const text = await show(place, RACK);
    assert.match(text, /pill grey/);
    assert.match(text, /do\/accept/);
    assert.match(text, /do\/delete/);
    assert.doesNotMatch(text, /do\/reject/);
  }));

test('the note of a rack is changed, and shown as text', () =>
  withRegion(async (place) => {
    await addViewer(place.region.store);
    await acceptRack(place.region);
    assert.match(await show(place, EDIT), /name="description"/);
    assert.equal((await send(place, EDIT, {}, { zone: 'default', description: 'hall <2>' }))?.kind, 'done');
    assert.match(await show(place, RACK), /hall &lt;2&gt;/);
  }));

test('a rack is found by its name if no other has it, and an unknown one is no page', () =>
  withRegion(async (place) => {
    await acceptRack(place.region);
    assert.match(await show(place, RACK, { path: { rack: 'rack-2' } }), /<h1>rack-2<\/h1>/);
    const view = viewOf(place.region, { viewer: ADMIN, path: { rack: 'rack-3' } });
    assert.equal(await RACK.render(view), undefined);
  }));

test('an empty list of racks teaches, and says to an administrator how one joins', () =>
  withRegion(async (place) => {
    const text = await show(place, RACKS_PAGE);
    assert.match(text, /No racks yet/);
    assert.match(text, /rackboot init --region/);
    const reached = await show(place, RACKS_PAGE, { origin: 'http://10.20.0.1:5240' });
    assert.match(reached, /--region http:\/\/10\.20\.0\.1:5240\/MAAS/);
    assert.doesNotMatch(await show(place, RACKS_PAGE, { viewer: USER }), /rackboot init --region/);
    await acceptRack(place.region, { interfaces: [rackInterface()] });
    assert.match(await show(place, RACKS_PAGE), new RegExp(`href="/MAAS/racks/${RACK_UUID}/"`));
  }));
