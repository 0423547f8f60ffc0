// A stalled download: reported while it is stalled, and at its end attributed to the rack.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer, type Server, ServerResponse } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { test } from 'node:test';
import { type Clock, systemClock } from '../../src/ground/clock.ts';
import { Counters } from '../../src/ground/counters.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import { BootRequests } from '../../src/http/boot-requests.ts';
import { HTTP_COUNTERS } from '../../src/http/events.ts';
import { FileSends, STALL_CHECK_MS, STALLED_MS, type Stall } from '../../src/http/file-sends.ts';
import { RegionProxy } from '../../src/http/proxy.ts';
import { listEventFields } from '../../src/observe/event-text.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { portOf } from '../support/listening-port.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { LOOPBACK, MACHINE, MemoryTree } from './rig.ts';

/** An answer on a connection whose progress the test controls. */
function answerOn(socket: { bytesWritten: number; writableLength: number }): ServerResponse {
  const request = Object.assign(new EventEmitter(), { socket, method: 'GET' });
  // Only the fields that are read.
  return Reflect.construct(ServerResponse, [request]);
}

/** The boot listener's requests: every path is the file `huge`. */
const requestsOf = (tree: MemoryTree, clock: Clock, events: RackEvent[]): BootRequests =>
  new BootRequests({
    files: tree,
    clock,
    counters: new Counters(HTTP_COUNTERS),
    rackSecret: 'x',
    region: () => undefined,
    resolve: () => ({ kind: 'file', path: 'huge', mac: MACHINE }),
    publish: (event) => void events.push(event),
    proxy: new RegionProxy(() => assert.fail(), clock),
  });

/** Asks for the file, and reads none of it. */
function askForHuge(server: Server): Socket {
  const socket = createConnection({ port: portOf(server), host: '127.0.0.1' });
  socket.on('error', () => undefined);
  socket.pause();
  socket.write('GET /huge HTTP/1.1\r\nHost: x\r\n\r\n');
  return socket;
}

test('a stalled download is reported once, and again only after it has moved and stalled again; a moving one is not', () => {
  const clock = new VirtualClock();
  const reported: Stall[] = [];
  const sends = new FileSends(clock, (_send, stall) => reported.push(stall));
  const socket = { bytesWritten: 1000, writableLength: 0 };
  const send = { response: answerOn(socket), peer: LOOPBACK };
  sends.begin(send);
  for (let second = 0; second < 300; second += 1) {
    socket.bytesWritten += 1000;
    clock.advance(1000);
  }
  assert.equal(reported.length, 0);
  clock.advance(STALLED_MS + 2 * STALL_CHECK_MS);
  assert.deepEqual(
    reported.map(({ bytes }) => bytes),
    [300_000],
  );
  assert.ok((reported[0]?.milliseconds ?? 0) >= STALLED_MS);
  clock.advance(10 * STALLED_MS);
  assert.equal(reported.length, 1);
  socket.bytesWritten += 1;
  clock.advance(STALL_CHECK_MS);
  clock.advance(STALLED_MS + STALL_CHECK_MS);
  assert.equal(reported.length, 2);
  let loading = 0;
  const count = (): void => {
    loading += 1;
  };
  assert.deepEqual([sends.visitLoading(count), loading], [1, 1]);
  sends.end(send);
  clock.advance(STALL_CHECK_MS);
  assert.deepEqual([sends.size, clock.pending], [0, 0]);
});

test('a stalled download is published while it lasts, with its machine, its file and for how long', async () => {
  const tree = new MemoryTree();
  tree.files.set('huge', new Uint8Array(64 * 1024 * 1024));
  const events: RackEvent[] = [];
  const clock = new VirtualClock();
  const requests = requestsOf(tree, clock, events);
  const server = createServer((request, response) => requests.handle(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = askForHuge(server);
  await eventuallyWithin(5000, 'the kernel takes no more', async () => {
    const before = tree.read_;
    await new Promise((resolve) => setTimeout(resolve, 200));
    return before > 0 && tree.read_ === before;
  });
  assert.deepEqual(events, []);
  // Twice: the first look may still see what was sent just now.
  for (let look = 0; look < 2; look += 1) clock.advance(STALL_CHECK_MS);
  clock.advance(STALLED_MS);
  assert.deepEqual(
    events.map(({ kind, mac }) => [kind, mac]),
    [['http.stalled', MACHINE]],
  );
  const reported = events.map((event) => listEventFields(event));
  assert.equal(reported[0]?.file, '/huge');
  assert.ok(Number(reported[0]?.milliseconds) >= STALLED_MS);
  assert.equal(requests.sending, 1, 'it may still continue');
  socket.destroy();
  server.close();
});

test('a download that the rack gives up is not attributed to the client', async () => {
  const tree = new MemoryTree();
  tree.files.set('huge', new Uint8Array(64 * 1024 * 1024));
  const events: RackEvent[] = [];
  const requests = requestsOf(tree, systemClock, events);
  const server = createServer((request, response) => requests.handle(request, response));
  server.timeout = 300;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = askForHuge(server);
  while (events.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(
    events.map(({ kind, mac }) => [kind, mac]),
    [['http.timed-out', MACHINE]],
  );
  assert.equal(tree.open_, 0);
  socket.destroy();
  server.close();
});
