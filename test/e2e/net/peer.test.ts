// Sockets that speak with one peer, native and portable: whose datagrams arrive, and what ICMP reports do.
// @host waits

import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { sleep } from '../../../src/clock.ts';
import { formatIpv4, ipv4 } from '../../../src/net/address.ts';
import type { DatagramSocket, HostNetwork } from '../../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../../src/net/datagrams/open-network.ts';
import { eventually } from '../../support/running-rack.ts';

const OWN = ipv4(0x7f4e0001);
const PEER = ipv4(0x7f4e0002);
const STRANGER = ipv4(0x7f4e0003);

async function bound(address: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind({ address: formatIpv4(ipv4(address)), port: 0, exclusive: true });
  await once(socket, 'listening');
  return socket;
}

for (const native of [true, false]) {
  describe(`a ${native ? 'native' : 'portable'} socket with a peer`, () => {
    let network: HostNetwork;
    before(async () => {
      network = await openNetwork({ native });
    });
    after(() => network.close());

    const open = async (peer: Socket, heard: string[], lost: DatagramSocket[]): Promise<DatagramSocket> =>
      network.open({
        address: OWN,
        port: 0,
        freebind: true,
        peer: { address: PEER, port: peer.address().port },
        onDatagrams: (datagrams) => {
          for (const { bytes, from, fromPort } of datagrams)
            heard.push(`${Buffer.from(bytes).toString()} from ${formatIpv4(from)}:${fromPort}`);
        },
        onPeerUnreachable: (socket) => lost.push(socket),
      });

    it('receives from its peer only, and from no other address or port', async () => {
      const [peer, sibling, stranger] = await Promise.all([bound(PEER), bound(PEER), bound(STRANGER)]);
      const heard: string[] = [];
      const socket = await open(peer, heard, []);
      for (const other of [stranger, sibling]) other.send('no', socket.localPort, formatIpv4(OWN));
      await sleep(50);
      peer.send('yes', socket.localPort, formatIpv4(OWN));
      await eventually('the peer is heard', () => heard.length > 0);
      assert.deepEqual(heard, [`yes from 127.78.0.2:${peer.address().port}`]);
      socket.close();
      for (const each of [peer, sibling, stranger]) each.close();
    });

    it('sends to its peer, alone and in segments', async () => {
      const peer = await bound(PEER);
      const got: string[] = [];
      peer.on('message', (bytes) => got.push(bytes.toString()));
      const socket = await open(peer, [], []);
      const port = peer.address().port;
      socket.send([{ bytes: Buffer.from('one'), to: { kind: 'unicast', address: PEER, port } }]);
      socket.sendSegments(Buffer.from('aabbc'), 2, PEER, port);
      await eventually('all are there', () => got.length === 4);
      assert.deepEqual(got, ['one', 'aa', 'bb', 'c']);
      assert.equal(socket.counters().sent, 4);
      socket.close();
      peer.close();
    });

    it('reports a peer that accepts nothing more', async () => {
      const peer = await bound(PEER);
      const lost: DatagramSocket[] = [];
      const socket = await open(peer, [], lost);
      const to = { kind: 'unicast', address: PEER, port: peer.address().port } as const;
      socket.send([{ bytes: Buffer.from('heard'), to }]);
      await sleep(50);
      assert.equal(lost.length, 0);
      peer.close();
      await sleep(50);
      socket.send([{ bytes: Buffer.from('lost'), to }]);
      await eventually('it is told', () => lost.length > 0);
      assert.deepEqual(lost, [socket]);
      socket.close();
    });

    // A portable socket sends in a later turn, in which the report was read.
    if (native) {
      it('reports this at the next send, if that comes before the report is read', async () => {
        const peer = await bound(PEER);
        const to = { kind: 'unicast', address: PEER, port: peer.address().port } as const;
        const lost: DatagramSocket[] = [];
        const socket = await open(peer, [], lost);
        peer.close();
        await sleep(50);
        for (let index = 0; index < 5; index += 1) socket.send([{ bytes: Buffer.from('lost'), to }]);
        assert.ok(lost.length > 0);
        socket.close();
      });
    }

    it('gets an unpredictable port, which no other socket can take', async () => {
      const peer = await bound(PEER);
      const sockets = await Promise.all(Array.from({ length: 200 }, () => open(peer, [], [])));
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
}
