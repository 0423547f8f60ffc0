// The pages of DNS: domains, the names in one and where each comes from, records, and upstream servers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SettingValue } from '../../../../src/machines/settings.ts';
import type { Outcome, View } from '../../../../src/region/page/frame/view.ts';
import { PAGES } from '../../../../src/region/page/routes.ts';
import type { Region } from '../../../../src/region/region.ts';
import { report, withRegion } from '../../place.ts';
import { ADMIN, addViewer, fieldsOf, USER, viewOf } from '../view.ts';

const pageAt = (path: string) => PAGES.find((page) => page.path === path) ?? assert.fail(path);

const rendered = async (region: Region, path: string, more: Partial<View> = {}) =>
  `${await pageAt(path).render(viewOf(region, { viewer: ADMIN, ...more }))}`;

const sent = async (
  region: Region,
  path: string,
  form: Readonly<Record<string, string>>,
  at: Readonly<Record<string, string>>,
): Promise<Outcome> => await pageAt(path).act?.(viewOf(region, { viewer: ADMIN, form: fieldsOf(form), path: at }));

const setAll = async (region: Region, values: Readonly<Record<string, SettingValue>>) =>
  assert.equal(
    await region.settings.change(
      '',
      Object.entries(values).map(([key, value]) => ({ key, value })),
      'admin',
    ),
    undefined,
  );

const DOMAIN = '/MAAS/dns/:id/';
const ADD = '/MAAS/dns/:id/add/';
const RECORD = '/MAAS/dns/:id/records/:record/';

test('a record is added, changed and deleted by its pages', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const form = { name: 'www', rrtype: 'CNAME', rrdata: 'host.example.net', ttl: '' };
    assert.equal((await sent(region, ADD, form, { id: '0' }))?.kind, 'done');
    const page = await rendered(region, DOMAIN, { path: { id: '0' } });
    const record = /href="\/MAAS\/dns\/0\/records\/(\d+)\/">www<\/a>/.exec(page)?.[1] ?? assert.fail(page);
    assert.match(page, /host\.example\.net/);
    const at = { id: '0', record };
    assert.match(await rendered(region, RECORD, { path: at }), /name="rrdata"[^>]* value="host.example.net"/);
    const changed = { name: 'web', rrtype: 'A', rrdata: '10.20.0.77', ttl: '60' };
    assert.equal((await sent(region, RECORD, changed, at))?.kind, 'done');
    assert.deepEqual(region.settings.valueOf('dns.records'), [
      { id: Number(record), name: 'web.maas', type: 'A', data: '10.20.0.77', ttl: 60 },
    ]);
    assert.equal((await sent(region, RECORD, { do: 'delete' }, at))?.kind, 'done');
    assert.deepEqual(region.settings.valueOf('dns.records'), []);
    assert.equal(await sent(region, RECORD, { do: 'delete' }, at), undefined);
  }));

test('a wrong record is refused at its field', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const refused = await sent(region, ADD, { name: 'www', rrtype: 'A', rrdata: 'no address' }, { id: '0' });
    assert.ok(refused?.kind === 'refusal');
    assert.deepEqual(Object.keys(refused.fields ?? {}), ['rrdata']);
  }));

test('a domain is added, made the default, renamed and deleted; one with names or the default is not deleted', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    assert.equal((await sent(region, '/MAAS/dns/', { name: 'lab' }, {}))?.kind, 'done');
    const list = await rendered(region, '/MAAS/dns/');
    const id = /href="\/MAAS\/dns\/(\d+)\/">lab</.exec(list)?.[1] ?? assert.fail(list);
    assert.equal((await sent(region, DOMAIN, { name: 'hall' }, { id }))?.kind, 'done');
    await setAll(region, { 'dns.records': [{ name: 'www.hall', type: 'A', data: '10.20.0.9' }] });
    assert.doesNotMatch(await rendered(region, DOMAIN, { path: { id } }), /value="delete"/);
    await setAll(region, { 'dns.records': [] });
    assert.match(await rendered(region, DOMAIN, { path: { id } }), /value="delete"/);
    assert.equal((await sent(region, DOMAIN, { do: 'default' }, { id }))?.kind, 'done');
    assert.equal(region.settings.valueOf('dns.domain'), 'hall');
    assert.doesNotMatch(await rendered(region, DOMAIN, { path: { id } }), /value="delete"|value="default"|name="name"/);
    const [former = ''] = /\/MAAS\/dns\/\d+\/(?=">maas<)/.exec(await rendered(region, '/MAAS/dns/')) ?? [];
    assert.equal((await sent(region, DOMAIN, { do: 'delete' }, { id: former.split('/')[3] ?? '' }))?.kind, 'done');
    assert.doesNotMatch(await rendered(region, '/MAAS/dns/'), />maas</);
  }));

test('names of machines are in their own list, which a search narrows', () =>
  withRegion(async ({ region }) => {
    for (const [index, hostname] of ['calm-ibis', 'grey-owl'].entries())
      await region.enlist(report([0x525400000001 + index], { hostname }));
    await region.observe(
      [1, 2].map((number) => ({
        sequence: number,
        kind: 'dhcp.ack',
        at: region.clock.wallTimeMs(),
        mac: `52:54:00:00:00:0${number}`,
        address: `10.20.0.10${number}`,
        text: '',
      })),
    );
    const machines = (query: Readonly<Record<string, string>>) =>
      rendered(region, DOMAIN, { path: { id: '0' }, query: fieldsOf({ from: 'machines', ...query }), viewer: USER });
    const all = await machines({});
    assert.match(all, />calm-ibis<[\s\S]*10\.20\.0\.101/);
    assert.match(all, />grey-owl</);
    const found = await machines({ q: 'grey-owl.maas' });
    assert.doesNotMatch(found, />calm-ibis</);
    assert.match(found, />grey-owl</);
    assert.doesNotMatch(found, /Add a record|<form method="post" class="form"/);
  }));

test('ten thousand records are shown in pages and searched', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const records = Array.from({ length: 10_000 }, (_, index) => ({
      id: index + 1,
      name: `host-${index}.maas`,
      type: 'A',
      data: '10.20.0.9',
    }));
    await setAll(region, { 'dns.records': records });
    const rowsIn = (page: string) => page.split('<td class="first">').length - 1;
    const all = await rendered(region, DOMAIN, { path: { id: '0' } });
    assert.equal(rowsIn(all), 100);
    assert.match(all, /href="\?from=records&amp;page=2"/);
    const found = await rendered(region, DOMAIN, { path: { id: '0' }, query: fieldsOf({ q: 'host-123' }) });
    assert.equal(rowsIn(found), 11);
  }));

test('records of the file have no form, and name the file', () =>
  withRegion(
    async ({ region }) => {
      const page = await rendered(region, DOMAIN, { path: { id: '0' } });
      assert.match(page, />www</);
      assert.match(page, /rackboot\.yaml as dns\.records/);
      assert.doesNotMatch(page, /\/records\/|\/add\//);
    },
    {
      ownRack: {
        uuid: '6a7c3bd2-9d27-4a2e-8a3c-8f8f9a4f8a10',
        name: 'rack-1',
        file: '/etc/rackboot/rackboot.yaml',
        values: { dns: { records: [{ name: 'www.maas', type: 'A', data: '10.20.0.9' }] } },
      },
    },
  ));

test('upstream servers are shown with the racks that they do not answer', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    await setAll(region, {
      'dns.upstream': '192.0.2.53 198.51.100.53',
      'dns.forward_zones': { 'corp.example': '192.0.2.99' },
    });
    const failed = { kind: 'dns.upstream-failed', address: '198.51.100.53', params: { port: 53, count: 3 }, text: '' };
    await region.observe([{ ...failed, sequence: 1, at: region.clock.wallTimeMs() }], 'rack-1');
    const rows = (await rendered(region, '/MAAS/dns/')).split('<tr>').filter((row) => /192\.0|198\.51/.test(row));
    assert.deepEqual(
      rows.map((row) => /pill (\w+)/.exec(row)?.[1]),
      ['green', 'red', 'green'],
    );
    assert.match(rows[1] ?? '', /rack-1/);
    assert.match(rows[2] ?? '', /corp\.example/);
  }));
