// The page on which a person decides which hardware a machine is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFieldFaults, formatRefusal } from '../../../../src/region/page/frame/view.ts';
import { conflictNeeds, renderNeeds } from '../../../../src/region/page/home/needs.ts';
import { IDENTITY_PAGE } from '../../../../src/region/page/machines/identity-page.ts';
import type { Region } from '../../../../src/region/region.ts';
import { enlist, facts, macsOf, report, withRegion } from '../../place.ts';
import { acceptRack, RACK_UUID } from '../../racks/rack-place.ts';
import { ADMIN, addViewer, fieldsOf, USER, viewOf } from '../view.ts';

const A = 0x525400000001;
const B = 0x525400000002;

/** Two machines, of which a third report has the addresses of both. */
async function doubt(region: Region) {
  const one = await enlist(region, report([A], { hostname: 'one', facts: facts({ serial: 'SN1' }) }));
  const two = await enlist(region, report([B], { hostname: 'two' }));
  await enlist(region, report([B, A]));
  return { one: one.systemId, two: two.systemId };
}

const viewAt = (region: Region, machine: string, form: Readonly<Record<string, string>> = {}) =>
  viewOf(region, { viewer: ADMIN, path: { machine }, form: fieldsOf(form) });

test('a doubt leads from the front page to both machines, side by side, with a button for each way out', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const { one, two } = await doubt(region);
    const needs = `${renderNeeds(await conflictNeeds(viewOf(region, { viewer: ADMIN })), true)}`;
    assert.match(needs, /href="\/MAAS\/machines\/\w+\/identity\/"/);
    const user = `${renderNeeds(await conflictNeeds(viewOf(region, { viewer: USER })), true)}`;
    assert.equal(user.includes('/identity/'), false, 'only an administrator decides');
    const page = `${await IDENTITY_PAGE.render(viewAt(region, one))}`;
    assert.match(page, new RegExp(`action="/MAAS/machines/${one}/identity/".*name="other" value="${two}"`, 's'));
    assert.match(page, new RegExp(`action="/MAAS/machines/${two}/identity/".*name="other" value="${one}"`, 's'));
    assert.match(page, /name="do" value="keep-apart"/);
  }));

test('two machines are merged into the one that is kept', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const { one, two } = await doubt(region);
    const outcome = await IDENTITY_PAGE.act?.(viewAt(region, two, { do: 'merge', other: one }));
    assert.deepEqual(outcome?.kind === 'done' && outcome.to, `/MAAS/machines/${two}/`);
    assert.deepEqual([...macsOf(await store.findMachine(two))].toSorted(), [A, B]);
    assert.equal(await store.findMachine(one), undefined);
    assert.deepEqual(await store.listConflicts(10), []);
  }));

test('two machines that are kept apart are no doubt any more', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const { one, two } = await doubt(region);
    assert.equal((await IDENTITY_PAGE.act?.(viewAt(region, one, { do: 'keep-apart', other: two })))?.kind, 'done');
    assert.deepEqual(await store.listConflicts(10), []);
    assert.equal(`${await IDENTITY_PAGE.render(viewAt(region, one))}`.includes('value="keep-apart"'), false);
  }));

test('a machine is split by ticks of its interfaces, and a wrong machine to merge is refused in its own form', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const { systemId } = await enlist(region, report([A, B]));
    const page = `${await IDENTITY_PAGE.render(viewAt(region, systemId))}`;
    assert.match(page, /type="checkbox" name="mac_addresses" value="52:54:00:00:00:02"/);
    const form = { do: 'split', mac_addresses: '52:54:00:00:00:02' };
    assert.equal((await IDENTITY_PAGE.act?.(viewAt(region, systemId, form)))?.kind, 'done');
    assert.deepEqual(macsOf(await store.findMachine(systemId)), [A]);
    assert.equal(await store.countMachines({}), 2);
    const view = viewAt(region, systemId, { do: 'merge', other: systemId });
    const refused = await IDENTITY_PAGE.act?.(view);
    assert.ok(refused?.kind === 'refusal');
    const again = await IDENTITY_PAGE.render({
      ...view,
      refusal: formatRefusal(refused),
      faults: formatFieldFaults(refused),
    });
    assert.match(`${again}`, /id="f-other-fault"/);
  }));

test('a machine is moved to a rack that was accepted', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const { systemId } = await enlist(region, report([A]));
    assert.equal(`${await IDENTITY_PAGE.render(viewAt(region, systemId))}`.includes('value="move"'), false);
    await acceptRack(region);
    assert.match(`${await IDENTITY_PAGE.render(viewAt(region, systemId))}`, new RegExp(`value="${RACK_UUID}"`));
    const outcome = await IDENTITY_PAGE.act?.(viewAt(region, systemId, { do: 'move', rack: RACK_UUID, network: '' }));
    assert.equal(outcome?.kind, 'done', JSON.stringify(outcome));
  }));
