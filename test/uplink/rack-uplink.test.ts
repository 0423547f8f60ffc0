// The messages of the rack's loop to its uplink thread; a state counts as applied once its settings are in force too.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { formatMac, ipv4, mac } from '../../src/ground/address.ts';
import type { RackMachine } from '../../src/machines/machine.ts';
import { EventStream } from '../../src/observe/event-stream.ts';
import type { TaskAnswer } from '../../src/region/records/rack-request.ts';
import type { LinkStatus } from '../../src/uplink/link-status.ts';
import type { RackMessage, RegionMessage } from '../../src/uplink/messages.ts';
import { OUTBOX_BATCH_MAX } from '../../src/uplink/outbox.ts';
import {
  EVENTS_WAITING_MAX,
  RackUplink,
  type RackUplinkOptions,
  type UplinkThread,
} from '../../src/uplink/rack-uplink.ts';
import { STRANGER_RATE } from '../../src/uplink/stranger-events.ts';
import { leaseAt, MAC_A, machine, NOW } from '../dhcp/lab.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** A thread that records its messages. */
class Thread implements UplinkThread {
  readonly posted: RackMessage[] = [];
  tell: (message: RegionMessage) => void = () => undefined;
  end: () => void = () => undefined;

  on(
    event: 'message' | 'error' | 'exit',
    listener: ((message: RegionMessage) => void) | ((error: Error) => void),
  ): this;
  on(event: string, listener: (message: never) => void): this {
    if (event === 'exit') this.end = () => Reflect.apply(listener, undefined, []);
    if (event === 'message') this.tell = (message) => Reflect.apply(listener, undefined, [message]);
    return this;
  }
  once(): void {}
  postMessage(message: RackMessage): void {
    this.posted.push(message);
  }
  async terminate(): Promise<void> {}
}

const unknown = {
  isMachine: () => false,
  isDeploying: () => false,
  isDynamic: () => true,
  findRunningLeases: () => [],
  listLeases: () => [],
  findLease: () => undefined,
};

/** An uplink to a thread that only listens. */
function uplinkTo(thread: Thread, stream: EventStream, changes: Partial<RackUplinkOptions> = {}): RackUplink {
  return new RackUplink({
    mode: 'embedded',
    startThread: () => thread,
    rack: () => ({ uuid: 'u', name: 'rack', version: '1', interfaces: [], pinned: [] }),
    imageTree: () => '/tree',
    life: 'life',
    clock: new VirtualClock(),
    stream,
    knownHosts: unknown,
    publish: stream.publish,
    cachedState: { version: 0, sinceMs: undefined },
    onDesiredState: async () => undefined,
    onListening: () => undefined,
    onProblem: () => undefined,
    onTrouble: () => undefined,
    ...changes,
  });
}

test('the region gets a counted sample of a crowd of strangers, and the lease of a machine that becomes known', async () => {
  const thread = new Thread();
  const stream = new EventStream();
  const lease = leaseAt(MAC_A, '10.20.0.100', 300);
  const clock = new VirtualClock();
  let machines: readonly RackMachine[] = [];
  const uplink = uplinkTo(thread, stream, {
    clock,
    knownHosts: {
      ...unknown,
      isMachine: (one) => machines.some(({ macs }) => macs.includes(one)),
      findRunningLeases: (macs) => [lease].filter((one) => macs.has(one.mac)),
    },
    onDesiredState: async (state) => {
      machines = state.machines;
    },
  });
  uplink.start();
  const count = STRANGER_RATE.burst * 3;
  for (let index = 0; index < count; index += 1) stream.publish({ kind: 'dhcp.ack', at: NOW, mac: mac(index + 1) });
  await stream.waitUntilDrained();
  assert.equal(uplink.status().eventsWaiting, STRANGER_RATE.burst);
  assert.equal(uplink.status().eventsWithheld, count - STRANGER_RATE.burst);

  const known = { schema: 2, version: 1, machines: [machine(MAC_A, '10.20.0.10')] } as const;
  thread.tell({ kind: 'desired-state', state: known });
  assert.equal(uplink.status().eventsWaiting, STRANGER_RATE.burst + 1);
  thread.tell({ kind: 'stored', sequence: STRANGER_RATE.burst });
  clock.advance(1000);
  const sent = thread.posted.flatMap((message) => (message.kind === 'events' ? message.events : []));
  assert.deepEqual(
    sent.filter(({ mac: whose }) => whose === formatMac(MAC_A)).map(({ address, text }) => [address, text]),
    [['10.20.0.100', 'Leased 10.20.0.100 for 10 min']],
  );
});

test('the rack’s measures are sent at the start, each minute, and no more once it closes', async () => {
  const thread = new Thread();
  const clock = new VirtualClock();
  let leases = 0;
  const measure = () => ({
    startedMs: 1,
    counts: { leases, tftpBytes: 0, httpBytes: 0, dnsQueries: 0 },
    taken: 0,
    usable: 0,
    listening: { dhcp: [], tftp: [], http: [], dns: [] },
  });
  const uplink = uplinkTo(thread, new EventStream(), { clock, measure });
  const sent = () =>
    thread.posted.flatMap((message) => (message.kind === 'measured' ? [message.measures.counts.leases] : []));
  uplink.start();
  leases = 5;
  clock.advance(59_000);
  assert.deepEqual(sent(), [0]);
  clock.advance(61_000);
  assert.deepEqual(sent(), [0, 5, 5]);
  void uplink.close(0);
  clock.advance(120_000);
  assert.deepEqual(sent(), [0, 5, 5]);
});

test('a change of settings that the region made is not reported to it, and one of the file is', async () => {
  const thread = new Thread();
  const stream = new EventStream();
  const uplink = uplinkTo(thread, stream, { clock: new VirtualClock() });
  uplink.start();
  for (const source of ['store', 'file'] as const) {
    const changed = {
      kind: 'config.changed',
      at: NOW,
      key: 'dns.upstream',
      before: '[]',
      after: source,
      source,
    } as const;
    stream.publish(changed);
    const applied = { kind: 'config.applied', at: NOW, file: '/etc/rackboot.yaml', source, changes: 1 } as const;
    stream.publish(applied);
  }
  await stream.waitUntilDrained();
  assert.equal(uplink.status().eventsWaiting, 2);
  const sent = thread.posted.flatMap((message) => (message.kind === 'events' ? message.events : []));
  assert.deepEqual(
    sent.map(({ kind, params }) => [kind, params?.source]),
    [
      ['config.changed', 'file'],
      ['config.applied', 'file'],
    ],
  );
});

test('a state is acknowledged once its settings are in force, after the rack’s description', async () => {
  const thread = new Thread();
  const clock = new VirtualClock();
  const stream = new EventStream();
  const settled = Promise.withResolvers<void>();
  let settingsRefused: string | undefined;
  const uplink = new RackUplink({
    mode: 'remote',
    startThread: () => thread,
    rack: () => ({ uuid: 'u', name: 'far', version: '1', interfaces: [], pinned: [], settingsRefused }),
    imageTree: () => '/tree',
    life: 'life',
    clock,
    stream,
    knownHosts: unknown,
    publish: stream.publish,
    cachedState: { version: 0, sinceMs: undefined },
    onDesiredState: () => settled.promise,
    onListening: () => undefined,
    onProblem: () => undefined,
    onTrouble: () => undefined,
  });
  uplink.start();
  thread.tell({ kind: 'desired-state', state: { schema: 2, version: 7, machines: [] } });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    thread.posted.map(({ kind }) => kind),
    ['hello'],
  );
  settingsRefused = 'the port is taken';
  uplink.introduce();
  settled.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  const [, hello, applied] = thread.posted;
  assert.equal(hello?.kind === 'hello' && hello.rack.settingsRefused, 'the port is taken');
  assert.deepEqual(applied, { kind: 'applied', version: 7 });
});

test('a link that is up shows as away while no address serves a request, and still counts as up', () => {
  const thread = new Thread();
  const uplink = uplinkTo(thread, new EventStream(), { mode: 'remote' });
  uplink.start();
  thread.tell({ kind: 'listening', addresses: ['http://b/MAAS'] });
  const status: LinkStatus = {
    addresses: [],
    state: 'up',
    since: NOW,
    text: '',
    lastContact: NOW,
    lastHeartbeat: NOW,
    heartbeatMs: 1,
    regionVersion: '1',
    waiting: 0,
    dropped: 0,
    deadLetters: 0,
    outboxProblem: '',
  };
  const shown = (unserved?: { readonly sinceMs: number; readonly text: string }) => {
    thread.tell({ kind: 'link', status: { ...status, unserved } });
    const { state, link } = uplink.status();
    return [state, link?.state, link?.since, link?.text, uplink.isUp];
  };
  assert.deepEqual(shown(), ['up', 'up', NOW, '', true]);
  const refused = shown({ sinceMs: NOW + 5, text: 'b answers 503' });
  assert.deepEqual(refused, ['away', 'away', NOW + 5, 'b answers 503', true]);
});

test('the region of the same process has a scan started, and learns the outcome', () => {
  const thread = new Thread();
  const scan = { networks: ['10.20.0.0/24'], atOnce: 4, isSlow: true };
  const asked: object[] = [];
  const start = (wanted: object) => {
    asked.push(wanted);
    return 'started' as const;
  };
  for (const onScan of [undefined, start]) {
    const uplink = uplinkTo(thread, new EventStream(), { onScan });
    uplink.start();
    thread.tell({ kind: 'scan', scan });
  }
  const answers = thread.posted.filter(({ kind }) => kind === 'scan-answer');
  assert.deepEqual(answers, [
    { kind: 'scan-answer', outcome: 'unheard' },
    { kind: 'scan-answer', outcome: 'started' },
  ]);
  assert.deepEqual(asked, [scan]);
});

test('a region has a lease changed, and learns the outcome', async () => {
  const task = { kind: 'end', address: ipv4(0x0a14_0078) } as const;
  for (const [onTask, outcome] of [
    [undefined, 'unwritten'],
    [
      async (wanted: object): Promise<TaskAnswer> => ({ outcome: isDeepStrictEqual(wanted, task) ? 'done' : 'absent' }),
      'done',
    ],
  ] as const) {
    const thread = new Thread();
    uplinkTo(thread, new EventStream(), { onTask }).start();
    thread.tell({ kind: 'request', request: { id: 'one', task } });
    await new Promise((resolve) => setImmediate(resolve));
    const answers = thread.posted.filter(({ kind }) => kind === 'answered');
    assert.deepEqual(answers, [{ kind: 'answered', answer: { id: 'one', outcome } }]);
  }
});

/** An uplink of a rack with so many running leases outside the dynamic ranges, and the region's answers. */
function uplinkWithLeases(count: number, changes: Partial<RackUplinkOptions> = {}) {
  const leases = Array.from({ length: count }, (_, index) => ({
    ...leaseAt(mac(0x020000000000 + index), '10.20.0.10', 300 + index),
    address: ipv4(0x0a14_0000 + index),
  }));
  const thread = new Thread();
  const clock = new VirtualClock(NOW);
  const stream = new EventStream();
  const acquaintance = {
    ...unknown,
    isDynamic: () => false,
    listLeases: () => leases,
    findLease: (address: number) => leases[address - 0x0a14_0000],
  };
  const uplink = uplinkTo(thread, stream, { clock, knownHosts: acquaintance, ...changes });
  uplink.start();
  const rest = async (): Promise<void> => {
    for (let turns = 0; turns < 40; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(100);
  };
  const sent = () => thread.posted.flatMap((message) => (message.kind === 'events' ? message.events : []));
  return {
    thread,
    uplink,
    stream,
    clock,
    sent,
    rest,
    leases,
    /** The region sends a state. */
    state: async (version: number, isAnew?: boolean): Promise<void> => {
      thread.tell({
        kind: 'desired-state',
        state: { schema: 2, version, machines: [] },
        ...(isAnew ? { isAnew } : {}),
      });
      await rest();
    },
    /** The thread stores what it was sent. @returns the sequences since `from` */
    store: async (from = 0): Promise<number> => {
      for (let last = from; ; ) {
        const next = sent().at(-1)?.sequence ?? 0;
        if (next === last) return sent().length;
        last = next;
        thread.tell({ kind: 'stored', sequence: last });
        await rest();
      }
    },
  };
}

test('the running leases outside the dynamic ranges are sent at the start, and when the region is another one or has another history', async () => {
  const { state, store, thread, clock, sent } = uplinkWithLeases(3);
  await store();
  assert.equal(sent().length, 0, 'none before the region answers');
  const tellsOf = async (version: number, isAnew?: boolean): Promise<number> => {
    const before = sent().length;
    await state(version, isAnew);
    return (await store()) - before;
  };
  assert.equal(await tellsOf(7), 3, 'the first state after the start');
  assert.deepEqual(
    sent().map(({ kind, mac: whose, address }) => [kind, whose, address]),
    [0, 1, 2].map((index) => ['dhcp.ack', formatMac(mac(0x020000000000 + index)), `10.20.0.${index}`]),
  );
  assert.equal(await tellsOf(8), 0, 'the next state of the same region');
  assert.equal(await tellsOf(9, true), 3, 'a region that started or has another history');
  assert.equal(await tellsOf(5), 3, 'an older state: a restored backup');
  assert.equal(await tellsOf(6), 0);
  thread.end();
  clock.advance(1000);
  assert.equal(await tellsOf(7), 3, 'the region of this process started again');
});

test('the leases are sent once the settings of the state are in force, which decide what is dynamic', async () => {
  const settled = Promise.withResolvers<void>();
  const { state, store, sent } = uplinkWithLeases(3, { onDesiredState: () => settled.promise });
  await state(7);
  assert.equal(sent().length, 0);
  settled.resolve();
  await state(8);
  assert.equal(await store(), 3);
});

test('leases that are named one by one are sent, as those of an import', async () => {
  const { uplink, leases, rest, store } = uplinkWithLeases(3);
  uplink.reportLeases(leases.slice(1));
  await rest();
  assert.equal(await store(), 2);
});

test('leases do not displace events: they are added while few events wait, and all are sent in the end', async () => {
  const count = OUTBOX_BATCH_MAX * 8;
  const { state, store, uplink, thread, stream } = uplinkWithLeases(count);
  await state(7);
  for (let times = 0; times < 20; times += 1) uplink.reportLeases([]);
  const { eventsWaiting, eventsDropped } = uplink.status();
  assert.ok(
    eventsWaiting >= OUTBOX_BATCH_MAX && eventsWaiting <= EVENTS_WAITING_MAX + OUTBOX_BATCH_MAX,
    `${eventsWaiting}`,
  );
  stream.publish({ kind: 'dhcp.refused', at: NOW, mac: MAC_A });
  await stream.waitUntilDrained();
  assert.equal(await store(), count + 1);
  assert.deepEqual([uplink.status().eventsWaiting, eventsDropped], [0, 0]);
  const events = thread.posted.flatMap((message) => (message.kind === 'events' ? message.events : []));
  const place = events.findIndex(({ kind }) => kind === 'dhcp.refused');
  assert.ok(place >= 0 && place <= eventsWaiting, `the refusal is event ${place} of ${count}`);
});

test('while a remote region does not take events, its leases do not fill the outbox on disk', async () => {
  const count = OUTBOX_BATCH_MAX * 12;
  const { state, store, thread, uplink, sent } = uplinkWithLeases(count, { mode: 'remote' });
  const status: LinkStatus = {
    addresses: [],
    state: 'up',
    since: NOW,
    text: '',
    lastContact: NOW,
    lastHeartbeat: NOW,
    heartbeatMs: 1,
    regionVersion: '1',
    waiting: EVENTS_WAITING_MAX,
    dropped: 0,
    deadLetters: 0,
    outboxProblem: '',
  };
  thread.tell({ kind: 'listening', addresses: ['http://b/MAAS'] });
  thread.tell({ kind: 'link', status });
  await state(7);
  assert.equal(sent().length, 0);
  thread.tell({ kind: 'link', status: { ...status, waiting: 0 } });
  assert.equal(await store(), count);
  assert.equal(uplink.status().eventsWaiting, 0);
});

test('an operator waits for a slow thread of images, and not for one that has ended', async () => {
  const thread = new Thread();
  const clock = new VirtualClock();
  const uplink = uplinkTo(thread, new EventStream(), { clock });
  uplink.start();
  const door = { socket: '/s', tree: '/tree' };
  const slow = uplink.openImages();
  clock.advance(30_000);
  const [asked] = thread.posted.flatMap((message) => (message.kind === 'open-images' ? [message.id] : []));
  thread.tell({ kind: 'images-open', id: asked ?? 0, answer: door });
  assert.deepEqual(await slow, door);
  const lost = uplink.openImages();
  thread.end();
  assert.equal(await lost, undefined);
});
