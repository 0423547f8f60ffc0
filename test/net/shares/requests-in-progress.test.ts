// A real node:http server, whose parser reads thousands of requests in one chunk.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../src/ground/clock.ts';
import { ConnectionShares, PIPELINED_MAX } from '../../../src/net/shares/connection-shares.ts';
import { JOINED_REQUEST_OPTIONS, PIECES_JUDGED } from '../../../src/net/shares/joined-request.ts';
import { until } from '../../support/own-network.ts';

const ONE = 'GET /x HTTP/1.1\r\nHost: r\r\n\r\n';

describe('the requests of one connection', () => {
  let taken: ServerResponse[] = [];
  let answersAtOnce = true;
  const server = createServer(JOINED_REQUEST_OPTIONS, (_request, response) => {
    taken.push(response);
    if (answersAtOnce) response.end('here');
  });
  new ConnectionShares({ clock: systemClock, max: 8, waitingMax: 8 }).guard(server);

  beforeEach(async () => {
    [taken, answersAtOnce] = [[], true];
    if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  afterEach(async () => {
    server.closeAllConnections();
    await once(server.close(), 'close');
  });

  /** Sends bytes, and collects the response. */
  function speak(words: string): { readonly socket: Socket; statuses(): readonly (string | undefined)[] } {
    let text = '';
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () => socket.write(words));
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
    });
    return { socket, statuses: () => Array.from(text.matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => status) };
  }

  for (const [what, one] of [
    ['however many one chunk holds', ONE],
    ['whatever they expect', ONE.replace('Host: r', 'Host: r\r\nExpect: more')],
  ] as const) {
    it(`beyond the bound close the connection, ${what}`, async () => {
      answersAtOnce = false;
      const { socket } = speak(one.repeat(20_000));
      await until(() => socket.destroyed);
      assert.ok(taken.length <= PIPELINED_MAX, String(taken.length));
    });
  }

  it('within the bound are answered, however many come one after the other', async () => {
    const { socket, statuses } = speak(ONE.repeat(PIPELINED_MAX - 1));
    await until(() => statuses().length === PIPELINED_MAX - 1);
    for (let count = PIPELINED_MAX; count < 50; count += 1) {
      socket.write(ONE);
      await until(() => statuses().length === count);
    }
    assert.deepEqual(new Set(statuses()), new Set(['200']));
  });

  it('are counted per connection', async () => {
    answersAtOnce = false;
    const speakers = Array.from({ length: 5 }, () => speak(ONE.repeat(PIPELINED_MAX)));
    await until(() => taken.length === 5 * PIPELINED_MAX);
    for (const response of taken) response.end('here');
    await until(() => speakers.every(({ statuses }) => statuses().length === PIPELINED_MAX));
    assert.ok(speakers.every(({ socket }) => !socket.destroyed));
  });

  for (const when of ['before', 'behind'] as const) {
    it(`whose body comes in tiny pieces are ended, ${when} their answer`, async () => {
      answersAtOnce = when === 'behind';
      const { socket } = speak(ONE.replace('Host: r', 'Host: r\r\nTransfer-Encoding: chunked'));
      await until(() => taken.length === 1);
      socket.write('1\r\na\r\n'.repeat(PIECES_JUDGED - 1));
      await delay(100);
      assert.equal(socket.destroyed, false);
      socket.write('1\r\na\r\n'.repeat(10));
      await until(() => socket.destroyed);
    });
  }

  it('may have a body in pieces of one line', async () => {
    answersAtOnce = false;
    const { socket, statuses } = speak(ONE.replace('Host: r', 'Host: r\r\nTransfer-Encoding: chunked'));
    await until(() => taken.length === 1);
    taken[0]?.req.resume();
    socket.write(`28\r\n${'x'.repeat(40)}\r\n`.repeat(3 * PIECES_JUDGED));
    socket.write('0\r\n\r\n');
    await until(() => taken[0]?.req.complete === true);
    taken[0]?.end('here');
    await until(() => statuses().length === 1);
    assert.deepEqual(statuses(), ['200']);
  });

  it('keep the pieces of a body that nobody reads as one, each piece once and in order', async () => {
    answersAtOnce = false;
    const { socket } = speak(ONE.replace('Host: r', 'Host: r\r\nTransfer-Encoding: chunked'));
    await until(() => taken.length === 1);
    const digits = Array.from({ length: 900 }, (_, index) => String(index % 10)).join('');
    socket.write([...digits].map((digit) => `1\r\n${digit}\r\n`).join(''));
    socket.write('0\r\n\r\n');
    await until(() => taken[0]?.req.complete === true);
    const chunks: Buffer[] = [];
    for await (const chunk of taken[0]?.req ?? []) chunks.push(chunk);
    assert.equal(Buffer.concat(chunks).toString(), digits);
    assert.ok(chunks.length < 10, String(chunks.length));
    taken[0]?.end('here');
  });

  it('end with their client', async () => {
    answersAtOnce = false;
    const { socket } = speak(ONE.repeat(PIPELINED_MAX));
    await until(() => taken.length === PIPELINED_MAX);
    socket.destroy();
    await until(() => taken.every(({ destroyed, closed }) => destroyed || closed));
  });
});
