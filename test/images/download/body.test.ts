// How much work the pieces of a body make, with real sockets on loopback.

import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../src/clock.ts';
import { Bandwidth } from '../../../src/images/download/bandwidth.ts';
import { Body, type BodySink } from '../../../src/images/download/body.ts';
import { AttemptFailure } from '../../../src/images/download/fault.ts';
import { WebClient } from '../../../src/images/download/web-client.ts';
import { QUICK } from './download-place.ts';

const MIB = 1024 * 1024;
const means = {
  clock: systemClock,
  web: new WebClient(systemClock, QUICK),
  bandwidth: new Bandwidth(undefined),
  settings: QUICK,
};
const NOBODY = { onBytes: () => undefined, onGrown: () => undefined };

/** Counts what is appended: in all, and at most within one turn of the event loop. */
class CountingSink implements BodySink {
  readonly isFull = false;
  bytes = 0;
  appends = 0;
  turnBytesMax = 0;
  #turnBytes = 0;

  append({ length }: Uint8Array): void {
    this.bytes += length;
    this.appends += 1;
    if (this.#turnBytes === 0) setImmediate(() => (this.#turnBytes = 0));
    this.#turnBytes += length;
    this.turnBytesMax = Math.max(this.turnBytesMax, this.#turnBytes);
  }

  store(): void {
    // Nothing is stored.
  }

  listen(): void {
    // Nothing to report.
  }
}

const sockets: Socket[] = [];
const servers: { close(): void }[] = [];
after(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

/** Reads a body in chunks of `chunkBytes`, which have waited for it in the system. */
async function readChunks(chunkBytes: number, bytes: number) {
  const chunk = `${chunkBytes.toString(16)}\r\n${'x'.repeat(chunkBytes)}\r\n`;
  const answer = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(bytes / chunkBytes)}0\r\n\r\n`;
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
    socket.once('data', () => socket.write(answer));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const { signal } = new AbortController();
  const opened = await means.web.open(new URL(`http://127.0.0.1:${address.port}/`), () => ({}), signal);
  assert.ok(opened !== undefined);
  // Meanwhile the buffers of the system fill.
  await sleep(200);
  const sink = new CountingSink();
  const body = new Body(opened, sink, { surplus: 0, total: undefined, bytesMax: bytes }, means, NOBODY);
  const end = await body.read(signal).catch((error: unknown) => error);
  return { end, sink };
}

test('a body in chunks leaves the turn after each read of 256 KiB', async () => {
  const { end, sink } = await readChunks(512, 16 * MIB);
  assert.equal(end, true);
  assert.equal(sink.bytes, 16 * MIB);
  assert.ok(sink.turnBytesMax <= MIB / 2, `${sink.turnBytesMax} bytes in a turn`);
});

test('a body in chunks of one byte is given up after 16 384 of them', async () => {
  const { end, sink } = await readChunks(1, 2 * MIB);
  assert.ok(end instanceof AttemptFailure);
  assert.partialDeepStrictEqual(end.fault, { code: 'pieces-short', params: { pieces: 16_384 } });
  assert.equal(sink.appends, 16_384);
});

test('a body of 10 000 chunks of one byte is read', async () => {
  const { end, sink } = await readChunks(1, 10_000);
  assert.equal(end, true);
  assert.equal(sink.bytes, 10_000);
});
