// Sockets that speak with one peer: whose datagrams arrive, what ICMP reports do, and how
// windows are cut.
// @host waits

import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import { formatIpv4, ipv4 } from '../../../src/ground/address.ts';
import { copyBytes } from '../../../src/ground/borrowed-bytes.ts';
import { sleep, systemClock } from '../../../src/ground/clock.ts';
import { EpollSockets } from '../../../src/net/datagrams/peer-epoll.ts';
import type { PeerListener, PeerSocket } from '../../../src/net/datagrams/peer-sockets.ts';
import { loadLibc } from '../../../src/net/linux/libc.ts';
import { EVENTFD_FLAGS } from '../../../src/net/linux/wire-structs.ts';

const OWN = ipv4(0x7f4e0001);
const PEER = ipv4(0x7f4e0002);
const STRANGER = ipv4(0x7f4e0003);
const WAIT_MS_MAX = 5000;

async function bound(address: number, port = 0): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1_000_000 });
  socket.bind({ address: formatIpv4(ipv4(address)), port, exclusive: true });
  await once(socket, 'listening');
  return socket;
}

describe('a socket with a peer', () => {
  const libc = loadLibc();
  const waker = libc.eventfd(0, EVENTFD_FLAGS);
  const sockets = new EpollSockets(libc, waker);
  const work = (): boolean => sockets.work(0, () => undefined);
  after(() => {
    sockets.close();
    libc.close(waker);
  });

  const until = async (what: string, isSo: () => boolean): Promise<void> => {
    const end = systemClock.now() + WAIT_MS_MAX;
    for (; !isSo(); work()) {
      assert.ok(systemClock.now() < end, what);
      await sleep(2);
    }
  };
  /** What a socket reports. */
  class Heard implements PeerListener {
    readonly datagrams: string[] = [];
    unreachable = 0;
    refused = 0;
    onDatagram: PeerListener['onDatagram'] = (bytes, length) =>
      void this.datagrams.push(Buffer.from(copyBytes(bytes, 0, length)).toString());
    onStray: PeerListener['onStray'] = (bytes, length) =>
      Buffer.from(`not ${Buffer.from(copyBytes(bytes, 0, length))}`);
    onUnreachable = (): void => {
      this.unreachable += 1;
    };
    onRefused = (datagrams: number): void => {
      this.refused += datagrams;
    };
    onFailure = (error: unknown): void => assert.fail(String(error));
  }
  const openTo = async (port: number, heard: PeerListener, avoidedPort?: number): Promise<PeerSocket> => {
    const socket = sockets.open({ local: OWN, peer: PEER, port, avoidedPort }, heard);
    await until('it is open', () => socket.localPort !== 0);
    return socket;
  };
  const send = (socket: PeerSocket, bytes: Uint8Array, segmentBytes = bytes.length): void => {
    const memory = sockets.allocate(bytes.length + 3);
    memory.bytes.set(bytes, 3);
    socket.send(memory, 3, bytes.length, segmentBytes);
  };

  it('receives from its peer only, and from no other address or port', async () => {
    const [peer, sibling, stranger] = await Promise.all([bound(PEER), bound(PEER), bound(STRANGER)]);
    const heard = new Heard();
    const socket = await openTo(peer.address().port, heard);
    for (const other of [stranger, sibling]) other.send('no', socket.localPort, formatIpv4(OWN));
    await sleep(50);
    peer.send('yes', socket.localPort, formatIpv4(OWN));
    await until('the peer is heard', () => heard.datagrams.length > 0);
    assert.deepEqual(heard.datagrams, ['yes']);
    socket.close();
    for (const each of [peer, sibling, stranger]) each.close();
  });

  it('sends before it is open, and after', async () => {
    const peer = await bound(PEER);
    const got: string[] = [];
    peer.on('message', (bytes, { port }) => got.push(`${bytes} ${port}`));
    const socket = sockets.open(
      { local: OWN, peer: PEER, port: peer.address().port, avoidedPort: undefined },
      new Heard(),
    );
    send(socket, Buffer.from('one'));
    await until('the first has come', () => got.length === 1);
    send(socket, Buffer.from('two'));
    await until('both have come', () => got.length === 2);
    assert.deepEqual(got, [`one ${socket.localPort}`, `two ${socket.localPort}`]);
    socket.close();
    peer.close();
  });

  for (const [what, length, segmentBytes] of [
    ['of many whole segments and a short one', 50_000, 1432],
    ['of one short segment', 100, 1432],
    ['of exactly the most segments', 64 * 512, 512],
    ['of the longest payload in one piece', 65_507, 65_507],
    ['whose last segment is empty but for its header', 2 * 516 + 4, 516],
    // Larger than a device takes, so the kernel cannot segment.
    ['of segments that the path breaks', 60_000, 30_000],
  ] as const)
    it(`sends a window ${what}, cut and in order`, async () => {
      const payload = Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 255);
      const peer = await bound(PEER);
      const received: Buffer[] = [];
      peer.on('message', (bytes) => received.push(bytes));
      const heard = new Heard();
      const socket = await openTo(peer.address().port, heard);
      send(socket, payload, segmentBytes);
      await until('all has come', () => received.reduce((sum, each) => sum + each.length, 0) >= length);
      assert.ok(received.every((each, index) => each.length === segmentBytes || index === received.length - 1));
      assert.ok(Buffer.concat(received).equals(payload));
      assert.equal(heard.refused, 0);
      socket.close();
      peer.close();
    });

  it('reports a peer that accepts nothing more', async () => {
    const peer = await bound(PEER);
    const heard = new Heard();
    const socket = await openTo(peer.address().port, heard);
    send(socket, Buffer.from('heard'));
    await sleep(50);
    work();
    assert.equal(heard.unreachable, 0);
    peer.close();
    await sleep(50);
    send(socket, Buffer.from('lost'));
    await until('it is told', () => heard.unreachable > 0);
    assert.equal(heard.unreachable, 1);
    socket.close();
  });

  it("answers its peer's host at another port, and no other host, until it is closed", async () => {
    const [peer, sibling, stranger] = await Promise.all([bound(PEER), bound(PEER), bound(STRANGER)]);
    const got: string[] = [];
    for (const each of [peer, sibling, stranger]) each.on('message', (bytes) => got.push(String(bytes)));
    const socket = await openTo(peer.address().port, new Heard());
    const { localPort } = socket;
    stranger.send('a stranger', localPort, formatIpv4(OWN));
    sibling.send('a sibling', localPort, formatIpv4(OWN));
    await until('it is answered', () => got.length > 0);
    socket.close();
    const other = await bound(OWN, localPort);
    sibling.send('too late', localPort, formatIpv4(OWN));
    await sleep(50);
    work();
    assert.deepEqual(got, ['not a sibling']);
    for (const each of [peer, sibling, stranger, other]) each.close();
  });

  it('reports this at the next send, if that comes before the report is read', async () => {
    const peer = await bound(PEER);
    const heard = new Heard();
    const socket = await openTo(peer.address().port, heard);
    peer.close();
    await sleep(50);
    for (let index = 0; index < 5; index += 1) send(socket, Buffer.from('lost'));
    assert.ok(heard.unreachable > 0);
    socket.close();
  });

  it('that is closed hears nothing, even if its datagram waits in the same batch and another has its place', async () => {
    const peer = await bound(PEER);
    const later = new Heard();
    const closed: PeerSocket[] = [];
    class Closing extends Heard {
      override onDatagram = (): void => {
        this.datagrams.push('first');
        // Both have a datagram: whichever comes first closes the other, and a new socket takes its place.
        for (const socket of closed.splice(0)) socket.close();
        sockets.open({ local: OWN, peer: PEER, port: peer.address().port, avoidedPort: undefined }, later);
      };
    }
    const [one, other] = [new Closing(), new Closing()];
    closed.push(await openTo(peer.address().port, one), await openTo(peer.address().port, other));
    for (const { localPort } of closed) peer.send('x', localPort, formatIpv4(OWN));
    await sleep(50);
    work();
    work();
    assert.equal(one.datagrams.length + other.datagrams.length, 1);
    assert.deepEqual(later.datagrams, []);
    peer.close();
  });

  it('takes turns: one datagram of each in a batch', async () => {
    const peer = await bound(PEER);
    const heard = [new Heard(), new Heard()];
    const sockets = await Promise.all(heard.map((each) => openTo(peer.address().port, each)));
    for (let index = 0; index < 5; index += 1) peer.send('x', sockets[0]?.localPort ?? 0, formatIpv4(OWN));
    peer.send('y', sockets[1]?.localPort ?? 0, formatIpv4(OWN));
    await sleep(50);
    work();
    assert.deepEqual(
      heard.map(({ datagrams }) => datagrams.length),
      [1, 1],
    );
    for (const socket of sockets) socket.close();
    peer.close();
  });

  it('does not keep the thread from being woken', () => {
    assert.equal(work(), false);
    libc.write(waker, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), 8);
    assert.equal(work(), true);
  });

  it('gets an unpredictable port, which no other socket can take, and never the one that it must not get', async () => {
    const peer = await bound(PEER);
    const { port } = peer.address();
    const sockets = await Promise.all(Array.from({ length: 200 }, () => openTo(port, new Heard())));
    const ports = sockets.map(({ localPort }) => localPort);
    assert.equal(new Set(ports).size, 200);
    // 200 even draws of a range of thousands fall into each quarter of what they span.
    const [low, high] = [Math.min(...ports), Math.max(...ports)];
    assert.ok(high - low > 2000, `${low} to ${high}`);
    for (let quarter = 0; quarter < 4; quarter += 1) {
      const from = low + ((high - low) * quarter) / 4;
      const count = ports.filter((port) => port >= from && port < from + (high - low) / 4).length;
      assert.ok(count > 10, `${count} of 200 ports in quarter ${quarter}`);
    }
    const steps = new Set(ports.map((port, index) => port - (ports[index - 1] ?? 0)));
    assert.ok(steps.size > 150, 'no port follows from the one before');
    const thief = createSocket({ type: 'udp4', reuseAddr: true });
    thief.bind({ address: formatIpv4(OWN), port: ports[0] ?? 0, exclusive: true });
    const [error] = await once(thief, 'error');
    assert.match(String(error), /EADDRINUSE/);
    thief.close();
    for (const socket of sockets) socket.close();
    peer.close();
  });
});
