// Everything that a network can throw at a running rack: noise, cut and bent messages, floods, clients that never finish. It stays
// alive, answers the next good request, and releases all that it held for them. Real sockets on loopback, by any user.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { mac } from '../../src/ground/address.ts';
import { instant, sleep, systemClock } from '../../src/ground/clock.ts';
import { DhcpClient } from '../../src/lab/dhcp-client.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { missing } from '../support/needs.ts';
import { printedRandom } from '../support/printed-random.ts';
import { askName, DhcpProbes, loadByHttp, loadByTftp } from '../support/probes.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

/** Where the inspector listens when a process is asked by signal to start it. */
const INSPECTOR = 'http://127.0.0.1:9229/json/list';
const START_MS_MAX = 10_000;

/** Bytes in use of the heap of the main thread of `pid`, after a collection. It starts the inspector of the process. */
async function keptBytes(pid: number): Promise<number> {
  const socket = new WebSocket(await inspectorOf(pid));
  try {
    await once(socket, 'open');
    // Another process may have been inspected there before.
    const asked = await ask(socket, 0, 'Runtime.evaluate', { expression: 'process.pid' });
    if (!asked.includes(`"value":${pid},`)) throw new Error(`at ${INSPECTOR} is another process than ${pid}: ${asked}`);
    await ask(socket, 1, 'HeapProfiler.collectGarbage');
    const answer = await ask(socket, 2, 'Runtime.getHeapUsage');
    const bytes = Number(/"usedSize":(\d+)/.exec(answer)?.[1]);
    if (Number.isNaN(bytes)) throw new Error(`no heap usage in ${answer}`);
    return bytes;
  } finally {
    socket.close();
  }
}

/** Asks for one thing at a time. @returns the answer as it was written */
async function ask(socket: WebSocket, id: number, method: string, params: object = {}): Promise<string> {
  const answered = once(socket, 'message');
  socket.send(JSON.stringify({ id, method, params }));
  const [message] = await answered;
  return String(message.data);
}

/** The inspector's address, once it listens. */
function inspectorOf(pid: number): Promise<string> {
  process.kill(pid, 'SIGUSR1');
  return eventuallyWithin(START_MS_MAX, `the inspector of ${pid} answers`, async () => {
    const text = await fetch(INSPECTOR).then(
      (answer) => answer.text(),
      () => '',
    );
    return /"webSocketDebuggerUrl":\s*"([^"]+)"/.exec(text)?.[1];
  });
}

const PLACE = labPlace(26);
const ADDRESS = `${PLACE.octets}.1`;
/** Where the hostile clients sit; the good ones sit elsewhere. */
const HOSTILE = `${PLACE.octets}.66`;
const UPSTREAM_PORT = PLACE.dnsPort + 2000;
const FLOOD_CONNECTIONS = 300;
const MIB = 1024 * 1024;
/** Live bytes of the heap, after a collection. */
const KEPT_GROWTH_MAX = 6 * MIB;
/** Of the whole process: memory that the collector of each thread has not freed yet is not a leak, and differs by tens of MiB. */
const MEMORY_GROWTH_MAX = 192 * MIB;
const DESCRIPTOR_GROWTH_MAX = 8;

type Random = (n: number) => number;

const bytesOf = (random: Random, length: number): Buffer => Buffer.from(Array.from({ length }, () => random(256)));

function discover(random: Random): Buffer {
  const client = new DhcpClient(
    { mac: mac(0x0200_0000_0000 + random(0xffff_ffff)), uuid: bytesOf(random, 16), architecture: random(12) },
    random(0xffff_ffff),
  );
  client.start(instant(0));
  return Buffer.from(client.takeOutgoing()[0] ?? []);
}

const FILES = [
  'lpxelinux.0',
  'pxelinux.cfg/default',
  '../../etc/passwd',
  'amd64/generic/bookworm/commissioning/linux',
  '',
];

function readRequest(random: Random): Buffer {
  const file = FILES[random(FILES.length)] ?? '';
  const words = [file, 'octet', 'blksize', String(random(70_000)), 'windowsize', String(random(70_000)), 'tsize', '0'];
  return Buffer.concat([Buffer.of(0, 1), Buffer.from(`${words.join('\0')}\0`, 'latin1')]);
}

function query(random: Random): Buffer {
  const names = [
    'lab.maas',
    `${random(1e9)}.example.net`,
    `${'a'.repeat(1 + random(63))}.maas`,
    '1.0.0.127.in-addr.arpa',
  ];
  const labels = (names[random(names.length)] ?? '').split('.').map((label) => Buffer.from(`\0${label}`, 'latin1'));
  for (const label of labels) label[0] = label.length - 1;
  const head = Buffer.from([random(256), random(256), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, random(260) & 255, 0, 1])]);
}

/** Noise, or a good message that is cut, bent, lengthened or left as it is. */
function unkind(random: Random, good: (random: Random) => Buffer): Buffer {
  const message = good(random);
  switch (random(6)) {
    case 0:
      return bytesOf(random, random(random(50) === 0 ? 9000 : 600));
    case 1:
      return message.subarray(0, random(message.length));
    case 2:
    case 3:
      for (let bends = 1 + random(6); bends > 0; bends -= 1) message[random(message.length)] = random(256);
      return message;
    case 4:
      return Buffer.concat([message, bytesOf(random, random(400))]);
    default:
      return message;
  }
}

async function udpSocket(address: string): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  socket.on('error', () => undefined);
  socket.bind({ address, port: 0 });
  await once(socket, 'listening');
  return socket;
}

interface Held {
  /** Of the main thread's heap, after a collection. */
  readonly kept: number;
  readonly memory: number;
  readonly descriptors: number;
}

/** Of each protocol. */
const datagrams = !HAS_MANY_ROUNDS ? 1000 : 4000;
/** Connections of each unkind kind at each listener. */
const connections = !HAS_MANY_ROUNDS ? 10 : 40;
describe('a rack among hostile clients', { skip: missing('linux') }, () => {
  const random = printedRandom('hostile');
  let rack: RunningRack;
  let probes: DhcpProbes;
  let upstream: UdpSocket;
  let atRest: Held;

  const held = async (): Promise<Held> => ({
    kept: await keptBytes(rack.pid),
    memory: Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${rack.pid}/status`, 'utf8'))?.[1]) * 1024,
    descriptors: readdirSync(`/proc/${rack.pid}/fd`).length,
  });

  before(async () => {
    rack = new RunningRack(PLACE, (text) => text.replace('dns: {', `dns: { upstream: ["127.0.0.1:${UPSTREAM_PORT}"],`));
    // An upstream that answers with noise, late, or not at all.
    upstream = createSocket('udp4');
    upstream.on('message', (question, from) => {
      const answer = Buffer.from(question);
      for (let bends = random(4); bends > 0; bends -= 1) answer[random(answer.length)] = random(256);
      if (random(3) > 0) upstream.send(answer, from.port, from.address);
    });
    upstream.bind(UPSTREAM_PORT, '127.0.0.1');
    await once(upstream, 'listening');
    probes = await DhcpProbes.open(PLACE);
    await rack.startWhole();
    // The good machine is known before the flood: no server can keep strangers from taking every free address.
    await assertServes();
    // Everything once, so that permanent memory (compiled code, buffers, caches) exists when the measurement begins.
    await sendDatagrams(datagrams / 4);
    await assertServes();
    await sleep(1000);
    atRest = await held();
  });
  after(async () => {
    await probes.close();
    upstream.close();
    await rack.remove();
  });

  /** The next good request of each kind is answered. */
  async function assertServes(): Promise<void> {
    assert.ok(await probes.leaseWithin(20_000, mac(0x5254_00ee_0001)), 'DHCP');
    assert.equal((await loadByTftp(ADDRESS, PLACE.tftpPort, 'lpxelinux.0')).value.length, 44_000, 'TFTP');
    assert.equal((await askName(ADDRESS, PLACE.dnsPort, 'lab.maas')).value.address, ADDRESS, 'DNS');
    assert.equal((await loadByHttp(ADDRESS, PLACE.httpPort, '/lpxelinux.0')).value.body.length, 44_000, 'HTTP');
    const version = await loadByHttp('127.0.0.1', PLACE.regionPort, '/MAAS/api/version/');
    assert.equal(version.value.status, 200, 'region');
    const through = await loadByHttp(ADDRESS, PLACE.httpPort, '/MAAS/api/version/');
    assert.equal(through.value.status, 200, 'the region through the boot listener');
  }

  async function sendDatagrams(count: number): Promise<void> {
    const socket = await udpSocket(HOSTILE);
    for (let index = 0; index < count; index += 1) {
      probes.broadcast(unkind(random, discover));
      socket.send(unkind(random, discover), PLACE.dhcpServerPort, ADDRESS);
      socket.send(unkind(random, readRequest), PLACE.tftpPort, ADDRESS);
      socket.send(unkind(random, query), PLACE.dnsPort, ADDRESS);
      if (index % 50 === 0) await sleep(2);
    }
    await sleep(200);
    socket.close();
  }

  test('answers after datagrams of every malformed kind', async () => {
    await sendDatagrams(datagrams);
    await assertServes();
  });

  for (const { name, host, port } of [
    { name: 'the boot listener', host: ADDRESS, port: PLACE.httpPort },
    { name: 'the region', host: '127.0.0.1', port: PLACE.regionPort },
    { name: 'DNS by TCP', host: ADDRESS, port: PLACE.dnsPort },
  ]) {
    test(`${name} answers others while connections are abused, and ends those`, async () => {
      const opened: Socket[] = [];
      const open = (pieces: readonly (string | Buffer)[], then: 'hold' | 'half-close' | 'reset'): void => {
        const socket = connect({ host, port, localAddress: HOSTILE, allowHalfOpen: true });
        opened.push(socket);
        socket.on('error', () => undefined);
        socket.resume();
        socket.on('connect', async () => {
          for (const piece of pieces) {
            if (!socket.writable) return;
            socket.write(piece);
            await sleep(1);
          }
          if (then === 'half-close') socket.end();
          if (then === 'reset') socket.resetAndDestroy();
        });
      };
      for (let index = 0; index < connections; index += 1)
        for (const [pieces, then] of abuses(random)) open(pieces, then);
      for (let index = 0; index < FLOOD_CONNECTIONS; index += 1) open([], 'hold');
      await sleep(300);
      await assertServes();
      // Slow ones that send a byte now and then are ended, too: none may hold its place forever.
      const trickle = systemClock.now() + 2000;
      while (systemClock.now() < trickle) {
        for (const socket of opened) if (socket.writable) socket.write('x');
        await sleep(250);
      }
      await assertServes();
      for (const socket of opened) socket.destroy();
    });
  }

  test('closes a connection whose request never ends', async () => {
    const places = [
      { host: ADDRESS, port: PLACE.httpPort },
      { host: '127.0.0.1', port: PLACE.regionPort },
    ];
    const sockets = places.map((place) => {
      const socket = connect({ ...place, localAddress: HOSTILE });
      socket.on('error', () => undefined);
      socket.resume();
      socket.write('GET /lpxelinux.0 HTTP/1.1\r\nX-Slow: ');
      return socket;
    });
    await eventually(
      'both are closed by the rack',
      () => {
        for (const socket of sockets) if (socket.writable) socket.write('x');
        return sockets.every(({ closed }) => closed);
      },
      40_000,
    );
  });

  test('has released memory and descriptors, and never crashed', async () => {
    await eventually(
      'everything is given back',
      async () => {
        const now = await held();
        return (
          now.kept < atRest.kept + KEPT_GROWTH_MAX &&
          now.memory < atRest.memory + MEMORY_GROWTH_MAX &&
          now.descriptors <= atRest.descriptors + DESCRIPTOR_GROWTH_MAX
        );
      },
      30_000,
    ).catch(async () => assert.fail(`at rest ${JSON.stringify(atRest)}, now ${JSON.stringify(await held())}`));
    const now = await held();
    const counted =
      JSON.stringify(await rack.ask('/status')).match(/"[\w-]*(malformed|formerr)[\w-]*":[1-9]\d*/gi) ?? [];
    assert.ok(counted.length >= 3, `every door has met nonsense: ${counted.join(' ')}`);
    const inMib = ({ kept, memory }: Held): string => `${(kept / MIB).toFixed(1)} of ${Math.round(memory / MIB)} MiB`;
    console.log(`# kept ${inMib(atRest)}, then ${inMib(now)}`);
    await assertServes();
    assert.deepEqual(rack.events('region.down'), []);
    const problems = rack.events('region.problem').map(({ text }) => String(text));
    assert.deepEqual(
      problems.filter((text) => !text.startsWith(`the API ended a connection from ${HOSTILE}`)),
      [],
    );
    assert.equal(rack.events('daemon.ready').length, 1);
    assert.equal(await rack.stop(), 0);
  });
});

/** Ways to abuse a listener: the bytes to write, and the expected end. */
function abuses(random: Random): (readonly [readonly (string | Buffer)[], 'hold' | 'half-close' | 'reset'])[] {
  const get = 'GET /amd64/generic/bookworm/commissioning/linux HTTP/1.1\r\nHost: x\r\n\r\n';
  const post =
    'POST /MAAS/api/2.0/machines/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n';
  return [
    [[bytesOf(random, 1 + random(500))], 'hold'],
    [[get.slice(0, random(get.length))], 'hold'],
    [[get.slice(0, random(get.length))], 'half-close'],
    [[get], 'half-close'],
    [[get], 'reset'],
    [[get.repeat(50)], 'hold'],
    [[`GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(4000)}\r\n`], 'hold'],
    [[`${post}Content-Length: 99999999999\r\n\r\n`, Buffer.alloc(256 * 1024, 97)], 'hold'],
    [[`${post}Transfer-Encoding: chunked\r\n\r\n`, 'ffffff\r\n', Buffer.alloc(64 * 1024)], 'half-close'],
    [[Buffer.from([0x16, 3, 1, 2, 0, 1, 0]), bytesOf(random, 100)], 'half-close'],
    [[Buffer.from([0xff, 0xff]), bytesOf(random, random(2000))], 'hold'],
    [[Buffer.from([0, 12]), bytesOf(random, 12)], 'hold'],
  ];
}
