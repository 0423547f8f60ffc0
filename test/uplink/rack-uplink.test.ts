// The messages of the rack's loop to its uplink thread; a state counts as applied once its settings are in force too.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_KINDS } from '../../src/daemon/rack/event-kinds.ts';
import type { RackMachine } from '../../src/machines/machine.ts';
import { formatMac, mac } from '../../src/net/address.ts';
import { EventStream } from '../../src/observe/event-stream.ts';
import type { LinkStatus } from '../../src/uplink/link-status.ts';
import type { RackMessage, RegionMessage } from '../../src/uplink/messages.ts';
import { RackUplink, type RackUplinkOptions, type UplinkThread } from '../../src/uplink/rack-uplink.ts';
import { STRANGER_RATE } from '../../src/uplink/stranger-events.ts';
import { leaseAt, MAC_A, machine, NOW } from '../dhcp/lab.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** A thread that records its messages. */
class Thread implements UplinkThread {
  readonly posted: RackMessage[] = [];
  tell: (message: RegionMessage) => void = () => undefined;

  on(
    event: 'message' | 'error' | 'exit',
    listener: ((message: RegionMessage) => void) | ((error: Error) => void),
  ): this;
  on(event: string, listener: (message: never) => void): this {
    if (event === 'message') this.tell = (message) => Reflect.apply(listener, undefined, [message]);
    return this;
  }
  once(): void {}
  postMessage(message: RackMessage): void {
    this.posted.push(message);
  }
  async terminate(): Promise<void> {}
}

const unknown = { isMachine: () => false, leasesOf: () => [], isDynamic: () => true };

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
    kinds: EVENT_KINDS,
    acquaintance: unknown,
    publish: stream.publish,
    cached: { version: 0, sinceMs: undefined },
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
    acquaintance: {
      isMachine: (one) => machines.some(({ macs }) => macs.includes(one)),
      leasesOf: (macs) => [lease].filter((one) => macs.has(one.mac)),
      isDynamic: () => true,
    },
    onDesiredState: async (state) => {
      machines = state.machines;
    },
  });
  uplink.start();
  const count = STRANGER_RATE.burst * 3;
  for (let index = 0; index < count; index += 1) stream.publish({ kind: 'dhcp.ack', at: NOW, mac: mac(index + 1) });
  await stream.rest();
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
    kinds: new Map(),
    acquaintance: unknown,
    publish: stream.publish,
    cached: { version: 0, sinceMs: undefined },
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
    ...{ addresses: [], state: 'up', since: NOW, text: '', lastContact: NOW, lastHeartbeat: NOW, heartbeatMs: 1 },
    ...{ regionVersion: '1', waiting: 0, dropped: 0, deadLetters: 0, outboxProblem: '' },
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
