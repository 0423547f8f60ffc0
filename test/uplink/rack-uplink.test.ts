// What the rack's loop tells its uplink thread: a state counts as applied when its settings are in force, too.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventStream } from '../../src/observe/event-stream.ts';
import type { RackMessage, RegionMessage } from '../../src/uplink/messages.ts';
import { RackUplink, type UplinkThread } from '../../src/uplink/rack-uplink.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** A thread that keeps what it is told. */
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

test('a state is said to be applied when its settings are in force, after what the rack says of itself', async () => {
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
