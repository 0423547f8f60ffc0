// One request over HTTP to a server on loopback: each ends, however its answer ends.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { HttpFailure, openHttp } from '../../src/net/http-client.ts';
import { portOf } from '../support/listening-port.ts';

const ENDS: readonly (readonly [name: string, answer: string])[] = [
  ['a switch to another protocol', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
  [
    'a switch to another protocol with more behind it',
    'HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
  ],
];
for (const [name, answer] of ENDS)
  test(`${name} ends the request with an error`, { timeout: 20_000 }, async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.write(answer));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      const url = new URL(`http://127.0.0.1:${portOf(server)}/`);
      await assert.rejects(openHttp({ url }), (error) => error instanceof HttpFailure && error.code === 'cut');
    } finally {
      server.close();
    }
  });
