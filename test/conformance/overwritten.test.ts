// Whatever a decoder returns must not lie in the bytes that it was given: the socket's next datagram overwrites them. Each decoder of
// borrowed bytes is given captures, made messages and bent ones; the input is then overwritten, and the result compared with that of
// a second decoding of the same bytes.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { decodeMessage, decodeQuery, encodeUpstreamQuery, receiveQuery } from '../../src/dns/message.ts';
import { TYPE } from '../../src/dns/record.ts';
import { FrameReader, frame } from '../../src/dns/stream.ts';
import { mac } from '../../src/net/address.ts';
import { decodeArp, encodeArpProbe } from '../../src/net/arp.ts';
import { type BorrowedBytes, copyBytes, RECLAIMED_BYTE } from '../../src/net/borrowed-bytes.ts';
import { ByteWriter } from '../../src/net/byte-writer.ts';
import { broadcastFrame, readTappedFrame } from '../../src/net/frame-tap.ts';
import { decodeNetlink } from '../../src/net/netlink.ts';
import { decodeRouterDiscovery, encodeEmptyAdvertisement, linkLocalOf } from '../../src/net/router-discovery.ts';
import { decodeSocketAnswer } from '../../src/net/socket-list.ts';
import { decodePacket } from '../../src/tftp/packet.ts';
import { ip, queryBytes, record, replyTo } from '../dns/fixture.ts';
import { printedRandom } from '../support/printed-random.ts';
import { borrowers, readTypedSource } from '../support/typed-source.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PACKETS = join(ROOT, 'fixtures', 'packets');
const BENT_PER_SAMPLE = 200;

function capturesOf(prefix: string): Uint8Array[] {
  return readdirSync(PACKETS)
    .filter((name) => name.startsWith(prefix) && name.endsWith('.hex'))
    .map((name) => {
      const lines = readFileSync(join(PACKETS, name), 'utf8').split('\n');
      const digits = lines.filter((line) => !line.startsWith('#')).join('');
      return Uint8Array.from(Buffer.from(digits.replaceAll(/\s/g, ''), 'hex'));
    });
}

const MAC = mac(0x525400123456);
const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** A router solicitation (RFC 4861 §4.1): the advertisement's header with another type, which makes its checksum wrong by as much. */
function solicitation(): Uint8Array {
  const bytes = encodeEmptyAdvertisement(linkLocalOf(MAC), linkLocalOf(MAC));
  const checksum = ((bytes[42] ?? 0) << 8) | (bytes[43] ?? 0);
  // Type 133 instead of 134, and no current hop limit, which is 64 in the high byte of the word at 44.
  const corrected = checksum + 0x0100 + 0x4000;
  bytes[40] = 133;
  bytes[44] = 0;
  bytes[42] = ((corrected & 0xffff) + (corrected >>> 16)) >>> 8;
  bytes[43] = (corrected & 0xffff) + (corrected >>> 16);
  return bytes;
}

const UPSTREAM_ANSWERS = [
  replyTo(queryBytes('www.example', TYPE.A), 0x8180, {
    answers: [
      record('www.example', 'CNAME', 'host.example.'),
      record('host.example', 'A', '192.0.2.1'),
      record('host.example', 'TXT', 'a text'),
      record('host.example', 'MX', '10 mail.example.'),
      record('_sip._tcp.example', 'SRV', '1 2 3 host.example.'),
    ],
    authority: [record('example', 'NS', 'ns.example.')],
  }),
  // A NAPTR (RFC 3403), and a type nobody knows.
  rawAnswer(35, [0, 1, 0, 2, 1, 0x75, 3, 0x73, 0x69, 0x70, 0, 1, 0x61, 0]),
  rawAnswer(65_280, [1, 2, 3, 4, 5]),
  rawAnswer(TYPE.AAAA, [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
];

function rawAnswer(type: number, rdata: readonly number[]): Uint8Array {
  const writer = new ByteWriter(200);
  for (const word of [0x1234, 0x8180, 0, 1, 0, 0]) writer.u16(word);
  writer.u8(0);
  writer.u16(type);
  writer.u16(1);
  writer.u32(60);
  writer.u16(rdata.length);
  writer.write(Uint8Array.from(rdata));
  return writer.finish();
}

interface Decoder {
  readonly decode: (bytes: BorrowedBytes) => unknown;
  readonly samples: readonly Uint8Array[];
}

const QUERIES = [
  queryBytes('WwW.Example', TYPE.A, { edns: { payload: 1232 } }),
  queryBytes('a.b.c.example', TYPE.AAAA),
  encodeUpstreamQuery(7, { name: 'x.example', type: TYPE.TXT, dnssecOk: false, checkingDisabled: false, edns: true }),
];

/** Every exported function that takes borrowed bytes, by name. */
const DECODERS: Readonly<Record<string, Decoder>> = {
  decodeDhcpMessage: { decode: decodeDhcpMessage, samples: capturesOf('dhcp-') },
  receiveQuery: { decode: receiveQuery, samples: QUERIES },
  decodeQuery: { decode: decodeQuery, samples: QUERIES },
  decodeMessage: { decode: decodeMessage, samples: [...UPSTREAM_ANSWERS, ...QUERIES] },
  decodePacket: {
    decode: decodePacket,
    samples: [
      latin1('\x00\x01pxelinux.0\0octet\0blksize\x001408\0tsize\x000\0'),
      latin1('\x00\x03\x00\x01some data'),
      latin1('\x00\x04\x00\x01'),
      latin1('\x00\x05\x00\x02Access violation\0'),
      latin1('\x00\x06blksize\x001408\0'),
    ],
  },
  decodeArp: { decode: decodeArp, samples: [encodeArpProbe(MAC, ip('10.20.0.1'))] },
  decodeRouterDiscovery: {
    decode: decodeRouterDiscovery,
    samples: [encodeEmptyAdvertisement(linkLocalOf(MAC), linkLocalOf(MAC)), solicitation()],
  },
  readTappedFrame: {
    decode: (bytes) => readTappedFrame(bytes, 68),
    samples: [broadcastFrame(latin1('a payload'), MAC, 67, 68)],
  },
  decodeNetlink: { decode: decodeNetlink, samples: capturesOf('netlink-') },
  decodeSocketAnswer: { decode: decodeSocketAnswer, samples: capturesOf('netlink-') },
};

const PARTS = 'returns a number, or views for the next step of a decoder that is compared';
const WHOLE = 'keeps what a decoder has made of them: test/dns/overwritten.test.ts overwrites them';

/** What takes borrowed bytes and is not compared, and why. */
const NOT_COMPARED: Readonly<Record<string, string>> = {
  sumWords: PARTS,
  macFromBytes: PARTS,
  splitNetlink: PARTS,
  'ByteReader.constructor': PARTS,
  'ByteWriter.write': 'copies them into memory of its own',
  'Forwarder.receive': WHOLE,
  'DnsService.handle': WHOLE,
  'DnsService.receive': WHOLE,
};

/** A copy in which some bytes are others, a piece is missing, or the end is cut. */
function bend(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const bent = Buffer.from(bytes);
  for (let changes = random(4); changes > 0; changes -= 1) bent[random(bent.length)] = random(256);
  return random(3) === 0 ? copyBytes(bent, 0, random(bent.length)) : copyBytes(bent);
}

describe('what a decoder returns', () => {
  const random = printedRandom('overwritten');
  for (const [name, { decode, samples }] of Object.entries(DECODERS)) {
    it(`outlives the bytes that ${name} was given`, () => {
      assert.ok(samples.length > 0, 'there is a sample');
      for (const sample of samples) {
        for (let count = 0; count <= BENT_PER_SAMPLE; count += 1) {
          const bytes = count === 0 ? copyBytes(sample) : bend(sample, random);
          const lent = copyBytes(bytes);
          const result = decode(lent);
          lent.fill(RECLAIMED_BYTE);
          assert.deepEqual(result, decode(copyBytes(bytes)), `bytes ${Buffer.from(bytes).toString('hex')}`);
        }
      }
    });
  }

  it('outlives the chunks of a DNS connection: each is overwritten when everything in it was read', () => {
    for (const sample of QUERIES) {
      // A whole message, and a second one that may be cut anywhere.
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

  it('is compared for every function of the code that takes borrowed bytes', () => {
    const found = borrowers(readTypedSource())
      .filter(({ place }) => !place.startsWith('src/net/borrowed-bytes.ts:'))
      .map(({ name }) => name);
    assert.ok(found.length > 10, found.join());
    const known = [...Object.keys(DECODERS), ...Object.keys(NOT_COMPARED)];
    assert.deepEqual(
      found.filter((name) => !known.includes(name)),
      [],
      'give it a row in DECODERS, or say in NOT_COMPARED why it needs none',
    );
    assert.deepEqual(
      known.filter((name) => !found.includes(name)),
      [],
      'these are gone',
    );
  });
});
