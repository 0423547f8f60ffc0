// The list of machines: its filters, order, pages and columns in the URL, and what its index reads.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac } from '../../../../src/ground/address.ts';
import { parseTargetQuery } from '../../../../src/region/api/call/form-body.ts';
import type { View } from '../../../../src/region/page/frame/view.ts';
import { getMachineIndex } from '../../../../src/region/page/machines/machine-index.ts';
import {
  COLUMNS,
  choose,
  formatMachinesPath,
  parseQuery,
  queryText,
} from '../../../../src/region/page/machines/machine-query.ts';
import { MACHINES_PAGE, renderPage } from '../../../../src/region/page/machines/machines-page.ts';
import { parseHardwareFacts } from '../../../../src/region/records/hardware-facts.ts';
import type { Region } from '../../../../src/region/region.ts';
import { countStatements, sumOf, takeTexts } from '../../../support/counted-statements.ts';
import { makeRegion, report, withRegion } from '../../place.ts';
import { ADMIN, USER, viewOf } from '../view.ts';

const BY = { username: 'alice', isAdmin: true, comment: '' };
const EVENT = { type: 'TAG', code: 'rack', params: { text: 'made' }, atMs: 1, username: '' } as const;

const factsOf = (count: number, memory: number, bytes: number) => {
  const parsed = parseHardwareFacts(
    JSON.stringify({ cpu: { count, model: '' }, memory_mib: memory, disks: [{ name: 'sda', bytes }] }),
  );
  return parsed.kind === 'value' ? parsed.value : assert.fail('facts');
};

/** Four machines that differ in everything, and a device. */
async function furnish(region: Region): Promise<Readonly<Record<string, string>>> {
  const make = async (index: number, hostname: string, cores: number, memory: number, bytes: number) => {
    const facts = factsOf(cores, memory, bytes);
    const outcome = await region.enlist(report([0x525400000000 + index], { hostname, facts }));
    return outcome.kind === 'create' ? outcome.machine.systemId : assert.fail(outcome.kind);
  };
  const ids = {
    'node-10': await make(1, 'node-10', 4, 4096, 3e12),
    'node-2': await make(2, 'node-2', 64, 1024, 1e12),
    web: await make(3, 'web', 8, 8192, 2e12),
    db: await make(4, 'db', 16, 2048, 4e12),
  };
  const { store, life } = region;
  await store.areas.add('zone', { name: 'hall-2', description: '' }, EVENT);
  await store.areas.add('pool', { name: 'gpu-pool', description: '' }, EVENT);
  const [[zone], [pool]] = [await store.areas.list('zone'), await store.areas.list('pool')];
  await store.life.addTag({ name: 'gpu', comment: '', kernelParams: '' }, 9, EVENT);
  await store.life.tagMachines('gpu', [ids.web, ids.db], [], EVENT);
  await store.changeMachine<never>(ids.db, 1, () => ({
    kind: 'change',
    fields: { zoneId: zone?.id, poolId: pool?.id, architecture: 'arm64', powerState: 'on' },
    events: [],
  }));
  await life.command(ids.web, { name: 'accept', skipsCommissioning: true }, BY);
  await life.command(ids.web, { name: 'allocate' }, BY);
  await life.command(ids['node-2'], { name: 'mark-broken' }, BY);
  await store.enlist({ macs: [], values: [], atMs: 1 }, () => ({
    kind: 'create',
    systemId: 'device',
    fields: {
      hostname: 'printer',
      domain: 'maas',
      description: '',
      status: 'deployed',
      statusSinceMs: 1,
      architecture: '',
      subarchitecture: '',
      osystem: '',
      release: '',
      netboot: false,
      powerType: '',
      powerParameters: {},
      powerState: 'unknown',
      owner: 'alice',
      device: '',
    },
    events: [],
    interfaces: [],
  }));
  return ids;
}

const namesFor = async (region: Region, query: string): Promise<readonly string[]> =>
  choose(await getMachineIndex(region).list(), parseQuery(parseTargetQuery(query)), region).machines.map(
    ({ hostname }) => hostname,
  );

const ALL = ['node-2', 'node-10', 'db', 'web'];
const LISTS: readonly (readonly [query: string, names: readonly string[]])[] = [
  ['', ALL],
  ['?q=WEB', ['web']],
  ['?q=52:54:00:00:00:04', ['db']],
  ['?status=problem', ['node-2']],
  ['?status=allocated', ['web']],
  ['?status=no such state', ALL],
  ['?zone=hall-2', ['db']],
  ['?zone=default', ['node-2', 'node-10', 'web']],
  ['?pool=gpu-pool', ['db']],
  ['?tags=gpu', ['db', 'web']],
  ['?tags=gpu&zone=default', ['web']],
  ['?owner=alice', ['web']],
  ['?arch=arm64', ['db']],
  ['?rack=nobody', []],
  ['?kind=devices', ['printer']],
  ['?kind=devices&q=web', []],
  ['?sort=name', ['db', 'node-2', 'node-10', 'web']],
  ['?sort=-name', ['web', 'node-10', 'node-2', 'db']],
  ['?sort=cores', ['node-10', 'web', 'db', 'node-2']],
  ['?sort=-memory', ['web', 'node-10', 'db', 'node-2']],
  ['?sort=storage', ['node-2', 'web', 'node-10', 'db']],
  ['?sort=owner', ['web', 'node-10', 'node-2', 'db']],
  ['?sort=-owner', ['web', 'node-10', 'node-2', 'db']],
  ['?sort=state', ['node-10', 'db', 'node-2', 'web']],
  ['?sort=power', ['db', 'node-10', 'node-2', 'web']],
  ['?sort=nonsense', ALL],
];

test('filters and orders choose the same machines wherever their URL is opened', () =>
  withRegion(async ({ region }) => {
    await furnish(region);
    for (const [query, names] of LISTS) assert.deepEqual(await namesFor(region, query), names, query);
  }));

test('an order by age begins with the newest, and one by address with the lowest', () =>
  withRegion(async ({ region, clock }) => {
    const ids = await furnish(region);
    clock.advance(60_000);
    await region.enlist(report([0x525400000009], { hostname: 'young' }));
    assert.equal((await namesFor(region, '?sort=age'))[0], 'young');
    const lease = (sequence: number, mac: string, address: string) =>
      ({ sequence, kind: 'dhcp.ack', at: clock.wallTimeMs(), mac, address, text: '' }) as const;
    await region.observe([lease(1, '52:54:00:00:00:04', '10.20.0.9'), lease(2, '52:54:00:00:00:01', '10.20.0.10')]);
    assert.deepEqual((await namesFor(region, '?sort=address')).slice(0, 2), ['db', 'node-10']);
    assert.equal(Object.keys(ids).length, 4);
  }));

test('a query is written as it was read, and without what goes without saying', () => {
  for (const [query, again] of [
    ['', ''],
    ['?q=&status=&owner=&sort=&page=1&size=50', ''],
    ['?q=a%26b&sort=-memory&page=3&size=200', '?q=a%26b&sort=-memory&page=3&size=200'],
    ['?kind=devices&tags=x', '?kind=devices&tags=x'],
    ['?columns=zone_state_nonsense', '?columns=state_zone'],
    ['?columns=', '?columns=none'],
    ['?page=-7&size=12', ''],
    ['?page=2.9', '?page=2'],
  ] as const)
    assert.equal(queryText(parseQuery(parseTargetQuery(query))), again, query);
  const query = parseQuery(parseTargetQuery('?zone=a&page=4&size=100'));
  assert.equal(
    formatMachinesPath(query, { status: 'new' }),
    '/MAAS/machines/?status=new&zone=a&size=100',
    'a filter turns back to the first page',
  );
});

const shown = (page: string): readonly string[] =>
  [...page.matchAll(/<div class="name"><a [^>]+>([\w-]+)\.maas</g)].map(([, name = '']) => name);

async function pageOf(region: Region, query: string, more: Partial<View> = {}): Promise<string> {
  return `${await renderPage(viewOf(region, { query: parseTargetQuery(query), ...more }))}`;
}

test('without scripts a list that is filled in is not loaded again, and an empty one is', () =>
  withRegion(async ({ region }) => {
    const isRepeated = async () => /<meta http-equiv="refresh"/.test(await pageOf(region, ''));
    assert.equal(await isRepeated(), true);
    await furnish(region);
    assert.equal(await isRepeated(), false);
  }));

test('pages divide the list, a page after the last is the last, and counts by state keep the other filters', async () => {
  const place = await makeRegion({ newMachinesMax: 200 });
  try {
    const { region } = place;
    const all: string[] = [];
    for (let index = 0; index < 120; index += 1) {
      const hostname = `m${String(index).padStart(3, '0')}`;
      await region.enlist(report([0x525400000000 + index], { hostname }));
      all.push(hostname);
    }
    const [first, second, third] = [1, 2, 3].map((page) => pageOf(region, `?sort=name&page=${page}`));
    const found = await Promise.all([first ?? '', second ?? '', third ?? '']);
    assert.deepEqual(
      found.map((page) => shown(page).length),
      [50, 50, 20],
    );
    assert.deepEqual(found.flatMap(shown), all);
    assert.deepEqual(shown(await pageOf(region, '?sort=name&page=99')), all.slice(100));
    assert.deepEqual(shown(await pageOf(region, '?sort=name&size=200')), all);
    const narrowed = await pageOf(region, '?q=m00');
    assert.match(narrowed, /<a href="\/MAAS\/machines\/\?q=m00&amp;status=new"><b>10<\/b>/);
    assert.match(found[1] ?? '', /51–100 of 120/);
  } finally {
    await place.remove();
  }
});

test('a list without a match offers to clear its filters, and keeps what is not a filter', () =>
  withRegion(async ({ region }) => {
    await furnish(region);
    const page = await pageOf(region, '?q=%22%3E%3Cscript%3E&size=100');
    assert.match(
      page,
      /None of the 4 machines matches\..*<a class="button plain" href="\/MAAS\/machines\/\?size=100">/s,
    );
    assert.ok(!page.includes('"><script>'));
  }));

test('columns are those of the URL, else those that the browser remembers, else the usual ones', () =>
  withRegion(async ({ region }) => {
    await furnish(region);
    const headsOf = (page: string) =>
      [...page.matchAll(/<th class="([a-z]+)"/g)].map(([, name = '']) => name).filter((name) => name !== 'first');
    const remembered = (name: string) => (name === 'columns' ? 'zone_state' : undefined);
    assert.deepEqual(
      headsOf(await pageOf(region, '')),
      COLUMNS.filter((name) => name !== 'zone' && name !== 'pool'),
    );
    assert.deepEqual(headsOf(await pageOf(region, '', { remembered })), ['state', 'zone']);
    assert.deepEqual(headsOf(await pageOf(region, '?columns=pool', { remembered })), ['pool']);
    assert.deepEqual(headsOf(await pageOf(region, '?columns=none', { remembered })), []);
    const stylesOf = (page: string) => /<table class="([a-z ]+)"/.exec(page)?.[1];
    assert.equal(stylesOf(await pageOf(region, '')), 'machines');
    assert.equal(stylesOf(await pageOf(region, '?columns=event')), 'machines picked', 'shown at any width');
    const given = new Map([
      ['query', ['?q=web&columns=pool']],
      ['columns', ['zone', 'event', 'nonsense']],
    ]);
    assert.deepEqual(await MACHINES_PAGE.act?.(viewOf(region, { form: given })), {
      kind: 'done',
      to: '/MAAS/machines/?q=web&columns=pool',
      text: '',
      remember: { name: 'columns', value: 'zone_event' },
    });
  }));

test('hostile names of tags, owners and zones are text wherever the list shows them', () =>
  withRegion(async ({ region }) => {
    const ids = await furnish(region);
    const attack = '"><img src=x onerror=alert(1)>';
    await region.store.changeMachine<never>(ids.web ?? '', 1, () => ({
      kind: 'change',
      fields: { owner: attack, description: attack, architecture: attack },
      events: [],
    }));
    for (const query of [
      '',
      `?owner=${encodeURIComponent(attack)}`,
      `?tags=${encodeURIComponent(attack)}&q=${encodeURIComponent(attack)}`,
    ]) {
      const page = await pageOf(region, query, { viewer: ADMIN });
      assert.ok(!page.includes('<img'), query);
    }
    assert.deepEqual(await namesFor(region, `?owner=${encodeURIComponent(attack)}`), ['web']);
  }));

test('only those who may send forms get ticks and actions, and users no action of administrators', () =>
  withRegion(async ({ region }) => {
    await furnish(region);
    const reader = { ...USER, csrf: '' };
    for (const [viewer, hasTicks, hasDelete] of [
      [ADMIN, true, true],
      [USER, true, false],
      [reader, false, false],
    ] as const) {
      const page = await pageOf(region, '', { viewer });
      assert.equal(page.includes('name="machine"'), hasTicks);
      assert.equal(page.includes('<option value="delete">'), hasDelete);
    }
  }));

test('devices have a list of their own, with reserved addresses and without states', () =>
  withRegion(async ({ region }) => {
    await furnish(region);
    await region.store.changeMachine<never>('device', 1, () => ({
      kind: 'change',
      fields: {},
      addresses: [{ mac: mac(0x525400000077), address: ipv4(0x0a140007) }],
      events: [],
    }));
    const page = await pageOf(region, '?kind=devices');
    assert.match(page, /10\.20\.0\.7 <span class="small">reserved</);
    assert.match(page, /printer\.maas/);
    assert.match(page, /<a href="\/MAAS\/machines\/\?kind=devices" aria-current="true">Devices \(1\)<\/a>/);
    assert.doesNotMatch(page, /<select name="status"/);
  }));

test('a list reads what changed, and nothing again', async () => {
  const place = await makeRegion({ newMachinesMax: 1000 });
  const end = countStatements();
  try {
    const { region, store } = place;
    for (let index = 0; index < 300; index += 1) await region.enlist(report([0x525400000000 + index]));
    const statementsOf = async (): Promise<number> => {
      takeTexts();
      await getMachineIndex(region).list();
      return sumOf(takeTexts());
    };
    await getMachineIndex(region).list();
    const idle = await statementsOf();
    assert.ok(idle > 0 && idle <= 4, `${idle} statements of a list that knows all`);
    const before = await getMachineIndex(region).list();
    const [first] = before;
    assert.ok(first !== undefined);
    await store.changeMachine<never>(first.systemId, 1, () => ({
      kind: 'change',
      fields: { hostname: 'other' },
      events: [],
    }));
    const changed = await statementsOf();
    assert.ok(changed <= idle + 4, `${changed} statements after a change of one machine`);
    const after = await getMachineIndex(region).list();
    assert.equal(after[0]?.hostname, 'other');
    assert.equal(after.filter((machine, index) => machine !== before[index]).length, 1);
    await region.removeMachine(first.systemId, 'admin', 'none');
    assert.equal((await getMachineIndex(region).list()).length, 299);
  } finally {
    end();
    await place.remove();
  }
});
