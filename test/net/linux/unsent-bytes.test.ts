// How much of an unread response the kernel takes.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { sleep } from '../../../src/ground/clock.ts';
import { boundUnsentBytes, UNSENT_BYTES_MAX } from '../../../src/net/linux/unsent-bytes.ts';
import { Crowd } from '../../support/crowd.ts';
import { portOf } from '../../support/listening-port.ts';
import { missing } from '../../support/needs.ts';

const SLICE_BYTES = 128 * 1024;
const SLICES = 512;
/** The bytes that an unbounded reader takes before its application reads: the receive buffer and its runtime's read-ahead. */
const READERS_BYTES_MAX = 512 * 1024;

test('the kernel takes no more of an unread response than the bound and the buffer of the reader’s host', {
  skip: missing('linux'),
}, async () => {
  let taken = 0;
  const server = createServer(async (_request, response) => {
    for (let slices = 0; slices < SLICES && !response.destroyed; slices += 1) {
      if (!response.write(new Uint8Array(SLICE_BYTES))) await once(response, 'drain').catch(() => undefined);
      taken += SLICE_BYTES;
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  assert.equal(boundUnsentBytes(server), true);
  const port = portOf(server);
  const crowd = await Crowd.open(port, ['127.0.0.1'], 1, { first: 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', reads: false });
  try {
    for (let before = -1; taken !== before; ) {
      before = taken;
      await sleep(500);
    }
    assert.ok(taken > 0);
    assert.ok(taken <= UNSENT_BYTES_MAX + SLICE_BYTES + READERS_BYTES_MAX, `${taken} bytes`);
  } finally {
    crowd.close();
    server.closeAllConnections();
    server.close();
  }
});
