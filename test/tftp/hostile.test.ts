// The TFTP server under attack: other clients still load, and a host that never asked gets few packets.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Ipv4, ipv4 } from '../../src/ground/address.ts';
import { TFTP_ERROR } from '../../src/tftp/packet.ts';
import { SILENCE_MS_MAX } from '../../src/tftp/transfer.ts';
import { BLIND_BLOCKS } from '../../src/tftp/transfers.ts';
import { encodeAck, encodeRequest } from './client-packet.ts';
import { Bench, CLIENT, CLIENTS, HEADERS_BYTES, RACK, turns } from './server-bench.ts';

// The bounds as literals: raising one fails here.
const ERROR_RATE = 100;
const [TURN_BEGINS_MAX, SHARE_BEGINS_MAX, BEGIN_TIME_SHARE_MAX] = [16, 4, 0.5] as const;
const [WAITING_MAX, WAITING_OF_ADDRESS_MAX] = [1024, 512] as const;
const [UNANSWERED_MAX, TRANSFERS_MAX, TRANSFERS_OF_ADDRESS_MAX, REPEATED_TO_MAX] = [1024, 2048, 1024, 32] as const;
const SPARE_PACKETS_MAX = 64;
/** How many turns of the event loop half a thousand requests need to begin. */
const BEGUN_TURNS = 40;
const ATTACKER = ipv4(0x0a140042);
const SECOND_ATTACKER = ipv4(0x0a140043);
const VICTIM = ipv4(0x0a140055);
/** An address outside all served networks. */
const STRANGER = ipv4(0xc6336407);
const LARGE = { bytes: Buffer.alloc(10_000_000, 7) };
const FILE = { file: LARGE, a: LARGE, b: { ...LARGE, sizeBytes: 20e9 } };

const request = (options: Readonly<Record<string, number>> = {}, file = 'file'): Uint8Array =>
  encodeRequest({
    kind: 'read',
    file,
    mode: 'octet',
    options: Object.entries(options).map(([name, value]) => ({ name, value: String(value) })),
  });

/** The ports of the running transfers to an address. */
const portsOf = (bench: Bench, address: Ipv4): readonly (readonly [local: number, remote: number])[] =>
  bench.network.listening.flatMap(({ localPort, request: { peer } }) =>
    peer?.address === address ? [[localPort, peer.port] as const] : [],
  );

/** Advances time in steps, with turns of the event loop in between. */
async function pass(bench: Bench, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    bench.clock.advance(500);
    await turns(2);
  }
}

/** Starts transfers from one address, acknowledges their options, and stays silent. */
async function hold(bench: Bench, from: Ipv4, count: number, options: Readonly<Record<string, number>>): Promise<void> {
  for (let first = 0; first < count; first += 500) {
    const ports = Array.from({ length: Math.min(500, count - first) }, (_, index) => 10_000 + first + index);
    for (const port of ports) bench.deliver(69, request(options), port, from);
    await turns(BEGUN_TURNS);
    for (const [local, remote] of portsOf(bench, from)) {
      if (ports.includes(remote)) bench.deliver(local, encodeAck(0), remote, from);
    }
    await turns();
  }
}

/** Takes every place for transfers with two hosts: one alone may not have that many. */
async function holdAll(bench: Bench, options: Readonly<Record<string, number>>): Promise<void> {
  await hold(bench, ATTACKER, TRANSFERS_OF_ADDRESS_MAX, options);
  await hold(bench, SECOND_ATTACKER, TRANSFERS_MAX - TRANSFERS_OF_ADDRESS_MAX, options);
}

describe('hosts that hold every transfer they can', () => {
  test('do not keep another host from loading, nor 200 machines behind one address', async () => {
    const bench = await Bench.start(FILE);
    bench.files.small = { bytes: Buffer.alloc(3000, 1) };
    await holdAll(bench, { timeout: 255, windowsize: 4 });
    assert.equal(bench.server.counters().active, TRANSFERS_MAX, 'every place is taken');
    const refused = bench.server.counters()['refused-busy'];
    assert.equal((await bench.load('small', { blksize: 1468 })).length, 3000);
    const ports = Array.from({ length: 200 }, (_, index) => 3000 + index);
    const loaded = await Promise.all(ports.map((port) => bench.load('small', { blksize: 512 }, port)));
    assert.ok(loaded.every(({ length }) => length === 3000));
    assert.equal(bench.server.counters()['refused-busy'], refused);
    await bench.server.close(0);
  });

  test('lose a transfer in which they were silent lately, and get an error', async () => {
    const bench = await Bench.start(FILE);
    await holdAll(bench, { windowsize: 4 });
    const first = portsOf(bench, ATTACKER).find(([, remote]) => remote === 10_000)?.[0] ?? 0;
    await pass(bench, 1500);
    bench.deliver(first, encodeAck(4), 10_000, ATTACKER);
    const reported = (): number[] =>
      Array.from({ length: TRANSFERS_OF_ADDRESS_MAX }, (_, index) => 10_000 + index).filter((port) =>
        bench.take(port).some(({ packet }) => packet.kind === 'error'),
      );
    assert.deepEqual(reported(), []);
    await bench.ask('file');
    bench.ack(bench.take()[0]?.from ?? 0, 1);
    await turns();
    const losers = reported();
    assert.equal(losers.length, 1);
    assert.notEqual(losers[0], 10_000);
    assert.equal(bench.server.counters()['gave-way'], 1);
    assert.ok(bench.kinds().includes('tftp.gave-way'));
  });

  test('hold no transfer beyond the allowed silence, whatever timeout they requested', async () => {
    const bench = await Bench.start(FILE);
    await hold(bench, ATTACKER, 500, { timeout: 255, windowsize: 4 });
    await pass(bench, SILENCE_MS_MAX);
    assert.equal(bench.server.counters().active, 0);
    assert.equal(bench.openReaders, 0);
    assert.equal(bench.clock.pending, 0);
  });
});

describe('a host that floods the transfers which it holds', () => {
  for (const [name, packet] of [
    ['ACKs of nothing new', encodeAck(0)],
    ['packets that are not TFTP', Uint8Array.of(0, 9, 9, 9)],
  ] as const) {
    test(`with ${name} ends them and closes their sockets; others load meanwhile`, async () => {
      const bench = await Bench.start(FILE);
      bench.files.small = { bytes: Buffer.alloc(3000, 1) };
      await hold(bench, ATTACKER, 500, { timeout: 20, blksize: 8 });
      const held = portsOf(bench, ATTACKER);
      assert.equal(held.length, 500);
      const flood = (rounds: number): void => {
        for (let round = 0; round < rounds; round += 1)
          for (const [local, remote] of portsOf(bench, ATTACKER)) bench.deliver(local, packet, remote, ATTACKER);
      };
      flood(SPARE_PACKETS_MAX);
      assert.equal(bench.server.counters().active, 500, 'repetitions and stray packets end no transfer');
      // Beyond: the answers to the packets that were sent to it.
      flood(8);
      await turns();
      assert.deepEqual(portsOf(bench, ATTACKER), []);
      assert.equal(bench.server.counters().flooded, 500);
      assert.equal(bench.server.counters().active, 0);
      assert.equal(bench.openReaders, 0);
      const events = bench.kinds().filter((kind) => kind === 'tftp.flooded').length;
      assert.ok(events >= 1 && events <= 50, `${events} events`);
      const reported = bench.take(held[0]?.[1] ?? 0).filter(({ packet }) => packet.kind === 'error');
      assert.equal(reported.length, 1);
      assert.equal((await bench.load('small', { blksize: 1468 })).length, 3000);
      await bench.server.close(0);
    });
  }
});

describe('requests with many forged addresses', () => {
  test('take no transfer from a client that has answered, and keep no client from loading', async () => {
    const bench = await Bench.start(FILE);
    bench.files.small = { bytes: Buffer.alloc(3000, 1) };
    await bench.ask('small');
    const [first] = bench.take();
    bench.ack(first?.from ?? 0, 1);
    for (let index = 0; index < 3 * UNANSWERED_MAX; index += 1)
      bench.deliver(69, request(), 1024 + index, ipv4(0x0a1e0001 + (index % 250)));
    await turns(2 * BEGUN_TURNS);
    assert.equal(bench.server.counters().active, UNANSWERED_MAX + 1);
    bench.ack(first?.from ?? 0, 2);
    assert.deepEqual(
      bench.take().map(({ packet }) => packet.kind === 'data' && packet.block),
      [2, 3],
    );
    assert.equal((await bench.load('small', {}, 2071)).length, 3000);
    await pass(bench, 8000);
    assert.equal(bench.server.counters().active, 1, 'the unanswered transfers are gone');
  });
});

describe('requests without a pause from one address', () => {
  const send = (bench: Bench, count: number, port: number): void => {
    for (let index = 0; index < count; index += 1) bench.deliver(69, request(), port + index, ATTACKER);
  };

  test('open a bounded number of sockets per turn of the event loop, and another host is next', async () => {
    const bench = await Bench.start(FILE);
    const before = bench.network.sockets.length;
    send(bench, 400, 10_000);
    await turns(1);
    const opened = bench.network.sockets.length - before;
    assert.ok(opened <= 2 * TURN_BEGINS_MAX + SHARE_BEGINS_MAX, `${opened} opened`);
    await bench.ask('file');
    assert.equal(bench.take().length, 1, 'the other host is answered');
    assert.ok(portsOf(bench, ATTACKER).length < 200, 'while most of the flood still waits');
    await bench.server.close(0);
  });

  test('do not delay another host that asks in the same turn', async () => {
    const bench = await Bench.start(FILE);
    send(bench, 400, 10_000);
    for (let port = 1; port <= SHARE_BEGINS_MAX; port += 1) bench.deliver(69, request(), port);
    await turns(1);
    assert.equal(portsOf(bench, CLIENT).length, SHARE_BEGINS_MAX);
    await bench.server.close(0);
  });

  test('take at most half of the time, opening included', async () => {
    const bench = await Bench.start(FILE);
    const startedAt = bench.clock.now();
    let begun = 0;
    bench.network.onOpen = () => {
      bench.clock.advance(1);
      begun += 1;
    };
    for (let turn = 0; turn < 400; turn += 1) {
      send(bench, 4, 10_000 + 4 * turn);
      const before = begun;
      await turns(1);
      if (begun === before) bench.clock.advance(0.5);
    }
    const share = begun / (bench.clock.now() - startedAt);
    assert.ok(share < BEGIN_TIME_SHARE_MAX + 0.1, `${share}`);
    assert.ok(share > 0.3, `${share}`);
    await bench.server.close(0);
  });

  test('wait in bounded number; beyond it the oldest is dropped, so a client that retries is served', async () => {
    const bench = await Bench.start(FILE);
    for (let round = 0; round < 3; round += 1) send(bench, 1000, 10_000 + 1000 * round);
    bench.deliver(69, request({ blksize: 512 }), 5000, ATTACKER);
    assert.ok(bench.server.counters()['gave-way'] >= 3000 - WAITING_OF_ADDRESS_MAX - TURN_BEGINS_MAX);
    await turns(2 * BEGUN_TURNS);
    assert.equal(bench.take(5000).length, 1);
    await bench.server.close(0);
  });

  test('from many addresses also wait in bounded number', async () => {
    const bench = await Bench.start(FILE);
    for (let index = 0; index < 3000; index += 1)
      bench.deliver(69, request(), 10_000 + index, ipv4(0x0a1e0001 + (index % 250)));
    const { 'gave-way': gone } = bench.server.counters();
    assert.ok(gone >= 3000 - WAITING_MAX - TURN_BEGINS_MAX, `${gone} gave way`);
    await bench.server.close(0);
    assert.equal(bench.clock.pending, 0);
  });
});

/**
 * The amplification of a forged request, by its options: the most bytes sent for each byte received, IP and UDP headers included. The first is
 * the shortest request that is answered; no other request amplifies more.
 */
const FACTORS: readonly (readonly [string, Uint8Array, number])[] = [
  ['without options: a block, three times', Buffer.from('\0\x01a\0octet', 'latin1'), 44.2],
  ['for large blocks and windows: options, three times', request({ blksize: 65_464, windowsize: 65_535 }, 'a'), 2.5],
  ['for everything: options, three times', request({ blksize: 1468, windowsize: 64, timeout: 255, tsize: 0 }, 'a'), 3],
  // Firmware needs the size, so the answer may be longer than the request.
  ['for the size of 20 GB: options, three times', Buffer.from('\0\x01b\0octet\0tsize\x000', 'latin1'), 3.2],
];

describe('a request with the forged address of a host that never asked', () => {
  for (const [name, bytes, factor] of FACTORS) {
    test(`makes the server send at most ${factor} times its bytes, ${name}`, async () => {
      const bench = await Bench.start(FILE);
      bench.deliver(69, bytes, 7, VICTIM);
      await turns();
      bench.clock.advance(300_000);
      const ratio = bench.sentTo(VICTIM) / (bytes.length + HEADERS_BYTES);
      assert.ok(ratio <= factor && ratio > factor - 0.2, `${ratio.toFixed(2)} times what the attacker sent`);
    });
  }

  test('is answered no more often when repeated', async () => {
    const bench = await Bench.start(FILE);
    for (let index = 0; index < 100; index += 1) {
      bench.deliver(69, request(), 7, VICTIM);
      await turns(1);
    }
    bench.clock.advance(6000);
    assert.equal(bench.sentTo(VICTIM), 3 * (516 + HEADERS_BYTES));
  });

  test('is answered only once when there are many', async () => {
    const bench = await Bench.start(FILE);
    const count = 500;
    for (let port = 1; port <= count; port += 1) bench.deliver(69, request(), port, VICTIM);
    await turns(BEGUN_TURNS);
    assert.equal(bench.server.counters().active, count, 'all have begun');
    bench.clock.advance(300_000);
    assert.ok(bench.sentTo(VICTIM) <= (count + 2 * REPEATED_TO_MAX) * (516 + HEADERS_BYTES));
    const ratio = bench.sentTo(VICTIM) / (count * (request().length + HEADERS_BYTES));
    assert.ok(ratio < 16, `${ratio.toFixed(1)} times what the attacker sent`);
  });

  test('is answered less and less when a flood of them names one address', async () => {
    const bench = await Bench.start(FILE);
    for (let second = 0; second < 20; second += 1) {
      for (let index = 0; index < 500; index += 1) bench.deliver(69, request(), 1 + second * 500 + index, VICTIM);
      await turns(BEGUN_TURNS);
      bench.clock.advance(1000);
    }
    bench.clock.advance(60_000);
    const packets = bench.sentTo(VICTIM) / (516 + HEADERS_BYTES);
    const first = BLIND_BLOCKS.burst + 20 * BLIND_BLOCKS.perSecond;
    assert.ok(
      packets > first / 2 && packets <= first + 2 * REPEATED_TO_MAX * 20,
      `${packets} packets for 10 000 requests`,
    );
    assert.ok(bench.server.counters()['refused-blind'] > 5000);
    bench.deliver(69, request({ blksize: 1468 }), 60_000, VICTIM);
    await turns();
    assert.deepEqual(
      portsOf(bench, VICTIM).map(([, remote]) => remote),
      [60_000],
      'with options it is still served',
    );
  });

  test('cannot be continued by ACKs to ports of other or earlier transfers', async () => {
    const bench = await Bench.start(FILE);
    const options = { blksize: 1468, windowsize: 64 };
    await hold(bench, ATTACKER, 20, options);
    const known = new Set(bench.network.sockets.map(({ localPort }) => localPort));
    bench.deliver(69, request(options), 7, VICTIM);
    await turns();
    let attackerBytes = request(options).length + HEADERS_BYTES;
    for (let block = 0; block <= 6000; block += 44) {
      for (const port of known) {
        bench.deliver(port, encodeAck(block), 7, VICTIM);
        attackerBytes += encodeAck(block).length + HEADERS_BYTES;
      }
    }
    bench.clock.advance(300_000);
    assert.ok(bench.sentTo(VICTIM) < attackerBytes, `${bench.sentTo(VICTIM)} for ${attackerBytes} bytes`);
  });

  test('ends with the first ICMP message of that host', async () => {
    const bench = await Bench.start(FILE);
    bench.deliver(69, request(), 7, VICTIM);
    await turns();
    const [transfer] = portsOf(bench, VICTIM);
    bench.reportUnreachable(transfer?.[0] ?? 0);
    bench.clock.advance(300_000);
    assert.equal(bench.sentTo(VICTIM), 516 + HEADERS_BYTES);
    assert.deepEqual(bench.kinds(), ['tftp.unreachable']);
    assert.equal(bench.server.counters().active, 0);
    assert.equal(bench.openReaders, 0);
  });

  test('ends with an ICMP message of a host that has answered, too', async () => {
    const bench = await Bench.start(FILE);
    bench.deliver(69, request(), 7, VICTIM);
    await turns();
    const [transfer] = portsOf(bench, VICTIM);
    bench.deliver(transfer?.[0] ?? 0, encodeAck(1), 7, VICTIM);
    await turns();
    const sent = bench.sentTo(VICTIM);
    assert.equal(sent, 2 * (516 + HEADERS_BYTES));
    bench.reportUnreachable(transfer?.[0] ?? 0);
    bench.clock.advance(300_000);
    assert.equal(bench.sentTo(VICTIM), sent);
    assert.deepEqual(bench.kinds(), ['tftp.unreachable']);
    assert.equal(bench.server.counters().active, 0);
  });

  test('causes few events, however many there are', async () => {
    const bench = await Bench.start(FILE);
    for (let index = 0; index < 10_000; index += 1) {
      bench.deliver(69, request(), 1 + (index % 60_000), VICTIM);
      if (index % 500 === 499) await turns();
    }
    bench.clock.advance(100_000);
    assert.ok(bench.events.length < 5000, `${bench.events.length} events`);
  });
});

test('two consecutive transfers of one client port have different ports, even if the system offers the same', async () => {
  const bench = await Bench.start({ file: { bytes: Buffer.alloc(10) } });
  bench.network.nextPorts.push(50_001, 50_001, 50_002);
  await bench.load('file');
  await bench.ask('file');
  assert.equal(bench.take()[0]?.from, 50_002);
});

test('every transfer has its own port, which closes with it', async () => {
  const bench = await Bench.start({ file: { bytes: Buffer.alloc(1000) } });
  for (let port = 3000; port < 3050; port += 1) await bench.ask('file', {}, port);
  const ports = new Set(portsOf(bench, CLIENT).map(([local]) => local));
  assert.equal(ports.size, 50);
  bench.clock.advance(SILENCE_MS_MAX);
  assert.deepEqual(portsOf(bench, CLIENT), []);
  const received = bench.server.sockets().reduce((sum, { sent }) => sum + sent, 0);
  assert.ok(received > 0, 'the counts of closed sockets are kept');
});

test('a client that goes away during a transfer is reported as unreachable', async () => {
  const bench = await Bench.start(FILE);
  await bench.ask('file');
  const tid = bench.take()[0]?.from ?? 0;
  bench.ack(tid, 1);
  bench.reportUnreachable(tid);
  assert.deepEqual(bench.kinds(), ['tftp.unreachable']);
  assert.equal(bench.server.counters().unreachable, 1);
});

describe('served networks', () => {
  test('requests from networks that are not served are dropped silently, counted, and reported with the remedy', async () => {
    const bench = await Bench.start(FILE);
    for (let index = 0; index < 50; index += 1) bench.deliver(69, request(), 2000 + index, STRANGER);
    bench.deliver(69, encodeRequest({ kind: 'write', file: 'file', mode: 'octet', options: [] }), 2070, STRANGER);
    bench.deliver(69, request({}, ''), 2070, STRANGER);
    bench.deliver(69, Buffer.from('noise'), 2070, STRANGER);
    await turns();
    assert.equal(bench.sentTo(STRANGER), 0);
    assert.equal(bench.server.counters()['refused-network'], 53);
    assert.equal(bench.server.counters().active, 0);
    assert.ok(bench.events.length <= 20);
    const [event] = bench.events as { reason?: string }[];
    assert.equal(event?.reason, 'network-not-served');
  });

  test('a change of the settings admits or excludes a network, and running transfers continue', async () => {
    const bench = await Bench.start(FILE);
    const allowed = { listen: [RACK], listenPort: 69, clients: [{ address: STRANGER, prefix: 32 }] };
    await bench.server.configure(allowed);
    bench.deliver(69, request(), 2070, STRANGER);
    await turns();
    const [transfer] = portsOf(bench, STRANGER);
    const before = bench.sentTo(STRANGER);
    assert.ok(before > 0);
    await bench.server.configure({ ...allowed, clients: CLIENTS });
    bench.deliver(transfer?.[0] ?? 0, encodeAck(1), 2070, STRANGER);
    assert.ok(bench.sentTo(STRANGER) > before);
    bench.deliver(69, request(), 2071, STRANGER);
    await turns();
    assert.equal(portsOf(bench, STRANGER).length, 1);
  });

  test('this host itself may ask at any of its addresses', async () => {
    const bench = await Bench.start(FILE);
    await bench.server.configure({ listen: [RACK], listenPort: 69, clients: [] });
    bench.deliver(69, request(), 2070, RACK);
    await turns();
    assert.ok(bench.sentTo(RACK) > 0);
  });
});

describe("a client's text", () => {
  const HOSTILE = '\u001b[2J\u009b31m\u202egpj';
  const CLEAN = '\\x1b[2J\\x9b31m\\u202egpj';

  test('is cleaned in events: the requested file name', async () => {
    const bench = await Bench.start(FILE);
    bench.deliver(69, Buffer.from(`\0\x01${HOSTILE}\0octet\0`, 'utf8'));
    await turns();
    bench.deliver(69, Buffer.from(`\0\x02${'x'.repeat(300)}${HOSTILE}\0octet\0`, 'utf8'), 2071);
    assert.deepEqual(
      bench.events.map((event) => 'file' in event && event.file),
      [CLEAN, `${'x'.repeat(254)}…`],
    );
  });

  test('is cleaned in events: its error message', async () => {
    const bench = await Bench.start(FILE);
    await bench.ask('file');
    bench.error(bench.take()[0]?.from ?? 0, 3, '\u001b[2J\u009b31m');
    assert.deepEqual(bench.kinds(), ['tftp.aborted']);
    assert.match(JSON.stringify(bench.events), /"reason":"\\\\x1b\[2J\\\\x9b31m"/);
  });
});

/** Malformed requests, which are an illegal operation (RFC 1350). */
const BAD_REQUESTS: readonly (readonly [string, string, string])[] = [
  ['an empty name', '\0\x01\0octet\0', 'File name is empty'],
  ['an empty mode', '\0\x01file\0\0', 'Mode is missing'],
  ['no mode', '\0\x01file\0', 'Mode is missing'],
  ['a name without end', '\0\x01file', 'File name has no end'],
  ['nothing', '\0\x01', 'File name has no end'],
  ['an empty name to write', '\0\x02\0octet\0', 'File name is empty'],
  ['more than a request holds', `\0\x01${'a'.repeat(2000)}\0octet\0`, 'Request is too long'],
];

for (const [name, bytes, text] of BAD_REQUESTS) {
  test(`a request with ${name} is answered with error 4 that names the fault`, async () => {
    const bench = await Bench.start(FILE);
    bench.deliver(69, Buffer.from(bytes, 'latin1'));
    assert.deepEqual(
      bench.take().map(({ packet }) => packet),
      [{ kind: 'error', code: TFTP_ERROR.illegalOperation, message: text }],
    );
    assert.deepEqual(bench.kinds(), ['tftp.malformed']);
  });
}

test('a request from port 0, which cannot be answered, starts no transfer', async () => {
  const bench = await Bench.start(FILE);
  await bench.ask('file', {}, 0);
  bench.deliver(69, request({}, ''), 0);
  assert.deepEqual(bench.take(0), []);
  assert.deepEqual(bench.kinds(), ['tftp.malformed', 'tftp.malformed']);
  assert.equal(bench.server.counters().malformed, 2);
});

test('errors about refused requests are limited in rate', async () => {
  const bench = await Bench.start();
  for (let index = 0; index < 1000; index += 1) bench.deliver(69, request({}, ''), 3000, VICTIM);
  assert.ok(bench.take(3000).length <= ERROR_RATE);
  assert.equal(bench.server.counters().malformed, 1000);
});
