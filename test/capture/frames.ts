// Packets and capture files for tests, built from the formats' specifications.

import { ip } from '../support/lab-facts.ts';

/** An IPv4 packet with a UDP datagram. */
export function packet(from: string, fromPort: number, to: string, toPort: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(28 + payload.length);
  bytes.writeUInt8(0x45, 0);
  bytes.writeUInt16BE(bytes.length, 2);
  bytes.writeUInt8(64, 8);
  bytes.writeUInt8(17, 9);
  bytes.writeUInt32BE(ip(from), 12);
  bytes.writeUInt32BE(ip(to), 16);
  bytes.writeUInt16BE(fromPort, 20);
  bytes.writeUInt16BE(toPort, 22);
  bytes.writeUInt16BE(8 + payload.length, 24);
  bytes.set(payload, 28);
  return bytes;
}

/** The headers before an IPv4 packet, by LINKTYPE. */
export const LINKS: Readonly<Record<string, { readonly type: number; readonly head: Buffer }>> = {
  ethernet: { type: 1, head: Buffer.from(`${'ff'.repeat(6)}${'02'.repeat(6)}0800`, 'hex') },
  'VLAN 7': { type: 1, head: Buffer.from(`${'ff'.repeat(6)}${'02'.repeat(6)}810020070800`, 'hex') },
  'VLAN 7 in 100': { type: 1, head: Buffer.from(`${'ff'.repeat(6)}${'02'.repeat(6)}88a80064810000070800`, 'hex') },
  'Linux cooked': { type: 113, head: Buffer.from(`000000010006${'02'.repeat(6)}00000800`, 'hex') },
  'Linux cooked, version 2': { type: 276, head: Buffer.from(`080000000000000200010006${'02'.repeat(6)}0000`, 'hex') },
  'raw IP': { type: 101, head: Buffer.alloc(0) },
  IPv4: { type: 228, head: Buffer.alloc(0) },
  'BSD loopback': { type: 0, head: Buffer.from('02000000', 'hex') },
};

export interface Stored {
  readonly seconds: number;
  /** In the file's time unit. */
  readonly fraction: number;
  readonly bytes: Uint8Array;
  readonly originalBytes?: number;
}

/** A pcap file. */
export function pcap(
  linkType: number,
  packets: readonly Stored[],
  options: { little?: boolean; nano?: boolean } = {},
): Buffer {
  const { little = true, nano = false } = options;
  const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    if (little) bytes.writeUInt32LE(value);
    else bytes.writeUInt32BE(value);
    return bytes;
  };
  const version = little ? Buffer.from('02000400', 'hex') : Buffer.from('00020004', 'hex');
  const parts = [u32(nano ? 0xa1b23c4d : 0xa1b2c3d4), version, u32(0), u32(0), u32(262_144), u32(linkType)];
  for (const { seconds, fraction, bytes, originalBytes } of packets) {
    parts.push(u32(seconds), u32(fraction), u32(bytes.length), u32(originalBytes ?? bytes.length), Buffer.from(bytes));
  }
  return Buffer.concat(parts);
}

/** A pcapng file with one section: an interface, a statistics block, then the packets. */
export function pcapng(
  linkType: number,
  packets: readonly { readonly ticks: bigint; readonly bytes: Uint8Array }[],
  options: {
    readonly little?: boolean;
    readonly name?: string;
    readonly resolution?: number;
    readonly offset?: bigint;
  } = {},
): Buffer {
  const { little = true, name = 'eth1', resolution, offset } = options;
  const number = (bytes: 2 | 4, value: number): Buffer => {
    const out = Buffer.alloc(bytes);
    if (little) out.writeUIntLE(value, 0, bytes);
    else out.writeUIntBE(value, 0, bytes);
    return out;
  };
  const u16 = (value: number): Buffer => number(2, value);
  const u32 = (value: number): Buffer => number(4, value);
  const padded = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  const option = (code: number, value: Uint8Array): Buffer =>
    Buffer.concat([u16(code), u16(value.length), padded(value)]);
  const block = (type: number, body: Buffer): Buffer => {
    const length = u32(body.length + 12);
    return Buffer.concat([u32(type), length, body, length]);
  };
  const options_ = [option(2, Buffer.from(name))];
  if (resolution !== undefined) options_.push(option(9, Buffer.from([resolution])));
  if (offset !== undefined) {
    const bytes = Buffer.alloc(8);
    if (little) bytes.writeBigInt64LE(offset);
    else bytes.writeBigInt64BE(offset);
    options_.push(option(14, bytes));
  }
  return Buffer.concat([
    block(0x0a0d0d0a, Buffer.concat([u32(0x1a2b3c4d), u16(1), u16(0), Buffer.alloc(8, 0xff)])),
    block(1, Buffer.concat([u16(linkType), u16(0), u32(0), ...options_, option(0, Buffer.alloc(0))])),
    block(5, Buffer.alloc(12)),
    ...packets.map(({ ticks, bytes }) =>
      block(
        6,
        Buffer.concat([
          u32(0),
          u32(Number(ticks >> 32n)),
          u32(Number(ticks & 0xffffffffn)),
          u32(bytes.length),
          u32(bytes.length),
          padded(bytes),
        ]),
      ),
    ),
  ]);
}
