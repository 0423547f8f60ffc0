// A real node:http server, whose parser reads thousands of requests in one chunk.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../src/clock.ts';
import { ConnectionShares } from '../../../src/net/shares/connection-shares.ts';
import { PIECES_JUDGED, PIPELINED_MAX } from '../../../src/net/shares/pipelining.ts';
import { until } from '../../support/own-network.ts';

const ONE = 'GET /x HTTP/1.1\r\nHost: r\r\n\r\n';

describe('the requests of one connection', () => {
  let taken: ServerResponse[] = [];
  let answersAtOnce = true;
  const server = createServer((_request, response) => {
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

  it('beyond the bound are not accepted, however many one chunk holds', async () => {
    answersAtOnce = false;
    const { socket, statuses } = speak(ONE.repeat(20_000));
    await until(() => taken.length === PIPELINED_MAX);
    for (const response of taken) response.end('here');
    await until(() => socket.destroyed);
    assert.deepEqual(statuses(), [...Array(PIPELINED_MAX).fill('200'), '503']);
    assert.equal(taken.length, PIPELINED_MAX);
  });

  it('beyond the bound are not accepted, whatever they expect', async () => {
    answersAtOnce = false;
    const { socket, statuses } = speak(ONE.replace('Host: r', 'Host: r\r\nExpect: more').repeat(20_000));
    await until(() => taken.length === PIPELINED_MAX);
    for (const response of taken) response.end('here');
    await until(() => socket.destroyed);
    assert.deepEqual(statuses(), [...Array(PIPELINED_MAX).fill('200'), '503']);
  });

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
    for (let time = 0; time < 5; time += 1) {
      const { socket, statuses } = speak(ONE.repeat(100));
      await until(() => socket.destroyed);
      assert.deepEqual(statuses(), [...Array(PIPELINED_MAX).fill('200'), '503']);
    }
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

  it('end with their client', async () => {
    answersAtOnce = false;
    const { socket } = speak(ONE.repeat(100));
    await until(() => taken.length === PIPELINED_MAX);
    socket.destroy();
    await until(() => taken.every(({ destroyed, closed }) => destroyed || closed));
    assert.equal(taken.length, PIPELINED_MAX, 'none of those that waited is begun');
  });
});
