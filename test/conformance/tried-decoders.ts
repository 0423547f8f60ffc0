// For any bytes, a decoder returns a value or its own refusal, with time and memory in proportion to the bytes. Each
// gets good messages, the same cut at each byte, with trailing bytes, altered, inflated by repeating a part, and noise.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { serialize } from 'node:v8';
import { printedRandom } from '../support/printed-random.ts';
import { DECODERS, LARGE_BYTES, type Tried } from './byte-decoders.ts';
import { latin1 } from './decoder-samples.ts';

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

/** Checks the demands on one input. */
function tryOne(decode: Tried['decode'], bytes: Buffer): void {
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
}

/** Whether a sample is understood, in any form of the decoder's refusal. */
function isTaken(result: unknown): boolean {
  if (typeof result !== 'object' || result === null) return result !== undefined;
  if ('ok' in result) return result.ok === true;
  if ('fault' in result && result.fault !== undefined) return false;
  return !('kind' in result && (result.kind === 'fault' || result.kind === 'unknown'));
}

/** Hands each decoder its inputs. */
export function tryDecoders(inputs: Inputs): void {
  const random = printedRandom('decoders');
  for (const [name, { decode, samples }] of Object.entries(DECODERS)) {
    it(`${name} gives a value or a refusal, in proportion`, () => {
      assert.ok(samples.length > 0, 'there is a sample');
      assert.ok(
        samples.some((sample) => isTaken(decode(Buffer.from(sample)))),
        'one is taken',
      );
      const peakBefore = process.resourceUsage().maxRSS;
      for (const bytes of inputsOf(samples, random, inputs)) tryOne(decode, bytes);
      const grownMib = (process.resourceUsage().maxRSS - peakBefore) / 1024;
      assert.ok(grownMib <= PEAK_MIB_MAX, `${grownMib} MiB more than before`);
    });
  }
}
