// A receiver with its own memory reclaims it once the bytes are read. Under test it is then overwritten, which exposes bytes that were kept
// without a copy. A fake C library gives each receiver of this room its bytes, and keeps the memory that they were written to.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { macFromBytes, macToBytes, parseMac } from '../../src/ground/address.ts';
import { copyBytes, RECLAIMED_BYTE } from '../../src/ground/borrowed-bytes.ts';
import { encodeBroadcastFrame, openFrameTap } from '../../src/net/datagrams/frame-tap.ts';
import { EpollSockets } from '../../src/net/datagrams/peer-epoll.ts';
import { type Libc, loadLibc } from '../../src/net/linux/libc.ts';
import { NetlinkDump } from '../../src/net/linux/netlink-dump.ts';
import { ACCEPT } from '../../src/net/linux/packet-filter.ts';
import { ETHERTYPE_ARP, PacketSocket } from '../../src/net/linux/packet-socket.ts';
import { listSockets } from '../../src/net/linux/socket-list.ts';
import { type NetlinkMessage, RTM_GETLINK } from '../../src/net/netlink.ts';
import { encodeArpProbe } from '../../src/net/watch/arp.ts';
import type { FromNetWorker } from '../../src/net/watch/net-message.ts';
import { encodeLinkLocal } from '../../src/net/watch/router-discovery.ts';
import { WireListener } from '../../src/net/watch/wire-listener.ts';
import { capturesOf, routerSolicitation, SOCKET_ANSWER } from '../conformance/decoder-samples.ts';
import { ip } from '../support/lab-facts.ts';

const EAGAIN = 11;
const OWN = parseMac('52:54:00:00:00:0a') ?? assert.fail();
const STRANGER = parseMac('52:54:00:00:00:0b') ?? assert.fail();

/** A C library with sockets that receive their queued bytes once, in the order in which they were opened. */
function receivingLibc(...queues: Uint8Array[][]) {
  const into: Uint8Array[] = [];
  let opened = 0;
  const take = (fd: number, memory: Uint8Array): number => {
    const bytes = queues[fd - 1]?.shift();
    if (bytes === undefined) return -1;
    memory.set(bytes);
    into.push(memory.subarray(0, bytes.length));
    return bytes.length;
  };
  const libc: Libc = {
    ...loadLibc(),
    socket: () => {
      opened += 1;
      return opened;
    },
    bind: () => 0,
    connect: () => 0,
    getsockname: () => 0,
    setsockopt: () => 0,
    if_nametoindex: () => 2,
    send: (_fd, _bytes, length) => length,
    sendto: (_fd, _bytes, length) => length,
    close: () => 0,
    errno: () => EAGAIN,
    recv: take,
    recvfrom: (fd, memory, _length, _flags, from) => {
      // A `sockaddr_ll` (packet(7)), if there is room for one: of another host's frame for this host, on the interface with index 2.
      from.set(Uint8Array.of(17, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 6));
      if (from.length > 16) from.set(macToBytes(STRANGER), 12);
      return take(fd, memory);
    },
  };
  return { libc, into };
}

const assertOverwritten = (into: readonly Uint8Array[], count: number): void => {
  assert.equal(into.length, count, 'all bytes were received');
  for (const memory of into)
    assert.ok(memory.length > 0 && memory.every((byte) => byte === RECLAIMED_BYTE), 'it is overwritten');
};

/** The files of receivers, with their number of receiving places and a test that they reclaim their memory. */
const RECEIVERS: Readonly<Record<string, { readonly places: number; readonly show: () => void }>> = {
  'datagrams/frame-tap.ts': {
    places: 1,
    show: () => {
      const frame = encodeBroadcastFrame(Uint8Array.of(1, 2, 3), STRANGER, 67, 68);
      const { libc, into } = receivingLibc([frame, frame]);
      const tap = openFrameTap(libc, { device: 'eth1', mac: OWN, port: 68 });
      const taken = tap?.take();
      assertOverwritten(into, 2);
      assert.deepEqual(
        taken?.map(({ bytes }) => bytes),
        [Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 3)],
      );
    },
  },
  'datagrams/peer-epoll.ts': {
    places: 2,
    show: () => {
      const { libc, into } = receivingLibc([Uint8Array.of(0, 4, 0, 1)], [Uint8Array.of(0, 4, 0, 2)]);
      const watched: Uint8Array[] = [];
      const sockets = new EpollSockets(
        {
          ...libc,
          epoll_create1: () => 9,
          epoll_ctl: (_epoll, _operation, _fd, event) => {
            watched.push(Uint8Array.from(event));
            return 0;
          },
          epoll_wait: (_epoll, events) => {
            // Without the waker's.
            events.set(Buffer.concat(watched.slice(1)));
            return watched.length - 1;
          },
        },
        8,
      );
      const heard: Uint8Array[] = [];
      const ignore = (): void => undefined;
      sockets.open(
        { local: ip('10.20.0.1'), peer: ip('10.20.0.9'), port: 2070, avoidedPort: undefined },
        {
          onDatagram: (bytes, length) => void heard.push(copyBytes(bytes, 0, length)),
          onStray: (bytes, length) => {
            heard.push(copyBytes(bytes, 0, length));
            return undefined;
          },
          onUnreachable: ignore,
          onRefused: ignore,
          onFailure: ignore,
        },
      );
      sockets.work(0, ignore);
      assertOverwritten(into, 2);
      assert.deepEqual(heard, [Uint8Array.of(0, 4, 0, 2), Uint8Array.of(0, 4, 0, 1)]);
    },
  },
  'linux/packet-socket.ts': {
    places: 1,
    show: () => {
      const { libc, into } = receivingLibc([encodeArpProbe(STRANGER, ip('10.20.0.9'))]);
      const socket = new PacketSocket(libc, ETHERTYPE_ARP, [ACCEPT]);
      const heard = socket.receive() ?? assert.fail('nothing was heard');
      const before = copyBytes(heard.bytes);
      assert.equal(macFromBytes(before, 8), STRANGER);
      assert.equal(socket.receive(), undefined);
      assertOverwritten(into, 1);
      assert.deepEqual(copyBytes(heard.bytes), new Uint8Array(before.length).fill(RECLAIMED_BYTE));
    },
  },
  'linux/netlink-dump.ts': {
    places: 1,
    show: () => {
      const captures = capturesOf('netlink-');
      const { libc, into } = receivingLibc([...captures]);
      const heard: NetlinkMessage[] = [];
      const listener = {
        onDump: () => {},
        onMessage: (one: NetlinkMessage) => void heard.push(one),
        onDumped: () => {},
      };
      new NetlinkDump(libc, 0, [RTM_GETLINK], listener).drain();
      assertOverwritten(into, captures.length);
      assert.ok(heard.some((one) => one.kind === 'interface' && /^[a-z]+\d*$/.test(one.name)));
    },
  },
  'linux/socket-list.ts': {
    places: 1,
    show: () => {
      const { libc, into } = receivingLibc([...SOCKET_ANSWER]);
      const listed = listSockets(libc, 67);
      assertOverwritten(into, 2);
      assert.deepEqual(
        listed?.map(({ port }) => port),
        [67],
      );
    },
  },
};
/** UDP sockets are tested with real ones in borrowed-bytes.test.ts. */
const IN_BORROWED_BYTES_TEST: Readonly<Record<string, number>> = {
  'datagrams/udp-linux-socket.ts': 2,
};

for (const [file, { show }] of Object.entries(RECEIVERS))
  it(`${file} reclaims its memory once the received bytes were read`, show);

it('reports of the wire’s ear outlive their frames', () => {
  const solicitations = [OWN, STRANGER].map((source) => routerSolicitation(source));
  const probes = [STRANGER, OWN].map((mac) => encodeArpProbe(mac, ip('10.20.0.9')));
  // The sender's address makes it a sighting; it begins at octet 14 (RFC 826).
  for (const probe of probes) probe.set([10, 20, 0, 9], 14);
  const { libc, into } = receivingLibc(probes, [], solicitations);
  const reported: FromNetWorker[] = [];
  const ear = new WireListener(libc, (message) => void reported.push(message));
  ear.interfacesChanged([{ name: 'eth1', index: 2, mac: OWN, up: true, carrier: true, addresses: [] }]);
  ear.handle({ kind: 'serve', names: ['eth1'] });
  ear.work();
  assertOverwritten(into, 4);
  assert.deepEqual(reported.slice(1), [
    ...[OWN, STRANGER].map((source) => ({
      kind: 'solicitation',
      solicitation: { interfaceName: 'eth1', mac: STRANGER, source: encodeLinkLocal(source) },
    })),
    {
      kind: 'sightings',
      sightings: [{ interfaceName: 'eth1', address: ip('10.20.0.9'), mac: STRANGER, isHeard: true }],
    },
  ]);
});

it('every receiving place of the net room is tested', () => {
  const found: Record<string, number> = {};
  const room = join(import.meta.dirname, '..', '..', 'src');
  for (const path of globSync('**/*.ts', { cwd: room })) {
    if (path === 'net/linux/libc.ts') continue;
    const text = readFileSync(join(room, path), 'utf8');
    // Receives through the C library, or through a Node socket, which passes a `Buffer` and its sender.
    const places = [...text.matchAll(/\.(?:recv\w*)\(|\.on\('message', \(bytes\b/g)].length;
    if (places > 0) found[path] = places;
  }
  const shown = [
    ...Object.entries(RECEIVERS).map(([file, { places }]) => [`net/${file}`, places] as const),
    ...Object.entries(IN_BORROWED_BYTES_TEST).map(([file, places]) => [`net/${file}`, places] as const),
  ];
  assert.deepEqual(found, Object.fromEntries(shown), 'add a test that a new receiver reclaims its memory (reclaim)');
});
