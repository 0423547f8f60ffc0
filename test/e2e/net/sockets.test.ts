// Receiving and sending by sockets, over cables between network namespaces.
// @host waits

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { ANY, formatIpv4, type Ipv4, mac, parseIpv4 } from '../../../src/ground/address.ts';
import { sleep } from '../../../src/ground/clock.ts';
import type {
  DatagramSocket,
  HostNetwork,
  OutgoingDatagram,
  SocketRequest,
} from '../../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../../src/net/datagrams/udp-linux.ts';
import { DRAIN_PER_TURN_MAX } from '../../../src/net/datagrams/udp-linux-socket.ts';
import { AS_NOBODY, readableCheckout } from '../../support/another-user.ts';
import { ended, whileRunning } from '../../support/child.ts';
import { missing } from '../../support/needs.ts';
import { enterOwnNetwork, ip, openPeer, type Peer, until } from '../../support/own-network.ts';

const SKIP = missing('linux', 'root', 'ip', 'unshare', 'setpriv', 'tcpdump');
if (SKIP === false) enterOwnNetwork();

const addr = (text: string): Ipv4 => parseIpv4(text) ?? assert.fail(text);
const bytes = (text: string): Uint8Array => Buffer.from(text);

/** The sockets that the running test has opened: closed after it in any case. */
const opened = new Set<{ close(): void }>();

function closeAll(): void {
  for (const each of opened) each.close();
  opened.clear();
}

/** An open socket with its received datagrams: `text from address`. */
interface Ear {
  readonly socket: DatagramSocket;
  readonly heard: string[];
  readonly batches: number[];
  readonly errors: string[];
}

async function open(network: HostNetwork, request: Partial<SocketRequest>): Promise<Ear> {
  const ear: Omit<Ear, 'socket'> = { heard: [], batches: [], errors: [] };
  const socket = await network.open({
    address: ANY,
    port: 6767,
    broadcast: true,
    shared: true,
    onDatagrams(datagrams) {
      ear.batches.push(datagrams.length);
      for (const each of datagrams) ear.heard.push(`${Buffer.from(each.bytes)} from ${formatIpv4(each.from)}`);
    },
    onSendError: (code) => ear.errors.push(code),
    ...request,
  });
  opened.add(socket);
  return { ...ear, socket };
}

async function bound(port: number, address: string): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(port, address);
  await once(socket, 'listening');
  opened.add(socket);
  return socket;
}

/** Has a program on the peer send one datagram; `from` is its source address. */
function shout(peer: Peer, word: string, from: string, to: string, port = 6767): void {
  const code = `const s=require('dgram').createSocket('udp4');
    s.bind(6868,'${from}',()=>{s.setBroadcast(true);s.send('${word}',${port},'${to}',()=>s.close())})`;
  peer.run(process.execPath, '-e', code);
}

/** Runs tcpdump on the peer while `act` acts; returns its output for the first `count` packets to port 6868. */
async function capture(peer: Peer, device: string, count: number, act: () => void): Promise<string> {
  const dump = peer.start('tcpdump', '-i', device, '-nvvel', '-c', String(count), 'udp and dst port 6868');
  let [out, err] = ['', ''];
  dump.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  dump.stderr?.on('data', (chunk) => {
    err += chunk;
  });
  await whileRunning(
    dump,
    until(() => err.includes('listening on')),
    () => err,
  );
  act();
  const late = sleep(4000).then(() => dump.kill());
  await ended(dump);
  await Promise.race([late, sleep(0)]);
  return out;
}

describe('datagram sockets', { skip: SKIP }, () => {
  let first: Peer;
  let second: Peer;
  let network: HostNetwork;

  before(async () => {
    [first, second] = [await openPeer(), await openPeer()];
    first.cable('rba0', 'rbx0');
    second.cable('rbb0', 'rbx0');
    ip('addr add 10.20.0.1/24 brd + dev rba0');
    ip('addr add 10.21.0.1/24 brd + dev rba0');
    ip('addr add 10.30.0.1/24 brd + dev rbb0');
    first.run('ip', 'addr', 'add', '10.20.0.9/24', 'brd', '+', 'dev', 'rbx0');
    second.run('ip', 'addr', 'add', '10.30.0.9/24', 'brd', '+', 'dev', 'rbx0');
  });
  after(async () => {
    await first.close();
    await second.close();
  });

  afterEach(closeAll);

  before(async () => {
    network = await openNetwork();
  });
  after(() => network.close());

  it('a device socket receives limited and subnet broadcasts, an address socket datagrams to its address', async () => {
    const device = await open(network, { device: 'rba0', source: addr('10.20.0.1') });
    const address = await open(network, { address: addr('10.20.0.1'), broadcast: false });
    shout(first, 'limited', '10.20.0.9', '255.255.255.255');
    shout(first, 'subnet', '10.20.0.9', '10.20.0.255');
    shout(first, 'unicast', '10.20.0.9', '10.20.0.1');
    await until(() => device.heard.length + address.heard.length >= 3);
    await sleep(100);
    assert.deepEqual(device.heard, ['limited from 10.20.0.9', 'subnet from 10.20.0.9']);
    assert.deepEqual(address.heard, ['unicast from 10.20.0.9']);
    assert.equal(device.socket.interfaceName, 'rba0');
    assert.equal(device.socket.counters().received, 2);
  });

  it('counts the datagrams that all its sockets have received', async () => {
    const before = network.received;
    const [one, two] = [
      await open(network, { address: addr('127.0.0.1'), port: 0, shared: false }),
      await open(network, { address: addr('127.0.0.1'), port: 0, shared: false }),
    ];
    for (const [from, to] of [
      [one, two],
      [two, one],
    ] as const) {
      const place = { kind: 'unicast', address: addr('127.0.0.1'), port: to.socket.localPort } as const;
      from.socket.send([{ bytes: bytes('hello'), to: place }]);
      await until(() => to.heard.length === 1);
    }
    assert.equal(network.received, before + 2);
  });

  it('a broadcast reply leaves by its device with the chosen address', async () => {
    const device = await open(network, { device: 'rba0', source: addr('10.21.0.1') });
    const packets = await capture(first, 'rbx0', 1, () =>
      device.socket.send([{ bytes: bytes('offer'), to: { kind: 'broadcast', port: 6868 } }]),
    );
    assert.match(packets, /> ff:ff:ff:ff:ff:ff/);
    assert.match(packets, /10\.21\.0\.1\.6767 > 255\.255\.255\.255\.6868/);
  });

  it('counts and reports the datagrams that the kernel refuses to send, and sends the rest', async () => {
    const ear = await open(network, { address: addr('10.20.0.1'), shared: false, broadcast: false });
    const unicast = (to: string, port: number): OutgoingDatagram => ({
      bytes: bytes(to),
      to: { kind: 'unicast', address: addr(to), port },
    });
    const listener = await bound(6868, '10.20.0.1');
    const heard: string[] = [];
    listener.on('message', (message) => heard.push(String(message)));
    ear.socket.send([
      unicast('10.20.0.1', 6868),
      unicast('10.99.0.1', 6868),
      unicast('10.20.0.1', 0),
      { bytes: new Uint8Array(65_508), to: { kind: 'unicast', address: addr('10.20.0.1'), port: 6868 } },
      { bytes: bytes('x'), to: { kind: 'broadcast', port: 6868 } },
      unicast('10.20.0.1', 6868),
    ]);
    await until(() => heard.length === 2 && ear.errors.length === 4);
    assert.deepEqual([...ear.errors].sort(), ['EACCES', 'EINVAL', 'EMSGSIZE', 'ENETUNREACH']);
    const { sent, sendErrors } = ear.socket.counters();
    assert.deepEqual({ sent, sendErrors }, { sent: 2, sendErrors: 4 });
    ear.socket.close();
    ear.socket.send([unicast('10.20.0.1', 6868)]);
  });

  it('a socket may be bound before its address exists', async () => {
    const request = { address: addr('10.20.0.77'), freebind: true, shared: false };
    const ear = await open(network, request);
    ip('addr add 10.20.0.77/24 dev rba0');
    shout(first, 'late', '10.20.0.9', '10.20.0.77');
    await until(() => ear.heard.length === 1);
    ip('addr del 10.20.0.77/24 dev rba0');
  });

  it('refuses an impossible binding by name', async () => {
    await assert.rejects(open(network, { device: 'rbnone' }), { code: 'interface-missing', message: /rbnone/ });
    await assert.rejects(open(network, { address: addr('10.99.0.1') }), { code: 'address-not-here' });
  });

  it('a device socket receives nothing from another device', async () => {
    const one = await open(network, { device: 'rba0' });
    const two = await open(network, { device: 'rbb0' });
    shout(first, 'one', '10.20.0.9', '255.255.255.255');
    shout(second, 'two', '10.30.0.9', '255.255.255.255');
    await until(() => one.heard.length > 0 && two.heard.length > 0);
    await sleep(100);
    assert.deepEqual(one.heard, ['one from 10.20.0.9']);
    assert.deepEqual(two.heard, ['two from 10.30.0.9']);
  });

  it('a frame reaches a hardware address whose owner has no address; its checksum and that of a broadcast are complete', async () => {
    const ear = await open(network, { device: 'rba0', source: addr('10.20.0.1') });
    const link = first.run('ip', '-o', 'link', 'show', 'rbx0');
    const hardware = /link\/ether ([0-9a-f:]+)/.exec(link)?.[1] ?? assert.fail(link);
    first.run('ip', 'addr', 'flush', 'dev', 'rbx0');
    const to = {
      kind: 'hardware',
      address: addr('10.20.0.100'),
      mac: mac(Number.parseInt(hardware.replaceAll(':', ''), 16)),
      port: 6868,
    } as const;
    const packets = await capture(first, 'rbx0', 3, () =>
      ear.socket.send([
        { bytes: bytes('odd'), to },
        { bytes: bytes('broadcast'), to: { kind: 'broadcast', port: 6868 } },
        { bytes: new Uint8Array(590).fill(7), to },
      ]),
    );
    first.run('ip', 'addr', 'add', '10.20.0.9/24', 'brd', '+', 'dev', 'rbx0');
    assert.equal(packets.match(/10\.20\.0\.1\.6767 > 10\.20\.0\.100\.6868: \[udp sum ok\]/g)?.length, 2);
    assert.match(packets, /10\.20\.0\.1\.6767 > 255\.255\.255\.255\.6868: \[udp sum ok\]/);
    assert.equal(packets.match(new RegExp(`> ${hardware}, ethertype IPv4`, 'g'))?.length, 2);
    const order = [...packets.matchAll(/UDP, length (\d+)/g)].map((match) => Number(match[1]));
    assert.deepEqual(order, [3, 9, 590], 'frames and datagrams keep their order');
    assert.equal(ear.socket.counters().sent, 3);
  });

  it('without CAP_NET_RAW a datagram for a hardware address is broadcast, because no frame can be sent', async () => {
    const { root, node } = readableCheckout();
    const [program = '', ...words] = [
      ...AS_NOBODY,
      node,
      join(root, 'test/e2e/net/device-listener.ts'),
      'rba0',
      '6867',
    ];
    const listener = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    opened.add({ close: () => void listener.kill() });
    await whileRunning(listener, once(listener.stdout, 'data'));
    const packets = await capture(first, 'rbx0', 1, () =>
      shout(first, 'discover', '10.20.0.9', '255.255.255.255', 6867),
    );
    assert.match(packets, /> ff:ff:ff:ff:ff:ff/);
    assert.match(packets, /10\.20\.0\.1\.6867 > 255\.255\.255\.255\.6868/);
  });

  it('a datagram from a device leaves with the source that it names, by frame and by broadcast', async () => {
    const ear = await open(network, { device: 'rba0', source: addr('10.20.0.1') });
    const source = addr('10.21.0.1');
    const to = { kind: 'hardware', address: addr('10.21.0.100'), mac: mac(0x525400000001), port: 6868 } as const;
    const packets = await capture(first, 'rbx0', 3, () =>
      ear.socket.send([
        { bytes: bytes('frame'), to, source },
        { bytes: bytes('broadcast'), to: { kind: 'broadcast', port: 6868 }, source },
        { bytes: bytes('own'), to: { kind: 'broadcast', port: 6868 } },
      ]),
    );
    const sources = [...packets.matchAll(/(10\.\d+\.0\.1)\.6767 > /g)].map((match) => match[1]);
    assert.deepEqual(sources, ['10.21.0.1', '10.21.0.1', '10.20.0.1']);
  });

  it('a frame longer than the cable takes is refused and counted', async () => {
    const ear = await open(network, { device: 'rba0', source: addr('10.20.0.1') });
    const to = { kind: 'hardware', address: addr('10.20.0.100'), mac: mac(0x525400000001), port: 6868 } as const;
    ear.socket.send([{ bytes: new Uint8Array(1473), to }]);
    assert.deepEqual(ear.errors, ['EMSGSIZE']);
  });

  it('a burst arrives whole, in order, in arrays of at most 64, and not all in one turn', async () => {
    // More than a turn may take, and no more than the smallest usual receive buffer holds.
    const count = 450;
    const ear = await open(network, { address: addr('10.20.0.1'), shared: false });
    const source = await open(network, { address: addr('10.20.0.1'), port: 0, shared: false });
    let turns = 0;
    let most = 0;
    let before = 0;
    const watchTurns = (): void => {
      turns += 1;
      most = Math.max(most, ear.heard.length - before);
      before = ear.heard.length;
      if (before < count && turns < 10_000) setImmediate(watchTurns);
    };
    for (let index = 0; index < count; index += 1) {
      source.socket.send([
        { bytes: bytes(String(index)), to: { kind: 'unicast', address: addr('10.20.0.1'), port: 6767 } },
      ]);
    }
    watchTurns();
    await until(() => ear.heard.length === count);
    assert.deepEqual(
      ear.heard.map((each) => Number.parseInt(each, 10)),
      [...new Array(count).keys()],
    );
    assert.ok(ear.batches.every((size) => size >= 1 && size <= 64));
    // In addition, libuv itself reads at most 32 datagrams a turn.
    assert.ok(most <= DRAIN_PER_TURN_MAX + 32, `${most} in one turn`);
    assert.equal(ear.socket.counters().receiveDrops, 0);
  });

  it('counts the datagrams that the kernel dropped unread', async () => {
    const ear = await open(network, { address: addr('10.20.0.1'), shared: false });
    const source = await open(network, { address: addr('10.20.0.1'), port: 0, shared: false });
    const datagram = {
      bytes: new Uint8Array(1400),
      to: { kind: 'unicast', address: addr('10.20.0.1'), port: 6767 },
    } as const;
    for (let index = 0; index < 100; index += 1) source.socket.send(new Array<OutgoingDatagram>(100).fill(datagram));
    const { sent } = source.socket.counters();
    await until(() => ear.socket.counters().received + (ear.socket.counters().receiveDrops ?? 0) === sent);
    assert.ok((ear.socket.counters().receiveDrops ?? 0) > 0);
    const { receiveDrops } = ear.socket.counters();
    ear.socket.close();
    assert.equal(ear.socket.counters().receiveDrops, receiveDrops, 'and remembers it when closed');
  });

  it('may be used and closed in the handler of a refusal', async () => {
    const listener = await bound(6868, '10.20.0.1');
    const heard: string[] = [];
    listener.on('message', (message) => heard.push(String(message)));
    const good = { kind: 'unicast', address: addr('10.20.0.1'), port: 6868 } as const;
    const bad = { kind: 'unicast', address: addr('10.99.0.1'), port: 6868 } as const;
    const other = await open(network, { address: addr('10.20.0.1'), port: 0, shared: false });
    let reported = 0;
    const ear = await open(network, {
      address: addr('10.20.0.1'),
      shared: false,
      onSendError() {
        reported += 1;
        other.socket.send([{ bytes: bytes('other'), to: good }]);
        ear.socket.send([{ bytes: bytes('again'), to: good }]);
        if (reported === 2) ear.socket.close();
      },
    });
    ear.socket.send([
      { bytes: bytes('one'), to: good },
      { bytes: bytes('x'), to: bad },
      { bytes: bytes('x'), to: bad },
      { bytes: bytes('x'), to: bad },
      { bytes: bytes('two'), to: good },
    ]);
    await until(() => heard.length === 7);
    assert.deepEqual(heard.slice(0, 2), ['one', 'two']);
    assert.deepEqual(heard.slice(2).sort(), ['again', 'again', 'other', 'other', 'other']);
  });

  it('continues when its handler closes it in the middle of a burst', async () => {
    const source = await open(network, { address: addr('10.20.0.1'), port: 0, shared: false });
    let calls = 0;
    await open(network, {
      address: addr('10.20.0.1'),
      shared: false,
      onDatagrams(_datagrams, socket) {
        calls += 1;
        socket.close();
      },
    });
    const to = { kind: 'unicast', address: addr('10.20.0.1'), port: 6767 } as const;
    source.socket.send(new Array<OutgoingDatagram>(300).fill({ bytes: bytes('x'), to }));
    await until(() => calls > 0);
    await sleep(50);
    assert.equal(calls, 1);
  });
});
