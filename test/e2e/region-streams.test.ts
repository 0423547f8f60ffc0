// Streams of the region over real sockets: they end when they should, and hold nothing up.
// @host waits

import assert from 'node:assert/strict';
import { type ClientRequest, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { FOLLOWERS_MAX } from '../../src/region/http/event-followers.ts';
import { type LiveRegion, startRegion } from '../region/live.ts';
import { bootReport, report } from '../region/place.ts';
import { acceptRack, RACK_UUID, rackAuthorization } from '../region/racks/rack-place.ts';
import { eventuallyWithin } from '../support/eventually.ts';

/** One stream, as far as it came. */
class Stream {
  text = '';
  status = 0;
  isOver = false;
  readonly asking: ClientRequest;
  constructor(live: LiveRegion, path: string, authorization: string) {
    const headers = { authorization, accept: 'text/event-stream' };
    this.asking = request(`${live.origin}${path}`, { headers, agent: false }, (answer) => {
      this.status = answer.statusCode ?? 0;
      answer.setEncoding('utf8');
      answer.on('data', (text: string) => {
        this.text += text;
      });
      answer.on('close', () => {
        this.isOver = true;
      });
      answer.on('error', () => {});
    });
    this.asking.on('error', () => {
      this.isOver = true;
    });
    this.asking.end();
  }
  has(text: string, limitMs = 10_000): Promise<unknown> {
    return eventuallyWithin(limitMs, `${text.slice(0, 60)} in the stream`, () => this.text.includes(text));
  }
  over(): Promise<unknown> {
    return eventuallyWithin(10_000, 'the end of the stream', () => this.isOver);
  }
}

const CHANGES = `/MAAS/uplink/1/racks/${RACK_UUID}/changes`;
const EVENTS = '/MAAS/api/2.0/events/?level=DEBUG';

async function withLive(work: (live: LiveRegion) => Promise<void>): Promise<void> {
  const live = await startRegion();
  try {
    await work(live);
  } finally {
    await live.close();
  }
}

test('a rack gets changes until it is rejected, and keeps only its newest streams', () =>
  withLive(async (live) => {
    const { region } = live;
    await acceptRack(region);
    const open = (): Stream => new Stream(live, CHANGES, rackAuthorization());
    const streams: Stream[] = [];
    for (let count = 0; count < 5; count += 1) {
      const stream = open();
      await stream.has('data: {"version":0}');
      streams.push(stream);
    }
    await streams[0]?.over();
    assert.deepEqual(
      streams.map(({ isOver }) => isOver),
      [true, false, false, false, false],
    );
    await region.enlist(bootReport([0x525400000001]));
    for (const stream of streams.slice(1)) await stream.has('id: 1\nevent: state\ndata: {"version":1}\n\n');
    await region.racks.judge([RACK_UUID], 'reject', 'admin');
    for (const stream of streams) await stream.over();
    const refused = open();
    await refused.over();
    assert.equal(refused.status, 403);
  }));

test('one follower of the log beyond the bound is refused, and all end when the region closes', () =>
  withLive(async (live) => {
    const streams = Array.from({ length: FOLLOWERS_MAX }, () => new Stream(live, EVENTS, live.authorization));
    for (const stream of streams) await stream.has(': here');
    const refused = new Stream(live, EVENTS, live.authorization);
    await refused.has('follow the event log');
    assert.equal(refused.status, 429);
    await live.region.enlist(report([0x525400000001]));
    for (const stream of streams) await stream.has('reported itself');
    await live.api.close();
    for (const stream of streams) await stream.over();
  }));

test('a reader that reads nothing holds up neither the region nor other readers', () =>
  withLive(async (live) => {
    const stuck = await new Promise<Socket>((resolve) => {
      const socket = connect(live.port, '127.0.0.1', () => {
        socket.pause();
        const head = `GET ${EVENTS} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n`;
        socket.write(`${head}Authorization: ${live.authorization}\r\n\r\n`, () => resolve(socket));
      });
      socket.on('error', () => {});
    });
    const other = new Stream(live, EVENTS, live.authorization);
    await other.has(': here');
    const text = 'x'.repeat(400);
    const count = 8000;
    for (let sequence = 1; sequence <= count; sequence += 1000) {
      const reports = Array.from({ length: 1000 }, (_, index) => ({
        sequence: sequence + index,
        kind: 'tftp.sent',
        at: 1,
      }));
      await live.region.observe(reports.map((one) => ({ ...one, text: `${one.sequence} ${text}` })));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await other.has(`${count} ${text}`, 30_000);
    const heap = process.memoryUsage().heapUsed / 1024 / 1024;
    assert.equal((await fetch(`${live.origin}/MAAS/api/version/`)).status, 200);
    assert.ok(heap < 300, `${heap} MiB`);
    stuck.destroy();
  }));
