// The pages of profiles, and the page of a machine that boots one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { View } from '../../../../src/region/page/frame/view.ts';
import { PAGES } from '../../../../src/region/page/routes.ts';
import type { Region } from '../../../../src/region/region.ts';
import { withAskedApi } from '../../asked-api.ts';
import { enlist, report } from '../../place.ts';
import { ADMIN, fieldsOf, USER, viewOf } from '../view.ts';

const pageAt = (path: string) => PAGES.find((page) => page.path === path) ?? assert.fail(path);
const MACHINE = '/MAAS/machines/:machine/';

const rendered = async (region: Region, path: string, more: Partial<View> = {}) =>
  `${await pageAt(path).render(viewOf(region, { viewer: ADMIN, ...more }))}`;

const sent = (region: Region, path: string, form: Readonly<Record<string, string>>, at: View['path'] = {}) =>
  pageAt(path).act?.(viewOf(region, { viewer: ADMIN, form: fieldsOf(form), path: at }));

test('a profile is added and changed by its pages, and shown with what it boots and for whom', () =>
  withAskedApi(async ({ ask, place: { region } }) => {
    const form = {
      name: 'live',
      kind: 'kernel',
      file: 'profiles/vmlinuz',
      initrds: 'a\nb',
      tags: 'gpu',
      offered: 'true',
    };
    assert.equal((await sent(region, '/MAAS/profiles/', form))?.kind, 'done');
    assert.deepEqual((await ask('GET', '2.0/profiles/live/')).json.initrds, ['a', 'b']);
    const list = await rendered(region, '/MAAS/profiles/');
    for (const shown of ['href="/MAAS/profiles/live/"', 'profiles/vmlinuz', 'gpu'])
      assert.ok(list.includes(shown), shown);
    const one = await rendered(region, '/MAAS/profiles/:id/', { path: { id: 'live' } });
    assert.match(one, /name="file"[^>]* value="profiles\/vmlinuz"/);
    const changed = { ...form, file: '/etc/shadow' };
    const refused = await sent(region, '/MAAS/profiles/:id/', changed, { id: 'live' });
    assert.deepEqual(refused?.kind === 'refusal' && Object.keys(refused.fields ?? {}), ['file']);
  }));

test('the page of a machine names the profile that it boots, and one button leads back to its life', () =>
  withAskedApi(async ({ ask, place: { region, store } }) => {
    const { systemId } = await enlist(region, report([0x525400000001]));
    await store.changeMachine(systemId, 1, () => ({ kind: 'change', fields: { status: 'ready' }, events: [] }));
    const path = { machine: systemId };
    assert.doesNotMatch(await rendered(region, MACHINE, { path }), /leave-profile/);
    await ask('POST', '2.0/profiles/', { name: 'live', file: 'x', pools: 'default' });
    const page = await rendered(region, MACHINE, { path });
    assert.match(page, /href="\/MAAS\/profiles\/live\/"/);
    assert.match(page, /name="do" value="leave-profile"/);
    const list = await rendered(region, '/MAAS/machines/');
    assert.match(list, /href="\/MAAS\/profiles\/live\/"/);
    assert.ok(list.includes(`action="/MAAS/machines/${systemId}/"`), 'the list has the button, too');
    const ofUser = await rendered(region, MACHINE, { path, viewer: USER });
    assert.match(ofUser, /profiles\/live/);
    assert.doesNotMatch(ofUser, /leave-profile/);
    assert.equal((await sent(region, MACHINE, { do: 'leave-profile' }, path))?.kind, 'done');
    assert.doesNotMatch(await rendered(region, MACHINE, { path }), /leave-profile/);
    assert.doesNotMatch(await rendered(region, '/MAAS/machines/'), /leave-profile/);
  }));
