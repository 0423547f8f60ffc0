// Every function of the source that is handed bytes and says by its name that it understands them, with good messages for each: of borrowed
// bytes (decoder-samples.ts), and of bytes that are its own, such as files, captures and bodies.

import assert from 'node:assert/strict';
import { readCapture } from '../../src/capture/pcap.ts';
import { readRelayInformation } from '../../src/dhcp/wire/relay-agent.ts';
import { readName, unpackName } from '../../src/dns/name.ts';
import { readRdata, TYPE } from '../../src/dns/record.ts';
import { encodeCpio } from '../../src/images/build/cpio.ts';
import { decodeElfNeeds, findElfSection } from '../../src/images/build/elf.ts';
import { decodeModuleInfo } from '../../src/images/build/kernel-module.ts';
import { findPartitionTable, recogniseFormat } from '../../src/images/content/disk-image.ts';
import { decodeTarHeader, encodeTarHeader, readTarBlock } from '../../src/images/content/tar-header.ts';
import { decodeLoaderTar } from '../../src/images/run/loader-archive.ts';
import { decodeText } from '../../src/images/sources/stream-text.ts';
import { ByteReader } from '../../src/net/byte-reader.ts';
import { splitNetlink } from '../../src/net/netlink.ts';
import { parseBody } from '../../src/region/api/call/form-body.ts';
import { decodeSmbios } from '../../src/region/records/smbios.ts';
import { decodeLeases } from '../../src/store/leases/lease-record.ts';
import { LINKS, packet, pcap } from '../capture/frames.ts';
import { makeElf, makeModule, makeProgram } from '../images/synthetic.ts';
import { decodeCpioPaths } from '../support/cpio-paths.ts';
import type { OpenFunction } from '../support/typed-source.ts';
import { BORROWING_DECODERS, capturesOf, latin1 } from './decoder-samples.ts';

/** A sample that is as large as an attacker may make one. */
export const LARGE_BYTES = 256 * 1024;

export interface Tried {
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly samples: readonly Uint8Array[];
}

const DATAGRAM = packet('10.20.0.100', 68, '10.20.0.1', 67, capturesOf('dhcp-')[0] ?? latin1(''));
const ETHERNET = Object.values(LINKS)[0] ?? assert.fail();
const FRAME = Buffer.concat([ETHERNET.head, DATAGRAM]);
const CAPTURES = [
  pcap(ETHERNET.type, [{ seconds: 1, fraction: 2, bytes: FRAME }]),
  pcap(ETHERNET.type, [{ seconds: 1, fraction: 2, bytes: FRAME }], { little: false, nano: true }),
];

const MODULE = makeModule([
  'name=e1000',
  'depends=mii,ptp',
  'softdep=pre: crc32c post: x',
  'alias=pci:*',
  'firmware=f',
]);
const PROGRAM = makeProgram(['libfirst.so.1', 'libc.so.6'], '/lib64/ld-linux-x86-64.so.2');
/** A program that needs one library as often as may be, under a name that goes to the end of a large table. */
const MANY_NAMES = makeElf({
  '.dynamic': Buffer.concat(Array.from({ length: 256 }, () => Buffer.from('01000000000000000000000000000000', 'hex'))),
  '.dynstr': Buffer.concat([Buffer.alloc(LARGE_BYTES, 'x'), Buffer.alloc(1)]),
});

/** DSP0134 §6.1.2: a processor and a memory module with their strings, then the end. */
const SMBIOS = Buffer.concat([
  Buffer.from([4, 48, 0, 0, 1, 3, 0, 2]),
  Buffer.alloc(40, 0x41),
  latin1('CPU1\0Maker\0Fast\0\0'),
  Buffer.from([17, 40, 0, 0]),
  Buffer.alloc(36, 2),
  latin1('DIMM A1\0Maker\0\0'),
  Buffer.from([38, 18, 0, 0, 1, 0x20]),
  Buffer.alloc(12),
  latin1('\0\0'),
  Buffer.from([127, 4, 0, 0, 0, 0]),
]);

const LEASE = Buffer.concat([
  Buffer.from('00000000000a0a140064525400123456', 'hex'),
  Buffer.from('0001a1f0c0de0001a1f0c0ff00', 'hex'),
  Buffer.from('00000258000000001388000000000bb8', 'hex'),
  latin1('\0\x05boot\0\x03n1\0\0\0\0\0\0\0\0'),
]);

const MULTIPART = 'multipart/form-data; boundary=mark';
const PART = 'Content-Disposition: form-data; name="note"\r\nContent-Transfer-Encoding: base64\r\n\r\nZ3LDvG4K\r\n';
const BODIES: readonly (readonly [type: string, body: string])[] = [
  [MULTIPART, `--mark\r\n${PART}--mark\r\n${PART}--mark--\r\n`],
  [MULTIPART, `--mark\ncontent-disposition:${'; '.repeat(2000)}\n\nx\n`.repeat(60)],
  ['application/x-www-form-urlencoded', 'op=new&mac_addresses=52%3A54&a=x+y'],
  ['application/json', '{"op":"new","mac_addresses":["a",{"b":1}],"n":1e400}'],
  ['application/json', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
];
/** The first byte says which type the rest has. */
const parseTypedBody = (bytes: Uint8Array): unknown =>
  parseBody(BODIES[(bytes[0] ?? 0) % BODIES.length]?.[0] ?? '', Buffer.from(bytes.subarray(1)));

const DISKS = [
  latin1('\x28\xb5\x2f\xfd'),
  Buffer.concat([Buffer.alloc(450), latin1('\x83'), Buffer.alloc(59), latin1('\x55\xaa')]),
  latin1('QFI\xfb'),
  latin1('\xfd7zXZ\0'),
];

/** Rows for a reader of src that takes pieces, which test/support calls once. */
export const READERS_IN_ONE_CALL = new Set(['decodeCpioPaths']);

/** By name. */
export const DECODERS: Readonly<Record<string, Tried>> = {
  ...BORROWING_DECODERS,
  decodeTarHeader: {
    decode: decodeTarHeader,
    samples: [encodeTarHeader({ name: 'rackboot-images-1', bytes: 9 * 1024 ** 3 })],
  },
  readTarBlock: {
    decode: (bytes) => {
      const block = readTarBlock(bytes);
      return block.kind === 'header' ? { ...block, text: block.text(0, 512) } : block;
    },
    samples: [encodeTarHeader({ name: 'grubx64.efi', bytes: 3 })],
  },
  decodeLoaderTar: {
    decode: decodeLoaderTar,
    samples: [
      Buffer.concat([encodeTarHeader({ name: 'grubx64.efi', bytes: 3 }), Buffer.alloc(512, 'x'), Buffer.alloc(1024)]),
    ],
  },
  splitNetlink: { decode: splitNetlink, samples: capturesOf('netlink-') },
  readRelayInformation: {
    decode: readRelayInformation,
    samples: [Buffer.from('010465746830020752656d6f7465310504c0a800010b04c0a80002', 'hex')],
  },
  readName: { decode: (bytes) => readName(new ByteReader(bytes), 'name'), samples: [latin1('\x03www\x07example\0')] },
  unpackName: {
    decode: (bytes) => unpackName(new ByteReader(bytes), 'name', new Uint8Array(256)),
    samples: [latin1('\x03www\x07example\0')],
  },
  readRdata: {
    // For each type with a layout, and one without.
    decode: (bytes) => {
      const [type = 0] = bytes;
      const reader = new ByteReader(bytes.subarray(1));
      return [readRdata(reader, type, Math.max(0, bytes.length - 1)), reader.fault];
    },
    samples: [
      latin1(`${String.fromCharCode(TYPE.MX)}\0\x0a\x04mail\0`),
      latin1(`${String.fromCharCode(TYPE.SRV)}\0\x01\0\x02\0\x03\x04host\0`),
      latin1('\x23\0\x01\0\x02\x01u\x03sip\0\x01a\0'),
      latin1(`${String.fromCharCode(TYPE.AAAA)}${'a'.repeat(16)}`),
    ],
  },
  readCapture: { decode: (bytes) => readCapture(bytes)?.datagrams, samples: CAPTURES },
  decodeSmbios: { decode: decodeSmbios, samples: [SMBIOS] },
  decodeLeases: { decode: decodeLeases, samples: [LEASE] },
  decodeText: {
    decode: (bytes) => decodeText(bytes, LARGE_BYTES),
    samples: [Buffer.from('# größer: 17 bytes\n', 'utf8')],
  },
  decodeCpioPaths: {
    decode: decodeCpioPaths,
    samples: [
      encodeCpio([
        { kind: 'file', path: 'bin/init', mode: 0o755, data: latin1('#!/bin/sh\n') },
        { kind: 'link', path: 'bin/sh', target: 'busybox' },
      ]),
    ],
  },
  decodeElfNeeds: { decode: decodeElfNeeds, samples: [PROGRAM, MANY_NAMES] },
  findElfSection: { decode: (bytes) => findElfSection(bytes, '.dynstr'), samples: [PROGRAM] },
  decodeModuleInfo: {
    decode: (bytes) => decodeModuleInfo(bytes, 'e1000.ko'),
    samples: [
      MODULE,
      makeModule([`depends=${'a,'.repeat(LARGE_BYTES / 2)}`]),
      makeModule([`softdep=${'pre: a '.repeat(LARGE_BYTES / 7)}`]),
    ],
  },
  parseBody: {
    decode: parseTypedBody,
    samples: BODIES.map(([, body], index) => latin1(`${String.fromCharCode(index)}${body}`)),
  },
  recogniseFormat: { decode: recogniseFormat, samples: DISKS },
  findPartitionTable: { decode: findPartitionTable, samples: DISKS },
};

const NAMED = /(?:^|\.)(?:decode|read|parse|receive|describe|recognise|find|guess|split|unpack)(?![a-z])/;
const BYTES = /^(?:readonly )?(?:Uint8Array|Buffer|BorrowedBytes|DataView|ByteReader)\b/;
/** A function that is handed bytes and says that it understands them. */
export const isDecoder = ({ name, parameters }: OpenFunction): boolean =>
  NAMED.test(name) && parameters.some((type) => BYTES.test(type));
