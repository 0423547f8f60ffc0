// The decoders of borrowed bytes, and for each of them good messages: captures, and messages that are made here.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { decodeMessage, decodeQuery, encodeUpstreamQuery, receiveQuery } from '../../src/dns/message.ts';
import { TYPE } from '../../src/dns/record.ts';
import { mac, macToBytes } from '../../src/ground/address.ts';
import { type BorrowedBytes, joinBytes } from '../../src/ground/borrowed-bytes.ts';
import { ByteWriter } from '../../src/net/byte-writer.ts';
import { encodeBroadcastFrame, readTappedFrame } from '../../src/net/datagrams/frame-tap.ts';
import { decodeSocketAnswer } from '../../src/net/linux/socket-list.ts';
import { decodeNetlink } from '../../src/net/netlink.ts';
import { computeInternetChecksum, sumWords } from '../../src/net/raw-frame.ts';
import { decodeArp, encodeArpProbe } from '../../src/net/watch/arp.ts';
import {
  decodeRouterDiscovery,
  encodeEmptyAdvertisement,
  encodeLinkLocal,
} from '../../src/net/watch/router-discovery.ts';
import { decodePacket } from '../../src/tftp/packet.ts';
import { queryBytes, record, replyTo } from '../dns/fixture.ts';
import { ip } from '../support/lab-facts.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PACKETS = join(ROOT, 'fixtures', 'packets');

/** The datagrams of the captures whose names begin so. A line `[name] …` begins another datagram of the same file. */
export function capturesOf(prefix: string): Uint8Array[] {
  const found = readdirSync(PACKETS)
    .filter((name) => name.startsWith(prefix) && name.endsWith('.hex'))
    .flatMap((name) => {
      const lines = readFileSync(join(PACKETS, name), 'utf8').split('\n');
      const text = lines.filter((line) => !line.startsWith('#')).map((line) => (line.startsWith('[') ? '|' : line));
      return text.join('').replaceAll(/\s/g, '').split('|');
    })
    .filter((digits) => digits !== '')
    .map((digits) => Uint8Array.from(Buffer.from(digits, 'hex')));
  if (found.length === 0 || found.some(({ length }) => length < 16)) throw new Error(`no captures ${prefix}`);
  return found;
}

const MAC = mac(0x525400123456);
export const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

const IPV6_HEADER_BYTES = 40;
const ICMPV6 = 58;

/** A router solicitation with its sender's hardware address as an option (RFC 4861 §4.1): as long as an advertisement without options. */
export function routerSolicitation(from = MAC): Uint8Array {
  const bytes = encodeEmptyAdvertisement(encodeLinkLocal(from), encodeLinkLocal(MAC));
  bytes.set([133, 0, 0, 0, 0, 0, 0, 0, 1, 1, ...macToBytes(from)], IPV6_HEADER_BYTES);
  // RFC 8200 §8.1: of the addresses, the length, the protocol and the message.
  const checksum = computeInternetChecksum(
    sumWords(bytes, 8, bytes.length) + bytes.length - IPV6_HEADER_BYTES + ICMPV6,
  );
  new DataView(bytes.buffer).setUint16(IPV6_HEADER_BYTES + 2, checksum);
  return bytes;
}

/** One message of the kernel's answer about sockets (sock_diag(7)). */
function socketMessage(type: number, rest: readonly number[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, type, true);
  bytes.set(rest, 16);
  return bytes;
}

/** A socket of IPv4 with the local port 67, and the end of the list. */
export const SOCKET_ANSWER = [socketMessage(20, [2, 0, 0, 0, 0, 67], 88), socketMessage(3, [], 20)];

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
  // A NAPTR (RFC 3403), and an unknown type.
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

export const QUERIES = [
  queryBytes('WwW.Example', TYPE.A, { edns: { payload: 1232 } }),
  queryBytes('a.b.c.example', TYPE.AAAA),
  encodeUpstreamQuery(7, { name: 'x.example', type: TYPE.TXT, dnssecOk: false, checkingDisabled: false, edns: true }),
];

/** Every exported function that takes borrowed bytes, by name. */
export const BORROWING_DECODERS: Readonly<Record<string, Decoder>> = {
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
    samples: [encodeEmptyAdvertisement(encodeLinkLocal(MAC), encodeLinkLocal(MAC)), routerSolicitation()],
  },
  readTappedFrame: {
    decode: (bytes) => readTappedFrame(bytes, 68),
    samples: [encodeBroadcastFrame(latin1('a payload'), MAC, 67, 68)],
  },
  decodeNetlink: { decode: decodeNetlink, samples: capturesOf('netlink-') },
  decodeSocketAnswer: { decode: decodeSocketAnswer, samples: [...SOCKET_ANSWER, joinBytes(SOCKET_ANSWER)] },
};
