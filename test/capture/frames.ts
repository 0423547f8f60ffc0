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
