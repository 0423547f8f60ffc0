// The settings: every key is on the page, a change of a group is one change with one event, and a file's keys are read-only.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listSettingShapes } from '../../../../src/config/settings-rules.ts';
import { formatRefusal, type Outcome } from '../../../../src/region/page/frame/view.ts';
import { words } from '../../../../src/region/page/frame/words.ts';
import { SETTINGS_PAGE } from '../../../../src/region/page/settings/settings-page.ts';
import type { Region } from '../../../../src/region/region.ts';
import { type RegionPlace, withRegion } from '../../place.ts';
import { ADMIN, addViewer, viewOf } from '../view.ts';

const rendered = async (region: Region) => `${await SETTINGS_PAGE.render(viewOf(region, { viewer: ADMIN }))}`;

/** The form of a group as a browser would send it, with some fields changed. */
async function sent(region: Region, group: string, changed: Readonly<Record<string, string>>): Promise<Outcome> {
  const page = await rendered(region);
  const form = page.split('<form method="post"').find((part) => part.includes(`name="group" value="${group}"`)) ?? '';
  const given = new Map<string, readonly string[]>([['group', [group]]]);
  for (const [, name = '', value = ''] of form.matchAll(/<input id="f-[^"]*" name="([^"]*)"[^>]*? value="([^"]*)"/g))
    given.set(name, [value]);
  for (const [, name = ''] of form.matchAll(/type="checkbox" name="([^"]*)" value="true" checked/g))
    given.set(name, ['true']);
  for (const [, name = '', text = ''] of form.matchAll(/<textarea id="f-[^"]*" name="([^"]*)"[^>]*>\n?([^<]*)</g))
    given.set(name, [text.replaceAll('\n', '\r\n')]);
  for (const [name, value] of Object.entries(changed)) given.set(name, [value]);
  return await SETTINGS_PAGE.act?.(viewOf(region, { viewer: ADMIN, form: given }));
}

const storedIn = ({ region }: RegionPlace) =>
  Object.fromEntries(region.settings.list().map(({ key, value }) => [key, value]));

const eventsOf = async ({ store }: RegionPlace) =>
  (await store.listEvents({ limit: 100 })).filter(({ type }) => type === 'SETTINGS').length;

test('every key has its label, and every label its key', () => {
  const keys = listSettingShapes().map(({ key }) => key);
  assert.deepEqual(Object.keys(words.settings.keys).toSorted(), keys.toSorted());
});

test('the page shows every key once', () =>
  withRegion(async ({ region }) => {
    const page = await rendered(region);
    const OF_A_RACK =
      /^(?:dhcp\.(?:server|client|proxy)_port|dns\.listen.*|tftp\.listen.*|boot\.tree|boot\.http\.(?:listen|tls\..*))$/;
    for (const { key } of listSettingShapes()) {
      const count = page.split(`<code class="key">${key}</code>`).length - 1;
      assert.equal(count, OF_A_RACK.test(key) ? 0 : 1, key);
    }
  }));

const CHANGES: readonly (readonly [group: string, key: string, text: string, value: unknown])[] = [
  ['dns', 'dns.upstream', '192.0.2.53\r\n\r\n 198.51.100.53 ', ['192.0.2.53', '198.51.100.53']],
  ['dns', 'dns.forward_zones', 'corp.example: [192.0.2.99]', { 'corp.example': ['192.0.2.99'] }],
  ['boot', 'boot.kernel_params', 'console=ttyS0', 'console=ttyS0'],
  ['boot', 'boot.copy_images', '', false],
  ['dhcp', 'dhcp.lease_time', '600', 600],
  ['dhcp', 'dhcp.lease_time', '20m', '20m'],
  ['region', 'region.import_limit', '2.5', 2.5],
  ['region', 'region.retries', '3', 3],
  ['log', 'log.level', 'debug', 'debug'],
];

for (const [group, key, text, value] of CHANGES)
  test(`${key} is stored as ${JSON.stringify(value)}, alone and with one event`, () =>
    withRegion(async (place) => {
      await addViewer(place.store);
      assert.equal((await sent(place.region, group, { [key]: text }))?.kind, 'done');
      assert.deepEqual(storedIn(place), { [key]: value });
      assert.equal(await eventsOf(place), 1);
      assert.match(
        await rendered(place.region),
        new RegExp(`<code class="key">${key}</code> <span class="pill blue">`),
      );
    }));

test('several keys of a group are one change; an empty field removes its key; an unchanged form changes nothing', () =>
  withRegion(async (place) => {
    const { region, store } = place;
    await addViewer(store);
    const values = { 'dns.upstream': '192.0.2.53', 'dns.allow_recursion': '198.51.100.0/24' };
    assert.equal((await sent(region, 'dns', values))?.kind, 'done');
    assert.equal(await eventsOf(place), 1);
    assert.equal((await sent(region, 'dns', {}))?.kind, 'done');
    assert.equal(await eventsOf(place), 1);
    assert.equal((await sent(region, 'dns', { 'dns.upstream': '' }))?.kind, 'done');
    assert.deepEqual(storedIn(place), { 'dns.allow_recursion': ['198.51.100.0/24'] });
  }));

test('a fault is at its key, and nothing of the group is stored', () =>
  withRegion(async (place) => {
    await addViewer(place.store);
    const faults = {
      'dhcp.t1': 'soon',
      'dhcp.options.option': 'nonesuch',
      'dhcp.options.value': '1',
      'dhcp.pxe_lease_time': '1m',
    };
    const refused = await sent(place.region, 'dhcp', faults);
    assert.ok(refused?.kind === 'refusal');
    assert.deepEqual(Object.keys(refused.fields ?? {}).toSorted(), ['dhcp.options', 'dhcp.t1']);
    const yaml = await sent(place.region, 'dhcp', { 'dhcp.classes': '- { name: [' });
    assert.ok(yaml?.kind === 'refusal');
    assert.deepEqual(Object.keys(yaml.fields ?? {}), ['dhcp.classes']);
    assert.match(formatRefusal(yaml), /line 1/i);
    assert.deepEqual(storedIn(place), {});
  }));

test('a key of the file is shown with file and key, and is no field; so is one that only the file may have', () =>
  withRegion(
    async ({ region }) => {
      const page = await rendered(region);
      assert.doesNotMatch(page, /name="dns.upstream"/);
      assert.match(
        page,
        /<code class="lines">192\.0\.2\.53<\/code><p class="hint">[^<]*\/etc\/rackboot\/rackboot\.yaml as dns\.upstream/,
      );
      assert.match(page, /name="dns.allow_recursion"/);
      for (const key of ['name', 'dns.listen']) {
        const place = words.settings.writtenIn({ key, pin: { kind: 'own', file: '/etc/rackboot/rackboot.yaml' } });
        assert.ok(page.includes(`<p class="hint">${words.settings.setIn(place)}</p>`), key);
      }
      const unset = words.settings.onlyFile('/etc/rackboot/rackboot.yaml', 'state_dir');
      assert.ok(page.includes(`<p class="hint">${words.settings.setIn(unset)}</p>`));
    },
    {
      ownRack: {
        uuid: '6a7c3bd2-9d27-4a2e-8a3c-8f8f9a4f8a10',
        name: 'rack-1',
        file: '/etc/rackboot/rackboot.yaml',
        values: { name: 'rack-1', dns: { upstream: ['192.0.2.53'], listen: ['127.0.0.1'] } },
      },
    },
  ));
