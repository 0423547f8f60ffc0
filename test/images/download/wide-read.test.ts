// Bodies around the parser of node:http, with real sockets on loopback.

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../src/clock.ts';
import { WebClient } from '../../../src/images/download/web-client.ts';
import { copyBytes } from '../../../src/net/borrowed-bytes.ts';
import { DownloadPlace, makeContent, QUICK } from './download-place.ts';

const MIB = 1024 * 1024;
const CONTENT = makeContent(16 * MIB);
const PARSED_BYTES_MAX = MIB;
const place = new DownloadPlace();
after(() => place.close());

test('most of a body with a length comes around the parser, in order, and none while it is held', async () => {
  const server = await place.serve(CONTENT);
  const web = new WebClient(systemClock, QUICK);
  const answer = await web.open(new URL(server.url), () => ({}), new AbortController().signal);
  assert.ok(answer !== undefined);
  const parts: Uint8Array[] = [];
  let [bytes, parsedBytes] = [0, 0];
  const { promise: whole, resolve } = Promise.withResolvers<void>();
  const { promise: half, resolve: reachHalf } = Promise.withResolvers<void>();
  const take = (part: Uint8Array): void => {
    parts.push(copyBytes(part));
    bytes += part.length;
    if (bytes >= CONTENT.length / 2 && bytes - part.length < CONTENT.length / 2) {
      answer.hold(true);
      reachHalf();
    }
    if (bytes === CONTENT.length) resolve();
  };
  answer.message.on('data', (part: Buffer) => {
    parsedBytes += part.length;
    take(part);
  });
  answer.message.on('error', () => undefined);
  answer.divert(take);
  await half;
  const heldAt = bytes;
  await sleep(100);
  assert.equal(bytes, heldAt, 'held');
  answer.hold(false);
  await whole;
  answer.close();
  assert.deepEqual(Buffer.concat(parts), Buffer.from(CONTENT));
  assert.ok(parsedBytes <= PARSED_BYTES_MAX, `${parsedBytes} bytes went through the parser`);
});

/** Answers every request with these bytes. */
async function serveRaw(
  parts: readonly (string | Uint8Array)[],
): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      for (const part of parts) socket.write(part);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { server, url: `http://127.0.0.1:${address.port}/file` };
}

test('bytes after the announced length stay out of the file', async () => {
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${CONTENT.length}\r\n\r\n`;
  const { server, url } = await serveRaw([head, CONTENT, makeContent(MIB, 2)]);
  try {
    const { state } = await place.run(place.request([url], CONTENT, { name: 'with-surplus' }));
    assert.equal(state.kind, 'done');
  } finally {
    server.close();
  }
});

test('several files at a time do not mix, although their connections share a buffer', async () => {
  const contents = [1, 2, 3, 4].map((seed) => makeContent(4 * MIB, seed));
  const states = await Promise.all(
    contents.map(async (content, at) => {
      const server = await place.serve(content);
      return (await place.run(place.request([server.url], content, { name: `file-${at}` }))).state.kind;
    }),
  );
  assert.deepEqual(states, ['done', 'done', 'done', 'done']);
});
