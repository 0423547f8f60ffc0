// How many bodies are read at a time; slow-posts.test.ts tests slow ones.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { ipv4 } from '../../src/ground/address.ts';
import { sleep } from '../../src/ground/clock.ts';
import { ARRIVING_MAX, BodyArrivals } from '../../src/http/body-arrival.ts';
import { portOf } from '../support/listening-port.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const FURTHER = 5;

test('ARRIVING_MAX bodies of as many networks are read at a time, and the next one as soon as one has arrived', async () => {
  const arrivals = new BodyArrivals(new VirtualClock());
  const requests: IncomingMessage[] = [];
  const ends: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    void arrivals.read(request, response, ipv4(requests.length << 8)).then(({ kind }) => ends.push(kind));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  const read = (): number => requests.filter((request) => request.listenerCount('data') > 0).length;
  const sockets: Socket[] = [];
  try {
    for (let index = 0; index < ARRIVING_MAX + FURTHER; index += 1) {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      sockets.push(socket);
      socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na');
      while (requests.length <= index) await sleep(1);
    }
    assert.equal(read(), ARRIVING_MAX);
    sockets[0]?.write('b');
    while (ends.length === 0) await sleep(1);
    assert.deepEqual(ends, ['whole']);
    assert.equal(read(), ARRIVING_MAX);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
