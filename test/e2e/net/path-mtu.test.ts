// Strangers' claims about the path to a client must not make datagrams leave in pieces: counted where they arrive. ip(7), RFC 1191 §4.
// @host waits

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { type Ipv4, parseIpv4 } from '../../../src/ground/address.ts';
import { sleep } from '../../../src/ground/clock.ts';
import type { DatagramSocket, HostNetwork, SocketRequest } from '../../../src/net/datagrams/datagram.ts';
import { EpollSockets } from '../../../src/net/datagrams/peer-epoll.ts';
import { openNetwork } from '../../../src/net/datagrams/udp-linux.ts';
import { loadLibc } from '../../../src/net/linux/libc.ts';
import { EVENTFD_FLAGS } from '../../../src/net/linux/wire-structs.ts';
import { endProgram } from '../../support/child.ts';
import { missing } from '../../support/needs.ts';
import { enterOwnNetwork, ip, openPeer, type Peer, until } from '../../support/own-network.ts';

const TELL_PROGRAM = new URL('../../support/small-path.ts', import.meta.url).pathname;
const TAKE_PROGRAM = "require('dgram').createSocket('udp4').bind(40000, () => console.log('takes'))";
const OWN = '10.91.0.1';
const CLAIMED_MTU = 552;
/** With the headers as long as the cable carries in one piece. */
const WHOLE = 1472;
/** A TFTP block that leaves in three pieces at the cable's MTU. */
const LARGE = 4000;
const PORT = 4000;

const address = (text: string): Ipv4 => parseIpv4(text) ?? assert.fail(text);

describe('a forged report of a small path', { skip: missing('linux', 'root', 'ip', 'nsenter') }, () => {
  let peer: Peer;
  let victims = 1;
  const programs: ChildProcess[] = [];

  before(async () => {
    enterOwnNetwork();
    peer = await openPeer();
    peer.cable('a0', 'b0');
    ip(`address add ${OWN}/16 dev a0`);
  });
  after(async () => {
    for (const program of programs) await endProgram(program, 'SIGKILL');
    await peer?.close();
  });

  /** Another host each time: the kernel remembers the MTU of a path for ten minutes. */
  function anotherVictim(): string {
    victims += 1;
    const victim = `10.91.1.${victims}`;
    peer.run('ip', 'address', 'add', `${victim}/16`, 'dev', 'b0');
    return victim;
  }

  /** The packets that the peer has received, by RFC 1213's counters: `InReceives` are packets of the cable, `ReasmReqds` its fragments. */
  function received(counter: 'InReceives' | 'ReasmReqds'): number {
    const [names = '', values = ''] = peer
      .run('cat', '/proc/net/snmp')
      .split('\n')
      .filter((line) => line.startsWith('Ip:'));
    return Number(values.split(' ')[names.split(' ').indexOf(counter)]);
  }

  /** How many fragments the sent datagrams became. */
  async function fragmentsOf(send: () => void): Promise<number> {
    const before = { packets: received('InReceives'), fragments: received('ReasmReqds') };
    send();
    await until(() => received('InReceives') > before.packets);
    await sleep(100);
    return received('ReasmReqds') - before.fragments;
  }

  /** The fragments after the peer's report of a small path: of one datagram, and of a large one. */
  async function pieces(network: HostNetwork, more: Partial<SocketRequest>) {
    const victim = anotherVictim();
    const to = { kind: 'unicast', address: address(victim), port: PORT } as const;
    const onDatagrams = (): void => undefined;
    const socket: DatagramSocket = await network.open({ address: address(OWN), port: 0, onDatagrams, ...more });
    const one = (bytes: number) => fragmentsOf(() => socket.send([{ bytes: new Uint8Array(bytes), to }]));
    // The peer's hardware address is known from here on.
    assert.equal(await one(WHOLE), 0);
    peer.run(process.execPath, TELL_PROGRAM, OWN, victim, String(CLAIMED_MTU), String(socket.localPort));
    await sleep(50);
    const alone = await one(WHOLE);
    const large = await one(LARGE);
    socket.close();
    return [alone, large];
  }

  const kinds: Readonly<Record<string, Partial<SocketRequest>>> = {
    'bound to an address': {},
    'bound to a device': { address: address('0.0.0.0'), device: 'a0', source: address(OWN), broadcast: true },
  };
  for (const [kind, more] of Object.entries(kinds)) {
    it(`makes a socket ${kind} fragment no datagram that fits the cable`, async () => {
      const network = await openNetwork();
      try {
        assert.deepEqual(await pieces(network, more), [0, 3]);
      } finally {
        await network.close();
      }
    });
  }

  it('makes the socket of a transfer fragment nothing, even if the attacker knows its port', async () => {
    const libc = loadLibc();
    const waker = libc.eventfd(0, EVENTFD_FLAGS);
    const sockets = new EpollSockets(libc, waker);
    const victim = anotherVictim();
    // A receiver must exist: otherwise the socket would get reports of a closed port.
    const listener = peer.start(process.execPath, '-e', TAKE_PROGRAM);
    programs.push(listener);
    await once(listener.stdout ?? assert.fail(), 'data');
    const ignore = (): void => undefined;
    const socket = sockets.open(
      { local: address(OWN), peer: address(victim), port: 40_000, avoidedPort: undefined },
      { onDatagram: ignore, onStray: () => undefined, onUnreachable: ignore, onRefused: ignore, onFailure: ignore },
    );
    const memory = sockets.allocate(8 * WHOLE);
    const send = (count: number) => fragmentsOf(() => socket.send(memory, 0, count * WHOLE, WHOLE));
    assert.equal(await send(1), 0);
    peer.run(process.execPath, TELL_PROGRAM, OWN, victim, String(CLAIMED_MTU), String(socket.localPort));
    await sleep(50);
    // The first call after it may report the message.
    socket.send(memory, 0, 8, 8);
    assert.equal(await send(1), 0);
    assert.equal(await send(8), 0);
    socket.close();
    libc.close(waker);
  });
});
