// The page of one machine: its log divided into boots, hosts that are not enlisted, no text taken as markup, no power parameters.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mac } from '../../../../src/ground/address.ts';
import type { Viewer } from '../../../../src/region/page/frame/view.ts';
import { OVERVIEW_PAGE } from '../../../../src/region/page/home/overview.ts';
import { machinePath } from '../../../../src/region/page/machines/machine-actions.ts';
import { MACHINE_EVENTS_PAGE } from '../../../../src/region/page/machines/machine-events.ts';
import { renderMachinePage } from '../../../../src/region/page/machines/machine-page.ts';
import { renderPage } from '../../../../src/region/page/machines/machines-page.ts';
import { PRESEED_PAGE } from '../../../../src/region/page/machines/preseed-page.ts';
import { renderTimeline, splitBoots } from '../../../../src/region/page/machines/timeline.ts';
import { PAGES } from '../../../../src/region/page/routes.ts';
import { happeningOfReport, type MachineEvent, type RackReport } from '../../../../src/region/records/machine-event.ts';
import type { Region } from '../../../../src/region/region.ts';
import type { RackFields } from '../../../../src/region/reports/reported.ts';
import { sentenceOf } from '../../../support/sentences.ts';
import { report, withRegion } from '../../place.ts';
import { ADMIN, addViewer, USER, viewOf } from '../view.ts';

const MAC = '52:54:00:00:00:01';
const ATTACK = `<img src=x onerror="alert(1)">'"&`;
const OFFERED = 'Offered an address and lpxelinux.0';
const OFFER: RackFields = { client: 'bios', file: 'lpxelinux.0' };
const IPXE: RackFields = { client: 'ipxe', file: 'http://r/ipxe.cfg' };
const SYSTEM: RackFields = {};

function event(seconds: number, kind: string, params?: RackFields, text = ''): MachineEvent {
  return {
    id: seconds,
    atMs: seconds * 1000,
    type: 'NODE_DHCP_EVENT',
    level: 'info',
    username: '',
    kind,
    ...happeningOfReport({ sequence: seconds, kind, at: seconds * 1000, text, params }),
  };
}

const BOOTS: readonly (readonly [string, readonly MachineEvent[], readonly number[]])[] = [
  ['an empty log has no boots', [], []],
  [
    'the system that was booted belongs to its boot',
    [event(1, 'dhcp.offer', OFFER), event(2, 'tftp.sent'), event(9, 'dhcp.offer', SYSTEM), event(10, 'http.posted')],
    [4],
  ],
  [
    'what the region did before the first offer is no part of the boot',
    [event(1, 'dhcp.ack'), event(2, 'dhcp.offer', OFFER), event(3, 'tftp.sent')],
    [2, 1],
  ],
  ['two boots', [event(1, 'dhcp.offer', OFFER), event(2, 'tftp.sent'), event(30, 'dhcp.offer', OFFER)], [1, 2]],
  ['repeated offers without a load are one boot', [event(1, 'dhcp.offer', OFFER), event(5, 'dhcp.offer', OFFER)], [2]],
  [
    'an offer after a long silence begins another boot',
    [event(1, 'dhcp.offer', OFFER), event(500, 'dhcp.offer', OFFER)],
    [1, 1],
  ],
  [
    'iPXE continues the boot that loaded it',
    [event(1, 'dhcp.offer', OFFER), event(2, 'tftp.sent'), event(3, 'dhcp.offer', IPXE), event(4, 'http.rendered')],
    [4],
  ],
];

test('the log is divided into boots, the newest first', async (t) => {
  for (const [name, events, sizes] of BOOTS) {
    await t.test(name, () =>
      assert.deepEqual(
        splitBoots(events.toReversed()).map((boot) => boot.length),
        sizes,
      ),
    );
  }
});

test('the timeline omits reports that the region accepted and shows those that it refused', () => {
  const html = `${renderTimeline(
    [
      event(5, 'http.posted', { status: 200 }, 'Reported progress (8 ms)'),
      event(4, 'http.posted', {}, 'Reported progress (7 ms)'),
      event(
        3,
        'http.posted',
        { status: 403 },
        'Sent a report to /MAAS/rackboot/1/signal, refused by the region with 403',
      ),
      event(1, 'http.rendered', { purpose: 'enlist' }, 'Loaded its configuration to enlist'),
    ],
    5000,
  )}`;
  assert.equal(html.match(/<li /g)?.length, 2);
  assert.doesNotMatch(html, /Reported progress/);
});

test('the events of a boot are in the order of their times, not of their arrival', () => {
  const log = [event(1, 'dhcp.offer', OFFER), { ...event(9, 'enlisted'), id: 2 }, { ...event(5, 'tftp.sent'), id: 3 }];
  assert.deepEqual(
    splitBoots(log.toReversed()).map((boot) => boot.map(({ kind }) => kind)),
    [['dhcp.offer', 'tftp.sent', 'enlisted']],
  );
});

const reported = (sequence: number, more: Partial<RackReport>): RackReport => ({
  sequence,
  kind: 'dhcp.offer',
  at: 1_700_000_000_000 + sequence,
  mac: MAC,
  text: 'told',
  params: more.kind === undefined ? OFFER : undefined,
  ...more,
});

/** The full log of a machine, or a part of it. */
async function logOf(region: Region, machine: string, asked: Readonly<Record<string, string>> = { level: 'all' }) {
  const query = new Map(Object.entries(asked).map(([name, text]) => [name, [text]] as const));
  return `${await MACHINE_EVENTS_PAGE.render(viewOf(region, { path: { machine }, query }))}`;
}

test('the log shows what matters at first; a level, a search and a moment choose other events, and each page leads to the older ones', () =>
  withRegion(async ({ region }) => {
    const outcome = await region.enlist(report([0x525400000001]));
    assert.ok(outcome.kind === 'create');
    const { systemId } = outcome.machine;
    const many = Array.from({ length: 150 }, (_, index) =>
      reported(index + 1, { kind: 'dhcp.of-later', text: `step ${index + 1}.`, level: 'debug' }),
    );
    await region.observe([...many, reported(200, { kind: 'tftp.of-later', text: `Lost ${ATTACK}`, level: 'warning' })]);
    const first = await logOf(region, systemId, {});
    assert.match(first, /Lost &lt;img/);
    assert.doesNotMatch(first, /step \d/);
    const full = await logOf(region, systemId);
    assert.match(full, /step 150\./);
    assert.doesNotMatch(full, /step 50\./);
    const older = /before=(\d+)/.exec(full)?.[1] ?? assert.fail('no link to older events');
    assert.match(await logOf(region, systemId, { level: 'all', before: older }), /step 50\./);
    const found = await logOf(region, systemId, { level: 'all', q: 'STEP 7.' });
    assert.match(found, /step 7\./);
    assert.doesNotMatch(found, /step 8\./);
    const moment = /<li id="e(\d+)">(?:(?!<li ).)*step 7\./.exec(found)?.[1] ?? assert.fail('no anchor');
    assert.match(await logOf(region, systemId, { at: moment }), new RegExp(`<li id="e${moment}">`));
    assert.match(await logOf(region, systemId, { level: 'warning' }), /Lost &lt;img/);
    assert.match(await logOf(region, systemId, { level: ATTACK, q: ATTACK }), /value="&lt;img/);
  }));

test('a machine has a page under its system id and each of its hardware addresses; unknown names have none', () =>
  withRegion(async ({ region }) => {
    const outcome = await region.enlist(
      report([0x525400000001], { powerType: 'ipmi', powerParameters: { power_pass: 'geheim' } }),
    );
    assert.ok(outcome.kind === 'create');
    await region.observe([reported(1, {}), reported(2, { kind: 'tftp.sent', text: `Loaded ${ATTACK}` })]);
    const { systemId } = outcome.machine;
    const own = `${await renderMachinePage(viewOf(region, { path: { machine: systemId } }))}`;
    assert.equal(`${await renderMachinePage(viewOf(region, { path: { machine: MAC } }))}`, own);
    const page = await logOf(region, systemId);
    assert.equal(await logOf(region, MAC), page);
    assert.ok(page.includes(OFFERED));
    assert.ok(page.includes('Loaded &lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&quot;&amp;'));
    assert.ok(!page.includes('<img') && !page.includes('geheim'));
    assert.ok(`${await renderPage(viewOf(region))}`.includes(`href="${machinePath(systemId)}"`));
    for (const wanted of ['zzzzzz', '', '../..', ATTACK, '52:54:00:00:00:ff']) {
      assert.equal(await renderMachinePage(viewOf(region, { path: { machine: wanted } })), undefined);
    }
  }));

test('every section of a machine has the buttons of its state once', () =>
  withRegion(async ({ region }) => {
    const outcome = await region.enlist(report([0x525400000001]));
    assert.ok(outcome.kind === 'create');
    const machine = outcome.machine.systemId;
    for (const section of ['', 'boot/', 'hardware/', 'network/', 'storage/', 'scripts/', 'preseed/', 'events/']) {
      const page = PAGES.find(({ path }) => path === `/MAAS/machines/:machine/${section}`);
      const text = `${await page?.render(viewOf(region, { viewer: ADMIN, path: { machine } }))}`;
      assert.equal(text.split(`href="${machinePath(machine)}do/accept/"`).length - 1, 1, section);
      assert.match(text, /class="button primary" href="[^"]*do\/accept\/"/);
    }
  }));

test('a booting machine that is not enlisted is listed and has its own page; a host that only gets a lease is not listed', () =>
  withRegion(async ({ region, store, clock }) => {
    await region.observe([
      reported(1, {}),
      reported(2, { kind: 'tftp.missing', text: ATTACK, level: 'warning' }),
      reported(3, { mac: '52:54:00:00:00:02', params: SYSTEM }),
      reported(4, { mac: '52:54:00:00:00:02', kind: 'dhcp.ack', text: 'Has 10.20.0.101 for 10 min' }),
      reported(5, { mac: '52:54:00:00:00:03' }),
    ]);
    const seen = await store.listStrangers(0, 10);
    assert.deepEqual(
      seen.map((one) => [one.mac, sentenceOf(one.event)]),
      [
        [mac(0x525400000003), OFFERED],
        [mac(0x525400000001), ATTACK],
      ],
    );
    // Why it did not boot stays when its lease ends.
    await region.observe([reported(6, { kind: 'dhcp.expired', text: 'Lease expired' })]);
    assert.deepEqual(await store.listStrangers(0, 10), seen);
    const page = `${await OVERVIEW_PAGE.render(viewOf(region))}`;
    assert.match(page, /Seen, not enlisted/);
    assert.ok(page.includes(`href="${machinePath(MAC)}"`));
    assert.ok(!page.includes('<img'));
    const own = `${await renderMachinePage(viewOf(region, { path: { machine: MAC } }))}`;
    assert.match(own, /not enlisted/);
    assert.ok(own.includes('&lt;img') && !own.includes('<img'));
    assert.ok(!own.includes(`>${MAC}: `), 'the address is not repeated before each event');

    await region.enlist(report([0x525400000001]));
    await region.enlist(report([0x525400000003]));
    assert.deepEqual(await store.listStrangers(0, 10), []);
    assert.doesNotMatch(`${await OVERVIEW_PAGE.render(viewOf(region))}`, /Seen, not enlisted/);
    assert.match(await logOf(region, MAC), /and lpxelinux\.0/, 'its earlier events belong to it');
    assert.equal((await store.listStrangers(clock.wallTimeMs() + 1, 10)).length, 0);
  }));

test('the events of a hardware address include those of its machine and those from before it enlisted', () =>
  withRegion(async ({ region, store }) => {
    await region.observe([reported(1, {}), reported(2, { mac: '52:54:00:00:00:02' })]);
    const ofMac = async () => (await store.listEvents({ machines: { macs: [mac(0x525400000001)] }, limit: 10 })).length;
    assert.equal(await ofMac(), 1);
    await region.enlist(report([0x525400000001]));
    assert.equal(await ofMac(), 2);
  }));

test('an administrator sees the files of an installation without keys; other people, and user data itself, do not appear', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const outcome = await region.enlist(report([0x525400000001], { hostname: 'web1' }));
    assert.ok(outcome.kind === 'create');
    const { systemId } = outcome.machine;
    const userData = Buffer.from(`#!/bin/sh\n${ATTACK} geheim`);
    await store.changeMachine<never>(systemId, region.clock.wallTimeMs(), () => ({
      kind: 'change',
      fields: { status: 'deployed', osystem: 'ubuntu', release: 'noble' },
      userData,
      events: [],
    }));
    const page = async (viewer: Viewer, purpose = '') =>
      `${await PRESEED_PAGE.render(viewOf(region, { viewer, path: { machine: systemId }, query: new Map([['purpose', [purpose]]]) }))}`;
    const seen = await page(ADMIN);
    assert.match(seen, /aria-current="true">autoinstall<.*<pre [^>]*>[^<]*RACK-ADDRESS/s);
    assert.match(await page(ADMIN, 'commissioning'), /CONSUMER-KEY|TOKEN-KEY/);
    assert.match(await page(ADMIN, ATTACK), /aria-current="true">autoinstall</);
    const own = await page(USER);
    assert.doesNotMatch(own, /RACK-ADDRESS|<pre/);
    for (const text of [seen, own]) {
      assert.match(text, new RegExp(`${userData.length}.B, given with its deployment`));
      assert.ok(!text.includes('geheim') && !text.includes('<img'));
    }
  }));

test('a machine page shows the current address, or after the end of its lease the last one', () =>
  withRegion(async ({ region }) => {
    await region.enlist(report([0x525400000001]));
    const page = async () => `${await renderMachinePage(viewOf(region, { path: { machine: MAC } }))}`;
    const tell = async (sequence: number, kind: string) => {
      const at = region.clock.wallTimeMs();
      await region.observe([{ sequence, kind, at, mac: MAC, address: '10.20.0.150', text: 'told' }]);
    };
    await tell(1, 'dhcp.ack');
    assert.match(await page(), /<dt>Address<\/dt><dd><div><span class="copy">10\.20\.0\.150</);
    await tell(2, 'dhcp.expired');
    assert.doesNotMatch(await page(), /<dt>Address<\/dt><dd><div><span class="copy">10\.20\.0\.150</);
    assert.match(await page(), /<dt>Last seen with<\/dt><dd>10\.20\.0\.150</);
  }));
