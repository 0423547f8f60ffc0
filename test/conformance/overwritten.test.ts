// The result of a decoder must not share memory with its input, which the socket's next datagram overwrites. Each decoder of the
// source gets captures, constructed messages and altered ones; the input is then overwritten, and the result compared with that of a second
// decoding of the same bytes. The bytes of files and bodies have no other owner, so a decoder of those may declare that it returns views.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FrameReader, frame } from '../../src/dns/stream.ts';
import { copyBytes, RECLAIMED_BYTE } from '../../src/net/borrowed-bytes.ts';
import { printedRandom } from '../support/printed-random.ts';
import { borrowers, readProduct } from '../support/typed-source.ts';
import { DECODERS, isDecoder, LARGE_BYTES, READERS_IN_ONE_CALL } from './byte-decoders.ts';
import { BORROWING_DECODERS, QUERIES } from './decoder-samples.ts';

const BENT_PER_SAMPLE = 200;
const BENT_PER_LARGE_SAMPLE = 3;

const PARTS = 'returns a number, or views for the next step of a decoder that is compared';
const VIEWS = 'returns views of bytes that are its own';
const STREAM = 'hands a whole message to decodeMessage, which is compared';
const LABORATORY = 'of the laboratory, whose only server is ours';
const WHOLE = 'keeps what a decoder has made of them: test/dns/overwritten.test.ts overwrites them';

/** The functions that take bytes and are not compared, each with its reason. */
const NOT_COMPARED: Readonly<Record<string, string>> = {
  sumWords: PARTS,
  macFromBytes: PARTS,
  splitNetlink: PARTS,
  'ByteReader.constructor': PARTS,
  'ByteWriter.write': 'copies them into memory of its own',
  'Forwarder.receive': WHOLE,
  'DnsService.handle': WHOLE,
  'DnsService.receive': WHOLE,
  'Forwarder.receiveStream': STREAM,
  'DnsService.receiveStream': STREAM,
  'Responder.receive': 'hands each datagram to decodeDhcpMessage, and keeps what that returns',
  findElfSection: VIEWS,
  unpackLoader: 'expands its bytes into memory of its own',
  readInt: 'returns a number',
  readRest: 'is handed the pieces of a body that it passes on',
  readInitrdPaths: 'expands its bytes and hands them to what decodeCpioPaths tries',
  'DhcpClient.receive': LABORATORY,
  'TftpDownload.receive': LABORATORY,
};

const COMPARED = Object.fromEntries(Object.entries(DECODERS).filter(([name]) => NOT_COMPARED[name] === undefined));

/** A copy in which some bytes are others, a piece is missing, or the end is cut. */
function bend(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const bent = Buffer.from(bytes);
  for (let changes = random(4); changes > 0; changes -= 1) bent[random(bent.length)] = random(256);
  return random(3) === 0 ? copyBytes(bent, 0, random(bent.length)) : copyBytes(bent);
}

describe('the result of a decoder', () => {
  const random = printedRandom('overwritten');
  for (const [name, { decode, samples }] of Object.entries(COMPARED)) {
    it(`outlives the bytes that ${name} was given`, () => {
      assert.ok(samples.length > 0, 'there is a sample');
      for (const sample of samples) {
        const times = sample.length > LARGE_BYTES / 4 ? BENT_PER_LARGE_SAMPLE : BENT_PER_SAMPLE;
        for (let count = 0; count <= times; count += 1) {
          const bytes = count === 0 ? copyBytes(sample) : bend(sample, random);
          const lent = copyBytes(bytes);
          const result = decode(lent);
          lent.fill(RECLAIMED_BYTE);
          assert.deepEqual(result, decode(copyBytes(bytes)), `bytes ${Buffer.from(bytes).toString('hex')}`);
        }
      }
    });
  }

  it('is compared of messages that are understood: a fault holds nothing', () => {
    for (const [name, { decode, samples }] of Object.entries(BORROWING_DECODERS)) {
      for (const sample of samples) {
        const result = decode(sample);
        assert.ok(typeof result === 'object' && result !== null, name);
        assert.ok(!('ok' in result) || result.ok, `${name}: ${JSON.stringify(result)}`);
        assert.ok(!('kind' in result) || result.kind === 'query', `${name}: ${JSON.stringify(result)}`);
      }
    }
  });

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

  it('is compared for every function of the code that takes bytes', () => {
    const source = readProduct();
    const rooms = new Set(source.functions.map(({ place }) => place.split('/')[1]));
    assert.deepEqual(
      readdirSync(join(import.meta.dirname, '..', '..', 'src')).filter(
        // Code for browsers handles no bytes.
        (room) => !rooms.has(room) && !room.includes('.') && room !== 'web',
      ),
      [],
      'each room is looked at',
    );
    const lent = borrowers(source).filter(({ place }) => !place.startsWith('src/net/borrowed-bytes.ts:'));
    const found = new Set([...lent, ...source.functions.filter(isDecoder)].map(({ name }) => name));
    assert.ok(found.size > 30, [...found].join());
    const known = new Set([...Object.keys(COMPARED), ...Object.keys(NOT_COMPARED)]);
    assert.deepEqual(
      [...found.difference(known)],
      [],
      'give it a row in DECODERS, or say in NOT_COMPARED why it needs none',
    );
    assert.deepEqual([...known.difference(found).difference(READERS_IN_ONE_CALL)], [], 'these are gone');
  });
});
