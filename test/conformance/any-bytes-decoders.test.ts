// For any bytes, a decoder returns a value or its own refusal, with time and memory in proportion to the bytes. Each gets good messages, the
// same cut at each byte, with trailing bytes, altered, inflated by repeating a part, and noise. The result of a decoder of datagrams does not share
// memory with them, which the socket's next datagram overwrites. Every decoder of the product is tried.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { serialize } from 'node:v8';
import { FrameReader, frame } from '../../src/dns/stream.ts';
import { copyBytes, RECLAIMED_BYTE } from '../../src/ground/borrowed-bytes.ts';
import { printedRandom } from '../support/printed-random.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { borrowers, readProduct } from '../support/typed-source.ts';
import { DECODERS, isDecoder, LARGE_BYTES, READERS_IN_ONE_CALL, type Tried } from './byte-decoders.ts';
import { latin1, QUERIES } from './decoder-samples.ts';

/** How many inputs a decoder gets of each kind. */
interface Inputs {
  readonly bentPerSample: number;
  readonly large: number;
  readonly noise: number;
  readonly cutsMax: number;
}

/** Processor time for one input: what any may take, and what each byte adds. */
const ONE_MS_MAX = 250;
const BYTE_US_MAX = 4;
/** The largest result in bytes: for any input, and for each byte of it. */
const RESULT_BYTES_MAX = 64 * 1024;
const RESULT_FACTOR_MAX = 64;
/** By how much all inputs of a decoder may raise the most memory that this process ever had. */
const PEAK_MIB_MAX = 256;

type Random = (below: number) => number;

/** Numbers at which lengths and counts go wrong. */
const EDGES = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xfe, 0xff];

function bend(sample: Uint8Array, random: Random): Buffer {
  const bent = Buffer.from(sample);
  for (let changes = 1 + random(4); changes > 0 && bent.length > 0; changes -= 1) {
    const at = random(bent.length);
    const width = Math.min(1 << random(4), bent.length - at);
    if (random(2) === 0) bent.fill(EDGES[random(EDGES.length)] ?? 0, at, at + width);
    else bent[at] = random(256);
  }
  return random(3) === 0 ? bent.subarray(0, random(bent.length + 1)) : bent;
}

/** The sample with one part repeated until it is large. */
function blowUp(sample: Uint8Array, random: Random): Buffer {
  const bytes = Buffer.from(sample);
  const from = random(bytes.length);
  const part = bytes.subarray(from, from + 1 + random(Math.min(64, bytes.length - from)));
  const repeated = Buffer.alloc(LARGE_BYTES, part);
  return Buffer.concat([bytes.subarray(0, from), repeated, bytes.subarray(from + part.length)]);
}

function* inputsOf(
  samples: readonly Uint8Array[],
  random: Random,
  { bentPerSample, large, noise, cutsMax }: Inputs,
): Generator<Buffer> {
  yield Buffer.alloc(0);
  for (const sample of samples) {
    const bytes = Buffer.from(sample);
    yield bytes;
    yield Buffer.concat([bytes, Buffer.from([random(256)])]);
    yield Buffer.concat([bytes, bytes]);
    const step = Math.ceil(bytes.length / cutsMax);
    for (let length = 0; length < bytes.length; length += step) yield bytes.subarray(0, length);
    const isLarge = bytes.length > LARGE_BYTES / 4;
    for (let count = isLarge ? large : bentPerSample; count > 0; count -= 1) yield bend(sample, random);
  }
  for (let count = 0; count < large; count += 1) {
    yield blowUp(samples[random(samples.length)] ?? latin1('?'), random);
  }
  for (const byte of EDGES) yield Buffer.alloc(LARGE_BYTES, byte);
  for (let count = 0; count < noise; count += 1) {
    yield Buffer.from(Array.from({ length: random(300) }, () => random(256)));
  }
}

/** Checks the demands on one input. @param isCompared the next datagram of a socket overwrites its bytes */
function tryOne(decode: Tried['decode'], bytes: Buffer, isCompared: boolean): void {
  const shown = `${bytes.length} bytes ${bytes.toString('hex', 0, 400)}`;
  const kept = Buffer.from(bytes);
  const before = process.cpuUsage();
  let result: unknown;
  try {
    result = decode(bytes);
  } catch (error) {
    assert.fail(`${shown}: ${error instanceof Error ? error.stack : error}`);
  }
  const { user, system } = process.cpuUsage(before);
  const takenMs = (user + system) / 1000;
  assert.ok(takenMs <= ONE_MS_MAX + (bytes.length * BYTE_US_MAX) / 1000, `${shown}: took ${takenMs} ms`);
  const made = serialize(result).length;
  assert.ok(made <= RESULT_BYTES_MAX + bytes.length * RESULT_FACTOR_MAX, `${shown}: made ${made} bytes`);
  assert.ok(bytes.equals(kept), `${shown}: the bytes were written to`);
  if (!isCompared) return;
  bytes.fill(RECLAIMED_BYTE);
  assert.deepEqual(result, decode(kept), `${shown}: the result shares memory with the bytes`);
}

/** Whether a sample is understood, in any form of the decoder's refusal. */
function isTaken(result: unknown): boolean {
  if (typeof result !== 'object' || result === null) return result !== undefined;
  if ('ok' in result) return result.ok === true;
  if ('fault' in result && result.fault !== undefined) return false;
  return !('kind' in result && (result.kind === 'fault' || result.kind === 'unknown'));
}

/** The functions that take bytes and are not tried, each with its reason. */
const NOT_TRIED: Readonly<Record<string, string>> = {
  sumWords: 'returns a number',
  recogniseCompression: 'returns a name',
  ackedBlock: 'returns a number',
  findZeroByte: 'returns a number',
  readRecordAddress: 'returns a number',
  findRecordEnd: 'returns a number',
  macFromBytes: 'returns a number',
  readInt: 'returns a number, of what the kernel wrote into a buffer of ours that has the length',
  'ByteReader.constructor': 'is a part of every decoder',
  'ByteWriter.write': 'copies them into memory of its own',
  'Forwarder.receive': 'hands them to decodeMessage; test/dns/overwritten.test.ts overwrites them',
  'DnsService.handle': 'the same',
  'DnsService.receive': 'the same',
  'Forwarder.receiveStream': 'hands a whole message to decodeMessage',
  'DnsService.receiveStream': 'the same',
  'Responder.receive': 'hands each datagram to decodeDhcpMessage, and keeps what that returns',
  unpackLoader: 'expands its bytes and hands them to decodeLoaderTar',
  readRest: 'is handed the pieces of a body that it passes on, and looks at none',
  readInitrdPaths: 'expands its bytes and hands them to what decodeCpioPaths tries',
  'DhcpClient.receive': 'of the laboratory, whose only server is ours',
  'TftpDownload.receive': 'of the laboratory, whose only server is ours',
};
/** Their results may be views: for the next step of a decoder, or of bytes that have no other owner. */
const GIVES_VIEWS = new Set(['splitNetlink', 'findElfSection']);

const INPUTS: Inputs = HAS_MANY_ROUNDS
  ? { bentPerSample: 200, large: 12, noise: 100, cutsMax: 600 }
  : { bentPerSample: 40, large: 2, noise: 15, cutsMax: 80 };

describe('for any bytes', () => {
  const random = printedRandom('decoders');
  for (const [name, { decode, samples }] of Object.entries(DECODERS)) {
    it(`${name} gives a value of its own or a refusal, in proportion`, () => {
      assert.ok(
        samples.some((sample) => isTaken(decode(Buffer.from(sample)))),
        'a sample is taken',
      );
      const peakBefore = process.resourceUsage().maxRSS;
      for (const bytes of inputsOf(samples, random, INPUTS)) tryOne(decode, Buffer.from(bytes), !GIVES_VIEWS.has(name));
      const grownMib = (process.resourceUsage().maxRSS - peakBefore) / 1024;
      assert.ok(grownMib <= PEAK_MIB_MAX, `${grownMib} MiB more than before`);
    });
  }

  it('outlives the chunks of a DNS connection: each is overwritten when everything in it was read', () => {
    for (const sample of QUERIES) {
      // A whole message, and a second that may be cut anywhere.
      const framed = Buffer.concat([frame(sample), frame(sample)]);
      for (let cut = 1; cut <= framed.length; cut += 1) {
        const frames = new FrameReader(65_535);
        const messages: Uint8Array[] = [];
        for (const chunk of [copyBytes(framed, 0, cut), copyBytes(framed, cut)].map((part) => Buffer.from(part))) {
          frames.feed(chunk);
          for (let message = frames.next(); message !== undefined; message = frames.next()) messages.push(message);
          chunk.fill(RECLAIMED_BYTE);
        }
        assert.deepEqual(
          messages.map((message) => copyBytes(message)),
          [copyBytes(sample), copyBytes(sample)],
          `cut after ${cut} octets`,
        );
      }
    }
  });

  it('every function that is handed bytes and says that it understands them is tried', () => {
    const source = readProduct();
    const rooms = new Set(source.functions.map(({ place }) => place.split('/')[1]));
    assert.deepEqual(
      readdirSync(join(import.meta.dirname, '..', '..', 'src')).filter(
        // Code for browsers handles no bytes, and the files of threads export nothing.
        (room) => !rooms.has(room) && !room.includes('.') && room !== 'web' && room !== 'threads',
      ),
      [],
      'each room is looked at',
    );
    const lent = borrowers(source).filter(({ place }) => !place.startsWith('src/ground/borrowed-bytes.ts:'));
    const found = new Set([...lent, ...source.functions.filter(isDecoder)].map(({ name }) => name));
    assert.ok(found.size > 30, [...found].join());
    const known = new Set([...Object.keys(DECODERS), ...Object.keys(NOT_TRIED)]);
    assert.deepEqual(
      [...found.difference(known)],
      [],
      'give it a row in DECODERS, or say in NOT_TRIED why it needs none',
    );
    assert.deepEqual([...known.difference(found).difference(READERS_IN_ONE_CALL)], [], 'these are gone');
  });
});
