// A decoder's result shares no memory with its input: these tests overwrite the input, and the result must still equal
// a second decoding of the same bytes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeMessage, decodeQuery, receiveQuery } from '../../src/dns/message.ts';
import { readName } from '../../src/dns/name.ts';
import { readRdata, TYPE } from '../../src/dns/record.ts';
import { FrameReader, frame } from '../../src/dns/stream.ts';
import { ByteReader } from '../../src/net/byte-reader.ts';
import { queryBytes, record, replyTo } from './fixture.ts';

const name = fc.constantFrom('a', 'www.example.com', 'rack-1.maas', 'x'.repeat(63), '5.0.20.10.in-addr.arpa');
const type = fc.constantFrom<number>(
  TYPE.A,
  TYPE.NS,
  TYPE.SOA,
  TYPE.MX,
  TYPE.TXT,
  TYPE.AAAA,
  TYPE.SRV,
  35,
  46,
  65,
  999,
);
const query = fc
  .tuple(name, type, fc.boolean())
  .map(([text, kind, edns]) => queryBytes(text, kind, edns ? { edns: {} } : {}));

/** Records of each layout, with names compressed as a server would. */
const answers = [
  record('www.example.com', 'A', '192.0.2.80'),
  record('www.example.com', 'AAAA', '2001:db8::80'),
  record('www.example.com', 'TXT', '"a text" "another"'),
  record('example.com', 'NS', 'ns.example.com.'),
  record('example.com', 'MX', '10 mail.example.com.'),
  record('_x._tcp.example.com', 'SRV', '1 2 53 www.example.com.'),
  record('alias.example.com', 'CNAME', 'www.example.com.'),
  { ...record('www.example.com', 'A', '192.0.2.80'), type: 999, rdata: Uint8Array.of(1, 2, 3) },
];
const reply = fc
  .tuple(query, fc.subarray(answers), fc.subarray(answers))
  .map(([asked, first, second]) => replyTo(asked, 0, { answers: first, additional: second }));

/** Also corrupted and cut messages: the kept parts of a refused message must not be borrowed either. */
const bent = (good: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(good, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 2 }), fc.nat(400))
    .map(([bytes, edits, cut]) => {
      const whole = Uint8Array.from(bytes);
      for (const [at, value] of edits) if (at < whole.length) whole[at] = value;
      return cut < whole.length ? whole.subarray(0, cut) : whole;
    });

/** The decoded value as immutable text. */
const written = (value: unknown): string =>
  JSON.stringify(value, (_key, item) => (item instanceof Uint8Array ? Array.from(item) : item));

const DECODERS: readonly [string, fc.Arbitrary<Uint8Array>, (bytes: Uint8Array) => unknown][] = [
  ['receiveQuery', query, receiveQuery],
  ['decodeQuery', query, decodeQuery],
  ['decodeMessage', reply, decodeMessage],
  ['readName', reply, (bytes) => readName(new ByteReader(bytes, 12), 'name')],
  [
    'readRdata of every type',
    reply,
    (bytes) => [1, 2, 6, 12, 15, 16, 28, 33, 35, 999].map((kind) => readRdata(new ByteReader(bytes, 12), kind, 4)),
  ],
  [
    'FrameReader',
    reply,
    (bytes) => {
      const reader = new FrameReader(65_535);
      reader.feed(bytes);
      return [reader.next(), reader.next()];
    },
  ],
];

describe('received bytes are borrowed', () => {
  for (const [decoder, good, decode] of DECODERS) {
    it(`${decoder} copies the bytes that it keeps`, () => {
      fc.assert(
        fc.property(bent(good), fc.boolean(), (bytes, asBuffer) => {
          const input = decoder === 'FrameReader' ? frame(bytes) : bytes;
          // Inside a larger block, as in the receive batch; also as a Buffer, whose slices are views.
          const block = asBuffer ? Buffer.alloc(input.length + 40) : new Uint8Array(input.length + 40);
          const borrowed = block.subarray(20, 20 + input.length);
          borrowed.set(input);
          const first = decode(borrowed);
          const before = written(first);
          block.fill(0xdb);
          assert.equal(written(first), before);
          assert.equal(before, written(decode(Uint8Array.from(input))));
        }),
        { numRuns: 500 },
      );
    });
  }

  it('messages outlive the connection’s chunk they came in, although it is a Buffer, whose slices are views', () => {
    const reader = new FrameReader(65_535);
    const queries = ['a', 'b', 'rack-1.maas'].map((text) => queryBytes(text, 1));
    const chunk = Buffer.concat(queries.map(frame));
    reader.feed(chunk);
    const received = queries.map(() => receiveQuery(reader.next() ?? new Uint8Array(0)));
    chunk.fill(0xdb);
    assert.equal(written(received), written(queries.map((bytes) => receiveQuery(bytes))));
  });
});
