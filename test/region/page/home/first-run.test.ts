// The first run: what counts as done, where each form leads, what a file pins, and who is led there.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRefusal, type Outcome, type View } from '../../../../src/region/page/frame/view.ts';
import { FIRST_RUN_PAGES } from '../../../../src/region/page/home/first-run.ts';
import { OVERVIEW_PAGE } from '../../../../src/region/page/home/overview.ts';
import { needsFirstRun, readSteps, type StepName, stepPath } from '../../../../src/region/page/racks/first-steps.ts';
import { BOOT_FILES_CHECK, type HostFinding } from '../../../../src/region/records/rack-measures.ts';
import type { Region } from '../../../../src/region/region.ts';
import { enlist, type RegionPlace, report, withRegion } from '../../place.ts';
import { OTHER_UUID } from '../../racks/rack-place.ts';
import { ADMIN, addViewer, fieldsOf, USER, viewOf } from '../view.ts';

const KEY = `ssh-ed25519 ${Buffer.concat([Buffer.from('0000000b7373682d6564323535313900000020', 'hex'), Buffer.alloc(32, 7)]).toString('base64')} ann@desk`;

const pageAt = (name: StepName | '') =>
  FIRST_RUN_PAGES.find(({ path }) => path === (name === '' ? '/MAAS/first-run/' : stepPath(name))) ?? assert.fail(name);

const shown = async (region: Region, name: StepName | '', more: Partial<View> = {}) =>
  `${await pageAt(name).render(viewOf(region, { viewer: ADMIN, ...more }))}`;

const send = async (
  region: Region,
  name: StepName | '',
  form: Readonly<Record<string, string>>,
  more: Partial<View> = {},
) => await pageAt(name).act?.(viewOf(region, { viewer: ADMIN, form: fieldsOf(form), ...more }));

const toOf = (outcome: Outcome) =>
  outcome?.kind === 'done' ? outcome.to : outcome?.kind === 'refusal' ? formatRefusal(outcome) : outcome?.kind;

const openSteps = async (region: Region) =>
  (await readSteps({ region, viewer: ADMIN })).filter(({ isDone }) => !isDone).map(({ name }) => name);

const overview = async (region: Region, viewer = ADMIN) => `${await OVERVIEW_PAGE.render(viewOf(region, { viewer }))}`;

/** The steps to which the overview leads. */
const remindedOf = (page: string) => [...page.matchAll(/href="\/MAAS\/first-run\/(\w+)\/"/g)].map(([, name]) => name);

const MEASURES = {
  startedMs: 1,
  counts: { leases: 0, tftpBytes: 0, httpBytes: 0, dnsQueries: 0 },
  taken: 0,
  usable: 0,
  listening: { dhcp: [], tftp: [], http: [], dns: [] },
};

/** A rack in this process whose host has an address. */
const putRack = ({ region }: RegionPlace, ...networks: readonly string[]) =>
  region.racks.putOwn({
    uuid: OTHER_UUID,
    name: 'rack-1',
    version: '0.1.0',
    interfaces: [],
    pinned: [],
    addresses: networks.map((address, index) => ({ interface: `eth${index}`, address })),
  });

test('each step leads to the next open one, counts as done by what it stored, and leaves the overview', () =>
  withRegion(async (place) => {
    const { region, store } = place;
    await addViewer(store);
    const steps = ['name', 'upstream', 'archives', 'proxy', 'key', 'images', 'dhcp'];
    assert.deepEqual(await openSteps(region), steps);
    assert.deepEqual(remindedOf(await overview(region)), steps);
    const archives = {
      'preseeds.ubuntu_mirror': 'http://archive.ubuntu.com/ubuntu',
      'preseeds.ubuntu_ports_mirror': 'http://ports.example/ubuntu-ports',
    };
    assert.match(await shown(region, 'name'), /name="region\.name"[^>]* value=""/);
    assert.equal(toOf(await send(region, 'name', { 'region.name': 'Hall 1' })), stepPath('upstream'));
    assert.equal(toOf(await send(region, 'archives', archives)), stepPath('proxy'));
    assert.equal(toOf(await send(region, 'proxy', { http_proxy: '' })), stepPath('key'));
    assert.equal(toOf(await send(region, 'upstream', { 'dns.upstream': '192.0.2.53' })), stepPath('key'));
    assert.equal(toOf(await send(region, 'key', { key: KEY, keysource: '' })), stepPath('images'));
    const stored = Object.fromEntries(region.settings.list().map(({ key, value }) => [key, value]));
    assert.deepEqual(stored, {
      ...archives,
      http_proxy: 'none',
      'dns.upstream': ['192.0.2.53'],
      'region.name': 'Hall 1',
    });
    assert.match(await overview(region, USER), /<title>[^<]*Hall 1[^<]*<.*class="brand"[^>]*>[^/]*Hall 1/s);
    assert.equal((await store.life.listSshKeys('admin')).length, 1);
    assert.deepEqual(remindedOf(await overview(region)), ['images', 'dhcp']);
  }));

test('images are chosen while their import may bring one, and not any more when it failed', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const event = { type: 'SETTINGS', code: 'rack', params: { text: '' }, atMs: 1, username: '' } as const;
    const site = { url: 'ubuntu', why: 'a test', keyringFilename: '', keyring: new Uint8Array(), updatedMs: 1 };
    const source = await store.boot.addSource(site, event);
    assert.ok(typeof source === 'object');
    const all = { os: 'ubuntu', release: '*', arches: ['*'], subarches: ['*'], labels: ['*'] };
    await store.boot.addSelection(source.id, all, event);
    const isOpen = async () => (await openSteps(region)).includes('images');
    assert.equal(await isOpen(), false);
    await store.boot.changeRun({ begunMs: 2 });
    assert.equal(await isOpen(), false);
    const skipped = ['ubuntu', 'debian'].map((name) => ({ name, reason: { code: 'unanswered', params: {} } as const }));
    await store.boot.changeRun({ endedMs: 3, skipped });
    assert.equal(await isOpen(), true);
    const failed = { state: 'failed', source: 'ubuntu', title: '', bytes: 0 } as const;
    await store.boot.noteProgress(new Map([['ubuntu/noble/amd64/generic/release', failed]]), 1);
    assert.equal(await isOpen(), true);
    await store.boot.changeRun({ askedMs: 4 });
    assert.equal(await isOpen(), false, 'it is tried again');
  }));

test('boot files are an open step while a rack reports that it has none, with the command that makes them', () =>
  withRegion(async (place) => {
    const { region, store, clock } = place;
    await addViewer(store);
    await putRack(place, '10.20.0.1/24');
    assert.ok(!(await openSteps(region)).includes('files'));
    const finding = { check: BOOT_FILES_CHECK, text: '/tree has no loader', isNote: false, fix: 'sudo make it' };
    const report = async (findings: readonly HostFinding[]) =>
      region.racks.measuredOwn({ ...MEASURES, host: { atMs: clock.wallTimeMs(), memoryBytes: 1, findings } });
    await report([finding]);
    assert.ok((await openSteps(region)).includes('files'));
    const page = await overview(region);
    assert.ok(remindedOf(page).includes('files'));
    assert.match(page, /<li class="list-item need red-edge">.*?tree has no loader/s);
    const step = await shown(region, 'files');
    assert.match(step, /<code class="lines">sudo make it<\/code>/);
    assert.equal(await needsFirstRun({ region, viewer: ADMIN }), true);
    await report([]);
    assert.ok(!(await openSteps(region)).includes('files'));
    assert.doesNotMatch(await shown(region, 'files'), /sudo make it/);
  }));

test('a fault is at its field, and the step stays open', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const refused = await send(region, 'upstream', { 'dns.upstream': 'not an address' });
    assert.ok(refused?.kind === 'refusal');
    assert.deepEqual(Object.keys(refused.fields ?? {}), ['dns.upstream']);
    const none = await send(region, 'key', { key: '', keysource: '' });
    assert.ok(none?.kind === 'refusal');
    assert.deepEqual(Object.keys(none.fields ?? {}), ['key']);
    assert.deepEqual((await openSteps(region)).slice(0, 2), ['name', 'upstream']);
  }));

test('the progress counts all steps, and the archives in force are proposed', () =>
  withRegion(async ({ region }) => {
    const page = await shown(region, 'archives');
    assert.match(page, /<progress value="3" max="8"/);
    assert.match(page, /name="preseeds\.ubuntu_mirror"[^>]* value="http:\/\/archive\.ubuntu\.com\/ubuntu"/);
    assert.match(page, new RegExp(`href="${stepPath('proxy')}"`));
  }));

test('DHCP is proposed in the only network of a host, with ranges; in one of several after a choice', () =>
  withRegion(async (place) => {
    const { region, store } = place;
    await addViewer(store);
    await putRack(place, '10.20.0.1/24');
    const page = await shown(region, 'dhcp');
    const [, to = ''] = /action="(\/MAAS\/first-run\/[^"]*)"/.exec(page) ?? [];
    const query = new URL(to.replaceAll('&amp;', '&'), 'http://rack.example').searchParams;
    const form = Object.fromEntries(
      [...page.matchAll(/name="(\w*ip_range_\w+)"[^>]* value="([^"]*)"/g)].map(([, name = '', value = '']) => [
        name,
        value,
      ]),
    );
    assert.equal(Object.keys(form).length, 4);
    const sent = { management: '2', ...form };
    const more = { query: fieldsOf(Object.fromEntries(query)) };
    const overlap = await send(region, 'dhcp', { ...sent, static_ip_range_high: form.ip_range_low ?? '' }, more);
    assert.equal(overlap?.kind, 'refusal');
    assert.equal(toOf(await send(region, 'dhcp', sent, more)), '/MAAS/first-run/');
    assert.ok(!(await openSteps(region)).includes('dhcp'));
    await putRack(place, '10.20.0.1/24', '10.30.0.1/24', '10.40.0.1/24');
    const choice = await shown(region, 'dhcp');
    assert.doesNotMatch(choice, /name="ip_range_low"/);
    assert.deepEqual(
      [...choice.matchAll(/>(10\.\d+\.0\.1\/24)</g)].map(([, network]) => network),
      ['10.30.0.1/24', '10.40.0.1/24'],
    );
  }));

test('what a file has is done, and shown with the file and the key', () =>
  withRegion(
    async ({ region }) => {
      // The name of its rack is proposed.
      assert.match(await shown(region, 'name'), /name="region\.name"[^>]* value="rack-1"/);
      assert.deepEqual(await openSteps(region), ['name', 'archives', 'key', 'images', 'dhcp']);
      const page = await shown(region, '');
      for (const key of ['dns.upstream', 'http_proxy'])
        assert.ok(page.includes(`written in /etc/rackboot/rackboot.yaml as ${key}`), key);
      const step = await shown(region, 'upstream');
      assert.doesNotMatch(step, /name="dns\.upstream"/);
      assert.match(step, /\/etc\/rackboot\/rackboot\.yaml as dns\.upstream/);
    },
    {
      ownRack: {
        uuid: OTHER_UUID,
        name: 'rack-1',
        file: '/etc/rackboot/rackboot.yaml',
        values: { name: 'rack-1', dns: { upstream: ['192.0.2.53'] }, http_proxy: 'none' },
      },
    },
  ));

test('dismissed, the overview lists no steps; a user never sees them, and may not dismiss them', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    assert.deepEqual(remindedOf(await overview(region, USER)), []);
    assert.equal((await send(region, '', { do: 'dismiss' }, { viewer: USER }))?.kind, 'refusal');
    assert.ok(FIRST_RUN_PAGES.every(({ access }) => access === 'admin'));
    assert.equal(toOf(await send(region, '', { do: 'dismiss' })), '/MAAS/');
    assert.deepEqual(remindedOf(await overview(region)), []);
    assert.equal(await needsFirstRun({ region, viewer: ADMIN }), false);
  }));

test('an administrator of a region without machines is led to the steps; nobody else is', () =>
  withRegion(async ({ region }) => {
    assert.equal(await needsFirstRun({ region, viewer: ADMIN }), true);
    assert.equal(await needsFirstRun({ region, viewer: USER }), false);
    await enlist(region, report([0x525400000001]));
    assert.equal(await needsFirstRun({ region, viewer: ADMIN }), false);
  }));
