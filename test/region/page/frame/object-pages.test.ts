// The pages made of the operations of one kind of object, shown with zones and pools.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFieldFaults, formatRefusal, type Outcome, type View } from '../../../../src/region/page/frame/view.ts';
import { PAGES } from '../../../../src/region/page/routes.ts';
import type { Region } from '../../../../src/region/region.ts';
import { withRegion } from '../../place.ts';
import { ADMIN, addViewer, fieldsOf, USER, viewOf } from '../view.ts';

const pageAt = (path: string) => PAGES.find((page) => page.path === path) ?? assert.fail(path);

const rendered = async (region: Region, path: string, more: Partial<View> = {}) =>
  `${await pageAt(path).render(viewOf(region, { viewer: ADMIN, ...more }))}`;

async function sent(region: Region, path: string, form: Readonly<Record<string, string>>, id = ''): Promise<Outcome> {
  return await pageAt(path).act?.(viewOf(region, { viewer: ADMIN, form: fieldsOf(form), path: { id } }));
}

test('a zone is added, changed and deleted by its pages', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const added = await sent(region, '/MAAS/zones/', { name: 'north', description: 'Hall 1' });
    assert.deepEqual([added?.kind, added?.kind === 'done' && added.to], ['done', '/MAAS/zones/']);
    assert.match(await rendered(region, '/MAAS/zones/'), /href="\/MAAS\/zones\/north\/">north<\/a>.*Hall 1/s);
    const one = await rendered(region, '/MAAS/zones/:id/', { path: { id: 'north' } });
    assert.match(one, /name="name"[^>]* value="north"/);
    assert.equal((await sent(region, '/MAAS/zones/:id/', { name: 'south', description: '' }, 'north'))?.kind, 'done');
    assert.deepEqual(
      (await store.areas.list('zone')).map(({ name, description }) => [name, description]),
      [['south', '']],
    );
    assert.equal((await sent(region, '/MAAS/zones/:id/', { do: 'delete' }, 'south'))?.kind, 'done');
    assert.deepEqual(await store.areas.list('zone'), []);
    assert.equal(await sent(region, '/MAAS/zones/:id/', { do: 'delete' }, 'south'), undefined, 'it is gone');
  }));

test('a refusal is shown at the field of its parameter', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const form = { name: '-', description: 'kept' };
    const refused = await sent(region, '/MAAS/pools/', form);
    assert.ok(refused?.kind === 'refusal');
    const again = await rendered(region, '/MAAS/pools/', {
      form: fieldsOf(form),
      refusal: formatRefusal(refused),
      faults: formatFieldFaults(refused),
    });
    assert.match(again, /id="f-name-fault"/);
    assert.match(again, />\nkept<\/textarea>/);
  }));

test('the default zone and pool can be described, not renamed or deleted', () =>
  withRegion(async ({ region }) => {
    for (const [path, id] of [
      ['/MAAS/zones/:id/', 'default'],
      ['/MAAS/pools/:id/', '0'],
    ] as const) {
      const page = await rendered(region, path, { path: { id } });
      assert.match(page, /name="description"/);
      assert.doesNotMatch(page, /name="name"|value="delete"/);
    }
  }));

test('a user sees the zones, and no form', () =>
  withRegion(async ({ region }) => {
    const page = await rendered(region, '/MAAS/zones/', { viewer: USER });
    assert.match(page, />default</);
    assert.doesNotMatch(page, /<textarea|href="\/MAAS\/zones\/default/);
  }));

test('a list of many is shown in pages, and searched', () =>
  withRegion(async ({ region, store }) => {
    const event = { type: 'ZONES', code: 'rack', params: { text: 'made' }, atMs: 1, username: 'admin' } as const;
    for (let number = 1; number <= 120; number += 1)
      await store.areas.add('zone', { name: `zone-${number}`, description: '' }, event);
    const rowsIn = (page: string) => page.split('<td class="first">').length - 1;
    const first = await rendered(region, '/MAAS/zones/');
    assert.equal(rowsIn(first), 100);
    assert.match(first, /href="\?page=2"/);
    assert.equal(rowsIn(await rendered(region, '/MAAS/zones/', { query: fieldsOf({ page: '2' }) })), 21);
    assert.equal(rowsIn(await rendered(region, '/MAAS/zones/', { query: fieldsOf({ page: '999' }) })), 21);
    const found = await rendered(region, '/MAAS/zones/', { query: fieldsOf({ q: 'ZONE-11' }) });
    assert.equal(rowsIn(found), 11);
    assert.match(found, /name="q" type="search" value="ZONE-11"/);
  }));
