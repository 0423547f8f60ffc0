// The TFTP server as a client sees it, on a network in memory.

import assert from 'node:assert/strict';
import { mkdtempSync, openSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { FileSource } from '../../src/files/file-source.ts';
import { ipv4, mac } from '../../src/ground/address.ts';
import { TFTP_ERROR, type TftpPacket } from '../../src/tftp/packet.ts';
import { SILENCE_MS_MAX } from '../../src/tftp/transfer.ts';
import { encodeAck, encodeRequest } from './client-packet.ts';
import { Bench, CLIENT, CLIENTS, RACK, turns } from './server-bench.ts';

const content = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 255));

const directory = mkdtempSync(join(tmpdir(), 'rackboot-tftp-files-'));
after(() => rmSync(directory, { recursive: true }));
let files = 0;

/** An open file with these bytes. */
function fileOf(bytes: Uint8Array): FileSource {
  files += 1;
  const path = join(directory, `file-${files}`);
  writeFileSync(path, bytes);
  // An hour old: the clock of the file system may not tell two changes of the same moment apart.
  utimesSync(path, 1e9, 1e9);
  return { fd: openSync(path, 'r'), path, sizeBytes: bytes.length, modifiedMs: 1e12 };
}

const LOADS: readonly (readonly [string, number, Readonly<Record<string, number>>])[] = [
  ['without options', 1500, {}],
  ['an empty file', 0, {}],
  ['a whole number of blocks', 1024, {}],
  ['with a block size', 100_000, { blksize: 1468 }],
  ['with a window', 1_000_000, { blksize: 1428, windowsize: 16 }],
  ['past the roll-over of the block number', 1_100_000, { blksize: 16, windowsize: 64 }],
];

for (const [name, length, options] of LOADS) {
  for (const onDisk of [false, true]) {
    test(`a file is loaded ${name}, ${onDisk ? 'read as it goes' : 'from memory'}`, async () => {
      const source = onDisk ? { source: fileOf(content(length)) } : {};
      const bench = await Bench.start({ file: { bytes: content(length), ...source } });
      assert.ok((await bench.load('file', options)).equals(content(length)));
      assert.deepEqual(bench.kinds(), ['tftp.sent']);
      assert.equal(bench.openReaders, 0);
      assert.equal(bench.server.counters().active, 0);
      assert.equal(bench.server.counters().bytes, length);
      await bench.server.close(0);
    });
  }
}

// The bounds as literals: raising one fails here.
const [NETASCII_HELD_MAX, FORGEABLE_EVENTS] = [16 * 1024, 2000] as const;

test('the event names machine, file, size, time and terms', async () => {
  const bench = await Bench.start();
  bench.assets['pxelinux.cfg/01-aa'] = {
    kind: 'rendered',
    path: 'pxelinux.cfg/01-aa',
    text: 'DEFAULT x\n',
    mac: mac(0x525400123456),
    purpose: 'install',
    step: { kind: 'chain' },
    isForAnother: false,
  };
  assert.equal((await bench.load('pxelinux.cfg/01-aa', { blksize: 1408 })).toString(), 'DEFAULT x\n');
  const { at, ...event } = bench.events[0] ?? assert.fail();
  assert.equal(at, bench.clock.now());
  assert.deepEqual(event, {
    kind: 'tftp.sent',
    address: CLIENT,
    port: 2070,
    file: 'pxelinux.cfg/01-aa',
    mac: 0x525400123456,
    milliseconds: 0,
    bytes: 10,
    blockBytes: 1408,
    windowBlocks: 1,
    repeatedBlocks: 0,
    purpose: 'install',
  });
});

test('the event about another machine’s configuration has no purpose', async () => {
  const bench = await Bench.start();
  const asset = { kind: 'rendered', path: 'a', text: 'x', mac: mac(0x525400123456), step: { kind: 'chain' } } as const;
  for (const isForAnother of [false, true]) {
    bench.assets.a = { ...asset, purpose: 'local', isForAnother };
    await bench.load('a');
  }
  assert.deepEqual(
    bench.events.map((event) => ('purpose' in event ? event.purpose : undefined)),
    ['local', undefined],
  );
});

test('a file of the tree wins over rendered text and over missing', async () => {
  const bench = await Bench.start({ a: { bytes: content(5) }, b: { bytes: content(6) } });
  const told = { purpose: 'local', step: { kind: 'chain' }, isForAnother: false } as const;
  bench.assets.a = { kind: 'rendered', path: 'a', text: 'rendered', mac: undefined, ...told };
  bench.assets.b = { kind: 'missing', path: 'b', reason: 'machine-unknown', mac: undefined };
  assert.equal((await bench.load('a')).length, 5);
  assert.equal((await bench.load('b')).length, 6);
  assert.ok(bench.events.every((event) => !('purpose' in event)));
});

const TURNED_AWAY: readonly (readonly [string, string, number, string, string])[] = [
  ['a missing file', 'absent', TFTP_ERROR.fileNotFound, 'tftp.missing', 'not-in-tree'],
  ['a configuration of an unknown machine', 'unknown', TFTP_ERROR.fileNotFound, 'tftp.missing', 'machine-unknown'],
  ['a path out of the tree', '../x', TFTP_ERROR.accessViolation, 'tftp.refused', 'path-not-allowed'],
];

for (const [name, file, code, kind, reason] of TURNED_AWAY) {
  test(`${name} is answered at once with error ${code} and reported as ${kind}`, async () => {
    const bench = await Bench.start();
    bench.assets.unknown = { kind: 'missing', path: 'unknown', reason: 'machine-unknown', mac: undefined };
    bench.assets['../x'] = { kind: 'refused', reason: 'path-not-allowed', mac: undefined };
    await bench.ask(file, { tsize: 0 });
    const [answer] = bench.take();
    assert.ok(answer?.packet.kind === 'error');
    assert.equal(answer.packet.code, code);
    assert.deepEqual(bench.kinds(), [kind]);
    assert.equal((bench.events[0] as { reason?: string }).reason, reason);
    assert.equal(bench.server.counters().active, 0);
  });
}

test('write requests and unknown modes are refused with their own errors', async () => {
  const bench = await Bench.start({ a: { bytes: content(5) } });
  bench.deliver(69, encodeRequest({ kind: 'write', file: 'a', mode: 'octet', options: [] }));
  await bench.ask('a', {}, 2070, 'mail');
  const codes = bench.take().map(({ packet }) => (packet.kind === 'error' ? packet.code : -1));
  assert.deepEqual(codes, [TFTP_ERROR.accessViolation, TFTP_ERROR.illegalOperation]);
  assert.deepEqual(bench.kinds(), ['tftp.refused', 'tftp.refused']);
});

for (const [name, options, text] of [
  ['RFC 2348: a block of less than 8 bytes', { blksize: 7 }, 'blksize must be 8 to 65464'],
  ['RFC 2348: a block of more than 65464 bytes', { BlkSize: 65_465 }, 'blksize must be 8 to 65464'],
  ['RFC 2349: a timeout of no second', { blksize: 1024, timeout: 0 }, 'timeout must be 1 to 255'],
  ['RFC 2349: a timeout of more than 255 seconds', { timeout: 256 }, 'timeout must be 1 to 255'],
  ['RFC 7440 §3: a window of no block', { windowsize: 0 }, 'windowsize must be 1 to 65535'],
  ['RFC 7440 §3: a window of more than 65535 blocks', { windowsize: 65_536 }, 'windowsize must be 1 to 65535'],
] as const)
  test(`${name} is answered with error 8, and the next request is served`, async () => {
    const bench = await Bench.start({ file: { bytes: content(10) } });
    await bench.ask('file', options);
    assert.deepEqual(
      bench.take().map(({ packet }) => packet),
      [{ kind: 'error', code: TFTP_ERROR.optionRefused, message: text }],
    );
    assert.equal((bench.events[0] as { reason?: string }).reason, 'option');
    assert.equal(bench.server.counters()['refused-option'], 1);
    assert.equal((await bench.load('file', { blksize: 8, timeout: 255, windowsize: 1 })).length, 10);
  });

test('netascii translates line ends, reports the translated size, and is refused for large files', async () => {
  const bench = await Bench.start({
    text: { bytes: Buffer.from('a\nb\rc') },
    big: { bytes: Buffer.alloc(NETASCII_HELD_MAX + 1) },
  });
  await bench.ask('text', { tsize: 0 }, 2070, 'netascii');
  const [oack] = bench.take();
  assert.deepEqual(oack?.packet, { kind: 'options', options: [{ name: 'tsize', value: '7' }] });
  bench.ack(oack?.from ?? 0, 0);
  const [data] = bench.take();
  assert.ok(data?.packet.kind === 'data');
  assert.equal(Buffer.from(data.packet.bytes).toString(), 'a\r\nb\r\0c');
  await bench.ask('big', {}, 2071, 'netascii');
  assert.equal(bench.take(2071)[0]?.packet.kind, 'error');
  assert.equal(bench.openReaders, 0);
});

test('a size probe is not a failure, and the next request of the port is served', async () => {
  const bench = await Bench.start({ 'bootx64.efi': { bytes: content(3000) } });
  await bench.ask('bootx64.efi', { tsize: 0, blksize: 1468, windowsize: 4 });
  const [oack] = bench.take();
  assert.equal(oack?.packet.kind, 'options');
  bench.error(oack?.from ?? 0, 8, 'User aborted the transfer');
  assert.equal((await bench.load('bootx64.efi', { blksize: 1468, windowsize: 4 })).length, 3000);
  assert.deepEqual(bench.kinds(), ['tftp.probed', 'tftp.sent']);
});

test("a client's error ends the transfer", async () => {
  const bench = await Bench.start({ file: { bytes: content(3000) } });
  await bench.ask('file');
  bench.error(bench.take()[0]?.from ?? 0, 3, 'Disk full');
  assert.deepEqual(bench.kinds(), ['tftp.aborted']);
  assert.equal(bench.server.counters().active, 0);
});

test('a repeated request is answered again from the same port until the client has answered', async () => {
  const bench = await Bench.start({ file: { bytes: content(3000) } });
  await bench.ask('file', { blksize: 1468 });
  const first = bench.take();
  await bench.ask('file', { blksize: 1468 });
  const second = bench.take();
  assert.deepEqual([first.length, second.length], [1, 1]);
  assert.equal(first[0]?.from, second[0]?.from);
  assert.equal(bench.server.counters()['requests-repeated'], 1);
});

test('a request that comes again while the file is being opened opens it once', async () => {
  const bench = await Bench.start({ file: { bytes: content(3000) } });
  const gate = Promise.withResolvers<void>();
  bench.opening = gate.promise;
  await bench.ask('file');
  await bench.ask('file');
  assert.equal(bench.take().length, 0);
  gate.resolve();
  await turns();
  assert.equal(bench.take().length, 1);
  assert.equal(bench.openReaders, 1);
});

test('a new request from the same port starts a transfer on another port, which the client acknowledges', async () => {
  const bench = await Bench.start({ file: { bytes: content(3000) } });
  await bench.ask('file');
  const [first] = bench.take();
  bench.ack(first?.from ?? 0, 1);
  bench.take();
  bench.clock.advance(1000);
  await bench.ask('file');
  const [again] = bench.take().filter(({ from }) => from !== first?.from);
  assert.equal(again?.packet.kind === 'data' && again.packet.block, 1);
  assert.deepEqual(bench.kinds(), []);
  bench.ack(again?.from ?? 0, 1);
  assert.deepEqual(
    bench.take().map(({ packet }) => packet.kind === 'data' && packet.block),
    [2],
  );
  assert.deepEqual(bench.kinds(), ['tftp.restarted']);
  bench.ack(first?.from ?? 0, 2);
  assert.equal(bench.take().length, 0, 'a late ACK of the earlier transfer is ignored');
  assert.equal(bench.openReaders, 1);
  assert.equal(bench.server.counters().active, 1);
});

test('requests forged in the name of a loading client do not disturb its transfer, and the client ends them', async () => {
  const bench = await Bench.start({ file: { bytes: content(3000) }, other: { bytes: content(3000) } });
  await bench.ask('file');
  const [first] = bench.take();
  const own = first?.from ?? 0;
  bench.ack(own, 1);
  bench.take();
  for (let forged = 0; forged < 50; forged += 1) {
    await bench.ask(forged % 2 === 0 ? 'other' : 'file', { tsize: forged });
    for (const { from } of bench.take()) bench.error(from, 5, 'Unknown transfer ID');
    await bench.ask('other', { blksize: 1024 });
    assert.equal(bench.take().length, 1);
    assert.ok(bench.server.counters().active <= 2, 'one of them at a time');
  }
  const blocks: unknown[] = [];
  for (const block of [2, 3, 4, 5]) {
    bench.ack(own, block);
    blocks.push(...bench.take().map(({ packet }) => packet.kind === 'data' && packet.block));
  }
  assert.deepEqual(blocks, [3, 4, 5, 6]);
  bench.ack(own, 6);
  assert.equal(bench.kinds().filter((kind) => kind === 'tftp.sent').length, 1);
  assert.ok(!bench.kinds().includes('tftp.restarted'));
  // The last forged transfer now has the client's port, and times out.
  bench.clock.advance(120_000);
  assert.equal(bench.server.counters().active, 0);
  assert.equal(bench.openReaders, 0);
});

test('a forged request during a transfer does not keep its client from the next file', async () => {
  const bench = await Bench.start({ file: { bytes: content(600) }, other: { bytes: content(600) } });
  await bench.ask('file');
  const [first] = bench.take();
  bench.ack(first?.from ?? 0, 1);
  await bench.ask('other', { tsize: 0 });
  bench.ack(first?.from ?? 0, 2);
  bench.take();
  assert.equal((await bench.load('other')).length, 600);
  assert.ok(bench.kinds().includes('tftp.sent'));
});

test('a copy of the request made by the network does not restart the transfer', async () => {
  const bench = await Bench.start({ file: { bytes: content(3000) } });
  await bench.ask('file');
  bench.ack(bench.take()[0]?.from ?? 0, 1);
  await bench.ask('file');
  const blocks = bench.take().map(({ packet }) => packet.kind === 'data' && packet.block);
  assert.deepEqual(blocks, [2]);
});

test('a client that vanishes is sent the block again, then reported as timed out', async () => {
  const bench = await Bench.start({ file: { bytes: content(3000) } });
  await bench.ask('file');
  bench.take();
  bench.clock.advance(1000);
  assert.equal(bench.take().length, 1);
  bench.clock.advance(120_000);
  assert.deepEqual(bench.kinds(), ['tftp.timed-out']);
  assert.equal(bench.server.counters().active, 0);
  assert.equal(bench.clock.pending, 0);
  assert.equal(bench.openReaders, 0);
});

test('packets to the error port are never answered', async () => {
  const bench = await Bench.start();
  const [errors] = bench.network.listening;
  assert.notEqual(errors?.localPort, 69);
  bench.error(errors?.localPort ?? 0, 5, 'what?');
  for (let index = 0; index < 999; index += 1) bench.ack(errors?.localPort ?? 0, index);
  assert.equal(bench.take().length, 0);
  assert.equal(bench.server.counters().strays, 1000);
});

test('a repeated last ACK is not answered with an error', async () => {
  const bench = await Bench.start({ file: { bytes: content(100) } });
  await bench.ask('file');
  const tid = bench.take()[0]?.from ?? 0;
  bench.ack(tid, 1);
  bench.ack(tid, 1);
  assert.equal(bench.take().length, 0);
});

test('an ACK from another port or to another transfer port is ignored', async () => {
  const bench = await Bench.start({ file: { bytes: content(5000) } });
  await bench.ask('file');
  const tid = bench.take()[0]?.from ?? 0;
  const other = bench.network.listening.find(({ localPort }) => localPort !== tid && localPort !== 69)?.localPort ?? 0;
  bench.deliver(tid, encodeAck(1), 9999);
  bench.deliver(other, encodeAck(1));
  assert.equal(bench.take().filter(({ packet }) => packet.kind === 'data').length, 0);
  bench.ack(tid, 1);
  assert.equal(bench.take().length, 1);
});

for (const [name, change] of [
  ['becomes shorter', (path: string) => truncateSync(path, 1024)],
  [
    'is written in place',
    (path: string) => writeFileSync(path, content(40_000).fill(1, 20_000, 20_001), { flag: 'r+' }),
  ],
] as const)
  test(`a file that ${name} while it is sent never reaches its end: client and operator are told`, async () => {
    const source = fileOf(content(40_000));
    const bench = await Bench.start({ file: { bytes: content(40_000), source } });
    await bench.ask('file');
    const tid = bench.take()[0]?.from ?? 0;
    change(source.path);
    const packets: TftpPacket[] = [];
    for (let block = 1; packets.at(-1)?.kind !== 'error' && block < 100; block += 1) {
      bench.ack(tid, block);
      packets.push(...bench.take().map(({ packet }) => packet));
    }
    assert.equal(packets.at(-1)?.kind, 'error');
    assert.ok(
      packets.every((packet) => packet.kind !== 'data' || packet.block < 79),
      'the last block never leaves',
    );
    assert.deepEqual(bench.kinds(), ['tftp.failed']);
    assert.match(String((bench.events[0] as { reason?: string }).reason), /overwritten/);
    assert.equal(bench.openReaders, 0);
  });

test('while the disk is asked for a file, its client waits, and another one loads', async () => {
  const disk = Promise.withResolvers<void>();
  const bench = await Bench.start({ other: { bytes: content(3000) } });
  bench.files.file = { bytes: content(1000), source: fileOf(content(1000)), reading: disk.promise };
  await bench.ask('file', { blksize: 512 });
  bench.ack(bench.take()[0]?.from ?? 0, 0);
  assert.equal((await bench.load('other', {}, 2071)).length, 3000);
  bench.clock.advance(1000);
  await turns();
  assert.deepEqual(bench.take(), [], 'there is nothing to send again');
  disk.resolve();
  await turns();
  const [first, ...more] = bench.take();
  assert.ok(first?.packet.kind === 'data' && more.length === 0);
  assert.ok(content(1000).subarray(0, 512).equals(first.packet.bytes));
  bench.ack(first.from, 1);
  await turns();
  bench.ack(first.from, 2);
  assert.deepEqual(bench.kinds(), ['tftp.sent', 'tftp.sent']);
  assert.equal(bench.openReaders, 0);
});

for (const [name, end, reason] of [
  ['does not answer', undefined, 'the disk did not answer'],
  ['fails', new Error('EIO: i/o error, read'), 'EIO: i/o error, read'],
] as const)
  test(`a disk that ${name} ends the transfer: client and operator are told`, async () => {
    const disk = Promise.withResolvers<void>();
    const bench = await Bench.start();
    bench.files.file = { bytes: content(1000), source: fileOf(content(1000)), reading: disk.promise };
    await bench.ask('file', { blksize: 512 });
    bench.ack(bench.take()[0]?.from ?? 0, 0);
    if (end !== undefined) disk.reject(end);
    for (let passed = 0; passed < SILENCE_MS_MAX; passed += 500) {
      bench.clock.advance(500);
      await turns(1);
    }
    const packets = bench.take().map(({ packet }) => packet);
    assert.deepEqual(packets, [{ kind: 'error', code: TFTP_ERROR.notDefined, message: 'File cannot be read' }]);
    assert.deepEqual(bench.kinds(), ['tftp.failed']);
    assert.equal((bench.events[0] as { reason?: string }).reason, reason);
    assert.equal(bench.openReaders, 0);
    assert.equal(bench.server.counters().active, 0);
    // An answer that comes late reaches nobody.
    disk.resolve();
    await turns();
    assert.deepEqual(bench.take(), []);
  });

test('an asset that cannot be resolved fails one request, not the server', async () => {
  const bench = await Bench.start({ file: { bytes: content(10) } });
  Object.defineProperty(bench.assets, 'bad', {
    get: () => {
      throw new Error('bug');
    },
  });
  await bench.ask('bad');
  assert.equal(bench.take()[0]?.packet.kind, 'error');
  assert.equal((await bench.load('file')).length, 10);
});

test('no bytes on any port make the server throw or send long answers', async () => {
  const bench = await Bench.start({ file: { bytes: content(100) } });
  const before = bench.server.counters();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(2), fc.nat(0xffff), (bytes, socket, port) => {
      const target = bench.network.listening[socket];
      if (target !== undefined) bench.deliver(target.localPort, bytes, port);
    }),
    { numRuns: 2000 },
  );
  await turns();
  assert.ok(bench.server.counters().malformed > before.malformed);
  assert.ok(bench.events.length < 200);
  assert.equal((await bench.load('file')).length, 100);
});

test('a change of the settings opens and closes only what changed, and transfers continue', async () => {
  const bench = await Bench.start({ file: { bytes: content(1000) } });
  const other = ipv4(0x0a1e0001);
  await bench.ask('file');
  const tid = bench.take()[0]?.from ?? 0;
  const before = bench.network.listening;
  await bench.server.configure({ listen: [RACK, other], listenPort: 69, clients: CLIENTS });
  assert.ok(before.every(({ closed }) => !closed));
  assert.deepEqual(bench.server.listening, [
    { address: RACK, port: 69 },
    { address: other, port: 69 },
  ]);
  await bench.server.configure({ listen: [other], listenPort: 69, clients: CLIENTS });
  assert.deepEqual(bench.server.listening, [{ address: other, port: 69 }]);
  bench.ack(tid, 1);
  assert.equal(bench.take().length, 1, 'the transfer of the address that left continues');
  bench.ack(tid, 2);
  assert.deepEqual(bench.kinds().filter((kind) => kind === 'tftp.sent').length, 1);
  assert.ok(before.every(({ closed }) => closed));
  await bench.server.configure({ listen: [], listenPort: 69, clients: CLIENTS });
  assert.equal(bench.network.listening.length, 0);
});

test('an address that cannot be opened is reported, closes nothing, and is retried by the next call', async () => {
  const bench = await Bench.start();
  const bad = ipv4(0x0a280001);
  const good = ipv4(0x0a290001);
  bench.network.refused.add(bad);
  await assert.rejects(bench.server.configure({ listen: [bad, good], listenPort: 69, clients: CLIENTS }), /refused/);
  assert.deepEqual(
    bench.server.listening.map(({ address }) => address),
    [RACK, good],
  );
  bench.network.refused.clear();
  await bench.server.configure({ listen: [bad, good], listenPort: 69, clients: CLIENTS });
  assert.deepEqual(
    bench.server.listening.map(({ address }) => address),
    [good, bad],
  );
});

test('closing waits for transfers for its grace time, then sends the clients an error', async () => {
  const bench = await Bench.start({ file: { bytes: content(1000) } });
  await bench.ask('file', {}, 2070);
  await bench.ask('file', {}, 2071);
  const tid = bench.take(2070)[0]?.from ?? 0;
  const closing = bench.server.close(5000);
  await turns();
  bench.ack(tid, 1, 2070);
  bench.ack(tid, 2, 2070);
  assert.deepEqual(bench.kinds(), ['tftp.sent']);
  bench.clock.advance(5000);
  await closing;
  assert.equal(bench.take(2071).at(-1)?.packet.kind, 'error');
  assert.equal(bench.network.listening.length, 0);
  assert.equal(bench.clock.pending, 0);
  assert.equal(bench.openReaders, 0);
});

test('closing completes as soon as the last transfer ends', async () => {
  const bench = await Bench.start({ file: { bytes: content(100) } });
  await bench.ask('file');
  const tid = bench.take()[0]?.from ?? 0;
  const closing = bench.server.close(60_000);
  await turns();
  bench.ack(tid, 1);
  await closing;
  assert.equal(bench.clock.pending, 0);
});

test('of requests for missing files at once, the first 2000 are reported one by one, and the rest sampled', async () => {
  const bench = await Bench.start();
  for (let index = 0; index < 3000; index += 1) {
    await bench.ask('absent', {}, 1024 + index);
  }
  assert.equal(bench.server.counters().missing, 3000);
  assert.ok(bench.events.length <= FORGEABLE_EVENTS + 1, `${bench.events.length} events`);
});
