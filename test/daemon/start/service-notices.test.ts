import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatStatusLine, makeStatusLine } from '../../../src/daemon/rack/status-line.ts';
import { ServiceNotices } from '../../../src/daemon/start/service-notices.ts';
import type { Notice } from '../../../src/net/linux/notify-socket.ts';
import type { RackNote } from '../../../src/region/reports/notes.ts';
import type { UplinkStatus } from '../../../src/uplink/link-status.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

function rig(options: { readonly watchdogMs?: number } = {}) {
  const clock = new VirtualClock();
  const sent: Notice[] = [];
  const state = { line: 'serving 10.20.0.0/24', silentMs: 0, takes: true };
  const troubles: RackNote[] = [];
  const notices = new ServiceNotices({
    clock,
    notify: { socket: '@test', watchdogMs: options.watchdogMs },
    statusLine: () => state.line,
    journalSilentMs: () => state.silentMs,
    onTrouble: (note) => void troubles.push(note),
    socket: {
      send(notice) {
        if (state.takes) sent.push(notice);
        return state.takes;
      },
      close: () => undefined,
    },
  });
  const take = (): Notice[] => sent.splice(0);
  return { clock, state, troubles, notices, take };
}

const EXTENSION = { EXTEND_TIMEOUT_USEC: '10000000' };

test('a long start asks for more time, and READY is sent once, with the status line', () => {
  const { clock, notices, take } = rig();
  assert.deepEqual(take(), [{ ...EXTENSION, STATUS: 'starting' }]);
  clock.advance(2000);
  assert.deepEqual(take(), [EXTENSION, EXTENSION]);
  notices.reportReady();
  notices.reportReady();
  assert.deepEqual(take(), [{ READY: '1', STATUS: 'serving 10.20.0.0/24' }]);
  clock.advance(10_000);
  assert.deepEqual(take(), [], 'nothing is sent while nothing changes');
});

test('READY is repeated until it is delivered', () => {
  const { clock, state, notices, take } = rig();
  state.takes = false;
  take();
  notices.reportReady();
  clock.advance(2500);
  state.takes = true;
  clock.advance(1000);
  assert.deepEqual(take(), [{ READY: '1', STATUS: 'serving 10.20.0.0/24' }]);
  clock.advance(5000);
  assert.deepEqual(take(), []);
});

test('a start stops asking for more time after ten minutes', () => {
  const { clock, take } = rig();
  clock.advance(600_000);
  take();
  clock.advance(5000);
  assert.deepEqual(take(), []);
});

test('the status line is updated, and repeated if it was not delivered', () => {
  const { clock, state, notices, take } = rig();
  notices.reportReady();
  take();
  state.line = 'serving no network';
  state.takes = false;
  clock.advance(3000);
  assert.deepEqual(take(), []);
  state.takes = true;
  clock.advance(3000);
  assert.deepEqual(take(), [{ STATUS: 'serving no network' }]);
});

test('the watchdog is fed at half its interval, but not while the journal is silent', () => {
  const { clock, state, notices, troubles, take } = rig({ watchdogMs: 60_000 });
  notices.reportReady();
  take();
  clock.advance(90_000);
  assert.deepEqual(take(), [{ WATCHDOG: '1' }, { WATCHDOG: '1' }, { WATCHDOG: '1' }]);
  state.silentMs = 29_999;
  clock.advance(30_000);
  assert.equal(take().length, 1, 'a slow disk is not a hang');
  state.silentMs = 31_000;
  clock.advance(90_000);
  assert.deepEqual(take(), []);
  assert.deepEqual(troubles, [{ note: 'journal-silent', seconds: 31 }]);
  state.silentMs = 0;
  clock.advance(30_000);
  assert.deepEqual(take(), [{ WATCHDOG: '1' }]);
});

test('every reload begins with RELOADING and ends with READY, whatever its result; concurrent ones are one', async () => {
  const { notices, take } = rig();
  await notices.duringReload(async () => undefined);
  take();
  notices.reportReady();
  take();
  const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const done = [notices.duringReload(() => both[0].promise), notices.duringReload(() => both[1].promise)] as const;
  const [begun, ...none] = take();
  assert.deepEqual(none, []);
  assert.equal(begun?.RELOADING, '1');
  assert.match(begun?.MONOTONIC_USEC ?? '', /^\d+$/);
  both[0].reject(new Error('refused'));
  await assert.rejects(done[0], /refused/);
  assert.deepEqual(take(), []);
  both[1].resolve();
  await done[1];
  assert.deepEqual(take(), [{ READY: '1', STATUS: 'serving 10.20.0.0/24' }]);
});

test('STOPPING is sent once, then the status line, asking for more time up to a minute', async () => {
  const { clock, notices, take } = rig({ watchdogMs: 60_000 });
  notices.reportReady();
  take();
  notices.reportStopping('stopping: 2 transfers');
  notices.reportStopping('stopping: 1 transfer');
  assert.deepEqual(take(), [
    { STOPPING: '1' },
    { ...EXTENSION, STATUS: 'stopping: 2 transfers' },
    { ...EXTENSION, STATUS: 'stopping: 1 transfer' },
  ]);
  await notices.duringReload(async () => undefined);
  assert.deepEqual(take(), [], 'a reload during shutdown is not reported');
  clock.advance(60_000);
  assert.equal(take().filter((notice) => notice.WATCHDOG === '1').length, 2, 'the watchdog is fed to the end');
  clock.advance(5000);
  assert.deepEqual(take(), []);
  notices.close();
  clock.advance(120_000);
  assert.deepEqual(take(), []);
  assert.equal(clock.pending, 0);
});

const region = (state: UplinkStatus['state'], link?: Partial<UplinkStatus['link']>): UplinkStatus => ({
  mode: 'remote',
  state,
  addresses: [],
  desiredVersion: 1,
  desiredSince: undefined,
  eventsWaiting: 0,
  eventsDropped: 0,
  eventsWithheld: 0,
  link:
    link === undefined
      ? undefined
      : {
          state: 'away',
          addresses: [],
          since: 0,
          text: '',
          lastContact: undefined,
          lastHeartbeat: undefined,
          heartbeatMs: undefined,
          regionVersion: '',
          waiting: 0,
          dropped: 0,
          deadLetters: 0,
          outboxProblem: '',
          ...link,
        },
});

const served = (network: string) => {
  return { name: network, interface: 'eth1', network, mode: 'server', serving: true, reason: '' } as const;
};
const fine = { available: true, reason: undefined };
const LINES: readonly [expected: string, sources: Parameters<typeof formatStatusLine>[0]][] = [
  [
    'serving 10.20.0.0/24',
    { interfaces: [served('10.20.0.0/24')], region: region('up'), regionAwaySinceMs: undefined, journal: fine },
  ],
  [
    'serving 10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24 and 2 more; region is starting',
    {
      interfaces: [0, 1, 2, 3, 4, 5].map((index) => served(`10.0.${index}.0/24`)),
      region: undefined,
      regionAwaySinceMs: undefined,
      journal: fine,
    },
  ],
  [
    'serving no network; waiting: eth2 has no carrier; cannot grant leases: leases.db: disk is full; region away since 2026-11-20T12:00:00Z',
    {
      interfaces: [{ ...served('10.0.0.0/24'), serving: false, reason: 'eth2 has no carrier' }],
      region: region('waiting'),
      regionAwaySinceMs: Date.UTC(2026, 10, 20, 12),
      journal: { available: false, reason: 'leases.db: disk is full' },
    },
  ],
  [
    'serving no network; region away since 2026-11-20T11:00:00Z',
    {
      interfaces: [],
      region: region('away', { since: Date.UTC(2026, 10, 20, 11) }),
      regionAwaySinceMs: Date.UTC(2026, 10, 20, 12),
      journal: fine,
    },
  ],
  [
    'serving no network; region: an administrator must accept this rack',
    { interfaces: [], region: region('pending', {}), regionAwaySinceMs: undefined, journal: fine },
  ],
  [
    'serving no network; region: it speaks version 2',
    {
      interfaces: [],
      region: region('incompatible', { text: 'it speaks version 2' }),
      regionAwaySinceMs: undefined,
      journal: fine,
    },
  ],
];
for (const [expected, sources] of LINES)
  test(`status: ${expected}`, () => assert.equal(formatStatusLine(sources), expected));

test('the status line remembers since when the region is away', () => {
  const clock = new VirtualClock(Date.UTC(2026, 10, 20, 12));
  let state: UplinkStatus['state'] = 'waiting';
  const line = makeStatusLine({ clock, interfaces: () => [], region: () => region(state), journal: () => undefined });
  assert.match(line(), /away since 2026-11-20T12:00:00Z$/);
  clock.advance(60_000);
  assert.match(line(), /away since 2026-11-20T12:00:00Z$/);
  state = 'up';
  assert.equal(line(), 'serving no network');
  state = 'waiting';
  assert.match(line(), /away since 2026-11-20T12:01:00Z$/);
});
