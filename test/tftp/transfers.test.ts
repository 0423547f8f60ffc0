// The sessions of the server, with those who carry their transfers out of reach.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../src/ground/address.ts';
import { Counters } from '../../src/ground/counters.ts';
import { EventSampler } from '../../src/ground/rate-limit.ts';
import { TFTP_COUNTERS } from '../../src/tftp/events.ts';
import { Listener } from '../../src/tftp/listener.ts';
import { Session } from '../../src/tftp/session.ts';
import { allocateTransferMemory, SharedTransferState } from '../../src/tftp/shared-transfer-state.ts';
import type { TransferCommand } from '../../src/tftp/transfer-engine.ts';
import { Transfers } from '../../src/tftp/transfers.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { MemoryNetwork, RACK, turns } from './server-bench.ts';

/** The bound as a literal: raising it fails here. */
const SLOTS_MAX = 6144;

test('at most 6144 transfers are carried: beyond, a request is not answered until another has ended', async () => {
  const network = new MemoryNetwork();
  const open = () => network.open({ address: RACK, port: 0, onDatagrams: () => undefined });
  const listener = new Listener<Session>(RACK, 69, await open(), await open());
  const state = new SharedTransferState(allocateTransferMemory());
  const orders: TransferCommand[] = [];
  const clock = new VirtualClock();
  const transfers = new Transfers({
    clock,
    resolve: ({ path }) => ({
      kind: 'rendered',
      path,
      text: 'x',
      mac: undefined,
      purpose: 'local',
      step: { kind: 'chain' },
      isForAnother: false,
    }),
    files: { open: async () => undefined },
    publish: () => undefined,
    counters: new Counters(TFTP_COUNTERS),
    refusals: new EventSampler(),
    state,
    command: (order) => orders.push(order),
    mayReach: () => true,
    onStarted: () => undefined,
    onReleased: () => undefined,
  });
  let clients = 0;
  const begin = async (count: number): Promise<number> => {
    const before = started();
    for (let index = 0; index < count; index += 1) {
      clients += 1;
      const request = { kind: 'read', file: 'x', mode: 'octet', options: [{ name: 'blksize', value: '512' }] } as const;
      const origin = { listener, peer: ipv4(0x0a140000 + (clients % 250)), port: 1024 + clients, request };
      transfers.begin(new Session(origin, clock.now(), (slot) => state.read(slot)), undefined);
      if (index % 500 === 0) await turns(1);
    }
    await turns();
    return started() - before;
  };
  const started = (): number => orders.filter(({ kind }) => kind === 'start').length;
  // Most of them have given way to the newer ones, but nobody has ended them.
  assert.equal(await begin(SLOTS_MAX), SLOTS_MAX);
  assert.equal(transfers.active, 1024);
  assert.equal(await begin(10), 0);
  transfers.take({ kind: 'ended', slot: 7, outcome: { kind: 'stopped' }, localPort: 40_000 });
  assert.equal(await begin(2), 1);
  transfers.fail('over');
  assert.equal(transfers.active, 0);
});
