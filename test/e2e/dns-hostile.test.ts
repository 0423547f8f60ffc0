// The DNS server on real sockets among hostile clients: floods with forged sources (other addresses of 127.0.0.0/8, which the server
// cannot tell from forged ones), and connections that are idle, that send one octet a second, or that never read.
// @host waits

import assert from 'node:assert/strict';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { DnsConfig } from '../../src/dns/config.ts';
import { decodeMessage, encodeUpstreamQuery, RCODE } from '../../src/dns/message.ts';
import { Names } from '../../src/dns/names.ts';
import { CLIENT_CONNECTIONS_MAX, CONNECTIONS_MAX, DnsServer } from '../../src/dns/server.ts';
import { FrameReader, frame, IDLE_MS } from '../../src/dns/stream.ts';
import { type Clock, sleep, systemClock } from '../../src/ground/clock.ts';
import type { HostNetwork } from '../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../src/net/datagrams/udp-linux.ts';
import { configureAnywhere, net, queryBytes, record, replyTo, SITE } from '../dns/fixture.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { ip } from '../support/lab-facts.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const LOOPBACK = ip('127.0.0.1');

async function serve(network: HostNetwork, changes: Partial<DnsConfig>, clock: Clock = systemClock) {
  const names = new Names({ serial: 1 });
  const server = new DnsServer({ network, clock, publish: () => undefined, names });
  const config: DnsConfig = { ...SITE, listen: [LOOPBACK], listenPort: 0, clients: [net('127.0.0.0/8')], ...changes };
  await configureAnywhere(server, config);
  return { server, config, port: server.listeners[0]?.port ?? 0 };
}

type Served = Awaited<ReturnType<typeof serve>>;

async function udp(address: string): Promise<UdpSocket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  socket.bind({ address, port: 0 });
  await once(socket, 'listening');
  return socket;
}

/** Names of `good.example` are answered after 20 ms, all others never. */
async function openUpstream(): Promise<UdpSocket> {
  const socket = await udp('127.0.0.1');
  socket.on('message', (query, from) => {
    const decoded = decodeMessage(Uint8Array.from(query));
    const name = decoded.ok ? (decoded.value.questions[0]?.name ?? '') : '';
    if (!name.endsWith('good.example')) return;
    const reply = replyTo(query, 0, { answers: [record(name, 'A', '192.0.2.80')] });
    setTimeout(() => socket.send(reply, from.port, from.address), 20);
  });
  return socket;
}

/** Asks one question by UDP; resolves to the rcode, or `undefined` after three tries of a second, as a stub resolver has. */
async function ask(port: number, name: string): Promise<number | undefined> {
  const socket = await udp('127.0.0.1');
  try {
    const answered = once(socket, 'message');
    for (let tries = 0; tries < 3; tries += 1) {
      socket.send(queryBytes(name, 1), port, '127.0.0.1');
      const [reply] = await Promise.race([answered, sleep(1000).then(() => [undefined])]);
      if (reply !== undefined) return (reply[3] ?? 0) & 15;
    }
    return undefined;
  } finally {
    socket.close();
  }
}

describe('DNS among hostile clients', () => {
  let network: HostNetwork;
  let upstream: UdpSocket;
  let rack: Served;

  before(async () => {
    network = await openNetwork();
    upstream = await openUpstream();
    rack = await serve(network, { upstream: [{ address: LOOPBACK, port: upstream.address().port }] });
  });
  after(async () => {
    await rack?.server.close();
    upstream?.close();
    await network?.close();
  });

  for (const sources of [24, 250]) {
    it(`while ${sources} forged sources ask for names without an answer, every honest question is answered`, async () => {
      const sockets = await Promise.all(
        Array.from({ length: sources }, (_, index) => udp(`127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`)),
      );
      let sent = 0;
      const flood = setInterval(() => {
        for (let count = 0; count < 30; count += 1) {
          sent += 1;
          sockets[sent % sources]?.send(queryBytes(`r${sources}-${sent}.silent.example`, 1), rack.port, '127.0.0.1');
        }
      }, 10);
      const outcomes: (number | undefined)[] = [];
      // Until more questions were in flight than the server has places for.
      const { overloaded } = rack.server.counters();
      while (outcomes.length < 80 || (outcomes.length < 2000 && rack.server.counters().overloaded === overloaded)) {
        outcomes.push(await ask(rack.port, `n${sources}-${outcomes.length}.good.example`));
        await sleep(50);
      }
      clearInterval(flood);
      for (const socket of sockets) socket.close();
      assert.deepEqual(
        outcomes.filter((rcode) => rcode !== RCODE.NOERROR),
        [],
      );
    });
  }

  it(`a client with ${CLIENT_CONNECTIONS_MAX} idle connections can open another: its longest idle one is closed`, async () => {
    const sockets: Socket[] = [];
    for (let index = 0; index < CLIENT_CONNECTIONS_MAX; index += 1) {
      const socket = await open(rack.port);
      assert.equal(await answerOn(socket), RCODE.NOERROR);
      sockets.push(socket);
    }
    const closed = closing(sockets[0] ?? rackGone());
    const another = await open(rack.port);
    assert.equal(await answerOn(another), RCODE.NOERROR);
    await closed;
    assert.equal(sockets.filter(({ destroyed }) => destroyed).length, 1);
    for (const socket of [...sockets, another]) socket.destroy();
    await eventuallyWithin(5000, 'all are closed', () => rack.server.gauges.connections === 0);
  });

  it('a connection that never asked anything counts as idle', async () => {
    const silent = await Promise.all(Array.from({ length: CLIENT_CONNECTIONS_MAX }, () => open(rack.port)));
    const another = await open(rack.port);
    assert.equal(await answerOn(another), RCODE.NOERROR);
    for (const socket of [...silent, another]) socket.destroy();
    await eventuallyWithin(5000, 'all are closed', () => rack.server.gauges.connections === 0);
  });

  it('another client gets a connection while ten clients hold all of them', async () => {
    const greedy: Socket[] = [];
    for (let host = 1; host <= 10; host += 1) {
      for (let count = 0; count < CLIENT_CONNECTIONS_MAX; count += 1) {
        const socket = await open(rack.port, `127.0.7.${host}`);
        // Half a question makes it neither busy nor active.
        socket.write(Uint8Array.of(0, 40, 1, 2, 3));
        greedy.push(socket);
      }
    }
    await eventuallyWithin(5000, 'they are accepted', () => rack.server.gauges.connections >= CONNECTIONS_MAX - 10);
    const other = await open(rack.port, '127.0.0.9');
    assert.equal(await answerOn(other), RCODE.NOERROR);
    assert.ok(rack.server.gauges.connections <= CONNECTIONS_MAX);
    for (const socket of [...greedy, other]) socket.destroy();
    await eventuallyWithin(5000, 'all are closed', () => rack.server.gauges.connections === 0);
  });

  it('a client that sends one octet a second is disconnected once it has sent no whole question for IDLE_MS', async () => {
    const clock = new VirtualClock();
    const slow = await serve(network, {}, clock);
    const socket = await open(slow.port);
    const closed = closing(socket);
    await eventuallyWithin(5000, 'it is accepted', () => slow.server.gauges.connections === 1);
    const question = frame(queryBytes('rack-1.maas', 1));
    for (let second = 0; second < IDLE_MS / 1000; second += 1) {
      assert.ok(!socket.closed, `closed after ${second} s`);
      socket.write(question.subarray(second, second + 1));
      await sleep(5);
      clock.advance(1000);
    }
    await closed;
    await eventuallyWithin(5000, 'its place is free', () => slow.server.gauges.connections === 0);
    await slow.server.close();
  });

  it('the sockets to the upstreams close when forwarding ends, and reopen when it resumes', async () => {
    const clock = new VirtualClock();
    let opened = 0;
    const watched: HostNetwork = {
      received: network.received,
      mayReach: (address) => network.mayReach(address),
      tap: (request) => network.tap(request),
      notes: network.notes,
      close: () => network.close(),
      interfacesChanged: (interfaces) => network.interfacesChanged(interfaces),
      open: async (request) => {
        const socket = await network.open(request);
        if (request.address !== 0) return socket;
        opened += 1;
        const close = socket.close.bind(socket);
        socket.close = () => {
          opened -= 1;
          close();
        };
        return socket;
      },
    };
    const upstreams = [{ address: LOOPBACK, port: upstream.address().port }];
    const forwarding = await serve(watched, { upstream: upstreams }, clock);
    assert.equal(opened, 8);
    await forwarding.server.configure({ ...forwarding.config, upstream: [] });
    assert.equal(opened, 8, 'questions already forwarded may still be answered');
    clock.advance(5_000);
    assert.equal(opened, 0);
    assert.equal(clock.pending, 0);
    await forwarding.server.configure(forwarding.config);
    assert.equal(opened, 8);
    // Replaced sockets close with the others.
    clock.advance(15_000);
    await eventuallyWithin(5000, 'the next socket is open', () => opened === 9);
    await forwarding.server.close();
    assert.equal(opened, 0);
    assert.equal(clock.pending, 0);
  });
});

function rackGone(): never {
  throw new Error('no connection');
}

/** Resolves when the connection is closed, orderly or not. */
const closing = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

function open(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress }, () => resolve(socket));
    // Some tests wait for an open connection to be cut off.
    socket.on('error', reject);
  });
}

/** The rcode of the answer to one question on this connection; `undefined` if it is closed instead. */
function answerOn(socket: Socket): Promise<number | undefined> {
  const frames = new FrameReader(65_535);
  const question = { name: 'rack-1.maas', type: 1, dnssecOk: false, checkingDisabled: false, edns: false };
  socket.write(frame(encodeUpstreamQuery(7, question)));
  return new Promise((resolve) => {
    socket.once('close', () => resolve(undefined));
    socket.on('data', (chunk) => {
      frames.feed(chunk);
      const message = frames.next();
      if (message !== undefined) resolve((message[3] ?? 0) & 15);
    });
  });
}
