// The ports of ended transfers: for how long, and of how many transfers, a port is not reused for the same client port.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant } from '../../src/ground/clock.ts';
import { Listener, peerKey } from '../../src/tftp/listener.ts';
import { CLIENT, MemoryNetwork, type MemorySocket, RACK } from './server-bench.ts';

/** The bound as a literal: raising it fails here. */
const ENDED_MAX = 4096;

const open = async (network: MemoryNetwork): Promise<MemorySocket> => {
  await network.open({ address: RACK, port: 0, onDatagrams: () => undefined });
  const socket = network.sockets.at(-1);
  assert.ok(socket);
  return socket;
};

test('a client port does not get its last port again within 10 s, unless 4096 other transfers ended since', async () => {
  const network = new MemoryNetwork();
  const listener = new Listener<object>(RACK, 69, await open(network), await open(network));
  const now = instant(1_000_000);
  const ended: { readonly key: number; readonly localPort: number }[] = [];
  for (let port = 1; port <= ENDED_MAX + 1; port += 1) {
    const socket = await open(network);
    const key = peerKey(CLIENT, port);
    listener.noteEnded(key, socket.localPort, now);
    ended.push({ key, localPort: socket.localPort });
  }
  const usedPort = (index: number, at = now): number | undefined => listener.usedPort(ended[index]?.key ?? 0, at);
  assert.equal(usedPort(0), undefined, 'the oldest is forgotten');
  assert.equal(usedPort(1), ended[1]?.localPort);
  assert.equal(usedPort(ENDED_MAX), ended[ENDED_MAX]?.localPort);
  assert.equal(usedPort(ENDED_MAX, instant(1_010_000)), undefined, 'after 10 s');
});
