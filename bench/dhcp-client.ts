// Encodes and decodes the DHCP messages of a load's clients, all behind one relay agent. Sources: RFC 2131 §2, §3.1, §4.4.5. Separate from
// the server's codec, so that the codec does not check itself.

import type { Ipv4 } from '../src/ground/address.ts';

/** The most concurrent exchanges. */
export const SLOTS_MAX = 256;
export const TYPE = { discover: 1, offer: 2, request: 3, ack: 5, nak: 6 } as const;
const OPTIONS_AT = 240;
const BYTES = 300;
const MAGIC = 0x63825363;
/** The first two octets of every client's hardware address: locally administered. */
export const MAC_PREFIX = 0x02be;

/** One slot for an exchange. */
export class Slot {
  readonly bytes = Buffer.alloc(BYTES);
  client = 0;
  xid = 0;
  stage: 'idle' | 'discover' | 'request' = 'idle';
  /** When its first and its last datagram were sent. */
  begunAt = 0;
  sentAt = 0;
  address = 0;
}

/** Writes a DISCOVER of the slot's client. */
export function writeDiscover(slot: Slot, relay: Ipv4): void {
  writeHeader(slot, relay, 0);
  slot.bytes.set([53, 1, TYPE.discover, 55, 5, 1, 3, 6, 15, 51, 255], OPTIONS_AT);
}

/** Turns the slot's DISCOVER into the REQUEST for the address that was offered. */
export function writeRequest({ bytes }: Slot, address: number, serverId: number): void {
  bytes.set([53, 1, TYPE.request, 55, 5, 1, 3, 6, 15, 51, 50, 4], OPTIONS_AT);
  bytes.writeUInt32BE(address, OPTIONS_AT + 12);
  bytes.set([54, 4], OPTIONS_AT + 16);
  bytes.writeUInt32BE(serverId, OPTIONS_AT + 18);
  bytes[OPTIONS_AT + 22] = 255;
}

/** Writes a renewal of the slot's address. */
export function writeRenewal(slot: Slot, relay: Ipv4): void {
  writeHeader(slot, relay, slot.address);
  slot.bytes.set([53, 1, TYPE.request, 55, 5, 1, 3, 6, 15, 51, 255], OPTIONS_AT);
}

function writeHeader({ bytes, xid, client }: Slot, relay: Ipv4, ciaddr: number): void {
  bytes.fill(0);
  bytes.set([1, 1, 6, 1]);
  bytes.writeUInt32BE(xid, 4);
  bytes.writeUInt32BE(ciaddr, 12);
  bytes.writeUInt32BE(relay, 24);
  bytes.writeUInt16BE(MAC_PREFIX, 28);
  bytes.writeUInt32BE(client, 30);
  bytes.writeUInt32BE(MAGIC, 236);
}

/** The content of a reply. */
export interface Answer {
  readonly type: number;
  readonly address: number;
  readonly serverId: number | undefined;
}

/** Reads a reply to the slot's client; undefined if it is not one. */
export function readAnswer(message: Buffer, slot: Slot): Answer | undefined {
  if (message.length < OPTIONS_AT || message[0] !== 2 || message.readUInt32BE(236) !== MAGIC) return undefined;
  if (message.readUInt16BE(28) !== MAC_PREFIX || message.readUInt32BE(30) !== slot.client) return undefined;
  let type = 0;
  let serverId: number | undefined;
  for (let at = OPTIONS_AT; at + 1 < message.length && message[at] !== 255; ) {
    const code = message[at] ?? 0;
    if (code === 0) {
      at += 1;
      continue;
    }
    if (code === 53) type = message[at + 2] ?? 0;
    if (code === 54 && at + 6 <= message.length) serverId = message.readUInt32BE(at + 2);
    at += 2 + (message[at + 1] ?? 0);
  }
  return { type, address: message.readUInt32BE(16), serverId };
}

/** The type of a DHCP reply with option 53 first, as every server sends it; undefined for other bytes. */
export function typeOfReply(message: Buffer): number | undefined {
  const isReply = message.length > OPTIONS_AT + 2 && message[0] === 2 && message.readUInt32BE(236) === MAGIC;
  return isReply && message[OPTIONS_AT] === 53 ? message[OPTIONS_AT + 2] : undefined;
}
