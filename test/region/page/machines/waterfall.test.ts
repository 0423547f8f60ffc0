// The picture of a boot: its rows, what they say, its verdict, and values from hosts that mean harm.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BOOT_PAGE } from '../../../../src/region/page/machines/boot-page.ts';
import {
  type BootVerdict,
  buildBootRows,
  firstMissing,
  judgeBoot,
  renderWaterfall,
  spanOfBoot,
} from '../../../../src/region/page/machines/waterfall.ts';
import type { Happening } from '../../../../src/region/records/events.ts';
import { getEventType, happeningOfReport, type MachineEvent } from '../../../../src/region/records/machine-event.ts';
import { report, withRegion } from '../../place.ts';
import { bootReports, GOOD_BOOT, STALLED_BOOT } from '../boot-reports.ts';
import { viewOf } from '../view.ts';

const MAC = '52:54:00:00:00:01';
const ATTACK = `<img src=x onerror="alert(1)">'"&`;
const START_MS = 1_700_000_000_000;
const IN_READY = { ownRack: 'rack-1', state: 'Ready' } as const;

const eventsOf = (boot: typeof GOOD_BOOT, startMs = START_MS): readonly MachineEvent[] =>
  bootReports(boot, startMs, 1, MAC).map((one) => ({
    id: one.sequence,
    atMs: one.at,
    type: getEventType(one.kind),
    level: one.level ?? 'info',
    username: '',
    kind: one.kind,
    ...happeningOfReport(one),
  }));

test('a boot has a row for each exchange, transfer, configuration and call; equal ones in sequence are one', () => {
  const rows = buildBootRows(eventsOf(GOOD_BOOT), IN_READY);
  assert.deepEqual(
    rows.map(({ name, tone, times }) => [name, tone, times]),
    [
      ['DHCP, uefi', 'dhcp', 1],
      ['TFTP bootx64.efi', 'file', 1],
      ['TFTP grubx64.efi', 'file', 1],
      ['Not there', 'idle', 2],
      ['TFTP grub.cfg', 'config', 1],
      ['TFTP grub.cfg-52:54:00:00:00:01', 'config', 1],
      ['HTTP boot-kernel', 'file', 1],
      ['HTTP boot-initrd', 'file', 1],
      ['DHCP, running system', 'dhcp', 1],
      ['Metadata job', 'report', 1],
      ['Reports', 'report', 2],
    ],
  );
  const [dhcp, loader, grub, , , config] = rows;
  assert.deepEqual([dhcp?.startMs, dhcp?.heardMs, dhcp?.endMs], [START_MS - 4000, START_MS, START_MS + 1100]);
  assert.match(dhcp?.why ?? '', /bootx64\.efi.*UEFI amd64/);
  assert.deepEqual([loader?.bytes, (loader?.endMs ?? 0) - (loader?.startMs ?? 0)], [958_464, 640]);
  assert.match(grub?.notes.join() ?? '', /12 blocks/);
  assert.match(config?.why ?? '', /Ready/);
});

const OFFER = { client: 'bios', architecture: 0, file: 'lpxelinux.0' } as const;
const VERDICTS: readonly (readonly [string, typeof GOOD_BOOT, number, BootVerdict['kind'], RegExp])[] = [
  ['a boot whose reports the region accepted went well', GOOD_BOOT, 1e6, 'good', /^$/],
  [
    'a boot told to start its own disk went well',
    [[0, 'http.rendered', { file: 'x', purpose: 'local' }]],
    1e6,
    'good',
    /^$/,
  ],
  [
    'a boot of a profile went well, because nobody hears of its system',
    [
      [0, 'http.rendered', { file: 'x', purpose: 'profile:live' }],
      [10, 'http.file-sent', { file: 'profiles/live/vmlinuz', bytes: 5, milliseconds: 1 }],
    ],
    1e6,
    'good',
    /^$/,
  ],
  ['a boot with a stalled kernel failed as the hint says', STALLED_BOOT, 1e6, 'bad', /halfway/],
  [
    'a boot told of a missing image failed with the remedy',
    [[0, 'http.rendered', { file: 'x', purpose: 'image-missing' }]],
    1e6,
    'bad',
    /images build/,
  ],
  [
    'a boot whose report was refused failed',
    [[0, 'http.posted', { file: '/MAAS/rackboot/1/signal', status: 403, said: 'no token' }]],
    1e6,
    'bad',
    /no token/,
  ],
  ['a recent boot goes on', [[0, 'dhcp.offer', OFFER]], 1000, 'going-on', /^$/],
  ['an old boot without an end stopped', [[0, 'dhcp.offer', OFFER]], 1e6, 'stopped', /DHCP, bios/],
];

for (const [name, boot, laterMs, kind, why] of VERDICTS) {
  test(name, () => {
    const events = eventsOf(boot);
    const verdict = judgeBoot(events, buildBootRows(events, IN_READY), START_MS + laterMs);
    assert.equal(verdict.kind, kind);
    assert.match(verdict.why, why);
  });
}

const SAID = { stage: 'installing', message: 'no space left', output: '' } as const;
const own = (seconds: number, level: 'info' | 'error', happening: Happening): MachineEvent => ({
  id: 900 + seconds,
  atMs: START_MS + seconds * 1000,
  type: 'NODE_INSTALL_EVENT',
  level,
  username: '',
  ...happening,
});

test('what the region heard of the machine itself belongs to the boot: reports, the written disk, a failure', () => {
  const loaded = eventsOf(GOOD_BOOT.slice(0, 12));
  const well = [
    ...loaded,
    own(30, 'info', { code: 'signal', params: SAID }),
    own(31, 'info', { code: 'disk-written', params: {} }),
  ];
  const rows = buildBootRows(well, IN_READY);
  assert.deepEqual(
    rows.slice(-2).map(({ tone }) => tone),
    ['report', 'state'],
  );
  assert.equal(judgeBoot(well, rows, START_MS + 1e6).kind, 'good');
  const badly = [...well, own(32, 'error', { code: 'signal', params: SAID })];
  const verdict = judgeBoot(badly, buildBootRows(badly, IN_READY), START_MS + 1e6);
  assert.equal(verdict.kind, 'bad');
  assert.match(verdict.why, /no space left/);
});

test('a boot that ends with the report of its hardware went well: the region knows the machine since, or knows it better', () => {
  const loaded = eventsOf(GOOD_BOOT.slice(0, 12));
  assert.equal(judgeBoot(loaded, buildBootRows(loaded, IN_READY), START_MS + 1e6).kind, 'stopped');
  for (const [happening, tone] of [
    [{ code: 'enlisted', params: { isUnvouched: false, leftOut: [] } }, 'state'],
    [{ code: 'hardware-reported', params: { leftOut: [] } }, 'report'],
  ] as const) {
    const boot = [...loaded, own(30, 'info', happening)];
    const rows = buildBootRows(boot, { ownRack: 'rack-1', state: undefined });
    assert.equal(rows.at(-1)?.tone, tone);
    assert.equal(judgeBoot(boot, rows, START_MS + 1e6).kind, 'good');
  }
  const added = own(30, 'info', { code: 'enlisted', params: { isUnvouched: false, leftOut: [], isAdded: true } });
  assert.equal(
    buildBootRows([...loaded, added], IN_READY).length,
    buildBootRows(loaded, IN_READY).length,
    'a person added it',
  );
});

test('a boot that enlisted a machine ends there, whenever a person accepts it', () => {
  const loaded = eventsOf(GOOD_BOOT.slice(0, 12));
  const enlisted = own(30, 'info', { code: 'enlisted', params: { isUnvouched: false, leftOut: [] } });
  const accepted = own(500, 'info', { code: 'status-changed', params: { from: 'new', to: 'commissioning' } });
  const surroundings = { ownRack: 'rack-1', state: undefined };
  const rows = buildBootRows([...loaded, enlisted, { ...accepted, username: 'ann' }], surroundings);
  assert.deepEqual(rows, buildBootRows([...loaded, enlisted], surroundings));
  // Before that, and of itself, a change belongs to the boot.
  for (const events of [
    [...loaded, { ...accepted, username: 'ann' }],
    [...loaded, enlisted, accepted],
  ])
    assert.equal(buildBootRows(events, surroundings).at(-1)?.key, 'state commissioning');
});

test('the first step that a failed boot lacks is named', () => {
  const [good, failed] = [
    buildBootRows(eventsOf(GOOD_BOOT), IN_READY),
    buildBootRows(eventsOf(STALLED_BOOT), IN_READY),
  ];
  assert.equal(firstMissing(good, failed)?.name, 'HTTP boot-kernel');
  assert.equal(firstMissing(good, good), undefined);
});

test('what a hostile client says of itself stays text and within the picture, and the rows are bounded', () => {
  const files = Array.from(
    { length: 300 },
    (_, index) =>
      [
        index,
        'http.file-sent',
        { file: `${index}/${ATTACK}${index}`, bytes: 8e12, milliseconds: index % 2 === 0 ? 8e12 : -8e12 },
      ] as const,
  );
  const rows = buildBootRows(
    eventsOf([[0, 'dhcp.offer', { client: ATTACK, architecture: 7, file: ATTACK, waitedSeconds: 65_535 }], ...files]),
    { ownRack: ATTACK, state: ATTACK },
  );
  const html = `${renderWaterfall(rows, spanOfBoot(rows).spanMs, '/log/')}`;
  assert.ok(!html.includes('<img') && !html.includes('style='));
  const shares = [...html.matchAll(/ (?:x|x1|x2|width)="([^"]*)%"/g)].map(([, share]) => Number(share));
  assert.ok(shares.length > 100 && shares.every((share) => share >= 0 && share <= 100), shares.join(' '));
  assert.ok((html.match(/<li /g)?.length ?? 0) <= 62);
});

test('the section shows the newest boot, above it why it failed, beside it the last good one, and others by their links', () =>
  withRegion(async ({ region }) => {
    const outcome = await region.enlist(report([0x525400000001], { hostname: 'web1' }));
    assert.ok(outcome.kind === 'create');
    const nowMs = region.clock.wallTimeMs();
    await region.observe(bootReports(GOOD_BOOT, nowMs - 7_200_000, 1, MAC));
    await region.observe(bootReports(STALLED_BOOT, nowMs - 600_000, 100, MAC));
    const page = async (query: Readonly<Record<string, string>> = {}, machine = outcome.machine.systemId) => {
      const asked = new Map(Object.entries(query).map(([name, text]) => [name, [text]] as const));
      return `${await BOOT_PAGE.render(viewOf(region, { path: { machine }, query: asked }))}`;
    };
    const first = await page();
    assert.match(first, /class="alert red".*halfway.*HTTP boot-kernel.*<svg.*went well.*<svg/s);
    assert.equal(await page({}, MAC), first);
    const other = [...first.matchAll(/\?boot=(\d+)/g)].at(-1)?.[1] ?? assert.fail('no link to the good boot');
    const good = await page({ boot: other });
    assert.doesNotMatch(good, /class="alert/);
    assert.match(good, /went well.*HTTP boot-initrd/s);
  }));
